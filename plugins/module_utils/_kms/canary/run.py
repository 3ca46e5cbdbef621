# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A canary: random data, and the answer of a key for it. A later test with the canary shows whether the key still
works, with the same material or with newer material beside it.

Changes no key. A canary holds random data and answers of KMS, as text; none of it is a secret.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any
from typing import Callable
from typing import TypedDict
from typing import cast

from ..key import models
from ..key.identifiers import key_id_problem
from ..key.models import Key
from ..service import connection
from ..service import operations
from ..service.account import check_account
from ..service.account import check_identifier
from ..service.account import require_account
from ..service.errors import ACCESS_DENIED
from ..service.errors import INVALID_STATE
from ..service.errors import NOT_ALLOWED
from ..service.errors import NOT_FOUND
from ..service.errors import WRONG_ACCOUNT
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid
from ..service.pacing import Pacer
from ..service.pacing import Throttle
from ..service.pacing import each
from ..service.pacing import told_when_interrupted
from ..service.process import Ending

NONE = "none"
ENCRYPT = "encrypt"
MAC = "mac"
SIGN = "sign"
PUBLIC_KEY = "public_key"

# KMS needs some seconds to show a change everywhere.
_SETTLING = (INVALID_STATE, NOT_FOUND, "KeyUnavailableException")
PAUSE: float = 1


class Canary(TypedDict, total=False):
    """A canary as a task keeps it. Bytes are base64; kind is always set, the others depend on it."""

    kind: str
    challenge: str
    algorithm: str
    answer: str
    public_key: str | None


@dataclass(frozen=True)
class CanaryRequest:
    """What to do with one key: take a canary (take), test the key with an earlier one (canary), or only read it.

    with_aliases: whether the names of the key are listed, too.
    """

    key_id: str
    canary: Mapping[str, Any] | None = None
    expected_key_material_id: str | None = None
    take: bool = True
    patience: float = 30
    expected_account: str | None = None
    with_aliases: bool = True


@dataclass(frozen=True)
class Finding:
    """The result of a test. verdict: "taken", "passed", "failed" or "skipped"."""

    kind: str = NONE
    verdict: str = "skipped"
    note: str | None = None
    canary: Canary | None = field(default=None, repr=False)


def visit_all(
    client: Any,
    key_inputs: Sequence[CanaryRequest],
    region: str | None,
    ending: Ending | None = None,
    rates: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """The entries of the result, in the order of the requests. rates: calls a second, where not the default quotas.

    Raises AnsibleKMSError for invalid options, before the first call to KMS, and when the run was asked to end.
    """
    for one in key_inputs:
        check_account(one.expected_account)
    pacer = Pacer(rates, ending)
    with told_when_interrupted("the look at every key", pacer.stop):
        return each(
            lambda one: visit(connection.Connection(client, one.key_id, Throttle(pacer)), one, region), key_inputs
        )


def visit(kms: connection.Connection, request: CanaryRequest, region: str | None = None) -> dict[str, Any]:
    """The entry of one key. A failure is also an entry."""
    try:
        key = _described(kms, request, region)
    except AnsibleKMSError as error:
        verdict = "failed" if request.canary or error.code == WRONG_ACCOUNT else "skipped"
        fields = _finding_fields(Finding(_kind_of(request.canary), verdict, error.sentence))
        return {
            **_request_fields(request, None, []),
            **fields,
            "error": {"code": error.code, "message": error.sentence},
        }
    finding = prove(kms, key, request) if request.canary else take(kms, key) if request.take else Finding()
    names = aliases(kms, key) if request.with_aliases else []
    return {**_request_fields(request, key, names), **_finding_fields(finding), "error": None}


def _described(kms: connection.Connection, request: CanaryRequest, region: str | None) -> Key:
    problem = key_id_problem(request.key_id, region)
    if problem:
        raise invalid(f"key_id {request.key_id}: {problem}")
    check_identifier(request.key_id, request.expected_account)
    key = operations.describe_key(kms, request.key_id)
    require_account(request.key_id, key.arn, request.expected_account)
    return key


def _request_fields(request: CanaryRequest, key: Key | None, names: list[str]) -> dict[str, Any]:
    return {
        "key_id": key.key_id if key else request.key_id,
        "key_arn": key.arn if key else None,
        "key_spec": key.key_spec if key else None,
        "key_usage": key.key_usage if key else None,
        "key_state": key.key_state if key else None,
        "aliases": names,
    }


def _finding_fields(finding: Finding) -> dict[str, Any]:
    return {"kind": finding.kind, "verdict": finding.verdict, "note": finding.note, "canary": finding.canary}


def aliases(kms: connection.Connection, key: Key) -> list[str]:
    """The aliases of the key, if the caller may list them. A key has 50 at most: one page."""
    with suppress(AnsibleKMSError):
        answer = kms.call("ListAliases", KeyId=key.arn, Limit=100)
        return sorted(entry["AliasName"] for entry in answer.get("Aliases", []))
    return []


# -- before ------------------------------------------------------------------------------------------------------------


def take(kms: connection.Connection, key: Key) -> Finding:
    """A canary of the kind that the key supports, or the reason why there is none."""
    if not key.enabled:
        return Finding(note=f"the key is {key.key_state}")
    kinds = _kinds(key)
    if not kinds:
        return Finding(note=f"there is no canary for the key usage {key.key_usage}")
    notes: list[str] = []
    for kind in kinds:
        try:
            return Finding(kind, "taken", "; ".join(notes) or None, {"kind": kind, **_TAKERS[kind](kms, key)})
        except AnsibleKMSError as error:
            notes.append(_reason(error))
    return Finding(kinds[0], note="; ".join(notes))


def take_patiently(kms: connection.Connection, key: Key, patience: float) -> Finding:
    """A canary of a key whose material was just imported. Waits while KMS does not know the material everywhere.

    Skipped when the caller lacks the permission; any other reason is a failure. patience: seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        finding = take(kms, key)
        if finding.verdict == "taken" or finding.kind == NONE or kms.calls[-1].outcome in NOT_ALLOWED:
            return finding
        if kms.calls[-1].outcome not in _SETTLING or time.monotonic() >= deadline:
            return replace(finding, verdict="failed")
        time.sleep(PAUSE)


def _kinds(key: Key) -> tuple[str, ...]:
    """The kinds that the key supports, the best one first."""
    return {
        models.ENCRYPT_DECRYPT: (ENCRYPT,),
        models.GENERATE_VERIFY_MAC: (MAC,),
        models.SIGN_VERIFY: (SIGN, PUBLIC_KEY),
        models.KEY_AGREEMENT: (PUBLIC_KEY,),
    }.get(key.key_usage, ())


def _reason(error: AnsibleKMSError) -> str:
    if error.code == ACCESS_DENIED:
        return f"the credentials lack kms:{error.operation}"
    return error.sentence


def _take_encrypt(kms: connection.Connection, key: Key) -> Canary:
    challenge, algorithm = os.urandom(models.CHALLENGE_BYTES), _encryption_algorithm(key)
    answer = kms.call("Encrypt", KeyId=key.arn, Plaintext=challenge, EncryptionAlgorithm=algorithm)
    return {"challenge": _text(challenge), "algorithm": algorithm, "answer": _text(answer["CiphertextBlob"])}


def _take_mac(kms: connection.Connection, key: Key) -> Canary:
    challenge = os.urandom(models.CHALLENGE_BYTES)
    algorithm = key.mac_algorithm
    answer = operations.generate_mac(kms, key.arn, challenge, algorithm)
    return {"challenge": _text(challenge), "algorithm": algorithm, "answer": _text(answer)}


def _take_sign(kms: connection.Connection, key: Key) -> Canary:
    challenge, algorithm = os.urandom(models.CHALLENGE_BYTES), _signing_algorithm(key)
    answer = kms.call("Sign", KeyId=key.arn, Message=challenge, MessageType="RAW", SigningAlgorithm=algorithm)
    return {
        "challenge": _text(challenge),
        "algorithm": algorithm,
        "answer": _text(answer["Signature"]),
        "public_key": _public_key(kms, key.arn),
    }


def _take_public_key(kms: connection.Connection, key: Key) -> Canary:
    return {"public_key": _text(operations.get_public_key(kms, key.arn))}


_TAKERS: dict[str, Callable[[connection.Connection, Key], Canary]] = {
    ENCRYPT: _take_encrypt,
    MAC: _take_mac,
    SIGN: _take_sign,
    PUBLIC_KEY: _take_public_key,
}


def _encryption_algorithm(key: Key) -> str:
    if key.symmetric:
        return models.SYMMETRIC
    return models.SM2PKE if key.key_spec == models.SM2 else models.OAEP_SHA_256


def _signing_algorithm(key: Key) -> str:
    # The prehashed variant of Ed25519 takes a digest, not a message.
    plain = [name for name in key.signing_algorithms if "_PH_" not in name]
    if not plain:
        raise invalid(f"KMS names no signing algorithm for the key {key.key_id}")
    return plain[0]


def _public_key(kms: connection.Connection, arn: str) -> str | None:
    """None when the caller may not read it: the signature alone is also a canary."""
    try:
        return _text(operations.get_public_key(kms, arn))
    except AnsibleKMSError as error:
        if error.code != ACCESS_DENIED:
            raise
    return None


# -- after -------------------------------------------------------------------------------------------------------------


def prove(kms: connection.Connection, key: Key, request: CanaryRequest) -> Finding:
    """Whether the key still works as it did when the canary was taken."""
    canary = cast(Canary, dict(request.canary or {}))
    kind = _kind_of(canary)
    if key.key_state == models.DISABLED:
        return Finding(kind, note="the key is Disabled")
    try:
        problem = _settled(lambda: _problem(kms, key, request, canary), request.patience)
    except KeyError:
        return Finding(kind, "failed", "this is not a canary of this module")
    except AnsibleKMSError as error:
        if error.code in NOT_ALLOWED:
            return Finding(kind, note=_reason(error))
        return Finding(kind, "failed", error.sentence)
    return Finding(kind, "failed" if problem else "passed", problem)


def _settled(ask: Callable[[], str | None], patience: float) -> str | None:
    """The answer, after waiting while KMS does not know the imported material everywhere."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return ask()
        except AnsibleKMSError as error:
            if error.code not in _SETTLING or time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE)


def _problem(kms: connection.Connection, key: Key, request: CanaryRequest, canary: Canary) -> str | None:
    kind = _kind_of(canary)
    problem = _PROVERS[kind](kms, key, canary)
    if problem or kind != ENCRYPT or request.expected_key_material_id is None:
        return problem
    return _new_material_problem(kms, key, request.expected_key_material_id, request.patience)


def _kind_of(canary: Mapping[str, Any] | None) -> str:
    kind = str((canary or {}).get("kind"))
    return kind if kind in _TAKERS else NONE


def _prove_encrypt(kms: connection.Connection, key: Key, canary: Canary) -> str | None:
    return _decrypts(kms, key, _bytes(canary["answer"]), _bytes(canary["challenge"]), canary["algorithm"])[0]


def _decrypts(
    kms: connection.Connection, key: Key, blob: bytes, plain: bytes, algorithm: str
) -> tuple[str | None, str]:
    """What is wrong, and the ID of the material that KMS used."""
    try:
        answer = kms.call("Decrypt", KeyId=key.arn, CiphertextBlob=blob, EncryptionAlgorithm=algorithm)
    except AnsibleKMSError as error:
        if error.code not in ("InvalidCiphertextException", "IncorrectKeyException"):
            raise
        return f"data that was encrypted before cannot be decrypted ({error.code})", ""
    problem = None if answer.get("Plaintext") == plain else "data that was encrypted before decrypts to other data"
    return problem, answer.get("KeyMaterialId") or ""


def _prove_mac(kms: connection.Connection, key: Key, canary: Canary) -> str | None:
    return _verified(
        kms,
        "VerifyMac",
        "KMSInvalidMacException",
        KeyId=key.arn,
        Message=_bytes(canary["challenge"]),
        Mac=_bytes(canary["answer"]),
        MacAlgorithm=canary["algorithm"],
    )


def _prove_sign(kms: connection.Connection, key: Key, canary: Canary) -> str | None:
    problem = _verified(
        kms,
        "Verify",
        "KMSInvalidSignatureException",
        KeyId=key.arn,
        Message=_bytes(canary["challenge"]),
        MessageType="RAW",
        Signature=_bytes(canary["answer"]),
        SigningAlgorithm=canary["algorithm"],
    )
    return problem or (_prove_public_key(kms, key, canary) if canary["public_key"] else None)


def _verified(kms: connection.Connection, operation: str, invalid_code: str, **parameters: Any) -> str | None:
    try:
        kms.call(operation, **parameters)
    except AnsibleKMSError as error:
        if error.code != invalid_code:
            raise
        return f"the earlier answer of the key is no longer valid ({error.code})"
    return None


def _prove_public_key(kms: connection.Connection, key: Key, canary: Canary) -> str | None:
    same = operations.get_public_key(kms, key.arn) == _bytes(canary["public_key"])
    return None if same else "the public key has changed"


def _none(_kms: connection.Connection, _key: Key, _canary: Canary) -> str | None:
    raise KeyError(NONE)


_PROVERS: dict[str, Callable[[connection.Connection, Key, Canary], str | None]] = {
    ENCRYPT: _prove_encrypt,
    MAC: _prove_mac,
    SIGN: _prove_sign,
    PUBLIC_KEY: _prove_public_key,
    NONE: _none,
}


def _new_material_problem(kms: connection.Connection, key: Key, expected: str, patience: float) -> str | None:
    """Why new data is not encrypted with the expected material, or None; Decrypt returns the ID."""
    deadline = time.monotonic() + patience
    while True:
        fresh = _take_encrypt(kms, key)
        challenge = _bytes(fresh["challenge"])
        problem, used = _decrypts(kms, key, _bytes(fresh["answer"]), challenge, fresh["algorithm"])
        if problem or used in ("", expected):
            return problem
        if time.monotonic() >= deadline:
            return f"new data is encrypted with the material {used}, not with {expected}"
        time.sleep(PAUSE)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError:
        raise KeyError("base64") from None
