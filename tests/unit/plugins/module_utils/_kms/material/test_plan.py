# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as one table: what is wanted, what is, what is known of the material -> what is done.

A step is written as its purpose and the letter of the material that it names: "restore A".
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DISABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import ENABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import EXPIRES
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NEVER
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NO_EVIDENCE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import RESTORE_STATE_TAG
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import UNNAMED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import apply
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import predict
from ansible_collections.byok.aws.plugins.module_utils._kms.material.find import needs_tags
from ansible_collections.byok.aws.plugins.module_utils._kms.material.plan import make_plan
from ansible_collections.byok.aws.plugins.module_utils._kms.material.plan import still_missing
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import in_days
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import match
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import mismatch
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import unknown
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import DELETION_STATES
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OF_B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OLD_GONE
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OPERATIONS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import SAME
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import STAGED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import absent
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import own
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import proved
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import wrapped
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import written
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.rows_absent import ABSENT
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.rows_others import CURRENT_ROWS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.rows_others import HOPELESS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.rows_others import PREPARED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.rows_present import PRESENT

ROWS = ABSENT + PRESENT + PREPARED + CURRENT_ROWS + HOPELESS


def rows(*tables, where=lambda row: True):
    chosen = [row for table in tables for row in table if where(row)]
    return pytest.mark.parametrize("row", chosen, ids=lambda row: row.name)


def changes(row):
    return bool(row.do)


@rows(ROWS)
def test_steps(row):
    plan = row.plan
    assert tuple(written(step) for step in plan.steps) == row.do
    assert plan.operations == tuple(OPERATIONS[one.split()[0]] for one in row.do)
    assert plan.to_do is bool(row.do or row.waits_for)
    # A cut-off also sends deletions to be sure, which change nothing that KMS shows.
    sure = row.wanted.all_materials and row.skip and "mark" not in row.do
    assert plan.changed is (bool(row.do or row.waits_for) and not sure)
    assert plan.imports is ("ImportKeyMaterial" in plan.operations)
    assert plan.evidence == row.evidence
    assert plan.waits_for == row.waits_for


@rows(ROWS)
def test_refusal_and_skip_reason(row):
    plan = row.plan
    assert bool(plan.refusal) is bool(row.refusal)
    for piece in row.refusal:
        assert piece in plan.refusal
    assert plan.skip_reason == row.skip
    if row.refusal:
        assert (plan.steps, plan.after, plan.changed, plan.unavailable_seconds) == ((), row.found, False, 0.0)


@rows(ROWS)
def test_the_key_afterwards(row):
    plan = row.plan
    assert plan.after.key_state == row.state
    if row.waits_for:
        assert plan.after.current_key_material_id == row.waits_for
    else:
        assert plan.after == predict(row.found, plan.steps)
    assert plan.unavailable_seconds == row.seconds
    if row.state == DISABLED:
        assert plan.after.restore_state is None


@rows(ROWS)
def test_warnings(row):
    text = "\n".join(row.plan.warnings + (() if row.refusal else still_missing(row.wanted, row.plan.after)))
    assert bool(text) is bool(row.warns)
    for piece in row.warns:
        assert piece in text


@rows(ROWS, where=lambda row: any(OPERATIONS[one.split()[0]] == "ImportKeyMaterial" for one in row.do))
def test_what_an_import_says(row):
    step = next(step for step in row.plan.steps if step.operation == "ImportKeyMaterial")
    if row.sent is not None:
        assert step.expiration == row.sent
    if row.text is not SAME:
        assert step.description == row.text
    assert step.import_type == row.type
    assert tuple(written(other) for other in step.alternatives) == row.others


# -- what holds for every row ------------------------------------------------------------------------------------------


def every_step(row):
    for step in row.plan.steps:
        yield step
        yield from step.alternatives


@rows(ROWS, where=changes)
def test_every_call_is_one_that_kms_takes(row):
    found = row.found
    named = {entry.key_material_id for entry in found.materials} | {None, found.current_key_material_id}
    for step in every_step(row):
        assert step.key_material_id in named
        if step.operation == "ImportKeyMaterial":
            # Always with a model, and with an instant that lies ahead when it expires.
            assert step.expiration.model in (EXPIRES, NEVER)
            assert (step.expiration.valid_to is not None) is (step.expiration.model == EXPIRES)
            assert step.expiration.valid_to is None or NOW < step.expiration.valid_to < NOW + 365 * DAY
            # Only a rotation is a reason to give a key further material.
            assert (step.import_type == "NEW_KEY_MATERIAL") is (step.purpose == "stage")
            assert step.import_type in (None, "EXISTING_KEY_MATERIAL", "NEW_KEY_MATERIAL")
        else:
            assert (step.import_type, step.description, step.expiration) == (None, None, None)
        if not found.symmetric:
            assert (step.import_type, step.key_material_id, step.description) == (None, None, None)
        if found.replica:
            assert (step.import_type, step.description) == (None, None)
        if found.never_imported:
            assert step.import_type is None
        if step.operation == "DeleteImportedKeyMaterial" and found.symmetric:
            # A cut-off does without the list; KMS deletes the current material then.
            assert step.key_material_id is not None or (row.wanted.all_materials and not found.materials)


@rows(ROWS, where=changes)
def test_no_call_is_made_in_a_state_that_refuses_it(row):
    state = row.found
    for step in row.plan.steps:
        if step.operation == "DisableKey":
            assert state.key_state in (ENABLED, DISABLED)
        if step.operation == "RotateKeyOnDemand":
            assert state.key_state == ENABLED
            assert [one.key_material_state for one in state.materials].count("PENDING_ROTATION") == 1
        if step.operation != "DeleteImportedKeyMaterial":
            assert state.key_state not in DELETION_STATES
        state = apply(state, step)


@rows(ROWS, where=changes)
def test_a_key_is_remembered_before_it_is_enabled_and_forgotten_after_it_is_disabled(row):
    operations = [one for one in row.plan.operations if one != "DeleteImportedKeyMaterial"]
    if row.wanted.state != "absent" and row.found.key_state == DISABLED and "ImportKeyMaterial" in operations:
        remembered = row.found.restore_state == DISABLED
        assert operations[: 1 - remembered] == ["TagResource"][remembered:]
        assert operations[-2:] == ["DisableKey", "UntagResource"]
    assert RESTORE_STATE_TAG == "byok:restore-state"


def second_run(row):
    """The key as the next run finds it, and what that run knows of the same material."""
    after = row.plan.after
    named = tuple(replace(one, key_material_id=A) if one.key_material_id == UNNAMED else one for one in after.materials)
    current = A if after.current_key_material_id == UNNAMED else after.current_key_material_id
    after = replace(after, materials=named, current_key_material_id=current)
    imports = [step for step in row.plan.steps if step.operation == "ImportKeyMaterial"]
    if after.symmetric and imports and row.evidence.verdict == "unknown" and row.wanted.offered == "plaintext":
        return after, match(imports[0].key_material_id or A)
    if not after.symmetric and after.enabled:
        return after, Evidence("match", "public_key")
    return after, row.evidence


@rows(
    PRESENT + CURRENT_ROWS,
    # Wrapped material proves nothing without an ID; what is forced on KMS is refused by it.
    where=lambda row: (
        not row.refusal
        and row.evidence.verdict != "mismatch"
        and not row.wanted.force
        and not (row.wanted.offered == "wrapped" and row.evidence.verdict == "unknown")
        and row.name != "disabled, renewed, HMAC"
    ),
)
def test_a_second_run_finds_nothing_to_do(row):
    after, evidence = second_run(row)
    assert make_plan(row.wanted, after, evidence).operations == ()


def test_a_disabled_hmac_key_is_left_alone_once_its_expiry_is_right():
    wanted = request(valid_to=NOW + 9 * DAY)
    after = make_plan(wanted, hmac_key(key_state=DISABLED)).after
    assert make_plan(wanted, after).operations == ()


@rows(
    ABSENT, where=lambda row: changes(row) and not (row.found.key_spec == "HMAC_256" and row.state in DELETION_STATES)
)
def test_a_second_deletion_finds_nothing_to_do(row):
    again = make_plan(replace(row.wanted, offered=None), row.plan.after)
    assert not again.changed
    assert set(again.operations) <= ({"DeleteImportedKeyMaterial"} if row.wanted.all_materials else set())
    # A staged material that is deleted leaves a key that is in use: to delete the current one would be another wish.
    assert again.skip_reason


@rows(PRESENT, where=lambda row: "remember" in row.do)
def test_whatever_a_crash_leaves_is_found_and_finished_by_the_next_run(row):
    """The tag outlives the crash; the next run has to look for it, and to end what was begun."""
    steps = row.plan.steps
    imported = next(number for number, step in enumerate(steps) if step.operation == "ImportKeyMaterial")
    for done in (imported, imported + 1):
        crashed = predict(row.found, steps[:done])
        seen = replace(crashed, restore_state=None)
        evidence = row.evidence
        if seen.enabled and seen.symmetric and row.wanted.offered == "plaintext":
            evidence = match()
        elif seen.enabled and not seen.symmetric:
            evidence = Evidence("match", "public_key")
        assert needs_tags(row.wanted, seen, make_plan(row.wanted, seen, evidence).to_do)
        healed = make_plan(row.wanted, crashed, evidence).after
        assert (healed.key_state, healed.restore_state) == (DISABLED, None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        # Text of another tool that leaves no room for a mark.
        (request(valid_to=NOW + 9 * DAY), key(material(description="x" * 250), key_state=DISABLED)),
        # Material that came wrapped has no fingerprint.
        (wrapped(), key(material(), key_state=DISABLED)),
    ],
    ids=["no room", "wrapped"],
)
def test_a_crash_is_found_where_no_mark_could_be_set(wanted, found):
    plan = make_plan(wanted, found, unknown(MARK_A if wanted.offered == "plaintext" else None))
    assert plan.operations == ("TagResource", "ImportKeyMaterial", "DisableKey", "UntagResource")
    crashed = replace(predict(found, plan.steps[:2]), restore_state=None)
    assert crashed.enabled
    assert needs_tags(wanted, crashed, make_plan(wanted, crashed, unknown()).to_do)


# -- wrapped material whose ID is not given ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found", "expiration"),
    [
        (wrapped(), pending(), DOES_NOT_EXPIRE),
        (wrapped(valid_to=NOW + 9 * DAY), pending(), in_days(9)),
        (wrapped(valid_to=NOW + 9 * DAY), key(), in_days(9)),
        (wrapped(), key(material(expiration=in_days(9))), in_days(9)),
    ],
    ids=["gone", "gone, with expiry", "loaded, with expiry", "loaded"],
)
def test_wrapped_material_of_the_only_one(wanted, found, expiration):
    plan = make_plan(wanted, found)
    assert plan.operations == ("ImportKeyMaterial",)
    assert plan.steps[0].expiration == expiration
    assert plan.after.key_state == ENABLED
    assert plan.after.expiration == expiration
    assert plan.warnings == ()


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("found", "said"),
    [
        (key(own(), key_state=DISABLED), "is Disabled"),
        (key(own(), restore_state=DISABLED), "is Disabled"),
        (OLD_GONE, "lacks material"),
        (key(own(), replica_regions=("eu-west-1",), multi_region_type="PRIMARY"), "lack this material"),
        (key(own(), staged(C), replica_regions=("eu-west-1",), multi_region_type="PRIMARY"), "lack this material"),
    ],
)
def test_force_does_not_promise_what_kms_always_refuses(found, said, force):
    plan = make_plan(request(state="current", force=force), found, mismatch(fingerprint="d" * 32))
    assert (plan.steps, plan.after) == ((), found)
    assert said in plan.refusal


def test_what_is_missing_is_tried_before_what_is_loaded():
    plan = make_plan(request(), pending(gone(old(A)), material(B)), unknown())
    assert [step.key_material_id for step in (plan.steps[0], *plan.steps[0].alternatives)] == [A, B]


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        (replace(STAGED, replica_regions=("us-east-1",), multi_region_type="PRIMARY"), C, "too"),
        (replace(STAGED, replica_regions=("us-east-1",), multi_region_type="PRIMARY"), A, "unchanged"),
    ],
)
def test_what_a_deletion_on_a_primary_key_touches(found, wanted, said):
    plan = make_plan(absent(key_material_id=wanted), found)
    assert [said in warning for warning in plan.warnings] == [True]


def test_what_the_key_does_not_know_is_absent():
    plan = make_plan(absent(key_material_id="d" * 64), key(own()))
    assert (plan.steps, plan.skip_reason) == ((), "PENDING_IMPORT")
    assert "has no material" in plan.warnings[0]


# -- force -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found", "evidence"),
    [
        (request(force=True), key(own(A, OF_B), staged(C)), unknown()),
        *((row.wanted, row.found, row.evidence) for row in ROWS if row.refusal),
    ],
)
def test_force_tries_or_refuses_and_never_does_nothing_in_silence(wanted, found, evidence):
    plan = make_plan(replace(wanted, force=True), found, evidence)
    assert plan.steps or plan.refusal


@pytest.mark.parametrize("state", DELETION_STATES)
@pytest.mark.parametrize("make", [key, hmac_key, rsa_key])
@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_imported_into_a_key_that_waits_for_its_deletion(make, state, force):
    """Not even to prove custody: KMS refuses it in these states."""
    for evidence in (unknown(), NO_EVIDENCE, match(A if make is key else None), mismatch()):
        for wanted in (proved(all_materials=True, force=force), absent(all_materials=True, force=force)):
            assert "ImportKeyMaterial" not in make_plan(wanted, make(key_state=state), evidence).operations
