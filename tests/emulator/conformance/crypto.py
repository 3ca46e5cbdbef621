# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys, wrappings and proofs for the tables, independent of the emulator's own code."""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

CURVES: dict[str, ec.EllipticCurve] = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


@lru_cache(maxsize=32)
def private_key(spec: str, number: int = 0) -> Any:
    """A private key of a spec; the same one for the same number."""
    if spec.startswith("RSA_"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(spec[4:]))
    return ec.generate_private_key(CURVES[spec]) if spec in CURVES else ed25519.Ed25519PrivateKey.generate()


def pkcs8(spec: str, number: int = 0) -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    encoded: bytes = private_key(spec, number).private_bytes(encoding, form, serialization.NoEncryption())
    return encoded


def indefinite(der: bytes) -> bytes:
    """The same value with an outer container of indefinite length."""
    header = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    return der[:1] + b"\x80" + der[header:] + b"\x00\x00"


def public_der(spec: str, number: int = 0) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    encoded: bytes = private_key(spec, number).public_key().public_bytes(serialization.Encoding.DER, form)
    return encoded


def is_rsa_public_key(der: bytes, bits: int) -> bool:
    key = serialization.load_der_public_key(der)
    return isinstance(key, rsa.RSAPublicKey) and key.key_size == bits


def wrap(plaintext: bytes, public_key: bytes, algorithm: str) -> bytes:
    """Wrap as the algorithm says."""
    if not algorithm.startswith("RSA_AES_KEY_WRAP"):
        return _oaep(plaintext, public_key, algorithm)
    one_time = os.urandom(32)
    return _oaep(one_time, public_key, algorithm) + aes_key_wrap_with_padding(one_time, plaintext)


def _oaep(plaintext: bytes, public_key: bytes, algorithm: str) -> bytes:
    key = serialization.load_der_public_key(public_key)
    assert isinstance(key, rsa.RSAPublicKey)
    digest = hashes.SHA256() if algorithm.endswith("SHA_256") else hashes.SHA1()  # noqa: S303
    return key.encrypt(plaintext, padding.OAEP(padding.MGF1(digest), digest, None))


def mac(secret: bytes, message: bytes, bits: int) -> bytes:
    return hmac.new(secret, message, getattr(hashlib, f"sha{bits}")).digest()


def is_signature(spec: str, signature: bytes, message: bytes, algorithm: str) -> bool:
    """Whether the private key of a spec made it."""
    public = private_key(spec, 0).public_key()
    digest = DIGESTS[algorithm[-3:]]
    try:
        if isinstance(public, rsa.RSAPublicKey):
            salted = padding.PSS(padding.MGF1(digest), digest.digest_size)
            public.verify(signature, message, salted if "PSS" in algorithm else padding.PKCS1v15(), digest)
        elif isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
        else:
            public.verify(signature, message, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True
