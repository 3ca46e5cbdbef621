# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material that can be guessed: what a mistake leaves in the place of random bytes. Pure.

No test finds out whether bytes are random. Random bytes that any of these rules takes for weak do not occur: the
likeliest are 16 bytes that happen to be text, one in a million.
"""

from __future__ import annotations

from typing import Any

from ..key import specs
from ..key.models import WEAK_MATERIAL
from ..service.errors import invalid
from .material import Secret

try:
    from cryptography.hazmat.primitives import serialization
except ImportError:
    # material.require_cryptography() says so in a sentence before anything gets here.
    pass

# FIPS 186-5, A.1.1: a public exponent is at least this.
_SMALLEST_EXPONENT = 65537
# The orders of the groups (SEC 2; FIPS 186-5): a scalar close to it is as good as one close to zero.
_ORDERS = {
    "ECC_NIST_P256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ECC_NIST_P384": (
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
    ),
    "ECC_NIST_P521": (1 << 521) - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    "ECC_SECG_P256K1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
_HEX_DIGITS = b"0123456789abcdefABCDEF"


def refuse_weak(secret: Secret, key_spec: str, allow: frozenset[str], key_id: str) -> None:
    """Raises AnsibleKMSError for material that can be guessed, unless that is allowed."""
    problem = None if WEAK_MATERIAL in allow else weakness(secret, key_spec)
    if problem:
        raw = key_spec in specs.RAW_LENGTHS
        generator = f"openssl rand {len(secret.plaintext)}" if raw else "openssl genpkey"
        raise invalid(
            f"the material for the {key_spec} key {key_id} can be guessed: {problem}; make it with a random generator "
            f"({generator}), or set allow to weak_material"
        )


def weakness(secret: Secret, key_spec: str) -> str | None:
    """Why the material of a key of this spec can be guessed, or None. Says nothing of the bytes but their kind."""
    if key_spec in specs.RAW_LENGTHS:
        return _raw(secret.plaintext)
    if key_spec in specs.RSA_BITS:
        exponent = secret.private_key.public_key().public_numbers().e
        return f"its public exponent is {exponent}" if exponent < _SMALLEST_EXPONENT else None
    return _raw(_seed(secret.private_key)) if key_spec == specs.ED25519 else _scalar(secret.private_key, key_spec)


def _raw(content: bytes) -> str | None:
    """Why bytes that should be random are not."""
    if len(set(content)) == 1:
        return "all its bytes are alike"
    if len({(after - before) % 256 for before, after in zip(content, content[1:])}) == 1:
        return "its bytes are a sequence"
    repeated = next((size for size in range(2, len(content) // 2 + 1) if _repeats(content, size)), None)
    if repeated:
        return f"it is the same {repeated} bytes over and over"
    return _text(content)


def _repeats(content: bytes, size: int) -> bool:
    return content[size:] == content[:-size]


def _text(content: bytes) -> str | None:
    """Why the bytes are no raw bytes but a text, or None."""
    length = len(content)
    if all(byte in _HEX_DIGITS for byte in content.strip()):
        return f"it is text, {length} hexadecimal digits, which are {length * 4} bits and not {length * 8}"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if all(char.isprintable() or char in "\t\r\n" for char in text):
        return f"it is text of {length} bytes, and not {length} raw bytes; decode it if it is base64"
    return None


def _seed(private_key: Any) -> bytes:
    """The 32 bytes that an Ed25519 key is made from (RFC 8032)."""
    seed: bytes = private_key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    return seed


def _scalar(private_key: Any, key_spec: str) -> str | None:
    scalar: int = private_key.private_numbers().private_value
    order = _ORDERS[key_spec]
    # Half of the bits that it should have; a random one has fewer once in 2**128.
    if min(scalar, order - scalar).bit_length() <= order.bit_length() // 2:
        return "its private scalar is next to zero, or to the order of the curve"
    problem = _raw(scalar.to_bytes((order.bit_length() + 7) // 8, "big").lstrip(b"\0"))
    return f"of its private scalar, {problem}" if problem else None
