# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ed25519ph (RFC 8032, section 5.1), which cryptography does not offer. For tests: not in constant time."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
DOMAIN = b"SigEd25519 no Ed25519 collisions\x01\x00"

Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T."""


def sign(seed: bytes, digest: bytes) -> bytes:
    """Sign a SHA-512 digest."""
    expanded = hashlib.sha512(seed).digest()
    scalar = _clamped(expanded[:32])
    public = _compressed(_times(scalar, BASE))
    nonce = _hashed(expanded[32:], digest)
    commitment = _compressed(_times(nonce, BASE))
    response = (nonce + _hashed(commitment, public, digest) * scalar) % ORDER
    return commitment + response.to_bytes(32, "little")


def verify(public: bytes, digest: bytes, signature: bytes) -> None:
    """Raise InvalidSignature unless the signature is one of this key over the SHA-512 digest."""
    key, commitment = _decompressed(public), _decompressed(signature[:32])
    response = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or len(signature) != 64 or response >= ORDER:
        raise InvalidSignature
    challenge = _hashed(signature[:32], public, digest)
    expected = _compressed(_plus(commitment, _times(challenge, key)))
    if _compressed(_times(response, BASE)) != expected:
        raise InvalidSignature


def _hashed(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(DOMAIN + b"".join(parts)).digest(), "little") % ORDER


def _clamped(half: bytes) -> int:
    scalar = int.from_bytes(half, "little")
    return scalar & ((1 << 254) - 8) | (1 << 254)


def _plus(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _plus(total, point)
        point = _plus(point, point)
        scalar >>= 1
    return total


def _compressed(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decompressed(encoded: bytes) -> Point | None:
    number = int.from_bytes(encoded, "little")
    sign_bit, y = number >> 255, number & ((1 << 255) - 1)
    x = _recovered_x(y, sign_bit) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


def _recovered_x(y: int, sign_bit: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign_bit):
        return None
    return P - x if x & 1 != sign_bit else x


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _recovered_x(_BASE_Y, 0) or 0
BASE: Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)
