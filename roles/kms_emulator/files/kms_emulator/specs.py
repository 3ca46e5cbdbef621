# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a key spec implies: usages, algorithms, the length of its material and how that may be wrapped."""

from __future__ import annotations

SYMMETRIC = "SYMMETRIC_DEFAULT"
EXTERNAL = "EXTERNAL"

ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
SIGN_VERIFY = "SIGN_VERIFY"
GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"
KEY_AGREEMENT = "KEY_AGREEMENT"

OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
HYBRID = ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")
RSA_SPECS = ("RSA_2048", "RSA_3072", "RSA_4096")
SECRET_LENGTHS = {SYMMETRIC: 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}

RSA_SIGNING = [f"RSASSA_{scheme}_SHA_{size}" for scheme in ("PKCS1_V1_5", "PSS") for size in (256, 384, 512)]
SIGNING = {
    "ECC_NIST_P256": ["ECDSA_SHA_256"],
    "ECC_SECG_P256K1": ["ECDSA_SHA_256"],
    "ECC_NIST_P384": ["ECDSA_SHA_384"],
    "ECC_NIST_P521": ["ECDSA_SHA_512"],
    "ECC_NIST_EDWARDS25519": ["ED25519_PH_SHA_512", "ED25519_SHA_512"],
    **dict.fromkeys(RSA_SPECS, RSA_SIGNING),
}
AGREEING = ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521")


def is_rsa(spec: str) -> bool:
    return spec.startswith("RSA_")


def is_hmac(spec: str) -> bool:
    return spec.startswith("HMAC_")


def is_asymmetric(spec: str) -> bool:
    return spec in SIGNING


def kind(spec: str) -> str:
    """What KMS calls the type of a key."""
    return "asymmetric" if is_asymmetric(spec) else "HMAC" if is_hmac(spec) else "symmetric"


def is_supported(spec: str) -> bool:
    """Whether the emulator has the cryptography; SM2, ML-DSA and ML-KEM it has not."""
    return spec in SECRET_LENGTHS or spec in SIGNING


def usages(spec: str) -> tuple[str, ...]:
    """The usages a key of this spec may be created for."""
    if spec == SYMMETRIC:
        return (ENCRYPT_DECRYPT,)
    if is_hmac(spec):
        return (GENERATE_VERIFY_MAC,)
    if is_rsa(spec):
        return (ENCRYPT_DECRYPT, SIGN_VERIFY)
    return (SIGN_VERIFY, KEY_AGREEMENT) if spec in AGREEING else (SIGN_VERIFY,)


def algorithm_lists(spec: str, usage: str) -> dict[str, list[str]]:
    """The list of algorithms that DescribeKey and GetPublicKey show for a key, under its name."""
    if usage == GENERATE_VERIFY_MAC:
        return {"MacAlgorithms": [spec.replace("HMAC_", "HMAC_SHA_")]}
    if usage == KEY_AGREEMENT:
        return {"KeyAgreementAlgorithms": ["ECDH"]}
    if usage == SIGN_VERIFY:
        return {"SigningAlgorithms": list(SIGNING.get(spec, []))}
    return {"EncryptionAlgorithms": [SYMMETRIC] if spec == SYMMETRIC else list(OAEP)}


def can_wrap(spec: str, algorithm: str, wrapping_spec: str) -> bool:
    """Whether KMS hands out this choice for importing into a key of this spec."""
    if wrapping_spec not in RSA_SPECS:
        return False
    if spec in SECRET_LENGTHS:
        return algorithm in OAEP
    if is_rsa(spec):
        return algorithm in HYBRID
    if algorithm in HYBRID:
        return True
    # P-521 does not fit into RSA_2048; Ed25519 would, and is refused nevertheless (seen with SHA-256,
    # taken to hold for SHA-1 too).
    small = spec in ("ECC_NIST_P521", "ECC_NIST_EDWARDS25519") and wrapping_spec == "RSA_2048"
    return algorithm in OAEP and not small
