# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_external_key: check mode only reads, and predicts what a real run does, for every situation and every wish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from typing import Callable

import pytest
from external_lab import ALIAS
from external_lab import READING
from external_lab import ExternalLab
from external_lab import policy

WEST = "eu-west-1"
OLD_TAGS = [{"TagKey": "old", "TagValue": "1"}]
Make = Callable[[ExternalLab], Any]


def disabled(lab: ExternalLab) -> None:
    lab.kms.disable_key(KeyId=lab.filled(Tags=OLD_TAGS))


def doomed(lab: ExternalLab) -> None:
    lab.kms.schedule_key_deletion(KeyId=lab.filled(Tags=OLD_TAGS))


def doomed_empty(lab: ExternalLab) -> None:
    lab.kms.schedule_key_deletion(KeyId=lab.made(Tags=OLD_TAGS))


def replicated(lab: ExternalLab) -> None:
    key_id = lab.filled(Tags=OLD_TAGS, MultiRegion=True)
    lab.kms.replicate_key(KeyId=key_id, ReplicaRegion=WEST)


def doomed_replicated(lab: ExternalLab) -> None:
    replicated(lab)
    lab.kms.schedule_key_deletion(KeyId=lab.metadata(ALIAS)["KeyId"])


SITUATIONS: dict[str, Make] = {
    "nothing": lambda lab: None,
    "empty": lambda lab: lab.made(Tags=OLD_TAGS),
    "enabled": lambda lab: lab.filled(Tags=OLD_TAGS),
    "disabled": disabled,
    "in deletion": doomed,
    "empty in deletion": doomed_empty,
    "multi-Region": lambda lab: lab.filled(Tags=OLD_TAGS, MultiRegion=True),
    "replicated": replicated,
    "replicated, in deletion": doomed_replicated,
}
WISHES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "enabled": {"enabled": True},
    "disabled": {"enabled": False},
    "described": {"description": "new"},
    "tagged": {"tags": {"new": "2"}},
    "tagged more": {"tags": {"new": "2"}, "purge_tags": False},
    "its policy": {"policy": policy("new")},
    "all": {"enabled": True, "description": "new", "tags": {"new": "2"}, "policy": policy("new")},
    "replicated": {"multi_region": True, "replica_regions": [WEST, "eu-west-2"]},
    "replicated, disabled": {"multi_region": True, "replica_regions": [WEST], "enabled": False},
    "replicated, enabled": {"multi_region": True, "replica_regions": [WEST], "enabled": True},
    "absent": {"state": "absent"},
    "absent soon": {"state": "absent", "pending_window": 7},
}
FIELDS = (
    "key_state",
    "enabled",
    "description",
    "tags",
    "policy",
    "aliases",
    "multi_region_key_type",
    "replica_regions",
    "new_replica_regions",
    "skip_reason",
    "warned",
)


def expected(situation: str, wish: str) -> list[str] | None:
    """The calls, worked out by hand from the rules; None for what is refused."""
    return list(_expected(situation, WISHES[wish])) if not _refused(situation, WISHES[wish]) else None


def _refused(situation: str, wish: dict[str, Any]) -> bool:
    if wish.get("multi_region") and situation in ("empty", "enabled", "disabled", "in deletion", "empty in deletion"):
        return True
    # What would be Disabled after the cancellation cannot be replicated; of one Region there is a replica already.
    lacking = set(wish.get("replica_regions", ())) - {WEST}
    return situation == "replicated, in deletion" and bool(lacking) and not wish.get("enabled")


def _expected(situation: str, wish: dict[str, Any]) -> Iterator[str]:
    deletion = "in deletion" in situation
    if wish.get("state") == "absent":
        yield from [] if deletion or situation == "nothing" else ["ScheduleKeyDeletion"]
        return
    if situation == "nothing":
        yield from ("CreateKey", "CreateAlias")
        return
    if deletion:
        yield "CancelKeyDeletion"
    after_cancel = situation in ("in deletion", "replicated, in deletion")
    if wish.get("enabled") and (situation == "disabled" or after_cancel):
        yield "EnableKey"
    there = {WEST} if situation.startswith("replicated") else set()
    yield from ["ReplicateKey" for region in wish.get("replica_regions", ()) if region not in there]
    if wish.get("enabled") is False and situation in ("enabled", "multi-Region", "replicated"):
        yield "DisableKey"
    if "tags" in wish:
        yield from ["UntagResource"] if wish.get("purge_tags", True) else []
        yield "TagResource"
    if "description" in wish:
        yield "UpdateKeyDescription"
    if "policy" in wish:
        yield "PutKeyPolicy"


ROWS = [(situation, wish) for situation in SITUATIONS for wish in WISHES]


@pytest.mark.parametrize(("situation", "wish"), ROWS)
def test_a_real_run_does_what_check_mode_predicted(xlab: ExternalLab, situation: str, wish: str) -> None:
    SITUATIONS[situation](xlab)
    options = {"alias": ALIAS, **WISHES[wish]}
    operations = expected(situation, wish)
    before = xlab.mark()

    predicted = xlab.run(check_mode=True, **options)

    assert [call for call in xlab.calls(before) if not call.startswith(READING)] == []
    before = xlab.mark()
    result = xlab.run(**options)

    if operations is None:
        assert predicted["failed"] and result["failed"] and predicted["msg"] == result["msg"]
        assert result["error"]["code"] == "RefusedByPlan" and xlab.changing_calls(before) == []
        return
    assert not predicted.get("failed") and not result.get("failed"), result["msg"]
    assert predicted["operations"] == result["operations"] == xlab.changing_calls(before) == operations
    assert predicted["changed"] is result["changed"] is bool(operations)
    for name in FIELDS:
        # The default policy is KMS's own to make.
        if situation != "nothing" or name != "policy" or "policy" in options:
            assert predicted.get(name) == result.get(name), name
    if result["key_id"]:
        assert result["key_state"] == xlab.state(result["key_id"])
        assert sorted(result["replica_regions"]) == result["replica_regions"]
    assert xlab.done(**options)["changed"] is False


def test_nothing_that_needs_no_doing_costs_more_than_five_reads(xlab: ExternalLab) -> None:
    xlab.filled(Tags=OLD_TAGS, Policy='{"Version": "2012-10-17", "Statement": []}')
    arn = xlab.metadata(ALIAS)["Arn"]
    for options in (
        {"alias": ALIAS},
        {"key_id": arn},
        {"key_id": arn, "alias": ALIAS},
        {"alias": ALIAS, "tags": {"old": "1"}, "description": "", "enabled": True},
    ):
        before = xlab.mark()
        assert xlab.done(**options)["changed"] is False
        assert len(xlab.calls(before)) == 4
    xlab.kms.schedule_key_deletion(KeyId=arn)
    before = xlab.mark()
    assert xlab.done(alias=ALIAS, state="absent")["changed"] is False
    assert xlab.calls(before) == ["DescribeKey"]
