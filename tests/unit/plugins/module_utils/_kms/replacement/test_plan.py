# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for a replacement, as tables: what the keys are, what is wished, what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NO_EVIDENCE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Plan
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Request
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Step
from ansible_collections.byok.aws.plugins.module_utils._kms.material.options import KeyInput
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.options import ReplacementInput
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import REPLACED_BY
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import Pair
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import Party
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import blank
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import disposed
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import first_refusal
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import make_replacement_plan
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import new_key_refusal
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import new_key_request
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import refusal_for
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import replaced_id
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.plan import token

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
BEFORE, AFTER = NOW - timedelta(days=9), NOW + timedelta(seconds=1)
A, B, C = "alias/a", "alias/b", "alias/c"
IMPORT = Plan(steps=(Step("ImportKeyMaterial", "import"),))
NOTHING = Plan(evidence=Evidence("match", "mac"))


def key(name: str = "old", **other: Any) -> Key:
    known: dict[str, Any] = {
        "arn": f"arn:aws:kms:eu-central-1:111122223333:key/{name}",
        "key_id": name,
        "account_id": "111122223333",
        "region": "eu-central-1",
        "key_spec": "HMAC_256",
        "key_usage": "GENERATE_VERIFY_MAC",
        "key_state": "Enabled",
        "origin": "EXTERNAL",
        "now": NOW,
        "creation_date": NOW if name == "new" else BEFORE,
    }
    return Key(**{**known, **other})


def old(*aliases: str, tags: dict[str, str] | None = None, created: datetime = BEFORE, **other: Any) -> Party:
    return Party(key(**other), tags or {}, dict.fromkeys(aliases, created))


def new(*aliases: str, created: datetime = BEFORE, **other: Any) -> Party:
    return Party(key("new", **other), {"byok:creation-token": "replaces:old"}, dict.fromkeys(aliases, created))


LINKED = {REPLACED_BY: key("new").arn}


def key_input(**other: Any) -> ReplacementInput:
    return ReplacementInput(KeyInput(Request("alias/a", offered="plaintext")), **other)


@pytest.mark.parametrize(
    ("wished", "pair", "imports", "operations"),
    [
        ({}, Pair(old(A)), IMPORT, ["CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias"]),
        (
            {"old_key": "delete"},
            Pair(old(A, B)),
            IMPORT,
            ["CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias", "UpdateAlias", "ScheduleKeyDeletion"],
        ),
        # Crashed right after CreateKey, after the tag, after the import, after some aliases, after all.
        ({}, Pair(old(A), new()), IMPORT, ["TagResource", "ImportKeyMaterial", "UpdateAlias"]),
        ({}, Pair(old(A, tags=LINKED), new()), IMPORT, ["ImportKeyMaterial", "UpdateAlias"]),
        ({}, Pair(old(A, B, tags=LINKED), new()), NOTHING, ["UpdateAlias", "UpdateAlias"]),
        ({}, Pair(old(B, tags=LINKED), new(A)), NOTHING, ["UpdateAlias"]),
        ({"old_key": "disable"}, Pair(old(tags=LINKED), new(A)), NOTHING, ["DisableKey"]),
        ({"old_key": "delete"}, Pair(old(tags=LINKED), new(A)), NOTHING, ["ScheduleKeyDeletion"]),
        # Done.
        ({}, Pair(old(tags=LINKED), new(A)), NOTHING, []),
        ({"old_key": "disable"}, Pair(old(tags=LINKED, key_state="Disabled"), new(A)), NOTHING, []),
        ({"old_key": "delete"}, Pair(old(tags=LINKED, key_state="PendingDeletion"), new(A)), NOTHING, []),
        ({"old_key": "disable"}, Pair(old(tags=LINKED, key_state="PendingDeletion"), new(A)), NOTHING, []),
        ({"old_key": "delete"}, Pair(None, new(A)), NOTHING, []),
        # KMS disables no key that is PendingImport.
        ({"old_key": "disable"}, Pair(old(tags=LINKED, key_state="PendingImport"), new(A)), NOTHING, []),
        # A key that was given up, and another in its place.
        (
            {},
            Pair(old(A, tags={REPLACED_BY: "arn:other"}), new()),
            IMPORT,
            ["TagResource", "ImportKeyMaterial", "UpdateAlias"],
        ),
        # What is said of an alias.
        ({"aliases": (B,)}, Pair(old(A, B, tags=LINKED), new()), NOTHING, ["UpdateAlias"]),
        ({"aliases": (B,)}, Pair(old(A, tags=LINKED), new(B)), NOTHING, []),
        ({}, Pair(old(C, tags=LINKED, created=AFTER), new(A)), NOTHING, []),
        ({"aliases": (C,)}, Pair(old(C, tags=LINKED, created=AFTER), new(A)), NOTHING, ["UpdateAlias"]),
        # An expiry that is due.
        ({}, Pair(old(tags=LINKED), new(A)), IMPORT, ["ImportKeyMaterial"]),
    ],
)
def test_what_is_left_to_do(wished: dict[str, Any], pair: Pair, imports: Plan, operations: list[str]) -> None:
    assert list(make_replacement_plan(key_input(**wished), pair, imports).operations) == operations


@pytest.mark.parametrize(
    ("wished", "pair", "known", "said"),
    [
        ({}, Pair(old(A)), NO_EVIDENCE, None),
        ({}, Pair(old(A)), Evidence("mismatch", "mac"), None),
        ({}, Pair(old(A)), Evidence("match", "mac"), "is the one that the key alias/a has already"),
        ({}, Pair(old()), NO_EVIDENCE, "has no alias"),
        ({}, Pair(old(), new()), NO_EVIDENCE, "has no alias"),
        ({}, Pair(old(), new(A)), NO_EVIDENCE, None),
        ({}, Pair(None, new(A)), NO_EVIDENCE, None),
        ({"aliases": (A, B)}, Pair(old(A)), NO_EVIDENCE, "alias/b does not lead to the key"),
        ({"aliases": (A, B)}, Pair(old(A), new(B)), NO_EVIDENCE, None),
        ({"aliases": (A,), "old_key": "disable"}, Pair(old(A, B)), NO_EVIDENCE, "alias/b would go on leading"),
        ({"aliases": (A,), "old_key": "leave"}, Pair(old(A, B)), NO_EVIDENCE, None),
        ({"old_key": "delete"}, Pair(old(C, created=AFTER), new(A)), NO_EVIDENCE, "alias/c would go on leading"),
        ({"old_key": "disable"}, Pair(old(C, created=AFTER, key_state="Disabled"), new(A)), NO_EVIDENCE, None),
        ({}, Pair(old(A, key_state="PendingDeletion")), NO_EVIDENCE, "is PendingDeletion"),
        ({}, Pair(old(A, key_state="PendingDeletion"), new()), NO_EVIDENCE, None),
        ({}, Pair(old(A, tags=dict.fromkeys(map(str, range(50)), ""))), NO_EVIDENCE, "has 50 tags"),
        ({}, Pair(old(A, tags={**dict.fromkeys(map(str, range(49)), ""), **LINKED}), new()), NO_EVIDENCE, None),
    ],
)
def test_refusals(wished: dict[str, Any], pair: Pair, known: Evidence, said: str | None) -> None:
    told = refusal_for(key_input(**wished), pair, known)

    assert told is None if said is None else said in str(told)


OLD, NEW = key().arn, key("new").arn


@pytest.mark.parametrize(
    ("name", "given", "pair", "said"),
    [
        (A, None, Pair(old(B)), None),
        (A, OLD, Pair(old(A, B)), None),
        (A, OLD, Pair(old(B), new(A)), None),
        (A, NEW, Pair(None, new(A)), None),
        (OLD, OLD, Pair(old(B)), None),
        (A, OLD, Pair(old(B)), f"alias/a does not lead to {OLD}, which it stood for"),
        (f"arn:aws:kms:eu-central-1:111122223333:{A}", OLD, Pair(old(B)), f"alias/a does not lead to {OLD}"),
        (A, OLD, Pair(old(B), new(C)), f"alias/a does not lead to {OLD} nor to {NEW}"),
        (A, NEW, Pair(None, new(C)), f"alias/a does not lead to {NEW}"),
        (A, OLD, Pair(old(B, key_state="PendingDeletion")), f"alias/a does not lead to {OLD}"),
    ],
)
def test_a_name_that_was_resolved_before_still_stands_for_the_key(
    name: str, given: str | None, pair: Pair, said: str | None
) -> None:
    named = ReplacementInput(KeyInput(Request(name, offered="plaintext", identifier=given)))

    told = refusal_for(named, pair, NO_EVIDENCE)

    assert told is None if said is None else said in str(told)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, None),
        ({"key_state": "PendingImport"}, None),
        ({"key_state": "PendingDeletion"}, None),
        ({"key_state": "Updating"}, "is Updating"),
        ({"origin": "AWS_KMS"}, "has the origin AWS_KMS"),
        ({"multi_region_type": "PRIMARY"}, "is a multi-Region key"),
    ],
)
def test_what_is_refused_before_more_is_read(other: dict[str, Any], said: str | None) -> None:
    told = first_refusal(key_input(), key(**other))

    assert told is None if said is None else said in str(told)


@pytest.mark.parametrize(
    ("pair", "plan", "state", "said"),
    [
        (Pair(old(A), new()), IMPORT, "Enabled", None),
        (Pair(old(A), new()), Plan(refusal="other material"), "Enabled", "has other material than the one given"),
        (Pair(old(B), new(A)), NOTHING, "Disabled", "is Disabled, and no alias is moved"),
        (Pair(old(), new(A)), NOTHING, "Disabled", None),
    ],
)
def test_what_hinders_a_new_key(pair: Pair, plan: Plan, state: str, said: str | None) -> None:
    told = new_key_refusal(key_input(), pair, plan, replace(key("new"), key_state=state))

    assert told is None if said is None else said in str(told)


@pytest.mark.parametrize(
    ("pair", "returning"),
    [
        (Pair(old(A, B, tags=LINKED), new()), ()),
        (Pair(old(B, tags=LINKED), new(A)), (A,)),
        # Given to the new key by hand, and never the old one's.
        (Pair(old(B, tags=LINKED), new(A, created=AFTER)), ()),
        # Nothing moves, nothing goes back.
        (Pair(old(tags=LINKED), new(A)), ()),
    ],
)
def test_what_goes_back_beside_the_aliases_that_move(pair: Pair, returning: tuple[str, ...]) -> None:
    assert make_replacement_plan(key_input(), pair, NOTHING).returning == returning


def test_the_new_key_is_like_the_old_one() -> None:
    tags = {"owner": "x", "aws:cloudformation:stack-id": "y", "byok:creation-token": "alias/a", "AWS:other": "z"}

    model = replace(key(), description="as it was").with_settings(policy={"Version": "2012-10-17"})

    wanted = new_key_request(key_input(), old(A, tags=tags), model)

    assert (wanted.creation_token, wanted.tags) == ("replaces:old", {"owner": "x"})
    assert (wanted.key_spec, wanted.key_usage) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert (wanted.description, wanted.policy) == ("as it was", {"Version": "2012-10-17"})


def test_a_blank_key_has_what_the_old_one_is() -> None:
    made = blank(key(key_state="Disabled"))

    assert (made.key_spec, made.key_state, made.region, made.arn) == ("HMAC_256", "PendingImport", "eu-central-1", "")


def test_the_token() -> None:
    assert replaced_id(token("old")) == "old"
    assert replaced_id("alias/a") is None and replaced_id(None) is None


@pytest.mark.parametrize(
    ("old_key", "state"), [("leave", "Enabled"), ("disable", "Disabled"), ("delete", "PendingDeletion")]
)
def test_the_old_key_afterwards(old_key: str, state: str) -> None:
    plan = make_replacement_plan(key_input(old_key=old_key), Pair(old(A)), IMPORT)

    assert disposed(key(), plan.disposal).key_state == state
    assert any(word in " ".join(plan.warnings) for word in ("left as it is", "deleted in 30 days")) is (
        old_key != "disable"
    )
