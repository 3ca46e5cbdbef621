# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The expiry of material about whose expiry nothing is said: kept where it is known, never lost in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key import descriptions
from ansible_collections.byok.aws.plugins.module_utils._kms.key import lifetimes
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DISABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import EXPIRES
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NEVER
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NOT_IMPORTED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_IMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_MULTI_REGION
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Expiration
from ansible_collections.byok.aws.plugins.module_utils._kms.material.plan import make_plan
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import HOUR
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import in_days
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import marked
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import match
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import mismatch
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import unknown

OLD_MARK = marked(MARK_A)
FOR_90 = descriptions.compose("", MARK_A, lifetime=90 * DAY)
FOR_90_FOREIGN = descriptions.compose("", None, lifetime=90 * DAY)
IN_90 = in_days(90)
UNKNOWN, UNSEEN, WOULD_LAST, OVER = (
    "its lifetime is not known (KMS",
    "its expiry is not known",
    "does not expire, but the current one does",
    "has expired, and its lifetime",
)


def current(description=OLD_MARK, expiration=DOES_NOT_EXPIRE, **fields):
    return material(A, description=description, expiration=expiration, **fields)


def imports(plan):
    return [step for step in plan.steps if step.operation == "ImportKeyMaterial"]


# What the current material is like -> the expiry of the new one, or why it is refused.
NEW_BYTES = [
    ("lasting", current(), DOES_NOT_EXPIRE),
    ("lasting, foreign", current(None), DOES_NOT_EXPIRE),
    ("lasting, though it was not always", current(FOR_90), DOES_NOT_EXPIRE),
    ("expiring, known", current(FOR_90, in_days(60)), IN_90),
    ("expiring, known, wrapped", current(FOR_90_FOREIGN, in_days(60)), IN_90),
    ("expiring tomorrow, known", current(FOR_90, in_days(1)), IN_90),
    ("expiring, mark of before", current(OLD_MARK, in_days(60)), UNKNOWN),
    ("expiring, foreign", current(None, in_days(60)), UNKNOWN),
    ("expiring, text alone", current("vault 7", in_days(60)), UNKNOWN),
    # Another tool has imported it again, for longer than the mark says.
    ("expiring later than known", current(FOR_90, in_days(91)), UNKNOWN),
    ("expiring as the clocks differ", current(FOR_90, Expiration(EXPIRES, NOW + 90 * DAY + HOUR / 60)), IN_90),
    ("the longest", current(descriptions.compose("", MARK_A, lifetime=365 * DAY), in_days(60)), "the longest"),
]


@pytest.mark.parametrize("evidence", [mismatch(fingerprint=MARK_C), unknown(MARK_C)])
@pytest.mark.parametrize("offered", ["plaintext", "wrapped"])
@pytest.mark.parametrize(("name", "entry", "expected"), NEW_BYTES, ids=[row[0] for row in NEW_BYTES])
def test_new_bytes(name, entry, expected, evidence, offered):
    evidence = replace(evidence, fingerprint=MARK_C if offered == "plaintext" else None)
    plan = make_plan(request(state="current", offered=offered), key(entry), evidence)
    if isinstance(expected, str) and expected != "the longest":
        assert expected in str(plan.refusal)
        for option in ("valid_for", "valid_to", f"expiration_model to {NEVER}"):
            assert option in str(plan.refusal)
        assert plan.steps == ()
        return
    sent = imports(plan)[0]
    if expected == "the longest":
        assert timedelta(0) < NOW + 365 * DAY - sent.expiration.valid_to < HOUR
    else:
        assert sent.expiration == expected
    # The next rotation has to know it, too.
    assert (descriptions.lifetime(sent.description) is not None) is (sent.expiration != DOES_NOT_EXPIRE)
    assert plan.after.material(plan.after.current_key_material_id).expiration == sent.expiration


OPTIONS = [
    ({"valid_for": 30 * DAY}, in_days(30), 30 * DAY),
    ({"valid_to": NOW + 9 * DAY}, in_days(9), None),
    ({"expiration_model": NEVER}, DOES_NOT_EXPIRE, None),
]


@pytest.mark.parametrize(("options", "sent", "kept"), OPTIONS)
@pytest.mark.parametrize("entry", [row[1] for row in NEW_BYTES])
def test_what_is_said_holds_whatever_the_current_material_has(entry, options, sent, kept):
    plan = make_plan(request(state="current", **options), key(entry), mismatch(fingerprint=MARK_C))
    assert imports(plan)[0].expiration == sent
    # An instant is no lifetime.
    assert descriptions.lifetime(imports(plan)[0].description) == kept


@pytest.mark.parametrize("force", [False, True])
def test_force_does_not_take_an_expiry_away(force):
    for found in (key(current(expiration=in_days(60))), key(current(expiration=in_days(60)), staged(C))):
        plan = make_plan(request(state="current", force=force), found, mismatch())
        assert UNKNOWN in str(plan.refusal)


def test_what_kms_refuses_anyway_is_said_first():
    found = key(current(expiration=in_days(60)), key_state=DISABLED)
    assert "is Disabled" in str(make_plan(request(state="current"), found, mismatch()).refusal)
    assert "is Disabled" in str(make_plan(request(state="current", force=True), found, mismatch()).refusal)


# -- staged material ---------------------------------------------------------------------------------------------------

STAGED_FOR_30 = descriptions.compose("", MARK_C, lifetime=30 * DAY)
OVER_YESTERDAY = Expiration(EXPIRES, NOW - DAY)

STAGED = [
    # current, staged -> the expiry that the staged one has afterwards, or the refusal
    ("both last", current(), staged(C, description=marked(MARK_C)), DOES_NOT_EXPIRE),
    (
        "both expire",
        current(FOR_90, in_days(60)),
        staged(C, description=STAGED_FOR_30, expiration=in_days(20)),
        in_days(20),
    ),
    (
        "only the staged one expires",
        current(),
        staged(C, description=marked(MARK_C), expiration=in_days(20)),
        in_days(20),
    ),
    ("only the current one expires", current(FOR_90, in_days(60)), staged(C, description=marked(MARK_C)), WOULD_LAST),
    ("over, known", current(), staged(C, description=STAGED_FOR_30, expiration=OVER_YESTERDAY), in_days(30)),
    ("over", current(), staged(C, description=marked(MARK_C), expiration=OVER_YESTERDAY), OVER),
    (
        "over, and the current one expires",
        current(FOR_90, in_days(60)),
        staged(C, description=marked(MARK_C), expiration=OVER_YESTERDAY),
        OVER,
    ),
]


@pytest.mark.parametrize("rotating", [False, True])
@pytest.mark.parametrize(("name", "entry", "waiting", "expected"), STAGED, ids=[row[0] for row in STAGED])
def test_staged_by_an_earlier_run(name, entry, waiting, expected, rotating):
    found = key(entry, waiting, rotation_started=NOW if rotating else None)
    plan = make_plan(request(state="current"), found, match(C, fingerprint=MARK_C))
    if isinstance(expected, str):
        assert expected in str(plan.refusal) and (plan.steps, plan.waits_for) == ((), None)
    else:
        assert plan.after.material(C).expiration == expected
        assert plan.after.current_key_material_id == C


@pytest.mark.parametrize(("name", "entry", "waiting", "expected"), STAGED, ids=[row[0] for row in STAGED])
def test_staged_by_another_tool_and_named(name, entry, waiting, expected):
    waiting = replace(waiting, description=None)
    plan = make_plan(request(state="current", key_material_id=C), key(entry, waiting), unknown(MARK_C))
    if isinstance(expected, str):
        assert expected in str(plan.refusal)
    elif name == "over, known":
        assert OVER in str(plan.refusal)
    else:
        assert imports(plan)[0].expiration == expected


# -- replicas: the expiry is that of each Region -----------------------------------------------------------------------


def replica(entry, description, **fields):
    """A replica that shows new material of its primary key, without the bytes."""
    new = material("", key_material_state=PENDING_MULTI_REGION, import_state=NOT_IMPORTED, expiration=None)
    return key(entry, replace(new, description=description), multi_region_type="REPLICA", **fields)


REPLICA = [
    # here, in the mark of the primary key's new material -> what the new one gets here
    ("lasts everywhere", current(), marked(MARK_C), DOES_NOT_EXPIRE),
    ("lasts here alone", current(FOR_90), STAGED_FOR_30, DOES_NOT_EXPIRE),
    ("expires everywhere", current(FOR_90, in_days(60)), descriptions.compose("", MARK_C, lifetime=90 * DAY), IN_90),
    ("expires here alone", current(OLD_MARK, in_days(60)), marked(MARK_C), UNKNOWN),
    ("was never here", gone(current(FOR_90)), STAGED_FOR_30, in_days(30)),
    ("was never here, and lasts", gone(current()), marked(MARK_C), DOES_NOT_EXPIRE),
]


@pytest.mark.parametrize("for_rotation", [False, True])
@pytest.mark.parametrize(("name", "entry", "mark", "expected"), REPLICA, ids=[row[0] for row in REPLICA])
def test_new_material_in_a_replica(name, entry, mark, expected, for_rotation):
    state = {} if entry.import_state != NOT_IMPORTED else {"key_state": PENDING_IMPORT}
    found = replica(entry, mark, **state)
    plan = make_plan(request(for_rotation=for_rotation), found, match("", fingerprint=MARK_C))
    if isinstance(expected, str):
        assert expected in str(plan.refusal)
    else:
        assert imports(plan)[0].expiration == expected


@pytest.mark.parametrize("for_rotation", [False, True])
def test_lasting_material_that_is_staged_in_a_replica_whose_current_one_expires(for_rotation):
    """It is there already, and that is no matter until the rotation."""
    found = key(current(FOR_90, in_days(60)), staged(C, description=marked(MARK_C)), multi_region_type="REPLICA")
    plan = make_plan(request(for_rotation=for_rotation), found, match(C, fingerprint=MARK_C))
    assert (WOULD_LAST in str(plan.refusal)) is for_rotation


def test_another_tools_material_in_a_replica():
    found = replica(current(OLD_MARK, in_days(60)), None)
    found = replace(found, materials=(found.materials[0], replace(found.materials[1], key_material_id=C)))
    plan = make_plan(request(key_material_id=C, for_rotation=True), found, unknown(MARK_C))
    assert UNKNOWN in str(plan.refusal)


# -- material that was lost --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["present", "reimported", "current"])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (gone(current(FOR_90)), IN_90),
        (current(FOR_90, OVER_YESTERDAY), IN_90),
        (gone(current(OLD_MARK)), DOES_NOT_EXPIRE),
    ],
    ids=["deleted", "expired", "not known"],
)
def test_lost_material_gets_its_lifetime_back(state, entry, expected):
    """A restoration is never refused for want of an expiry."""
    plan = make_plan(request(state=state), key(entry, key_state=PENDING_IMPORT), match())
    assert [step.purpose for step in plan.steps] == ["restore"]
    assert plan.steps[0].expiration == expected


@pytest.mark.parametrize("description", [OLD_MARK, FOR_90, None])
def test_a_renewal_records_the_lifetime(description):
    plan = make_plan(
        request(valid_for=30 * DAY), key(current(description, in_days(1))), match() if description else unknown()
    )
    assert descriptions.lifetime(imports(plan)[0].description) == 30 * DAY


@pytest.mark.parametrize("options", [{"valid_to": NOW + 9 * DAY}, {"expiration_model": NEVER}])
def test_what_is_no_lifetime_takes_the_recorded_one_away(options):
    plan = make_plan(request(**options), key(current(FOR_90, in_days(60))), match())
    assert imports(plan)[0].description == OLD_MARK


def test_a_mark_of_before_causes_no_import():
    wanted = request(valid_for=90 * DAY, renew_before=30 * DAY)
    assert make_plan(wanted, key(current(OLD_MARK, in_days(60))), match()).steps == ()


def test_another_text_keeps_the_lifetime():
    plan = make_plan(request(description="vault 8"), key(current(FOR_90, in_days(60))), match())
    assert imports(plan)[0].description == f"vault 8 {FOR_90}"


# -- a new key in the place of another ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "valid_for", "refusal"),
    [
        (hmac_key(), None, None),
        (hmac_key(expiration=in_days(60)), None, UNKNOWN),
        (hmac_key(key_state=PENDING_IMPORT), None, UNSEEN),
        (key(current(FOR_90, in_days(60))), 90 * DAY, None),
        (key(current(OLD_MARK, in_days(60))), None, UNKNOWN),
        # What counts is the current one, not the first to expire.
        (
            key(
                material(C, key_material_state="NON_CURRENT", description=marked(MARK_B), expiration=in_days(9)),
                current(),
            ),
            None,
            None,
        ),
    ],
)
def test_the_successor_of_a_whole_key(found, valid_for, refusal):
    settled, problem = lifetimes.for_new(request(), found)
    assert settled.valid_for == valid_for
    assert (refusal in problem) if refusal else problem is None


# -- what this task does not renew -------------------------------------------------------------------------------------


def rotated(left, description=OLD_MARK):
    """B is current; A, older, has this many days left, or lasts."""
    first = old(A, description=description, expiration=DOES_NOT_EXPIRE if left is None else in_days(left))
    return key(first, material(B, description=marked(MARK_B), expiration=in_days(80)))


def told(wanted, found, evidence):
    plan = make_plan(wanted, found, evidence)
    assert plan.refusal is None
    return [warning for warning in plan.warnings if "needs its material" in warning]


AGAIN = match(B, fingerprint=MARK_B)
ON = {"state": "current", "valid_for": 90 * DAY}


@pytest.mark.parametrize(
    ("options", "left", "description", "due"),
    [
        ({}, 29, OLD_MARK, True),
        ({}, 31, OLD_MARK, False),
        ({}, None, OLD_MARK, False),
        # A third of its own lifetime, where that is known.
        ({}, 29, FOR_90, True),
        ({}, 12, descriptions.compose("", MARK_A, lifetime=30 * DAY), False),
        ({}, 9, descriptions.compose("", MARK_A, lifetime=30 * DAY), True),
        # As early as the material given is renewed.
        ({"valid_for": 90 * DAY}, 29, OLD_MARK, True),
        ({"valid_for": 90 * DAY}, 31, OLD_MARK, False),
        ({"valid_for": 90 * DAY, "renew_before": 60 * DAY}, 59, OLD_MARK, True),
        ({"valid_for": 90 * DAY, "renew_before": DAY}, 2, OLD_MARK, False),
        ({"state": "current"}, 29, OLD_MARK, True),
        ({"state": "current"}, 31, OLD_MARK, False),
        ({"state": "reimported"}, 29, OLD_MARK, True),
    ],
)
def test_older_material_that_is_due_is_told(options, left, description, due):
    warnings = told(request(**options), rotated(left, description), AGAIN)
    assert [A in one and (NOW + left * DAY).isoformat() in one for one in warnings] == ([True] if due else [])


def test_material_is_told_of_once_and_not_when_it_is_the_one_given():
    assert told(request(valid_for=90 * DAY), rotated(1), match(A)) == []
    assert told(request(), key(old(A, expiration=in_days(1)), material(B)), unknown(MARK_C)) == []
    assert told(request(state="absent", offered=None), rotated(1), unknown()) == []
    assert told(request(), hmac_key(expiration=in_days(1)), match(None)) == []


@pytest.mark.parametrize("left", [1, 300])
def test_a_rotation_tells_what_it_leaves_behind(left):
    warnings = told(request(**ON), rotated(left), mismatch(fingerprint=MARK_C))
    assert [A in one or B in one for one in warnings] == [True, True]


def test_a_rotation_that_is_waited_for_tells_it_too():
    found = key(current(FOR_90, in_days(60)), staged(C, description=STAGED_FOR_30, expiration=in_days(30)))
    warnings = told(request(state="current"), replace(found, rotation_started=NOW), match(C, fingerprint=MARK_C))
    assert [A in one for one in warnings] == [True]


def test_a_rotation_away_from_lasting_material_tells_nothing():
    assert told(request(**ON), key(current()), mismatch(fingerprint=MARK_C)) == []


def test_a_replica_tells_what_it_is_left_with():
    found = replica(current(FOR_90, in_days(60)), FOR_90)
    assert len(told(request(for_rotation=True), found, match("", fingerprint=MARK_C))) == 1
    assert told(request(), found, match("", fingerprint=MARK_C)) == []
