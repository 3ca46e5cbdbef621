# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as one table: what is wanted, what is, what is known of the material -> what is done.

A step is written as its purpose and the letter of the material that it names: "restore A".
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DISABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import ENABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import EXPIRES
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NEVER
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NO_EVIDENCE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_IMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import RESTORE_STATE_TAG
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Expiration
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Plan
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Request
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import UNNAMED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import apply
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import predict
from ansible_collections.byok.aws.plugins.module_utils._kms.material.find import needs_tags
from ansible_collections.byok.aws.plugins.module_utils._kms.material.plan import make_plan
from ansible_collections.byok.aws.plugins.module_utils._kms.material.plan import still_missing
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import in_days
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import marked
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import match
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import mismatch
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import unknown

OPERATIONS = {
    "delete": "DeleteImportedKeyMaterial",
    "disable": "DisableKey",
    "forget": "UntagResource",
    "mark": "TagResource",
    "lift": "UntagResource",
    "import": "ImportKeyMaterial",
    "prove": "ImportKeyMaterial",
    "refresh": "ImportKeyMaterial",
    "remember": "TagResource",
    "renew": "ImportKeyMaterial",
    "restore": "ImportKeyMaterial",
}
LETTERS = {A: " A", B: " B", C: " C", None: ""}
# Descriptions that carry a fingerprint: of A, of A imported while the key was Disabled, and so on.
OF_A, OF_B, OF_C = marked(MARK_A), marked(MARK_B), marked(MARK_C)
OF_A_DISABLED = marked(MARK_A, disabled=True)
SAME = "not looked at"


@dataclass(frozen=True)
class Row:
    """What goes in; and after do: what comes out.

    state: of the key afterwards. sent, text: expiration and description of the import. seconds: unusable.
    """

    name: str
    wanted: Request
    found: Key
    evidence: Evidence = NO_EVIDENCE
    do: tuple[str, ...] = ()
    state: str = ENABLED
    sent: Expiration | None = None
    text: str | None = SAME
    others: tuple[str, ...] = ()
    skip: str | None = None
    refusal: tuple[str, ...] = ()
    warns: tuple[str, ...] = ()
    seconds: float | None = 0.0
    type: str | None = "EXISTING_KEY_MATERIAL"

    @property
    def plan(self) -> Plan:
        return make_plan(self.wanted, self.found, self.evidence)


def absent(**fields):
    return request(state="absent", **fields)


def proved(**fields):
    """A deletion for which the caller shows that he can restore the material."""
    return absent(offered="plaintext", **fields)


def wrapped(**fields):
    return request(offered="wrapped", **fields)


def prepared(state="reimported", **fields):
    """The change with what an earlier run has kept; the file may say which material it is, and proves nothing."""
    return request(state=state, offered="prepared", preparation="change", **fields)


def own(letter_id=A, mark=OF_A, **fields):
    return material(letter_id, description=mark, **fields)


# Keys that come back often.
ROTATED = key(old(A, description=OF_A), own(B, OF_B))
OLD_GONE = pending(gone(old(A, description=OF_A)), own(B, OF_B))
BOTH_GONE = pending(gone(old(A, description=OF_A)), gone(own(B, OF_B)))
STAGED = key(own(), staged(C, description=OF_C))
UNLISTED = key(current_key_material_id=A, unread=(("ListKeyRotations", "AccessDeniedException"),))
UNREAD = key(current_key_material_id=A, expiration=DOES_NOT_EXPIRE)
DELETION_STATES = ("PendingDeletion", "PendingReplicaDeletion")
GONE = {"state": PENDING_IMPORT, "seconds": None}

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

MR = {"multi_region_type": "REPLICA"}
BY_ID = Evidence("match", "key_material_id", A)

PRESENT = [
    # First imports.
    Row("first", request(), empty(), unknown(), do=("import",), sent=DOES_NOT_EXPIRE, text=OF_A, type=None),
    Row(
        "first, with everything",
        request(description="vault 7", valid_to=NOW + 9 * DAY),
        empty(),
        unknown(),
        do=("import",),
        sent=in_days(9),
        text=f"vault 7 {OF_A}",
        type=None,
    ),
    Row("first, valid_for", request(valid_for=9 * DAY), empty(), unknown(), do=("import",), sent=in_days(9), type=None),
    Row(
        "first, wrapped",
        wrapped(description="vault 7"),
        empty(),
        do=("import",),
        sent=DOES_NOT_EXPIRE,
        text="vault 7",
        type=None,
    ),
    Row("first, primary", request(), empty(multi_region_type="PRIMARY"), unknown(), do=("import",), type=None),
    # As it should be.
    Row("present", request(), key(own()), match()),
    Row("present, expiring", request(), key(own(expiration=in_days(9))), match()),
    Row("present, same instant", request(valid_to=NOW + 9 * DAY), key(own(expiration=in_days(9))), match()),
    Row("present, life long enough", request(valid_for=9 * DAY), key(own(expiration=in_days(4))), match()),
    Row("present, never", request(expiration_model=NEVER), key(own()), match()),
    Row("present, text", request(description="vault"), key(own(A, marked(MARK_A, "vault"))), match()),
    Row("present, disabled", request(), key(own(), key_state=DISABLED), match(), state=DISABLED),
    Row("present, rotated, the old one", request(), ROTATED, match(A)),
    Row("present, staged", request(), STAGED, match(C, fingerprint=MARK_C)),
    Row("present, by ID", wrapped(key_material_id=A), key(material()), BY_ID),
    Row("present, replica", request(), key(own(), **MR), match()),
    Row("present, HMAC", request(), hmac_key(), match(None, "mac", None)),
    Row("present, RSA", request(), rsa_key(), match(None, "public_key", None)),
    Row(
        "present, RSA disabled", request(), rsa_key(key_state=DISABLED), match(None, "public_key", None), state=DISABLED
    ),
    # Loaded, but with another expiry or text: renewed in place, without a deletion.
    Row(
        "renewed, instant",
        request(valid_to=NOW + 9 * DAY),
        key(own(expiration=in_days(8))),
        match(),
        do=("renew A",),
        sent=in_days(9),
        text=None,
    ),
    Row(
        "renewed, life",
        request(valid_for=9 * DAY),
        key(own(expiration=in_days(2))),
        match(),
        do=("renew A",),
        sent=in_days(9),
    ),
    Row(
        "renewed, early",
        request(valid_for=9 * DAY, renew_before=5 * DAY),
        key(own(expiration=in_days(4))),
        match(),
        do=("renew A",),
        sent=in_days(9),
    ),
    Row("renewed, from never", request(valid_for=9 * DAY), key(own()), match(), do=("renew A",), sent=in_days(9)),
    Row(
        "renewed, to never",
        request(expiration_model=NEVER),
        key(own(expiration=in_days(9))),
        match(),
        do=("renew A",),
        sent=DOES_NOT_EXPIRE,
    ),
    Row(
        "renewed, text",
        request(description="vault 8"),
        key(own(A, marked(MARK_A, "vault 7"), expiration=in_days(9))),
        match(),
        do=("renew A",),
        sent=in_days(9),
        text=f"vault 8 {OF_A}",
    ),
    Row(
        "renewed, text taken away",
        request(description=""),
        key(own(A, marked(MARK_A, "vault 7"))),
        match(),
        do=("renew A",),
        text=OF_A,
    ),
    Row(
        "renewed, the old one",
        request(valid_to=NOW + 9 * DAY),
        ROTATED,
        match(A),
        do=("renew A",),
        sent=in_days(9),
    ),
    Row(
        "renewed, by ID",
        wrapped(key_material_id=A, valid_to=NOW + 9 * DAY),
        key(material()),
        BY_ID,
        do=("renew A",),
        sent=in_days(9),
        text=None,
    ),
    Row(
        "renewed, staged",
        request(valid_to=NOW + 9 * DAY),
        STAGED,
        match(C, fingerprint=MARK_C),
        do=("refresh C",),
        sent=in_days(9),
    ),
    Row(
        "renewed, staged and expired",
        request(valid_to=NOW + 9 * DAY),
        key(own(), staged(C, description=OF_C, expiration=in_days(-1))),
        match(C, fingerprint=MARK_C),
        do=("refresh C",),
        sent=in_days(9),
    ),
    Row(
        "renewed, replica",
        request(valid_to=NOW + 9 * DAY),
        key(own(), **MR),
        match(),
        do=("renew A",),
        sent=in_days(9),
        text=None,
        type=None,
    ),
    Row(
        "renewed, HMAC",
        request(valid_to=NOW + 9 * DAY),
        hmac_key(),
        match(None, "mac", None),
        do=("renew",),
        sent=in_days(9),
        text=None,
        type=None,
    ),
    # Gone: restored.
    Row("restored", request(), pending(gone(own())), match(), do=("restore A",), sent=DOES_NOT_EXPIRE, text=None),
    Row(
        "restored, with expiry",
        request(valid_for=9 * DAY),
        pending(gone(own())),
        match(),
        do=("restore A",),
        sent=in_days(9),
    ),
    Row(
        "restored after its expiry, still listed",
        request(),
        pending(own(expiration=in_days(-1))),
        match(),
        do=("restore A",),
        sent=DOES_NOT_EXPIRE,
    ),
    # The clock of KMS decides, whatever the list and an older answer of DescribeKey say.
    Row("restored, list lags", request(), pending(own()), match(), do=("restore A",), sent=DOES_NOT_EXPIRE),
    Row("restored, the old one", request(), OLD_GONE, match(A), do=("restore A",)),
    Row(
        "restored, one of two",
        request(),
        BOTH_GONE,
        match(B, fingerprint=MARK_B),
        do=("restore B",),
        state=PENDING_IMPORT,
        warns=("PendingImport", A),
    ),
    Row(
        "present, another one missing",
        request(),
        OLD_GONE,
        match(B, fingerprint=MARK_B),
        state=PENDING_IMPORT,
        warns=("PendingImport", A),
    ),
    Row("restored, replica", request(), pending(gone(own()), **MR), match(), do=("restore A",), text=None, type=None),
    Row(
        "staged on a replica",
        request(),
        key(own(), gone(staged(C, description=OF_C)), **MR),
        match(C, fingerprint=MARK_C),
        do=("refresh C",),
        text=None,
        type=None,
    ),
    Row(
        "restored, HMAC",
        request(),
        hmac_key(key_state=PENDING_IMPORT),
        do=("restore",),
        sent=DOES_NOT_EXPIRE,
        text=None,
        type=None,
    ),
    Row(
        "restored, RSA, wrapped",
        wrapped(valid_to=NOW + 9 * DAY),
        rsa_key(key_state=PENDING_IMPORT),
        do=("restore",),
        sent=in_days(9),
        type=None,
    ),
    # Imported by another tool: KMS proves it, and the fingerprint is recorded on the way.
    Row(
        "adopted",
        request(),
        key(material(A, expiration=in_days(9))),
        unknown(),
        do=("prove A",),
        sent=in_days(9),
        text=OF_A,
    ),
    Row(
        "adopted, text kept",
        request(),
        key(material(A, description="vault 7")),
        unknown(),
        do=("prove A",),
        text=f"vault 7 {OF_A}",
    ),
    Row(
        "adopted, text without room",
        request(),
        key(material(A, description="x" * 250)),
        unknown(),
        do=("prove A",),
        text=None,
    ),
    Row("adopted, gone", request(), pending(), unknown(), do=("restore A",), text=OF_A),
    Row(
        "adopted, several",
        request(),
        key(old(A), material(B)),
        unknown(),
        do=("prove B",),
        others=("prove A",),
        text=OF_A,
    ),
    Row("adopted, one left to ask", request(), key(old(A), own(B, OF_B)), unknown(), do=("prove A",), text=OF_A),
    Row("adopted, named", request(key_material_id=A), key(old(A), material(B)), unknown(), do=("prove A",)),
    Row("adopted, replica", request(), key(material(), **MR), unknown(), do=("prove A",), text=None, type=None),
    Row(
        "adopted, HMAC without permission",
        request(),
        hmac_key(expiration=in_days(9)),
        do=("prove",),
        sent=in_days(9),
        text=None,
        type=None,
    ),
    Row("adopted, HMAC, wrapped", wrapped(), hmac_key(), do=("prove",), type=None),
    Row("wrapped, which of several", wrapped(), ROTATED, refusal=(ALIAS, "key_material_id")),
    Row("wrapped, which of several, forced", wrapped(force=True), ROTATED, refusal=(ALIAS, "key_material_id")),
    # Other bytes: KMS would refuse them, and so does the plan.
    Row("other", request(), key(own()), mismatch(), refusal=(ALIAS, "not the one", "rotate")),
    Row(
        "other, gone",
        request(),
        pending(gone(own())),
        mismatch(),
        state=PENDING_IMPORT,
        refusal=(ALIAS, "not the one"),
    ),
    Row("other, forced", request(force=True), key(own()), mismatch(), do=("prove A",)),
    Row("other, HMAC", request(), hmac_key(), mismatch("mac", None), refusal=(ALIAS, "new key", "alias")),
    Row("other, RSA", request(), rsa_key(), mismatch("public_key", None), refusal=(ALIAS, "new key", "alias")),
    Row("other, RSA, forced", request(force=True), rsa_key(), mismatch("public_key", None), do=("prove",), type=None),
    Row(
        "other, all known, none named",
        request(),
        key(own(A, OF_B), staged(C, description=OF_C)),
        mismatch(),
        refusal=(ALIAS, "not the one"),
    ),
    # A Disabled key stays Disabled.
    Row(
        "disabled, renewed",
        request(valid_to=NOW + 9 * DAY),
        key(own(), key_state=DISABLED),
        match(),
        do=("remember", "renew A", "disable", "forget"),
        state=DISABLED,
        sent=in_days(9),
        text=OF_A_DISABLED,
        warns=("enables a key at every import", ALIAS),
    ),
    Row(
        "disabled, adopted",
        request(),
        key(material(), key_state=DISABLED),
        unknown(),
        do=("remember", "prove A", "disable", "forget"),
        state=DISABLED,
        text=OF_A_DISABLED,
        warns=("enables a key at every import", ALIAS),
    ),
    Row(
        "disabled, renewed, replica",
        request(valid_to=NOW + 9 * DAY),
        key(own(), key_state=DISABLED, **MR),
        match(),
        do=("remember", "renew A", "disable", "forget"),
        state=DISABLED,
        text=None,
        type=None,
        warns=("enables",),
    ),
    Row(
        "disabled, renewed, HMAC",
        request(valid_to=NOW + 9 * DAY),
        hmac_key(key_state=DISABLED),
        do=("remember", "prove", "disable", "forget"),
        state=DISABLED,
        type=None,
        warns=("enables",),
    ),
    Row(
        "disabled, renewed, RSA",
        request(valid_to=NOW + 9 * DAY),
        rsa_key(key_state=DISABLED),
        match(None, "public_key", None),
        do=("remember", "renew", "disable", "forget"),
        state=DISABLED,
        type=None,
        warns=("enables",),
    ),
    Row(
        "disabled, HMAC not to be proved",
        request(),
        hmac_key(key_state=DISABLED),
        state=DISABLED,
        warns=(ALIAS, "Disabled", "force"),
    ),
    Row(
        "disabled, HMAC, forced",
        request(force=True),
        hmac_key(key_state=DISABLED),
        do=("remember", "prove", "disable", "forget"),
        state=DISABLED,
        type=None,
        warns=("enables",),
    ),
    Row(
        "disabled, wrapped",
        wrapped(key_material_id=A, valid_to=NOW + 9 * DAY),
        key(material(), key_state=DISABLED),
        BY_ID,
        do=("remember", "renew A", "disable", "forget"),
        state=DISABLED,
        warns=("enables",),
    ),
    # What a crash left behind is finished.
    Row(
        "crashed after the import",
        request(),
        key(own(A, OF_A_DISABLED), restore_state=DISABLED),
        match(),
        do=("disable", "forget"),
        state=DISABLED,
        warns=("earlier run", ALIAS),
    ),
    Row(
        "crashed before the import, or after the disabling",
        request(),
        key(own(), key_state=DISABLED, restore_state=DISABLED),
        match(),
        do=("forget",),
        state=DISABLED,
    ),
    Row(
        "crashed before the import, still to do",
        request(valid_to=NOW + 9 * DAY),
        key(own(), key_state=DISABLED, restore_state=DISABLED),
        match(),
        do=("renew A", "disable", "forget"),
        state=DISABLED,
        text=OF_A_DISABLED,
        warns=("enables",),
    ),
    Row(
        "crashed after the import, more to do",
        request(valid_to=NOW + 9 * DAY),
        key(own(A, OF_A_DISABLED), restore_state=DISABLED),
        match(),
        do=("renew A", "disable", "forget"),
        state=DISABLED,
        text=None,
        warns=("enables",),
    ),
    Row(
        "crashed between deletion and import",
        request(),
        pending(gone(own()), restore_state=DISABLED),
        match(),
        do=("restore A", "disable", "forget"),
        state=DISABLED,
        text=OF_A_DISABLED,
        warns=("enables",),
    ),
    Row(
        "crashed, one of two is back: KMS does not disable yet",
        request(),
        replace(BOTH_GONE, restore_state=DISABLED),
        match(B, fingerprint=MARK_B),
        do=("restore B",),
        state=PENDING_IMPORT,
        warns=("PendingImport", A),
    ),
    Row(
        "crashed, both are back",
        request(),
        replace(OLD_GONE, restore_state=DISABLED),
        match(A),
        do=("restore A", "disable", "forget"),
        state=DISABLED,
        warns=("enables",),
    ),
    Row(
        "crashed, HMAC deleted",
        request(),
        hmac_key(key_state=PENDING_IMPORT, restore_state=DISABLED),
        do=("restore", "disable", "forget"),
        state=DISABLED,
        type=None,
        warns=("enables",),
    ),
    Row(
        "crashed, HMAC imported",
        request(),
        hmac_key(restore_state=DISABLED),
        match(None, "mac", None),
        do=("disable", "forget"),
        state=DISABLED,
        warns=("earlier run",),
    ),
    Row(
        "another tag",
        request(),
        key(own(), restore_state="Enabled"),
        match(),
    ),
]

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

ROWS = ABSENT + PRESENT + PREPARED + HOPELESS


def rows(*tables, where=lambda row: True):
    chosen = [row for table in tables for row in table if where(row)]
    return pytest.mark.parametrize("row", chosen, ids=lambda row: row.name)


def written(step):
    return f"{step.purpose}{LETTERS[step.key_material_id]}"


def changes(row):
    return bool(row.do)


@rows(ROWS)
def test_steps(row):
    plan = row.plan
    assert tuple(written(step) for step in plan.steps) == row.do
    assert plan.operations == tuple(OPERATIONS[one.split()[0]] for one in row.do)
    assert plan.to_do is bool(row.do)
    # A cut-off also sends deletions to be sure, which change nothing that KMS shows.
    sure = row.wanted.all_materials and row.skip and "mark" not in row.do
    assert plan.changed is (bool(row.do) and not sure)
    assert plan.imports is ("ImportKeyMaterial" in plan.operations)
    assert plan.evidence == row.evidence


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
            assert step.import_type in (None, "EXISTING_KEY_MATERIAL")
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
    PRESENT,
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
