# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multi-Region keys: the same material in every Region, in the order of KMS, and none forgotten in silence."""

from __future__ import annotations

import time
from typing import Any

import pytest
from crash import Point
from crash import killed_at
from lab import Lab
from materials import NEVER
from materials import b64
from materials import import_elsewhere
from materials import material

SYMMETRIC = "SYMMETRIC_DEFAULT"
HOME, WEST, ASIA = "us-east-1", "eu-west-1", "ap-southeast-2"
OTHERS = (WEST, ASIA)
OLD, NEW = b64(material(SYMMETRIC, "a")), b64(material(SYMMETRIC, "b"))


def key_with_replicas(lab: Lab, spec: str = SYMMETRIC, foreign: bool = False) -> str:
    """A multi-Region key with material in its primary Region, and empty replicas in two others."""
    lab.emulator.config(transient_seconds=0)
    key_id = create(lab, spec, foreign)
    for region in OTHERS:
        lab.kms.replicate_key(KeyId=key_id, ReplicaRegion=region)
        wait(lambda region=region: state(lab, key_id, region) != "Creating")
    return key_id


def create(lab: Lab, spec: str, foreign: bool) -> str:
    key_id = lab.empty_key(spec, MultiRegion=True)
    if foreign:
        import_elsewhere(lab.kms, key_id, spec, material(spec, "a"))
    else:
        assert not lab.run(key_id=key_id, key_material=b64(material(spec, "a"))).get("failed")
    return key_id


def wait(ready: Any, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def metadata(lab: Lab, key_id: str, region: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.emulator.client(region).describe_key(KeyId=key_id)["KeyMetadata"]
    return found


def state(lab: Lab, key_id: str, region: str) -> str:
    return str(metadata(lab, key_id, region)["KeyState"])


def states(lab: Lab, key_id: str) -> list[str]:
    return [state(lab, key_id, region) for region in (HOME, *OTHERS)]


def carried_out(lab: Lab, since: int) -> list[tuple[str, str]]:
    """Region and operation of the changing calls that KMS carried out, in order."""
    return [
        (call["region"], call["operation"])
        for call in lab.emulator.calls()[since:]
        if call["outcome"] == "Success"
        and call["operation"] in ("ImportKeyMaterial", "DeleteImportedKeyMaterial", "RotateKeyOnDemand")
    ]


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256", "RSA_2048"])
@pytest.mark.parametrize("foreign", [False, True])
def test_the_same_material_everywhere(lab: Lab, spec: str, foreign: bool) -> None:
    key_id = key_with_replicas(lab, spec, foreign)
    given = {"key_id": key_id, "key_material": b64(material(spec)), "regions": ["all"]}
    predicted = lab.run(**given, check_mode=True)
    assert states(lab, key_id) == ["Enabled", "PendingImport", "PendingImport"]
    before = lab.mark()

    result = lab.run(**given)

    assert not result.get("failed"), result["msg"]
    assert states(lab, key_id) == ["Enabled"] * 3
    assert result["operations"] == predicted["operations"]
    assert [region for region, _operation in carried_out(lab, before)][-2:] == list(OTHERS)
    assert [one["region"] for one in result["regions"]] == [HOME, *OTHERS]
    assert [one["key_state"] for one in result["regions"]] == ["Enabled"] * 3
    assert {one["key_arn"].split(":")[3] for one in result["regions"]} == {HOME, *OTHERS}

    before = lab.mark()
    assert lab.run(**given)["changed"] is False
    assert carried_out(lab, before) == []


def test_new_material_is_staged_everywhere_before_the_rotation(lab: Lab) -> None:
    lab.emulator.config(rotation_seconds=0)
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    blob = lab.kms.encrypt(KeyId=key_id, Plaintext=b"before")["CiphertextBlob"]
    given = {"key_id": key_id, "key_material": NEW, "state": "current", "regions": ["all"]}
    predicted = lab.run(**given, check_mode=True)
    assert not predicted.get("failed"), predicted["msg"]
    before = lab.mark()

    result = lab.run(**given)

    assert not result.get("failed"), result["msg"]
    order = [
        (HOME, "ImportKeyMaterial"),
        *((region, "ImportKeyMaterial") for region in OTHERS),
        (HOME, "RotateKeyOnDemand"),
    ]
    assert carried_out(lab, before) == order
    assert result["operations"] == predicted["operations"] == [operation for _region, operation in order]
    assert len(result["request_ids"]) == len(order)
    current = {metadata(lab, key_id, region)["CurrentKeyMaterialId"] for region in (HOME, *OTHERS)}
    assert (
        current == {result["current_key_material_id"]} == {one["current_key_material_id"] for one in result["regions"]}
    )
    for region in (HOME, *OTHERS):
        assert lab.emulator.client(region).decrypt(CiphertextBlob=blob, KeyId=key_id)["Plaintext"] == b"before"

    before = lab.mark()
    assert lab.run(**given)["changed"] is False
    assert carried_out(lab, before) == []


def test_a_rotation_that_leaves_a_replica_out_is_refused_by_the_plan(lab: Lab) -> None:
    key_id = key_with_replicas(lab)
    before = lab.mark()
    for regions in (None, [HOME], [HOME, WEST]):
        result = lab.run(key_id=key_id, key_material=NEW, state="current", regions=regions)
        assert result["failed"] and "regions: all" in result["msg"] and ASIA in result["msg"]
    assert carried_out(lab, before) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"regions": ["eu-north-1"]}, "is in us-east-1, eu-west-1, ap-southeast-2, and not in eu-north-1"),
        ({"regions": [WEST], "state": "current"}, "in the Region of its primary key, us-east-1"),
        ({"regions": [WEST], "key_material_description": "x"}, "set on the primary key"),
        ({"regions": ["all", WEST]}, "all must be the only element"),
        ({"regions": [WEST, WEST]}, "twice"),
        ({"regions": ["Ireland"]}, "Ireland is not a Region"),
    ],
)
def test_regions_that_cannot_be_meant(lab: Lab, options: dict[str, Any], said: str) -> None:
    key_id = key_with_replicas(lab)
    before = lab.mark()

    result = lab.run(key_id=key_id, key_material=OLD, **options)

    assert result["failed"] and said in result["msg"]
    assert carried_out(lab, before) == []


@pytest.mark.parametrize("regions", [["all"], [HOME, WEST, ASIA]])
def test_the_connection_may_go_to_the_region_of_a_replica(lab: Lab, regions: list[str]) -> None:
    lab.emulator.config(rotation_seconds=0)
    key_id = key_with_replicas(lab)

    result = lab.run(key_id=key_id, key_material=OLD, regions=regions, region=WEST)
    assert not result.get("failed"), result["msg"]
    result = lab.run(key_id=key_id, key_material=NEW, state="current", regions=regions, region=WEST)

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == ["ImportKeyMaterial"] * 3 + ["RotateKeyOnDemand"]
    assert (result["regions"][0]["region"], states(lab, key_id)) == (HOME, ["Enabled"] * 3)


def test_a_region_that_fails_leaves_the_others_theirs_and_says_what_is_left(lab: Lab) -> None:
    lab.emulator.config(rotation_seconds=0)
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    west = metadata(lab, key_id, WEST)["Arn"]
    denied = {"operation": "ImportKeyMaterial", "key_id": west, "every": 1, "code": "AccessDeniedException"}
    lab.emulator.faults([denied])
    before = lab.mark()

    result = lab.run(key_id=key_id, key_material=NEW, state="current", regions=["all"])

    assert result["failed"] and "the rotation was not started" in result["msg"] and WEST in result["msg"]
    assert f"nothing failed in {ASIA}" in result["msg"]
    assert carried_out(lab, before) == [(HOME, "ImportKeyMaterial"), (ASIA, "ImportKeyMaterial")]
    assert [bool(one["error"]) for one in result["regions"]] == [True, True, False]
    cure = result["error"]["heal_command"]
    assert result["msg"].count("to heal it") == 1 and result["msg"].endswith(f"; to heal it: {cure}")
    assert f"regions={HOME},{WEST},{ASIA}" in cure and "state=current" in cure

    lab.emulator.faults([])
    before = lab.mark()
    again = lab.run(key_id=key_id, key_material=NEW, state="current", regions=["all"])
    assert not again.get("failed"), again["msg"]
    assert carried_out(lab, before) == [(WEST, "ImportKeyMaterial"), (HOME, "RotateKeyOnDemand")]


def test_the_first_material_of_a_primary_key_and_then_of_its_replicas(lab: Lab) -> None:
    key_id = key_with_replicas(lab)
    lab.kms.delete_imported_key_material(KeyId=key_id)

    result = lab.run(key_id=key_id, key_material=OLD, regions=["all"], valid_for="30d")

    assert not result.get("failed"), result["msg"]
    assert states(lab, key_id) == ["Enabled"] * 3
    assert all("ValidTo" in metadata(lab, key_id, region) for region in (HOME, *OTHERS))


@pytest.mark.parametrize("state_", ["absent", "reimported"])
def test_a_deletion_touches_one_region_and_says_so(lab: Lab, state_: str) -> None:
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    given = {} if state_ == "absent" else {"key_material": OLD}
    before = lab.mark()

    result = lab.run(key_id=key_id, state=state_, **given)

    assert not result.get("failed"), result["msg"]
    assert {region for region, _operation in carried_out(lab, before)} == {HOME}
    assert any(f"unchanged in {WEST}, {ASIA}" in str(warning) for warning in result["warnings"])


def test_what_lost_its_material_in_a_region_is_healed_there_alone(lab: Lab) -> None:
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    arns = [metadata(lab, key_id, region)["Arn"] for region in OTHERS]
    # The first import of each is the proof.
    lab.emulator.faults(
        [{"operation": "ImportKeyMaterial", "key_id": arn, "nth": 2, "code": "AccessDeniedException"} for arn in arns]
    )
    result = lab.run(key_id=key_id, key_material=OLD, state="reimported", regions=["all"], wait_timeout=0)

    assert result["failed"] and f"nothing failed in {HOME}" in result["msg"]
    assert states(lab, key_id) == ["Enabled", "PendingImport", "PendingImport"]
    cures = result["error"]["heal_command"].split(" && ")
    assert [f"key_id={arn} region={region}" in one for arn, region, one in zip(arns, OTHERS, cures)] == [True, True]
    assert not any("regions=" in cure for cure in cures) and result["msg"].count("to heal it") == 1


def test_what_is_done_in_every_region_is_told_in_its_order(lab: Lab) -> None:
    key_id = key_with_replicas(lab, foreign=True)
    for region in OTHERS:
        import_elsewhere(lab.emulator.client(region), key_id, SYMMETRIC, material(SYMMETRIC, "a"))
    given = {"key_id": key_id, "key_material": OLD, "state": "reimported", "regions": ["all"]}
    predicted = lab.run(**given, check_mode=True)
    before = lab.mark()

    result = lab.run(**given)

    assert not result.get("failed"), result["msg"]
    made = [
        (call["operation"], call["request_id"])
        for call in lab.emulator.calls()[before:]
        if call["operation"] in ("ImportKeyMaterial", "DeleteImportedKeyMaterial")
    ]
    assert list(zip(result["operations"], result["request_ids"])) == made
    assert predicted["operations"] == result["operations"]


@pytest.mark.parametrize("state_", ["absent", "reimported"])
def test_a_deletion_in_every_region(lab: Lab, state_: str) -> None:
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    given = {} if state_ == "absent" else {"key_material": OLD}

    result = lab.run(key_id=key_id, state=state_, regions=["all"], **given)

    assert not result.get("failed"), result["msg"]
    assert states(lab, key_id) == ["PendingImport" if state_ == "absent" else "Enabled"] * 3
    assert len({call["request_id"] for call in result["calls"]}) == len(result["calls"])
    assert not any(key_id in str(warning) for warning in result.get("warnings", []))


def test_a_description_goes_to_the_primary_key_only(lab: Lab) -> None:
    key_id = key_with_replicas(lab)

    result = lab.run(key_id=key_id, key_material=OLD, regions=["all"], key_material_description="from the vault")

    assert not result.get("failed"), result["msg"]
    rotations = lab.emulator.client(WEST).list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert rotations["Rotations"][0]["KeyMaterialDescription"].startswith("from the vault byok:1:")


def test_a_token_serves_one_region(lab: Lab) -> None:
    key_id = key_with_replicas(lab)

    result = lab.run(key_id=key_id, encrypted_key_material="YQ==", import_token="YQ==", regions=["all"])

    assert result["failed"] and "works in one Region" in result["msg"]


def test_a_single_region_key_may_be_in_the_same_task(lab: Lab) -> None:
    single, multi = lab.own_key(), key_with_replicas(lab)
    keys = [{"key_id": single}, {"key_id": multi}]

    result = lab.run(keys=keys, key_material=OLD, regions=["all"])

    assert not result.get("failed"), result["msg"]
    assert [len(one["regions"]) for one in result["kms_keys"]] == [1, 3]
    assert states(lab, multi) == ["Enabled"] * 3


def test_a_replica_of_a_key_that_was_rotated_asks_for_its_history(lab: Lab) -> None:
    lab.emulator.config(rotation_seconds=0)
    key_id = create(lab, SYMMETRIC, foreign=False)
    lab.run(key_id=key_id, key_material=NEW, state="current")
    lab.kms.replicate_key(KeyId=key_id, ReplicaRegion=WEST)
    wait(lambda: state(lab, key_id, WEST) != "Creating")

    first = lab.run(key_id=key_id, key_material=NEW, regions=["all"])
    assert not first.get("failed") and state(lab, key_id, WEST) == "PendingImport"
    assert any("also lacks" in str(warning) for warning in first["warnings"])
    second = lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    assert not second.get("failed"), second["msg"]
    assert state(lab, key_id, WEST) == "Enabled"


def foreign_and_rotated(lab: Lab) -> tuple[str, str]:
    """A key that another tool has rotated in every Region, and the ID of the material that is current now."""
    lab.emulator.config(rotation_seconds=0)
    key_id = key_with_replicas(lab, foreign=True)
    for region in OTHERS:
        import_elsewhere(lab.emulator.client(region), key_id, SYMMETRIC, material(SYMMETRIC, "a"))
    import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, "b"), ImportType="NEW_KEY_MATERIAL")
    for region in OTHERS:
        import_elsewhere(lab.emulator.client(region), key_id, SYMMETRIC, material(SYMMETRIC, "b"))
    lab.kms.rotate_key_on_demand(KeyId=key_id)
    return key_id, str(metadata(lab, key_id, HOME)["CurrentKeyMaterialId"])


def test_a_replica_in_which_kms_takes_other_material_than_the_one_named_is_told(lab: Lab) -> None:
    """A replica takes no ID: what the bytes are shows in the answer only."""
    key_id, named = foreign_and_rotated(lab)

    result = lab.run(key_id=metadata(lab, key_id, WEST)["Arn"], region=WEST, key_material=OLD, key_material_id=named)

    assert result["failed"] and f"not for {named}" in result["msg"]


def test_bytes_that_the_primary_refuses_get_into_no_replica(lab: Lab) -> None:
    """They are those of another material of the key, which a replica would take."""
    key_id, named = foreign_and_rotated(lab)
    before = lab.mark()

    result = lab.run(key_id=key_id, key_material=OLD, key_material_id=named, state="current", regions=["all"])

    assert result["failed"] and carried_out(lab, before) == []
    assert [one["region"] for one in result["regions"] if one["error"]] == [HOME, *OTHERS]
    assert f"nothing was done in {WEST}, since the rotation cannot begin in {HOME}" in result["msg"]


def test_a_rotation_that_is_refused_in_one_region_begins_in_none(lab: Lab) -> None:
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    west = metadata(lab, key_id, WEST)["Arn"]
    lab.emulator.faults(
        [{"operation": "ListKeyRotations", "key_id": west, "every": 1, "code": "AccessDeniedException"}]
    )
    before = lab.mark()

    result = lab.run(key_id=key_id, key_material=NEW, state="current", regions=["all"])

    assert result["failed"] and f"the rotation cannot begin in {WEST}" in result["msg"]
    assert carried_out(lab, before) == []


def expiry_of_the_new(lab: Lab, key_id: str, region: str) -> Any:
    listed = lab.emulator.client(region).list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    return listed["Rotations"][-1].get("ValidTo")


def test_a_rotation_keeps_the_lifetime_in_every_region(lab: Lab) -> None:
    """Of each, its own: in one of them the material does not expire."""
    lab.emulator.config(rotation_seconds=0)
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, valid_for="90d", regions=[HOME, WEST])
    lab.run(key_id=key_id, key_material=OLD, expiration_model=NEVER, regions=[ASIA])

    result = lab.run(key_id=key_id, key_material=NEW, state="current", regions=["all"])

    assert not result.get("failed"), result["msg"]
    for region in (HOME, WEST):
        assert abs(expiry_of_the_new(lab, key_id, region).timestamp() - time.time() - 90 * 86400) < 3600
    assert expiry_of_the_new(lab, key_id, ASIA) is None
    assert [bool(one["current_valid_to"]) for one in result["regions"]] == [True, True, False]


@pytest.mark.parametrize("check_mode", [True, False])
def test_an_expiry_in_one_region_alone_has_to_be_said_before_anything_is_done(lab: Lab, check_mode: bool) -> None:
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, regions=[HOME, ASIA])
    lab.run(key_id=key_id, key_material=OLD, valid_for="90d", regions=[WEST])
    before = lab.mark()

    result = lab.run(key_id=key_id, key_material=NEW, state="current", regions=["all"], check_mode=check_mode)

    assert result["failed"] and "set valid_for or valid_to" in result["msg"]
    assert f"the rotation cannot begin in {WEST}" in result["msg"]
    assert carried_out(lab, before) == []


def test_prepared_for_every_region_and_changed_later(lab: Lab, tmp_path: Any) -> None:
    key_id = key_with_replicas(lab)
    lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    kept = {"state": "reimported", "stage_path": str(tmp_path / "stage"), "regions": ["all"]}
    assert not lab.run(key_id=key_id, key_material=OLD, stage="prepare", **kept).get("failed")
    before = lab.mark()

    result = lab.run(key_id=key_id, stage="change", **kept)

    assert not result.get("failed"), result["msg"]
    places = (HOME, *OTHERS)
    proofs = [(region, "ImportKeyMaterial") for region in places]
    pairs = [(region, one) for region in places for one in ("DeleteImportedKeyMaterial", "ImportKeyMaterial")]
    assert carried_out(lab, before) == proofs + pairs
    assert states(lab, key_id) == ["Enabled"] * 3


# -- whatever kills a run ----------------------------------------------------------------------------------------------

WAYS = {
    "present": ({"key_material": OLD}, 2),
    "current": ({"key_material": NEW, "state": "current"}, 4),
    "reimported": ({"key_material": OLD, "state": "reimported"}, 9),
}
POINTS = [
    (way, Point(number, moment))
    for way, (_options, calls) in WAYS.items()
    for number in range(1, calls + 1)
    for moment in ("before", "after")
]


def identity(value: Any) -> str:
    return f"{value.moment}-{value.number}" if isinstance(value, Point) else str(value)


@pytest.mark.parametrize(("way", "point"), POINTS, ids=identity)
def test_killed_with_sigkill_the_same_task_ends_well(
    lab: Lab, impatient: None, way: str, point: Point, tally: Any
) -> None:
    lab.emulator.config(rotation_seconds=0)
    key_id = key_with_replicas(lab)
    if way != "present":
        lab.run(key_id=key_id, key_material=OLD, regions=["all"])
    blob = lab.kms.encrypt(KeyId=key_id, Plaintext=b"before")["CiphertextBlob"]
    options, _calls = WAYS[way]

    assert killed_at(point, lambda: lab.run(key_id=key_id, regions=["all"], **options)), "never got to this point"
    result = lab.run(key_id=key_id, regions=["all"], **options)

    assert not result.get("failed"), result["msg"]
    assert states(lab, key_id) == ["Enabled"] * 3
    assert len({metadata(lab, key_id, region)["CurrentKeyMaterialId"] for region in (HOME, *OTHERS)}) == 1
    assert len(lab.materials(key_id)) == (2 if way == "current" else 1)
    for region in (HOME, *OTHERS):
        assert lab.emulator.client(region).decrypt(CiphertextBlob=blob, KeyId=key_id)["Plaintext"] == b"before"
    tally("crash points")


@pytest.mark.parametrize("staged_in_replicas", [True, False])
def test_a_cut_off_in_every_region_takes_staged_material_with_it(lab: Lab, staged_in_replicas: bool) -> None:
    """KMS deletes staged material in all Regions with that of the primary key: what is gone counts as gone."""
    key_id = key_with_replicas(lab)
    assert not lab.run(key_id=key_id, key_material=OLD, regions=["all"]).get("failed")
    new = material(SYMMETRIC, "b")
    import_elsewhere(lab.kms, key_id, SYMMETRIC, new, ImportType="NEW_KEY_MATERIAL")
    if staged_in_replicas:
        for region in OTHERS:
            import_elsewhere(lab.emulator.client(region), key_id, SYMMETRIC, new)
    options = {"key_id": key_id, "state": "absent", "all_materials": True, "regions": ["all"]}

    predicted = lab.run(**options, check_mode=True)
    result = lab.run(**options)

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == predicted["operations"]
    for region in (HOME, *OTHERS):
        kms = lab.emulator.client(region)
        listed = kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        assert [one["ImportState"] for one in listed] == ["PENDING_IMPORT"]
        assert "byok:cut-off" in {tag["TagKey"] for tag in kms.list_resource_tags(KeyId=key_id)["Tags"]}
    assert states(lab, key_id) == ["PendingImport"] * 3
    again = lab.run(**options)
    assert not again.get("failed") and again["changed"] is False


def test_a_cut_off_takes_staged_material_of_replicas_where_the_primary_keeps_its_own(lab: Lab, impatient: None) -> None:
    key_id = key_with_replicas(lab)
    assert not lab.run(key_id=key_id, key_material=OLD, regions=["all"]).get("failed")
    new = material(SYMMETRIC, "b")
    import_elsewhere(lab.kms, key_id, SYMMETRIC, new, ImportType="NEW_KEY_MATERIAL")
    for region in OTHERS:
        import_elsewhere(lab.emulator.client(region), key_id, SYMMETRIC, new)
    lab.emulator.faults([{"operation": "DeleteImportedKeyMaterial", "nth": 1, "code": "AccessDeniedException"}])

    result = lab.run(key_id=key_id, state="absent", all_materials=True, regions=["all"])

    assert result["failed"] and HOME in result["msg"]
    assert states(lab, key_id) == ["Enabled", "PendingImport", "PendingImport"]
    for region in OTHERS:
        listed = lab.emulator.client(region).list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        assert {one["ImportState"] for one in listed["Rotations"]} == {"PENDING_IMPORT"}
