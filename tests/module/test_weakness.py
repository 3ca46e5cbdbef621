# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material that can be guessed is refused before anything is changed, except where it is only to be deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa
from lab import Lab
from materials import b64
from materials import create_key
from materials import import_elsewhere
from replacement_lab import ReplacementLab

SYMMETRIC = "SYMMETRIC_DEFAULT"


def pkcs8(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded


WEAK = {
    "zeros": (SYMMETRIC, bytes(32), "all its bytes are alike"),
    "sequence": ("HMAC_512", bytes(range(64)), "a sequence"),
    "digits": (SYMMETRIC, b"00112233445566778899aabbccddeeff", "32 hexadecimal digits, which are 128 bits"),
    "text": ("HMAC_256", b"correct horse battery staple !!!", "is text"),
    "exponent": ("RSA_2048", pkcs8(rsa.generate_private_key(3, 2048)), "public exponent is 3"),
    "scalar": ("ECC_NIST_P256", pkcs8(ec.derive_private_key(1, ec.SECP256R1())), "next to zero"),
}


@pytest.mark.parametrize("name", WEAK)
@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_weak_material_is_refused_before_anything_changes(lab: Lab, name: str, check_mode: bool) -> None:
    spec, content, said = WEAK[name]
    key_id = create_key(lab.kms, spec)

    result = lab.run(key_id=key_id, key_material=b64(content), check_mode=check_mode, force=True)

    assert result["failed"] and result["changed"] is False and result["error"]["code"] == "InvalidInput"
    assert said in result["msg"] and key_id in result["msg"] and "set allow to weak_material" in result["msg"]
    assert b64(content) not in result["_stdout"] and lab.changing_calls() == []
    assert lab.state(key_id) == "PendingImport"


@pytest.mark.parametrize("name", WEAK)
def test_weak_material_that_is_allowed_is_imported(lab: Lab, name: str) -> None:
    spec, content, _said = WEAK[name]
    key_id = create_key(lab.kms, spec)

    result = lab.run(key_id=key_id, key_material=b64(content), allow=["weak_material"])

    assert not result.get("failed"), result["msg"]
    assert lab.state(key_id) == "Enabled"


@pytest.mark.parametrize("state", ["reimported", "current"])
def test_weak_material_is_neither_restored_nor_rotated_to(lab: Lab, state: str) -> None:
    spec, content, said = WEAK["zeros"]
    key_id = create_key(lab.kms, spec)
    import_elsewhere(lab.kms, key_id, spec, content)
    before = lab.mark()

    result = lab.run(key_id=key_id, key_material=b64(content), state=state)

    assert result["failed"] and said in result["msg"]
    assert lab.changing_calls(before) == [] and lab.state(key_id) == "Enabled"


def test_weak_material_can_be_deleted(lab: Lab) -> None:
    spec, content, _said = WEAK["zeros"]
    key_id = create_key(lab.kms, spec)
    import_elsewhere(lab.kms, key_id, spec, content)

    result = lab.run(key_id=key_id, key_material=b64(content), state="absent")

    assert not result.get("failed"), result["msg"]
    assert lab.state(key_id) == "PendingImport"


def test_weak_material_in_a_file(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "material"
    path.write_bytes(WEAK["text"][1])
    path.chmod(0o600)

    result = lab.run(key_id=create_key(lab.kms, "HMAC_256"), key_material_file=str(path))

    assert result["failed"] and "is text" in result["msg"] and str(path) in result["msg"]


def test_no_key_is_made_for_weak_material(rlab: ReplacementLab) -> None:
    spec, content, said = WEAK["scalar"]
    old = rlab.old(spec)

    result = rlab.replace(spec, key_material=b64(content))

    assert result["failed"] and said in result["msg"] and result["operations"] == []
    assert rlab.all_keys() == [old]
