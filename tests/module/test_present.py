# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""state: present, seen through an independent client."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest
from lab import Lab
from materials import KINDS
from materials import SPECS
from materials import b64
from materials import import_elsewhere
from materials import mark_of
from materials import material
from materials import wrapped

SYMMETRIC = "SYMMETRIC_DEFAULT"
GOOD = b64(material(SYMMETRIC))


def valid_to(lab: Lab, key_id: str) -> datetime | None:
    found = lab.metadata(key_id).get("ValidTo")
    return found.astimezone(timezone.utc) if found else None


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("algorithm", "wrapping_key_spec"),
    [
        ("RSAES_OAEP_SHA_256", "RSA_4096"),
        ("RSAES_OAEP_SHA_1", "RSA_3072"),
        ("RSAES_OAEP_SHA_256", "RSA_2048"),
        ("RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
        ("RSA_AES_KEY_WRAP_SHA_1", "RSA_3072"),
        (None, None),
    ],
)
def test_every_wrapping_either_imports_or_is_refused_first(
    lab: Lab, spec: str, algorithm: str | None, wrapping_key_spec: str | None
) -> None:
    """Our matrix is KMS's: what we let through KMS takes, and what we refuse KMS refuses as well."""
    key_id = lab.empty_key(spec)
    options = {"wrapping_algorithm": algorithm, "wrapping_key_spec": wrapping_key_spec} if algorithm else {}

    result = lab.run(key_id=key_id, key_material=b64(material(spec)), **options)

    if not result.get("failed"):
        assert lab.state(key_id) == "Enabled"
        return
    assert algorithm and "does not suit" in result["msg"]
    with pytest.raises(lab.kms.exceptions.ClientError, match="cannot be used to import"):
        lab.kms.get_parameters_for_import(KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping_key_spec)


@pytest.mark.parametrize("spec", SPECS)
def test_the_description_is_the_one_that_the_tests_give_to_keys(lab: Lab, spec: str) -> None:
    """Lab.own_key makes a key without a run of the module: cheaper, and the form of the mark is tested with it."""
    key_id, quick = lab.empty_key(spec), lab.own_key(spec)

    result = lab.run(key_id=key_id, key_material=b64(material(spec)))

    assert not result.get("failed"), result["msg"]
    if spec == SYMMETRIC:  # the one kind whose materials KMS lists, with their descriptions
        assert lab.materials(key_id)[0]["KeyMaterialDescription"] == mark_of(key_id, material(spec))
    assert (lab.tags(key_id), lab.state(key_id)) == (lab.tags(quick), lab.state(quick))
    assert lab.run(key_id=quick, key_material=b64(material(spec)))["changed"] is False


def test_what_was_imported_encrypts_and_decrypts(lab: Lab) -> None:
    key_id = lab.own_key()
    blob = lab.kms.encrypt(KeyId=key_id, Plaintext=b"canary")["CiphertextBlob"]
    lab.run(key_id=key_id, state="absent")
    with pytest.raises(lab.kms.exceptions.KMSInvalidStateException):
        lab.kms.decrypt(CiphertextBlob=blob)

    lab.run(key_id=key_id, key_material=GOOD)

    assert lab.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"canary"


@pytest.mark.parametrize("spec", KINDS)
def test_calls_of_a_first_import(lab: Lab, spec: str) -> None:
    key_id = lab.empty_key(spec)
    before = lab.mark()

    lab.run(key_id=key_id, key_material=b64(material(spec)))

    # Whether the key was cut off is asked before the import, and once more after it.
    assert lab.calls(before) == [
        "DescribeKey",
        "ListResourceTags",
        "GetParametersForImport",
        "ImportKeyMaterial",
        "ListResourceTags",
        "DescribeKey",
    ]


@pytest.mark.parametrize("spec", KINDS)
def test_wrong_material_is_refused_with_nothing_changed(lab: Lab, spec: str) -> None:
    for make in (lab.own_key, lab.foreign_key):
        key_id = make(spec)
        before, seen = lab.mark(), lab.metadata(key_id)
        result = lab.run(key_id=key_id, key_material=b64(material(spec, "other")))
        assert result["failed"] and key_id in result["msg"]
        assert result["error"]["code"] in ("RefusedByPlan", "IncorrectKeyMaterialException")
        assert lab.changing_calls(before) == []
        assert lab.metadata(key_id) == seen


def test_foreign_material_is_proved_once(lab: Lab) -> None:
    key_id = lab.foreign_key(KeyMaterialDescription="from the vault")
    first = lab.run(key_id=key_id, key_material=GOOD)
    before = lab.mark()

    second = lab.run(key_id=key_id, key_material=GOOD)

    assert (first["changed"], first["proof"]) == (True, "reimport")
    assert (second["changed"], second["proof"]) == (False, "fingerprint")
    assert lab.calls(before) == ["DescribeKey", "ListKeyRotations"]
    assert lab.materials(key_id)[0]["KeyMaterialDescription"].startswith("from the vault byok:1:")


def test_the_right_one_of_several_foreign_materials_is_found(lab: Lab) -> None:
    key_id = lab.foreign_key(KeyMaterialDescription="first")
    import_elsewhere(
        lab.kms,
        key_id,
        SYMMETRIC,
        material(SYMMETRIC, "b"),
        ImportType="NEW_KEY_MATERIAL",
        KeyMaterialDescription="second",
    )
    lab.emulator.config(rotation_seconds=0)
    lab.kms.rotate_key_on_demand(KeyId=key_id)

    result = lab.run(key_id=key_id, key_material=GOOD)

    assert not result.get("failed"), result["msg"]
    old, new = lab.materials(key_id)
    assert result["key_material_id"] == old["KeyMaterialId"]
    assert old["KeyMaterialDescription"].startswith("first byok:1:")
    assert new["KeyMaterialDescription"] == "second"
    assert lab.run(key_id=key_id, key_material=GOOD)["changed"] is False


def test_missing_old_material_is_brought_back(lab: Lab) -> None:
    key_id = lab.own_key()
    import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, "b"), ImportType="NEW_KEY_MATERIAL")
    lab.emulator.config(rotation_seconds=0)
    lab.kms.rotate_key_on_demand(KeyId=key_id)
    for entry in lab.materials(key_id):
        lab.kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=entry["KeyMaterialId"])

    first = lab.run(key_id=key_id, key_material=GOOD)
    second = lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC, "b")))

    assert first["key_state"] == "PendingImport"
    assert any("also lacks" in str(warning) for warning in first["warnings"])
    assert second["key_state"] == lab.state(key_id) == "Enabled"


def test_expiry_is_set_changed_and_taken_away_without_a_deletion(lab: Lab) -> None:
    key_id = lab.own_key()
    soon = (datetime.now(timezone.utc) + timedelta(days=10)).replace(microsecond=0)
    same_instant = soon.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()

    assert lab.run(key_id=key_id, key_material=GOOD, valid_to=soon.isoformat())["changed"] is True
    assert valid_to(lab, key_id) == soon
    assert lab.run(key_id=key_id, key_material=GOOD, valid_to=same_instant)["changed"] is False
    assert lab.run(key_id=key_id, key_material=GOOD)["changed"] is False, "what is not mentioned stays"
    assert valid_to(lab, key_id) == soon
    kept = lab.run(key_id=key_id, key_material=GOOD, key_material_description="new text")
    assert kept["changed"] is True and valid_to(lab, key_id) == soon
    gone = lab.run(key_id=key_id, key_material=GOOD, expiration_model="KEY_MATERIAL_DOES_NOT_EXPIRE")
    assert gone["changed"] is True and valid_to(lab, key_id) is None
    assert "DeleteImportedKeyMaterial" not in lab.calls()


@pytest.mark.parametrize("spec", KINDS)
def test_renewal_comes_only_when_it_is_due(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec, valid_for="30d")
    options = {"key_id": key_id, "key_material": b64(material(spec)), "valid_for": "30d", "renew_before": "10d"}
    day = 86400

    for days, due in ((0, False), (19, False), (21, True), (22, False)):
        lab.emulator.config(clock_offset_seconds=days * day)
        assert lab.run(**options)["changed"] is due, days
    assert lab.state(key_id) == "Enabled"


@pytest.mark.parametrize("spec", KINDS)
def test_expired_material_is_imported_again(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec, valid_for="1h")
    lab.emulator.config(clock_offset_seconds=7200)
    assert lab.state(key_id) == "PendingImport"

    result = lab.run(key_id=key_id, key_material=b64(material(spec)), valid_for="1h")

    assert result["operations"] == ["ImportKeyMaterial"]
    assert lab.state(key_id) == "Enabled"
    assert lab.run(key_id=key_id, key_material=b64(material(spec)), valid_for="1h")["changed"] is False


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "RSA_2048", "HMAC_384"])
def test_wrapped_material(lab: Lab, spec: str) -> None:
    key_id = lab.empty_key(spec)
    parts = wrapped(lab.kms, key_id, spec, material(spec))
    options = {
        "key_id": key_id,
        "encrypted_key_material": b64(parts["EncryptedKeyMaterial"]),
        "import_token": b64(parts["ImportToken"]),
    }
    before = lab.mark()

    first = lab.run(**options)

    assert first["changed"] and lab.state(key_id) == "Enabled"
    assert "GetParametersForImport" not in lab.calls(before)
    again = lab.run(**options)
    assert again["changed"] is True, "nothing can be proved with it"
    if spec == SYMMETRIC:
        named = lab.run(key_material_id=first["key_material_id"], **options)
        assert (named["changed"], named["proof"]) == (False, "key_material_id")


def test_the_diff_shows_lineage_and_no_bytes(lab: Lab) -> None:
    key_id = lab.empty_key()

    predicted = lab.run(key_id=key_id, key_material=GOOD, key_material_description="a", check_mode=True, diff=True)
    real = lab.run(key_id=key_id, key_material=GOOD, key_material_description="a", diff=True)

    assert predicted["diff"][0]["before"]["key_state"] == "PendingImport"
    assert predicted["diff"][0]["after"]["materials"][0]["key_material_id"] == "(known after the import)"
    after = real["diff"][0]["after"]
    assert after["key_state"] == "Enabled"
    assert after["materials"][0]["key_material_id"] == after["current_key_material_id"] == real["key_material_id"]
    assert after["materials"][0]["key_material_description"] == "a"
    assert GOOD not in real["_stdout"]


def test_a_disabled_key_is_disabled_again_and_said_so(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.kms.disable_key(KeyId=key_id)

    result = lab.run(key_id=key_id, key_material=GOOD, valid_for="30d")

    assert result["key_state"] == lab.state(key_id) == "Disabled"
    assert any("disabled again" in str(warning) for warning in result["warnings"])
    assert lab.tags(key_id) == {}


def test_without_permission_to_tag_a_warning_says_what_is_missing(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.kms.disable_key(KeyId=key_id)
    lab.emulator.faults([{"operation": "TagResource", "every": 1, "code": "AccessDeniedException"}])

    result = lab.run(key_id=key_id, key_material=GOOD, valid_for="30d")

    assert not result.get("failed"), result["msg"]
    assert lab.state(key_id) == "Disabled"
    assert any("could not be tagged" in str(warning) for warning in result["warnings"])


def test_a_failed_import_leaves_a_disabled_key_disabled_and_untagged(lab: Lab, impatient: None) -> None:
    key_id = lab.own_key()
    lab.kms.disable_key(KeyId=key_id)
    lab.emulator.faults([{"operation": "ImportKeyMaterial", "every": 1, "code": "AccessDeniedException"}])

    result = lab.run(key_id=key_id, key_material=GOOD, valid_for="30d")

    assert result["failed"] and lab.state(key_id) == "Disabled"
    assert lab.tags(key_id) == {}
