# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account in which keys have to be: what is no account, what is another one, and who is asked."""

from __future__ import annotations

from typing import Any
from typing import Callable

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service import account
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ACCOUNT
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ARN
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import KEY_ID
from botocore.exceptions import ClientError
from botocore.exceptions import EndpointConnectionError

OTHER = "999999999999"
ALIAS_ARN = f"{ARN.split(':key/', maxsplit=1)[0]}:alias/payments"


def error_of(act: Callable[[], Any]) -> AnsibleKMSError | None:
    try:
        act()
    except AnsibleKMSError as error:
        return error
    return None


@pytest.mark.parametrize("expected", ["", "11112222333", "1111222233334", "11112222333x", "1111 2222 3333", "٣" * 12])
def test_what_is_no_account(expected: str) -> None:
    error = error_of(lambda: account.check_account(expected))

    assert error is not None and error.code == "InvalidInput" and "12 digits" in error.sentence


@pytest.mark.parametrize("expected", [None, "012345678901"])
def test_what_is_an_account_or_none(expected: str | None) -> None:
    assert account.check_account(expected) == expected


@pytest.mark.parametrize(
    ("key_id", "expected", "refused"),
    [
        (ARN, ACCOUNT, False),
        (ARN, None, False),
        (ARN, OTHER, True),
        (ALIAS_ARN, OTHER, True),
        (ALIAS_ARN, ACCOUNT, False),
        (KEY_ID, OTHER, False),
        ("alias/payments", OTHER, False),
    ],
)
def test_an_arn_tells_its_account_by_itself(key_id: str, expected: str | None, refused: bool) -> None:
    error = error_of(lambda: account.check_identifier(key_id, expected))

    assert (error is not None) is refused
    assert error is None or (error.code == "WrongAccount" and f"names the account {ACCOUNT}" in error.sentence)


@pytest.mark.parametrize(("expected", "refused"), [(None, False), (ACCOUNT, False), (OTHER, True)])
def test_a_key_of_another_account_is_refused(expected: str | None, refused: bool) -> None:
    error = error_of(lambda: account.require_account("alias/payments", ARN, expected))

    assert (error is not None) is refused
    said = f"the key alias/payments is {ARN}, of the account {ACCOUNT}, and expected_account is {OTHER}"
    assert error is None or (error.code == "WrongAccount" and said in error.sentence)


@pytest.mark.parametrize(
    ("arns", "expected", "caller", "asked", "refused"),
    [
        ([], None, OTHER, 0, False),
        ([ARN], ACCOUNT, OTHER, 0, False),
        ([ARN], OTHER, OTHER, 0, True),
        ([], ACCOUNT, ACCOUNT, 1, False),
        ([], ACCOUNT, OTHER, 1, True),
    ],
)
def test_sts_is_asked_only_where_no_key_shows_the_account(
    arns: list[str], expected: str | None, caller: str, asked: int, refused: bool
) -> None:
    calls: list[str] = []

    def identify() -> str:
        calls.append("GetCallerIdentity")
        return caller

    error = error_of(lambda: account.require_caller(arns, expected, identify))

    assert (error is not None, len(calls)) == (refused, asked)
    assert error is None or error.code == "WrongAccount"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetCallerIdentity"), "AccessDenied"),
        (EndpointConnectionError(endpoint_url="https://vpce.example"), "ConnectionFailure"),
    ],
)
def test_an_account_that_nobody_tells_is_no_right_one(failure: Exception, code: str) -> None:
    def identify() -> str:
        raise failure

    error = error_of(lambda: account.require_caller([], ACCOUNT, identify))

    assert error is not None and error.code == code
    assert f"(GetCallerIdentity: {code}); nothing was done" in error.sentence
