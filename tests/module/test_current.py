# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""state: current, seen through an independent client."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab
from materials import b64
from materials import import_elsewhere
from materials import material
from materials import wrapped

SYMMETRIC = "SYMMETRIC_DEFAULT"
STAGE_AND_ROTATE = ["ImportKeyMaterial", "RotateKeyOnDemand"]


def secret(label: str) -> str:
    return b64(material(SYMMETRIC, label))


def make_current(lab: Lab, key_id: str, label: str = "b", **options: Any) -> dict[str, Any]:
    return lab.run(key_id=key_id, state="current", key_material=secret(label), **options)


def stage(lab: Lab, key_id: str, label: str = "b", **options: Any) -> str:
    answer = import_elsewhere(
        lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, label), ImportType="NEW_KEY_MATERIAL", **options
    )
    return str(answer["KeyMaterialId"])


def ok(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    return result


def test_first_material_is_current_at_once(quick: Lab) -> None:
    key_id = quick.empty_key()

    result = ok(make_current(quick, key_id))

    assert result["operations"] == ["ImportKeyMaterial"]
    assert quick.state(key_id) == "Enabled"


def test_new_bytes_are_staged_and_rotated_to(quick: Lab) -> None:
    key_id = quick.own_key()
    old = quick.metadata(key_id)["CurrentKeyMaterialId"]
    blob = quick.kms.encrypt(KeyId=key_id, Plaintext=b"before")["CiphertextBlob"]
    predicted = ok(make_current(quick, key_id, check_mode=True))
    before = quick.mark()

    result = ok(make_current(quick, key_id))

    new = quick.metadata(key_id)["CurrentKeyMaterialId"]
    assert result["operations"] == predicted["operations"] == quick.changing_calls(before) == STAGE_AND_ROTATE
    assert result["key_material_id"] == result["current_key_material_id"] == new != old
    assert result["unavailable_seconds"] == 0.0
    decrypted = quick.kms.decrypt(CiphertextBlob=blob)
    assert (decrypted["Plaintext"], decrypted["KeyMaterialId"]) == (b"before", old)
    fresh = quick.kms.encrypt(KeyId=key_id, Plaintext=b"after")["CiphertextBlob"]
    assert quick.kms.decrypt(CiphertextBlob=fresh)["KeyMaterialId"] == new


def test_the_second_run_changes_nothing(quick: Lab) -> None:
    key_id = quick.own_key()
    ok(make_current(quick, key_id))
    before = quick.mark()

    result = ok(make_current(quick, key_id))

    assert result["changed"] is False
    assert quick.calls(before) == ["DescribeKey", "ListKeyRotations"]


def test_staged_by_an_earlier_run(quick: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id = quick.own_key()
    quick.emulator.faults([{"operation": "RotateKeyOnDemand", "every": 1, "code": "AccessDeniedException"}])
    assert make_current(quick, key_id)["failed"]
    quick.emulator.faults([])

    result = ok(make_current(quick, key_id))

    assert result["operations"] == ["RotateKeyOnDemand"]
    assert quick.metadata(key_id)["CurrentKeyMaterialId"] == result["key_material_id"]


def test_a_rotation_under_way_is_waited_for(quick: Lab) -> None:
    key_id = quick.own_key()
    quick.emulator.config(rotation_seconds=2)
    started = ok(make_current(quick, key_id, wait=False))
    assert quick.metadata(key_id)["CurrentKeyMaterialId"] != started["key_material_id"]

    result = ok(make_current(quick, key_id))

    assert result["operations"] == []
    assert quick.metadata(key_id)["CurrentKeyMaterialId"] == result["key_material_id"] == started["key_material_id"]


def test_kms_does_not_go_back(quick: Lab) -> None:
    key_id = quick.own_key()
    ok(make_current(quick, key_id, "b"))

    for force in (False, True):
        result = make_current(quick, key_id, "a", force=force)
        assert result["failed"] and "does not rotate back" in result["msg"]


def test_other_material_is_pending(quick: Lab) -> None:
    key_id = quick.own_key()
    staged = stage(quick, key_id, "c")
    before = quick.mark()

    refused = make_current(quick, key_id, "b")
    assert refused["failed"] and staged in refused["msg"] and quick.changing_calls(before) == []
    forced = ok(make_current(quick, key_id, "b", force=True))

    assert forced["operations"] == ["DeleteImportedKeyMaterial", *STAGE_AND_ROTATE]
    assert quick.metadata(key_id)["CurrentKeyMaterialId"] == forced["key_material_id"] != staged


def shown(lab: Lab, key_id: str) -> tuple[Any, ...]:
    """What an independent client sees of a key and its materials."""
    seen = lab.metadata(key_id)
    return seen["KeyState"], seen["CurrentKeyMaterialId"], lab.materials(key_id), lab.tags(key_id)


def give_wrapped(lab: Lab, key_id: str, label: str) -> dict[str, Any]:
    made = wrapped(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, label))
    return {"encrypted_key_material": b64(made["EncryptedKeyMaterial"]), "import_token": b64(made["ImportToken"])}


@pytest.mark.parametrize("way", ["plaintext", "wrapped"])
def test_staged_by_another_tool_and_named_is_proved_and_rotated_to(quick: Lab, way: str) -> None:
    key_id = quick.own_key()
    staged = stage(quick, key_id, "b")
    given = {"key_material": secret("b")} if way == "plaintext" else give_wrapped(quick, key_id, "b")
    options = {"key_id": key_id, "state": "current", "key_material_id": staged, **given}
    predicted = ok(quick.run(check_mode=True, **options))
    before = quick.mark()

    result = ok(quick.run(**options))

    assert result["operations"] == predicted["operations"] == quick.changing_calls(before) == STAGE_AND_ROTATE
    assert (result["proof"], result["key_material_id"]) == ("reimport", staged)
    assert [entry["KeyMaterialId"] for entry in quick.materials(key_id)][1:] == [staged]
    assert quick.metadata(key_id)["CurrentKeyMaterialId"] == staged
    before = quick.mark()
    assert ok(quick.run(**options))["changed"] is False and quick.changing_calls(before) == []


@pytest.mark.parametrize("owner", ["own", "foreign", "disabled"])
def test_bytes_that_are_not_the_current_material_named_change_nothing(quick: Lab, owner: str) -> None:
    key_id = quick.own_key() if owner == "own" else quick.foreign_key()
    if owner == "disabled":
        quick.kms.disable_key(KeyId=key_id)
    named, found = quick.metadata(key_id)["CurrentKeyMaterialId"], shown(quick, key_id)

    result = make_current(quick, key_id, "b", key_material_id=named)

    assert result["failed"] and result["changed"] is (owner == "disabled")
    assert shown(quick, key_id) == found
    if owner == "own":
        assert f"is not {named}" in result["msg"]
    else:
        assert result["error"]["code"] == "IncorrectKeyMaterialException"
    assert "ImportKeyMaterial" not in result["operations"] and "RotateKeyOnDemand" not in result["operations"]


@pytest.mark.parametrize("way", ["plaintext", "wrapped"])
def test_bytes_that_are_not_the_staged_material_named_change_nothing(quick: Lab, way: str) -> None:
    key_id = quick.own_key()
    staged = stage(quick, key_id, "c")
    found = shown(quick, key_id)
    given = {"key_material": secret("b")} if way == "plaintext" else give_wrapped(quick, key_id, "b")

    result = quick.run(key_id=key_id, state="current", key_material_id=staged, **given)

    assert result["failed"] and not result["changed"] and shown(quick, key_id) == found
    assert "delete what is staged" in result["msg"] and staged in result["msg"]


def test_the_bytes_of_foreign_material_named_are_proved_once(quick: Lab) -> None:
    key_id = quick.foreign_key()
    named = quick.metadata(key_id)["CurrentKeyMaterialId"]

    first = ok(make_current(quick, key_id, "a", key_material_id=named))
    second = ok(make_current(quick, key_id, "a", key_material_id=named))

    assert (first["operations"], first["proof"], first["unavailable_seconds"]) == (["ImportKeyMaterial"], "reimport", 0)
    assert (second["changed"], second["proof"]) == (False, "fingerprint")
    assert quick.metadata(key_id)["CurrentKeyMaterialId"] == named


def test_material_that_a_rotation_under_way_replaces_is_refused(quick: Lab) -> None:
    key_id = quick.own_key()
    quick.emulator.config(rotation_seconds=60)
    ok(make_current(quick, key_id, wait=False))
    before = quick.mark()

    result = make_current(quick, key_id, "a")

    assert result["failed"] and "is being rotated from the material" in result["msg"]
    assert quick.changing_calls(before) == []


def test_bytes_that_another_tool_made_current(quick: Lab) -> None:
    """No fingerprint tells; KMS refuses to stage them and says which ones they are."""
    key_id = quick.foreign_key()

    first = ok(make_current(quick, key_id, "a"))
    second = ok(make_current(quick, key_id, "a"))

    assert "RotateKeyOnDemand" not in first["operations"]
    assert (first["proof"], second["proof"], second["changed"]) == ("reimport", "fingerprint", False)


def test_spent_rotations_are_counted_before(quick: Lab) -> None:
    key_id = quick.own_key()
    quick.emulator.config(rotation_seconds=0)
    for number in range(25):
        stage(quick, key_id, f"n{number}")
        quick.kms.rotate_key_on_demand(KeyId=key_id)
    before = quick.mark()

    result = make_current(quick, key_id, "b")

    assert result["failed"] and "25 on-demand rotations" in result["msg"]
    assert quick.changing_calls(before) == []


def test_missing_older_material_is_named(quick: Lab) -> None:
    key_id = quick.own_key()
    ok(make_current(quick, key_id, "b"))
    old = quick.materials(key_id)[0]["KeyMaterialId"]
    quick.kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=old)

    result = make_current(quick, key_id, "c")

    assert result["failed"] and old in result["msg"]


def test_other_kinds_are_told_the_way_out(quick: Lab) -> None:
    for spec in ("HMAC_256", "RSA_2048", "ECC_NIST_P256"):
        key_id = quick.own_key(spec)
        result = quick.run(key_id=key_id, state="current", key_material=b64(material(spec, "b")))
        assert result["failed"] and "alias" in result["msg"] and spec in result["msg"]


def test_a_disabled_key_is_not_rotated(quick: Lab) -> None:
    key_id = quick.own_key()
    quick.kms.disable_key(KeyId=key_id)

    result = make_current(quick, key_id)

    assert result["failed"] and "enable it first" in result["msg"]
    assert quick.state(key_id) == "Disabled"


def test_an_expiry_too_near_is_refused(quick: Lab) -> None:
    key_id = quick.own_key()
    before = quick.mark()

    result = make_current(quick, key_id, valid_for="5m")

    assert result["failed"] and "before the end of the rotation" in result["msg"]
    assert quick.changing_calls(before) == []
    assert ok(make_current(quick, key_id, valid_for="2h"))["valid_to"]


def test_staged_material_that_expired_is_refreshed_first(quick: Lab) -> None:
    key_id = quick.own_key()
    quick.emulator.faults([{"operation": "RotateKeyOnDemand", "every": 1, "code": "AccessDeniedException"}])
    make_current(quick, key_id, valid_for="2h")
    quick.emulator.faults([])
    quick.emulator.config(clock_offset_seconds=3 * 3600)

    result = ok(make_current(quick, key_id, valid_for="2h"))

    assert quick.metadata(key_id)["CurrentKeyMaterialId"] == result["key_material_id"]
    assert quick.state(key_id) == "Enabled"


@pytest.mark.parametrize("operation", STAGE_AND_ROTATE)
@pytest.mark.parametrize("rotation_seconds", [0, 0.5])
def test_a_lost_answer_is_recognised(quick: Lab, operation: str, rotation_seconds: float) -> None:
    key_id = quick.own_key()
    quick.emulator.config(rotation_seconds=rotation_seconds)
    quick.emulator.faults([{"operation": operation, "nth": 1, "times": 1, "drop_after": True}])

    result = ok(make_current(quick, key_id))

    assert result["operations"] == STAGE_AND_ROTATE
    assert quick.metadata(key_id)["CurrentKeyMaterialId"] == result["key_material_id"]
    assert len(quick.materials(key_id)) == 2


def rotation_with_nothing(lab: Lab) -> tuple[str, str]:
    """A key whose rotation is under way for an hour while its material is gone: the IDs of both."""
    key_id = lab.own_key()
    lab.emulator.config(rotation_seconds=3600)
    staged = ok(make_current(lab, key_id, wait=False))["key_material_id"]
    lab.kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=staged)
    return key_id, staged


def test_a_rotation_that_ended_with_nothing_is_made_once_more(quick: Lab) -> None:
    key_id, staged = rotation_with_nothing(quick)
    quick.emulator.config(clock_offset_seconds=3601, rotation_seconds=0.3)

    result = ok(make_current(quick, key_id))

    assert result["operations"] == STAGE_AND_ROTATE
    assert quick.metadata(key_id)["CurrentKeyMaterialId"] == staged


def test_a_rotation_under_way_with_nothing_is_told(quick: Lab) -> None:
    key_id, staged = rotation_with_nothing(quick)

    result = make_current(quick, key_id, wait_timeout=1)

    assert result["error"]["code"] == "WaitTimeout" and f"encrypts with the material {staged}" in result["msg"]
    assert result["operations"] == ["ImportKeyMaterial", "RotateKeyOnDemand"]


def test_waiting_for_the_rotation_ends_with_what_was_last_seen(quick: Lab) -> None:
    key_id = quick.own_key()
    old = quick.metadata(key_id)["CurrentKeyMaterialId"]
    quick.emulator.config(rotation_seconds=60)

    result = make_current(quick, key_id, wait_timeout=1)

    assert result["error"]["code"] == "WaitTimeout" and f"current material {old}" in result["msg"]
