# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""state: reimported, seen through an independent client."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from lab import Lab
from materials import KINDS
from materials import SPECS
from materials import b64
from materials import import_elsewhere
from materials import material
from materials import wrapped

SYMMETRIC = "SYMMETRIC_DEFAULT"
GOOD = b64(material(SYMMETRIC))
PAIR = ["ImportKeyMaterial", "DeleteImportedKeyMaterial", "ImportKeyMaterial"]


def rotated_key(lab: Lab) -> tuple[str, str, str]:
    """A key whose material a was rotated to b, both imported by the module: key ID, ID of a, ID of b."""
    key_id = lab.own_key()
    lab.emulator.config(rotation_seconds=0)
    result = lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC, "b")), state="current")
    assert not result.get("failed"), result["msg"]
    old, new = lab.materials(key_id)
    return key_id, old["KeyMaterialId"], new["KeyMaterialId"]


def reimport(lab: Lab, key_id: str, spec: str = SYMMETRIC, **options: Any) -> dict[str, Any]:
    options.setdefault("key_material", b64(material(spec)))
    return lab.run(key_id=key_id, state="reimported", **options)


@pytest.mark.parametrize("spec", SPECS)
def test_the_pair_restores_the_same_material(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec)
    seen = lab.metadata(key_id)
    before = lab.mark()

    predicted = reimport(lab, key_id, spec, check_mode=True)
    result = reimport(lab, key_id, spec)

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == predicted["operations"] == lab.changing_calls(before) == PAIR
    assert lab.metadata(key_id) == seen
    assert result["unavailable_seconds"] > 0
    assert predicted["unavailable_seconds"] > 0


@pytest.mark.parametrize("step", [-3600, 3600])
def test_an_outage_is_measured_whatever_is_done_to_the_wall_clock(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    key_id = lab.own_key()
    shown = itertools.count(time.time(), step)
    monkeypatch.setattr(time, "time", lambda: next(shown))

    result = reimport(lab, key_id)

    monkeypatch.undo()
    assert not result.get("failed"), result["msg"]
    assert 0 < result["unavailable_seconds"] < abs(step) / 2
    instants = [one[name] for one in result["calls"] for name in ("started", "finished")]
    assert instants == sorted(instants) and instants[-1] - instants[0] < abs(step) / 2


def test_calls_of_a_reimport(lab: Lab) -> None:
    key_id = lab.own_key()
    before = lab.mark()

    reimport(lab, key_id)

    assert lab.calls(before) == [
        "DescribeKey",
        "ListKeyRotations",
        "ListResourceTags",
        "GetParametersForImport",
        "DescribeKey",
        "ImportKeyMaterial",
        "DescribeKey",
        "DeleteImportedKeyMaterial",
        "ImportKeyMaterial",
        "ListResourceTags",
        "DescribeKey",
    ]


@pytest.mark.parametrize("spec", KINDS)
def test_nothing_but_the_import_follows_the_deletion(lab: Lab, spec: str) -> None:
    for make in (lab.own_key, lab.foreign_key):
        key_id = make(spec)
        before = lab.mark()
        reimport(lab, key_id, spec)
        calls = lab.calls(before)
        assert calls[calls.index("DeleteImportedKeyMaterial") + 1] == "ImportKeyMaterial"
        assert calls.count("GetParametersForImport") == 1


@pytest.mark.parametrize("spec", KINDS)
def test_an_empty_key_gets_the_import_alone(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec)
    lab.kms.delete_imported_key_material(KeyId=key_id)

    result = reimport(lab, key_id, spec)

    assert result["operations"] == ["ImportKeyMaterial"]
    assert lab.state(key_id) == "Enabled"


@pytest.mark.parametrize("spec", KINDS)
def test_wrong_material_stops_it_before_the_deletion(lab: Lab, spec: str) -> None:
    for make in (lab.own_key, lab.foreign_key):
        for force in (False, True):
            key_id = make(spec)
            before = lab.mark()
            result = reimport(lab, key_id, spec, key_material=b64(material(spec, "other")), force=force)
            assert result["failed"] and "DeleteImportedKeyMaterial" not in lab.calls(before)
            assert lab.state(key_id) == "Enabled"


@pytest.mark.parametrize("operation", ["GetParametersForImport", "ImportKeyMaterial"])
def test_a_missing_permission_stops_it_before_the_deletion(lab: Lab, operation: str) -> None:
    key_id = lab.own_key()
    lab.emulator.faults([{"operation": operation, "every": 1, "code": "AccessDeniedException"}])
    before = lab.mark()

    result = reimport(lab, key_id)

    assert result["failed"] and f"kms:{operation}" in result["msg"]
    assert "DeleteImportedKeyMaterial" not in lab.calls(before)


def test_a_wrong_token_stops_it_before_the_deletion(lab: Lab) -> None:
    key_id, other = lab.own_key(), lab.empty_key()
    parts = wrapped(lab.kms, other, SYMMETRIC, material(SYMMETRIC))
    before = lab.mark()

    result = lab.run(
        key_id=key_id,
        state="reimported",
        encrypted_key_material=b64(parts["EncryptedKeyMaterial"]),
        import_token=b64(parts["ImportToken"]),
        key_material_id=lab.metadata(key_id)["CurrentKeyMaterialId"],
    )

    assert result["error"]["code"] == "InvalidImportTokenException"
    assert "DeleteImportedKeyMaterial" not in lab.calls(before)


def test_wrapped_material_is_reimported(lab: Lab) -> None:
    key_id = lab.foreign_key()
    parts = wrapped(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC))

    result = lab.run(
        key_id=key_id,
        state="reimported",
        encrypted_key_material=b64(parts["EncryptedKeyMaterial"]),
        import_token=b64(parts["ImportToken"]),
    )

    assert result["operations"] == PAIR and lab.state(key_id) == "Enabled"


def test_one_of_several_materials_is_picked_and_the_others_stay(lab: Lab) -> None:
    key_id, old, new = rotated_key(lab)
    unnamed = reimport(lab, key_id)
    assert unnamed["failed"] and "NON_CURRENT" in unnamed["msg"]

    named = reimport(lab, key_id, key_material_id=old)
    current = reimport(lab, key_id, key_material=b64(material(SYMMETRIC, "b")))

    assert (named["key_material_id"], named["operations"]) == (old, PAIR)
    assert (current["key_material_id"], current["operations"]) == (new, PAIR)
    assert [entry["ImportState"] for entry in lab.materials(key_id)] == ["IMPORTED", "IMPORTED"]
    assert lab.state(key_id) == "Enabled"


def test_the_expiry_is_kept_or_replaced(lab: Lab) -> None:
    key_id = lab.own_key(valid_for="30d")
    seen = lab.metadata(key_id)["ValidTo"]
    reimport(lab, key_id)
    assert lab.metadata(key_id)["ValidTo"] == seen

    reimport(lab, key_id, expiration_model="KEY_MATERIAL_DOES_NOT_EXPIRE")

    assert "ValidTo" not in lab.metadata(key_id)


@pytest.mark.parametrize("spec", KINDS)
def test_a_disabled_key_ends_disabled(lab: Lab, spec: str) -> None:
    for make in (lab.own_key, lab.foreign_key):
        key_id = make(spec)
        lab.kms.disable_key(KeyId=key_id)
        predicted = reimport(lab, key_id, spec, check_mode=True)
        before = lab.mark()
        result = reimport(lab, key_id, spec)
        assert not result.get("failed"), result["msg"]
        assert result["operations"] == predicted["operations"] == lab.changing_calls(before)
        assert result["operations"][0] == "TagResource" and result["operations"][-1] == "UntagResource"
        assert lab.state(key_id) == result["key_state"] == "Disabled"
        assert lab.tags(key_id) == {} and result["unavailable_seconds"] == 0.0


def test_a_disabled_symmetric_key_is_proved_without_an_import(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.kms.disable_key(KeyId=key_id)

    assert reimport(lab, key_id)["operations"] == [
        "TagResource",
        "DeleteImportedKeyMaterial",
        "ImportKeyMaterial",
        "DisableKey",
        "UntagResource",
    ]


def test_material_of_several_tools_has_to_be_named(lab: Lab) -> None:
    key_id = lab.foreign_key()
    import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, "b"), ImportType="NEW_KEY_MATERIAL")
    lab.emulator.config(rotation_seconds=0)
    lab.kms.rotate_key_on_demand(KeyId=key_id)
    new = lab.metadata(key_id)["CurrentKeyMaterialId"]

    result = reimport(lab, key_id, key_material=b64(material(SYMMETRIC, "b")))
    assert result["failed"] and "key_material_id" in result["msg"]
    named = reimport(lab, key_id, key_material=b64(material(SYMMETRIC, "b")), key_material_id=new)

    assert named["operations"] == PAIR and lab.state(key_id) == "Enabled"


def test_a_token_refused_after_the_deletion_is_replaced(lab: Lab, impatient: None) -> None:
    key_id = lab.own_key()
    lab.emulator.faults(
        [{"operation": "ImportKeyMaterial", "nth": 2, "times": 1, "code": "InvalidImportTokenException"}]
    )

    result = reimport(lab, key_id)

    assert not result.get("failed"), result["msg"]
    assert lab.state(key_id) == "Enabled"


def test_a_lasting_failure_after_the_deletion_names_the_cure(lab: Lab, impatient: None) -> None:
    key_id = lab.own_key(valid_for="30d")
    lasting = {"nth": 2, "times": 100_000}
    lab.emulator.faults([{"operation": "ImportKeyMaterial", "code": "KMSInternalException", **lasting}])

    result = reimport(lab, key_id, wait_timeout=1, allow=["loose_file", "weak_material"])

    assert result["failed"] and lab.state(key_id) == "PendingImport"
    assert "allow=loose_file,weak_material" in result["error"]["heal_command"]
    assert "is now PendingImport" in result["msg"] and result["error"]["heal_command"] in result["msg"]
    assert "state=reimported" in result["error"]["heal_command"] and "valid_for=30d" in result["error"]["heal_command"]
    lab.emulator.faults([])
    healed = reimport(lab, key_id, valid_for="30d")
    assert healed["operations"] == ["ImportKeyMaterial"] and lab.state(key_id) == "Enabled"
