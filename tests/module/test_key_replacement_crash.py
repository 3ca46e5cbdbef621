# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key_replacement: wherever a run is killed, whichever answer is lost, the same task again leaves one new key."""

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
from materials import b64
from materials import material
from replacement_lab import ALIAS
from replacement_lab import SECOND
from replacement_lab import SYMMETRIC
from replacement_lab import WHOLE
from replacement_lab import ReplacementLab

CHANGING = {"CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias", "DisableKey", "ScheduleKeyDeletion"}
DENIED = "AccessDeniedException"


@dataclass
class Case:
    """A task on an old key with two aliases, and the calls that it makes."""

    name: str
    spec: str
    operations: list[str]
    options: dict[str, Any] = field(default_factory=dict)
    disabled: bool = False


BOTH = [*WHOLE, "UpdateAlias"]
CASES = [
    Case("leave", SYMMETRIC, BOTH),
    Case("leave a disabled key", "HMAC_256", BOTH, disabled=True),
    Case("disable", "HMAC_256", [*BOTH, "DisableKey"], {"old_key": "disable"}),
    Case("delete", "ECC_NIST_P256", [*BOTH, "ScheduleKeyDeletion"], {"old_key": "delete", "pending_window": 7}),
    Case("one alias", "RSA_2048", WHOLE, {"aliases": [ALIAS]}),
]
POINTS = [
    (case, Point(number, moment))
    for case in CASES
    for number in range(1, len(case.operations) + 1)
    for moment in ("before", "after")
]


def made(lab: ReplacementLab, case: Case) -> str:
    key_id = lab.old(case.spec, SECOND)
    if case.disabled:
        lab.kms.disable_key(KeyId=key_id)
    return key_id


def assert_ended_well(lab: ReplacementLab, case: Case, old: str, result: dict[str, Any]) -> None:
    assert not result.get("failed"), result["msg"]
    assert result["key_id"] == old
    lab.assert_replaced(old, result, case.spec)
    moved = case.options.get("aliases", [ALIAS, SECOND])
    assert lab.target(SECOND) == (result["new_key_id"] if SECOND in moved else old)
    states = {"disable": "Disabled", "delete": "PendingDeletion"}
    assert lab.state(old) == states.get(case.options.get("old_key", ""), "Disabled" if case.disabled else "Enabled")
    before = lab.mark()
    assert lab.done(case.spec, **case.options)["changed"] is False
    assert lab.changing_calls(before) == []


def identity(value: Any) -> str:
    return f"{value.moment}-{value.number}" if isinstance(value, Point) else str(value.name)


@pytest.mark.parametrize(("case", "point"), POINTS, ids=identity)
def test_killed_with_sigkill(
    rlab: ReplacementLab, case: Case, point: Point, monkeypatch: pytest.MonkeyPatch, tally: Callable[[str], None]
) -> None:
    monkeypatch.setattr("crash.CHANGING", CHANGING)
    old = made(rlab, case)

    assert killed_at(point, lambda: rlab.replace(case.spec, **case.options)), "the run never got to this point"
    predicted = rlab.done(case.spec, check_mode=True, **case.options)
    result = rlab.replace(case.spec, **case.options)

    left = case.operations[point.number - (point.moment == "before") :]
    assert result["operations"] == predicted["operations"] == left
    assert_ended_well(rlab, case, old, result)
    tally("crash points of kms_key_replacement")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("case", "number"),
    [
        pytest.param(case, number, id=f"{case.name}-{number}")
        for case in CASES
        for number in range(len(case.operations))
    ],
)
def test_one_fault(rlab: ReplacementLab, case: Case, number: int, fault: str, tally: Callable[[str], None]) -> None:
    old = made(rlab, case)
    rlab.emulator.faults([fault_at(case.operations, number, fault)])
    before = rlab.mark()

    result = rlab.replace(case.spec, **case.options)

    assert sum(call["outcome"] != "Success" for call in rlab.emulator.calls()[before:]) >= 1, "the fault did not strike"
    assert result.get("operations") == case.operations, result["msg"]
    assert len(result["request_ids"]) == len(case.operations)
    assert_ended_well(rlab, case, old, result)
    tally("faults that kms_key_replacement outlived")


@pytest.mark.parametrize("number", range(len(CASES[2].operations)))
def test_a_permission_that_is_missing_at_first(rlab: ReplacementLab, number: int) -> None:
    """Whatever call is refused, every alias leads to one key, and the next run goes on from there."""
    case = CASES[2]
    old = made(rlab, case)
    operation = case.operations[number]
    nth = case.operations[: number + 1].count(operation)
    rlab.emulator.faults([{"operation": operation, "nth": nth, "times": 1, "code": DENIED}])

    result = rlab.replace(case.spec, allow=["loose_file"], **case.options)

    assert result["failed"] and f"kms:{operation}" in result["msg"]
    assert rlab.target(ALIAS) == rlab.target(SECOND) == (old if operation != "DisableKey" else result["new_key_id"])
    heal = "ansible localhost -m byok.aws.kms_key_replacement -a 'key_id=arn:"
    assert result["error"]["heal_command"].startswith(heal)
    assert result["error"]["heal_command"].endswith(" allow=loose_file'")
    assert result["rolled_back"] is (nth == 2)
    assert_ended_well(rlab, case, old, rlab.replace(case.spec, **case.options))


def calls_of(lab: ReplacementLab, operation: str, **options: Any) -> int:
    """How many calls of an operation come before the last alias has moved."""
    before = lab.mark()
    lab.done(**options)
    calls = lab.calls(before)
    last = len(calls) - calls[::-1].index("UpdateAlias")
    lab.emulator.reset()
    return calls[:last].count(operation)


@pytest.mark.parametrize("code", [DENIED, "NotFoundException"])
@pytest.mark.parametrize("later", [1, 2, 3])
def test_an_alias_that_cannot_be_verified_goes_back(rlab: ReplacementLab, code: str, later: int) -> None:
    rlab.old(SYMMETRIC, SECOND)
    count = calls_of(rlab, "DescribeKey")
    old = rlab.old(SYMMETRIC, SECOND)
    rlab.emulator.faults([{"operation": "DescribeKey", "nth": count + later, "times": 1000, "code": code}])

    result = rlab.replace(wait_timeout=0)

    rlab.emulator.faults([])
    assert result["failed"] and result["error"]["code"] in (code, "WaitTimeout"), result
    assert rlab.target(ALIAS) == rlab.target(SECOND) == old
    assert (result["rolled_back"], result["aliases"]) == (True, [])
    assert result["operations"] == [*BOTH, "UpdateAlias", "UpdateAlias"]
    assert "every alias leads to the old key" in result["msg"] and rlab.state(old) == "Enabled"
    again = rlab.done()
    assert again["operations"] == ["UpdateAlias", "UpdateAlias"] and again["new_key_id"] == result["new_key_id"]


def test_what_an_earlier_run_has_moved_goes_back_as_well(rlab: ReplacementLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crash.CHANGING", CHANGING)
    old = rlab.old(SYMMETRIC, SECOND)
    assert killed_at(Point(4, "after"), rlab.replace)
    assert rlab.target(ALIAS) != rlab.target(SECOND) == old
    rlab.emulator.faults([{"operation": "UpdateAlias", "nth": 1, "times": 1, "code": DENIED}])

    result = rlab.replace()

    assert result["failed"] and result["rolled_back"] is True
    assert rlab.target(ALIAS) == rlab.target(SECOND) == old
    assert len(rlab.all_keys()) == 2 and rlab.done()["operations"] == ["UpdateAlias", "UpdateAlias"]


def test_an_alias_that_cannot_be_taken_back_is_named_with_the_way(rlab: ReplacementLab) -> None:
    old = rlab.old(SYMMETRIC, SECOND)
    rlab.emulator.faults([{"operation": "UpdateAlias", "nth": 2, "times": 1000, "code": DENIED}])

    result = rlab.replace()

    assert (result["rolled_back"], result["aliases"]) == (False, [ALIAS])
    arn = rlab.metadata(old)["Arn"]
    by_hand = f"aws kms update-alias --region us-east-1 --alias-name {ALIAS} --target-key-id {arn}"
    assert by_hand in result["msg"]
    rlab.emulator.faults([])
    assert rlab.done()["operations"] == ["UpdateAlias"]


@pytest.mark.parametrize(
    ("spec", "operation"),
    [(SYMMETRIC, "Encrypt"), (SYMMETRIC, "Decrypt"), ("HMAC_256", "VerifyMac"), ("ECC_NIST_P256", "Verify")],
)
def test_no_alias_moves_when_the_canary_fails(rlab: ReplacementLab, spec: str, operation: str) -> None:
    old = rlab.old(spec, SECOND)
    rlab.emulator.faults([{"operation": operation, "every": 1, "code": "KeyUnavailableException"}])

    result = rlab.replace(spec, wait_timeout=0)

    rlab.emulator.faults([])
    assert result["failed"] and result["error"]["code"] == "CanaryFailed" and "no alias was moved" in result["msg"]
    assert result["canary"]["verdict"] == "failed" and result["operations"] == WHOLE[:3]
    assert rlab.target(ALIAS) == rlab.target(SECOND) == old
    assert rlab.done(spec)["operations"] == ["UpdateAlias", "UpdateAlias"]


@pytest.mark.parametrize("operation", ["CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias"])
def test_an_operation_that_never_works_leaves_at_most_one_new_key(rlab: ReplacementLab, operation: str) -> None:
    old = rlab.old(SYMMETRIC, SECOND)
    for code in ("KMSInternalException", "LimitExceededException"):
        rlab.emulator.faults([{"operation": operation, "every": 1, "code": code}])
        for _time in range(2):
            assert rlab.replace(wait_timeout=1)["error"]["code"] == code
    rlab.emulator.faults([])

    assert len(rlab.all_keys()) == (1 if operation == "CreateKey" else 2)
    rlab.assert_replaced(old, rlab.done())


# -- KMS that shows changes late ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_changes_that_show_late_are_waited_for(
    rlab: ReplacementLab, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import connection

    monkeypatch.setattr(connection, "FIRST_DELAY", 0.1)
    monkeypatch.setattr(connection, "LONGEST_DELAY", 0.3)
    old = made(rlab, case)
    rlab.emulator.config(lag_seconds=0.6)

    result = rlab.done(case.spec, **case.options)

    assert result["operations"] == case.operations
    rlab.emulator.config(lag_seconds=0)
    assert_ended_well(rlab, case, old, result)


@pytest.mark.parametrize("number", range(1, len(BOTH) + 1))
def test_killed_while_changes_show_late(rlab: ReplacementLab, number: int, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr("crash.CHANGING", CHANGING)
    from ansible_collections.byok.aws.plugins.module_utils._kms.external_key import execute as external_key_execute

    monkeypatch.setattr(external_key_execute, "SECOND_LOOK", 1.0)
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import connection

    monkeypatch.setattr(connection, "FIRST_DELAY", 0.2)
    monkeypatch.setattr(connection, "LONGEST_DELAY", 0.4)
    case = CASES[0]
    old = made(rlab, case)
    rlab.emulator.config(lag_seconds=0.6)

    assert killed_at(Point(number, "after"), rlab.replace)
    result = rlab.replace()

    rlab.emulator.config(lag_seconds=0)
    assert_ended_well(rlab, case, old, result)


def test_nothing_of_the_material_is_in_the_results(rlab: ReplacementLab) -> None:
    rlab.old(SYMMETRIC, SECOND)
    rlab.emulator.faults([{"operation": "UpdateAlias", "nth": 2, "times": 1, "code": DENIED}])

    text = json.dumps([rlab.replace(diff=True), rlab.replace(diff=True), rlab.replace(diff=True, check_mode=True)])

    content = material(SYMMETRIC, "new")
    assert b64(content) not in text and content.hex() not in text
