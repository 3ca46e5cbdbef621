# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for an EXTERNAL key: calls, predictions and refusals, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.external_key.models import TOKEN_TAG
from ansible_collections.byok.aws.plugins.module_utils._kms.external_key.models import ExternalKeyRequest
from ansible_collections.byok.aws.plugins.module_utils._kms.external_key.models import Found
from ansible_collections.byok.aws.plugins.module_utils._kms.external_key.models import KeyPlan
from ansible_collections.byok.aws.plugins.module_utils._kms.external_key.plan import make_plan
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Settings
from ansible_collections.byok.aws.plugins.module_utils._kms.key.specs import USAGES
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ARN
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import KEY_ID
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import REGION

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}],
}
OTHER_ARN = ARN.replace("1234abcd", "abcd1234")
WEST = "eu-west-1"


def key(**fields: Any) -> Key:
    """An Enabled symmetric key with the alias, but for what is said."""
    values: dict[str, Any] = {
        "arn": ARN,
        "key_id": KEY_ID,
        "account_id": ARN.split(":")[4],
        "region": REGION,
        "key_spec": "SYMMETRIC_DEFAULT",
        "key_usage": "ENCRYPT_DECRYPT",
        "key_state": "Enabled",
        "origin": "EXTERNAL",
        "now": NOW,
        "creation_date": NOW - timedelta(days=30),
        "description": "old",
        **fields,
    }
    loaded = values.pop("loaded", fields.get("key_state") != "PendingImport")
    given = {"policy": POLICY, "tags": {"a": "1", TOKEN_TAG: ALIAS}, "aliases": (ALIAS,)}
    settings = Settings(**{name: values.pop(name, one) for name, one in given.items()})
    return Key(**values, expiration=DOES_NOT_EXPIRE if loaded else None, settings=settings)


def primary(*regions: str, **fields: Any) -> Key:
    return key(multi_region_type="PRIMARY", primary_region=REGION, replica_regions=regions, **fields)


def plan(found: Key | None, owner: Key | None = None, **options: Any) -> KeyPlan:
    """The plan for a wish about the alias, which points to the key that is found, or to the owner given."""
    return make_plan(ExternalKeyRequest(**{"alias": ALIAS, **options}), Found(found, owner or found), NOW, REGION)


def replicated(*regions: str, **fields: Any) -> dict[str, Any]:
    return {"multi_region": True, "replica_regions": regions, **fields}


ROWS: list[tuple[str, Key | None, dict[str, Any], list[str], str | None]] = [
    ("nothing wished", key(), {}, [], "Enabled"),
    ("nothing wished of an empty key", key(key_state="PendingImport"), {}, [], "PendingImport"),
    ("create", None, {}, ["CreateKey", "CreateAlias"], "PendingImport"),
    ("create disabled", None, {"enabled": False}, ["CreateKey", "CreateAlias"], "PendingImport"),
    ("create by token", None, {"alias": None, "creation_token": "x"}, ["CreateKey"], "PendingImport"),
    ("enable what is", key(), {"enabled": True}, [], "Enabled"),
    ("enable", key(key_state="Disabled"), {"enabled": True}, ["EnableKey"], "Enabled"),
    ("disable", key(), {"enabled": False}, ["DisableKey"], "Disabled"),
    ("disable what is", key(key_state="Disabled"), {"enabled": False}, [], "Disabled"),
    ("enable an empty key", key(key_state="PendingImport"), {"enabled": True}, [], "PendingImport"),
    ("disable an empty key", key(key_state="PendingImport"), {"enabled": False}, [], "PendingImport"),
    ("describe", key(), {"description": "new"}, ["UpdateKeyDescription"], "Enabled"),
    ("take the description away", key(), {"description": ""}, ["UpdateKeyDescription"], "Enabled"),
    ("the same description", key(), {"description": "old"}, [], "Enabled"),
    ("the same tags", key(), {"tags": {"a": "1"}}, [], "Enabled"),
    ("other tags", key(), {"tags": {"b": "1"}}, ["UntagResource", "TagResource"], "Enabled"),
    ("no tags", key(), {"tags": {}}, ["UntagResource"], "Enabled"),
    ("more tags", key(), {"tags": {"b": "1"}, "purge_tags": False}, ["TagResource"], "Enabled"),
    ("the collection's own tags", key(), {"tags": {"a": "1", TOKEN_TAG: "other"}}, [], "Enabled"),
    ("the same policy", key(), {"policy": {**POLICY, "Statement": list(POLICY["Statement"])}}, [], "Enabled"),
    ("another policy", key(), {"policy": {**POLICY, "Id": "new"}}, ["PutKeyPolicy"], "Enabled"),
    ("cancel", key(key_state="PendingDeletion"), {}, ["CancelKeyDeletion"], "Disabled"),
    (
        "cancel and enable",
        key(key_state="PendingDeletion"),
        {"enabled": True},
        ["CancelKeyDeletion", "EnableKey"],
        "Enabled",
    ),
    (
        "cancel without material",
        key(key_state="PendingDeletion", loaded=False),
        {"enabled": True},
        ["CancelKeyDeletion"],
        "PendingImport",
    ),
    ("cancel a primary", primary(WEST, key_state="PendingReplicaDeletion"), {}, ["CancelKeyDeletion"], "Disabled"),
    ("delete", key(), {"state": "absent"}, ["ScheduleKeyDeletion"], "PendingDeletion"),
    ("delete an empty key", key(key_state="PendingImport"), {"state": "absent"}, ["ScheduleKeyDeletion"], None),
    ("delete twice", key(key_state="PendingDeletion"), {"state": "absent"}, [], "PendingDeletion"),
    ("delete nothing", None, {"state": "absent"}, [], None),
    ("delete whatever is wished besides", key(), {"state": "absent", "tags": {}}, ["ScheduleKeyDeletion"], None),
    ("delete a primary", primary(), {"state": "absent"}, ["ScheduleKeyDeletion"], "PendingDeletion"),
    (
        "delete a primary with replicas",
        primary(WEST),
        {"state": "absent"},
        ["ScheduleKeyDeletion"],
        "PendingReplicaDeletion",
    ),
    ("replicate", primary(), replicated(WEST, "eu-west-2"), ["ReplicateKey", "ReplicateKey"], "Enabled"),
    ("replicate what is", primary(WEST), replicated(WEST), [], "Enabled"),
    ("replicate the rest", primary(WEST), replicated(WEST, "eu-west-2"), ["ReplicateKey"], "Enabled"),
    ("replicate fewer", primary(WEST, "eu-west-2"), replicated(WEST), [], "Enabled"),
    ("replicate an empty key", primary(key_state="PendingImport"), replicated(WEST), [], "PendingImport"),
    ("replicate, then disable", primary(), replicated(WEST, enabled=False), ["ReplicateKey", "DisableKey"], "Disabled"),
    (
        "enable, then replicate",
        primary(key_state="Disabled"),
        replicated(WEST, enabled=True),
        ["EnableKey", "ReplicateKey"],
        "Enabled",
    ),
    (
        "cancel, enable, replicate",
        primary(key_state="PendingDeletion"),
        replicated(WEST, enabled=True),
        ["CancelKeyDeletion", "EnableKey", "ReplicateKey"],
        "Enabled",
    ),
]


@pytest.mark.parametrize(("name", "found", "options", "operations", "state"), ROWS, ids=[row[0] for row in ROWS])
def test_calls(name: str, found: Key | None, options: dict[str, Any], operations: list[str], state: str) -> None:
    made = plan(found, **options)

    assert made.refusal is None
    assert list(made.operations) == operations
    if state:
        assert made.after is not None and made.after.key_state == state


@pytest.mark.parametrize(("name", "found", "options", "operations", "state"), ROWS, ids=[row[0] for row in ROWS])
def test_after_a_plan_there_is_nothing_left_to_do(
    name: str, found: Key | None, options: dict[str, Any], operations: list[str], state: str
) -> None:
    after = plan(found, **options).after
    if after is not None:
        assert plan(replace(after, arn=ARN, key_id=KEY_ID), **options).operations == ()


REFUSED: list[tuple[Key | None, dict[str, Any], str]] = [
    (key(origin="AWS_KMS"), {}, "origin AWS_KMS"),
    (key(origin="AWS_KMS"), {"state": "absent"}, "origin AWS_KMS"),
    (key(key_state="Creating"), {}, "is Creating"),
    (key(key_state="Updating"), {"state": "absent"}, "is Updating"),
    (key(), {"key_spec": "RSA_2048"}, "key_spec SYMMETRIC_DEFAULT, not RSA_2048"),
    (key(), {"key_usage": "SIGN_VERIFY"}, "key_usage ENCRYPT_DECRYPT, not SIGN_VERIFY"),
    (key(), {"multi_region": True}, "multi_region false, not true"),
    (primary(), {"multi_region": False}, "multi_region true, not false"),
    (primary(key_state="Disabled"), replicated(WEST), "is Disabled"),
    (primary(key_state="Disabled"), replicated(WEST, enabled=False), "is Disabled"),
    (primary(key_state="PendingDeletion"), replicated(WEST), "will be Disabled"),
    (key(multi_region_type="REPLICA", primary_region="us-east-1"), replicated(WEST), "the primary, in us-east-1"),
    (None, {"key_spec": "RSA_4096"}, "ENCRYPT_DECRYPT or SIGN_VERIFY"),
    (None, {"key_spec": "ECC_NIST_P384"}, "SIGN_VERIFY or KEY_AGREEMENT"),
]


@pytest.mark.parametrize(("found", "options", "said"), REFUSED, ids=[row[2] for row in REFUSED])
def test_refusals(found: Key | None, options: dict[str, Any], said: str) -> None:
    made = plan(found, **options)

    assert made.refusal and said in made.refusal and ALIAS in made.refusal
    assert made.operations == ()


@pytest.mark.parametrize("spec", USAGES)
def test_a_usage_is_assumed_only_where_there_is_no_other(spec: str) -> None:
    made = plan(None, key_spec=spec)

    assert (made.refusal is None) is (len(USAGES[spec]) == 1)
    for usage in USAGES[spec]:
        (create, _alias) = plan(None, key_spec=spec, key_usage=usage).steps
        assert (create.parameters["KeySpec"], create.parameters["KeyUsage"]) == (spec, usage)


def test_what_a_new_key_is_given() -> None:
    made = plan(None, tags={"b": "2", TOKEN_TAG: "old"}, policy=POLICY, description="x", multi_region=True)

    create, name = made.steps
    assert create.parameters == {
        "Origin": "EXTERNAL",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": True,
        "Policy": POLICY,
        "Description": "x",
        "Tags": {"b": "2", TOKEN_TAG: ALIAS},
    }
    assert name.parameters == {"AliasName": ALIAS}
    assert "Bypass" not in str(create.parameters)
    bypass = plan(None, policy=POLICY, bypass_policy_lockout_safety_check=True).steps[0].parameters
    assert bypass["BypassPolicyLockoutSafetyCheck"] is True


def test_what_a_new_replica_is_given() -> None:
    bare = plan(primary(), **replicated(WEST)).steps[0].parameters
    full = plan(primary(), **replicated(WEST, tags={"a": "1", "byok:x": "y"}, policy=POLICY, description="old"))

    assert bare == {"ReplicaRegion": WEST}
    assert full.steps[0].parameters == {
        "ReplicaRegion": WEST,
        "Policy": POLICY,
        "Description": "old",
        "Tags": {"a": "1"},
    }


@pytest.mark.parametrize(
    ("owner", "move", "operations", "said"),
    [
        (None, False, ["CreateAlias"], ""),
        (key(arn=OTHER_ARN), False, [], "move_alias: true"),
        (key(arn=OTHER_ARN), True, ["UpdateAlias"], ""),
        (key(arn=OTHER_ARN, key_state="PendingDeletion"), True, ["UpdateAlias"], ""),
        (key(arn=OTHER_ARN, origin="AWS_KMS"), True, ["UpdateAlias"], ""),
        (key(arn=OTHER_ARN, key_spec="HMAC_256"), True, [], "from the HMAC key"),
        (key(arn=OTHER_ARN, key_spec="RSA_2048"), True, [], "from the asymmetric key"),
    ],
)
def test_aliases(owner: Key | None, move: bool, operations: list[str], said: str) -> None:
    request = ExternalKeyRequest(key_id=KEY_ID, alias="alias/b", move_alias=move)
    made = make_plan(request, Found(key(), owner), NOW, REGION)

    assert list(made.operations) == operations
    assert said in (made.refusal or "") and (made.refusal is None) is (not said)
    assert made.moved_from == (OTHER_ARN if operations == ["UpdateAlias"] else None)
    if operations:
        assert made.after is not None and made.after.settings.aliases == ("alias/b", ALIAS)


@pytest.mark.parametrize(
    ("found", "options", "said"),
    [
        (None, {"enabled": False}, ["enables it when material"]),
        (key(key_state="PendingImport"), {"enabled": False}, ["enables it when material"]),
        (key(key_state="PendingImport"), {"enabled": True}, []),
        (None, replicated(WEST), [WEST]),
        (None, replicated(WEST, enabled=False), ["enables it", WEST]),
        (key(), {"enabled": False}, []),
        (primary(WEST), {"state": "absent"}, [WEST]),
        (primary(), {"state": "absent"}, []),
    ],
)
def test_warnings(found: Key | None, options: dict[str, Any], said: list[str]) -> None:
    warnings = plan(found, **options).warnings

    assert len(warnings) == len(said)
    assert all(text in warning for text, warning in zip(said, warnings))


@pytest.mark.parametrize(("window", "days"), [(None, 30), (7, 7), (30, 30)])
def test_the_date_of_a_deletion(window: int | None, days: int) -> None:
    made = plan(key(), state="absent", pending_window=window)

    assert made.after is not None and made.after.deletion_date == NOW + timedelta(days=days)
    assert made.steps[0].parameters == ({} if window is None else {"PendingWindowInDays": window})
    waiting = plan(primary(WEST), state="absent").after
    assert waiting is not None and waiting.deletion_date is None
