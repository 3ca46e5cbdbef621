# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What KMS makes of a key at each call, as its key states are documented and as the service was seen to answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Step
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import UNNAMED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import apply
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import earliest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import predict
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import in_days
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged

NEW = "NEW_KEY_MATERIAL"
EXISTING = "EXISTING_KEY_MATERIAL"


def delete(key_material_id=None):
    return Step("DeleteImportedKeyMaterial", "delete", key_material_id)


def imported(key_material_id=None, expiration=DOES_NOT_EXPIRE, description=None, import_type=EXISTING):
    return Step("ImportKeyMaterial", "import", key_material_id, import_type, description, expiration)


def first(expiration=DOES_NOT_EXPIRE, description=None):
    return imported(None, expiration, description, None)


@pytest.mark.parametrize("state", ["Enabled", "Disabled"])
@pytest.mark.parametrize(
    ("materials", "deleted", "left"),
    [
        ((material(A),), A, (gone(material(A)),)),
        ((material(A, expiration=in_days(9), description="x"),), A, (gone(material(A, description="x")),)),
        # The loss of any permanent material takes the whole key down, and only its own entry changes.
        ((old(A), material(B)), B, (old(A), gone(material(B)))),
        ((old(A), material(B)), A, (gone(old(A)), material(B))),
        ((material(A), staged(C)), A, (gone(material(A)), staged(C))),
    ],
)
def test_deletion_of_a_permanent_material(state, materials, deleted, left):
    before = key(*materials, key_state=state)
    after = apply(before, delete(deleted))
    assert after == replace(before, key_state="PendingImport", expiration=None, materials=left)
    assert after.current_key_material_id == before.current_key_material_id


@pytest.mark.parametrize("state", ["Enabled", "Disabled", "PendingImport"])
def test_deletion_of_a_staged_material_changes_no_state(state):
    before = key(material(A), staged(C), key_state=state)
    assert apply(before, delete(C)) == replace(before, materials=(material(A),))


def test_deletion_of_a_staged_material_on_a_replica_leaves_its_entry():
    before = key(material(A), staged(C), multi_region_type="REPLICA")
    assert apply(before, delete(C)) == replace(before, materials=(material(A), gone(staged(C))))


@pytest.mark.parametrize("state", ["PendingDeletion", "PendingReplicaDeletion"])
def test_deletion_leaves_a_key_that_waits_for_its_own_in_that_state(state):
    after = apply(key(key_state=state), delete(A))
    assert after.key_state == state
    assert after.materials == (gone(material(A)),)


@pytest.mark.parametrize("before", [pending(), empty(), hmac_key(key_state="PendingImport")])
def test_deletion_of_what_is_gone_changes_nothing(before):
    assert apply(before, delete(before.current_key_material_id)) == before


@pytest.mark.parametrize("make", [hmac_key, rsa_key])
def test_deletion_of_the_one_material_of_other_keys(make):
    assert apply(make(), delete()) == make(key_state="PendingImport")


@pytest.mark.parametrize("expiration", [DOES_NOT_EXPIRE, in_days(9)])
def test_first_import(expiration):
    after = apply(empty(), first(expiration, "vault"))
    assert after.key_state == "Enabled"
    assert after.expiration == expiration
    assert after.current_key_material_id == UNNAMED
    assert after.materials == (material(UNNAMED, expiration=expiration, description="vault"),)
    assert not after.never_imported


@pytest.mark.parametrize("make", [hmac_key, rsa_key])
@pytest.mark.parametrize("state", ["PendingImport", "Disabled", "Enabled"])
@pytest.mark.parametrize("expiration", [DOES_NOT_EXPIRE, in_days(9)])
def test_import_into_other_keys_enables_them(make, state, expiration):
    after = apply(make(key_state=state, expiration=in_days(1)), first(expiration))
    assert after == make(expiration=expiration)


@pytest.mark.parametrize("state", ["Enabled", "Disabled", "PendingImport"])
@pytest.mark.parametrize(
    ("materials", "target", "loaded"),
    [
        ((material(A),), A, (material(A, expiration=in_days(9)),)),
        ((gone(material(A)),), A, (material(A, expiration=in_days(9)),)),
        ((material(A, expiration=in_days(-1)),), A, (material(A, expiration=in_days(9)),)),
        ((gone(old(A)), material(B)), A, (old(A, expiration=in_days(9)), material(B))),
        ((old(A), gone(material(B))), B, (old(A), material(B, expiration=in_days(9)))),
    ],
)
def test_import_of_the_last_missing_material_enables_the_key(state, materials, target, loaded):
    after = apply(key(*materials, key_state=state), imported(target, in_days(9)))
    assert after.key_state == "Enabled"
    assert after.materials == loaded
    assert after.expiration == in_days(9)


@pytest.mark.parametrize(
    ("materials", "target"),
    [
        ((gone(old(A)), gone(material(B))), B),
        ((gone(old(A)), gone(material(B))), A),
        ((old(A, expiration=in_days(-1)), gone(material(B))), B),
    ],
)
def test_a_key_stays_pending_while_anything_is_missing(materials, target):
    after = apply(pending(*materials), imported(target))
    assert after.key_state == "PendingImport"
    assert after.expiration is None
    assert len(after.missing) == 1
    assert after.material(target).loaded(NOW)


@pytest.mark.parametrize(("sent", "kept"), [(None, "vault"), ("other", "other"), ("", "")])
def test_a_text_that_is_not_sent_is_kept(sent, kept):
    after = apply(pending(gone(material(A, description="vault"))), imported(A, description=sent))
    assert after.material(A).description == kept


@pytest.mark.parametrize(
    ("wanted", "before", "expected"),
    [
        (imported(None), pending(), "Enabled"),
        (imported(None, in_days(9)), pending(gone(material(A, description="vault"))), "Enabled"),
    ],
)
def test_an_import_that_names_nothing_restores_the_one_material_there_is(wanted, before, expected):
    """KMS finds the material from the bytes; a key with one material has no other."""
    after = apply(before, wanted)
    assert after.key_state == expected
    assert after.material(A).loaded(NOW)
    assert after.material(A).expiration == wanted.expiration
    assert after.current_key_material_id == A


def test_an_import_that_names_nothing_renews_the_one_material_there_is():
    after = apply(key(material(A, expiration=in_days(1))), imported(None, in_days(9)))
    assert after.expiration == in_days(9)


def test_import_on_a_replica_that_shows_the_primarys_materials():
    before = pending(gone(material(A, description="vault")), multi_region_type="REPLICA")
    after = apply(before, imported(A, import_type=None))
    assert (after.key_state, after.current_key_material_id) == ("Enabled", A)
    assert after.materials == (material(A, description="vault"),)


@pytest.mark.parametrize(
    ("regions", "state"), [((), "PENDING_ROTATION"), (("us-east-1",), "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")]
)
def test_new_material_is_staged(regions, state):
    before = key(material(A), replica_regions=regions)
    after = apply(before, imported(None, in_days(9), "new", NEW))
    assert after == replace(
        before,
        materials=(
            material(A),
            material(UNNAMED, key_material_state=state, expiration=in_days(9), description="new"),
        ),
    )


def test_rotation_puts_the_staged_material_to_work():
    before = key(material(A), staged(C, expiration=in_days(9)))
    after = apply(before, Step("RotateKeyOnDemand", "rotate"))
    assert after.current_key_material_id == C
    assert after.materials == (old(A), material(C, expiration=in_days(9), rotation_type="ON_DEMAND"))
    assert after.expiration == in_days(9)
    assert after.rotations_left == 24


def test_rotation_with_nothing_staged_changes_nothing():
    assert apply(key(), Step("RotateKeyOnDemand", "rotate")) == key()


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ("DisableKey", key(), key(key_state="Disabled")),
        ("DisableKey", hmac_key(), hmac_key(key_state="Disabled")),
        ("TagResource", key(key_state="Disabled"), key(key_state="Disabled", restore_state="Disabled")),
        ("UntagResource", key(restore_state="Disabled"), key()),
    ],
)
def test_state_and_tag(operation, before, after):
    assert apply(before, Step(operation, "x")) == after


@pytest.mark.parametrize(
    ("materials", "shown"),
    [
        ((), None),
        ((material(A),), DOES_NOT_EXPIRE),
        ((old(A, expiration=in_days(9)), material(B)), in_days(9)),
        ((old(A, expiration=in_days(9)), material(B, expiration=in_days(3))), in_days(3)),
        # A staged material does not count, nor does one that is not there.
        ((material(A), staged(C, expiration=in_days(3))), DOES_NOT_EXPIRE),
        ((gone(old(A)), material(B)), DOES_NOT_EXPIRE),
        ((gone(material(A)),), None),
    ],
)
def test_the_earliest_expiry_is_shown(materials, shown):
    assert earliest(key(*materials, current_key_material_id=A)) == shown


def test_steps_follow_one_another():
    steps = (
        Step("TagResource", "remember"),
        imported(A, in_days(9)),
        Step("DisableKey", "disable"),
        Step("UntagResource", "forget"),
    )
    before = key(key_state="Disabled")
    assert predict(before, steps) == key(material(A, expiration=in_days(9)), key_state="Disabled")
    assert predict(before, ()) == before
    assert predict(key(now=NOW + DAY), (delete(A), imported(A))) == key(now=NOW + DAY)
    assert predict(pending(gone(old(A)), gone(material(B))), (imported(B), imported(A))) == key(old(A), material(B))
