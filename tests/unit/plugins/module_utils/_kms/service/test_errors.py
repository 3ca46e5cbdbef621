# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service import connection
from ansible_collections.byok.aws.plugins.module_utils._kms.service import errors
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import client_error
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import kms_error
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectionClosedError
from botocore.exceptions import ConnectTimeoutError
from botocore.exceptions import EndpointConnectionError
from botocore.exceptions import NoCredentialsError
from botocore.exceptions import ParamValidationError
from botocore.exceptions import ReadTimeoutError
from botocore.exceptions import SSLError

URL = "https://kms.eu-central-1.amazonaws.com"
# No credentials at all concern no key.
CODES_OF_A_KEY = sorted(set(errors._ADVICE) - {"NoCredentialsError"})
OPERATIONS = ("DescribeKey", "GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", CODES_OF_A_KEY)
def test_every_advice_names_key_operation_and_code(code, operation):
    sentence = kms_error(code, "AWS says so.", operation).sentence
    assert ALIAS in sentence
    assert sentence.startswith(operation + ": ")
    assert sentence.endswith(f"({code}: AWS says so.)")
    assert "{" not in sentence
    assert "\n" not in sentence


def test_every_code_that_kms_can_answer_has_an_advice():
    assert set(CODES_OF_A_KEY) >= {
        "AccessDeniedException",
        "DependencyTimeoutException",
        "DisabledException",
        "ExpiredImportTokenException",
        "IncorrectKeyMaterialException",
        "InvalidCiphertextException",
        "InvalidImportTokenException",
        "KMSInternalException",
        "KMSInvalidStateException",
        "LimitExceededException",
        "NotFoundException",
        "ThrottlingException",
        "UnsupportedOperationException",
        errors.CONNECTION,
    }


@pytest.mark.parametrize("code", CODES_OF_A_KEY)
def test_no_advice_says_what_was_changed(code):
    assert "changed" not in kms_error(code, "", "ImportKeyMaterial").sentence


@pytest.mark.parametrize("code", [*CODES_OF_A_KEY, errors.REFUSED, errors.TIMEOUT, errors.UNEXPECTED])
def test_what_a_failed_run_has_changed(code):
    error = kms_error(code, "", "ImportKeyMaterial")
    refused = code.endswith(("MaterialException", "CiphertextException", "TokenException"))

    assert errors.effect(error, ()) == ("nothing was changed" if refused else None)
    assert errors.effect(error, (), unclear=True) is None
    done = errors.effect(error, ("TagResource", "DeleteImportedKeyMaterial"))
    assert done == "done: TagResource, DeleteImportedKeyMaterial"


@pytest.mark.parametrize("operation", [*OPERATIONS, "TagResource", "GenerateMac"])
def test_access_denied_names_the_permission(operation):
    assert f"kms:{operation} on {ALIAS}" in kms_error("AccessDeniedException", "", operation).sentence


@pytest.mark.parametrize("code", ["ValidationException", "SomethingNewException"])
def test_an_unknown_code_still_names_key_operation_and_code(code):
    sentence = kms_error(code, "AWS says so.", "ImportKeyMaterial").sentence
    assert sentence == f"ImportKeyMaterial: ImportKeyMaterial failed on the key {ALIAS} ({code}: AWS says so.)"


def test_an_empty_text_of_aws_leaves_the_code_alone():
    assert kms_error("InvalidCiphertextException", "", "ImportKeyMaterial").sentence.endswith(
        "(InvalidCiphertextException)"
    )


def test_braces_in_a_key_or_a_text_are_harmless():
    error = kms_error("NotFoundException", "Invalid keyId '{0}'", name="{operation}{")
    assert "the key {operation}{ does not exist" in error.sentence
    assert "'{0}'" in error.sentence


def test_missing_credentials_say_what_to_do():
    error = errors.AnsibleKMSError("Failed", NoCredentialsError(), operation="DescribeKey", key=ALIAS)
    assert error.code == "NoCredentialsError"
    assert "no AWS credentials were found" in error.sentence


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (client_error("NotFoundException"), "NotFoundException"),
        (ClientError({"Error": {}}, "DescribeKey"), "Unknown"),
        (ClientError({"Error": {"Code": ""}}, "DescribeKey"), "Unknown"),
        (EndpointConnectionError(endpoint_url=URL), errors.CONNECTION),
        (ConnectTimeoutError(endpoint_url=URL), errors.CONNECTION),
        (ReadTimeoutError(endpoint_url=URL), errors.CONNECTION),
        (ConnectionClosedError(endpoint_url=URL), errors.CONNECTION),
        (SSLError(endpoint_url=URL, error="certificate"), errors.CONNECTION),
        (NoCredentialsError(), "NoCredentialsError"),
        (ParamValidationError(report="x"), "ParamValidationError"),
        (ValueError("x"), "ValueError"),
        (None, errors.INVALID_INPUT),
    ],
)
def test_codes(exception, code):
    assert errors.error_code(exception) == code


@pytest.mark.parametrize(("make", "code"), [(errors.invalid, errors.INVALID_INPUT), (errors.refused, errors.REFUSED)])
def test_own_errors_are_their_sentence(make, code):
    error = make("the option is wrong")
    assert (error.code, error.sentence, str(error)) == (code, "the option is wrong", "the option is wrong")
    assert (error.operation, error.aws_message, error.request_id) == (None, "", None)


def test_fields_of_an_answer():
    error = kms_error("NotFoundException", "Key 'x' does not exist")
    assert (error.code, error.operation, error.key) == ("NotFoundException", "DescribeKey", ALIAS)
    assert error.aws_message == "Key 'x' does not exist"
    assert error.request_id == "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("response", [{"Error": {"Code": "X"}}, {"Error": {"Code": "X"}, "ResponseMetadata": {}}])
def test_an_answer_without_a_request_id(response):
    error = errors.AnsibleKMSError("Failed", ClientError(response, "DescribeKey"), operation="DescribeKey", key=ALIAS)
    assert error.request_id is None
    assert error.aws_message == ""


def test_the_handler_raises_our_exception_with_the_cause():
    cause = client_error("DisabledException", "is disabled")

    @connection.KMSErrorHandler.common_error_handler("call DescribeKey")
    def call():
        raise cause

    with pytest.raises(errors.AnsibleKMSError) as caught:
        call()
    assert caught.value.exception is cause
    assert caught.value.code == "DisabledException"


def test_what_botocore_prints_of_parameters_gets_into_no_sentence():
    cause = ParamValidationError(report="Invalid type for parameter ImportToken, value: CANARY")
    error = errors.AnsibleKMSError("Failed", cause, operation="ImportKeyMaterial", key=ALIAS)
    assert "CANARY" not in error.sentence
    assert "ParamValidationError" in error.sentence
