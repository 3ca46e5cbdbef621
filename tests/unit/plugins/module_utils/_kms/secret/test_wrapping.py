# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrapped material is unwrapped again with the private half, by the letter of RFC 8017 and RFC 5649."""

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import wrapping
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import encoded
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import encoded_public
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import everything_said
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import leaks
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import private_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_private_key
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import PublicFormat

OAEP = {"RSAES_OAEP_SHA_256": hashes.SHA256(), "RSAES_OAEP_SHA_1": hashes.SHA1()}  # noqa: S303
HYBRID = {"RSA_AES_KEY_WRAP_SHA_256": hashes.SHA256(), "RSA_AES_KEY_WRAP_SHA_1": hashes.SHA1()}  # noqa: S303
PLAINTEXT = bytes(range(32))
BITS = (2048, 3072, 4096)


def oaep(digest, mgf_digest=None):
    return padding.OAEP(mgf=padding.MGF1(algorithm=mgf_digest or digest), algorithm=digest, label=None)


def public(bits):
    return encoded_public(rsa_private_key(bits))


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("algorithm", OAEP)
def test_oaep_round_trip(algorithm, bits):
    blob = wrapping.wrap(PLAINTEXT, public(bits), algorithm)
    assert len(blob) == bits // 8
    assert rsa_private_key(bits).decrypt(blob, oaep(OAEP[algorithm])) == PLAINTEXT


@pytest.mark.parametrize("algorithm", [*OAEP, *HYBRID])
@pytest.mark.parametrize(
    ("digest", "mgf_digest"),
    [(digest, mgf_digest) for digest in OAEP.values() for mgf_digest in OAEP.values()],
    ids=lambda digest: digest.name,
)
def test_the_algorithm_names_the_hash_of_oaep_and_of_mgf1(algorithm, digest, mgf_digest):
    named = {**OAEP, **HYBRID}[algorithm]
    head = wrapping.wrap(PLAINTEXT, public(2048), algorithm)[:256]
    right = digest.name == mgf_digest.name == named.name
    if right:
        assert len(rsa_private_key(2048).decrypt(head, oaep(digest, mgf_digest))) == 32
    else:
        with pytest.raises(ValueError, match=r".*"):
            rsa_private_key(2048).decrypt(head, oaep(digest, mgf_digest))


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("algorithm", HYBRID)
@pytest.mark.parametrize("key_spec", ["RSA_2048", "RSA_4096", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519"])
def test_hybrid_has_the_one_time_key_first_and_the_material_behind_it(key_spec, algorithm, bits):
    plaintext = encoded(private_key(key_spec))
    blob = wrapping.wrap(plaintext, public(bits), algorithm)
    head, tail = blob[: bits // 8], blob[bits // 8 :]
    one_time_key = rsa_private_key(bits).decrypt(head, oaep(HYBRID[algorithm]))
    assert len(one_time_key) == 32
    assert len(tail) == 8 + (len(plaintext) + 7) // 8 * 8
    assert keywrap.aes_key_unwrap_with_padding(one_time_key, tail) == plaintext
    assert len(blob) <= 6144


@pytest.mark.parametrize(
    ("plaintext", "wrapped"),
    [
        (
            "c37b7e6492584340bed12207808941155068f738",
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
        ),
        ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
    ],
)
def test_hybrid_against_the_vectors_of_rfc_5649(monkeypatch, plaintext, wrapped):
    key = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
    monkeypatch.setattr(wrapping.os, "urandom", lambda length: key)
    blob = wrapping.wrap(bytes.fromhex(plaintext), public(2048), "RSA_AES_KEY_WRAP_SHA_256")
    assert blob[256:].hex() == wrapped
    assert rsa_private_key(2048).decrypt(blob[:256], oaep(hashes.SHA256())) == key


@pytest.mark.parametrize("algorithm", [*OAEP, *HYBRID])
def test_no_two_blobs_are_the_same(algorithm):
    blobs = [wrapping.wrap(PLAINTEXT, public(2048), algorithm) for _repetition in range(3)]
    assert len({blob[:256] for blob in blobs}) == 3
    assert len({blob[256:] for blob in blobs}) == (1 if algorithm in OAEP else 3)


@pytest.mark.parametrize(
    ("bits", "algorithm", "capacity"),
    [
        (2048, "RSAES_OAEP_SHA_256", 190),
        (2048, "RSAES_OAEP_SHA_1", 214),
        (3072, "RSAES_OAEP_SHA_256", 318),
        (3072, "RSAES_OAEP_SHA_1", 342),
        (4096, "RSAES_OAEP_SHA_256", 446),
        (4096, "RSAES_OAEP_SHA_1", 470),
    ],
)
def test_capacity_of_oaep(bits, algorithm, capacity):
    full = bytes(number % 251 for number in range(capacity))
    blob = wrapping.wrap(full, public(bits), algorithm)
    assert rsa_private_key(bits).decrypt(blob, oaep(OAEP[algorithm])) == full
    with pytest.raises(ValueError, match=r".*") as caught:
        wrapping.wrap(full + b"\x00", public(bits), algorithm)
    assert leaks(everything_said(caught.value), full) == []


@pytest.mark.parametrize("key_spec", ["RSA_2048", "RSA_3072", "RSA_4096"])
def test_an_rsa_private_key_fits_into_no_oaep(key_spec):
    plaintext = encoded(private_key(key_spec))
    for algorithm in OAEP:
        with pytest.raises(ValueError, match=r".*") as caught:
            wrapping.wrap(plaintext, public(4096), algorithm)
        assert leaks(everything_said(caught.value), plaintext) == []


@pytest.mark.parametrize("algorithm", ["SM2PKE", "RSAES_PKCS1_V1_5", "", "rsaes_oaep_sha_256"])
def test_other_algorithms_are_refused_by_name(algorithm):
    with pytest.raises(ValueError, match="cannot be wrapped with") as caught:
        wrapping.wrap(PLAINTEXT, public(2048), algorithm)
    assert algorithm in str(caught.value)
    assert leaks(everything_said(caught.value), PLAINTEXT) == []


def with_exponent(exponent, bits=4096):
    """A public key with another exponent; where the library makes none, the last byte is changed behind its back."""
    modulus = rsa_private_key(bits).public_key().public_numbers().n
    possible = rsa.RSAPublicNumbers(max(exponent | 1, 3), modulus).public_key()
    encoding = possible.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoding[:-1] + (exponent & 0xFF).to_bytes(1, "big")


@pytest.mark.parametrize("bits", BITS)
def test_the_wrapping_key_that_was_asked_for_has_no_problem(bits):
    assert wrapping.wrapping_key_problem(public(bits), f"RSA_{bits}") is None
    assert wrapping.wrapping_key_problem(with_exponent(2**17 + 1, bits), f"RSA_{bits}") is None


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (public(2048), "of 2048 bits, though RSA_4096"),
        (public(3072), "of 3072 bits, though RSA_4096"),
        (encoded_public(private_key("ECC_NIST_P256")), "no RSA key"),
        (encoded_public(private_key("ECC_NIST_EDWARDS25519")), "no RSA key"),
        (with_exponent(3), "exponent"),
        (with_exponent(257), "exponent"),
        (with_exponent(65535), "exponent"),
        (with_exponent(2**256 + 1), "exponent"),
        # Some versions of the library take such a key for none at all.
        (with_exponent(1), "holds"),
        (with_exponent(65538), "holds"),
        (b"", "holds no public key"),
        (b"\x30\x80", "holds no public key"),
        (encoded(private_key("RSA_2048")), "holds no public key"),
    ],
)
def test_wrapping_keys_that_were_not_asked_for(key, said):
    assert said in wrapping.wrapping_key_problem(key, "RSA_4096")
