# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault that KMS has, at every call of every strategy, once and for good."""

from __future__ import annotations

from typing import Any
from typing import Callable

import pytest
from cases import SYMMETRIC
from cases import Case
from cases import prepare
from lab import CHANGING
from lab import Lab
from materials import b64
from materials import material

REIMPORTED = {"state": "reimported"}
CASES = [
    Case("present", SYMMETRIC, {}, 1, empty=True),
    Case("renewal on disabled", SYMMETRIC, {"valid_for": "30d"}, 4, disabled=True),
    Case("absent", SYMMETRIC, {"state": "absent"}, 1),
    Case("reimported", SYMMETRIC, REIMPORTED, 3),
    Case("reimported", "HMAC_256", REIMPORTED, 3),
    Case("reimported on disabled", SYMMETRIC, REIMPORTED, 5, disabled=True),
    Case("current", SYMMETRIC, {"state": "current"}, 2, given="b"),
]
TRANSIENT = ("ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "drop_before", "drop_after")
TOKEN = ("InvalidImportTokenException", "ExpiredImportTokenException")
FINAL = (
    "NotFoundException",
    "InvalidArnException",
    "UnsupportedOperationException",
    "KMSInvalidStateException",
    "ValidationException",
    "AccessDeniedException",
)
NO_PROOF = ("AccessDeniedException", "DisabledException", "KMSInvalidStateException")
# What KMS's model (or the service) has beside the codes above, by operation.
MODELLED = {
    "ImportKeyMaterial": (*TOKEN, "InvalidCiphertextException", "IncorrectKeyMaterialException"),
    "RotateKeyOnDemand": ("DisabledException", "LimitExceededException", "ConflictException"),
    "ListKeyRotations": ("InvalidMarkerException",),
}


def fault(kind: str) -> dict[str, Any]:
    return {kind: True} if kind.startswith("drop") else {"code": kind}


def task(lab: Lab, case: Case, key_id: str, **more: Any) -> dict[str, Any]:
    return lab.run(key_id=key_id, key_material=b64(material(case.spec, case.given)), **case.options, **more)


@pytest.fixture
def quick(lab: Lab, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Lab:
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import waiters

    monkeypatch.setattr(waiters, "ROTATION_DELAY", 0.1)
    lab.emulator.config(rotation_seconds=0.2)
    return lab


def aged(lab: Lab, case: Case) -> str:
    """A key that is too old for a NotFoundException to be waited out."""
    key_id, _check = prepare(lab, case)
    lab.emulator.config(clock_offset_seconds=3600)
    return key_id


def calls_of(lab: Lab, case: Case) -> list[str]:
    """The calls of a run without faults."""
    key_id = aged(lab, case)
    before = lab.mark()
    result = task(lab, case, key_id)
    assert not result.get("failed"), result["msg"]
    calls = lab.calls(before)
    lab.emulator.reset()
    lab.emulator.config(rotation_seconds=0.2)
    return calls


def kinds(operation: str) -> tuple[str, ...]:
    return (*TRANSIENT, *FINAL, *MODELLED.get(operation, ()))


def may_fail_at_once(case: Case, calls: list[str], position: int, kind: str) -> bool:
    """A final answer ends the run, unless only a further call can repair a deletion or an enabled key."""
    operation = calls[position]
    if kind in TRANSIENT or (kind in TOKEN and case.given):
        return False
    begun = calls[:position]
    if operation == "ImportKeyMaterial" and "DeleteImportedKeyMaterial" in begun:
        return False
    if operation == "DisableKey":
        return False
    # After a proof, or with nothing done but a tag, a look that fails is a reason not to go on.
    done = [one for one in begun if one in CHANGING - {"TagResource"}]
    proved = case.options.get("state") == "reimported" and done == ["ImportKeyMaterial"]
    confirming = operation in ("DescribeKey", "GetKeyRotationStatus") and bool(done) and not proved
    return not confirming


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.spec}")
def test_once(quick: Lab, case: Case, tally: Callable[[str], None]) -> None:
    calls = calls_of(quick, case)
    for position, operation in enumerate(calls):
        for kind in kinds(operation):
            key_id = aged(quick, case)
            nth = calls[: position + 1].count(operation)
            quick.emulator.faults([{"operation": operation, "nth": nth, "times": 1, **fault(kind)}])
            before = quick.mark()
            result = task(quick, case, key_id, wait_timeout=20)
            # A run with fewer reads than the first has not met the fault; the reads of this test must not meet it.
            quick.emulator.faults([])
            where = f"{kind} at {operation} {nth}: {result['msg']}"
            assert_steps_are_the_calls(quick, before, result, where)
            if result.get("failed"):
                assert may_fail_at_once(case, calls, position, kind), where
                assert_left_in_order(quick, case, key_id, result, calls[:position], where)
            else:
                state = "PendingImport" if case.options.get("state") == "absent" else None
                wanted = state or ("Disabled" if case.disabled else "Enabled")
                assert quick.state(key_id) == wanted, where
                assert quick.tags(key_id) == {} or operation == "UntagResource", where
            quick.emulator.reset()
            quick.emulator.config(rotation_seconds=0.2)
            tally("single faults")


def assert_steps_are_the_calls(lab: Lab, before: int, result: dict[str, Any], where: str) -> None:
    """Every changing call that KMS saw is a step, and one that KMS carried out is never told as failed."""
    seen = [call for call in lab.emulator.calls()[before:] if call["operation"] in CHANGING]
    sent = [step for step in result["steps"] if step["outcome"] != "planned"]
    calls = [call for call in result["calls"] if call["operation"] in CHANGING]
    assert [(one["operation"], one["started"]) for one in sent] == [(one["operation"], one["started"]) for one in calls]
    carried_out = [call["operation"] for call in seen if call["outcome"] == "Success"]
    told = [step["operation"] for step in sent if step["outcome"] in ("succeeded", "lost")]
    assert all(told.count(one) >= carried_out.count(one) for one in carried_out), where
    assert result["operations"] == [step["operation"] for step in sent if step["outcome"] == "succeeded"], where
    answered = {call["request_id"]: call for call in seen}
    known = [step for step in sent if step["request_id"]]
    assert all(answered[step["request_id"]]["operation"] == step["operation"] for step in known), where
    refused = [step for step in known if step["outcome"] == "failed"]
    assert all(answered[step["request_id"]]["outcome"] != "Success" for step in refused), where


def assert_left_in_order(
    lab: Lab, case: Case, key_id: str, result: dict[str, Any], begun: list[str], where: str
) -> None:
    """A run that ended early left the key usable as before, and said so."""
    state = lab.state(key_id)
    before = "PendingImport" if case.empty else "Disabled" if case.disabled else "Enabled"
    done = "DeleteImportedKeyMaterial" in begun and case.options.get("state") == "absent"
    assert state == ("PendingImport" if done else before), where
    assert key_id in result["msg"] and "Traceback" not in result["_stdout"], where
    error = result["error"]
    healing = f"; to heal it: {error['heal_command']}" if error["heal_command"] else ""
    assert error["code"] and result["msg"] == error["message"] + healing, where


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.spec}")
def test_for_good(quick: Lab, case: Case, tally: Callable[[str], None]) -> None:
    calls = calls_of(quick, case)
    for position, operation in enumerate(calls):
        for kind in kinds(operation):
            key_id = aged(quick, case)
            nth = calls[: position + 1].count(operation)
            quick.emulator.faults([{"operation": operation, "nth": n, **fault(kind)} for n in range(nth, nth + 60)])
            before = quick.mark()
            result = task(quick, case, key_id, wait_timeout=0)
            if quick.calls(before).count(operation) < nth:
                # A rotation that ended sooner was looked at less often.
                assert operation in ("DescribeKey", "GetKeyRotationStatus")
                quick.emulator.reset()
                quick.emulator.config(rotation_seconds=0.2)
                continue
            where = f"{kind} at {operation} {nth}: {result['msg']}"
            assert_steps_are_the_calls(quick, before, result, where)
            state = quick.kms_state_past_faults(key_id)
            if not result.get("failed"):
                # The call was carried out although its answer never came, or it was dispensable: a proof, a tag.
                dispensable = operation in ("GenerateMac", "GetPublicKey") and kind in NO_PROOF
                # Whether the key was cut off during the run is asked last: not to know it is worth a warning.
                if operation == "ListResourceTags" and "ImportKeyMaterial" in calls[:position]:
                    dispensable = "cut off during this run" in str(result.get("warnings"))
                assert kind in ("drop_after", "AccessDeniedException") or dispensable, where
            else:
                assert key_id in result["msg"] and "\n" not in result["msg"], where
                assert "Traceback" not in result["_stdout"], where
                assert_state_is_told(result, calls[:position], state, where)
            quick.emulator.reset()
            quick.emulator.config(rotation_seconds=0.2)
            tally("lasting faults")


def assert_state_is_told(result: dict[str, Any], begun: list[str], state: str, where: str) -> None:
    if CHANGING.isdisjoint(begun):
        return
    message, heal = result["msg"], result["error"]["heal_command"]
    assert f"now {state}" in message or "could not be read" in message or "last seen" in message, where
    assert heal in message and result["key_arn"] in heal, where
