# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key material for tests, and an import of it by an independent tool: boto3 and cryptography, nothing of ours."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import os
from typing import Any

from cryptography.hazmat.primitives import cmac
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

RAW = {"SYMMETRIC_DEFAULT": 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
CURVES: dict[str, Any] = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
    "ECC_SECG_P256K1": ec.SECP256K1,
}
SPECS = (*RAW, "RSA_2048", "RSA_3072", "RSA_4096", *CURVES, "ECC_NIST_EDWARDS25519")
# One of each kind that differs in the way it is proved.
KINDS = ("SYMMETRIC_DEFAULT", "HMAC_256", "RSA_2048", "ECC_NIST_P256")
NEVER = "KEY_MATERIAL_DOES_NOT_EXPIRE"


def usage(key_spec: str) -> str:
    if key_spec == "SYMMETRIC_DEFAULT":
        return "ENCRYPT_DECRYPT"
    return "GENERATE_VERIFY_MAC" if key_spec.startswith("HMAC") else "SIGN_VERIFY"


_SEED = os.urandom(32)


@functools.cache
def _private_key(key_spec: str, label: str) -> Any:
    if key_spec.startswith("RSA"):
        return rsa.generate_private_key(65537, int(key_spec[4:]))
    if key_spec in CURVES:
        return ec.generate_private_key(CURVES[key_spec]())
    return ed25519.Ed25519PrivateKey.generate()


def private_key(key_spec: str, label: str = "a") -> Any:
    return _private_key(key_spec, label)


def material(key_spec: str, label: str = "a") -> bytes:
    """Material for a key spec: random for every run of the tests, the same within it for the same label."""
    if key_spec in RAW:
        return hashlib.shake_256(_SEED + f"{key_spec} {label}".encode()).digest(RAW[key_spec])
    encoded: bytes = private_key(key_spec, label).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def wrapped(client: Any, key_id: str, key_spec: str, content: bytes) -> dict[str, bytes]:
    """ImportToken and EncryptedKeyMaterial, made with boto3 and cryptography alone."""
    hybrid = key_spec.startswith("RSA")
    parameters = client.get_parameters_for_import(
        KeyId=key_id,
        WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256" if hybrid else "RSAES_OAEP_SHA_256",
        WrappingKeySpec="RSA_3072",
    )
    public: Any = serialization.load_der_public_key(parameters["PublicKey"])
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    if hybrid:
        one_time = os.urandom(32)
        blob = public.encrypt(one_time, oaep) + keywrap.aes_key_wrap_with_padding(one_time, content)
    else:
        blob = public.encrypt(content, oaep)
    return {"ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": blob}


def import_elsewhere(client: Any, key_id: str, key_spec: str, content: bytes, **options: Any) -> dict[str, Any]:
    """Import as any other tool would: no fingerprint, no description unless given."""
    options.setdefault("ExpirationModel", NEVER)
    answer: dict[str, Any] = client.import_key_material(
        KeyId=key_id, **wrapped(client, key_id, key_spec, content), **options
    )
    return answer


def mark_of(key_id: str, content: bytes, account_id: str = "123456789012") -> str:
    """The description that the collection gives to this material in this key."""
    info = f"byok.aws fingerprint 1\0{account_id}\0{key_id}".encode()
    return f"byok:1:{HKDF(hashes.SHA256(), 16, None, info).derive(content).hex()}"


def check_value(content: bytes) -> str:
    """The check value of material, from the libraries alone: AES-CMAC or HMAC-SHA-256 of zeros."""
    if len(content) in (16, 24, 32):
        mac = cmac.CMAC(algorithms.AES(content))
        mac.update(bytes(16))
        return mac.finalize().hex()[:10].upper()
    return hmac.digest(content, bytes(16), "sha256").hex()[:10].upper()


def create_key(client: Any, key_spec: str = "SYMMETRIC_DEFAULT", **options: Any) -> str:
    """The key ID of a new EXTERNAL key."""
    answer = client.create_key(Origin="EXTERNAL", KeySpec=key_spec, KeyUsage=usage(key_spec), **options)
    return str(answer["KeyMetadata"]["KeyId"])
