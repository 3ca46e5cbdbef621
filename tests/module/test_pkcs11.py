# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material in a token through the modules' real main(): it is wrapped inside, recognised again, and never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tokens
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.token import TokenRequest
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.token import find_key
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from lab import Lab
from materials import b64
from materials import material
from replacement_lab import ReplacementLab

pytest.importorskip("pkcs11")

OAEP = {"wrapping_algorithm": "RSAES_OAEP_SHA_1"}
SYMMETRIC = "SYMMETRIC_DEFAULT"


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> tokens.Lab:
    found = tokens.softhsm(tmp_path_factory.mktemp("softhsm"))
    if found is None:
        pytest.skip("SoftHSM is not installed")
    return found


@pytest.fixture
def named(softhsm: tokens.Lab, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A key object of its own for each test, made at its first use."""
    return softhsm.options(key_label=request.node.name, generate=True)


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"])
def test_a_key_of_a_token_is_imported_and_recognised(lab: Lab, named: dict[str, Any], spec: str) -> None:
    key_id = lab.empty_key(spec)

    planned = lab.run(key_id=key_id, pkcs11=named, check_mode=True, **OAEP)
    imported = lab.run(key_id=key_id, pkcs11=named, **OAEP)
    again = lab.run(key_id=key_id, pkcs11=named, **OAEP)

    assert planned["operations"] == imported["operations"] == ["ImportKeyMaterial"], imported["msg"]
    assert (imported["source"], imported["plaintext_seen"]) == ("pkcs11", False)
    assert again["changed"] is False and again["proof"] in ("fingerprint", "mac"), again["msg"]
    assert lab.state(key_id) == "Enabled"


def test_check_mode_makes_no_key_object(lab: Lab, named: dict[str, Any]) -> None:
    lab.run(key_id=lab.empty_key(), pkcs11=named, check_mode=True, **OAEP)

    result = lab.run(key_id=lab.empty_key(), pkcs11={**named, "generate": False}, **OAEP)

    assert result["failed"] and "is not there" in result["msg"]


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_512"])
def test_the_token_restores_what_was_deleted(lab: Lab, named: dict[str, Any], spec: str) -> None:
    key_id = lab.empty_key(spec)
    lab.run(key_id=key_id, pkcs11=named, **OAEP)

    reimported = lab.run(key_id=key_id, pkcs11=named, state="reimported", **OAEP)

    assert reimported["operations"][-2:] == ["DeleteImportedKeyMaterial", "ImportKeyMaterial"], reimported["msg"]
    assert lab.state(key_id) == "Enabled"


def test_another_key_object_is_told_from_the_right_one(lab: Lab, softhsm: tokens.Lab, named: dict[str, Any]) -> None:
    key_id = lab.empty_key("HMAC_256")
    lab.run(key_id=key_id, pkcs11=named, **OAEP)

    other = softhsm.options(key_label=f"not {named['key_label']}", generate=True)
    result = lab.run(key_id=key_id, pkcs11=other, state="reimported", **OAEP)

    assert result["failed"] and result["operations"] == [] and lab.state(key_id) == "Enabled"


def test_a_rotation_to_a_new_label_needs_no_other_tool(quick: Lab, softhsm: tokens.Lab, named: dict[str, Any]) -> None:
    key_id = quick.empty_key()
    quick.run(key_id=key_id, pkcs11=named, **OAEP)
    following = softhsm.options(key_label=f"next {named['key_label']}", generate=True)

    rotated = quick.run(key_id=key_id, pkcs11=following, state="current", **OAEP)
    again = quick.run(key_id=key_id, pkcs11=following, state="current", **OAEP)

    assert rotated["operations"] == ["ImportKeyMaterial", "RotateKeyOnDemand"], rotated["msg"]
    assert again["changed"] is False and again["proof"] == "fingerprint", again["msg"]


def bytes_of(named: dict[str, Any]) -> bytes:
    """What the token holds, by a wrapping key of ours."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    blob = find_key(TokenRequest(**named), SYMMETRIC, "alias/k").wrapped_for(public, OAEP["wrapping_algorithm"])
    return key.decrypt(blob, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))  # noqa: S303


def test_token_and_backup_file_recognise_each_other(lab: Lab, named: dict[str, Any]) -> None:
    """A token cannot compute the fingerprint that bytes leave: KMS compares once, and nothing is deleted."""
    backup, key_id = b64(bytes_of(named)), lab.empty_key()
    lab.run(key_id=key_id, key_material=backup)

    proved = lab.run(key_id=key_id, pkcs11=named, **OAEP)
    again = lab.run(key_id=key_id, pkcs11=named, **OAEP)
    by_bytes = lab.run(key_id=key_id, key_material=backup)

    assert proved["operations"] == ["ImportKeyMaterial"] and proved["proof"] == "reimport", proved["msg"]
    assert again["changed"] is False and again["proof"] == "fingerprint", again["msg"]
    assert by_bytes["changed"] is False and by_bytes["proof"] == "fingerprint", by_bytes["msg"]


def test_kms_refuses_another_material_than_bytes_have_left(lab: Lab, named: dict[str, Any]) -> None:
    key_id = lab.empty_key()
    lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC)))

    result = lab.run(key_id=key_id, pkcs11=named, **OAEP)

    assert result["failed"] and lab.state(key_id) == "Enabled"
    assert result["error"]["code"] == "IncorrectKeyMaterialException", result["msg"]


def test_the_pin_may_be_in_a_file(lab: Lab, named: dict[str, Any], tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.touch(mode=0o600)
    pin.write_text(f"{tokens.PIN}\n")
    place = {name: value for name, value in named.items() if name != "pin"}

    result = lab.run(key_id=lab.empty_key(), pkcs11={**place, "pin_file": str(pin)}, **OAEP)

    assert result["operations"] == ["ImportKeyMaterial"], result["msg"]


def test_a_token_that_knows_sha_1_only_leaves_the_key_as_it_is(lab: Lab, named: dict[str, Any]) -> None:
    key_id = lab.empty_key()

    result = lab.run(key_id=key_id, pkcs11=named)

    assert result["failed"] and "set wrapping_algorithm to RSAES_OAEP_SHA_1" in result["msg"]
    assert lab.state(key_id) == "PendingImport"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no key named", {"key_label": None}, "pkcs11 needs one of key_label and key_id"),
    ("both", {"key_id": "00"}, "pkcs11 needs one of key_label and key_id"),
    ("no digits", {"key_label": None, "key_id": "xy", "generate": False}, "key_id has to be hexadecimal digits"),
    ("made without a label", {"key_label": None, "key_id": "00"}, "generate needs key_label"),
    ("two PINs", {"pin_file": "/nowhere"}, "pin and pin_file exclude each other"),
]


@pytest.mark.parametrize(("name", "change", "said"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_meant_is_refused_before_kms_is_asked(
    lab: Lab, named: dict[str, Any], name: str, change: dict[str, Any], said: str
) -> None:
    before = lab.mark()

    result = lab.run(key_id="alias/x", pkcs11={**named, **change})

    assert result["failed"] and said in result["msg"], name
    assert lab.calls(before) == []


def test_a_new_key_takes_its_material_from_the_token(rlab: ReplacementLab, named: dict[str, Any]) -> None:
    old = rlab.old("HMAC_256", "alias/signer")

    result = rlab.replace(key_id="alias/signer", pkcs11=named, **OAEP)

    assert not result.get("failed"), result["msg"]
    assert result["changed"] and (result["source"], result["plaintext_seen"]) == ("pkcs11", False)
    assert rlab.target("alias/signer") != old
