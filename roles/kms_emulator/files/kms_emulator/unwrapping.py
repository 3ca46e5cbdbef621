# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unwraps key material, as the HSM behind KMS does."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa

from kms_emulator import specs
from kms_emulator.errors import invalid_ciphertext
from kms_emulator.errors import validation


def unwrap(private: rsa.RSAPrivateKey, algorithm: str, blob: bytes) -> bytes:
    """The plaintext; the hash of the algorithm serves OAEP and its mask generation alike."""
    modulus_length = private.key_size // 8
    hybrid = algorithm in specs.HYBRID
    # Whether a length that cannot be right is told apart from one that does not unwrap is not settled by AWS's
    # own answers; the text is one that another emulator quotes.
    if len(blob) <= modulus_length if hybrid else len(blob) != modulus_length:
        raise validation("Invalid encrypted key size.")
    first = _unwrap_oaep(private, algorithm, blob[:modulus_length])
    return _unwrap_aes(first, blob[modulus_length:]) if hybrid else first


def _unwrap_oaep(private: rsa.RSAPrivateKey, algorithm: str, blob: bytes) -> bytes:
    digest = hashes.SHA256() if algorithm.endswith("SHA_256") else hashes.SHA1()  # noqa: S303
    try:
        return private.decrypt(blob, padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None))
    except ValueError:
        raise invalid_ciphertext() from None


def _unwrap_aes(wrapping_key: bytes, blob: bytes) -> bytes:
    """AES key wrap with padding, under the AES-256 key that stood in front."""
    if len(wrapping_key) != 32:
        raise invalid_ciphertext()
    try:
        return keywrap.aes_key_unwrap_with_padding(wrapping_key, blob)
    except (keywrap.InvalidUnwrap, ValueError):
        raise invalid_ciphertext() from None
