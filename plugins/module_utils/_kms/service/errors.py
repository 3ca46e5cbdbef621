# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of KMS as one clear sentence each: what is wrong, on which key, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

try:
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import HTTPClientError

    _CONNECTION_ERRORS: Any = (BotoConnectionError, HTTPClientError)
except ImportError:
    _CONNECTION_ERRORS = ()

from ..key.identifiers import arn_account
from .texts import printable

# Codes of our own, beside AWS's in the field error.code of a result.
INVALID_INPUT = "InvalidInput"
REFUSED = "RefusedByPlan"
TIMEOUT = "WaitTimeout"
CONNECTION = "ConnectionFailure"
INTERRUPTED = "Interrupted"
UNEXPECTED = "UnexpectedError"
CANARY = "CanaryFailed"
CUT_OFF = "CutOff"
CHANGED_MEANWHILE = "ChangedMeanwhile"
MISSING_LIBRARY = "MissingLibrary"
UNTRUSTED = "UntrustedEndpoint"
WRONG_ACCOUNT = "WrongAccount"

# Codes of AWS that decide what is done next.
ACCESS_DENIED = "AccessDeniedException"
NOT_FOUND = "NotFoundException"
DISABLED_KEY = "DisabledException"
INVALID_STATE = "KMSInvalidStateException"
THROTTLED = "ThrottlingException"
WRONG_MATERIAL = "IncorrectKeyMaterialException"
# KMS shows a key to others, or does not have it: a list of keys goes on without it.
UNSEEN = (ACCESS_DENIED, NOT_FOUND, "InvalidArnException")
# The caller, or the state of the key, does not allow the call: its failure tells nothing about the key's material.
NOT_ALLOWED = (ACCESS_DENIED, DISABLED_KEY)

# What to do about AWS's codes. {key} is the key as the caller named it, {permission} the IAM action.
_ADVICE: dict[str, str] = {
    ACCESS_DENIED: (
        "the credentials lack {permission} on {key}; allow it in the key policy, or in an IAM policy where the key "
        "policy lets IAM decide"
    ),
    NOT_FOUND: (
        "the key {key} does not exist in this account and Region; check the identifier, the Region and the credentials"
    ),
    INVALID_STATE: "the key {key} is in a state that does not allow {operation}",
    DISABLED_KEY: "the key {key} is disabled, which does not allow {operation}; enable it first",
    "UnsupportedOperationException": "{operation} is not possible for the key {key}, because of its origin or key spec",
    WRONG_MATERIAL: (
        "the material is not the one that belongs to the key {key}; give the very bytes that were imported first, or "
        "put new bytes to work with a rotation or a new key"
    ),
    "InvalidCiphertextException": (
        "KMS could not unwrap the material for the key {key}, or its length does not fit the key spec; wrap it again "
        "with the public key that came with the import token, with the hash the algorithm names for OAEP and for MGF1"
    ),
    "InvalidImportTokenException": (
        "the import token does not belong to the key {key}, or is damaged; get new import parameters for this key "
        "and wrap the material for them"
    ),
    "ExpiredImportTokenException": (
        "the import token for the key {key} is older than 24 hours; get new import parameters and wrap the "
        "material for them"
    ),
    "LimitExceededException": "a limit of KMS is reached for {operation} on the key {key}",
    THROTTLED: (
        "KMS throttled {operation} on the key {key} for longer than was waited; run the task again later, or lower the "
        "rate"
    ),
    "KMSInternalException": "KMS failed internally in {operation} on the key {key}; run the task again",
    "DependencyTimeoutException": "KMS timed out internally in {operation} on the key {key}; run the task again",
    "NoCredentialsError": (
        "no AWS credentials were found for {operation} on the key {key}; give a profile or keys, "
        "or set them in the environment"
    ),
    CONNECTION: "the connection to KMS failed in {operation} on the key {key}; run the task again",
}

# With these KMS refuses an import, and takes nothing of it.
_REFUSED_IMPORT = (
    WRONG_MATERIAL,
    "InvalidCiphertextException",
    "InvalidImportTokenException",
    "ExpiredImportTokenException",
)


class AnsibleKMSError(Exception):
    """A failure on one key. Beside the sentence it keeps AWS's own code, text and request ID.

    No text of it has a character that a terminal would act upon. It has the constructor of amazon.aws's
    AnsibleAWSError, without being one: where material is wrapped offline there is no amazon.aws.

    Attributes:
        key_id: the key that it is about, as the caller named it, where the text does not name it.
        code: AWS's error code, or one of the codes of this module.
        operation: the API operation, or None when none was called.
        reason: why a plan is refused, where there is a word for it.
    """

    def __init__(self, message: str | None = None, exception: Exception | None = None, **kwargs: Any) -> None:
        super().__init__(message)
        self.message = message and printable(message)
        self.exception = exception
        self.code: str = kwargs.get("code") or error_code(exception)
        self.operation: str | None = kwargs.get("operation")
        self.key: str = kwargs.get("key") or ""
        self.key_id: str | None = kwargs.get("key_id")
        self.reason: str | None = kwargs.get("reason")

    def __str__(self) -> str:
        # Not botocore's own text: it may print the values of parameters.
        return self.sentence

    @property
    def aws_message(self) -> str:
        response = getattr(self.exception, "response", None) or {}
        return printable(str(response.get("Error", {}).get("Message") or ""))

    @property
    def request_id(self) -> str | None:
        response = getattr(self.exception, "response", None) or {}
        request_id = response.get("ResponseMetadata", {}).get("RequestId")
        return str(request_id) if request_id else None

    @property
    def sentence(self) -> str:
        """The sentence for the person at the terminal, AWS's own text behind it."""
        if self.operation is None:
            return str(self.message)
        advice = _ADVICE.get(self.code, "{operation} failed on the key {key}")
        text = advice.format(key=self.key, operation=self.operation, permission=f"kms:{self.operation}")
        said = f"{self.code}: {self.aws_message}" if self.aws_message else self.code
        return printable(f"{self.operation}: {text} ({said})")


def explained(error: AnsibleKMSError, key_id: str | None) -> str:
    """The sentence of an error on a key as the caller named it: an ARN may be of another account."""
    account = arn_account(key_id) if key_id else None
    if error.code == NOT_FOUND and account:
        return f"{error.sentence}; the ARN names the account {account}: the credentials must be of that account"
    return error.sentence


def effect(error: AnsibleKMSError, done: Sequence[str], unclear: bool = False) -> str | None:
    """What a failed run has changed, in a few words, or None when that is not known for certain.

    done: the changing operations that KMS carried out, in order. unclear: another one may have been.
    """
    if done:
        return f"done: {', '.join(done)}"
    return "nothing was changed" if error.code in _REFUSED_IMPORT and not unclear else None


def error_fields(
    error: AnsibleKMSError, message: str, key_id: str | None = None, heal_command: str | None = None
) -> dict[str, Any]:
    """The field error of a result. message: what went wrong; told makes a sentence of it for the terminal."""
    return {
        "key_id": error.key_id or key_id,
        "code": error.code,
        "message": message,
        "heal_command": heal_command,
        "aws_message": error.aws_message or None,
        "operation": error.operation,
        "request_id": error.request_id,
        **({"reason": error.reason} if error.reason else {}),
    }


def told(error: Mapping[str, Any], named: bool = True) -> str:
    """The sentence for the terminal, from the field error of a result. named: whether the message names the key."""
    about = "" if named or not error.get("key_id") else f"key {error['key_id']}: "
    heal = f"; to heal it: {error['heal_command']}" if error.get("heal_command") else ""
    return f"{about}{error['message']}{heal}"


def error_code(exception: Exception | None) -> str:
    """AWS's code for a ClientError, CONNECTION for a failed connection, the exception's name for anything else."""
    response = getattr(exception, "response", None)
    if isinstance(response, dict) and "Error" in response:
        return printable(str(response["Error"].get("Code") or "Unknown"))
    if isinstance(exception, _CONNECTION_ERRORS):
        return CONNECTION
    return INVALID_INPUT if exception is None else type(exception).__name__


def invalid(message: str, key_id: str | None = None) -> AnsibleKMSError:
    """Bad input, found before KMS was asked. key_id: the key that it is about, if message does not name it."""
    return AnsibleKMSError(message, code=INVALID_INPUT, key_id=key_id)


def unexpected(error: Exception, key: str) -> AnsibleKMSError:
    """An unexpected exception, by its kind alone: its text and its traceback may hold material."""
    message = (
        f"an unexpected {type(error).__name__} ended the work on the key {key}; its text is not shown, since it may "
        "hold material; look at the key, run the task again, and report this"
    )
    return AnsibleKMSError(message, code=UNEXPECTED)


def refused(message: str, reason: str | None = None) -> AnsibleKMSError:
    """A plan that must not be carried out. reason: that of the plan, for those who have to know it without reading."""
    return AnsibleKMSError(message, code=REFUSED, reason=reason)


def cut_off(message: str) -> AnsibleKMSError:
    """A key that was cut off while a run was about to import its material."""
    return AnsibleKMSError(message, code=CUT_OFF)


def changed_meanwhile(message: str) -> AnsibleKMSError:
    """A key that is no longer what the plan was made for."""
    return AnsibleKMSError(message, code=CHANGED_MEANWHILE)
