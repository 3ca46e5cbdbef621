# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of plans: state absent."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DISABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NO_EVIDENCE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_IMPORT
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import in_days
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import match
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import mismatch
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import unknown
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import BOTH_GONE
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import DELETION_STATES
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import GONE
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OF_B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OLD_GONE
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import ROTATED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import STAGED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import UNLISTED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import UNREAD
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import Row
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import absent
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import own
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import proved

ABSENT = [
    # Plain: the current material, explicitly, without having read the list.
    Row("plain", absent(), UNREAD, do=("delete A",), **GONE),
    Row("plain, disabled", absent(), replace(UNREAD, key_state=DISABLED), do=("delete A",), **GONE),
    Row("plain, list read", absent(), key(own()), do=("delete A",), **GONE),
    Row("plain, rotated", absent(), ROTATED, do=("delete B",), **GONE),
    Row("plain, something staged", absent(), STAGED, do=("delete A",), **GONE),
    Row("plain, expiring", absent(), key(own(expiration=in_days(9))), do=("delete A",), **GONE),
    Row("plain, replica", absent(), replace(UNREAD, multi_region_type="REPLICA"), do=("delete A",), **GONE),
    Row("plain, primary", absent(), replace(UNREAD, replica_regions=("us-east-1",)), do=("delete A",), **GONE),
    Row("plain, HMAC", absent(), hmac_key(), do=("delete",), **GONE),
    Row("plain, RSA", absent(), rsa_key(), do=("delete",), **GONE),
    Row("plain, HMAC disabled", absent(), hmac_key(key_state=DISABLED), do=("delete",), **GONE),
    # A tag of an earlier run is none of a deletion's business.
    Row("plain, crash leftover", absent(), replace(UNREAD, restore_state=DISABLED), do=("delete A",), **GONE),
    Row("plain, empty", absent(), empty(), state=PENDING_IMPORT, skip=PENDING_IMPORT),
    Row("plain, deleted", absent(), pending(), state=PENDING_IMPORT, skip=PENDING_IMPORT),
    Row("plain, only old gone", absent(), OLD_GONE, state=PENDING_IMPORT, skip=PENDING_IMPORT),
    Row("plain, HMAC deleted", absent(), hmac_key(key_state=PENDING_IMPORT), state=PENDING_IMPORT, skip=PENDING_IMPORT),
    *(Row(f"plain, {one}", absent(), key(key_state=one), state=one, skip=one) for one in DELETION_STATES),
    *(Row(f"plain, RSA {one}", absent(), rsa_key(key_state=one), state=one, skip=one) for one in DELETION_STATES),
    Row("plain with material, deleted", proved(), pending(), unknown(), state=PENDING_IMPORT, skip=PENDING_IMPORT),
    # One by name: its own state decides, not the key's.
    Row("named", absent(key_material_id=A), key(own()), do=("delete A",), **GONE),
    Row("named, disabled", absent(key_material_id=A), key(own(), key_state=DISABLED), do=("delete A",), **GONE),
    Row("named, current of a pending key", absent(key_material_id=B), OLD_GONE, do=("delete B",), **GONE),
    Row("named, gone", absent(key_material_id=A), pending(), state=PENDING_IMPORT, skip="PENDING_IMPORT"),
    Row("named, old gone", absent(key_material_id=A), OLD_GONE, state=PENDING_IMPORT, skip="PENDING_IMPORT"),
    Row(
        "named, expired but listed as imported",
        absent(key_material_id=A),
        pending(own(expiration=in_days(-1))),
        state=PENDING_IMPORT,
        skip="PENDING_IMPORT",
    ),
    Row("named, staged", absent(key_material_id=C), STAGED, do=("delete C",)),
    Row(
        "named, staged, disabled",
        absent(key_material_id=C),
        replace(STAGED, key_state=DISABLED),
        do=("delete C",),
        state=DISABLED,
    ),
    Row("named, staged and gone", absent(key_material_id=C), key(own(), gone(staged(C))), skip="PENDING_IMPORT"),
    *(
        Row(
            f"named, {one}",
            absent(key_material_id=A),
            key(own(), key_state=one),
            do=("delete A",),
            state=one,
            seconds=None,
        )
        for one in DELETION_STATES
    ),
    Row(
        "named, not current",
        absent(key_material_id=A),
        ROTATED,
        refusal=(A, ALIAS, "NON_CURRENT", "PendingImport", "force"),
    ),
    Row("named, not current, forced", absent(key_material_id=A, force=True), ROTATED, do=("delete A",), **GONE),
    Row("named, HMAC", absent(key_material_id=A), hmac_key(), refusal=("HMAC_256", ALIAS, "key_material_id")),
    Row(
        "named, HMAC, forced",
        absent(key_material_id=A, force=True),
        hmac_key(),
        refusal=("HMAC_256", ALIAS, "key_material_id"),
    ),
    # All of them, the current one first.
    Row("all", absent(all_materials=True), key(own()), do=("delete A", "mark"), **GONE),
    Row("all, rotated", absent(all_materials=True), ROTATED, do=("delete B", "delete A", "mark"), **GONE),
    Row(
        "all, staged",
        absent(all_materials=True),
        key(old(A), material(B), staged(C)),
        do=("delete B", "delete A", "delete C", "mark"),
        **GONE,
    ),
    # What looks gone is deleted all the same: it may be between the deletion and the import of another run.
    Row("all, pending", absent(all_materials=True), OLD_GONE, do=("delete B", "delete A", "mark"), **GONE),
    Row(
        "all, only staged left",
        absent(all_materials=True),
        pending(gone(own()), staged(C)),
        do=("delete A", "delete C", "mark"),
        state=PENDING_IMPORT,
    ),
    Row(
        "all, nothing left",
        absent(all_materials=True),
        BOTH_GONE,
        do=("delete B", "delete A", "mark"),
        state=PENDING_IMPORT,
        skip=PENDING_IMPORT,
    ),
    Row(
        "all, nothing left, marked",
        absent(all_materials=True),
        replace(BOTH_GONE, cut_off="x"),
        do=("delete B", "delete A"),
        state=PENDING_IMPORT,
        skip=PENDING_IMPORT,
    ),
    Row(
        "all, empty",
        absent(all_materials=True),
        empty(),
        do=("delete", "mark"),
        state=PENDING_IMPORT,
        skip=PENDING_IMPORT,
    ),
    Row("all, not listed", absent(all_materials=True), UNLISTED, do=("delete", "mark"), **GONE),
    # The state says that something is gone, the list does not say what: in doubt it is deleted.
    Row("all, list lags", absent(all_materials=True), pending(own()), do=("delete A", "mark"), **GONE),
    *(
        Row(
            f"all, {one}",
            absent(all_materials=True),
            replace(ROTATED, key_state=one),
            do=("delete B", "delete A"),
            state=one,
            warns=("cannot get a tag",),
            seconds=None,
        )
        for one in DELETION_STATES
    ),
    Row(
        "all, PendingDeletion, nothing left",
        absent(all_materials=True),
        key(gone(own()), key_state="PendingDeletion"),
        do=("delete A",),
        state="PendingDeletion",
        warns=("cannot get a tag",),
        skip="PendingDeletion",
    ),
    Row("all, HMAC", absent(all_materials=True), hmac_key(), do=("delete", "mark"), **GONE),
    Row(
        "all, HMAC deleted",
        absent(all_materials=True),
        hmac_key(key_state=PENDING_IMPORT),
        do=("delete", "mark"),
        state=PENDING_IMPORT,
        skip=PENDING_IMPORT,
    ),
    Row(
        "all, HMAC PendingDeletion",
        absent(all_materials=True),
        hmac_key(key_state="PendingDeletion"),
        do=("delete",),
        state="PendingDeletion",
        warns=("cannot get a tag",),
        seconds=None,
    ),
    # Custody first, where the material is given.
    Row("proved", proved(), key(own()), match(), do=("delete A",), **GONE),
    Row("proved, RSA", proved(), rsa_key(), match(None, "public_key", None), do=("delete",), **GONE),
    Row("proved, HMAC", proved(), hmac_key(), match(None, "mac", None), do=("delete",), **GONE),
    Row(
        "proved by KMS",
        proved(),
        key(material(A, expiration=in_days(9))),
        unknown(),
        do=("prove A", "delete A"),
        sent=in_days(9),
        **GONE,
    ),
    Row(
        "proved by KMS, HMAC",
        proved(),
        hmac_key(expiration=in_days(9)),
        NO_EVIDENCE,
        do=("prove", "delete"),
        sent=in_days(9),
        type=None,
        **GONE,
    ),
    Row(
        "proved by KMS, replica",
        proved(),
        key(material(A), multi_region_type="REPLICA"),
        unknown(),
        do=("prove A", "delete A"),
        sent=DOES_NOT_EXPIRE,
        type=None,
        text=None,
        **GONE,
    ),
    # Nothing is there that could be lost, and a proof by import would bring back what is to be kept out.
    *(
        Row(
            f"proved, all, nothing left, {name}",
            proved(all_materials=True),
            found,
            evidence,
            do=do,
            state=PENDING_IMPORT,
            skip=PENDING_IMPORT,
        )
        for evidence in (unknown(), mismatch())
        for name, found, do in (
            (f"symmetric {evidence.verdict}", BOTH_GONE, ("delete B", "delete A", "mark")),
            (f"empty {evidence.verdict}", empty(), ("delete", "mark")),
            (f"HMAC {evidence.verdict}", hmac_key(key_state=PENDING_IMPORT), ("delete", "mark")),
        )
    ),
    Row(
        "proved, all, the current one lost",
        proved(all_materials=True),
        pending(old(A), gone(own(B))),
        unknown(),
        do=("prove A", "delete B", "delete A", "mark"),
        **GONE,
    ),
    Row("other material", proved(), key(own()), mismatch(), refusal=(ALIAS, "could not restore", "force")),
    Row("other material, forced", proved(force=True), key(own()), mismatch(), do=("delete A",), **GONE),
    Row("other material, RSA", proved(), rsa_key(), mismatch("public_key", None), refusal=(ALIAS, "could not restore")),
    Row("old material", proved(), ROTATED, match(A), refusal=(ALIAS, "could not restore", "force")),
    Row("named and proved", proved(key_material_id=B), ROTATED, match(B), do=("delete B",), **GONE),
    Row("named, another proved", proved(key_material_id=C), STAGED, match(A), refusal=(ALIAS, "could not restore")),
    Row("named staged and proved", proved(key_material_id=C), STAGED, match(C), do=("delete C",)),
    Row("not current but proved", proved(key_material_id=A), ROTATED, match(A), refusal=(A, "NON_CURRENT")),
    Row(
        "not current but proved, forced",
        proved(key_material_id=A, force=True),
        ROTATED,
        match(A),
        do=("delete A",),
        **GONE,
    ),
    Row(
        "not current, proof wanting",
        proved(key_material_id=A),
        key(old(A), own(B, OF_B)),
        unknown(),
        refusal=(A, "NON_CURRENT"),
    ),
]
