# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material that can be guessed is refused, and random material never is."""

from __future__ import annotations

import base64
import hashlib

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import ALLOWABLE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import SYMMETRIC
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import WEAK_MATERIAL
from ansible_collections.byok.aws.plugins.module_utils._kms.key.specs import RAW_LENGTHS
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import weakness
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import Secret
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import check
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import INVALID_INPUT
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import CURVES
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import encoded
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import everything_said
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import leaks
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_private_key
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import rsa

ED25519 = "ECC_NIST_EDWARDS25519"


def random_bytes(length, number=0):
    """Like random bytes, but the same in every run."""
    return hashlib.shake_256(b"weakness %d %d" % (length, number)).digest(length)


def ramp(length, first=0, step=1):
    return bytes((first + step * number) % 256 for number in range(length))


def curve_key(key_spec, scalar):
    return check(encoded(ec.derive_private_key(scalar, CURVES[key_spec]())), key_spec, "alias/x")


def order(key_spec):
    return weakness._ORDERS[key_spec]


@pytest.mark.parametrize(("key_spec", "length"), [*RAW_LENGTHS.items(), (SYMMETRIC, 16)])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (bytes, "alike"),
        (lambda length: b"\xff" * length, "alike"),
        (lambda length: b"a" * length, "alike"),
        (ramp, "a sequence"),
        (lambda length: ramp(length, 200, 3), "a sequence"),
        (lambda length: ramp(length, 5, -1), "a sequence"),
        (lambda length: (b"\x00\xff" * length)[:length], "the same 2 bytes"),
        (lambda length: (b"\xde\xad\xbe\xef" * length)[:length], "the same 4 bytes"),
        (lambda length: (random_bytes(7) * length)[:length], "the same 7 bytes"),
        (lambda length: random_bytes(length // 2) * 2, "bytes over and over"),
        (lambda length: random_bytes(length).hex().encode()[:length], "hexadecimal digits, which are"),
        (lambda length: random_bytes(length).hex().upper().encode()[:length], "hexadecimal digits, which are"),
        (lambda length: base64.b64encode(random_bytes(length))[:length], "is text of"),
        (lambda length: b"correct horse battery staple, and on and on until it is long enough!"[:length], "is text of"),
        (lambda length: "".join(chr(0x3B1 + byte % 24) for byte in random_bytes(length // 2)).encode(), "is text of"),
        (lambda length: random_bytes(length).hex().encode()[: length - 1] + b"\n", "hexadecimal digits"),
        (
            lambda length: b"pass phrase no. 42 and so on until it is long enough for every key"[: length - 1] + b"\n",
            "text",
        ),
    ],
)
def test_raw_material_that_can_be_guessed(key_spec, length, make, said):
    content = make(length)
    assert len(content) == length
    assert said in weakness.weakness(Secret(content), key_spec)


def test_hexadecimal_digits_are_counted_in_bits():
    text = random_bytes(16).hex().encode()
    assert "32 hexadecimal digits, which are 128 bits and not 256" in weakness.weakness(Secret(text), SYMMETRIC)


@pytest.mark.parametrize("exponent", [3, 17, 257, 65535])
def test_rsa_exponents_under_65537(exponent):
    p, q = rsa_private_key(2048).private_numbers().p, rsa_private_key(2048).private_numbers().q
    # The primes of the tests need not suit every exponent: what is checked is the public one.
    numbers = rsa.RSAPublicNumbers(exponent, p * q)

    class Key:
        def public_key(self):
            return numbers.public_key()

    assert f"exponent is {exponent}" in weakness.weakness(Secret(b"", Key()), "RSA_2048")


@pytest.mark.parametrize("key_spec", CURVES)
def test_the_order_is_that_of_the_curve(key_spec):
    """The last scalar has the x coordinate of the first."""
    first, last = (ec.derive_private_key(one, CURVES[key_spec]()) for one in (1, order(key_spec) - 1))
    assert first.public_key().public_numbers().x == last.public_key().public_numbers().x


@pytest.mark.parametrize("key_spec", CURVES)
@pytest.mark.parametrize(
    "make",
    [
        lambda size, whole: 1,
        lambda size, whole: 2,
        lambda size, whole: 1 << 64,
        lambda size, whole: (1 << size // 2) - 1,
        lambda size, whole: whole - 1,
        lambda size, whole: whole - 2,
        lambda size, whole: whole - (1 << 64),
        lambda size, whole: int.from_bytes(b"\x11" * (size // 8), "big"),
        lambda size, whole: int.from_bytes(ramp(size // 8, 1), "big"),
        lambda size, whole: int.from_bytes(random_bytes(64).hex().encode()[: size // 8], "big"),
        lambda size, whole: int.from_bytes((b"correct horse battery staple! " * 3)[: size // 8], "big"),
    ],
)
def test_scalars_that_can_be_guessed(key_spec, make):
    secret = curve_key(key_spec, make(order(key_spec).bit_length(), order(key_spec)))
    assert "scalar" in weakness.weakness(secret, key_spec)


@pytest.mark.parametrize("seed", [bytes(32), b"\xff" * 32, ramp(32), b"correct horse battery staple !!!"])
def test_seeds_that_can_be_guessed(seed):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    assert weakness.weakness(check(encoded(key), ED25519, "alias/x"), ED25519)


@pytest.mark.parametrize("number", range(300))
def test_random_material_is_never_refused(number):
    for key_spec, length in [*RAW_LENGTHS.items(), (SYMMETRIC, 16)]:
        assert weakness.weakness(Secret(random_bytes(length, number)), key_spec) is None


def test_random_private_keys_are_never_refused():
    assert weakness.weakness(Secret(b"", rsa_private_key(2048)), "RSA_2048") is None
    for number in range(20):
        for key_spec in CURVES:
            scalar = int.from_bytes(random_bytes(80, number), "big") % order(key_spec)
            assert weakness.weakness(curve_key(key_spec, scalar), key_spec) is None
        key = ed25519.Ed25519PrivateKey.from_private_bytes(random_bytes(32, number))
        assert weakness.weakness(Secret(b"", key), ED25519) is None


@pytest.mark.parametrize("content", [bytes(32), b"correct horse battery staple !!!", random_bytes(16).hex().encode()])
def test_the_sentence_names_the_key_and_the_way_out_and_no_byte(content):
    with pytest.raises(AnsibleKMSError) as caught:
        weakness.refuse_weak(Secret(content), SYMMETRIC, frozenset(ALLOWABLE) - {WEAK_MATERIAL}, "alias/x")
    assert caught.value.code == INVALID_INPUT
    for piece in ("alias/x", "can be guessed", "openssl rand 32", "set allow to weak_material"):
        assert piece in caught.value.sentence
    assert content == bytes(32) or leaks(everything_said(caught.value), content) == []
    weakness.refuse_weak(Secret(content), SYMMETRIC, frozenset({WEAK_MATERIAL}), "alias/x")
