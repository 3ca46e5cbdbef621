# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key_replacement: a new key like the old one, with new material, and the aliases that move to it."""

from __future__ import annotations

import json
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from external_lab import TOKEN
from lab import Lab
from materials import KINDS
from materials import NEVER
from materials import b64
from materials import import_elsewhere
from materials import material
from replacement_lab import ALIAS
from replacement_lab import REPLACED_BY
from replacement_lab import SECOND
from replacement_lab import SYMMETRIC
from replacement_lab import WHOLE
from replacement_lab import ReplacementLab

DENIED = "AccessDeniedException"


def denied(operation: str, **rule: Any) -> dict[str, Any]:
    return {"operation": operation, "code": DENIED, **({"every": 1} if "nth" not in rule else {}), **rule}


# -- the whole way -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", KINDS)
def test_a_key_of_every_kind_is_replaced_and_only_once(rlab: ReplacementLab, spec: str) -> None:
    old = rlab.old(spec)
    before = rlab.mark()
    predicted = rlab.done(spec, check_mode=True)
    assert rlab.changing_calls(before) == []

    result = rlab.done(spec)

    assert predicted["operations"] == result["operations"] == rlab.changing_calls(before) == WHOLE
    assert (predicted["new_key_id"], predicted["new_key_state"], predicted["aliases"]) == (None, "Enabled", [ALIAS])
    rlab.assert_replaced(old, result, spec)
    assert (result["key_id"], result["key_state"], result["aliases"]) == (old, "Enabled", [ALIAS])
    assert (result["canary"]["verdict"], result["canary"]["note"]) == ("passed", None)
    assert (result["unavailable_seconds"], result["rolled_back"], result["error"]) == (0.0, False, None)
    made = {one["request_id"]: one["operation"] for one in rlab.emulator.calls()[before:]}
    assert [made[one] for one in result["request_ids"]] == WHOLE
    assert [one["operation"] for one in result["calls"]] == [*WHOLE[:2], "GetParametersForImport", *WHOLE[2:]]
    assert any("left as it is, Enabled" in one for one in result["warned"])

    before = rlab.mark()
    again = rlab.done(spec)
    assert (again["changed"], again["operations"], again["aliases"]) == (False, [], [])
    assert (again["key_id"], again["new_key_id"]) == (old, result["new_key_id"])
    assert again["proof"] and again["warned"] == [] and rlab.changing_calls(before) == []


@pytest.mark.parametrize("usage", ["ENCRYPT_DECRYPT", "SIGN_VERIFY"])
def test_the_usage_is_kept_and_tried(rlab: ReplacementLab, usage: str) -> None:
    answer = rlab.kms.create_key(Origin="EXTERNAL", KeySpec="RSA_2048", KeyUsage=usage)["KeyMetadata"]
    rlab.kms.create_alias(AliasName=ALIAS, TargetKeyId=answer["KeyId"])

    result = rlab.done("RSA_2048")

    assert rlab.metadata(ALIAS)["KeyUsage"] == usage
    assert result["canary"] == {"kind": usage.split("_")[0].lower(), "verdict": "passed", "note": None}


@pytest.mark.parametrize(
    ("old_key", "operation", "state"),
    [("disable", "DisableKey", "Disabled"), ("delete", "ScheduleKeyDeletion", "PendingDeletion")],
)
def test_what_becomes_of_the_old_key(rlab: ReplacementLab, old_key: str, operation: str, state: str) -> None:
    old = rlab.old(SYMMETRIC, SECOND)
    wished = {"old_key": old_key, "pending_window": 8}
    predicted = rlab.done(check_mode=True, **wished)

    result = rlab.done(**wished)

    whole = [*WHOLE, "UpdateAlias", operation]
    assert predicted["operations"] == result["operations"] == whole
    assert predicted["key_state"] == result["key_state"] == rlab.state(old) == state
    assert result["aliases"] == [ALIAS, SECOND] and rlab.target(SECOND) == result["new_key_id"]
    if old_key == "delete":
        waits = rlab.metadata(old)["DeletionDate"] - rlab.metadata(ALIAS)["CreationDate"]
        assert waits.days in (7, 8)
    assert rlab.done(**wished)["changed"] is False
    assert rlab.done(key_id=old, **wished)["changed"] is False


def until(days: float) -> datetime:
    return (datetime.now(timezone.utc) + timedelta(days=days)).replace(microsecond=0)


def expiring(rlab: ReplacementLab, spec: str, **options: Any) -> str:
    old = rlab.old(spec)
    options = options or {"valid_to": until(60).isoformat()}
    imported = Lab(rlab.emulator, rlab.kms).run(key_id=old, key_material=b64(material(spec)), **options)
    assert not imported.get("failed"), imported["msg"]
    return old


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256"])
def test_a_new_key_for_one_whose_material_expires_has_to_be_told_when(rlab: ReplacementLab, spec: str) -> None:
    expiring(rlab, spec)
    before, keys = rlab.mark(), rlab.all_keys()

    for check_mode in (True, False):
        result = rlab.replace(spec, check_mode=check_mode)
        assert result["failed"] and "set valid_for or valid_to" in result["msg"]
    assert (rlab.changing_calls(before), rlab.all_keys()) == ([], keys)

    result = rlab.done(spec, expiration_model=NEVER)
    assert rlab.metadata(result["new_key_id"])["ExpirationModel"] == NEVER and result["new_key_valid_to"] is None


def test_a_new_key_gets_the_lifetime_of_the_old_one(rlab: ReplacementLab) -> None:
    expiring(rlab, SYMMETRIC, valid_for="90d")
    predicted = rlab.done(check_mode=True)

    result = rlab.done()

    given = rlab.metadata(result["new_key_id"])["ValidTo"]
    assert abs(given - until(90)) < timedelta(hours=1)
    assert result["new_key_valid_to"] == given.astimezone(timezone.utc).isoformat() and predicted["new_key_valid_to"]
    assert rlab.done()["changed"] is False


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256"])
def test_a_crash_before_the_import_forgets_no_expiry(rlab: ReplacementLab, spec: str) -> None:
    expiring(rlab, spec)
    rlab.emulator.faults([denied("ImportKeyMaterial")])
    broken = rlab.replace(spec, valid_for="90d")
    assert "valid_for=90d" in broken["error"]["heal_command"]
    rlab.emulator.faults([])

    assert "set valid_for or valid_to" in rlab.replace(spec)["msg"]
    assert rlab.metadata(rlab.done(spec, valid_for="90d")["new_key_id"])["ValidTo"]


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256"])
def test_a_new_key_that_lasts_takes_the_place_of_an_expiring_one_on_purpose_only(
    rlab: ReplacementLab, spec: str
) -> None:
    expiring(rlab, spec)
    rlab.emulator.faults([denied("UpdateAlias")])
    assert rlab.replace(spec, expiration_model=NEVER)["failed"]
    rlab.emulator.faults([])
    before = rlab.mark()

    result = rlab.replace(spec)

    assert result["failed"] and "does not expire, but the material of the old key does" in result["msg"]
    assert rlab.changing_calls(before) == []
    assert rlab.done(spec, expiration_model=NEVER)["aliases"] == [ALIAS]


def test_a_key_that_has_lost_its_material_is_replaced_with_a_word_about_the_expiry(rlab: ReplacementLab) -> None:
    old = expiring(rlab, "HMAC_256")
    rlab.kms.delete_imported_key_material(KeyId=old)

    assert any("cannot be seen whether that expires" in one for one in rlab.done("HMAC_256")["warned"])


def test_the_old_key_can_be_disabled_and_deleted_later(rlab: ReplacementLab) -> None:
    old = rlab.old()
    new = rlab.done()["new_key_id"]

    assert rlab.done(old_key="disable", check_mode=True)["operations"] == ["DisableKey"]
    assert rlab.done(old_key="disable")["operations"] == ["DisableKey"]
    assert rlab.done(old_key="leave")["changed"] is False
    assert rlab.done(old_key="delete")["operations"] == ["ScheduleKeyDeletion"]
    assert (rlab.state(old), rlab.state(new)) == ("PendingDeletion", "Enabled")
    assert rlab.done(old_key="disable")["changed"] is False


def test_other_material_is_the_next_replacement(rlab: ReplacementLab) -> None:
    first = rlab.old()
    second = rlab.done()["new_key_id"]

    predicted = rlab.done(label="newer", check_mode=True)
    result = rlab.done(label="newer")

    assert predicted["operations"] == result["operations"] == WHOLE
    assert result["key_id"] == second and rlab.target(ALIAS) == result["new_key_id"]
    assert len(rlab.all_keys()) == 3
    assert rlab.tags(result["new_key_id"])[TOKEN] == f"replaces:{second}"
    assert rlab.tags(second)[REPLACED_BY] == rlab.metadata(result["new_key_id"])["Arn"]
    assert rlab.state(first) == "Enabled"
    assert rlab.done(label="newer")["changed"] is False


def test_once_the_old_key_is_gone_there_is_nothing_to_do(rlab: ReplacementLab) -> None:
    rlab.old()
    new = rlab.done(old_key="delete", pending_window=7)["new_key_id"]
    rlab.emulator.config(clock_offset_seconds=9 * 24 * 3600)

    result = rlab.done(old_key="delete")

    assert (result["changed"], result["key_id"], result["new_key_id"]) == (False, new, new)


def test_the_expiry_is_that_of_the_options_and_is_renewed(rlab: ReplacementLab) -> None:
    rlab.old()

    rlab.done(valid_for="90d")
    assert rlab.metadata(ALIAS)["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
    assert rlab.done(valid_for="90d")["changed"] is False
    assert rlab.done(expiration_model="KEY_MATERIAL_DOES_NOT_EXPIRE")["operations"] == ["ImportKeyMaterial"]
    assert rlab.metadata(ALIAS)["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"


def test_a_key_that_has_lost_its_material_is_replaced(rlab: ReplacementLab) -> None:
    old = rlab.old("ECC_NIST_P256")
    rlab.kms.delete_imported_key_material(KeyId=old)

    result = rlab.done("ECC_NIST_P256", old_key="disable")

    assert result["operations"] == WHOLE and rlab.state(old) == "PendingImport"
    assert any("cannot disable it" in one for one in result["warned"])
    assert rlab.done("ECC_NIST_P256", old_key="disable")["changed"] is False


def test_a_disabled_key_gets_an_enabled_one_in_its_place(rlab: ReplacementLab) -> None:
    old = rlab.old()
    rlab.kms.disable_key(KeyId=old)

    result = rlab.done()

    rlab.assert_replaced(old, result)
    assert rlab.state(old) == "Disabled" and any("is Disabled; the key" in one for one in result["warned"])


# -- which aliases -----------------------------------------------------------------------------------------------------


def test_the_aliases_named_move_and_the_others_later(rlab: ReplacementLab) -> None:
    old = rlab.old(SYMMETRIC, SECOND, "alias/third")

    # As kms_external_key takes it: with or without alias/.
    first = rlab.done(aliases=[SECOND.split("/", 1)[1]])
    assert (first["operations"], first["aliases"]) == (WHOLE, [SECOND])
    assert (rlab.target(ALIAS), rlab.target(SECOND)) == (old, first["new_key_id"])
    assert rlab.done(aliases=[SECOND])["changed"] is False
    assert rlab.done(key_id=SECOND, aliases=[SECOND])["changed"] is False
    kept = rlab.replace(aliases=[SECOND], old_key="delete")
    assert kept["failed"] and "alias/payments, alias/third would go on leading" in kept["msg"]

    rest = rlab.done(old_key="disable")
    assert rest["operations"] == ["UpdateAlias", "UpdateAlias", "DisableKey"]
    assert len(rlab.all_keys()) == 2 and rlab.target("alias/third") == first["new_key_id"]


def test_an_alias_given_to_the_old_key_afterwards_stays_with_it(rlab: ReplacementLab) -> None:
    old = rlab.old()
    rlab.done()
    rlab.kms.create_alias(AliasName="alias/payments-old", TargetKeyId=old)

    assert rlab.done()["changed"] is False
    assert rlab.target("alias/payments-old") == old
    assert rlab.done(aliases=["alias/payments-old"])["operations"] == ["UpdateAlias"]


def test_the_diff_shows_both_keys(rlab: ReplacementLab) -> None:
    rlab.old()

    (planned,) = rlab.done(check_mode=True, diff=True)["diff"]
    (done,) = rlab.done(diff=True)["diff"]

    assert planned["before"]["new_key"] is done["before"]["new_key"] is None
    assert planned["after"]["new_key"]["key_id"] == "(known after the creation)"
    assert planned["after"]["new_key"]["aliases"] == done["after"]["new_key"]["aliases"] == [ALIAS]
    assert done["after"]["new_key"]["key_id"] == rlab.target(ALIAS)
    assert done["after"]["new_key"]["current_key_material_id"] == rlab.metadata(ALIAS)["CurrentKeyMaterialId"]


# -- what no read can tell ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spec", "operation"), [("HMAC_256", "GenerateMac"), ("RSA_2048", "GetPublicKey")])
def test_where_no_read_compares_the_material_kms_does(rlab: ReplacementLab, spec: str, operation: str) -> None:
    rlab.old(spec)
    rlab.emulator.faults([denied(operation)])
    result = rlab.done(spec)
    assert result["operations"] == WHOLE

    again = rlab.done(spec)
    assert (again["operations"], again["proof"]) == (["ImportKeyMaterial"], "reimport")
    assert len(rlab.all_keys()) == 2

    rlab.emulator.faults([denied(operation)])
    other = rlab.done(spec, "newer")
    assert other["operations"] == WHOLE and other["key_id"] == result["new_key_id"]
    assert len(rlab.all_keys()) == 3 and rlab.target(ALIAS) == other["new_key_id"]


@pytest.mark.parametrize(
    ("spec", "operation", "kind", "verdict"),
    [
        (SYMMETRIC, "Encrypt", "encrypt", "skipped"),
        (SYMMETRIC, "Decrypt", "encrypt", "skipped"),
        ("HMAC_256", "VerifyMac", "mac", "skipped"),
        ("RSA_2048", "Sign", "public_key", "passed"),
    ],
)
def test_a_canary_that_is_not_allowed_is_a_note(
    rlab: ReplacementLab, spec: str, operation: str, kind: str, verdict: str
) -> None:
    old = rlab.old(spec)
    rlab.emulator.faults([denied(operation)])

    result = rlab.done(spec)

    rlab.emulator.faults([])
    rlab.assert_replaced(old, result, spec)
    assert (result["canary"]["kind"], result["canary"]["verdict"]) == (kind, verdict)
    assert result["canary"]["note"] == f"the credentials lack kms:{operation}"


def test_no_canary_when_none_is_wished(rlab: ReplacementLab) -> None:
    rlab.old()
    before = rlab.mark()

    result = rlab.done(canary=False)

    assert "Encrypt" not in rlab.calls(before) and result["canary"]["verdict"] == "skipped"


# -- many keys ---------------------------------------------------------------------------------------------------------


def test_many_keys_of_which_one_fails(rlab: ReplacementLab, tmp_path: Path) -> None:
    good = rlab.old()
    others = {}
    for name in ("two", "three"):
        others[name] = rlab.filled("HMAC_256", f"alias/{name}")
    journal = tmp_path / "journal"
    keys = [
        {"key_id": ALIAS, "key_material": b64(material(SYMMETRIC, "new")), "old_key": "leave"},
        {"key_id": "alias/two", "key_material": b64(material("HMAC_256", "two"))},
        {"key_id": "alias/three", "key_material": b64(material("HMAC_256", "three"))},
    ]
    rlab.emulator.faults([denied("TagResource", key_id=others["two"])])

    result = rlab.replace(keys=keys, old_key="disable", journal_path=str(journal))

    assert result["failed"] and "1 failed (alias/two)" in result["msg"] and "kms:TagResource" in result["msg"]
    first, second, third = result["kms_keys"]
    assert (first["operations"], third["operations"]) == (WHOLE, [*WHOLE, "DisableKey"])
    assert second["operations"] == ["CreateKey"] and "no alias was moved" in second["error"]["message"]
    assert rlab.target("alias/two") == others["two"] and rlab.state(good) == "Enabled"
    assert len([json.loads(line) for line in journal.read_text().splitlines()]) == 3

    rlab.emulator.faults([])
    again = rlab.done(keys=keys, old_key="disable")
    assert [one["operations"] for one in again["kms_keys"]] == [[], [*WHOLE[1:], "DisableKey"], []]
    assert len(rlab.all_keys()) == 6
    assert again["kms_keys"][1]["new_key_id"] == second["new_key_id"]


def test_the_region_is_searched_once_for_many_keys(rlab: ReplacementLab) -> None:
    keys = []
    for number in range(5):
        rlab.filled("HMAC_256", f"alias/{number}")
        keys.append({"key_id": f"alias/{number}", "key_material": b64(material("HMAC_256", str(number)))})
    before = rlab.mark()

    rlab.done(keys=keys, check_mode=True)

    calls = rlab.calls(before)
    assert calls.count("ListKeys") == 1
    # Each key by its alias, and once in the search; and for the description that the new key will have.
    assert (calls.count("DescribeKey"), calls.count("ListResourceTags"), calls.count("GetKeyPolicy")) == (15, 10, 5)


# -- refusals ----------------------------------------------------------------------------------------------------------


def empty(_lab: ReplacementLab) -> None:
    pass


def foreign(lab: ReplacementLab) -> None:
    lab.kms.create_alias(AliasName=ALIAS, TargetKeyId=lab.kms.create_key()["KeyMetadata"]["KeyId"])


def everywhere(lab: ReplacementLab) -> None:
    lab.filled(MultiRegion=True)


def doomed(lab: ReplacementLab) -> None:
    lab.kms.schedule_key_deletion(KeyId=lab.old())


def tagged(lab: ReplacementLab) -> None:
    lab.filled(Tags=[{"TagKey": f"t{number}", "TagValue": "x"} for number in range(50)])


def whole(lab: ReplacementLab) -> None:
    lab.old(SYMMETRIC, SECOND)
    lab.kms.create_alias(AliasName="alias/other", TargetKeyId=lab.filled(alias=None))


REFUSALS = [
    pytest.param(empty, {}, "does not exist", id="no key"),
    pytest.param(foreign, {}, "has the origin AWS_KMS", id="origin"),
    pytest.param(everywhere, {}, "is a multi-Region key", id="multi-Region"),
    pytest.param(doomed, {}, "is PendingDeletion", id="deletion"),
    pytest.param(tagged, {}, "has 50 tags", id="tags"),
    pytest.param(whole, {"label": "a", "foreign": False}, "is the one that the key", id="material of the old key"),
    pytest.param(whole, {"aliases": ["alias/other"]}, "alias/other does not lead to the key", id="foreign alias"),
    pytest.param(whole, {"aliases": [ALIAS, "alias/nowhere"]}, "alias/nowhere does not lead", id="no such alias"),
    pytest.param(whole, {"aliases": [ALIAS], "old_key": "disable"}, "alias/second would go on leading", id="left"),
    pytest.param(whole, {"key_material": b64(bytes(31))}, "has 31 bytes; 32 bytes are needed", id="length"),
    pytest.param(whole, {"valid_to": "2020-01-01T00:00:00Z"}, "is in the past", id="expiry"),
    pytest.param(
        whole,
        {"wrapping_algorithm": "RSA_AES_KEY_WRAP_SHA_256"},
        "does not suit the SYMMETRIC_DEFAULT key",
        id="wrapping",
    ),
]


@pytest.mark.parametrize(("make", "options", "said"), REFUSALS)
def test_refused_before_anything_is_made(rlab: ReplacementLab, make: Any, options: dict[str, Any], said: str) -> None:
    make(rlab)
    if options.pop("foreign", None) is False:
        # The module knows the material that it imported itself by its fingerprint.
        Lab(rlab.emulator, rlab.kms).run(key_id=ALIAS, key_material=b64(material(SYMMETRIC)))
    before, keys = rlab.mark(), rlab.all_keys()

    for check_mode in (True, False):
        result = rlab.replace(check_mode=check_mode, **options)
        assert result["failed"] and said in result["msg"], result["msg"]
        assert result["error"]["code"] in ("RefusedByPlan", "InvalidInput", "NotFoundException")

    assert rlab.changing_calls(before) == [] and rlab.all_keys() == keys


def test_a_key_without_an_alias_is_refused(rlab: ReplacementLab) -> None:
    old = rlab.filled(alias=None)

    result = rlab.replace(key_id=old)

    assert result["failed"] and "has no alias, so that there is nothing to move" in result["msg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key_material": None}, "the material of the new key is needed"),
        ({"pending_window": 6}, "pending_window is 6"),
        ({"aliases": []}, "aliases is empty"),
        ({"aliases": ["bad name"]}, "only letters, digits"),
        ({"aliases": ["alias/aws/s3"]}, "belong to AWS"),
        ({"key_id": "arn:aws:kms:eu-west-1:123456789012:alias/x"}, "set region to eu-west-1"),
        ({"keys": []}, "keys is empty"),
        ({"keys": [{"key_id": ALIAS}]}, "key alias/payments: the material of the new key is needed"),
        (
            {"keys": [{"key_id": ALIAS}] * 2, "key_material": b64(material(SYMMETRIC))},
            "names the key alias/payments twice",
        ),
        ({"valid_to": "2030-01-01T00:00:00Z", "valid_for": "1d"}, "exclude each other"),
        ({"key_material": "not base64!"}, "key_material is not base64"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_kms_is_asked(
    rlab: ReplacementLab, options: dict[str, Any], said: str
) -> None:
    before = rlab.mark()

    result = rlab.replace(**options)

    assert result["failed"] and said in result["msg"], result["msg"]
    assert rlab.calls(before) == []


@pytest.mark.parametrize(
    ("operation", "hint"),
    [
        ("ListResourceTags", "kms:ListResourceTags"),
        ("ListAliases", "kms:ListAliases"),
        ("ListKeys", "before a key is created: an earlier run may have created it already"),
        ("GetKeyPolicy", "kms:GetKeyPolicy"),
        ("CreateKey", "it is granted by IAM policies only"),
    ],
)
def test_a_missing_permission_stops_it_before_a_key_is_made(rlab: ReplacementLab, operation: str, hint: str) -> None:
    old = rlab.old()
    rlab.emulator.faults([denied(operation)])

    for check_mode in (True, False):
        # Only what changes something cannot be tried beforehand.
        if check_mode and operation == "CreateKey":
            continue
        result = rlab.replace(check_mode=check_mode)
        assert result["failed"] and hint in result["msg"] and result["error"]["code"] == DENIED
    rlab.emulator.faults([])
    assert rlab.all_keys() == [old]


# -- keys that an earlier run has left half made -----------------------------------------------------------------------


def half_made(lab: ReplacementLab, old: str, label: str | None = None, linked: bool = True) -> str:
    key_id = lab.made(alias=None, Tags=[{"TagKey": TOKEN, "TagValue": f"replaces:{old}"}])
    if label:
        import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, label))
    if linked:
        arn = lab.metadata(key_id)["Arn"]
        lab.kms.tag_resource(KeyId=old, Tags=[{"TagKey": REPLACED_BY, "TagValue": arn}])
    return key_id


@pytest.mark.parametrize(
    ("label", "linked", "operations"),
    [
        (None, False, WHOLE[1:]),
        (None, True, WHOLE[2:]),
        # Material of another tool: KMS compares it, and the module records its fingerprint.
        ("new", True, WHOLE[2:]),
        ("new", False, WHOLE[1:]),
    ],
)
def test_it_is_gone_on_with(rlab: ReplacementLab, label: str | None, linked: bool, operations: list[str]) -> None:
    old = rlab.old()
    new = half_made(rlab, old, label, linked)

    predicted = rlab.done(check_mode=True)
    result = rlab.done()

    assert predicted["operations"] == result["operations"] == operations
    assert predicted["new_key_id"] == result["new_key_id"] == rlab.target(ALIAS) == new
    assert sorted(rlab.all_keys()) == sorted([old, new])


def test_a_key_begun_with_other_material_is_no_reason_for_a_second(rlab: ReplacementLab) -> None:
    old = rlab.old("ECC_NIST_P256")
    rlab.emulator.faults([denied("UpdateAlias")])
    new = rlab.replace("ECC_NIST_P256")["new_key_id"]
    rlab.emulator.faults([])

    result = rlab.replace("ECC_NIST_P256", "newer")

    assert result["failed"] and "which has other material" in result["msg"] and new in result["msg"]
    assert sorted(rlab.all_keys()) == sorted([old, new])
    rlab.kms.schedule_key_deletion(KeyId=new)
    given_up = rlab.done("ECC_NIST_P256", "newer")
    assert given_up["operations"] == WHOLE and given_up["new_key_id"] != new
    assert rlab.tags(old)[REPLACED_BY] == rlab.metadata(ALIAS)["Arn"]


def test_several_that_were_made_are_for_a_person_to_look_at(rlab: ReplacementLab) -> None:
    old = rlab.old()
    both = {half_made(rlab, old, linked=False), half_made(rlab, old, linked=False)}

    result = rlab.replace()

    assert result["failed"] and all(one in result["msg"] for one in both)


def test_a_new_key_that_kms_does_not_show_is_no_reason_for_a_second(rlab: ReplacementLab) -> None:
    old = rlab.old()
    arn = rlab.metadata(old)["Arn"].replace(old, "0987dcba-09fe-87dc-65ba-ab0987654321")
    rlab.kms.tag_resource(KeyId=old, Tags=[{"TagKey": REPLACED_BY, "TagValue": arn}])

    result = rlab.replace()

    assert result["failed"] and f"names {arn}, which does not exist" in result["msg"]
    assert rlab.all_keys() == [old]


def test_no_alias_moves_to_a_disabled_key(rlab: ReplacementLab) -> None:
    old = rlab.old(SYMMETRIC, SECOND)
    new = rlab.done(aliases=[ALIAS])["new_key_id"]
    rlab.kms.disable_key(KeyId=new)

    result = rlab.replace()

    assert result["failed"] and "is Disabled, and no alias is moved" in result["msg"]
    assert rlab.target(SECOND) == old
