# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key objects of two real tokens: they wrap and prove what the bytes would, and what goes wrong is a sentence."""

from __future__ import annotations

import hashlib
import hmac
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import Callable

import pytest
import tokens
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import material
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import token
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import Secret
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.token import TokenRequest
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from crash import in_a_process
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa

pkcs11 = pytest.importorskip("pkcs11")

SHA_1, SHA_256 = "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"
SPECS = ["SYMMETRIC_DEFAULT", "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"]
ACCOUNT, KEY = "111122223333", "1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> tokens.Lab:
    lab = tokens.softhsm(tmp_path_factory.mktemp("softhsm"))
    if lab is None:
        pytest.skip("SoftHSM is not installed")
    return lab


@pytest.fixture
def nss() -> Iterator[tuple[tokens.Lab, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        lab = tokens.nss(Path(folder))
        if lab is None:
            pytest.skip("NSS or p11-kit is not installed")
        yield lab, Path(folder)


@pytest.fixture(scope="module")
def wrapping_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


def request(lab: tokens.Lab, label: str, generate: bool = False, **others: Any) -> TokenRequest:
    return TokenRequest(**{**lab.options(key_label=label, generate=generate), **others})


def plaintext(wrapping_key: rsa.RSAPrivateKey, blob: bytes, algorithm: str) -> bytes:
    digest = hashes.SHA256() if algorithm == SHA_256 else hashes.SHA1()  # noqa: S303
    return wrapping_key.decrypt(blob, padding.OAEP(padding.MGF1(digest), digest, None))


def spki(wrapping_key: rsa.RSAPrivateKey) -> bytes:
    return wrapping_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def agrees(lab: tokens.Lab, wrapping_key: rsa.RSAPrivateKey, spec: str, algorithm: str) -> dict[str, Any]:
    """Whether a new key object does what its bytes, which come out wrapped only, would do."""
    found = token.find_key(request(lab, f"new {spec}", generate=True), spec, "alias/k")
    content = plaintext(wrapping_key, found.wrapped_for(spki(wrapping_key), algorithm), algorithm)
    again = token.find_key(request(lab, f"new {spec}", generate=True), spec, "alias/k")
    bytes_again = plaintext(wrapping_key, again.wrapped_for(spki(wrapping_key), algorithm), algorithm)
    if spec == "SYMMETRIC_DEFAULT":
        proof = found.fingerprint(ACCOUNT, KEY) == material.cmac_fingerprint(Secret(content), ACCOUNT, KEY)
    else:
        name = f"sha{spec.removeprefix('HMAC_')}"
        proof = found.mac(b"message", name) == hmac.new(content, b"message", getattr(hashlib, name)).digest()
    sealed = found.seal("a") != found.seal("b") and found.seal("a") == again.seal("a") and len(found.seal("a")) == 32
    return {"length": len(content), "kept": content == bytes_again, "proof": proof, "sealed": sealed}


LENGTHS = {"SYMMETRIC_DEFAULT": 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}


@pytest.mark.parametrize("spec", SPECS)
def test_softhsm_wraps_and_proves_what_it_made(softhsm: tokens.Lab, wrapping_key: rsa.RSAPrivateKey, spec: str) -> None:
    found = agrees(softhsm, wrapping_key, spec, SHA_1)

    assert found == {"length": LENGTHS[spec], "kept": True, "proof": True, "sealed": True}


@pytest.mark.parametrize("algorithm", [SHA_1, SHA_256])
def test_nss_wraps_and_proves_what_it_made(
    nss: tuple[tokens.Lab, Path], wrapping_key: rsa.RSAPrivateKey, algorithm: str
) -> None:
    lab, folder = nss

    def run() -> dict[str, Any]:
        return {spec: agrees(lab, wrapping_key, spec, algorithm) for spec in SPECS}

    found = in_a_process(run, lambda: tokens.as_a_user(folder)).result

    assert found == {spec: {"length": LENGTHS[spec], "kept": True, "proof": True, "sealed": True} for spec in SPECS}


def test_a_token_that_knows_sha_1_only_says_so(softhsm: tokens.Lab, wrapping_key: rsa.RSAPrivateKey) -> None:
    found = token.find_key(request(softhsm, "sha", generate=True), "SYMMETRIC_DEFAULT", "alias/k")

    with pytest.raises(
        AnsibleKMSError, match="does not wrap with RSAES_OAEP_SHA_256; set wrapping_algorithm to RSAES_OAEP"
    ):
        found.wrapped_for(spki(wrapping_key), SHA_256)


def stored(lab: tokens.Lab, label: str, **attributes: Any) -> None:
    """Another tool makes a key object."""
    session = token.open_token(request(lab, label, generate=True)).session
    template = {pkcs11.Attribute[name]: value for name, value in attributes.items()}
    session.generate_key(pkcs11.KeyType.AES, template.pop("bits", 256), label=label, store=True, template=template)


def twice(lab: tokens.Lab) -> None:
    stored(lab, "twice", EXTRACTABLE=True)
    stored(lab, "twice", EXTRACTABLE=True)


Prepare = Callable[[tokens.Lab], None]
REFUSED: list[tuple[str, str, Prepare, dict[str, Any], str]] = [
    ("missing", "SYMMETRIC_DEFAULT", lambda lab: None, {}, "the key object missing of the token [a-z]+ is not there"),
    ("twice", "SYMMETRIC_DEFAULT", twice, {}, "is there 2 times"),
    ("held", "SYMMETRIC_DEFAULT", lambda lab: stored(lab, "held", EXTRACTABLE=False), {}, "must not leave the token"),
    ("kind", "HMAC_256", lambda lab: stored(lab, "kind", EXTRACTABLE=True), {}, "it is of the type AES"),
    ("private", "RSA_2048", lambda lab: None, {}, "takes a private key, which tokens wrap in ways"),
    ("label", "SYMMETRIC_DEFAULT", lambda lab: None, {"token_label": "nobody"}, "shows no token with the label nobody"),
    ("library", "SYMMETRIC_DEFAULT", lambda lab: None, {"library": "/nowhere.so"}, "the library /nowhere.so cannot be"),
]


@pytest.mark.parametrize(("label", "spec", "prepare", "others", "said"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_used_is_a_sentence(
    softhsm: tokens.Lab, label: str, spec: str, prepare: Prepare, others: dict[str, Any], said: str
) -> None:
    prepare(softhsm)

    with pytest.raises(AnsibleKMSError, match=said):
        token.find_key(request(softhsm, label, **others), spec, "alias/k")


def test_a_wrong_pin_is_tried_once(softhsm: tokens.Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    session = token._session

    def counted(asked: TokenRequest) -> Any:
        tried.append(asked.token_label)
        return session(asked)

    monkeypatch.setattr(token, "_session", counted)
    for label in ("one", "two"):
        with pytest.raises(AnsibleKMSError, match="the token other refused the PIN; it was tried once only") as caught:
            token.find_key(
                request(softhsm, label, token_label=tokens.OTHER, pin="8888 wrong"), "SYMMETRIC_DEFAULT", "alias/k"
            )
        assert "8888" not in str(caught.value)

    assert tried == [tokens.OTHER]


def test_nothing_shows_the_pin(softhsm: tokens.Lab) -> None:
    asked = request(softhsm, "shown", generate=True)
    found = token.find_key(asked, "SYMMETRIC_DEFAULT", "alias/k")

    assert tokens.PIN not in f"{asked!r} {asked} {found!r} {found}"
