# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cryptographic operations, on keys whose state has been checked."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric import utils

from kms_emulator import ciphertext
from kms_emulator import ed25519ph
from kms_emulator import material
from kms_emulator import specs
from kms_emulator.errors import KmsError
from kms_emulator.errors import invalid_ciphertext
from kms_emulator.errors import invalid_key_usage
from kms_emulator.errors import validation
from kms_emulator.key import EmulatedKey

HASHES: dict[str, Any] = {"224": hashes.SHA224, "256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
PREHASHED = "ED25519_PH_SHA_512"


def require_algorithm(key: EmulatedKey, algorithm: str) -> None:
    """Refuse an algorithm that the key cannot do (the text is quoted by several emulators)."""
    for names in specs.algorithm_lists(key.key_spec, key.key_usage).values():
        if algorithm in names:
            return
    raise invalid_key_usage(f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}.")


def require_usage(key: EmulatedKey, usage: str, operation: str) -> None:
    """Refuse a key made for something else (the text is quoted by several emulators)."""
    if key.key_usage != usage:
        raise invalid_key_usage(f"{key.arn} key usage is {key.key_usage} which is not valid for {operation}.")


# -- encryption -------------------------------------------------------------------------------------------------


def seal(
    key: EmulatedKey,
    plaintext: bytes,
    context: dict[str, str],
    algorithm: str = specs.SYMMETRIC,
    prefix: bytes = ciphertext.BY_ENCRYPT,
) -> bytes:
    """Encrypt with the current material."""
    if not key.is_symmetric:
        return _seal_rsa(key, plaintext, algorithm)
    current = key.lineage.current
    material_id = current.material_id if current else ""
    return ciphertext.seal(key.current_secret(), material_id, plaintext, context, prefix)


def unseal(key: EmulatedKey, blob: ciphertext.Blob, context: dict[str, str]) -> bytes:
    """Decrypt with whichever material the blob names."""
    entry = key.lineage.find(blob.material_id)
    secret = key.copy_of(entry).secret if entry else None
    if secret is None:
        raise invalid_ciphertext()
    return ciphertext.unseal(secret, blob, context)


def unseal_rsa(key: EmulatedKey, blob: bytes, algorithm: str) -> bytes:
    try:
        return _rsa_key(key).decrypt(blob, _oaep(algorithm))
    except ValueError:
        raise invalid_ciphertext() from None


def _seal_rsa(key: EmulatedKey, plaintext: bytes, algorithm: str) -> bytes:
    private = _rsa_key(key)
    room = private.key_size // 8 - 2 * _oaep_hash(algorithm).digest_size - 2
    if len(plaintext) > room:
        raise validation(
            f"Algorithm {algorithm} and key spec {key.key_spec} cannot encrypt data larger than {room} bytes."
        )
    return private.public_key().encrypt(plaintext, _oaep(algorithm))


def _oaep_hash(algorithm: str) -> Any:
    return hashes.SHA256() if algorithm.endswith("SHA_256") else hashes.SHA1()  # noqa: S303


def _oaep(algorithm: str) -> padding.OAEP:
    digest = _oaep_hash(algorithm)
    return padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)


def _rsa_key(key: EmulatedKey) -> rsa.RSAPrivateKey:
    return material.private_key(key.current_secret())  # type: ignore[return-value]


# -- MACs -------------------------------------------------------------------------------------------------------


def mac(key: EmulatedKey, message: bytes, algorithm: str) -> bytes:
    return hmac.new(key.current_secret(), message, getattr(hashlib, f"sha{algorithm[-3:]}")).digest()


# -- signatures -------------------------------------------------------------------------------------------------


def sign(key: EmulatedKey, message: bytes, algorithm: str, message_type: str) -> bytes:
    private = material.private_key(key.current_secret())
    _check_message(message, algorithm, message_type)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        seed = private.private_bytes_raw()
        return ed25519ph.sign(seed, message) if algorithm == PREHASHED else private.sign(message)
    scheme = _scheme(algorithm, message_type)
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(message, _rsa_padding(algorithm), scheme)
    return private.sign(message, ec.ECDSA(scheme))


def verify(key: EmulatedKey, message: bytes, signature: bytes, algorithm: str, message_type: str) -> None:
    """Refuse a signature that is not one."""
    public = material.private_key(key.current_secret()).public_key()
    _check_message(message, algorithm, message_type)
    try:
        _verify(public, message, signature, algorithm, message_type)
    except InvalidSignature:
        raise KmsError("KMSInvalidSignatureException") from None


def _verify(public: Any, message: bytes, signature: bytes, algorithm: str, message_type: str) -> None:
    if algorithm == PREHASHED:
        ed25519ph.verify(public.public_bytes_raw(), message, signature)
    elif isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(signature, message)
    elif isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, message, _rsa_padding(algorithm), _scheme(algorithm, message_type))
    else:
        public.verify(signature, message, ec.ECDSA(_scheme(algorithm, message_type)))


def _check_message(message: bytes, algorithm: str, message_type: str) -> None:
    """Ed25519 takes messages, its prehashed form takes digests, everything else takes both."""
    wanted = {PREHASHED: "DIGEST", "ED25519_SHA_512": "RAW"}.get(algorithm, message_type)
    if message_type != wanted or message_type == "EXTERNAL_MU":
        raise validation(f"Message type {message_type} is incompatible with algorithm {algorithm}.")
    if message_type == "DIGEST" and len(message) != HASHES[algorithm[-3:]].digest_size:
        raise validation(f"Digest is invalid length for algorithm {algorithm}.")


def _scheme(algorithm: str, message_type: str) -> Any:
    digest = HASHES[algorithm[-3:]]()
    return utils.Prehashed(digest) if message_type == "DIGEST" else digest


def _rsa_padding(algorithm: str) -> Any:
    if "PSS" not in algorithm:
        return padding.PKCS1v15()
    return padding.PSS(mgf=padding.MGF1(HASHES[algorithm[-3:]]()), salt_length=padding.PSS.DIGEST_LENGTH)


# -- public keys and agreement ----------------------------------------------------------------------------------


def public_der(private: Any) -> bytes:
    encoded: bytes = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def public_key(key: EmulatedKey) -> bytes:
    return public_der(material.private_key(key.current_secret()))


def derive_shared_secret(key: EmulatedKey, peer_der: bytes) -> bytes:
    private: Any = material.private_key(key.current_secret())
    try:
        peer = serialization.load_der_public_key(peer_der)
        secret: bytes = private.exchange(ec.ECDH(), peer)
        return secret
    except (ValueError, TypeError):
        # Which text KMS sends is not known.
        raise validation("The public key does not suit the KMS key.") from None
