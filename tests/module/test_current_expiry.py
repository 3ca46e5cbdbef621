# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The expiry across a rotation, seen through an independent client: kept, or asked for, and never lost in silence."""

from __future__ import annotations

import time
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest
from lab import Lab
from materials import NEVER
from materials import b64
from materials import material

SYMMETRIC = "SYMMETRIC_DEFAULT"
STAGE_AND_ROTATE = ["ImportKeyMaterial", "RotateKeyOnDemand"]
DAY = 24 * 3600
# How far apart two looks at the clock may be.
SLACK = 3600


def make_current(lab: Lab, key_id: str, label: str = "b", **options: Any) -> dict[str, Any]:
    return lab.run(key_id=key_id, state="current", key_material=b64(material(SYMMETRIC, label)), **options)


def ok(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    return result


def days_left(lab: Lab, key_id: str, offset: float = 0) -> list[float | None]:
    """Of each material, the oldest first, by the clock of KMS."""
    now = time.time() + offset
    return [
        (one["ValidTo"].timestamp() - now) / DAY if one.get("ExpirationModel") != NEVER else None
        for one in lab.materials(key_id)
    ]


def in_days(days: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(days=days)).replace(microsecond=0).isoformat()


def about(days: float | None) -> Any:
    return None if days is None else pytest.approx(days, abs=SLACK / DAY)


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_lifetime_goes_on_in_full(quick: Lab) -> None:
    """Also when little was left of it, and from rotation to rotation."""
    key_id = quick.own_key(valid_for="90d")
    quick.emulator.config(clock_offset_seconds=80 * DAY)
    predicted = ok(make_current(quick, key_id, "b", check_mode=True))
    before = quick.mark()

    result = ok(make_current(quick, key_id, "b"))

    assert days_left(quick, key_id, 80 * DAY) == [about(10), about(90)]
    assert result["operations"] == predicted["operations"] == quick.changing_calls(before) == STAGE_AND_ROTATE
    first, second = quick.materials(key_id)
    assert instant(result["valid_to"]) == quick.metadata(key_id)["ValidTo"].timestamp() == first["ValidTo"].timestamp()
    assert instant(result["current_valid_to"]) == second["ValidTo"].timestamp()
    assert instant(predicted["current_valid_to"]) == pytest.approx(second["ValidTo"].timestamp(), abs=SLACK)
    assert [(one["key_material_id"], one["key_material_state"]) for one in result["expiring_materials"]] == [
        (first["KeyMaterialId"], "NON_CURRENT"),
        (second["KeyMaterialId"], "CURRENT"),
    ]
    assert any(first["KeyMaterialId"] in str(warning) for warning in result["warnings"])
    ok(make_current(quick, key_id, "c"))
    assert days_left(quick, key_id, 80 * DAY) == [about(10), about(90), about(90)]


def test_no_call_is_made_for_it(quick: Lab) -> None:
    lasting, expiring = quick.own_key(), quick.own_key(valid_for="90d")
    calls = []
    for key_id in (lasting, expiring):
        quick.emulator.config(rotation_seconds=0)
        before = quick.mark()
        ok(make_current(quick, key_id))
        calls.append(quick.calls(before))
    assert calls[0] == calls[1]


REFUSED = ("valid_for", "valid_to", f"expiration_model to {NEVER}")


@pytest.mark.parametrize("owner", ["own", "foreign"])
def test_an_expiry_whose_rule_is_not_known_has_to_be_said(quick: Lab, owner: str) -> None:
    if owner == "own":
        key_id = quick.own_key(valid_to=in_days(90))
    else:
        until = datetime.now(timezone.utc) + timedelta(days=90)
        key_id = quick.foreign_key(ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until)
    before, found = quick.mark(), quick.materials(key_id)

    for options in ({"check_mode": True}, {}, {"force": True}):
        result = make_current(quick, key_id, "b", **options)
        assert result["failed"] and all(option in result["msg"] for option in REFUSED), result["msg"]
        assert result["error"]["code"] == "RefusedByPlan" and result["operations"] == []
    assert (quick.changing_calls(before), quick.materials(key_id)) == ([], found)


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"valid_for": "30d"}, 30),
        ({"valid_to": in_days(40)}, 40),
        ({"expiration_model": NEVER}, None),
    ],
)
def test_what_is_said_holds(quick: Lab, options: dict[str, Any], left: float | None) -> None:
    key_id = quick.own_key(valid_for="90d")

    result = ok(make_current(quick, key_id, "b", **options))

    assert days_left(quick, key_id) == [about(90), about(left)]
    assert (result["current_expiration_model"] == NEVER) is (left is None)
    assert (result["current_valid_to"] is None) is (left is None)


def test_an_expiry_is_taken_away_on_purpose_only_also_after_a_crash(quick: Lab) -> None:
    """The run that was told so staged the material and ended; the next one is not told."""
    key_id = quick.own_key(valid_for="90d")
    quick.emulator.faults([{"operation": "RotateKeyOnDemand", "every": 1, "code": "AccessDeniedException"}])
    broken = make_current(quick, key_id, "b", expiration_model=NEVER)
    assert f"expiration_model={NEVER}" in broken["error"]["heal_command"]
    quick.emulator.faults([])
    before = quick.mark()

    result = make_current(quick, key_id, "b")

    assert result["failed"] and "does not expire, but the current one does" in result["msg"]
    assert quick.changing_calls(before) == []
    ok(make_current(quick, key_id, "b", expiration_model=NEVER))
    assert days_left(quick, key_id) == [about(90), None]


def test_the_command_that_heals_does_not_carry_the_expiry_of_another_material(quick: Lab) -> None:
    key_id = quick.own_key(valid_for="90d")
    quick.emulator.faults([{"operation": "RotateKeyOnDemand", "every": 1, "code": "AccessDeniedException"}])

    without = make_current(quick, key_id, "b")["error"]["heal_command"]
    said = make_current(quick, key_id, "b", valid_for="200d")["error"]["heal_command"]

    assert "valid_for=90d" in without and "valid_to" not in without
    assert "valid_for=200d" in said


def test_a_restoration_gives_the_lifetime_back(quick: Lab) -> None:
    key_id = quick.own_key(valid_for="90d")
    quick.kms.delete_imported_key_material(KeyId=key_id)

    result = quick.run(key_id=key_id, key_material=b64(material(SYMMETRIC)))

    assert ok(result)["operations"] == ["ImportKeyMaterial"] and days_left(quick, key_id) == [about(90)]
    before = quick.mark()
    assert ok(quick.run(key_id=key_id, key_material=b64(material(SYMMETRIC))))["changed"] is False
    assert quick.changing_calls(before) == []


def test_a_renewal_of_one_material_tells_of_the_other(quick: Lab) -> None:
    key_id = quick.own_key(valid_for="90d")
    ok(make_current(quick, key_id, "b"))
    older, newer = (one["KeyMaterialId"] for one in quick.materials(key_id))
    quick.emulator.config(clock_offset_seconds=70 * DAY)

    result = ok(quick.run(key_id=key_id, key_material=b64(material(SYMMETRIC, "b")), valid_for="90d"))

    assert days_left(quick, key_id, 70 * DAY) == [about(20), about(90)]
    told = [str(warning) for warning in result["warnings"]]
    assert any(older in warning for warning in told) and not any(newer in warning for warning in told)
