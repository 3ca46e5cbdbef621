# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_external_key: bad input costs no call, and what KMS refuses is told in a sentence that says what to do."""

from __future__ import annotations

from typing import Any

import pytest
from external_lab import ALIAS
from external_lab import ExternalLab
from external_lab import policy

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
WEST = "eu-west-1"

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "one of key_id, alias and creation_token"),
    ({"key_id": KEY, "creation_token": "x"}, "exclude each other"),
    ({"key_id": "payments"}, "write alias/payments"),
    ({"key_id": f"arn:aws:kms:{WEST}:123456789012:key/{KEY}"}, f"names the Region {WEST}"),
    ({"alias": "alias/bad name"}, "only letters, digits"),
    ({"alias": "bad name"}, "only letters, digits"),
    ({"alias": "aws/s3"}, "belong to AWS"),
    ({"alias": "alias/aws/s3"}, "belong to AWS"),
    ({"alias": KEY}, "give it as key_id"),
    ({"alias": f"arn:aws:kms:us-east-1:123456789012:key/{KEY}"}, "give it as key_id"),
    ({"alias": f"arn:aws:kms:{WEST}:123456789012:{ALIAS}"}, f"names the Region {WEST}"),
    ({"alias": "alias/" + "x" * 251}, "257 characters"),
    ({"creation_token": ""}, "one of key_id, alias and creation_token"),
    ({"creation_token": "x" * 257}, "1 to 256 characters"),
    ({"alias": ALIAS, "move_alias": True}, "move_alias needs alias"),
    ({"key_id": KEY, "move_alias": True}, "move_alias needs alias"),
    ({"alias": ALIAS, "key_spec": "ML_DSA_44"}, "no imported material"),
    ({"alias": ALIAS, "key_spec": "ML_KEM_768"}, "no imported material"),
    ({"alias": ALIAS, "key_spec": "AES_256"}, "there are SYMMETRIC_DEFAULT"),
    ({"alias": ALIAS, "key_spec": "SM2"}, "China Regions"),
    ({"alias": ALIAS, "key_spec": "HMAC_256", "key_usage": "SIGN_VERIFY"}, "for GENERATE_VERIFY_MAC"),
    ({"alias": ALIAS, "key_spec": "SYMMETRIC_DEFAULT", "key_usage": "SIGN_VERIFY"}, "for ENCRYPT_DECRYPT"),
    ({"alias": ALIAS, "key_spec": "RSA_2048", "key_usage": "KEY_AGREEMENT"}, "for ENCRYPT_DECRYPT or SIGN_VERIFY"),
    ({"alias": ALIAS, "key_spec": "ECC_SECG_P256K1", "key_usage": "KEY_AGREEMENT"}, "for SIGN_VERIFY"),
    ({"alias": ALIAS, "pending_window": 6}, "between 7 and 30 days"),
    ({"alias": ALIAS, "deletion_delay": 31}, "between 7 and 30 days"),
    ({"alias": ALIAS, "replica_regions": [WEST]}, "needs multi_region: true"),
    ({"alias": ALIAS, "replica_regions": [WEST], "multi_region": False}, "needs multi_region: true"),
    ({"alias": ALIAS, "replica_regions": ["Ireland"], "multi_region": True}, "not the name of a Region"),
    ({"alias": ALIAS, "replica_regions": ["us-east-1"], "multi_region": True}, "the Region of the primary key"),
    ({"alias": ALIAS, "policy": "{"}, "policy is not JSON"),
    ({"alias": ALIAS, "policy": "[]"}, "no key policy"),
    ({"alias": ALIAS, "policy": {"Version": "2012-10-17"}}, "no key policy"),
    ({"alias": ALIAS, "policy": {"Statement": [{"Sid": "a", "Effect": "Allow", "Action": "*"}]}}, "Principal"),
    ({"alias": ALIAS, "policy": {"Statement": "all"}}, "Effect, Principal and Action"),
    ({"alias": ALIAS, "policy": {"Id": "x" * 33000, "Statement": policy()["Statement"]}}, "KMS takes 32768"),
    ({"alias": ALIAS, "description": "x" * 8193}, "KMS takes 8192"),
    ({"alias": ALIAS, "tags": {"aws:x": "1"}}, "belong to AWS"),
    ({"alias": ALIAS, "tags": {"x" * 129: "1"}}, "1 to 128 characters"),
    ({"alias": ALIAS, "tags": {"x": "1" * 257}}, "at most 256"),
    ({"alias": ALIAS, "tags": {str(number): "1" for number in range(50)}}, "KMS takes 50"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_is_refused_before_the_first_call(
    xlab: ExternalLab, options: dict[str, Any], said: str, check_mode: bool
) -> None:
    result = xlab.run(check_mode=check_mode, **options)

    assert result["failed"] and said in result["msg"], result["msg"]
    assert result["error"]["code"] == "InvalidInput" and result["changed"] is False and result["operations"] == []
    assert "\n" not in result["msg"] and "Traceback" not in result["_stdout"]
    assert xlab.calls() == []


@pytest.mark.parametrize(
    ("operation", "options", "also"),
    [
        ("DescribeKey", {}, ""),
        ("GetKeyPolicy", {"policy": policy()}, ""),
        ("ListResourceTags", {"tags": {"a": "1"}}, ""),
        ("TagResource", {"tags": {"a": "1"}}, ""),
        ("UntagResource", {"tags": {}}, ""),
        ("UpdateKeyDescription", {"description": "x"}, ""),
        ("PutKeyPolicy", {"policy": policy()}, ""),
        ("DisableKey", {"enabled": False}, ""),
        ("ScheduleKeyDeletion", {"state": "absent"}, ""),
        ("CreateAlias", {"key_id": ALIAS, "alias": "alias/b"}, "on the alias, by an IAM policy"),
        ("ListKeys", {"alias": "alias/b"}, "before a key is created"),
        ("CreateKey", {"alias": "alias/b"}, "kms:TagResource"),
        (
            "ReplicateKey",
            {"multi_region": True, "replica_regions": [WEST]},
            "in the Region of the replica kms:CreateKey",
        ),
    ],
)
def test_denied_access_names_the_permission(
    xlab: ExternalLab, operation: str, options: dict[str, Any], also: str
) -> None:
    xlab.filled(Tags=[{"TagKey": "old", "TagValue": "1"}], MultiRegion="multi_region" in options)
    xlab.emulator.faults([{"operation": operation, "every": 1, "code": "AccessDeniedException"}])

    result = xlab.run(**{"alias": ALIAS, **options})

    assert result["failed"] and f"kms:{operation}" in result["msg"] and also in result["msg"], result["msg"]
    assert "alias/" in result["msg"] and "Traceback" not in result["_stdout"]
    error = result["error"]
    assert error["code"] == "AccessDeniedException" and error["operation"] == operation
    assert error["aws_message"] and error["request_id"]


@pytest.mark.parametrize("operation", ["GetKeyPolicy", "ListResourceTags", "ListAliases"])
def test_what_nothing_is_wished_of_may_be_hidden(xlab: ExternalLab, operation: str) -> None:
    xlab.filled()
    xlab.emulator.faults([{"operation": operation, "every": 1, "code": "AccessDeniedException"}])

    result = xlab.done(alias=ALIAS, enabled=False, description="x")

    assert result["operations"] == ["DisableKey", "UpdateKeyDescription"]
    field = {"GetKeyPolicy": "policy", "ListResourceTags": "tags", "ListAliases": "aliases"}[operation]
    assert result[field] is None


def test_a_creation_works_without_the_right_to_read_it_back(xlab: ExternalLab) -> None:
    xlab.emulator.faults(
        [
            {"operation": operation, "every": 1, "code": "AccessDeniedException"}
            for operation in ("GetKeyPolicy", "ListResourceTags", "ListAliases")
        ]
    )

    result = xlab.done(alias=ALIAS, tags={"a": "1"}, policy=policy())

    assert result["operations"] == ["CreateKey", "CreateAlias"]
    assert (result["tags"]["a"], result["policy"], result["aliases"]) == ("1", policy(), [ALIAS])


def test_a_failure_on_the_way_says_what_was_done(xlab: ExternalLab) -> None:
    xlab.emulator.faults([{"operation": "CreateAlias", "every": 1, "code": "AccessDeniedException"}])

    result = xlab.run(alias=ALIAS)

    assert result["failed"] and result["changed"] is True and result["operations"] == ["CreateKey"]
    assert "done until then" in result["msg"] and result["key_id"] in result["msg"]
    xlab.emulator.faults([])
    again = xlab.done(alias=ALIAS)
    assert again["operations"] == ["CreateAlias"] and again["key_id"] == result["key_id"]


@pytest.mark.parametrize("code", ["ThrottlingException", "KMSInternalException", "DependencyTimeoutException"])
def test_a_lasting_fault_fails_with_a_sentence(xlab: ExternalLab, code: str) -> None:
    xlab.emulator.faults([{"operation": "CreateKey", "every": 1, "code": code}])

    result = xlab.run(alias=ALIAS)

    assert result["failed"] and result["error"]["code"] == code and ALIAS in result["msg"]
    assert xlab.calls().count("CreateKey") == 8 and xlab.changing_calls() == []


def test_waiting_ends_with_what_was_last_seen(xlab: ExternalLab) -> None:
    xlab.filled()
    xlab.emulator.config(lag_seconds=30)

    result = xlab.run(alias=ALIAS, state="absent", wait_timeout=1)

    assert result["failed"] and result["error"]["code"] == "WaitTimeout" and "last seen: Enabled" in result["msg"]
    assert result["operations"] == ["ScheduleKeyDeletion"]


def test_a_replica_that_stays_creating(xlab: ExternalLab) -> None:
    xlab.filled(MultiRegion=True)
    xlab.emulator.config(transient_seconds=60)

    result = xlab.run(alias=ALIAS, multi_region=True, replica_regions=[WEST], wait_timeout=1)

    assert result["failed"] and "Creating" in result["msg"] and WEST in result["msg"]
    assert result["operations"] == ["ReplicateKey"]


def test_not_waiting_makes_no_confirming_read(xlab: ExternalLab) -> None:
    before = xlab.mark()
    result = xlab.done(alias=ALIAS, wait=False)

    calls = xlab.calls(before)
    assert calls[-1] == "CreateAlias" and result["key_state"] == "PendingImport" and result["aliases"] == [ALIAS]


def test_a_bug_shows_no_traceback(xlab: ExternalLab, monkeypatch: pytest.MonkeyPatch) -> None:

    def broken(*_arguments: Any) -> None:
        raise ZeroDivisionError("inside")

    from ansible_collections.byok.aws.plugins.module_utils._kms.external_key import run as external_key_run

    monkeypatch.setattr(external_key_run, "make_plan", broken)
    result = xlab.run(alias=ALIAS)

    assert result["failed"] and "ZeroDivisionError" in result["msg"] and "Traceback" not in result["_stdout"]
