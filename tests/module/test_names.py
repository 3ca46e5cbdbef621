# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A name is resolved once in a module call. An alias that moves meanwhile takes no key along that was never planned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement import execute as replacement_execute
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement import run as replacement_run
from lab import Lab
from materials import b64
from materials import material
from replacement_lab import ALIAS
from replacement_lab import WHOLE
from replacement_lab import ReplacementLab

SYMMETRIC = "SYMMETRIC_DEFAULT"
FAST = {"GetParametersForImport": 1000, "ImportKeyMaterial": 1000, "DeleteImportedKeyMaterial": 1000}
OTHER = "alias/other"


def secret(label: str = "a") -> str:
    return b64(material(SYMMETRIC, label))


def by_alias(lab: Lab, since: int) -> list[str]:
    """The calls that named the key by an alias."""
    return [call["operation"] for call in lab.emulator.calls()[since:] if "alias/" in str(call["key"])]


def named(lab: Lab, key_id: str, alias: str = ALIAS) -> str:
    lab.kms.create_alias(AliasName=alias, TargetKeyId=key_id)
    return key_id


def move(lab: Lab, key_id: str, alias: str = ALIAS) -> None:
    lab.kms.update_alias(AliasName=alias, TargetKeyId=key_id)


def arn(lab: Lab, key_id: str) -> str:
    return str(lab.metadata(key_id)["Arn"])


# -- one resolution ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "options", "operations"),
    [
        ("empty_key", {}, ["ImportKeyMaterial"]),
        ("own_key", {"state": "absent"}, ["DeleteImportedKeyMaterial"]),
        ("own_key", {"state": "reimported"}, ["ImportKeyMaterial", "DeleteImportedKeyMaterial", "ImportKeyMaterial"]),
        ("own_key", {"state": "current", "key_material": secret("b")}, ["ImportKeyMaterial", "RotateKeyOnDemand"]),
        ("foreign_key", {"state": "current"}, ["ImportKeyMaterial"]),
    ],
    ids=["present", "absent", "reimported", "current", "current, known by KMS's refusal alone"],
)
def test_an_alias_is_resolved_once(
    lab: Lab, impatient: None, make: str, options: dict[str, Any], operations: list[str]
) -> None:
    lab.emulator.config(rotation_seconds=0)
    named(lab, getattr(lab, make)())
    before = lab.mark()

    result = lab.run(key_id=ALIAS, **{"key_material": secret(), **options})

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == operations
    assert by_alias(lab, before) == ["DescribeKey"]


def test_the_alias_of_a_multi_region_key_is_resolved_once(lab: Lab, impatient: None) -> None:
    lab.emulator.config(transient_seconds=0)
    named(lab, lab.empty_key(MultiRegion=True))
    before = lab.mark()

    result = lab.run(key_id=ALIAS, key_material=secret(), regions=["all"])

    assert not result.get("failed"), result["msg"]
    assert by_alias(lab, before) == ["DescribeKey"]


# -- a name beside the ARN ---------------------------------------------------------------------------------------------


def test_messages_call_the_key_by_its_name_and_kms_is_asked_for_its_arn(lab: Lab, impatient: None) -> None:
    key_arn = arn(lab, named(lab, lab.own_key()))
    move(lab, lab.own_key(label="b"))
    before = lab.mark()

    result = lab.run(keys=[{"key_id": key_arn, "name": ALIAS, "key_material": secret()}], state="reimported")
    wrong = lab.run(keys=[{"key_id": key_arn, "name": ALIAS, "key_material": secret("c")}])
    misspelt = lab.run(keys=[{"key_id": "payments", "name": ALIAS, "key_material": secret()}])

    assert not result.get("failed"), result["msg"]
    assert wrong["failed"] and ALIAS in wrong["msg"]
    assert misspelt["msg"].startswith(f"key {ALIAS}: key_id: it is not a key ID")
    assert by_alias(lab, before) == []
    assert {call["key_arn"] for call in lab.emulator.calls()[before:]} == {key_arn}


# -- prepared by name --------------------------------------------------------------------------------------------------


def prepared(lab: Lab, path: Path, *names: str, **options: Any) -> None:
    keys = [{"key_id": name, "key_material": secret(), **options} for name in names]
    result = lab.run(keys=keys, state="reimported", stage="prepare", stage_path=str(path), request_rates=FAST)
    assert not result.get("failed"), result["msg"]


def changed(lab: Lab, path: Path, *keys: dict[str, Any]) -> dict[str, Any]:
    return lab.run(keys=list(keys), state="reimported", stage="change", stage_path=str(path), request_rates=FAST)


@pytest.mark.parametrize("pinned", [False, True], ids=["by alias", "by ARN, with the alias as its name"])
def test_an_alias_that_moved_since_the_preparation_is_refused(lab: Lab, tmp_path: Path, pinned: bool) -> None:
    """The file holds a preparation of the key to which it leads now, too: that must not be used in silence."""
    path = tmp_path / "stage.json"
    one, two = named(lab, lab.own_key()), named(lab, lab.own_key(), OTHER)
    prepared(lab, path, ALIAS, OTHER)
    move(lab, two)
    before = lab.mark()

    result = changed(lab, path, {"key_id": arn(lab, two), "name": ALIAS} if pinned else {"key_id": ALIAS})

    assert result["failed"] and lab.changing_calls(before) == []
    said = f"{ALIAS} led to the key {arn(lab, one)} when {path} was prepared, and leads to {arn(lab, two)} now"
    assert said in result["msg"] and "prepare it again" in result["msg"]
    assert result["kms_keys"][0]["error"]["code"] == "RefusedByPlan"
    assert not changed(lab, path, {"key_id": arn(lab, one)}, {"key_id": OTHER}).get("failed")


def test_the_same_for_a_multi_region_key(lab: Lab, impatient: None, tmp_path: Path) -> None:
    path = tmp_path / "stage.json"
    lab.emulator.config(transient_seconds=0)
    one = named(lab, lab.empty_key(MultiRegion=True))
    two = named(lab, lab.empty_key(MultiRegion=True), OTHER)
    for key_id in (one, two):
        assert not lab.run(key_id=key_id, key_material=secret()).get("failed")
    prepared(lab, path, ALIAS, OTHER, regions=["all"])
    assert {entry["name"] for entry in json.loads(path.read_text())["keys"]} == {ALIAS, OTHER}
    move(lab, two)
    before = lab.mark()

    result = changed(lab, path, {"key_id": ALIAS, "regions": ["all"]})

    assert result["failed"] and "prepare it again" in result["msg"] and lab.changing_calls(before) == []
    move(lab, one)
    assert not changed(lab, path, {"key_id": ALIAS, "regions": ["all"]}).get("failed")


# -- replacements ------------------------------------------------------------------------------------------------------


def before_it(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, act: Callable[[], None]) -> None:
    """Have something happen right before a method does its work."""
    method = getattr(owner, name)

    def acting(*arguments: Any) -> Any:
        act()
        return method(*arguments)

    monkeypatch.setattr(owner, name, acting)


def test_an_alias_that_moves_before_its_turn_is_not_taken_from_a_third_key(
    rlab: ReplacementLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, third = rlab.old(), rlab.empty_key()
    before_it(monkeypatch, replacement_execute.ReplacementExecutor, "_prove", lambda: move(rlab, third))

    result = rlab.replace()

    assert result["failed"] and result["error"]["code"] == "RefusedByPlan"
    assert f"{ALIAS} led to the key {arn(rlab, old)} when" in result["msg"] and "no alias was moved" in result["msg"]
    assert rlab.target(ALIAS) == third and "UpdateAlias" not in result["operations"]


def test_what_is_planned_a_second_time_is_the_same_key(rlab: ReplacementLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """KMS says of the bytes that they are not those of the new key, and the replacement of that one is planned."""
    rlab.old("HMAC_256")
    third = rlab.foreign_key("HMAC_256", "c")
    rlab.done("HMAC_256")
    rlab.emulator.faults([{"operation": "GenerateMac", "every": 1, "code": "AccessDeniedException"}])
    keys = rlab.all_keys()
    before_it(monkeypatch, replacement_run.ReplacementRun, "_was_told_of_other_material", lambda: move(rlab, third))

    result = rlab.replace("HMAC_256", "newer")

    assert result["failed"] and f"{ALIAS} does not lead to " in result["msg"]
    assert rlab.target(ALIAS) == third and sorted(rlab.all_keys()) == sorted(keys)


def test_a_replacement_by_arn_under_a_name(rlab: ReplacementLab) -> None:
    old, third = rlab.old(), rlab.filled(alias=None)
    key = {"key_id": arn(rlab, old), "name": ALIAS, "key_material": b64(material(SYMMETRIC, "new"))}
    move(rlab, third)
    before = rlab.mark()
    moved = rlab.replace(keys=[key])
    assert moved["failed"] and rlab.changing_calls(before) == []
    assert f"{ALIAS} does not lead to {arn(rlab, old)}" in moved["msg"]

    move(rlab, old)
    done, again = rlab.done(keys=[key]), rlab.done(keys=[key])

    assert (done["kms_keys"][0]["operations"], again["changed"]) == (WHOLE, False)
    move(rlab, third)
    assert rlab.replace(keys=[key])["failed"]
