# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a key cannot be used: one definition for results, plans and reports."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key import models
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import FAILED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import LOST
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PLANNED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import SUCCEEDED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Step
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import StepRecord
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import told_steps
from ansible_collections.byok.aws.plugins.module_utils._kms.key.outage import outage
from ansible_collections.byok.aws.plugins.module_utils._kms.key.outage import planned
from ansible_collections.byok.aws.plugins.module_utils._kms.key.outage import predicted_seconds
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged

PROVE = ("ImportKeyMaterial", "prove", "Enabled")
DELETE = ("DeleteImportedKeyMaterial", "delete", "PendingImport")
RESTORE = ("ImportKeyMaterial", "restore", "Enabled")
NOT_ALL = ("ImportKeyMaterial", "restore", "PendingImport")
DISCARD = ("DeleteImportedKeyMaterial", "delete", "Enabled")
STAGE = ("ImportKeyMaterial", "stage", "Enabled")
TAKE_BACK = ("DeleteImportedKeyMaterial", "take back", "PendingImport")


def made(*calls: tuple[tuple[str, str, str], str]) -> list[StepRecord]:
    """Calls of half a second, one a second."""
    return [
        StepRecord(operation, purpose, "eu-central-1", None, None, float(at), at + 0.5, outcome, None, state)
        for at, ((operation, purpose, state), outcome) in enumerate(calls)
    ]


@pytest.mark.parametrize(
    ("calls", "down", "expected"),
    [
        ([(PROVE, SUCCEEDED), (DELETE, SUCCEEDED), (RESTORE, SUCCEEDED)], False, (1.0, 2.5, 1.5)),
        ([(PROVE, SUCCEEDED)], False, None),
        ([(PROVE, SUCCEEDED), (DELETE, FAILED)], False, None),
        ([(DELETE, FAILED), (DELETE, SUCCEEDED), (RESTORE, FAILED), (RESTORE, SUCCEEDED)], False, (1.0, 3.5, 2.5)),
        ([(DELETE, SUCCEEDED)], True, (0.0, None, None)),
        ([(DELETE, SUCCEEDED), (RESTORE, FAILED)], True, (0.0, None, None)),
        ([(DELETE, SUCCEEDED), (RESTORE, PLANNED)], True, (0.0, None, None)),
        # Somebody else has imported it: nothing tells when.
        ([(DELETE, SUCCEEDED), (RESTORE, FAILED)], False, (0.0, None, None)),
        # No answer came to the deletion: what followed, or how the key was left, tells whether it was carried out.
        ([(DELETE, LOST), (DELETE, SUCCEEDED), (RESTORE, SUCCEEDED)], False, (0.0, 2.5, 2.5)),
        ([(DELETE, LOST)], False, None),
        ([(DELETE, LOST)], True, (0.0, None, None)),
        ([(DELETE, LOST), (RESTORE, SUCCEEDED)], False, (0.0, 1.5, 1.5)),
        # Nor to the import.
        ([(DELETE, SUCCEEDED), (RESTORE, LOST), (RESTORE, SUCCEEDED)], False, (0.0, 2.5, 2.5)),
        ([(DELETE, SUCCEEDED), (RESTORE, LOST), (RESTORE, LOST)], False, (0.0, 2.5, 2.5)),
        ([(DELETE, SUCCEEDED), (RESTORE, LOST)], True, (0.0, None, None)),
        # One of several materials is not enough.
        ([(DELETE, SUCCEEDED), (NOT_ALL, SUCCEEDED)], True, (0.0, None, None)),
        ([(DELETE, SUCCEEDED), (NOT_ALL, SUCCEEDED), (RESTORE, SUCCEEDED)], False, (0.0, 2.5, 2.5)),
        # Staged material is not in use.
        ([(DISCARD, SUCCEEDED), (STAGE, SUCCEEDED)], False, None),
        # Cut off meanwhile, what was imported is deleted again.
        ([(DELETE, SUCCEEDED), (RESTORE, SUCCEEDED), (TAKE_BACK, SUCCEEDED)], True, (0.0, None, None)),
    ],
)
def test_from_the_request_of_the_deletion_to_the_answer_of_the_import(calls, down, expected):
    found = outage(made(*calls), usable=True, down=down)
    assert (found and (found.started, found.finished, found.seconds)) == expected


def test_what_was_not_usable_is_not_interrupted():
    assert outage(made((DELETE, SUCCEEDED), (RESTORE, SUCCEEDED)), usable=False, down=False) is None


DELETION = Step("DeleteImportedKeyMaterial", "delete", A)
IMPORT = Step("ImportKeyMaterial", "restore", A, import_type="EXISTING_KEY_MATERIAL")
ROTATION = Step("RotateKeyOnDemand", "rotate")


@pytest.mark.parametrize(
    ("seen", "steps", "seconds"),
    [
        (key(), (replace(IMPORT, purpose="prove"), DELETION, IMPORT), 0.25),
        (key(), (DELETION, IMPORT), 0.25),
        (hmac_key(), (replace(DELETION, key_material_id=None), replace(IMPORT, key_material_id=None)), 0.25),
        (key(key_state="Disabled"), (DELETION, IMPORT), 0.0),
        (key(), (IMPORT,), 0.0),
        (key(), (DELETION,), None),
        (key(old(A), material(B)), (DELETION, IMPORT), 0.25),
        (key(material(A), staged(B)), (replace(DELETION, key_material_id=B), ROTATION), 0.0),
    ],
)
def test_a_plan_counts_the_round_trips_of_the_same_calls(seen: Key, steps: tuple[Step, ...], seconds: float | None):
    assert predicted_seconds(replace(seen, round_trip_seconds=0.125), steps) == seconds


def test_planned_steps_tell_material_and_state():
    steps = planned(key(material(A), staged(B)), (DELETION, IMPORT, ROTATION))

    assert [(one.purpose, one.key_material_id, one.key_state) for one in steps] == [
        ("delete", A, models.PENDING_IMPORT),
        ("restore", A, models.ENABLED),
        ("rotate", B, models.ENABLED),
    ]
    assert {(one.outcome, one.sent, one.request_id, one.started, one.region) for one in steps} == {
        (PLANNED, False, None, None, "eu-central-1")
    }


@pytest.mark.parametrize(
    ("outcomes", "failed", "told"),
    [
        ([PLANNED, PLANNED], False, [0, 1]),
        # Nothing was begun, or was to be.
        ([PLANNED, PLANNED], True, []),
        ([SUCCEEDED, FAILED, PLANNED], True, [0]),
        ([LOST, SUCCEEDED], False, [1]),
        ([FAILED], False, []),
    ],
)
def test_operations_are_those_carried_out_or_before_a_run_the_plan(outcomes, failed, told):
    steps = made(*((PROVE, outcome) for outcome in outcomes))
    assert [steps.index(one) for one in told_steps(steps, failed)] == told
