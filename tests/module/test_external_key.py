# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_external_key: what it makes of keys, seen by an independent client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from external_lab import ALIAS
from external_lab import REGION
from external_lab import SYMMETRIC
from external_lab import TOKEN
from external_lab import ExternalLab
from external_lab import policy
from materials import SPECS
from materials import b64
from materials import import_elsewhere
from materials import material
from materials import usage
from module_runner import CONNECTION
from module_runner import run_module

WEST = "eu-west-1"


@pytest.mark.parametrize("spec", SPECS)
def test_a_key_of_every_spec_is_created_once(xlab: ExternalLab, spec: str) -> None:
    wished = {"alias": ALIAS, "key_spec": spec, "key_usage": usage(spec)}
    result = xlab.done(**wished)

    assert result["changed"] and result["operations"] == ["CreateKey", "CreateAlias"]
    seen = xlab.metadata(ALIAS)
    assert (seen["Origin"], seen["KeySpec"], seen["KeyUsage"]) == ("EXTERNAL", spec, usage(spec))
    assert (result["key_id"], result["key_arn"]) == (seen["KeyId"], seen["Arn"])
    assert (result["key_state"], result["enabled"]) == ("PendingImport", False) == (seen["KeyState"], seen["Enabled"])
    assert len(result["request_ids"]) == 2 and all(result["request_ids"])
    assert result["tags"] == {TOKEN: ALIAS} == xlab.tags(seen["KeyId"])
    assert result["aliases"] == [ALIAS]
    before = xlab.mark()

    again = xlab.done(**wished)

    assert again["changed"] is False and again["operations"] == [] and again["key_id"] == result["key_id"]
    assert xlab.changing_calls(before) == [] and len(xlab.calls(before)) <= 5


def test_everything_at_once_and_then_again(xlab: ExternalLab) -> None:
    wished: dict[str, Any] = {
        "alias": ALIAS,
        "description": "Payments",
        "tags": {"owner": "office", "cost": 7},
        "policy": policy(),
        "enabled": True,
    }
    result = xlab.done(**wished)

    assert result["operations"] == ["CreateKey", "CreateAlias"]
    key_id = result["key_id"]
    assert xlab.metadata(key_id)["Description"] == result["description"] == "Payments"
    assert xlab.tags(key_id) == result["tags"] == {"owner": "office", "cost": "7", TOKEN: ALIAS}
    assert xlab.policy(key_id) == result["policy"] == policy()
    before = xlab.mark()

    again = xlab.done(**wished)

    assert again["changed"] is False
    assert sorted(xlab.calls(before)) == ["DescribeKey", "GetKeyPolicy", "ListAliases", "ListResourceTags"]
    assert again["kms_keys"][0]["key_id"] == key_id


def test_what_is_not_set_is_left_alone(xlab: ExternalLab) -> None:
    xlab.done(alias=ALIAS, description="Payments", tags={"a": "1"}, policy=policy())
    import_elsewhere(xlab.kms, xlab.metadata(ALIAS)["KeyId"], SYMMETRIC, material(SYMMETRIC))
    xlab.kms.disable_key(KeyId=xlab.metadata(ALIAS)["KeyId"])

    result = xlab.done(alias=ALIAS)

    assert result["changed"] is False and result["key_state"] == "Disabled"
    assert (result["description"], result["policy"]) == ("Payments", policy())
    assert result["tags"] == {"a": "1", TOKEN: ALIAS}


@pytest.mark.parametrize("name", ["key_id", "key_arn", "alias", "alias_arn"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_every_identifier_will_do(xlab: ExternalLab, name: str, state: str) -> None:
    key_id = xlab.made()
    arn = xlab.metadata(key_id)["Arn"]
    names = {"key_id": key_id, "key_arn": arn, "alias": ALIAS, "alias_arn": arn.split(":key/")[0] + ":" + ALIAS}

    result = xlab.done(key_id=names[name], state=state)

    assert result["key_id"] == key_id and result["changed"] is (state == "absent")
    if name.startswith("alias"):
        assert xlab.done(alias=names[name], state=state)["key_id"] == key_id


@pytest.mark.parametrize(
    ("there", "options", "left", "operations"),
    [
        ({}, {"tags": {"a": "1"}}, {"a": "1"}, ["TagResource"]),
        ({"a": "1"}, {"tags": {"a": "1"}}, {"a": "1"}, []),
        ({"a": "1"}, {"tags": {"a": "2"}}, {"a": "2"}, ["TagResource"]),
        ({"a": "1"}, {"tags": {"b": "2"}}, {"b": "2"}, ["UntagResource", "TagResource"]),
        ({"a": "1"}, {"tags": {"b": "2"}, "purge_tags": False}, {"a": "1", "b": "2"}, ["TagResource"]),
        ({"a": "1"}, {"tags": {}}, {}, ["UntagResource"]),
        ({"a": "1"}, {"tags": {}, "purge_tags": False}, {"a": "1"}, []),
        ({"a": "1"}, {}, {"a": "1"}, []),
        ({"byok:restore-state": "Disabled"}, {"tags": {}}, {"byok:restore-state": "Disabled"}, []),
        ({TOKEN: "x"}, {"tags": {TOKEN: "y", "a": "1"}}, {TOKEN: "x", "a": "1"}, ["TagResource"]),
        ({"n": "7"}, {"resource_tags": {"n": 7}}, {"n": "7"}, []),
    ],
)
def test_tags(
    xlab: ExternalLab, there: dict[str, str], options: dict[str, Any], left: dict[str, str], operations: list[str]
) -> None:
    key_id = xlab.made(Tags=[{"TagKey": name, "TagValue": value} for name, value in there.items()])
    predicted = xlab.done(alias=ALIAS, check_mode=True, **options)

    result = xlab.done(alias=ALIAS, **options)

    assert predicted["operations"] == result["operations"] == operations
    assert predicted["tags"] == result["tags"] == left == xlab.tags(key_id)


def reordered(document: dict[str, Any]) -> str:
    text = json.dumps({"Statement": document["Statement"], "Version": document["Version"]}, indent=4)
    return text.replace('[\n                "kms:*"\n            ]', '"kms:*"')


def test_policies_are_compared_by_what_they_say(xlab: ExternalLab) -> None:
    key_id = xlab.made(Policy=json.dumps(policy()))
    assert reordered(policy()) != json.dumps(policy()) and "[" in reordered(policy())

    assert xlab.done(alias=ALIAS, policy=reordered(policy()))["changed"] is False
    assert xlab.done(alias=ALIAS, policy=policy())["changed"] is False
    result = xlab.done(alias=ALIAS, policy=policy("Other"))

    assert result["operations"] == ["PutKeyPolicy"]
    assert xlab.policy(key_id) == result["policy"] == policy("Other")


def test_the_default_policy_of_kms_is_recognised(xlab: ExternalLab) -> None:
    xlab.made()
    default = xlab.policy(xlab.metadata(ALIAS)["KeyId"])
    account = default["Statement"][0]["Principal"]["AWS"].split(":")[4]
    same = {**default, "Statement": [{**default["Statement"][0], "Principal": {"AWS": account}}]}

    assert xlab.done(alias=ALIAS, policy=same)["changed"] is False


def test_the_lockout_check_can_be_bypassed(xlab: ExternalLab, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.client import BaseClient

    sent: list[tuple[str, Any]] = []
    send = BaseClient._make_api_call

    def spy(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if "Policy" in parameters:
            sent.append((operation, parameters.get("BypassPolicyLockoutSafetyCheck")))
        return send(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", spy)
    xlab.done(alias=ALIAS, policy=policy("a"), bypass_policy_lockout_safety_check=True)
    xlab.done(alias=ALIAS, policy=policy("b"), bypass_policy_lockout_safety_check=True)
    xlab.done(alias=ALIAS, policy=policy("c"))

    assert sent == [("CreateKey", True), ("PutKeyPolicy", True), ("PutKeyPolicy", None)]


def test_disabling_an_empty_key_has_to_wait(xlab: ExternalLab) -> None:
    result = xlab.done(alias=ALIAS, enabled=False)

    assert result["operations"] == ["CreateKey", "CreateAlias"]
    assert any("PendingImport" in one and "enables it" in one for one in result["warned"])
    import_elsewhere(xlab.kms, result["key_id"], SYMMETRIC, material(SYMMETRIC))
    later = xlab.done(alias=ALIAS, enabled=False)
    assert later["operations"] == ["DisableKey"] and later["key_state"] == "Disabled" and later["warned"] == []
    assert xlab.done(alias=ALIAS, enabled=True)["operations"] == ["EnableKey"]


def test_enabling_an_empty_key_is_left_to_the_import(xlab: ExternalLab) -> None:
    xlab.made()
    before = xlab.mark()

    result = xlab.done(alias=ALIAS, enabled=True)

    assert result["changed"] is False and "EnableKey" not in xlab.calls(before) and result["warned"] == []


# -- deletion ----------------------------------------------------------------------------------------------------------


def test_a_deletion_is_scheduled_once_and_can_be_cancelled(xlab: ExternalLab) -> None:
    key_id = xlab.filled()
    predicted = xlab.done(alias=ALIAS, state="absent", pending_window=9, check_mode=True)
    result = xlab.done(alias=ALIAS, state="absent", pending_window=9)

    assert result["operations"] == predicted["operations"] == ["ScheduleKeyDeletion"]
    assert result["key_state"] == predicted["key_state"] == "PendingDeletion"
    assert result["deletion_date"][:10] == predicted["deletion_date"][:10]
    remaining = xlab.metadata(key_id)["DeletionDate"] - xlab.metadata(key_id)["CreationDate"]
    assert round(remaining.total_seconds() / 86400) == 9
    again = xlab.done(alias=ALIAS, state="absent", pending_window=7)
    assert again["changed"] is False and again["skip_reason"] == "PendingDeletion"

    back = xlab.done(alias=ALIAS)

    assert back["operations"] == ["CancelKeyDeletion"]
    assert back["key_state"] == "Disabled" == xlab.state(key_id) and back["deletion_date"] is None


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256", "RSA_2048"])
@pytest.mark.parametrize(
    ("filled", "enabled", "operations", "state"),
    [
        (True, None, ["CancelKeyDeletion"], "Disabled"),
        (True, True, ["CancelKeyDeletion", "EnableKey"], "Enabled"),
        (True, False, ["CancelKeyDeletion"], "Disabled"),
        (False, None, ["CancelKeyDeletion"], "PendingImport"),
        (False, True, ["CancelKeyDeletion"], "PendingImport"),
        (False, False, ["CancelKeyDeletion"], "PendingImport"),
    ],
)
def test_cancelling(
    xlab: ExternalLab, spec: str, filled: bool, enabled: bool | None, operations: list[str], state: str
) -> None:
    key_id = (xlab.filled if filled else xlab.made)(spec)
    xlab.kms.schedule_key_deletion(KeyId=key_id)
    options = {} if enabled is None else {"enabled": enabled}
    predicted = xlab.done(alias=ALIAS, check_mode=True, **options)

    result = xlab.done(alias=ALIAS, **options)

    assert predicted["operations"] == result["operations"] == operations
    assert predicted["key_state"] == result["key_state"] == xlab.state(key_id) == state


def test_a_key_that_lost_material_comes_back_empty(xlab: ExternalLab) -> None:
    key_id = xlab.filled()
    xlab.kms.delete_imported_key_material(KeyId=key_id)
    xlab.kms.schedule_key_deletion(KeyId=key_id)

    predicted = xlab.done(alias=ALIAS, enabled=True, check_mode=True)
    result = xlab.done(alias=ALIAS, enabled=True)

    assert predicted["operations"] == result["operations"] == ["CancelKeyDeletion"]
    assert result["key_state"] == "PendingImport"


@pytest.mark.parametrize("name", ["key_id", "alias", "creation_token"])
def test_what_does_not_exist_need_not_be_deleted(xlab: ExternalLab, name: str) -> None:
    values = {"key_id": "1234abcd-12ab-34cd-56ef-1234567890ab", "alias": ALIAS, "creation_token": "none"}

    result = xlab.done(**{name: values[name]}, state="absent")

    assert result["changed"] is False and result["skip_reason"] == "NotFound" and result["key_id"] is None


# -- aliases, tokens ---------------------------------------------------------------------------------------------------


def test_an_alias_may_be_named_without_its_prefix(xlab: ExternalLab) -> None:
    first = xlab.done(alias="team/app", key_spec=SYMMETRIC)
    again = xlab.done(alias="alias/team/app")

    assert first["aliases"] == ["alias/team/app"] and first["tags"]["byok:creation-token"] == "alias/team/app"
    assert again["changed"] is False and again["key_id"] == first["key_id"]
    assert xlab.metadata("alias/team/app")["KeyId"] == first["key_id"]


def test_an_alias_is_added_beside_others(xlab: ExternalLab) -> None:
    key_id = xlab.made()
    result = xlab.done(key_id=key_id, alias="alias/another")

    assert result["operations"] == ["CreateAlias"]
    assert sorted(xlab.aliases(key_id)) == result["aliases"] == ["alias/another", ALIAS]
    assert xlab.done(key_id=key_id, alias="alias/another")["changed"] is False


def test_an_alias_is_moved_only_when_told(xlab: ExternalLab) -> None:
    old, new = xlab.made(), xlab.made(alias=None)

    for check_mode in (True, False):
        refused = xlab.run(key_id=new, alias=ALIAS, check_mode=check_mode)
        assert refused["failed"] and refused["error"]["code"] == "RefusedByPlan"
        assert "move_alias" in refused["msg"] and old in refused["msg"]
    predicted = xlab.done(key_id=new, alias=ALIAS, move_alias=True, check_mode=True)
    result = xlab.done(key_id=new, alias=ALIAS, move_alias=True)

    assert result["operations"] == predicted["operations"] == ["UpdateAlias"]
    assert result["moved_from_key_arn"] == predicted["moved_from_key_arn"] == xlab.metadata(old)["Arn"]
    assert xlab.metadata(ALIAS)["KeyId"] == new
    assert xlab.done(key_id=new, alias=ALIAS, move_alias=True)["changed"] is False
    assert xlab.done(key_id=old, alias=ALIAS, move_alias=True)["operations"] == ["UpdateAlias"]


def test_an_alias_does_not_move_to_another_kind(xlab: ExternalLab) -> None:
    xlab.made()
    new = xlab.made("HMAC_256", alias=None)

    result = xlab.run(key_id=new, alias=ALIAS, move_alias=True)

    assert result["failed"] and "same kind and key usage" in result["msg"]
    assert result["error"]["code"] == "RefusedByPlan"
    # The key spec may be another.
    xlab.made("HMAC_256", alias="alias/mac")
    larger = xlab.made("HMAC_512", alias=None)
    assert xlab.done(key_id=larger, alias="alias/mac", move_alias=True)["operations"] == ["UpdateAlias"]


def test_a_key_like_the_old_one_made_by_token_and_put_in_its_place(xlab: ExternalLab) -> None:
    old = xlab.done(alias=ALIAS, key_spec="RSA_2048", key_usage="SIGN_VERIFY", tags={"a": "1"}, policy=policy())
    copied = {name: old[name] for name in ("key_spec", "key_usage", "description", "policy", "tags")}

    new = xlab.done(creation_token="2031", **copied)

    assert new["operations"] == ["CreateKey"] and new["key_id"] != old["key_id"] and new["aliases"] == []
    assert new["tags"] == {"a": "1", TOKEN: "2031"}
    for name in ("key_spec", "key_usage", "description", "policy"):
        assert new[name] == old[name]
    import_elsewhere(xlab.kms, new["key_id"], "RSA_2048", material("RSA_2048"))
    again = xlab.done(creation_token="2031", **copied)
    assert again["changed"] is False and again["key_id"] == new["key_id"] and again["enabled"]
    moved = xlab.done(key_id=new["key_id"], alias=ALIAS, move_alias=True)
    assert moved["operations"] == ["UpdateAlias"]
    after = xlab.done(creation_token="2031", **copied)
    assert after["changed"] is False and after["key_id"] == new["key_id"]
    assert len(xlab.all_keys()) == 2


def test_a_token_and_an_alias_in_one_task(xlab: ExternalLab) -> None:
    old = xlab.made()

    refused = xlab.run(creation_token="2031", alias=ALIAS)
    assert refused["failed"] and old in refused["msg"] and len(xlab.all_keys()) == 1
    predicted = xlab.done(creation_token="2031", alias=ALIAS, move_alias=True, check_mode=True)
    result = xlab.done(creation_token="2031", alias=ALIAS, move_alias=True)

    assert result["operations"] == predicted["operations"] == ["CreateKey", "UpdateAlias"]
    assert xlab.metadata(ALIAS)["KeyId"] == result["key_id"] != old
    assert xlab.done(creation_token="2031", alias=ALIAS, move_alias=True)["changed"] is False


# -- multi-Region ------------------------------------------------------------------------------------------------------


def test_replicas_wait_for_the_material_and_are_made_then(xlab: ExternalLab) -> None:
    wished: dict[str, Any] = {
        "alias": ALIAS,
        "multi_region": True,
        "replica_regions": [WEST, "eu-north-1"],
        "tags": {"a": "1"},
        "description": "Everywhere",
        "policy": policy(),
    }
    first = xlab.done(**wished)

    assert first["operations"] == ["CreateKey", "CreateAlias"] and first["replica_regions"] == []
    assert (first["multi_region"], first["multi_region_key_type"], first["primary_region"]) == (True, "PRIMARY", REGION)
    assert any(WEST in one and "import" in one for one in first["warned"])
    import_elsewhere(xlab.kms, first["key_id"], SYMMETRIC, material(SYMMETRIC))
    predicted = xlab.done(check_mode=True, **wished)
    result = xlab.done(**wished)

    assert result["operations"] == predicted["operations"] == ["ReplicateKey", "ReplicateKey"]
    assert result["new_replica_regions"] == predicted["new_replica_regions"] == ["eu-north-1", WEST]
    assert result["replica_regions"] == predicted["replica_regions"] == ["eu-north-1", WEST]
    assert any("same material" in one for one in result["warned"]) and WEST in result["msg"]
    west = xlab.emulator.client(WEST)
    seen = west.describe_key(KeyId=first["key_id"])["KeyMetadata"]
    assert (seen["KeyState"], seen["Description"]) == ("PendingImport", "Everywhere")
    tags = {one["TagKey"]: one["TagValue"] for one in west.list_resource_tags(KeyId=first["key_id"])["Tags"]}
    assert tags == {"a": "1"}
    assert json.loads(west.get_key_policy(KeyId=first["key_id"], PolicyName="default")["Policy"]) == policy()
    again = xlab.done(**wished)
    assert again["changed"] is False and again["warned"] == []
    # The replica takes its material at once, and is managed in its own Region.
    imported = run_module(
        "kms_imported_material",
        {
            **CONNECTION,
            "region": WEST,
            "endpoint_url": xlab.emulator.url,
            "key_id": first["key_id"],
            "key_material": b64(material(SYMMETRIC)),
        },
    )
    assert imported["key_state"] == "Enabled", imported["msg"]
    replica = xlab.done(region=WEST, key_id=first["key_id"], description="West", alias="alias/west", enabled=False)
    assert replica["operations"] == ["DisableKey", "UpdateKeyDescription", "CreateAlias"]
    assert replica["multi_region_key_type"] == "REPLICA"
    refused = xlab.run(region=WEST, key_id=first["key_id"], multi_region=True, replica_regions=["us-east-2"])
    assert refused["failed"] and REGION in refused["msg"] and "replica" in refused["msg"]


def test_replicas_of_a_disabled_key(xlab: ExternalLab) -> None:
    key_id = xlab.filled(MultiRegion=True)
    xlab.kms.disable_key(KeyId=key_id)
    wished = {"alias": ALIAS, "multi_region": True, "replica_regions": [WEST]}

    refused = xlab.run(**wished)
    assert refused["failed"] and "enabled: true" in refused["msg"] and refused["error"]["code"] == "RefusedByPlan"
    assert xlab.done(**wished, enabled=True)["operations"] == ["EnableKey", "ReplicateKey"]
    result = xlab.done(**{**wished, "replica_regions": [WEST, "eu-west-2"]}, enabled=False)
    assert result["operations"] == ["ReplicateKey", "DisableKey"] and result["key_state"] == "Disabled"


def test_a_primary_with_replicas_waits_for_them(xlab: ExternalLab) -> None:
    key_id = xlab.filled(MultiRegion=True)
    xlab.done(alias=ALIAS, multi_region=True, replica_regions=[WEST])

    predicted = xlab.done(alias=ALIAS, state="absent", check_mode=True)
    result = xlab.done(alias=ALIAS, state="absent")

    assert result["key_state"] == predicted["key_state"] == "PendingReplicaDeletion" == xlab.state(key_id)
    assert result["deletion_date"] is None and any(WEST in one for one in result["warned"])
    again = xlab.done(alias=ALIAS, state="absent")
    assert again["changed"] is False and again["skip_reason"] == "PendingReplicaDeletion"
    back = xlab.done(alias=ALIAS, enabled=True)
    assert back["operations"] == ["CancelKeyDeletion", "EnableKey"] and back["key_state"] == "Enabled"


# -- what never changes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key_spec": "RSA_2048"}, "key_spec SYMMETRIC_DEFAULT, not RSA_2048"),
        ({"key_usage": "SIGN_VERIFY"}, "key_usage ENCRYPT_DECRYPT, not SIGN_VERIFY"),
        ({"multi_region": True}, "multi_region false, not true"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_a_replacement_is_needed(xlab: ExternalLab, options: dict[str, Any], said: str, check_mode: bool) -> None:
    xlab.made()
    before = xlab.mark()

    result = xlab.run(alias=ALIAS, description="x", check_mode=check_mode, **options)

    assert result["failed"] and said in result["msg"] and ALIAS in result["msg"]
    assert "creation_token" in result["msg"] and "move_alias" in result["msg"]
    assert result["error"]["code"] == "RefusedByPlan" and xlab.changing_calls(before) == []


@pytest.mark.parametrize("state", ["present", "absent"])
def test_keys_of_another_origin_are_refused(xlab: ExternalLab, state: str) -> None:
    key_id = xlab.kms.create_key()["KeyMetadata"]["KeyId"]
    before = xlab.mark()

    result = xlab.run(key_id=key_id, state=state)

    assert result["failed"] and "origin AWS_KMS" in result["msg"] and "amazon.aws.kms_key" in result["msg"]
    assert xlab.changing_calls(before) == []


def test_a_missing_key_is_an_error_where_it_is_named(xlab: ExternalLab) -> None:
    result = xlab.run(key_id="1234abcd-12ab-34cd-56ef-1234567890ab")

    assert result["failed"] and "does not exist" in result["msg"] and result["error"]["code"] == "NotFoundException"


def test_the_usage_has_to_be_said_where_there_is_a_choice(xlab: ExternalLab) -> None:
    result = xlab.run(alias=ALIAS, key_spec="RSA_2048")

    assert result["failed"] and "ENCRYPT_DECRYPT or SIGN_VERIFY" in result["msg"] and xlab.all_keys() == []
    assert xlab.done(alias=ALIAS, key_spec="HMAC_256")["key_usage"] == "GENERATE_VERIFY_MAC"
    assert xlab.done(alias=ALIAS, key_spec="HMAC_256")["changed"] is False


def test_the_diff_shows_both_sides(xlab: ExternalLab) -> None:
    xlab.done(alias=ALIAS, tags={"a": "1"}, description="old")

    result = xlab.done(alias=ALIAS, tags={"b": "2"}, description="new", policy=policy("x"), diff=True, check_mode=True)

    before, after = result["diff"]["before"], result["diff"]["after"]
    assert (before["description"], after["description"]) == ("old", "new")
    assert (before["tags"], after["tags"]) == ({"a": "1", TOKEN: ALIAS}, {"b": "2", TOKEN: ALIAS})
    assert before["policy"] != after["policy"] == policy("x")
    assert before["aliases"] == after["aliases"] == [ALIAS]
    created = xlab.done(alias="alias/new", diff=True, check_mode=True)
    assert created["diff"]["before"] == {} and created["diff"]["after"]["aliases"] == ["alias/new"]
    assert "diff" not in xlab.done(alias=ALIAS)
