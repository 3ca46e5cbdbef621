# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short words for the tables: keys, materials, evidence and errors in the shapes that KMS gives them."""

from __future__ import annotations

import base64
import functools
import traceback
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import CURRENT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import ENABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import EXPIRES
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import IMPORTED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NON_CURRENT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NOT_IMPORTED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_IMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_ROTATION
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import SYMMETRIC
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Expiration
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Material
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Request
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.hazmat.primitives.serialization import PublicFormat

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ACCOUNT = "111122223333"
REGION = "eu-central-1"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}"
ALIAS = "alias/payments"

# Material IDs in the order of their import, and fingerprints of the bytes behind them.
A, B, C = "a" * 64, "b" * 64, "c" * 64
MARK_A, MARK_B, MARK_C = "1a" * 16, "1b" * 16, "1c" * 16


def in_days(days: float) -> Expiration:
    """Expires that many days from NOW."""
    return Expiration(EXPIRES, NOW + days * DAY)


def marked(mark: str, text: str = "", disabled: bool = False) -> str:
    """The description that carries a fingerprint."""
    return f"{text} byok:1{'d' if disabled else ''}:{mark}".strip()


# -- materials and keys ------------------------------------------------------------------------------------------------


def material(key_material_id: str = A, **fields: Any) -> Material:
    """A loaded CURRENT material that does not expire, but for what is said."""
    values: dict[str, Any] = {
        "key_material_state": CURRENT,
        "import_state": IMPORTED,
        "expiration": DOES_NOT_EXPIRE,
        **fields,
    }
    return Material(key_material_id, **values)


def old(key_material_id: str = A, **fields: Any) -> Material:
    return material(key_material_id, **{"key_material_state": NON_CURRENT, **fields})


def staged(key_material_id: str = C, **fields: Any) -> Material:
    return material(key_material_id, **{"key_material_state": PENDING_ROTATION, **fields})


def gone(entry: Material) -> Material:
    """The same after a deletion."""
    return Material(
        entry.key_material_id,
        entry.key_material_state,
        NOT_IMPORTED,
        None,
        entry.description,
        entry.rotation_date,
        entry.rotation_type,
    )


def key(*materials: Material, **fields: Any) -> Key:
    """An Enabled symmetric key with these materials (one, A, when there are none), but for what is said."""
    spec = fields.get("key_spec", SYMMETRIC)
    if spec == SYMMETRIC and not materials and "current_key_material_id" not in fields:
        materials = (material(),)
    current = next((entry for entry in materials if entry.key_material_state == CURRENT), None)
    expirations = [entry.expiration for entry in materials if entry.permanent and entry.expiration]
    earliest = min(expirations, key=lambda one: one.valid_to or NOW + 9999 * DAY, default=None)
    values: dict[str, Any] = {
        "arn": ARN,
        "key_id": KEY_ID,
        "account_id": ACCOUNT,
        "region": REGION,
        "key_spec": spec,
        "key_usage": "ENCRYPT_DECRYPT",
        "key_state": ENABLED,
        "origin": "EXTERNAL",
        "now": NOW,
        "creation_date": NOW - 30 * DAY,
        "current_key_material_id": current.key_material_id if current else None,
        "expiration": earliest or (DOES_NOT_EXPIRE if spec != SYMMETRIC else None),
        "materials": materials,
        **fields,
    }
    if values["key_state"] == PENDING_IMPORT:
        values["expiration"] = None
    return Key(**values)


def empty(**fields: Any) -> Key:
    """A symmetric key into which nothing was ever imported."""
    return key(key_state=PENDING_IMPORT, current_key_material_id=None, **fields)


def pending(*materials: Material, **fields: Any) -> Key:
    """A key that lost material; without a list, one whose only material A is gone."""
    if fields.get("key_spec", SYMMETRIC) == SYMMETRIC and not materials:
        materials = (gone(material()),)
    return key(*materials, key_state=PENDING_IMPORT, **fields)


def hmac_key(**fields: Any) -> Key:
    return key(**{"key_spec": "HMAC_256", "key_usage": "GENERATE_VERIFY_MAC", **fields})


def rsa_key(**fields: Any) -> Key:
    return key(**{"key_spec": "RSA_2048", "key_usage": "SIGN_VERIFY", **fields})


def request(**fields: Any) -> Request:
    """A request for ALIAS; plaintext is offered with every state but absent."""
    offered = None if fields.get("state") == "absent" else "plaintext"
    return Request(**{"key_id": ALIAS, "offered": offered, **fields})


# -- evidence ----------------------------------------------------------------------------------------------------------


def match(key_material_id: str | None = A, method: str = "fingerprint", fingerprint: str | None = MARK_A) -> Evidence:
    return Evidence("match", method, key_material_id, fingerprint)


def mismatch(method: str = "fingerprint", fingerprint: str | None = MARK_C) -> Evidence:
    return Evidence("mismatch", method, None, fingerprint)


def unknown(fingerprint: str | None = MARK_A) -> Evidence:
    return Evidence(fingerprint=fingerprint)


# -- errors and a connection -------------------------------------------------------------------------------------------


def client_error(code: str, message: str = "", status: int = 400, operation: str = "DescribeKey") -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "11111111-2222-3333-4444-555555555555"},
        },
        operation,
    )


def kms_error(code: str, message: str = "", operation: str = "DescribeKey", name: str = ALIAS) -> AnsibleKMSError:
    cause = client_error(code, message, operation=operation)
    return AnsibleKMSError(f"Failed to call {operation}", cause, operation=operation, key=name)


class FakeConnection:
    """Answers calls from a table (operation: answer, exception, or function of the parameters) and remembers them."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.young = False
        self.calls: list[Any] = []

    def call(self, operation: str, **parameters: Any) -> Any:
        self.made.append((operation, parameters))
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return answer(parameters) if callable(answer) else answer

    call_once = call

    def for_young_key(self, young: bool = True) -> FakeConnection:
        self.young = young
        return self

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _parameters in self.made]


# -- cryptographic keys: weak on purpose, the same in every run --------------------------------------------------------

# The two largest primes below 2 ** (bits / 2), by what they lack to it.
_GAPS = {2048: (105, 179), 3072: (3453, 4977), 4096: (1557, 2543)}
CURVES = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
    "ECC_SECG_P256K1": ec.SECP256K1,
}


@functools.cache
def rsa_private_key(bits: int) -> rsa.RSAPrivateKey:
    p, q = ((1 << bits // 2) - gap for gap in _GAPS[bits])
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e, p * q),
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@functools.cache
def private_key(key_spec: str) -> Any:
    if key_spec.startswith("RSA_"):
        return rsa_private_key(int(key_spec[4:]))
    if key_spec == "ECC_NIST_EDWARDS25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(100, 132)))
    return ec.derive_private_key(int.from_bytes(bytes(range(7, 38)), "big"), CURVES[key_spec]())


def encoded(some_key: Any, encoding: str = "DER", layout: str = "PKCS8", encryption: Any = None) -> bytes:
    """A private key in DER or PEM, as PKCS8 or TraditionalOpenSSL (PKCS#1 and SEC 1)."""
    result: bytes = some_key.private_bytes(
        getattr(Encoding, encoding),
        PrivateFormat.TraditionalOpenSSL if layout == "TraditionalOpenSSL" else PrivateFormat.PKCS8,
        encryption or NoEncryption(),
    )
    return result


def encoded_public(some_key: Any, encoding: str = "DER") -> bytes:
    result: bytes = some_key.public_key().public_bytes(getattr(Encoding, encoding), PublicFormat.SubjectPublicKeyInfo)
    return result


# -- secrets in texts --------------------------------------------------------------------------------------------------

_WINDOW = 10


def everything_said(error: BaseException) -> str:
    """What a person, a log or a result could get to see of an exception."""
    shown = [str(error), repr(error), repr(error.args), repr(vars(error))]
    shown.extend(traceback.format_exception(type(error), error, error.__traceback__))
    return "\n".join(shown)


def leaks(text: str, secret: bytes) -> list[str]:
    """The pieces of a secret, in any form that it may have been printed in, that a text holds."""
    body = b"".join(line for line in secret.splitlines() if not line.startswith(b"-----"))
    body = body if secret.lstrip().startswith(b"-----") else secret
    forms = (
        body.decode("latin-1"),
        repr(body)[2:-1],
        body.hex(),
        body.hex().upper(),
        body.hex(" "),
        base64.b64encode(body).decode(),
        base64.urlsafe_b64encode(body).decode(),
        ", ".join(str(byte) for byte in body),
    )
    return [
        form[start : start + _WINDOW]
        for form in forms
        for start in range(len(form) - _WINDOW + 1)
        if form[start : start + _WINDOW] in text
    ]
