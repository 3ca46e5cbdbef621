# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lengths, curves and wrapping algorithms that KMS accepts for each key spec. Pure.

Source: KMS API Reference, GetParametersForImport and ImportKeyMaterial; KMS Developer Guide, "Importing key material".
"""

from __future__ import annotations

from .models import ENCRYPT_DECRYPT
from .models import GENERATE_VERIFY_MAC
from .models import KEY_AGREEMENT
from .models import OAEP_SHA_256
from .models import SIGN_VERIFY
from .models import SM2
from .models import SM2PKE
from .models import SYMMETRIC

# Exact lengths in bytes. For any other length KMS returns an InvalidCiphertextException without a message.
RAW_LENGTHS: dict[str, int] = {
    SYMMETRIC: 32,
    "HMAC_224": 28,
    "HMAC_256": 32,
    "HMAC_384": 48,
    "HMAC_512": 64,
}
# China Regions take a 128-bit SM4 key for SYMMETRIC_DEFAULT.
CHINA_SYMMETRIC_LENGTH = 16

HMAC_HASHES: dict[str, str] = {
    "HMAC_224": "sha224",
    "HMAC_256": "sha256",
    "HMAC_384": "sha384",
    "HMAC_512": "sha512",
}
RSA_BITS: dict[str, int] = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
# Names as the cryptography library spells them (SEC 2, FIPS 186).
CURVES: dict[str, str] = {
    "ECC_NIST_P256": "secp256r1",
    "ECC_NIST_P384": "secp384r1",
    "ECC_NIST_P521": "secp521r1",
    "ECC_SECG_P256K1": "secp256k1",
}
ED25519 = "ECC_NIST_EDWARDS25519"

# Which usages KMS has for a key spec.
USAGES: dict[str, tuple[str, ...]] = {
    SYMMETRIC: (ENCRYPT_DECRYPT,),
    **dict.fromkeys(HMAC_HASHES, (GENERATE_VERIFY_MAC,)),
    **dict.fromkeys(RSA_BITS, (ENCRYPT_DECRYPT, SIGN_VERIFY)),
    **dict.fromkeys(CURVES, (SIGN_VERIFY, KEY_AGREEMENT)),
    "ECC_SECG_P256K1": (SIGN_VERIFY,),
    ED25519: (SIGN_VERIFY,),
    SM2: (ENCRYPT_DECRYPT, SIGN_VERIFY, KEY_AGREEMENT),
}

# Days between ScheduleKeyDeletion and the deletion (KMS API Reference, ScheduleKeyDeletion).
DELETION_WINDOW = range(7, 31)
DEFAULT_WINDOW = 30
# Tags of one key (KMS Developer Guide, "Tags in AWS KMS").
MOST_TAGS = 50

OAEP: tuple[str, ...] = (OAEP_SHA_256, "RSAES_OAEP_SHA_1")
HYBRID: tuple[str, ...] = ("RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1")
WRAPPING_ALGORITHMS: tuple[str, ...] = OAEP + HYBRID + (SM2PKE,)
WRAPPING_KEY_SPECS: tuple[str, ...] = ("RSA_4096", "RSA_3072", "RSA_2048", SM2)


def window_problem(days: int | None) -> str | None:
    """Why this is no waiting period for ScheduleKeyDeletion, or None. None stands for the default of KMS."""
    if days is None or days in DELETION_WINDOW:
        return None
    least, most = DELETION_WINDOW[0], DELETION_WINDOW[-1]
    return f"pending_window is {days}; KMS waits between {least} and {most} days before it deletes a key"


def importable(key_spec: str) -> bool:
    """Whether KMS imports material for this key spec (not for ML_DSA and ML_KEM)."""
    return key_spec in RAW_LENGTHS or key_spec in RSA_BITS or key_spec in CURVES or key_spec in (ED25519, SM2)


def default_wrapping_algorithm(key_spec: str) -> str:
    """The strongest algorithm that KMS accepts for the key spec: an RSA private key is too long for OAEP alone."""
    return HYBRID[0] if key_spec in RSA_BITS else OAEP[0]


def wrapping_problem(key_spec: str, algorithm: str, wrapping_key_spec: str) -> str | None:
    """Why KMS would refuse this wrapping for this key spec, or None.

    Source: the table of the Developer Guide. The service is stricter than the table for ECC_NIST_EDWARDS25519 with OAEP
    under RSA_2048.
    """
    if algorithm == SM2PKE or wrapping_key_spec == SM2:
        return _sm2_problem(algorithm, wrapping_key_spec)
    if key_spec in RAW_LENGTHS and algorithm in HYBRID:
        return f"{algorithm} wraps private keys only; use {OAEP[0]}"
    if key_spec in RSA_BITS and algorithm in OAEP:
        return f"an RSA private key does not fit into {algorithm}; use {HYBRID[0]}"
    if key_spec in ("ECC_NIST_P521", ED25519) and algorithm in OAEP and wrapping_key_spec == "RSA_2048":
        return f"{algorithm} needs the wrapping key spec RSA_3072 or RSA_4096 for this key, or use {HYBRID[0]}"
    return None


def _sm2_problem(algorithm: str, wrapping_key_spec: str) -> str | None:
    if (algorithm, wrapping_key_spec) != (SM2PKE, SM2):
        return f"{SM2PKE} and the wrapping key spec {SM2} need each other"
    return (
        f"this collection cannot wrap material with {SM2PKE}; wrap it with another tool, and give it as "
        "encrypted_key_material with its import_token"
    )
