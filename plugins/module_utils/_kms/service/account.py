# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account in which the keys have to be, where the caller names it (expected_account): one way to notice that the
credentials, the profile or the name are those of another environment.
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
        raise invalid(f"expected_account is {expected}; an account ID has 12 digits, and has to be quoted in YAML")
    return expected


def check_identifier(key_id: str, expected: str | None) -> None:
    """Raises AnsibleKMSError for a key whose ARN alone says that it is in another account."""
    named = arn_account(key_id)
    if expected and named and named != expected:
        raise _wrong(f"the ARN {key_id} names the account {named}", expected)


def require_account(key_id: str, arn: str, expected: str | None) -> None:
    """Raises AnsibleKMSError for a key of another account. arn: what KMS says of the key."""
    account = arn.split(":")[4]
    if expected and account != expected:
        raise _wrong(f"the key {key_id} is {arn}, of the account {account}", expected)


def require_caller(arns: Iterable[str], expected: str | None, identify: Identify) -> None:
    """Where there is no key yet: raises AnsibleKMSError when the credentials are those of another account.

    arns: keys or aliases that the account is known to have; only without any is STS asked.
    """
    if expected is None:
        return
    known = next(iter(arns), None)
    account = known.split(":")[4] if known else _caller(identify)
    if account != expected:
        raise _wrong(f"the credentials are those of the account {account}", expected)


def _caller(identify: Identify) -> str:
    guarded = KMSErrorHandler.common_error_handler("call GetCallerIdentity")(identify)
    try:
        return str(guarded())
    except AnsibleKMSError as error:
        raise AnsibleKMSError(
            f"expected_account is given, and STS did not tell the account of the credentials (GetCallerIdentity: "
            f"{error.code}); nothing was done; leave expected_account out, or let the task reach STS",
            exception=error.exception,
        ) from None


def _wrong(found: str, expected: str) -> AnsibleKMSError:
    message = f"{found}, and expected_account is {expected}; nothing is done there; check the credentials and the name"
    return AnsibleKMSError(message, code=WRONG_ACCOUNT)
