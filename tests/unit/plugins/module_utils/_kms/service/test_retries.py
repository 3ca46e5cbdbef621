# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real botocore exceptions, counted calls, and no second of real waiting."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service import connection
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import CONNECTION
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import client_error
from botocore.exceptions import ConnectionClosedError
from botocore.exceptions import ConnectTimeoutError
from botocore.exceptions import EndpointConnectionError
from botocore.exceptions import HTTPClientError
from botocore.exceptions import NoCredentialsError
from botocore.exceptions import ParamValidationError
from botocore.exceptions import ReadTimeoutError

URL = "https://kms.eu-central-1.amazonaws.com"
# What is repeated, and whether it may have been carried out all the same.
TRANSIENT = [
    (client_error("ThrottlingException"), False),
    (client_error("KMSInternalException", status=500), True),
    (client_error("DependencyTimeoutException", status=500), True),
    (client_error("KeyUnavailableException", status=500), True),
    (client_error("InternalFailure", status=503), True),
    (client_error("Unknown", status=502), True),
    (EndpointConnectionError(endpoint_url=URL), True),
    (ConnectTimeoutError(endpoint_url=URL), True),
    (ReadTimeoutError(endpoint_url=URL), True),
    (ConnectionClosedError(endpoint_url=URL), True),
    (HTTPClientError(error="reset"), True),
]
FINAL = [
    client_error(code)
    for code in (
        "AccessDeniedException",
        "DisabledException",
        "ExpiredImportTokenException",
        "IncorrectKeyMaterialException",
        "InvalidArnException",
        "InvalidCiphertextException",
        "InvalidImportTokenException",
        "KMSInvalidStateException",
        "LimitExceededException",
        "NotFoundException",
        "UnsupportedOperationException",
        "ValidationException",
    )
] + [NoCredentialsError(), ParamValidationError(report="x"), ValueError("x")]


def name(value):
    if not isinstance(value, Exception):
        return None
    response = getattr(value, "response", None) or {}
    return response.get("Error", {}).get("Code") or type(value).__name__


@pytest.fixture(name="slept")
def fixture_slept(monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


class Flaky:
    """Fails with these exceptions in turn, then answers."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.calls = []

    def __call__(self, *arguments, **options):
        self.calls.append((arguments, options))
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.mark.parametrize("failures", [1, 3, 7])
@pytest.mark.parametrize("error", [row[0] for row in TRANSIENT], ids=name)
def test_transient_failures_are_repeated(slept, error, failures):
    flaky = Flaky(*[error] * failures)
    assert connection.kms_retry(flaky)("DescribeKey", KeyId="x") == "answer"
    assert flaky.calls == [(("DescribeKey",), {"KeyId": "x"})] * (failures + 1)
    assert len(slept) == failures


@pytest.mark.parametrize("error", [row[0] for row in TRANSIENT], ids=name)
def test_there_is_an_end_to_it(slept, error):
    flaky = Flaky(*[error] * 100)
    with pytest.raises(type(error)) as caught:
        connection.kms_retry(flaky)()
    assert caught.value is error
    assert len(flaky.calls) == connection.ATTEMPTS == 8
    assert len(slept) == 7


@pytest.mark.parametrize("error", FINAL, ids=name)
def test_final_failures_are_not_repeated(slept, error):
    flaky = Flaky(error)
    with pytest.raises(type(error)) as caught:
        connection.kms_retry(flaky)()
    assert caught.value is error
    assert len(flaky.calls) == 1
    assert slept == []


def test_a_final_failure_ends_the_repetitions(slept):
    flaky = Flaky(client_error("ThrottlingException"), client_error("NotFoundException"))
    with pytest.raises(type(FINAL[0])):
        connection.kms_retry(flaky)()
    assert len(flaky.calls) == 2
    assert len(slept) == 1


def test_further_codes_are_repeated_only_where_they_are_named(slept):
    flaky = Flaky(client_error("NotFoundException"), client_error("NotFoundException"))
    assert connection.kms_retry(flaky, ("NotFoundException",))() == "answer"
    assert len(flaky.calls) == 3
    flaky = Flaky(client_error("DisabledException"))
    with pytest.raises(type(FINAL[0])):
        connection.kms_retry(flaky, ("NotFoundException",))()
    assert len(flaky.calls) == 1


def test_pauses_grow_to_a_limit_with_full_jitter(monkeypatch, slept):
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    with pytest.raises(type(FINAL[0])):
        connection.kms_retry(Flaky(*[client_error("ThrottlingException")] * 8))()
    assert slept == [0.25, 0.5, 1, 2, 4, 8, 10]
    assert list(itertools.islice(connection.pauses(), 9)) == [0.25, 0.5, 1, 2, 4, 8, 10, 10, 10]
    monkeypatch.setattr("random.uniform", lambda low, high: low)
    assert list(itertools.islice(connection.pauses(), 3)) == [0, 0, 0]


@pytest.mark.parametrize(("error", "unclear"), TRANSIENT, ids=name)
def test_only_a_refusal_by_the_quota_is_surely_not_carried_out(error, unclear):
    assert connection.transient(error) is True
    assert connection.ambiguous(error) is unclear


@pytest.mark.parametrize("error", [*FINAL, None], ids=name)
def test_final_failures_are_clear(error):
    assert connection.transient(error) is False
    assert connection.ambiguous(error) is False


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client_error("ThrottlingException"), "ThrottlingException"),
        (client_error("Whatever", status=500), "KMSInternalException"),
        (client_error("Whatever", status=400), "Whatever"),
        (ReadTimeoutError(endpoint_url=URL), CONNECTION),
    ],
)
def test_codes(error, code):
    assert connection.KMSRetry.status_code_from_exception(error) == code
