# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key material as it comes out of its wrapping: checked against the key spec and brought to one form."""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache
from typing import Union

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import rsa

from kms_emulator import ber
from kms_emulator import specs
from kms_emulator.errors import invalid_ciphertext

PrivateKey = Union[rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey]

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ECC_NIST_P256": ec.SECP256R1,
    "ECC_NIST_P384": ec.SECP384R1,
    "ECC_NIST_P521": ec.SECP521R1,
    "ECC_SECG_P256K1": ec.SECP256K1,
}
EDWARDS = "ECC_NIST_EDWARDS25519"

_identifier_key = os.urandom(32)


def material_id(key_id: str, secret: bytes) -> str:
    """A one-way function of the KMS key and the bytes, which nobody outside can compute."""
    return hmac.new(_identifier_key, key_id.encode() + b"\0" + secret, hashlib.sha256).hexdigest()


def canonical(spec: str, plaintext: bytes) -> bytes:
    """The material in the form in which two imports of the same material are equal."""
    if spec in specs.SECRET_LENGTHS:
        if len(plaintext) != specs.SECRET_LENGTHS[spec]:
            raise invalid_ciphertext()
        return plaintext
    return encoded(_checked(spec, _load_imported(spec, plaintext)))


def generated(spec: str) -> bytes:
    """Fresh material for a key of origin AWS_KMS."""
    if spec in specs.SECRET_LENGTHS:
        return os.urandom(specs.SECRET_LENGTHS[spec])
    if specs.is_rsa(spec):
        return encoded(rsa.generate_private_key(public_exponent=65537, key_size=int(spec[4:])))
    if spec == EDWARDS:
        return encoded(ed25519.Ed25519PrivateKey.generate())
    return encoded(ec.generate_private_key(CURVES[spec]()))


def encoded(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@lru_cache(maxsize=1024)
def private_key(secret: bytes) -> PrivateKey:
    """The private key behind material in its canonical form."""
    return serialization.load_der_private_key(secret, None, unsafe_skip_rsa_key_validation=True)  # type: ignore[return-value]


def _load_imported(spec: str, plaintext: bytes) -> PrivateKey:
    try:
        node = ber.parse(plaintext)
        der = node.to_der()
        _check_pkcs8(node)
        if spec == EDWARDS and der != plaintext:
            raise ber.EncodingError("Ed25519 in BER")
        return serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)  # type: ignore[return-value]
    except (ValueError, TypeError, IndexError, UnsupportedAlgorithm):
        raise invalid_ciphertext() from None


def _check_pkcs8(node: ber.Node) -> None:
    """PKCS#8 as in RFC 5208 and nothing else: not PKCS#1, SEC1 or encrypted, and no explicit curve."""
    version, algorithm, key = node.children[:3]
    well_formed = (
        node.tag == ber.SEQUENCE
        and (version.tag, version.content) == (ber.INTEGER, b"\x00")
        and algorithm.tag == ber.SEQUENCE
        and key.tag == ber.OCTET_STRING
        and all(not child.children for child in algorithm.children)
    )
    if not well_formed:
        raise ber.EncodingError("not PKCS#8")


def _checked(spec: str, key: PrivateKey) -> PrivateKey:
    fits = _is_curve(spec, key) if spec.startswith("ECC_") else _is_sound_rsa(spec, key)
    if not fits:
        raise invalid_ciphertext()
    return key


def _is_curve(spec: str, key: PrivateKey) -> bool:
    if spec == EDWARDS:
        return isinstance(key, ed25519.Ed25519PrivateKey)
    return isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, CURVES[spec])


def _is_sound_rsa(spec: str, key: PrivateKey) -> bool:
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != int(spec[4:]):
        return False
    numbers = key.private_numbers()
    p, q, d = numbers.p, numbers.q, numbers.d
    e, n = numbers.public_numbers.e, numbers.public_numbers.n
    return p * q == n and d * e % (p - 1) == 1 and d * e % (q - 1) == 1
