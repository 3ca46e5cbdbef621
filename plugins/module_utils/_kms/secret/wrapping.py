# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrap material for ImportKeyMaterial. Pure: bytes in, bytes out.

Source: KMS Developer Guide, "Encrypt the key material"; RFC 8017 (OAEP), RFC 5649 (AES key wrap with padding).
"""

from __future__ import annotations

import os
from typing import Any

from ..key import specs

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import keywrap
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key
except ImportError:
    # material.require_cryptography() says so in a sentence before anything gets here.
    pass

_ONE_TIME_KEY_BYTES = 32


def wrap(plaintext: bytes, public_key: bytes, algorithm: str) -> bytes:
    """EncryptedKeyMaterial for the public key (DER SubjectPublicKeyInfo) of GetParametersForImport.

    Raises ValueError for an algorithm that is not one of OAEP and HYBRID, or material too long for it.
    """
    wrapping_key: Any = load_der_public_key(public_key)
    if algorithm in specs.OAEP:
        return _oaep(wrapping_key, plaintext, algorithm)
    if algorithm in specs.HYBRID:
        one_time_key = os.urandom(_ONE_TIME_KEY_BYTES)
        wrapped = keywrap.aes_key_wrap_with_padding(one_time_key, plaintext)
        # The order matters: the encrypted one-time key stands first.
        return _oaep(wrapping_key, one_time_key, algorithm) + wrapped
    raise ValueError(f"material cannot be wrapped with {algorithm} here")


def wrapping_key_problem(public_key: bytes, wrapping_key_spec: str) -> str | None:
    """What of a wrapping key (DER SubjectPublicKeyInfo) is not as asked for (RSA_2048, RSA_3072 or RSA_4096), or None.

    The public exponent is odd and between 2**16 and 2**256 (FIPS 186-5, A.1.1); that of KMS is 65537.
    """
    try:
        key: Any = load_der_public_key(public_key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "holds no public key"
    if not isinstance(key, rsa.RSAPublicKey):
        return f"holds no RSA key, though {wrapping_key_spec} was asked for"
    if key.key_size != specs.RSA_BITS.get(wrapping_key_spec):
        return f"holds an RSA key of {key.key_size} bits, though {wrapping_key_spec} was asked for"
    exponent = key.public_numbers().e
    if exponent % 2 == 0 or not 1 << 16 < exponent < 1 << 256:
        return "holds an RSA key with a public exponent that is not odd and 65537 or more"
    return None


def _oaep(wrapping_key: Any, plaintext: bytes, algorithm: str) -> bytes:
    # KMS wants the same hash for OAEP and for MGF1; other libraries default to SHA-1 for the latter.
    digest: hashes.HashAlgorithm = hashes.SHA256() if algorithm.endswith("SHA_256") else hashes.SHA1()  # noqa: S303
    encrypted: bytes = wrapping_key.encrypt(
        plaintext, padding.OAEP(mgf=padding.MGF1(algorithm=digest), algorithm=digest, label=None)
    )
    return encrypted
