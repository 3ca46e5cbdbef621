# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_external_key: wherever a run is killed, whichever answer is lost, the same task again ends with one key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Callable

import pytest
from crash import FAULTS
from crash import Point
from crash import fault_at
from crash import killed_at
from external_lab import ALIAS
from external_lab import SYMMETRIC
from external_lab import ExternalLab
from external_lab import policy
from materials import import_elsewhere
from materials import material

CHANGING = {
    "CreateKey",
    "CreateAlias",
    "UpdateAlias",
    "CancelKeyDeletion",
    "ScheduleKeyDeletion",
    "EnableKey",
    "DisableKey",
    "ReplicateKey",
    "TagResource",
    "UntagResource",
    "UpdateKeyDescription",
    "PutKeyPolicy",
}
WEST = "eu-west-1"
TAGS = [{"TagKey": "old", "TagValue": "1"}]


@dataclass
class Case:
    """A task, the keys that it finds, and the calls that it makes. keys: how many there are in the end."""

    name: str
    make: Callable[[ExternalLab], Any]
    operations: list[str]
    options: dict[str, Any] = field(default_factory=dict)
    keys: int = 1


def nothing(_lab: ExternalLab) -> None:
    return None


def disabled(lab: ExternalLab) -> str:
    key_id = lab.filled(Tags=TAGS)
    lab.kms.disable_key(KeyId=key_id)
    return key_id


def doomed(lab: ExternalLab) -> str:
    key_id = lab.filled(Tags=TAGS)
    lab.kms.schedule_key_deletion(KeyId=key_id)
    return key_id


EVERYTHING: dict[str, Any] = {"enabled": True, "tags": {"new": "2"}, "description": "new", "policy": policy("new")}
SETTINGS = ["UntagResource", "TagResource", "UpdateKeyDescription", "PutKeyPolicy"]
CASES = [
    Case("create", nothing, ["CreateKey", "CreateAlias"], {"alias": ALIAS, **EVERYTHING}),
    Case("create multi-Region", nothing, ["CreateKey", "CreateAlias"], {"alias": ALIAS, "multi_region": True}),
    Case("create by token", nothing, ["CreateKey"], {"creation_token": "2031", **EVERYTHING}),
    Case(
        "create by token, take the alias",
        ExternalLab.made,
        ["CreateKey", "UpdateAlias"],
        {"creation_token": "2031", "alias": ALIAS, "move_alias": True},
        keys=2,
    ),
    Case("change", disabled, ["EnableKey", *SETTINGS], {"alias": ALIAS, **EVERYTHING}),
    Case(
        "change and name",
        disabled,
        ["EnableKey", *SETTINGS, "CreateAlias"],
        {"key_id": ALIAS, "alias": "alias/second", **EVERYTHING},
    ),
    Case("cancel", doomed, ["CancelKeyDeletion", "EnableKey", *SETTINGS], {"alias": ALIAS, **EVERYTHING}),
    Case(
        "replicate",
        lambda lab: lab.filled(MultiRegion=True),
        ["ReplicateKey", "ReplicateKey", "DisableKey"],
        {"alias": ALIAS, "multi_region": True, "replica_regions": [WEST, "eu-west-2"], "enabled": False},
    ),
    Case("delete", ExternalLab.filled, ["ScheduleKeyDeletion"], {"alias": ALIAS, "state": "absent"}, keys=0),
]
POINTS = [
    (case, Point(number, moment))
    for case in CASES
    for number in range(1, len(case.operations) + 1)
    for moment in ("before", "after")
]


def snapshot(lab: ExternalLab, key_id: str) -> dict[str, Any]:
    """Everything that a task can have made of a key, by an independent client."""
    metadata = lab.metadata(key_id)
    kept = ("KeyState", "Description", "KeySpec", "KeyUsage", "MultiRegion", "Origin")
    regions = metadata.get("MultiRegionConfiguration", {}).get("ReplicaKeys", [])
    return {
        **{name: metadata[name] for name in kept},
        "tags": lab.tags(key_id),
        "aliases": sorted(lab.aliases(key_id)),
        "policy": lab.policy(key_id),
        "regions": sorted(one["Region"] for one in regions),
    }


_UNDISTURBED: dict[str, dict[str, Any]] = {}


def undisturbed(lab: ExternalLab, case: Case) -> dict[str, Any]:
    """What an undisturbed run of the case makes."""
    if case.name not in _UNDISTURBED:
        case.make(lab)
        _UNDISTURBED[case.name] = snapshot(lab, lab.done(**case.options)["key_id"])
        lab.emulator.reset()
        lab.emulator.config(transient_seconds=0.2)
    return _UNDISTURBED[case.name]


def assert_ended_well(lab: ExternalLab, case: Case, wanted: dict[str, Any], result: dict[str, Any]) -> None:
    assert not result.get("failed"), result["msg"]
    assert json.dumps(snapshot(lab, result["key_id"])) == json.dumps(wanted)
    assert len(lab.all_keys()) == case.keys
    before = lab.mark()
    assert lab.done(**case.options)["changed"] is False
    assert lab.changing_calls(before) == []


def identity(value: Any) -> str:
    return f"{value.moment}-{value.number}" if isinstance(value, Point) else str(value.name)


@pytest.mark.parametrize(("case", "point"), POINTS, ids=identity)
def test_killed_with_sigkill(
    xlab: ExternalLab, case: Case, point: Point, monkeypatch: pytest.MonkeyPatch, tally: Callable[[str], None]
) -> None:
    monkeypatch.setattr("crash.CHANGING", CHANGING)
    wanted = undisturbed(xlab, case)
    case.make(xlab)

    assert killed_at(point, lambda: xlab.run(**case.options)), "the run never got to this point"
    result = xlab.run(**case.options)

    assert_ended_well(xlab, case, wanted, result)
    tally("crash points of kms_external_key")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("case", "number"),
    [
        pytest.param(case, number, id=f"{case.name}-{number}")
        for case in CASES
        for number in range(len(case.operations))
    ],
)
def test_one_fault(xlab: ExternalLab, case: Case, number: int, fault: str, tally: Callable[[str], None]) -> None:
    wanted = undisturbed(xlab, case)
    case.make(xlab)
    xlab.emulator.faults([fault_at(case.operations, number, fault)])
    before = xlab.mark()

    result = xlab.run(**case.options)

    assert sum(call["outcome"] != "Success" for call in xlab.emulator.calls()[before:]) >= 1, "the fault did not strike"
    assert result.get("operations") == case.operations
    assert len(result["request_ids"]) == len(case.operations)
    assert_ended_well(xlab, case, wanted, result)
    tally("faults that kms_external_key outlived")


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_the_calls_are_the_ones_assumed_and_predicted(xlab: ExternalLab, case: Case) -> None:
    case.make(xlab)
    before = xlab.mark()
    predicted = xlab.done(check_mode=True, **case.options)
    assert xlab.changing_calls(before) == []

    result = xlab.done(**case.options)

    assert predicted["operations"] == result["operations"] == xlab.changing_calls(before) == case.operations
    assert predicted["changed"] is result["changed"] is True


# -- KMS that shows changes late ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("wished", [{"alias": ALIAS}, {"creation_token": "2031"}], ids=["alias", "token"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_key_that_shows_itself_late_is_not_made_again(
    xlab: ExternalLab, wished: dict[str, Any], moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.byok.aws.plugins.module_utils._kms.external_key import execute as external_key_execute

    monkeypatch.setattr("crash.CHANGING", CHANGING)
    monkeypatch.setattr(external_key_execute, "SECOND_LOOK", 1.5)
    xlab.emulator.config(lag_seconds=1)

    assert killed_at(Point(1, moment), lambda: xlab.run(**wished))
    result = xlab.done(**wished)

    xlab.emulator.config(lag_seconds=0)
    assert xlab.all_keys() == [result["key_id"]]
    made = [] if moment == "after" else ["CreateKey"]
    assert result["operations"] == made + (["CreateAlias"] if "alias" in wished else [])


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_changes_that_show_late_are_waited_for(xlab: ExternalLab, case: Case) -> None:
    case.make(xlab)
    xlab.emulator.config(lag_seconds=0.6)

    result = xlab.done(**case.options)

    assert result["operations"] == case.operations
    assert result["key_state"] == xlab.state(result["key_id"])


LATE_AND_LOST = [
    (case, operation)
    for case in CASES
    for operation in ("CreateKey", "CreateAlias", "ReplicateKey", "ScheduleKeyDeletion", "CancelKeyDeletion")
    if operation in case.operations
]


@pytest.mark.parametrize(
    ("case", "operation"), LATE_AND_LOST, ids=[f"{case.name}-{operation}" for case, operation in LATE_AND_LOST]
)
def test_a_lost_answer_to_a_call_whose_effect_shows_late(
    xlab: ExternalLab, case: Case, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These calls must not be made twice: KMS makes a second key of the one, and refuses the others."""

    from ansible_collections.byok.aws.plugins.module_utils._kms.external_key import execute as external_key_execute

    monkeypatch.setattr(external_key_execute, "SECOND_LOOK", 0.25)
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import connection

    monkeypatch.setattr(connection, "FIRST_DELAY", 0.2)
    monkeypatch.setattr(connection, "LONGEST_DELAY", 1)
    wanted = undisturbed(xlab, case)
    case.make(xlab)
    xlab.emulator.config(lag_seconds=0.5)
    xlab.emulator.faults([{"operation": operation, "nth": 1, "times": 1, "drop_after": True}])
    before = xlab.mark()

    result = xlab.run(**case.options)

    assert [call["outcome"] for call in xlab.emulator.calls()[before:]].count("DroppedAfter") == 1
    assert result["operations"] == xlab.changing_calls(before) == case.operations, result["msg"]
    xlab.emulator.config(lag_seconds=0)
    assert_ended_well(xlab, case, wanted, result)


@pytest.mark.parametrize(("seeming", "real"), [(True, "PendingImport"), (False, "Enabled")])
def test_what_a_cancelled_deletion_leaves_is_read_and_not_guessed(
    xlab: ExternalLab, seeming: bool, real: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    key_id = xlab.filled()
    if real == "PendingImport":
        xlab.kms.delete_imported_key_material(KeyId=key_id)
    xlab.kms.schedule_key_deletion(KeyId=key_id)
    from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key

    monkeypatch.setattr(Key, "loaded", property(lambda _key: seeming))

    result = xlab.done(alias=ALIAS, enabled=True, description="new")

    enabling = ["EnableKey"] if real == "Enabled" else []
    assert result["operations"] == ["CancelKeyDeletion", *enabling, "UpdateKeyDescription"]
    assert result["key_state"] == xlab.state(key_id) == real


def test_an_alias_that_shows_itself_late_in_one_place(xlab: ExternalLab) -> None:
    key_id = xlab.filled()
    xlab.emulator.faults([{"operation": "DescribeKey", "nth": 1, "times": 1, "code": "NotFoundException"}])

    result = xlab.done(alias=ALIAS)

    assert result["changed"] is False and result["key_id"] == key_id


def test_an_alias_that_nothing_shows_until_it_is_created(xlab: ExternalLab) -> None:
    key_id = xlab.filled()
    xlab.emulator.faults(
        [
            {"operation": "DescribeKey", "nth": 1, "times": 1, "code": "NotFoundException"},
            {"operation": "ListAliases", "nth": 1, "times": 1, "code": "AccessDeniedException"},
        ]
    )

    result = xlab.done(alias=ALIAS, description="new")

    assert result["operations"] == ["CreateKey", "ScheduleKeyDeletion", "UpdateKeyDescription"]
    assert result["key_id"] == key_id and xlab.all_keys() == [key_id]
    assert any("scheduled for deletion" in one and key_id in one for one in result["warned"])


def test_a_new_key_that_kms_does_not_know_everywhere(xlab: ExternalLab) -> None:
    xlab.emulator.faults([{"operation": "CreateAlias", "nth": 1, "times": 3, "code": "NotFoundException"}])

    result = xlab.done(alias=ALIAS)

    assert result["operations"] == ["CreateKey", "CreateAlias"] and xlab.aliases(result["key_id"]) == [ALIAS]


def test_a_principal_that_kms_does_not_know_yet(xlab: ExternalLab) -> None:
    fault = {"operation": "CreateKey", "nth": 1, "times": 3, "code": "MalformedPolicyDocumentException"}
    xlab.emulator.faults([fault])

    assert xlab.done(alias=ALIAS, policy=policy())["operations"] == ["CreateKey", "CreateAlias"]
    xlab.emulator.faults([{**fault, "operation": "PutKeyPolicy", "times": 100}])
    result = xlab.run(alias=ALIAS, policy=policy("other"))
    assert result["failed"] and "names a principal" in result["msg"]
    assert result["error"]["code"] == "MalformedPolicyDocumentException"


# -- keys that look half-made ------------------------------------------------------------------------------------------


def half_made(lab: ExternalLab, **options: Any) -> str:
    return lab.made(alias=None, Tags=[{"TagKey": "byok:creation-token", "TagValue": ALIAS}], **options)


def test_a_half_made_key_is_taken_up(xlab: ExternalLab) -> None:
    for _other in range(3):
        xlab.made(alias=None)
        xlab.kms.create_key(Tags=[{"TagKey": "byok:creation-token", "TagValue": ALIAS}])
    key_id = half_made(xlab)

    predicted = xlab.done(alias=ALIAS, description="x", check_mode=True)
    result = xlab.done(alias=ALIAS, description="x")

    assert predicted["operations"] == result["operations"] == ["UpdateKeyDescription", "CreateAlias"]
    assert result["key_id"] == predicted["key_id"] == key_id
    assert any("taken up" in one for one in result["warned"])


def test_a_half_made_key_is_deleted_under_its_alias(xlab: ExternalLab) -> None:
    key_id = half_made(xlab)

    result = xlab.done(alias=ALIAS, state="absent")

    assert result["operations"] == ["ScheduleKeyDeletion"] and result["key_id"] == key_id
    # What is on its way out was not half made: another key is.
    assert xlab.done(alias=ALIAS)["operations"] == ["CreateKey", "CreateAlias"]


def test_a_key_at_work_that_lost_its_alias_is_not_taken_for_half_made(xlab: ExternalLab) -> None:
    key_id = half_made(xlab)
    import_elsewhere(xlab.kms, key_id, SYMMETRIC, material(SYMMETRIC))

    result = xlab.run(alias=ALIAS)

    assert result["failed"] and key_id in result["msg"] and "creation_token" in result["msg"]
    assert result["error"]["code"] == "RefusedByPlan"
    assert xlab.done(alias=ALIAS, state="absent")["skip_reason"] == "NotFound"
    assert xlab.state(key_id) == "Enabled"
    assert xlab.done(key_id=key_id, alias=ALIAS)["operations"] == ["CreateAlias"]


def test_a_key_that_was_renamed_is_not_taken_for_half_made(xlab: ExternalLab) -> None:
    first = xlab.done(alias=ALIAS)["key_id"]
    xlab.kms.create_alias(AliasName="alias/renamed", TargetKeyId=first)
    xlab.kms.delete_alias(AliasName=ALIAS)

    result = xlab.done(alias=ALIAS)

    assert result["operations"] == ["CreateKey", "CreateAlias"] and result["key_id"] != first


def test_two_half_made_keys_are_for_a_person_to_look_at(xlab: ExternalLab) -> None:
    both = {half_made(xlab), half_made(xlab)}

    result = xlab.run(alias=ALIAS)

    assert result["failed"] and all(key_id in result["msg"] for key_id in both)


def test_what_looking_for_a_half_made_key_costs(xlab: ExternalLab) -> None:
    """Keys with an alias are not looked at; only those of origin EXTERNAL are asked for their tags."""
    for number in range(6):
        xlab.made(alias=f"alias/{number}")
    xlab.kms.create_key()
    xlab.made(alias=None)
    before = xlab.mark()

    xlab.done(alias=ALIAS, check_mode=True)

    calls = xlab.calls(before)
    assert sorted(calls) == ["DescribeKey"] * 3 + ["ListAliases", "ListKeys", "ListResourceTags"]
