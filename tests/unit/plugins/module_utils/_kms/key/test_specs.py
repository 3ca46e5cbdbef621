# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wrapping matrix of the Developer Guide, sharpened by recorded answers, cell by cell."""

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key import specs
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import SYMMETRIC

SHA256, SHA1 = "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"
HYBRID256, HYBRID1 = "RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1"
RAW = (SYMMETRIC, "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512")
RSA = ("RSA_2048", "RSA_3072", "RSA_4096")
ECC = ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_SECG_P256K1")
ECC_TIGHT = ("ECC_NIST_P521", "ECC_NIST_EDWARDS25519")

# Per kind of material: for OAEP and HYBRID, whether KMS takes it under RSA_2048, RSA_3072, RSA_4096.
MATRIX = (
    (RAW, "+++", "---"),
    (RSA, "---", "+++"),
    (ECC, "+++", "+++"),
    (ECC_TIGHT, "-++", "+++"),
)
CELLS = [
    (key_spec, algorithm, wrapping_key_spec, taken == "+")
    for key_specs, oaep, hybrid in MATRIX
    for key_spec in key_specs
    for algorithms, row in (((SHA256, SHA1), oaep), ((HYBRID256, HYBRID1), hybrid))
    for algorithm in algorithms
    for wrapping_key_spec, taken in zip(RSA, row)
]


def test_the_matrix_is_whole():
    assert len(CELLS) == 13 * 4 * 3


@pytest.mark.parametrize(("key_spec", "algorithm", "wrapping_key_spec", "taken"), CELLS)
def test_wrapping_matrix(key_spec, algorithm, wrapping_key_spec, taken):
    problem = specs.wrapping_problem(key_spec, algorithm, wrapping_key_spec)
    assert (problem is None) is taken
    # A refusal names what was chosen and a way out that is accepted.
    assert taken or algorithm in str(problem)
    ways_out = [other for other in (SHA256, HYBRID256) if other != algorithm and other in str(problem)]
    assert taken or any(specs.wrapping_problem(key_spec, other, "RSA_4096") is None for other in ways_out)


@pytest.mark.parametrize("key_spec", RAW + RSA + ECC + ECC_TIGHT)
def test_the_default_is_the_strongest_that_kms_takes(key_spec):
    default = specs.default_wrapping_algorithm(key_spec)
    assert default == (HYBRID256 if key_spec in RSA else SHA256)
    assert specs.WRAPPING_KEY_SPECS[0] == "RSA_4096"
    assert specs.wrapping_problem(key_spec, default, "RSA_4096") is None


@pytest.mark.parametrize("key_spec", RAW + RSA + ECC + ECC_TIGHT + ("SM2",))
@pytest.mark.parametrize(
    ("algorithm", "wrapping_key_spec", "said"),
    [
        ("SM2PKE", "SM2", "encrypted_key_material with its import_token"),
        ("SM2PKE", "RSA_4096", "need each other"),
        (SHA256, "SM2", "need each other"),
        (HYBRID256, "SM2", "need each other"),
    ],
)
def test_sm2pke_is_for_wrapped_material(key_spec, algorithm, wrapping_key_spec, said):
    assert said in str(specs.wrapping_problem(key_spec, algorithm, wrapping_key_spec))


@pytest.mark.parametrize(
    ("key_spec", "importable"),
    [(one, True) for one in RAW + RSA + ECC + ECC_TIGHT + ("SM2",)]
    + [
        (one, False)
        for one in ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024", "", "RSA_1024")
    ],
)
def test_importable(key_spec, importable):
    assert specs.importable(key_spec) is importable


def test_lengths_and_hashes():
    assert specs.RAW_LENGTHS == {SYMMETRIC: 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
    assert specs.CHINA_SYMMETRIC_LENGTH == 16
    assert {f"HMAC_{bits}": f"sha{bits}" for bits in (224, 256, 384, 512)} == specs.HMAC_HASHES
    assert {f"RSA_{bits}": bits for bits in (2048, 3072, 4096)} == specs.RSA_BITS


def test_choices_are_those_of_the_api():
    assert set(specs.WRAPPING_ALGORITHMS) == {SHA256, SHA1, HYBRID256, HYBRID1, "SM2PKE"}
    assert set(specs.WRAPPING_KEY_SPECS) == {*RSA, "SM2"}
