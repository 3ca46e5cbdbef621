# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrapped material from a bundle into KMS: no plaintext here, and nothing deleted for what a file says."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from lab import Lab
from materials import KINDS
from materials import b64
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

SYMMETRIC = "SYMMETRIC_DEFAULT"
FAST = {"GetParametersForImport": 1000, "ImportKeyMaterial": 1000, "DeleteImportedKeyMaterial": 1000}
HOUR = 3600


@pytest.fixture(name="path")
def fixture_path(tmp_path: Path) -> Path:
    return tmp_path / "bundle.json"


def ceremony(lab: Lab, path: Path, materials: dict[str, bytes], **options: Any) -> None:
    """Request and wrap for these keys."""
    arguments = {**CONNECTION, "endpoint_url": lab.emulator.url, "path": str(path), "request_rates": FAST, **options}
    asked = run_module("kms_import_parameters", {**arguments, "keys": [{"key_id": one} for one in materials]})
    assert not asked.get("failed"), asked["msg"]
    keys = [
        {"key_id": one["key_arn"], "key_material": b64(content)}
        for one, content in zip(asked["kms_keys"], materials.values())
    ]
    done = run_module("kms_wrap_key_material", {"path": str(path), "dest": str(path), "keys": keys})
    assert not done.get("failed"), done["msg"]


def imported(lab: Lab, path: Path, **options: Any) -> dict[str, Any]:
    return lab.run(bundle_path=str(path), request_rates=FAST, **options)


def forge(path: Path, **fields: Any) -> None:
    """Change the first entry, with a digest that fits, since anybody can compute one."""
    document = json.loads(path.read_text())
    entry = {**document["keys"][0], **fields}
    others = {name: value for name, value in entry.items() if name != "digest"}
    canonical = json.dumps(others, sort_keys=True, separators=(",", ":"))
    entry["digest"] = f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
    document["keys"][0] = entry
    path.write_text(json.dumps(document))


def held(lab: Lab, key_id: str, spec: str, content: bytes) -> bool:
    """Whether KMS holds the very bytes: it takes them again as existing ones."""
    return not lab.run(key_id=key_id, key_material=b64(content), valid_for="30d").get("failed")


def test_every_key_in_the_bundle_gets_its_material_and_a_second_run_changes_nothing(lab: Lab, path: Path) -> None:
    key_ids = {lab.empty_key(spec): spec for spec in KINDS}
    ceremony(lab, path, {key_id: material(spec) for key_id, spec in key_ids.items()})
    before = lab.mark()

    result = imported(lab, path)

    assert not result.get("failed"), result["msg"]
    assert [one["operations"] for one in result["kms_keys"]] == [["ImportKeyMaterial"]] * len(KINDS)
    assert {(one["source"], one["plaintext_seen"]) for one in result["kms_keys"]} == {("wrapped", False)}
    assert "GetParametersForImport" not in lab.calls(before)
    again = imported(lab, path)
    assert again["changed"] is False, again["msg"]
    assert [one["proof"] for one in again["kms_keys"]] == ["fingerprint", "mac", "public_key", "public_key"]
    assert all(held(lab, key_id, spec, material(spec)) for key_id, spec in key_ids.items())


@pytest.mark.parametrize("spec", KINDS)
def test_material_of_another_tool_is_proved_by_an_import_or_seen(lab: Lab, path: Path, spec: str) -> None:
    key_id = lab.foreign_key(spec)
    ceremony(lab, path, {key_id: material(spec)})

    result = imported(lab, path, key_id=key_id)

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == (["ImportKeyMaterial"] if spec == SYMMETRIC else [])
    assert imported(lab, path, key_id=key_id)["changed"] is False


@pytest.mark.parametrize("spec", KINDS)
@pytest.mark.parametrize("state", ["present", "reimported"])
def test_other_material_is_refused_and_nothing_is_deleted(lab: Lab, path: Path, spec: str, state: str) -> None:
    key_id = lab.own_key(spec)
    ceremony(lab, path, {key_id: material(spec, "other")})
    before = lab.mark()

    result = imported(lab, path, state=state)

    assert result["failed"], result["msg"]
    assert "DeleteImportedKeyMaterial" not in lab.calls(before) and lab.state(key_id) == "Enabled"


@pytest.mark.parametrize("spec", KINDS)
def test_reimported_proves_the_blob_before_the_deletion(lab: Lab, path: Path, spec: str) -> None:
    key_id = lab.own_key(spec)
    ceremony(lab, path, {key_id: material(spec)})
    before = lab.mark()

    result = imported(lab, path, state="reimported")

    assert not result.get("failed"), result["msg"]
    assert lab.changing_calls(before) == ["ImportKeyMaterial", "DeleteImportedKeyMaterial", "ImportKeyMaterial"]
    assert lab.state(key_id) == "Enabled" and held(lab, key_id, spec, material(spec))


@pytest.mark.parametrize("disabled", [False, True])
@pytest.mark.parametrize("spec", KINDS)
def test_a_forged_claim_proves_nothing_before_a_deletion(lab: Lab, path: Path, spec: str, disabled: bool) -> None:
    key_id = lab.own_key(spec)
    ceremony(lab, path, {key_id: material(spec)})
    truth = json.loads(path.read_text())["keys"][0]
    path.unlink()
    ceremony(lab, path, {key_id: material(spec, "other")})
    forge(path, **{name: truth[name] for name in ("fingerprint", "check_value", "proof")})
    if disabled:
        lab.kms.disable_key(KeyId=key_id)
    before = lab.mark()

    result = imported(lab, path, state="reimported")

    assert result["failed"] and result["kms_keys"][0]["error"]["code"] == "IncorrectKeyMaterialException", result["msg"]
    assert "DeleteImportedKeyMaterial" not in lab.calls(before)
    assert lab.state(key_id) == ("Disabled" if disabled else "Enabled")


def test_new_material_is_put_to_work(quick: Lab, path: Path) -> None:
    lab = quick
    key_id = lab.own_key(SYMMETRIC)
    blob = lab.kms.encrypt(KeyId=key_id, Plaintext=b"m")["CiphertextBlob"]
    ceremony(lab, path, {key_id: material(SYMMETRIC, "new")})

    result = imported(lab, path, state="current")

    assert result["kms_keys"][0]["operations"] == ["ImportKeyMaterial", "RotateKeyOnDemand"], result["msg"]
    assert [one["KeyMaterialState"] for one in lab.materials(key_id)] == ["NON_CURRENT", "CURRENT"]
    assert lab.kms.decrypt(KeyId=key_id, CiphertextBlob=blob)["Plaintext"] == b"m"
    assert imported(lab, path, state="current")["changed"] is False
    assert lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC, "new")), state="current")["changed"] is False


def test_a_forged_claim_rotates_to_nothing(quick: Lab, path: Path) -> None:
    """What is staged is rotated to only once KMS has taken the blob for it."""
    lab = quick
    key_id = lab.own_key(SYMMETRIC)
    ceremony(lab, path, {key_id: material(SYMMETRIC, "staged")})
    lab.emulator.faults([{"operation": "RotateKeyOnDemand", "every": 1, "code": "AccessDeniedException"}])
    assert imported(lab, path, state="current")["failed"]
    lab.emulator.faults([])
    staged = json.loads(path.read_text())["keys"][0]
    path.unlink()
    ceremony(lab, path, {key_id: material(SYMMETRIC, "other")})
    forge(path, fingerprint=staged["fingerprint"])
    before = lab.mark()

    assert imported(lab, path, state="current")["failed"]

    assert "RotateKeyOnDemand" not in lab.calls(before)


def test_check_mode_and_expiry(lab: Lab, path: Path) -> None:
    key_id = lab.empty_key()
    ceremony(lab, path, {key_id: material(SYMMETRIC)})

    planned = imported(lab, path, check_mode=True, valid_for="90d")
    assert planned["changed"] is True and lab.state(key_id) == "PendingImport"
    assert imported(lab, path, valid_for="90d")["changed"] is True
    assert lab.metadata(key_id)["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
    assert imported(lab, path, valid_for="90d")["changed"] is False


def test_many_keys_of_a_bundle_and_one_that_is_not_in_it(lab: Lab, path: Path) -> None:
    first, second, third = lab.empty_key(), lab.empty_key(), lab.empty_key()
    ceremony(lab, path, {first: material(SYMMETRIC), second: material(SYMMETRIC)})

    result = imported(lab, path, keys=[{"key_id": first}, {"key_id": third}])

    assert result["failed"] and f"has no entry of the key {third}" in result["msg"]
    assert [lab.state(one) for one in (first, second, third)] == ["Enabled", "PendingImport", "PendingImport"]


def test_an_alias_that_moved_since_the_request_is_refused(lab: Lab, path: Path) -> None:
    first, second = lab.empty_key(), lab.empty_key()
    lab.kms.create_alias(AliasName="alias/k", TargetKeyId=first)
    ceremony(lab, path, {"alias/k": material(SYMMETRIC)})
    lab.kms.update_alias(AliasName="alias/k", TargetKeyId=second)

    result = imported(lab, path, key_id="alias/k")

    assert result["failed"] and "led to the key" in result["msg"]
    assert {lab.state(first), lab.state(second)} == {"PendingImport"}


def test_a_bundle_past_its_day_and_one_that_is_not_wrapped(lab: Lab, path: Path) -> None:
    key_id = lab.empty_key()
    arguments = {**CONNECTION, "endpoint_url": lab.emulator.url, "path": str(path), "key_id": key_id}
    run_module("kms_import_parameters", arguments)
    assert "has no wrapped material" in imported(lab, path)["msg"]
    ceremony(lab, path, {key_id: material(SYMMETRIC)})
    lab.emulator.config(clock_offset_seconds=int(23.9 * HOUR))
    assert "too old" in imported(lab, path)["msg"] and lab.state(key_id) == "PendingImport"


def test_what_another_tool_has_wrapped_needs_no_claims(lab: Lab, path: Path) -> None:
    key_id = lab.foreign_key("HMAC_256")
    ceremony(lab, path, {key_id: material("HMAC_256")})
    forge(path, fingerprint=None, check_value=None, proof=None)

    assert imported(lab, path)["kms_keys"][0]["operations"] == ["ImportKeyMaterial"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"state": "absent"}, "not with absent"),
        ({"key_material": b64(os.urandom(32)), "key_id": "alias/k"}, "bundle_path and key_material exclude each other"),
        ({"stage": "change", "stage_path": "/tmp/x"}, "bundle_path and stage exclude each other"),
        ({"bundle_path": "/nowhere"}, "bundle_path /nowhere cannot be read"),
        ({"bundle_path": base64.b64encode(os.urandom(32)).decode()}, "looks like key material"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_kms_is_asked(
    lab: Lab, path: Path, options: dict[str, Any], said: str
) -> None:
    ceremony(lab, path, {lab.empty_key(): material(SYMMETRIC)})
    before = lab.mark()

    result = lab.run(**{"bundle_path": str(path), **options})

    assert result["failed"] and said in result["msg"], result["msg"]
    assert lab.calls(before) == []
