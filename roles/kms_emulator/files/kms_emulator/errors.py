# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The refusals of KMS, with the texts that AWS sends.

An empty text means that AWS sends none: the answer then has no ``message`` at all.
"""

from __future__ import annotations

import json

from moto.core.exceptions import JsonRESTError

SERVER_ERRORS = frozenset({"KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"})

EMPTY_TEXT = frozenset(
    {
        "InvalidCiphertextException",
        "InvalidImportTokenException",
        "ExpiredImportTokenException",
        "InvalidMarkerException",
        "KMSInvalidMacException",
        "KMSInvalidSignatureException",
    }
)

RATE_TEXT = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."


class KmsError(JsonRESTError):
    """One refusal: an error code of KMS and its text."""

    def __init__(self, error_code: str, text: str = "") -> None:
        super().__init__(error_code, text)
        self.error_code = error_code
        self.code = 500 if error_code in SERVER_ERRORS else 400
        body = {"__type": error_code}
        if text:
            body["message"] = text
        self.description = json.dumps(body)


def validation(text: str) -> KmsError:
    return KmsError("ValidationException", text)


def invalid_state(text: str) -> KmsError:
    return KmsError("KMSInvalidStateException", text)


def not_found(text: str) -> KmsError:
    return KmsError("NotFoundException", text)


def unsupported(text: str = "") -> KmsError:
    return KmsError("UnsupportedOperationException", text)


def incorrect_material(text: str = "") -> KmsError:
    return KmsError("IncorrectKeyMaterialException", text)


def invalid_key_usage(text: str) -> KmsError:
    return KmsError("InvalidKeyUsageException", text)


def limit_exceeded(text: str) -> KmsError:
    return KmsError("LimitExceededException", text)


def invalid_ciphertext() -> KmsError:
    return KmsError("InvalidCiphertextException")


def invalid_import_token() -> KmsError:
    return KmsError("InvalidImportTokenException")


def expired_import_token() -> KmsError:
    """The text of this refusal was never seen; an empty one is what its neighbours have."""
    return KmsError("ExpiredImportTokenException")


def throttled() -> KmsError:
    return KmsError("ThrottlingException", RATE_TEXT)


def disabled(arn: str) -> KmsError:
    return KmsError("DisabledException", f"{arn} is disabled.")


def wrong_origin(arn: str, origin: str) -> KmsError:
    return unsupported(f"{arn} origin is {origin} which is not valid for this operation.")


def unexpected_identifier(material_id: str) -> KmsError:
    return incorrect_material(f"Imported key material does not have the expected identifier ({material_id}).")


def key_does_not_exist(arn: str) -> KmsError:
    return not_found(f"Key '{arn}' does not exist")


def access_denied(operation: str, resource: str, account_id: str) -> KmsError:
    """What IAM says when no policy allows the call."""
    return KmsError(
        "AccessDeniedException",
        f"User: arn:aws:iam::{account_id}:user/kms-emulator is not authorized to perform: kms:{operation} "
        f"on resource: {resource} because no resource-based policy allows the kms:{operation} action",
    )


def injected(error_code: str, text: str | None, operation: str, resource: str, account_id: str) -> KmsError:
    """The refusal that a fault rule asks for."""
    if text is not None:
        return KmsError(error_code, text)
    if error_code == "ThrottlingException":
        return throttled()
    if error_code == "AccessDeniedException":
        return access_denied(operation, resource, account_id)
    return KmsError(error_code, "" if error_code in EMPTY_TEXT else "Injected by a fault rule of the emulator.")
