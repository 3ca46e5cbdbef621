# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in conditions that come about seldom: what was promised is what KMS holds, and what was done is told."""

from __future__ import annotations

import time
from typing import Any

import pytest
from lab import Lab
from materials import b64
from materials import import_elsewhere
from materials import material
from replacement_lab import ReplacementLab

SYMMETRIC = "SYMMETRIC_DEFAULT"
WEST = "eu-west-1"
IMPORT, DELETE, ROTATE = "ImportKeyMaterial", "DeleteImportedKeyMaterial", "RotateKeyOnDemand"


def secret(label: str = "a") -> str:
    return b64(material(SYMMETRIC, label))


def stage(lab: Lab, key_id: str, label: str) -> str:
    answer = import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, label), ImportType="NEW_KEY_MATERIAL")
    return str(answer["KeyMaterialId"])


def two_regions(lab: Lab, foreign: bool = False) -> str:
    """A symmetric key with the same material in two Regions."""
    lab.emulator.config(transient_seconds=0)
    key_id = lab.empty_key(MultiRegion=True)
    if foreign:
        import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC))
    else:
        assert not lab.run(key_id=key_id, key_material=secret()).get("failed")
    lab.kms.replicate_key(KeyId=key_id, ReplicaRegion=WEST)
    import_elsewhere(lab.emulator.client(WEST), key_id, SYMMETRIC, material(SYMMETRIC))
    return key_id


def states(lab: Lab, key_id: str) -> list[str]:
    west = lab.emulator.client(WEST).describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"]
    return [lab.state(key_id), west]


def current(lab: Lab, key_id: str) -> str:
    return str(lab.metadata(key_id)["CurrentKeyMaterialId"])


# -- several Regions: a replica shows what is done to the primary key meanwhile ----------------------------------------


@pytest.mark.parametrize(
    ("options", "staged"),
    [
        ({"key_material_description": "vault 7"}, None),
        ({"key_material_description": "vault 7", "valid_for": "30d"}, "c"),
        ({"valid_for": "30d"}, "c"),
    ],
    ids=["new text", "new text beside staged material", "new expiry beside staged material"],
)
def test_present_in_every_region_ends(lab: Lab, options: dict[str, Any], staged: str | None) -> None:
    key_id = two_regions(lab)
    if staged:
        stage(lab, key_id, staged)

    result = lab.run(key_id=key_id, key_material=secret(), regions=["all"], wait_timeout=10, **options)

    assert not result.get("failed"), result["msg"]
    assert states(lab, key_id) == ["Enabled", "Enabled"]
    again = lab.run(key_id=key_id, key_material=secret(), regions=["all"], **options)
    assert again["changed"] is False and again["operations"] == []


@pytest.mark.parametrize("foreign", [False, True])
def test_current_in_every_region_beside_staged_material_ends(lab: Lab, foreign: bool) -> None:
    key_id = two_regions(lab, foreign)
    stage(lab, key_id, "c")
    options = {"key_id": key_id, "state": "current", "regions": ["all"], "force": True, "key_material": secret("b")}

    predicted = lab.run(check_mode=True, **options)
    before = lab.mark()
    result = lab.run(wait_timeout=30, **options)

    assert not result.get("failed"), result["msg"]
    assert (
        result["operations"]
        == predicted["operations"]
        == lab.changing_calls(before)
        == [DELETE, IMPORT, IMPORT, ROTATE]
    )
    assert states(lab, key_id) == ["Enabled", "Enabled"]


# -- force -------------------------------------------------------------------------------------------------------------


def test_staged_material_does_not_go_for_bytes_that_the_key_has(lab: Lab) -> None:
    """Which material the bytes are shows only when KMS refuses them: nothing is deleted before that."""
    key_id = lab.foreign_key()
    first = current(lab, key_id)
    staged = stage(lab, key_id, "c")
    before = lab.mark()

    result = lab.run(key_id=key_id, state="current", force=True, key_material=secret())

    assert not result.get("failed"), result["msg"]
    assert DELETE not in lab.changing_calls(before)
    assert result["operations"] == lab.changing_calls(before)
    assert [one["KeyMaterialId"] for one in lab.materials(key_id)] == [first, staged]
    assert current(lab, key_id) == first


@pytest.mark.parametrize("condition", ["Disabled", "older material missing"])
def test_force_does_not_promise_what_kms_refuses(lab: Lab, condition: str) -> None:
    key_id = lab.own_key()
    if condition == "Disabled":
        lab.kms.disable_key(KeyId=key_id)
    else:
        first = current(lab, key_id)
        assert not lab.run(key_id=key_id, state="current", key_material=secret("b")).get("failed")
        lab.kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=first)
    state, listed, before = lab.state(key_id), lab.materials(key_id), lab.mark()
    options = {"key_id": key_id, "state": "current", "force": True, "key_material": secret("d")}

    refused = [lab.run(check_mode=check_mode, **options) for check_mode in (True, False)]

    assert [one["error"]["code"] for one in refused] == ["RefusedByPlan"] * 2
    assert (lab.state(key_id), lab.materials(key_id), lab.changing_calls(before)) == (state, listed, [])


# -- what is missing ---------------------------------------------------------------------------------------------------


def test_what_stays_missing_is_told_as_it_was_seen(lab: Lab) -> None:
    """Of two materials of another tool both are missing, and only KMS can tell which one the bytes are."""
    key_id = lab.foreign_key()
    first = current(lab, key_id)
    stage(lab, key_id, "b")
    lab.kms.rotate_key_on_demand(KeyId=key_id)
    deadline = time.monotonic() + 60
    while (second := current(lab, key_id)) == first:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for one in (first, second):
        lab.kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=one)

    result = lab.run(key_id=key_id, key_material=secret())

    assert not result.get("failed"), result["msg"]
    missing = [one["KeyMaterialId"] for one in lab.materials(key_id) if one["ImportState"] == "PENDING_IMPORT"]
    assert missing == [second]
    told = [str(one) for one in result["warnings"] if "stays PendingImport" in str(one)]
    assert len(told) == 1 and second in told[0] and first not in told[0]
    last = lab.run(key_id=key_id, key_material=secret("b"))
    assert lab.state(key_id) == "Enabled"
    assert not any("stays PendingImport" in str(one) for one in last.get("warnings", []))


# -- deletions ---------------------------------------------------------------------------------------------------------


def test_the_deletion_of_staged_material_is_idempotent(lab: Lab) -> None:
    key_id = lab.own_key()
    staged = stage(lab, key_id, "c")

    results = [lab.run(key_id=key_id, state="absent", key_material_id=staged) for _time in range(2)]

    assert [one["changed"] for one in results] == [True, False]
    assert [one["operations"] for one in results] == [[DELETE], []]


def test_an_old_view_of_a_disabled_key_is_not_taken_for_the_new_one(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.kms.disable_key(KeyId=key_id)
    lab.emulator.config(lag_seconds=1.5)

    result = lab.run(key_id=key_id, state="absent")

    assert (result["key_state"], result["operations"]) == ("PendingImport", [DELETE])


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256"])
def test_the_material_is_proved_in_every_region_before_it_is_deleted_in_any(lab: Lab, spec: str) -> None:
    lab.emulator.config(transient_seconds=0)
    key_id = lab.empty_key(spec, MultiRegion=True)
    import_elsewhere(lab.kms, key_id, spec, material(spec))
    lab.kms.replicate_key(KeyId=key_id, ReplicaRegion=WEST)
    import_elsewhere(lab.emulator.client(WEST), key_id, spec, material(spec))
    denied = {"every": 1, "code": "AccessDeniedException"}
    # An HMAC key is proved by a MAC, and without the right to that by an import, as a symmetric key of another tool is.
    lab.emulator.faults(
        [{"operation": "GenerateMac", **denied}, {"operation": IMPORT, "nth": 2, "code": denied["code"]}]
    )
    options = {"key_id": key_id, "state": "absent", "regions": ["all"], "key_material": b64(material(spec))}

    result = lab.run(**options)

    assert result["failed"] and WEST in result["msg"]
    assert result["operations"] == [IMPORT]
    assert states(lab, key_id) == ["Enabled", "Enabled"]
    lab.emulator.faults([])
    before = lab.mark()
    done = lab.run(**options)
    assert not done.get("failed"), done["msg"]
    assert done["operations"] == lab.changing_calls(before)
    assert states(lab, key_id) == ["PendingImport", "PendingImport"]


# -- replacements ------------------------------------------------------------------------------------------------------


def test_a_replacement_that_does_not_wait_ends_although_reads_lag(
    rlab: ReplacementLab, monkeypatch: pytest.MonkeyPatch
) -> None:

    from ansible_collections.byok.aws.plugins.module_utils._kms.service import connection

    monkeypatch.setattr(connection, "FIRST_DELAY", 0.25)
    monkeypatch.setattr(connection, "LONGEST_DELAY", 2)
    old = rlab.old()
    rlab.emulator.config(lag_seconds=1)

    result = rlab.done(wait=False)

    rlab.emulator.config(lag_seconds=0)
    rlab.assert_replaced(old, result)
