# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of plans: prepared material, state current, and keys with which nothing can be done."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DISABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NO_EVIDENCE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_IMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import in_days
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import match
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import mismatch
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import unknown
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import DELETION_STATES
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OLD_GONE
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import ROTATED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import STAGED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import Row
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import absent
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import own
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import prepared
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import wrapped

# What the file says of its material.
SAYS_A, SAYS_NOTHING = Evidence(key_material_id=A), NO_EVIDENCE
PAIR, PAIR_A = ("prove", "delete", "restore"), ("prove A", "delete A", "restore A")
ASLEEP = {"state": DISABLED, "warns": ("enables a key at every import",)}


def asleep(*pair: str) -> tuple[str, ...]:
    return ("remember", pair[0], "disable", *pair[1:], "disable", "forget")


PREPARED = [
    # Nothing is deleted before KMS has taken the very blob and token.
    Row("prepared", prepared(), key(own()), SAYS_A, do=PAIR_A),
    Row("prepared, HMAC", prepared(), hmac_key(), do=PAIR, type=None),
    Row("prepared, RSA", prepared(), rsa_key(), do=PAIR, type=None),
    Row("prepared, nothing said", prepared(), key(material()), SAYS_NOTHING, do=PAIR_A),
    Row("prepared, named", prepared(key_material_id=A), key(own()), SAYS_A, do=PAIR_A),
    Row("prepared, replica", prepared(), key(own(), multi_region_type="REPLICA"), SAYS_A, do=PAIR_A, type=None),
    Row("prepared, disabled", prepared(), key(own(), key_state=DISABLED), SAYS_A, do=asleep(*PAIR_A), **ASLEEP),
    Row("prepared, disabled, HMAC", prepared(), hmac_key(key_state=DISABLED), do=asleep(*PAIR), type=None, **ASLEEP),
    Row("prepared, which of several", prepared(), ROTATED, SAYS_NOTHING, refusal=(ALIAS, "key_material_id")),
    # Nothing is there to be lost.
    Row("prepared, gone", prepared(), pending(gone(own())), SAYS_A, do=("restore A",)),
    Row("prepared, gone, HMAC", prepared(), pending(key_spec="HMAC_256"), do=("restore",), type=None),
    Row("prepared, empty", prepared(), empty(), do=("import",), type=None),
    # With present, only what is missing is imported.
    Row("prepared, present", prepared("present"), key(own()), SAYS_A),
    Row("prepared, present, nothing said", prepared("present"), key(material()), SAYS_NOTHING),
    Row("prepared, present, disabled", prepared("present"), key(own(), key_state=DISABLED), SAYS_A, state=DISABLED),
    Row("prepared, present, HMAC", prepared("present"), hmac_key()),
    Row("prepared, present, gone", prepared("present"), pending(gone(own())), SAYS_A, do=("restore A",)),
    Row(
        "prepared, present, gone, nothing said",
        prepared("present"),
        pending(gone(material())),
        SAYS_NOTHING,
        do=("restore A",),
    ),
    Row("prepared, present, gone, HMAC", prepared("present"), pending(key_spec="HMAC_256"), do=("restore",), type=None),
    Row(
        "prepared, present, another expiry",
        prepared("present", valid_to=NOW + 9 * DAY),
        key(own()),
        SAYS_A,
        do=("renew A",),
        sent=in_days(9),
    ),
]

# Nothing can be done with these keys, whatever is wanted.
HOPELESS = [
    Row(
        f"{wanted.state}, {found.origin}, {found.key_state}",
        wanted,
        found,
        refusal=(ALIAS, said),
        state=found.key_state,
    )
    for wanted in (absent(), absent(force=True), request(), request(force=True))
    for found, said in (
        (key(origin="AWS_KMS"), "AWS_KMS"),
        (key(origin="AWS_CLOUDHSM"), "AWS_CLOUDHSM"),
        (key(origin="AWS_KMS", key_state=PENDING_IMPORT), "AWS_KMS"),
        (key(key_state="Creating"), "Creating"),
        (key(key_state="Updating"), "Updating"),
    )
] + [
    Row(f"present, {state}", wanted, found(key_state=state), refusal=(ALIAS, state, "cancel-key-deletion"), state=state)
    for wanted in (request(), request(force=True), wrapped())
    for found in (key, hmac_key, rsa_key)
    for state in DELETION_STATES
]


def current(**fields):
    return request(state="current", **fields)


AHEAD = NOW + 9 * DAY
STAGED_ASLEEP = replace(STAGED, key_state=DISABLED)
TURNING = replace(STAGED, rotation_started=NOW)
NEW, ROTATE_NEW = "NEW_KEY_MATERIAL", ("stage", "rotate")
OLDER_IS_MISSING = (ALIAS, A, "imported again (state present)")
CURRENT_ROWS = [
    Row("current", current(), key(own()), match()),
    Row("current, disabled", current(), key(own(), key_state=DISABLED), match(), state=DISABLED),
    Row("current, another expiry", current(valid_to=AHEAD), key(own()), match(), do=("renew A",), sent=in_days(9)),
    Row("current, new", current(), key(own()), mismatch(), do=ROTATE_NEW, type=NEW),
    Row("current, new, rotated before", current(), ROTATED, mismatch(), do=ROTATE_NEW, type=NEW),
    Row(
        "current, new, expiring",
        current(valid_to=AHEAD),
        key(own()),
        mismatch(),
        do=ROTATE_NEW,
        sent=in_days(9),
        type=NEW,
    ),
    Row("current, wrapped", current(offered="wrapped"), key(own()), do=ROTATE_NEW, type=NEW),
    Row("current, staged", current(), STAGED, match(C, fingerprint=MARK_C), do=("rotate",)),
    Row(
        "current, wrapped, staged",
        current(offered="wrapped", key_material_id=C),
        STAGED,
        # The import proves that the bytes are these: KMS takes no other ones for this ID.
        do=("prove C", "rotate"),
    ),
    # KMS rotates enabled keys only, and never back.
    Row(
        "current, new, disabled",
        current(),
        key(own(), key_state=DISABLED),
        mismatch(),
        refusal=(ALIAS, "is Disabled", "rotates enabled keys only"),
        state=DISABLED,
    ),
    Row(
        "current, staged, disabled",
        current(),
        STAGED_ASLEEP,
        match(C, fingerprint=MARK_C),
        refusal=(ALIAS, "is Disabled", "rotates enabled keys only"),
        state=DISABLED,
    ),
    Row("current, older", current(), ROTATED, match(A), refusal=(ALIAS, A, "does not rotate back to it")),
    Row("current, given up", current(), TURNING, match(), refusal=(ALIAS, "is being rotated from the material", A, C)),
    Row("current, other staged", current(), STAGED, mismatch(), refusal=(ALIAS, C, "is staged", "force")),
    Row("current, under way", current(), TURNING, match(C, fingerprint=MARK_C), waits_for=C),
    # A rotation needs every material that the key had.
    Row("current, gone", current(), pending(gone(own())), match(), do=("restore A",)),
    Row(
        "current, gone, other",
        current(),
        pending(gone(own())),
        mismatch(),
        refusal=OLDER_IS_MISSING,
        state=PENDING_IMPORT,
    ),
    Row("current, older gone", current(), OLD_GONE, mismatch(), refusal=OLDER_IS_MISSING, state=PENDING_IMPORT),
    Row("current, empty", current(), empty(), do=("import",), type=None),
    # Keys whose material cannot be rotated, or not here.
    Row("current, HMAC", current(), hmac_key(), unknown(), refusal=(ALIAS, "HMAC_256", "alias")),
    Row("current, RSA", current(), rsa_key(), mismatch("public_key"), refusal=(ALIAS, "RSA_2048", "alias")),
    Row(
        "current, replica",
        current(),
        key(own(), multi_region_type="REPLICA"),
        mismatch(),
        refusal=(ALIAS, "is a replica", "primary key"),
    ),
]
