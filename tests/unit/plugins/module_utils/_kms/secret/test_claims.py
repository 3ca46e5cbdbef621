# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of wrapped material, against the libraries alone."""

from __future__ import annotations

import hmac

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.claims import claims_of
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import check
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PRIVATE_KEY = ec.generate_private_key(ec.SECP256R1())
DER = PRIVATE_KEY.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
SPKI = PRIVATE_KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
RAW = bytes(range(7, 39))
MESSAGE = b"byok.aws proof 1\0" + ARN.encode()


@pytest.mark.parametrize(
    ("key_spec", "content", "proof"),
    [
        ("SYMMETRIC_DEFAULT", RAW, None),
        ("HMAC_256", RAW, hmac.digest(RAW, MESSAGE, "sha256")),
        ("HMAC_512", RAW * 2, hmac.digest(RAW * 2, MESSAGE, "sha512")),
        ("ECC_NIST_P256", DER, SPKI),
    ],
    ids=["symmetric", "HMAC_256", "HMAC_512", "elliptic curve"],  # workers compare the names, and DER differs in each
)
def test_claims(key_spec: str, content: bytes, proof: bytes | None) -> None:
    info = b"byok.aws fingerprint 1\x00111122223333\x001234abcd-12ab-34cd-56ef-1234567890ab"

    claims = claims_of(check(content, key_spec, ARN), ARN, key_spec)

    assert claims.proof == proof
    assert claims.fingerprint == HKDF(hashes.SHA256(), 16, None, info).derive(content).hex()
    assert len(claims.check_value or "") == 10
