# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""state: absent, seen through an independent client."""

from __future__ import annotations

import pytest
from lab import Lab
from materials import KINDS
from materials import b64
from materials import import_elsewhere
from materials import material


def rotated_key(lab: Lab) -> tuple[str, str, str]:
    """A key with a NON_CURRENT and a CURRENT material: key ID, old ID, new ID."""
    key_id = lab.own_key()
    old = lab.metadata(key_id)["CurrentKeyMaterialId"]
    new = import_elsewhere(
        lab.kms, key_id, "SYMMETRIC_DEFAULT", material("SYMMETRIC_DEFAULT", "b"), ImportType="NEW_KEY_MATERIAL"
    )["KeyMaterialId"]
    lab.emulator.config(rotation_seconds=0)
    lab.kms.rotate_key_on_demand(KeyId=key_id)
    assert lab.metadata(key_id)["CurrentKeyMaterialId"] == new
    return key_id, old, new


def import_states(lab: Lab, key_id: str) -> list[str]:
    return [entry["ImportState"] for entry in lab.materials(key_id)]


@pytest.mark.parametrize("spec", KINDS)
def test_calls_of_a_deletion(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec)
    before = lab.mark()

    result = lab.run(key_id=key_id, state="absent")

    assert lab.calls(before) == ["DescribeKey", "DeleteImportedKeyMaterial", "DescribeKey"]
    assert lab.state(key_id) == "PendingImport"
    assert result["unavailable_seconds"] is None
    assert len(result["request_ids"]) == 1


@pytest.mark.parametrize("spec", KINDS)
def test_calls_of_a_skipped_deletion(lab: Lab, spec: str) -> None:
    key_id = lab.empty_key(spec)
    before = lab.mark()

    result = lab.run(key_id=key_id, state="absent")

    assert lab.calls(before) == ["DescribeKey"]
    assert result["changed"] is False


def test_by_alias_arn_and_id(lab: Lab) -> None:
    for identifier in ("id", "arn", "alias/byok", "alias arn"):
        key_id = lab.own_key()
        arn = lab.metadata(key_id)["Arn"]
        name = {"id": key_id, "arn": arn, "alias arn": arn.split("key/")[0] + "alias/byok"}.get(identifier, identifier)
        if "alias" in name:
            lab.kms.create_alias(AliasName="alias/byok", TargetKeyId=key_id)
        result = lab.run(key_id=name, state="absent")
        assert (result["key_id"], result["key_arn"], lab.state(key_id)) == (key_id, arn, "PendingImport")
        if "alias" in name:
            lab.kms.delete_alias(AliasName="alias/byok")


def test_old_material_is_not_deleted_by_mistake(lab: Lab) -> None:
    key_id, old, _new = rotated_key(lab)
    before = lab.mark()

    refused = lab.run(key_id=key_id, state="absent", key_material_id=old)

    assert refused["failed"] and refused["error"]["code"] == "RefusedByPlan"
    assert old in refused["msg"] and key_id in refused["msg"]
    assert lab.changing_calls(before) == []
    assert lab.state(key_id) == "Enabled"

    forced = lab.run(key_id=key_id, state="absent", key_material_id=old, force=True)

    assert forced["operations"] == ["DeleteImportedKeyMaterial"]
    assert import_states(lab, key_id) == ["PENDING_IMPORT", "IMPORTED"]
    assert lab.state(key_id) == "PendingImport"


def test_a_pending_import_key_may_hold_more(lab: Lab) -> None:
    """The key's state says PendingImport, yet one material is loaded: only that one's own state counts."""
    key_id, _old, new = rotated_key(lab)
    lab.kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=new)

    plain = lab.run(key_id=key_id, state="absent")
    assert (plain["changed"], plain["skip_reason"]) == (False, "PendingImport")
    gone = lab.run(key_id=key_id, state="absent", key_material_id=new)
    assert (gone["changed"], gone["skip_reason"]) == (False, "PENDING_IMPORT")
    everything = lab.run(key_id=key_id, state="absent", all_materials=True)

    # The one that is gone already, to be sure, and the one that is there.
    assert everything["operations"] == ["DeleteImportedKeyMaterial"] * 2 + ["TagResource"]
    assert everything["key_material_id"] == new
    assert import_states(lab, key_id) == ["PENDING_IMPORT", "PENDING_IMPORT"]


def test_everything_goes_in_one_task(lab: Lab) -> None:
    key_id, _old, _new = rotated_key(lab)
    import_elsewhere(
        lab.kms, key_id, "SYMMETRIC_DEFAULT", material("SYMMETRIC_DEFAULT", "c"), ImportType="NEW_KEY_MATERIAL"
    )

    result = lab.run(key_id=key_id, state="absent", all_materials=True)

    assert result["operations"] == ["DeleteImportedKeyMaterial"] * 3 + ["TagResource"]
    assert import_states(lab, key_id) == ["PENDING_IMPORT", "PENDING_IMPORT"]
    assert lab.run(key_id=key_id, state="absent", all_materials=True)["changed"] is False


def test_staged_material_goes_without_harm(lab: Lab) -> None:
    key_id = lab.own_key()
    staged = import_elsewhere(
        lab.kms, key_id, "SYMMETRIC_DEFAULT", material("SYMMETRIC_DEFAULT", "b"), ImportType="NEW_KEY_MATERIAL"
    )["KeyMaterialId"]

    result = lab.run(key_id=key_id, state="absent", key_material_id=staged)

    assert result["changed"] is True
    assert result["unavailable_seconds"] == 0.0
    assert lab.state(key_id) == "Enabled"
    assert len(lab.materials(key_id)) == 1


@pytest.mark.parametrize("spec", KINDS)
def test_wrong_copy_stops_the_deletion(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec)
    before = lab.mark()

    result = lab.run(key_id=key_id, state="absent", key_material=b64(material(spec, "other")))

    assert result["failed"] and result["error"]["code"] == "RefusedByPlan"
    assert lab.changing_calls(before) == []
    assert lab.state(key_id) == "Enabled"


def test_wrong_copy_of_foreign_material_stops_the_deletion(lab: Lab) -> None:
    key_id = lab.foreign_key()
    before = lab.mark()

    result = lab.run(key_id=key_id, state="absent", key_material=b64(material("SYMMETRIC_DEFAULT", "other")))

    assert result["failed"] and result["error"]["code"] == "IncorrectKeyMaterialException"
    assert lab.changing_calls(before) == []
    assert lab.state(key_id) == "Enabled"
