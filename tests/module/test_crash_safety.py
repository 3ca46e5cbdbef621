# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever kills a run, and wherever: the same task again ends well."""

from __future__ import annotations

from typing import Any
from typing import Callable

import pytest
from cases import SYMMETRIC
from cases import Case
from cases import prepare
from crash import Point
from crash import fault_at
from crash import killed_at
from lab import Lab
from materials import b64
from materials import material

REIMPORTED = {"state": "reimported"}
CASES = [
    Case("first import", SYMMETRIC, {}, 1, empty=True),
    Case("new expiry", SYMMETRIC, {"valid_for": "30d"}, 1),
    Case("foreign", SYMMETRIC, {}, 1, foreign=True),
    Case("new expiry, disabled", SYMMETRIC, {"valid_for": "30d"}, 4, disabled=True),
    Case("new expiry, disabled", "HMAC_256", {"valid_for": "30d"}, 4, disabled=True),
    Case("new expiry, disabled", "ECC_NIST_P256", {"valid_for": "30d"}, 4, disabled=True),
    Case("foreign, disabled", SYMMETRIC, {}, 4, disabled=True, foreign=True),
    Case("absent", SYMMETRIC, {"state": "absent"}, 1),
    Case("absent, foreign and proved", SYMMETRIC, {"state": "absent"}, 2, foreign=True),
    Case("reimported", SYMMETRIC, REIMPORTED, 3),
    Case("reimported", "HMAC_256", REIMPORTED, 3),
    Case("reimported", "RSA_2048", REIMPORTED, 3),
    Case("reimported", "ECC_NIST_P256", REIMPORTED, 3),
    Case("reimported, foreign", SYMMETRIC, REIMPORTED, 3, foreign=True),
    Case("reimported, disabled", SYMMETRIC, REIMPORTED, 5, disabled=True),
    Case("reimported, disabled", "HMAC_256", REIMPORTED, 7, disabled=True),
    Case("reimported, disabled", "ECC_NIST_P256", REIMPORTED, 5, disabled=True),
    Case("reimported, disabled and foreign", SYMMETRIC, REIMPORTED, 7, disabled=True, foreign=True),
    Case("current", SYMMETRIC, {"state": "current"}, 2, given="b"),
    Case("current, first", SYMMETRIC, {"state": "current"}, 1, empty=True, given="b"),
]
POINTS = [
    (case, Point(number, moment))
    for case in CASES
    for number in range(1, case.calls + 1)
    for moment in ("before", "after")
]


def run(lab: Lab, case: Case, key_id: str) -> dict[str, Any]:
    return lab.run(key_id=key_id, key_material=b64(material(case.spec, case.given)), **case.options)


def assert_ended_well(lab: Lab, case: Case, key_id: str, check: Callable[[], None], result: dict[str, Any]) -> None:
    assert not result.get("failed"), result["msg"]
    assert lab.state(key_id) == result["key_state"] == case.state_after
    assert lab.tags(key_id) == {}
    if case.state_after == "PendingImport":
        return
    if case.disabled:
        lab.kms.enable_key(KeyId=key_id)
    check()
    if case.options.get("state") == "current":
        entries = lab.materials(key_id)
        assert [entry["KeyMaterialState"] for entry in entries][-1] == "CURRENT"
        assert entries[-1]["KeyMaterialId"] == result["key_material_id"]
        assert len(entries) == (1 if case.empty else 2)


@pytest.fixture
def quick(lab: Lab, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Lab:
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import waiters

    monkeypatch.setattr(waiters, "ROTATION_DELAY", 0.1)
    lab.emulator.config(rotation_seconds=0.2)
    return lab


def identity(value: Any) -> str:
    return f"{value.moment}-{value.number}" if isinstance(value, Point) else f"{value.name} {value.spec}"


@pytest.mark.parametrize(("case", "point"), POINTS, ids=identity)
def test_killed_with_sigkill(quick: Lab, case: Case, point: Point, tally: Callable[[str], None]) -> None:
    key_id, check = prepare(quick, case)

    assert killed_at(point, lambda: run(quick, case, key_id)), "the run never got to this point"
    result = run(quick, case, key_id)

    assert_ended_well(quick, case, key_id, check, result)
    tally("crash points")


@pytest.mark.parametrize(("case", "point"), [row for row in POINTS if row[1].moment == "after"], ids=identity)
def test_lost_answer(quick: Lab, case: Case, point: Point, tally: Callable[[str], None]) -> None:
    key_id, check = prepare(quick, case)
    before = quick.mark()
    predicted = quick.run(
        key_id=key_id, key_material=b64(material(case.spec, case.given)), check_mode=True, **case.options
    )["operations"]
    quick.emulator.faults([fault_at(predicted, point.number - 1, "drop_after")])

    result = run(quick, case, key_id)

    dropped = [call for call in quick.emulator.calls()[before:] if call["outcome"] not in ("Success",)]
    assert len(dropped) == 1, "the fault did not strike"
    assert_ended_well(quick, case, key_id, check, result)
    tally("lost answers")


def test_the_number_of_calls_is_the_one_assumed(quick: Lab) -> None:
    """Otherwise points would be missing above."""
    for case in CASES:
        key_id, _check = prepare(quick, case)
        before = quick.mark()
        run(quick, case, key_id)
        assert len(quick.changing_calls(before)) == case.calls, case.name
