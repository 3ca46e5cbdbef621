# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for state current: what is wanted, what is, what is known of the bytes -> what is done.

A step is written as its purpose and the letter of the material that it names: "prove C". Whether the bytes are a
material is decided by the real comparison of fingerprints, not by evidence that the test makes up.
"""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import CURRENT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DISABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_IMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.material.plan import make_plan
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import Secret
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import fingerprint
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.proof import symmetric_evidence
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ACCOUNT
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import HOUR
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import KEY_ID
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import marked
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged

LETTERS = {A: " A", B: " B", C: " C", None: ""}
BYTES = {letter: Secret(bytes([number]) * 31 + b"x") for number, letter in enumerate("ABCX")}
IDS = {"A": A, "B": B, "C": C}


def mark_of(letter):
    return marked(fingerprint(BYTES[letter], ACCOUNT, KEY_ID))


def written(step):
    return f"{step.purpose}{LETTERS[step.key_material_id]}"


# -- material that the caller names ------------------------------------------------------------------------------------


def a_key(condition, unmarked=()):
    """A was current, B is, C is staged. unmarked: those that another tool has imported."""
    marks = {letter: None if letter in unmarked else mark_of(letter) for letter in IDS}
    first, second = old(A, description=marks["A"]), material(B, description=marks["B"])
    third = staged(C, description=marks["C"])
    fields = {}
    if condition == "disabled":
        fields["key_state"] = DISABLED
    elif condition == "older missing":
        first, fields["key_state"] = gone(first), PENDING_IMPORT
    elif condition == "current missing":
        second, fields["key_state"] = gone(second), PENDING_IMPORT
    elif condition == "rotating":
        fields["rotation_started"] = NOW
    return key(first, second, third, **fields)


# What is given, and which materials carry no mark of ours, by what that is to the named one.
GIVEN = {
    "the same": lambda named: (named, ()),
    "others": lambda named: ("X", ()),
    "another of the key's": lambda named: ("A" if named != "A" else "B", (named,)),
    "unproved": lambda named: ("X", (named,)),
    "wrapped": lambda named: (None, (named,)),
}
CONDITIONS = ("enabled", "disabled", "older missing", "current missing", "rotating")

NOT_IT = "is not {id}, the key_material_id for"
NO_WAY_BACK = "does not rotate back to it"
GIVEN_UP = "is being rotated from the material {id}"
IS_DISABLED = "is Disabled, and KMS rotates enabled keys only"
INCOMPLETE = "lacks material that it had"
WAIT = ()


def everywhere(outcome, **others):
    return {condition: others.get(condition.replace(" ", "_"), outcome) for condition in CONDITIONS}


# A text is a piece of the refusal; anything else are the steps.
NAMED = {
    ("B", "the same"): everywhere((), current_missing=("restore B",), rotating=GIVEN_UP),
    ("B", "others"): everywhere(NOT_IT),
    ("B", "another of the key's"): everywhere(NOT_IT),
    ("B", "unproved"): everywhere(
        ("prove B",),
        disabled=("remember", "prove B", "disable", "forget"),
        current_missing=("restore B",),
        rotating=GIVEN_UP,
    ),
    ("B", "wrapped"): everywhere((), current_missing=("restore B",), rotating=GIVEN_UP),
    ("A", "the same"): everywhere(NO_WAY_BACK),
    ("A", "others"): everywhere(NOT_IT),
    ("A", "another of the key's"): everywhere(NOT_IT),
    ("A", "unproved"): everywhere(NO_WAY_BACK),
    ("A", "wrapped"): everywhere(NO_WAY_BACK),
    ("C", "the same"): everywhere(
        ("rotate",), disabled=IS_DISABLED, older_missing=INCOMPLETE, current_missing=INCOMPLETE, rotating=WAIT
    ),
    ("C", "others"): everywhere(NOT_IT),
    ("C", "another of the key's"): everywhere(NOT_IT),
    ("C", "unproved"): everywhere(
        ("prove C", "rotate"),
        disabled=IS_DISABLED,
        older_missing=INCOMPLETE,
        current_missing=INCOMPLETE,
        rotating=("prove C",),
    ),
    ("C", "wrapped"): everywhere(
        ("prove C", "rotate"),
        disabled=IS_DISABLED,
        older_missing=INCOMPLETE,
        current_missing=INCOMPLETE,
        rotating=("prove C",),
    ),
}


def planned(named, given, condition, **options):
    letter, unmarked = GIVEN[given](named)
    wanted = request(
        state="current", key_material_id=IDS[named], offered="plaintext" if letter else "wrapped", **options
    )
    found = a_key(condition, unmarked)
    evidence = symmetric_evidence(wanted, found, BYTES[letter] if letter else None)
    return make_plan(wanted, found, evidence)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize(("named", "given"), NAMED)
def test_named(named, given, condition):
    plan = planned(named, given, condition)
    outcome = NAMED[named, given][condition]
    if isinstance(outcome, str):
        assert outcome.format(id=IDS[named]) in str(plan.refusal)
        assert (plan.steps, plan.changed) == ((), False)
    else:
        assert (plan.refusal, tuple(written(step) for step in plan.steps)) == (None, outcome)
        assert plan.waits_for == (C if named == "C" and condition == "rotating" else None)


def test_the_table_is_whole():
    assert set(NAMED) == set(itertools.product(IDS, GIVEN))


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize(("named", "given"), NAMED)
def test_nothing_comes_before_the_proof(named, given, condition, force):
    """A proof is an import that names the material, and that KMS refuses for other bytes."""
    plan = planned(named, given, condition, force=force)
    if given in ("others", "another of the key's"):
        assert (plan.steps, plan.waits_for) == ((), None)
    steps = [step for step in plan.steps if step.operation not in ("TagResource", "UntagResource", "DisableKey")]
    if steps and given != "the same":
        first = steps[0]
        assert (first.operation, first.import_type) == ("ImportKeyMaterial", "EXISTING_KEY_MATERIAL")
        assert (first.key_material_id, first.alternatives) == (IDS[named], ())
    for step in plan.steps:
        assert step.operation != "DeleteImportedKeyMaterial"
        assert step.import_type != "NEW_KEY_MATERIAL"


@pytest.mark.parametrize("offered", ["plaintext", "wrapped"])
@pytest.mark.parametrize("found", [empty(), a_key("enabled"), a_key("disabled"), a_key("rotating")])
@pytest.mark.parametrize("force", [False, True])
def test_an_id_that_the_key_does_not_know(found, offered, force):
    """The evidence refuses it already; the plan does not rely on that."""
    wanted = request(state="current", key_material_id="d" * 64, offered=offered, force=force)
    for evidence in (Evidence(), Evidence("match", "key_material_id", "d" * 64), Evidence("mismatch", "fingerprint")):
        plan = make_plan(wanted, found, evidence)
        assert "has no material dddd" in str(plan.refusal)
        assert plan.steps == ()


@pytest.mark.parametrize("named", ["B", "C"])
def test_a_proof_records_the_fingerprint(named):
    plan = planned(named, "unproved", "enabled")
    assert plan.steps[0].description == mark_of("X")


# -- what an earlier run, or another tool, has begun -------------------------------------------------------------------


def test_a_rotation_that_is_waited_for_is_part_of_the_prediction():
    after = planned("C", "the same", "rotating").after
    assert after.current_key_material_id == C
    assert [entry.key_material_state for entry in after.materials][-1] == CURRENT


def test_other_staged_material_may_be_the_one_given():
    """It cannot be seen: the refusal says how to have it proved."""
    found = a_key("enabled", unmarked=("C",))
    wanted = request(state="current")
    plan = make_plan(wanted, found, symmetric_evidence(wanted, found, BYTES["X"]))
    assert C in str(plan.refusal) and "key_material_id to this ID" in str(plan.refusal)


def test_material_that_is_on_its_way_out_is_no_success_without_its_name_either():
    found = a_key("rotating")
    wanted = request(state="current")
    plan = make_plan(wanted, found, symmetric_evidence(wanted, found, BYTES["B"]))
    assert "is being rotated from the material" in str(plan.refusal)


def test_a_new_expiry_is_not_lost_on_a_rotation_under_way():
    found = a_key("rotating")
    wanted = request(state="current", valid_to=NOW + 48 * HOUR)
    plan = make_plan(wanted, found, symmetric_evidence(wanted, found, BYTES["C"]))
    assert tuple(written(step) for step in plan.steps) == ("refresh C",)
    assert (plan.steps[0].expiration.valid_to, plan.waits_for) == (NOW + 48 * HOUR, C)


@pytest.mark.parametrize("condition", ["enabled", "rotating"])
def test_an_expiry_that_ends_before_a_rotation_is_refused(condition):
    found = a_key(condition)
    wanted = request(state="current", valid_to=NOW + HOUR / 12)
    plan = make_plan(wanted, found, symmetric_evidence(wanted, found, BYTES["C"]))
    assert "before the end of the rotation" in str(plan.refusal)
