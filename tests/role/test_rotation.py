# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role kms_material_rotation, by its playbook, seen through an independent client.

pytest-xdist runs the scenarios side by side; each of its workers has an emulator of its own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable
from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from lab import CHANGING
from materials import KINDS
from materials import b64
from materials import import_elsewhere
from materials import material
from stage import Run
from stage import Stage

ROOT = Path(__file__).resolve().parents[2]
SYMMETRIC = "SYMMETRIC_DEFAULT"
PAIR = ["ImportKeyMaterial", "DeleteImportedKeyMaterial", "ImportKeyMaterial"]
MESSAGE = b"written before the rotation"


# -- an independent look -----------------------------------------------------------------------------------------------


def work(stage: Stage, key_id: str, spec: str) -> Callable[[], None]:
    """Let a key do its work, and return a check that it still does."""
    kms = stage.lab.kms
    if spec == SYMMETRIC:
        blob = kms.encrypt(KeyId=key_id, Plaintext=MESSAGE)["CiphertextBlob"]
        return lambda: _same(kms.decrypt(CiphertextBlob=blob)["Plaintext"], MESSAGE)
    if spec.startswith("HMAC"):
        request = {"KeyId": key_id, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
        mac = kms.generate_mac(**request)["Mac"]
        return lambda: _same(kms.generate_mac(**request)["Mac"], mac)
    public = kms.get_public_key(KeyId=key_id)["PublicKey"]
    return lambda: _same(kms.get_public_key(KeyId=key_id)["PublicKey"], public)


def _same(one: bytes, other: bytes) -> None:
    assert one == other


def fields(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            below = f"{path}.{key}" if path else key
            yield below
            yield from fields(inner, below)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, f"{path}[]")


def assert_documented(stage: Stage) -> dict[str, Any]:
    """The report has the documented fields and no others, says what it counts, and is there as a page, too."""
    report = stage.report
    text = (ROOT / "docs" / "report-schema.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z0-9_.\[\]]+)` \|", text, re.MULTILINE))
    found = {path.replace("keys[].after.", "keys[].before.") for path in fields(report)} - {"keys[].before.key_id"}
    assert found - documented == set()
    assert {
        path for path in documented if path.count(".") <= 1 and not path.startswith(("keys[]", "sign_off"))
    } <= found
    counted = {
        name: [key["outcome"] for key in report["keys"]].count(name) for name in ("failed", "refused", "unchanged")
    }
    assert {name: report["summary"][name] for name in counted} == counted
    page = stage.report_path.with_suffix(".html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and "</html>" in page
    assert all(key["key_arn"] in page for key in report["keys"])
    for path in (stage.report_path, stage.report_path.with_suffix(".html")):
        assert path.stat().st_mode & 0o777 == 0o600
    return report


def outcomes(report: dict[str, Any]) -> list[str]:
    return [key["outcome"] for key in report["keys"]]


def operations(key: dict[str, Any]) -> list[str]:
    return [one["operation"] for one in key["operations"]]


# -- reimport ----------------------------------------------------------------------------------------------------------


def scenario_reimport_of_every_kind(stage: Stage) -> None:
    keys = [stage.key(f"k{number}", spec) for number, spec in enumerate(KINDS)]
    path = stage.root / "k1.bin"
    path.touch(mode=0o600)
    path.write_bytes(material(KINDS[1]))
    keys[1] = {"key_id": "alias/k1", "key_material_file": str(path)}
    checks = [work(stage, key["key_id"], spec) for key, spec in zip(keys, KINDS)]
    asleep = stage.key("asleep", SYMMETRIC, valid_for="30d")
    stage.lab.kms.disable_key(KeyId=stage.lab.metadata("alias/asleep")["KeyId"])
    before = stage.lab.mark()

    planned = stage.run("--check", keys=[*keys, asleep], change_reference="CHG-1")
    assert planned.status == 0, planned.output
    assert stage.lab.changing_calls(before) == []
    assert_planned(stage, planned)

    done = stage.run("-vvvv", keys=[*keys, asleep], change_reference="CHG-1", batch_size=3)

    assert done.status == 0, done.output
    assert done.changed == 2 and done.says("Batch 2 of 2: 5 done, 0 failed, 0 left")
    for check in checks:
        check()
    assert stage.lab.state("alias/asleep") == "Disabled"
    assert stage.lab.metadata("alias/asleep")["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
    assert_reported(stage, before)
    assert stage.journal["state"] == "completed"
    assert stage.journal_path.stat().st_mode & 0o777 == 0o600


def assert_planned(stage: Stage, planned: Run) -> None:
    assert planned.changed == 1 and not stage.journal_path.exists()
    for number, spec in enumerate(KINDS):
        assert planned.says(f"alias/k{number} ({spec}): {', '.join(PAIR)}; unusable for about ")
    assert planned.says("TagResource, ImportKeyMaterial, DisableKey, DeleteImportedKeyMaterial")
    report = assert_documented(stage)
    assert report["run"]["outcome"] == "planned" and report["run"]["check_mode"] is True
    assert outcomes(report) == ["planned"] * 5
    assert [operations(key) for key in report["keys"][:4]] == [PAIR] * 4
    assert all(0 < key["unavailable_seconds"] < 1 for key in report["keys"][:4])
    assert report["keys"][4]["unavailable_seconds"] == 0.0
    assert [key["canary"]["verdict"] for key in report["keys"]] == ["planned"] * 4 + ["skipped"]
    assert report["sign_off"][0]["role"] == "Approver"


def assert_reported(stage: Stage, before: int) -> None:
    report = assert_documented(stage)
    run = report["run"]
    assert (run["outcome"], run["change_reference"], run["batch_size"]) == ("succeeded", "CHG-1", 3)
    assert (run["region"], run["id"]) == ("us-east-1", stage.journal["id"])
    assert run["operator"].startswith("arn:aws:sts::")
    assert outcomes(report) == ["changed"] * 5
    made = {
        call["request_id"]: call["operation"]
        for call in stage.lab.emulator.calls()[before:]
        if call["outcome"] == "Success"
    }
    for key in report["keys"]:
        assert all(made[one["request_id"]] == one["operation"] for one in key["operations"])
        assert key["after"]["key_state"] == key["before"]["key_state"] == stage.lab.state(key["key_id"])
        assert key["proof"]["verdict"] == "match"
    for key in report["keys"][:4]:
        assert operations(key) == PAIR and [one["purpose"] for one in key["operations"]] == [
            "prove",
            "delete",
            "restore",
        ]
        assert key["canary"]["verdict"] == "passed"
        assert key["unavailable_from_epoch"] == key["operations"][1]["started_epoch"]
        assert key["unavailable_to_epoch"] == key["operations"][2]["finished_epoch"]
        assert key["unavailable_seconds"] > 0
    asleep = report["keys"][4]
    assert (asleep["canary"]["note"], asleep["unavailable_seconds"]) == ("the key is Disabled", 0.0)
    assert any("KMS enables a key at every import" in warning for warning in asleep["warnings"])
    assert [report["keys"][n]["canary"]["kind"] for n in range(4)] == ["encrypt", "mac", "sign", "sign"]
    assert report["keys"][0]["aliases"] == ["alias/k0"]


# -- on demand ---------------------------------------------------------------------------------------------------------


def scenario_new_material_on_demand_and_nothing_the_second_time(stage: Stage) -> None:
    stage.key("key", SYMMETRIC)
    check = work(stage, "alias/key", SYMMETRIC)
    new = [stage.entry("alias/key", SYMMETRIC, "new")]

    first = stage.run(keys=new, strategy="on_demand")

    assert first.status == 0, first.output
    assert first.changed == 1
    check()
    (key,) = assert_documented(stage)["keys"]
    current = stage.lab.metadata("alias/key")["CurrentKeyMaterialId"]
    assert key["before"]["current_key_material_id"] != key["after"]["current_key_material_id"] == current
    assert [one["purpose"] for one in key["operations"]] == ["stage", "rotate"]
    assert key["proof"] == {"method": "fingerprint", "verdict": "match", "material_id": current}
    assert (key["canary"]["verdict"], key["unavailable_seconds"]) == ("passed", 0.0)

    before = stage.lab.mark()
    second = stage.run(keys=new, strategy="on_demand")

    assert (second.status, second.changed) == (0, 0), second.output
    assert stage.lab.changing_calls(before) == []
    report = assert_documented(stage)
    assert (report["run"]["outcome"], outcomes(report)) == ("succeeded", ["unchanged"])
    assert report["keys"][0]["operations"] == [] and report["keys"][0]["after"] == report["keys"][0]["before"]


# -- several Regions ---------------------------------------------------------------------------------------------------

HOME, WEST, ASIA = "us-east-1", "eu-west-1", "ap-southeast-2"


def everywhere(stage: Stage) -> str:
    """A multi-Region key with the alias everywhere, whose old material is in three Regions."""
    stage.lab.emulator.config(transient_seconds=0)
    key_id: str = stage.lab.kms.create_key(Origin="EXTERNAL", MultiRegion=True)["KeyMetadata"]["KeyId"]
    stage.lab.kms.create_alias(AliasName="alias/everywhere", TargetKeyId=key_id)
    import_elsewhere(stage.lab.kms, key_id, SYMMETRIC, material(SYMMETRIC))
    for region in (WEST, ASIA):
        stage.lab.kms.replicate_key(KeyId=key_id, ReplicaRegion=region)
        wait_until(lambda region=region: in_region(stage, key_id, region)["KeyState"] == "PendingImport")
        import_elsewhere(stage.lab.emulator.client(region), key_id, SYMMETRIC, material(SYMMETRIC))
    return key_id


def in_region(stage: Stage, key_id: str, region: str) -> dict[str, Any]:
    found: dict[str, Any] = stage.lab.emulator.client(region).describe_key(KeyId=key_id)["KeyMetadata"]
    return found


def works_everywhere(stage: Stage, key_id: str) -> Callable[[], None]:
    blob = stage.lab.kms.encrypt(KeyId=key_id, Plaintext=MESSAGE)["CiphertextBlob"]

    def check() -> None:
        for region in (HOME, WEST, ASIA):
            _same(stage.lab.emulator.client(region).decrypt(CiphertextBlob=blob, KeyId=key_id)["Plaintext"], MESSAGE)

    return check


def carried_out(stage: Stage, since: int) -> list[tuple[str, str, str]]:
    """Region, operation and request ID of the changing calls that KMS carried out, in order."""
    changing = ("ImportKeyMaterial", "DeleteImportedKeyMaterial", "RotateKeyOnDemand")
    return [
        (call["region"], call["operation"], call["request_id"])
        for call in stage.lab.emulator.calls()[since:]
        if call["outcome"] == "Success" and call["operation"] in changing
    ]


def rows(key: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (one["region"], one["operation"], one["request_id"])
        for one in key["operations"]
        if one["outcome"] in ("succeeded", "planned")
    ]


def scenario_new_material_in_every_region(stage: Stage) -> None:
    key_id = everywhere(stage)
    check = works_everywhere(stage, key_id)
    keys = [stage.entry("alias/everywhere", SYMMETRIC, "new", regions=["all"])]
    before = stage.lab.mark()

    planned = stage.run("--check", keys=keys, strategy="on_demand")

    assert planned.status == 0, planned.output
    order = [(HOME, "stage"), (WEST, "refresh"), (ASIA, "refresh"), (HOME, "rotate")]
    assert planned.says(f"alias/everywhere ({SYMMETRIC}) in {HOME}, {WEST}, {ASIA}: ImportKeyMaterial")
    (key,) = assert_documented(stage)["keys"]
    assert [(one["region"], one["purpose"]) for one in key["operations"]] == order
    assert carried_out(stage, before) == []

    done = stage.run(keys=keys, strategy="on_demand")

    assert done.status == 0, done.output
    check()
    (key,) = assert_documented(stage)["keys"]
    assert [(one["region"], one["purpose"]) for one in key["operations"]] == order
    assert rows(key) == carried_out(stage, before)
    assert (key["outcome"], key["canary"]["verdict"], key["unavailable_seconds"]) == ("changed", "passed", 0.0)
    current = {in_region(stage, key_id, region)["CurrentKeyMaterialId"] for region in (HOME, WEST, ASIA)}
    assert (
        current
        == {one["current_key_material_id"] for one in key["regions"]}
        != {key["before"]["current_key_material_id"]}
    )
    assert [(one["region"], one["key_state_after"]) for one in key["regions"]] == [
        (region, "Enabled") for region in (HOME, WEST, ASIA)
    ]
    (record,) = stage.journal["keys"]
    assert record["regions"] == dict.fromkeys((HOME, WEST, ASIA), "Enabled")
    assert [one["request_id"] for one in record["calls"]] == [one[2] for one in rows(key)]

    again = stage.run(keys=keys, strategy="on_demand")
    assert (again.status, again.changed) == (0, 0), again.output
    assert outcomes(assert_documented(stage)) == ["unchanged"]


def scenario_a_region_that_lost_its_material_is_rescued(stage: Stage) -> None:
    key_id = everywhere(stage)
    check = works_everywhere(stage, key_id)
    keys = [stage.entry("alias/everywhere", SYMMETRIC, regions=["all"])]
    west = in_region(stage, key_id, WEST)["Arn"]
    lost = [{**fault, "key_id": west} for fault in lost_imports(2, 3)]  # the first one proves
    stage.lab.emulator.faults(lost)
    before = stage.lab.mark()

    broken = stage.run(keys=keys, wait_timeout=0)

    assert broken.status == 2, broken.output
    assert in_region(stage, key_id, WEST)["KeyState"] == "PendingImport"
    assert broken.says(f"THE KEY CANNOT BE USED in {WEST}; to heal it: ansible localhost")
    assert broken.says(f"key_id={west} region={WEST} state=")
    (key,) = assert_documented(stage)["keys"]
    assert (key["outcome"], key["unavailable_seconds"]) == ("failed", None)
    assert [one["key_state_after"] for one in key["regions"]] == ["Enabled", "PendingImport", "Enabled"]
    assert [bool(one["error"]) for one in key["regions"]] == [False, True, False]
    assert [one["unavailable_seconds"] is None for one in key["regions"]] == [False, True, False]
    assert rows(key) == carried_out(stage, before)
    page = stage.report_path.with_suffix(".html").read_text(encoding="utf-8")
    assert f"(in {WEST})" in page and "cannot be used at the end of this run" in page

    stage.lab.emulator.faults([{**lost[0], "nth": 1}])
    before = stage.lab.mark()
    healed = stage.run(keys=keys, wait_timeout=0)

    assert healed.status == 0, healed.output
    check()
    (key,) = assert_documented(stage)["keys"]
    assert (key["outcome"], [one["error"] for one in key["regions"]]) == ("changed", [None] * 3)
    assert rows(key) == carried_out(stage, before)
    assert [one for one in rows(key) if one[:2] == (WEST, "DeleteImportedKeyMaterial")] == []


# -- a new key, and the alias moved ------------------------------------------------------------------------------------

REPLACE = ["CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias"]
REPLACING = {*REPLACE, "DisableKey", "ScheduleKeyDeletion"}


def carried(stage: Stage, since: int) -> list[dict[str, Any]]:
    """The calls that make or change keys, aliases or material, as KMS carried them out."""
    calls = stage.lab.emulator.calls()[since:]
    return [call for call in calls if call["operation"] in REPLACING and call["outcome"] == "Success"]


def all_keys(stage: Stage) -> list[str]:
    return [one["KeyId"] for one in stage.lab.kms.list_keys(Limit=1000)["Keys"]]


def scenario_new_keys_take_the_aliases_and_nothing_the_second_time(stage: Stage) -> None:
    specs = (SYMMETRIC, "HMAC_256", "RSA_2048", "ECC_NIST_P256")
    for number, spec in enumerate(specs):
        stage.key(f"k{number}", spec)
    old = [stage.lab.metadata(f"alias/k{number}")["KeyId"] for number in range(4)]
    stage.lab.kms.create_alias(AliasName="alias/also", TargetKeyId=old[3])
    checks = [work(stage, key_id, spec) for key_id, spec in zip(old, specs)]
    keys = [stage.entry(f"alias/k{number}", spec, "new") for number, spec in enumerate(specs)]
    keys[3]["aliases"] = ["alias/k3"]
    before = stage.lab.mark()

    planned = stage.run("--check", keys=keys, strategy="alias")

    assert planned.status == 0, planned.output
    assert planned.changed == 1 and carried(stage, before) == []
    assert planned.says(f"alias/k1 (HMAC_256): {', '.join(REPLACE)}; not interrupted")
    report = assert_documented(stage)
    assert (report["run"]["outcome"], outcomes(report)) == ("planned", ["planned"] * 4)
    assert [operations(key) for key in report["keys"]] == [REPLACE] * 4
    assert {key["replacement"]["new_key_id"] for key in report["keys"]} == {None}
    assert [key["canary"]["verdict"] for key in report["keys"]] == ["planned"] * 4

    done = stage.run("-vvvv", keys=keys, strategy="alias", batch_size=3)

    assert done.status == 0, done.output
    assert done.says("Batch 2 of 2: 4 done, 0 failed, 0 left")
    new = [stage.lab.metadata(f"alias/k{number}")["KeyId"] for number in range(4)]
    assert not set(new) & set(old) and sorted(all_keys(stage)) == sorted([*old, *new])
    assert stage.lab.metadata("alias/also")["KeyId"] == old[3]
    for check in checks:
        check()
    assert_replaced(stage, before, old, new)

    before = stage.lab.mark()
    second = stage.run(keys=keys, strategy="alias")

    assert (second.status, second.changed) == (0, 0), second.output
    assert carried(stage, before) == []
    report = assert_documented(stage)
    assert outcomes(report) == ["unchanged"] * 4
    assert [key["after"]["key_id"] for key in report["keys"]] == new


def assert_replaced(stage: Stage, since: int, old: list[str], new: list[str]) -> None:
    report = assert_documented(stage)
    assert (report["run"]["outcome"], outcomes(report)) == ("succeeded", ["changed"] * 4)
    made = {call["request_id"]: call["operation"] for call in carried(stage, since)}
    for number, key in enumerate(report["keys"]):
        assert operations(key) == REPLACE
        assert [one["purpose"] for one in key["operations"]] == ["create", "link", "import", "move"]
        assert all(made[one["request_id"]] == one["operation"] for one in key["operations"])
        assert (key["key_id"], key["after"]["key_id"]) == (old[number], new[number])
        assert (key["before"]["key_state"], key["after"]["key_state"]) == ("Enabled", "Enabled")
        assert key["replacement"] == {
            "new_key_id": new[number],
            "new_key_arn": stage.lab.metadata(new[number])["Arn"],
            "aliases": [f"alias/k{number}"],
            "rolled_back": False,
            "old_key_state": "Enabled",
        }
        assert (key["canary"]["verdict"], key["proof"]["verdict"]) == ("passed", "match")
        assert key["unavailable_seconds"] == 0.0
        assert any("left as it is, Enabled" in warning for warning in key["warnings"])
    page = stage.report_path.with_suffix(".html").read_text(encoding="utf-8")
    assert all(f'new key <span class="mono">{key_id}' in page for key_id in new)


def scenario_a_replacement_that_was_killed_is_finished_with_one_new_key(stage: Stage) -> None:
    keys = []
    for number in range(2):
        stage.key(f"k{number}", "HMAC_256")
        keys.append(stage.entry(f"alias/k{number}", "HMAC_256", f"new {number}"))
    old = [stage.lab.metadata(key["key_id"])["KeyId"] for key in keys]
    wished = {"keys": keys, "strategy": "alias", "old_key": "delete", "pending_window": 7, "batch_size": 1}
    before = stage.lab.mark()
    stage.kill_when(
        stage.start(**wished),
        lambda: [call["operation"] for call in carried(stage, before)].count("CreateKey") == 2,
    )
    # Ansible's workers have process groups of their own: one may still be finishing its task.
    wait_until(lambda: not stage.running())
    again = stage.run(**wished)

    assert again.status == 0, again.output
    made = [call["operation"] for call in carried(stage, before)]
    assert [made.count(name) for name in ("CreateKey", "ScheduleKeyDeletion")] == [2, 2]
    assert len(all_keys(stage)) == 4
    assert [stage.lab.state(key_id) for key_id in old] == ["PendingDeletion"] * 2
    report = assert_documented(stage)
    assert outcomes(report) in (["unchanged", "changed"], ["unchanged", "unchanged"])
    assert [key["replacement"]["old_key_state"] for key in report["keys"]] == ["PendingDeletion"] * 2
    assert stage.journal["state"] == "completed"
    assert stage.run(**wished).changed == 0


def scenario_a_replacement_that_fails_leaves_the_alias_and_says_how_to_go_on(stage: Stage) -> None:
    for name in ("bad", "good"):
        stage.key(name, "ECC_NIST_P256")
    keys = [stage.entry(f"alias/{name}", "ECC_NIST_P256", name) for name in ("bad", "good")]
    old = stage.lab.metadata("alias/bad")["KeyId"]
    stage.lab.kms.create_alias(AliasName="alias/also-bad", TargetKeyId=old)
    stage.lab.emulator.faults([{"operation": "UpdateAlias", "nth": 2, "times": 1, "code": "AccessDeniedException"}])

    failed = stage.run(keys=keys, strategy="alias", batch_size=1)

    assert failed.status == 2 and failed.says("1 of 2 keys failed") and failed.says("kms:UpdateAlias")
    assert failed.says("to heal it: ansible localhost -m byok.aws.kms_key_replacement -a 'key_id=arn:")
    assert not failed.says("THE KEY CANNOT BE USED")
    assert stage.lab.metadata("alias/bad")["KeyId"] == stage.lab.metadata("alias/also-bad")["KeyId"] == old
    report = assert_documented(stage)
    assert outcomes(report) == ["failed", "changed"]
    bad = report["keys"][0]
    assert (bad["replacement"]["rolled_back"], bad["replacement"]["aliases"]) == (True, [])
    assert bad["error"]["heal_command"].startswith("ansible localhost -m byok.aws.kms_key_replacement")

    again = stage.run(keys=keys, strategy="alias", batch_size=1)

    assert again.status == 0, again.output
    report = assert_documented(stage)
    assert outcomes(report) == ["changed", "unchanged"] and operations(report["keys"][0]) == ["UpdateAlias"] * 2
    assert stage.lab.metadata("alias/also-bad")["KeyId"] == bad["replacement"]["new_key_id"]


def scenario_a_key_that_cannot_be_replaced_stops_the_run_untouched(stage: Stage) -> None:
    stage.key("good", "HMAC_256")
    same = stage.key("same", "HMAC_256")
    before = stage.lab.mark()

    run = stage.run(keys=[stage.entry("alias/good", "HMAC_256", "new"), same], strategy="alias")

    assert run.status == 2 and carried(stage, before) == []
    assert run.says("since a key is refused: alias/same: the material given is the one that the key alias/same has")
    report = assert_documented(stage)
    assert outcomes(report) == ["not_started", "refused"] and report["keys"][1]["replacement"] is None


# -- refusals ----------------------------------------------------------------------------------------------------------


def scenario_a_strategy_that_does_not_suit_a_key_stops_the_run_untouched(stage: Stage) -> None:
    keys = [stage.key("sym", SYMMETRIC), stage.key("rsa", "RSA_2048"), stage.key("mac", "HMAC_256")]
    keys[0] = stage.entry("alias/sym", SYMMETRIC, "new")
    before = stage.lab.mark()

    run = stage.run(keys=keys, strategy="on_demand")

    assert run.status == 2 and run.changed == 0
    assert all(call.startswith(("Describe", "List", "Get", "GenerateMac")) for call in stage.lab.calls(before))
    assert run.says("Nothing was changed, since keys are refused: alias/rsa:")
    assert run.says("| alias/mac:")
    assert run.says("The strategy for new material in an RSA_2048 key is alias")
    assert run.says("The strategy for new material in an HMAC_256 key is alias")
    report = assert_documented(stage)
    assert (report["run"]["outcome"], outcomes(report)) == ("failed", ["not_started", "refused", "refused"])
    assert report["keys"][1]["error"]["code"] == "refused" and report["keys"][0]["before"]["key_state"] == "Enabled"
    assert not stage.journal_path.exists()


def scenario_material_of_another_key_stops_the_run_untouched(stage: Stage) -> None:
    keys = [stage.key("good", "ECC_NIST_P256"), stage.key("bad", "ECC_NIST_P256")]
    keys[1] = stage.entry("alias/bad", "ECC_NIST_P256", "other")
    before = stage.lab.mark()

    run = stage.run("--check", keys=keys, canary=False)

    assert run.status == 2 and stage.lab.changing_calls(before) == []
    assert run.says("since a key is refused: alias/bad: the material given is not the one that belongs to the key")
    assert run.says("the strategy for new material is alias")
    report = assert_documented(stage)
    assert (report["run"]["outcome"], outcomes(report)) == ("planned", ["planned", "refused"])
    assert report["keys"][0]["canary"] is None


def scenario_keys_of_another_account_stop_the_run_and_are_only_described(stage: Stage) -> None:
    keys = [stage.key("key", SYMMETRIC)]
    before = stage.lab.mark()

    run = stage.run(keys=keys, expected_account="999999999999")

    assert run.status == 2 and run.says("Nothing was changed, since a key is refused: alias/key: the key alias/key is")
    assert run.says("and expected_account is 999999999999")
    assert set(stage.lab.calls(before)) == {"DescribeKey"}
    assert assert_documented(stage)["keys"][0]["error"]["code"] == "WrongAccount"


def scenario_what_cannot_be_meant_is_refused_before_anything_is_read(stage: Stage) -> None:
    keys = [stage.key("key", SYMMETRIC)]
    before = stage.lab.mark()

    alias = stage.run(keys=[{**keys[0], "key_material_id": "0" * 64, "regions": ["all"]}], strategy="alias")
    named = stage.run(keys=[{**keys[0], "aliases": ["alias/key"]}])
    window = stage.run(keys=keys, strategy="alias", old_key="delete", pending_window=6)
    nowhere = stage.run(keys=keys, report_path="/nowhere/report.json")
    # What Ansible's own check of arguments would show.
    bare = stage.run(keys=[keys[0]["key_material"]])
    misspelt = stage.run(keys=[{"key_id": "alias/key", "key_materal": keys[0]["key_material"]}])
    account = stage.run(keys=keys, expected_account="12345678901")
    misplaced = stage.run("-vvvv", keys=[{**keys[0], "key_id": keys[0]["key_material"]}])

    assert [run.status for run in (alias, named, window, nowhere, bare, misspelt, account, misplaced)] == [2] * 8
    assert account.says("kms_material_rotation_expected_account must have 12 digits, in quotes. Nothing was done")
    assert bare.says("Every entry of kms_material_rotation_keys has to be a dictionary with a key_id; 1 of 1 are not")
    assert misspelt.says("have options that there are not: key_materal. Nothing was done")
    assert misplaced.says("options that are not made for it: key_id. The values are not shown. Nothing was done")
    assert alias.says(
        "keys that are yet to be made; key_material_id, regions cannot be said of those. Nothing was done"
    )
    assert named.says("goes with the strategy alias only. Nothing was done")
    assert window.says("kms_material_rotation_pending_window must be 7 to 30 days. Nothing was done")
    assert nowhere.says("/nowhere is no directory in which the report, the journal or the preparation can be written")
    assert stage.lab.calls(before) == []


def scenario_what_is_no_file_is_no_journal_and_no_report(stage: Stage) -> None:
    keys = [stage.key("key", SYMMETRIC)]
    fifo, link = stage.root / "fifo", stage.root / "link"
    os.mkfifo(fifo)
    link.symlink_to(stage.root / "target")
    before = stage.lab.mark()

    refused = stage.run("--check", keys=keys, report_path=str(fifo), journal_path=str(link))

    assert refused.status == 2, refused.output
    assert refused.says(f"{fifo} is no regular file") and refused.says(f"{link} is no regular file")
    assert stage.lab.calls(before) == [] and not (stage.root / "target").exists()


def scenario_a_journal_that_others_could_exchange_is_refused(stage: Stage) -> None:
    keys = [stage.key("one", SYMMETRIC), stage.key("two", SYMMETRIC)]
    place = stage.root / "place"
    place.mkdir()
    place.chmod(0o777)
    before = stage.lab.mark()

    for strategy in ("reimport", "alias"):
        run = stage.run("--check", keys=keys, strategy=strategy, journal_path=str(place / "journal.json"))

        assert run.status == 2, run.output
        assert run.says(f"since a key is refused: journal_path {place}/journal.json is not taken"), run.output
        assert run.says("group or others can put another file there")

    assert stage.lab.changing_calls(before) == [] and list(place.iterdir()) == []


def scenario_without_a_place_for_the_journal_no_other_key_is_begun(stage: Stage) -> None:
    keys = [stage.key(f"k{number}", SYMMETRIC) for number in range(3)]
    place = stage.root / "place"
    place.mkdir()
    journal = str(place / "journal.json")
    before = stage.lab.mark()
    # The journal is there before the first batch, and its place is taken when that begins.
    stage.sabotage("Change the keys, import again", 1, place / "journal.json", "occupy")

    run = stage.run(keys=keys, batch_size=1, journal_path=journal)

    assert run.status == 2 and run.says(f"The run broke off: the journal {journal} could not be written"), run.output
    assert run.says("Of the keys, 1 done, 0 failed, 2 left")
    assert stage.lab.changing_calls(before) == PAIR
    report = assert_documented(stage)
    assert outcomes(report) == ["changed", "not_started", "not_started"]
    # What was in hand is verified all the same.
    assert report["keys"][0]["canary"]["verdict"] == "passed"
    assert "the journal" in report["keys"][1]["error"]["message"]

    stage.sabotage("write the report as JSON and as a page", 1, place, "remove")
    unreported = stage.run(keys=keys, report_path=str(place / "report.json"))

    assert unreported.status == 2 and unreported.says("report.json could not be written"), unreported.output
    assert unreported.says("3 keys: 3 changed, 0 unchanged; nothing failed")
    assert stage.journal["state"] == "completed"


def scenario_what_is_refused_for_the_sake_of_the_material_can_be_allowed(stage: Stage) -> None:
    """For the run and for a key alone."""
    weak = stage.planted.add("32 hexadecimal digits", material(SYMMETRIC)[:16].hex().encode())
    key_id = stage.lab.empty_key()
    import_elsewhere(stage.lab.kms, key_id, SYMMETRIC, weak)
    key = {"key_id": key_id, "key_material": b64(weak)}
    before = stage.lab.mark()

    refused = stage.run(keys=[key])
    for_the_run = stage.run("--check", keys=[key], allow=["weak_material"])
    for_another = stage.run("--check", keys=[{**key, "allow": []}], allow=["weak_material"])

    assert [run.status for run in (refused, for_the_run, for_another)] == [2, 0, 2]
    assert refused.says("can be guessed: it is text, 32 hexadecimal digits") and for_another.says("can be guessed")
    assert stage.lab.changing_calls(before) == []
    for_the_key = stage.run(keys=[{**key, "allow": ["weak_material"]}])
    assert for_the_key.status == 0, for_the_key.output
    assert stage.lab.changing_calls(before) == PAIR


# -- crashes -----------------------------------------------------------------------------------------------------------


def wait_until(ready: Callable[[], bool], timeout: float = 900) -> None:
    deadline = time.monotonic() + timeout
    while not ready():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


def deletions(stage: Stage, since: int) -> dict[str, int]:
    counted: dict[str, int] = {}
    for call in stage.lab.emulator.calls()[since:]:
        if call["operation"] == "DeleteImportedKeyMaterial":
            key = str(call["key"]).rsplit("/", maxsplit=1)[-1]
            counted[key] = counted.get(key, 0) + 1
    return counted


def scenario_killed_between_batches_the_next_run_finishes(stage: Stage) -> None:
    specs = (SYMMETRIC, "HMAC_256", "ECC_NIST_P256")
    keys = [stage.key(f"k{number}", spec) for number, spec in enumerate(specs)]
    key_ids = [stage.lab.metadata(key["key_id"])["KeyId"] for key in keys]
    checks = [work(stage, key["key_id"], spec) for key, spec in zip(keys, specs)]
    before = stage.lab.mark()

    for batches in (1, 2):
        stage.kill_when(
            stage.start(keys=keys, batch_size=1, canary=False, report_path=""),
            lambda: stage.done_in_journal() >= batches,  # noqa: B023 (asked before the next one begins)
        )
        assert stage.journal["state"] == "unfinished"
        assert stage.done_in_journal() == batches
        stage.tally("points between batches at which the role was killed")
    again = stage.run(keys=keys, batch_size=1, canary=False)

    assert again.status == 0, again.output
    assert all(number == 1 for number in list(deletions(stage, before).values())[:2])
    assert set(deletions(stage, before)) == set(key_ids)
    for check in checks:
        check()
    report = assert_documented(stage)
    assert outcomes(report) == ["unchanged", "unchanged", "changed"]
    assert "Done in an earlier run of this rotation" in report["keys"][0]["warnings"][0]
    assert "ImportKeyMaterial" in report["keys"][0]["warnings"][0]
    assert (stage.journal["state"], stage.journal["id"]) == ("completed", report["run"]["id"])


def scenario_a_journal_that_is_complete_makes_the_next_rotation_skip_nothing(stage: Stage) -> None:
    keys = [stage.key("key", "HMAC_256")]
    for _time in range(2):
        before = stage.lab.mark()
        assert stage.run(keys=keys, canary=False, report_path="").status == 0
        assert stage.lab.changing_calls(before) == PAIR
        assert stage.journal["state"] == "completed"


def scenario_ctrl_c_leaves_no_key_down_and_the_next_run_knows_what_was_done(stage: Stage) -> None:
    keys = [stage.key(f"k{number}", SYMMETRIC) for number in range(20)]
    before = stage.lab.mark()
    # So slow that it is not over before ansible-playbook has passed the signal on.
    rates = {"GetParametersForImport": 1000, "DeleteImportedKeyMaterial": 0.25}

    stage.kill_when(
        stage.start(keys=keys, canary=False, report_path="", request_rates=rates),
        lambda: len(deletions(stage, before)) >= 2,
        number=signal.SIGINT,
        # ansible-playbook was seen to miss a Ctrl-C.
        missed=lambda: len(deletions(stage, before)) >= 8,
    )
    # The module is in a process group of its own, too, and ends what it has begun.
    wait_until(lambda: not stage.running())
    assert {stage.lab.state(key["key_id"]) for key in keys} == {"Enabled"}
    done = len(deletions(stage, before))
    again = stage.run(keys=keys, canary=False, request_rates={"GetParametersForImport": 1000})

    assert again.status == 0, again.output
    assert 2 <= done < len(keys)
    assert sorted(deletions(stage, before).values()) == [1] * len(keys)
    assert outcomes(assert_documented(stage)).count("unchanged") == done
    assert [path.name for path in stage.root.glob("journal.json*")] == ["journal.json"]


# -- an alias that moves -----------------------------------------------------------------------------------------------


def scenario_an_alias_that_moves_after_the_plan_takes_no_other_key_along(stage: Stage) -> None:
    """Through change, rescue, verification, canary, report and journal it is the planned key, under the name given."""
    keys = [stage.key("one", SYMMETRIC)]
    stage.key("two", SYMMETRIC)
    planned, other = (stage.lab.metadata(f"alias/{name}")["Arn"] for name in ("one", "two"))
    stage.lab.emulator.faults(lost_imports(2))
    stage.interlope("Show the plan", "alias/one", other)
    before = stage.lab.mark()

    run = stage.run(keys=keys, wait_timeout=0, expected_account=planned.split(":")[4])

    calls = stage.lab.emulator.calls()[before:]
    assert run.status == 0, run.output
    assert stage.lab.metadata("alias/one")["Arn"] == other
    assert [(call["operation"], call["key_arn"]) for call in calls if "alias/" in str(call["key"])] == [
        ("DescribeKey", planned)
    ]
    worked = {call["key_arn"] for call in calls if call["operation"] in CHANGING | {"Encrypt", "Decrypt"}}
    assert worked - {None} == {planned}  # of a call that a fault has struck no key is known
    (key,) = assert_documented(stage)["keys"]
    assert (key["outcome"], key["key_arn"], key["aliases"][0]) == ("changed", planned, "alias/one")
    assert key["canary"]["verdict"] == "passed" and any("A first try failed" in text for text in key["warnings"])
    (record,) = stage.journal["keys"]
    assert (record["key_id"], record["key_arn"], record["status"]) == ("alias/one", planned, "done")


# -- in two runs -------------------------------------------------------------------------------------------------------


def scenario_prepared_in_one_run_and_changed_in_another_without_the_plaintext(stage: Stage) -> None:
    specs = (SYMMETRIC, "HMAC_256", "ECC_NIST_P256")
    keys = [stage.key(f"k{number}", spec) for number, spec in enumerate(specs)]
    checks = [work(stage, key["key_id"], spec) for key, spec in zip(keys, specs)]
    stage.key("other", SYMMETRIC)
    path = stage.root / "stage.json"
    fast = {"GetParametersForImport": 1000}
    before = stage.lab.mark()

    dry = stage.run("--check", keys=keys, stage_path=str(path), request_rates=fast, report_path="")
    assert dry.status == 0 and not path.exists() and stage.lab.changing_calls(before) == []
    prepared = stage.run(keys=keys, stage_path=str(path), request_rates=fast)

    assert prepared.status == 0, prepared.output
    assert prepared.says("3 of 3 keys are prepared")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "DeleteImportedKeyMaterial" not in stage.lab.calls(before)
    assert not stage.report_path.exists()

    stage.lab.emulator.config(clock_offset_seconds=3600)
    before = stage.lab.mark()
    names = [{"key_id": key["key_id"]} for key in keys]
    first, other = (stage.lab.metadata(name)["KeyId"] for name in ("alias/k0", "alias/other"))
    stage.lab.kms.update_alias(AliasName="alias/k0", TargetKeyId=other)
    moved = stage.run(keys=names, stage_path=str(path), report_path="")
    assert moved.status == 2 and moved.says("Nothing was changed, since a key is refused: alias/k0: alias/k0 led to")
    assert stage.lab.changing_calls(before) == []

    stage.lab.kms.update_alias(AliasName="alias/k0", TargetKeyId=first)
    before = stage.lab.mark()
    changed = stage.run(keys=names, stage_path=str(path), batch_size=2)

    assert changed.status == 0, changed.output
    assert "GetParametersForImport" not in stage.lab.calls(before)
    assert stage.lab.changing_calls(before).count("ImportKeyMaterial") == 6
    for check in checks:
        check()
    report = assert_documented(stage)
    assert outcomes(report) == ["changed"] * 3 and report["keys"][0]["canary"]["verdict"] == "passed"
    assert not path.exists()


def scenario_a_preparation_past_its_day_stops_the_run_untouched(stage: Stage) -> None:
    key = stage.key("key", SYMMETRIC)
    path = stage.root / "stage.json"
    early = stage.run(keys=[key], stage="change", stage_path=str(path))
    assert early.status != 0 and early.says("stage_path") and early.says("Nothing was changed")
    assert stage.run(keys=[key], stage_path=str(path)).status == 0
    stage.lab.emulator.config(clock_offset_seconds=25 * 3600)
    before = stage.lab.mark()

    refused = stage.run(keys=[key], stage_path=str(path))

    assert refused.status != 0 and refused.says("too old") and refused.says("prepare it again")
    assert stage.lab.changing_calls(before) == []
    again = stage.run(keys=[key], stage="prepare", stage_path=str(path))
    assert again.status == 0 and again.says("1 of 1 keys are prepared")


# -- failures ----------------------------------------------------------------------------------------------------------


def lost_imports(*numbers: int) -> list[dict[str, Any]]:
    return [{"operation": "ImportKeyMaterial", "nth": number, "code": "AccessDeniedException"} for number in numbers]


def scenario_a_key_whose_import_failed_after_its_deletion_is_rescued(stage: Stage) -> None:
    keys = [stage.key("whole", SYMMETRIC), stage.key("lost", SYMMETRIC)]
    check = work(stage, "alias/lost", SYMMETRIC)
    lost = stage.lab.metadata("alias/lost")["KeyId"]
    denied = {"operation": "Encrypt", "key_id": lost, "every": 1, "code": "AccessDeniedException"}
    stage.lab.emulator.faults([{**fault, "key_id": lost} for fault in lost_imports(2)] + [denied])
    before = stage.lab.mark()

    run = stage.run(keys=keys, wait_timeout=0)

    assert run.status == 0, run.output
    assert run.says("2 done, 0 failed, 0 left")
    check()
    assert stage.lab.calls(before).count("DeleteImportedKeyMaterial") == 2
    whole, key = assert_documented(stage)["keys"]
    assert (whole["outcome"], operations(whole), whole["canary"]["verdict"]) == ("changed", PAIR, "passed")
    assert (key["outcome"], key["after"]["key_state"]) == ("changed", "Enabled")
    assert [one["outcome"] for one in key["operations"]] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert key["unavailable_to_epoch"] == key["operations"][3]["finished_epoch"] and key["unavailable_seconds"] > 0
    assert any("A first try failed" in warning for warning in key["warnings"])
    assert (key["canary"]["verdict"], key["canary"]["note"]) == ("skipped", "the credentials lack kms:Encrypt")


def scenario_what_cannot_be_rescued_is_told_with_the_cure_and_healed_by_the_next_run(stage: Stage) -> None:
    keys = [stage.key("first", SYMMETRIC), stage.key("second", SYMMETRIC)]
    check = work(stage, "alias/first", SYMMETRIC)
    stage.lab.emulator.faults(lost_imports(*range(2, 40)))

    run = stage.run(keys=keys, batch_size=1, wait_timeout=0)

    assert run.status == 2
    assert run.says("1 of 2 keys failed") and run.says("THE KEY CANNOT BE USED")
    arn = stage.lab.metadata("alias/first")["Arn"]
    heal = f"ansible localhost -m byok.aws.kms_imported_material -a 'key_id={arn}"
    assert run.says(f"to heal it: {heal}")
    assert (stage.lab.state("alias/first"), stage.lab.state("alias/second")) == ("PendingImport", "Enabled")
    report = assert_documented(stage)
    assert (report["run"]["outcome"], outcomes(report)) == ("failed", ["failed", "not_started"])
    key = report["keys"][0]
    assert (key["unavailable_seconds"], key["unavailable_to"]) == (None, None) and key["unavailable_from"]
    assert key["error"]["heal_command"].startswith(heal) and key["canary"]["verdict"] == "failed"
    assert [one["status"] for one in stage.journal["keys"]] == ["failed", "left"]

    stage.lab.emulator.faults([])
    healed = stage.run(keys=keys, batch_size=1)

    assert healed.status == 0, healed.output
    check()
    report = assert_documented(stage)
    assert outcomes(report) == ["changed", "changed"]
    assert operations(report["keys"][0]) == ["ImportKeyMaterial"]
    assert report["run"]["id"] == stage.journal["id"]


# -- the other playbook ------------------------------------------------------------------------------------------------


def scenario_emergency_deletion(stage: Stage) -> None:
    stage.key("one", SYMMETRIC)
    stage.key("two", "RSA_2048")
    before = stage.lab.mark()
    wanted = (
        "byok.aws.emergency_delete",
        "--extra-vars",
        json.dumps({"emergency_delete_keys": ["alias/one", "alias/two"]}),
    )

    unconfirmed = stage.play(*wanted, "-e", "emergency_delete_confirm=1")
    planned = stage.play(*wanted, "--check")
    other = ("-e", "emergency_delete_confirm=2", "-e", "emergency_delete_expected_account=999999999999")
    elsewhere = stage.play(*wanted, *other, "-e", "emergency_delete_look_again=0")

    assert elsewhere.status == 2 and elsewhere.says("NOT EVERY KEY IS CUT OFF")
    assert elsewhere.says("and expected_account is 999999999999")
    assert unconfirmed.status == 2 and unconfirmed.says("This deletes all material of 2 keys: alias/one is arn:")
    account = stage.lab.metadata("alias/one")["AWSAccountId"]
    assert unconfirmed.says(f"Account {account}.") and unconfirmed.says(stage.lab.metadata("alias/two")["Arn"])
    assert (planned.status, planned.changed) == (0, 1)
    assert stage.lab.changing_calls(before) == []

    done = stage.play(*wanted, "-e", "emergency_delete_confirm=2")

    assert (done.status, done.changed) == (0, 1), done.output
    assert [stage.lab.state(f"alias/{name}") for name in ("one", "two")] == ["PendingImport"] * 2
    deleted = [call for call in stage.lab.emulator.calls()[before:] if call["operation"] == "DeleteImportedKeyMaterial"]
    assert len(deleted) == 2 and all(call["request_id"] in done.output for call in deleted)


def scenario_emergency_deletion_in_every_region(stage: Stage) -> None:
    stage.lab.emulator.config(transient_seconds=0)
    key_id = stage.lab.empty_key(MultiRegion=True)
    assert not stage.lab.run(key_id=key_id, key_material=stage.material(SYMMETRIC)).get("failed")
    stage.lab.kms.replicate_key(KeyId=key_id, ReplicaRegion="eu-west-1")
    assert not stage.lab.run(key_id=key_id, key_material=stage.material(SYMMETRIC), regions=["all"]).get("failed")
    wanted = {"emergency_delete_keys": [key_id], "emergency_delete_confirm": 1, "emergency_delete_regions": "all"}

    done = stage.play("byok.aws.emergency_delete", "--extra-vars", json.dumps(wanted))

    assert done.status == 0, done.output
    west = stage.lab.emulator.client("eu-west-1").describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"]
    assert (stage.lab.state(key_id), west) == ("PendingImport", "PendingImport")


def scenario_a_rotation_keeps_the_expiry(stage: Stage) -> None:
    """One key has a lifetime that is known, one an instant: nothing is begun before that is said."""
    ruled, fixed = stage.key("ruled", SYMMETRIC, label="b"), stage.key("fixed", SYMMETRIC, label="b")
    for name, mark in (("ruled", "byok:1::90d"), ("fixed", "by hand")):
        expires_in(stage, f"alias/{name}", 60, KeyMaterialDescription=mark)
    before = stage.lab.mark()

    refused = stage.run(keys=[ruled, fixed], strategy="on_demand")

    assert refused.status == 2 and refused.says("Nothing was changed") and stage.lab.changing_calls(before) == []
    assert refused.says("alias/fixed: the current material of the key") and refused.says("set valid_for or valid_to")
    assert outcomes(assert_documented(stage)) == ["not_started", "refused"]

    done = stage.run(keys=[ruled, {**fixed, "valid_for": "30d"}], strategy="on_demand")

    assert done.status == 0, done.output
    for key, days in zip(assert_documented(stage)["keys"], (90, 30)):
        older, newer = stage.lab.materials(key["key_id"])
        assert abs(newer["ValidTo"] - datetime.now(timezone.utc) - timedelta(days=days)) < timedelta(hours=1)
        after = key["after"]
        shown = [
            datetime.fromisoformat(after[name].replace("Z", "+00:00")) for name in ("current_valid_to", "valid_to")
        ]
        assert shown == [newer["ValidTo"], min(older["ValidTo"], newer["ValidTo"])]
        assert {one["key_material_id"] for one in after["expiring_materials"]} == {
            older["KeyMaterialId"],
            newer["KeyMaterialId"],
        }
        assert any(older["KeyMaterialId"] in warning for warning in key["warnings"])


def expires_in(stage: Stage, alias: str, days: int, label: str = "a", **options: Any) -> str:
    """Material that another tool has imported, and its ID."""
    until = (datetime.now(timezone.utc) + timedelta(days=days)).replace(microsecond=0)
    expiry = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": until}
    key_id = stage.lab.metadata(alias)["KeyId"]
    answer = import_elsewhere(stage.lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, label), **expiry, **options)
    return str(answer["KeyMaterialId"])


def scenario_renewal_of_what_expires_soon(stage: Stage) -> None:
    soon, later = soon_and_later(stage)
    unknown = stage.key("unknown", SYMMETRIC)
    expire(stage, unknown["key_id"], SYMMETRIC, days=5)
    older, newer = rotated_and_half_known(stage)
    given = {
        "alias/rotated": {"key_material": newer},
        "alias/soon": {"key_material": soon["key_material"]},
        stage.lab.metadata("alias/mac")["Arn"]: {"key_material": stage.material("HMAC_256"), "valid_for": "180d"},
        "alias/later": {"key_material": later["key_material"]},
    }
    limits = {"renew_expiring_within": "20d", "renew_expected_account": stage.lab.metadata("alias/mac")["AWSAccountId"]}
    wanted = ("byok.aws.renew", "--extra-vars", json.dumps({"renew_materials": given, **limits}))
    check = work(stage, "alias/soon", SYMMETRIC)
    before, calls = days_left(stage), stage.lab.mark()

    planned = stage.play(*wanted, "--check")
    assert planned.says(": would be renewed") and stage.lab.changing_calls(calls) == []
    done = stage.play(*wanted)

    assert done.status == 2 and done.says("NOT EVERY KEY IS RENEWED") and done.says("alias/unknown (")
    for run in (planned, done):
        assert run.says(f"its material {older}, which expires") and run.says(
            "nothing that renew_materials has for the key is it"
        )
    assert stage.lab.changing_calls(calls) == ["ImportKeyMaterial"] * 3
    assert before == {"soon": 10, "mac": 5, "later": 100, "unknown": 5}
    assert days_left(stage) == {"soon": 90, "mac": 180, "later": 100, "unknown": 5}
    check()
    calls = stage.lab.mark()
    again = stage.play(*wanted, "-e", "renew_unknown_is_failure=false")
    assert (again.status, again.changed) == (0, 0), again.output
    assert stage.lab.changing_calls(calls) == []


def rotated_and_half_known(stage: Stage) -> tuple[str, str]:
    """A key whose older material expires in 5 days: the ID of that, and the bytes of the current one."""
    alias = stage.key("rotated", SYMMETRIC)["key_id"]
    older = expires_in(stage, alias, 5)
    expires_in(stage, alias, 5, "b", ImportType="NEW_KEY_MATERIAL")
    stage.lab.kms.rotate_key_on_demand(KeyId=stage.lab.metadata(alias)["KeyId"])
    return older, stage.material(SYMMETRIC, "b")


def soon_and_later(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keys that expire in 10 and in 100 days, and an HMAC key in 5."""
    soon, mac, later = stage.key("soon", SYMMETRIC), stage.key("mac", "HMAC_256"), stage.key("later", SYMMETRIC)
    expire(stage, soon["key_id"], SYMMETRIC, days=10)
    expire(stage, mac["key_id"], "HMAC_256", days=5)
    expire(stage, later["key_id"], SYMMETRIC, days=100)
    return soon, later


def expire(stage: Stage, alias: str, spec: str, days: int) -> None:
    key_id = stage.lab.metadata(alias)["KeyId"]
    result = stage.lab.run(key_id=key_id, key_material=stage.material(spec), valid_for=f"{days}d")
    assert not result.get("failed"), result["msg"]


def days_left(stage: Stage) -> dict[str, int]:
    now = datetime.now(timezone.utc)
    left = {}
    for name in ("soon", "mac", "later", "unknown"):
        left[name] = round((stage.lab.metadata(f"alias/{name}")["ValidTo"] - now).total_seconds() / 86400)
    return left


# -- all of them -------------------------------------------------------------------------------------------------------

SCENARIOS = {
    name[len("scenario_") :]: value for name, value in sorted(globals().items()) if name.startswith("scenario_")
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_rotation(name: str, play: Callable[[Callable[[Stage], None]], None]) -> None:
    play(SCENARIOS[name])
