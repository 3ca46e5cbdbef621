# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material in components through the modules' real main(): no single option or file holds the key."""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Any

import pytest
from lab import Lab
from materials import KINDS
from materials import b64
from materials import check_value
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

SYMMETRIC = "SYMMETRIC_DEFAULT"


def components_of(content: bytes, number: int = 2) -> list[bytes]:
    """Random components of the content."""
    others = [os.urandom(len(content)) for _number in range(number - 1)]
    last = content
    for other in others:
        last = bytes(one ^ two for one, two in zip(last, other))
    return [*others, last]


def given(contents: list[bytes]) -> list[dict[str, Any]]:
    return [{"key_material": b64(one), "check_value": check_value(one)} for one in contents]


def in_files(folder: Path, contents: list[bytes]) -> list[dict[str, Any]]:
    entries = []
    for number, one in enumerate(contents, start=1):
        path = folder / f"{number}.component"
        path.touch(mode=0o600)
        path.write_bytes(one)
        entries.append({"key_material_file": str(path), "check_value": check_value(one).lower()})
    return entries


@pytest.mark.parametrize("spec", KINDS)
def test_the_key_holds_what_the_components_make(lab: Lab, tmp_path: Path, spec: str) -> None:
    key_id = lab.empty_key(spec)

    result = lab.run(key_id=key_id, components=in_files(tmp_path, components_of(material(spec), 3)))

    assert result["operations"] == ["ImportKeyMaterial"], result["msg"]
    assert (result["source"], result["plaintext_seen"]) == ("components", True)
    # The whole material is what the key holds.
    again = lab.run(key_id=key_id, key_material=b64(material(spec)))
    assert again["changed"] is False and again["proof"] in ("fingerprint", "mac", "public_key")
    assert (again["source"], again["plaintext_seen"]) == ("inline", True)


def test_many_keys_each_with_its_own_source(lab: Lab, tmp_path: Path) -> None:
    first, second = lab.empty_key(), lab.empty_key("HMAC_384")
    path = tmp_path / "hmac.bin"
    path.touch(mode=0o600)
    path.write_bytes(material("HMAC_384"))

    result = lab.run(
        components=given(components_of(material(SYMMETRIC))),
        keys=[{"key_id": first}, {"key_id": second, "key_material_file": str(path)}],
    )

    assert [one["source"] for one in result["kms_keys"]] == ["components", "file"], result["msg"]
    assert lab.state(first) == lab.state(second) == "Enabled"


def test_a_deletion_without_material_has_no_source(lab: Lab) -> None:
    result = lab.run(key_id=lab.own_key(), state="absent")
    assert (result["source"], result["plaintext_seen"]) == (None, False)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda one: one[0].update(check_value="000000"), "component 1 does not have the check value 000000"),
        (lambda one: one[1].update(key_material_file="/nowhere"), "component 2 needs one of"),
        (lambda one: one[1].pop("key_material"), "component 2 needs one of"),
        (lambda one: one.pop(), "split knowledge takes 2 or more"),
        (lambda one: one.append(one[0]), "component 1 and component 3 are the same bytes"),
        (lambda one: one[0].update(key_material="%%%"), "key_material of component 1 is not base64"),
    ],
)
def test_what_is_wrong_with_components_is_said_before_kms_is_asked(lab: Lab, spoil: Any, said: str) -> None:
    key_id = lab.empty_key()
    entries = given(components_of(material(SYMMETRIC)))
    spoil(entries)
    before = lab.mark()

    result = lab.run(key_id=key_id, components=entries)

    assert result["failed"] and said in result["msg"], result["msg"]
    assert lab.calls(before) == []
    for content in (material(SYMMETRIC), *(one.get("key_material", "") for one in entries)):
        text = content if isinstance(content, str) else b64(content)
        assert len(text) < 8 or text not in result["_stdout"]


def test_components_and_another_source_exclude_each_other(lab: Lab) -> None:
    entries = given(components_of(material(SYMMETRIC)))

    result = lab.run(key_id=lab.empty_key(), components=entries, key_material=b64(material(SYMMETRIC)))

    assert result["failed"] and "key_material and components exclude each other" in result["msg"]


def test_a_key_is_replaced_by_one_made_of_components(rlab: Any) -> None:
    content = material("HMAC_256", "new")
    key_id = Lab(rlab.emulator, rlab.kms).own_key("HMAC_256")
    rlab.kms.create_alias(AliasName="alias/webhooks", TargetKeyId=key_id)

    arguments = {**CONNECTION, "endpoint_url": rlab.emulator.url, "key_id": "alias/webhooks"}
    result = run_module("kms_key_replacement", {**arguments, "components": given(components_of(content))})

    assert (result["source"], result["plaintext_seen"]) == ("components", True), result["msg"]
    mac = rlab.kms.generate_mac(KeyId="alias/webhooks", Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert mac == hmac.digest(content, b"m", "sha256")
