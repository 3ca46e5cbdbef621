# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option expected_account: the account in which the keys must be.

It detects credentials, a profile or a key name of another environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from typing import Callable

from ..key.identifiers import arn_account
from .connection import KMSErrorHandler
from .errors import WRONG_ACCOUNT
from .errors import AnsibleKMSError
from .errors import invalid

# Asks STS for the account of the credentials (GetCallerIdentity); raises botocore's exceptions.
Identify = Callable[[], Any]

_ACCOUNT_RE = re.compile(r"[0-9]{12}")


def check_account(expected: str | None) -> str | None:
    """The value of the option. Raises AnsibleKMSError when it is no account ID."""
    if expected is not None and not _ACCOUNT_RE.fullmatch(expected):
        raise invalid(f"expected_account is {expected}; an account ID has 12 digits and must be quoted in YAML")
    return expected


def check_identifier(key_id: str, expected: str | None) -> None:
    """Raises AnsibleKMSError for a key whose ARN names another account."""
    named = arn_account(key_id)
    if expected and named and named != expected:
        raise _wrong(f"the ARN {key_id} names the account {named}", expected)


def require_account(key_id: str, arn: str, expected: str | None) -> None:
    """Raises AnsibleKMSError for a key of another account. arn: the ARN that KMS returned."""
    account = arn.split(":")[4]
    if expected and account != expected:
        raise _wrong(f"the key {key_id} is {arn}, of the account {account}", expected)


def require_caller(arns: Iterable[str], expected: str | None, identify: Identify) -> None:
    """Raises AnsibleKMSError when the credentials belong to another account. Used before a key exists.

    arns: keys or aliases of the account, if any are known; without any, this calls STS.
    """
    if expected is None:
        return
    known = next(iter(arns), None)
    account = known.split(":")[4] if known else _caller(identify)
    if account != expected:
        raise _wrong(f"the credentials belong to the account {account}", expected)


def _caller(identify: Identify) -> str:
    guarded = KMSErrorHandler.common_error_handler("call GetCallerIdentity")(identify)
    try:
        return str(guarded())
    except AnsibleKMSError as error:
        raise AnsibleKMSError(
            f"expected_account is set, but STS did not return the account of the credentials (GetCallerIdentity: "
            f"{error.code}); nothing was done; remove expected_account, or give the task access to STS",
            exception=error.exception,
        ) from None


def _wrong(found: str, expected: str) -> AnsibleKMSError:
    message = f"{found}, and expected_account is {expected}; nothing was done; check the credentials and the name"
    return AnsibleKMSError(message, code=WRONG_ACCOUNT)
