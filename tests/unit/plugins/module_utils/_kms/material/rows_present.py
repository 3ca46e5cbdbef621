# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of plans: state present and state reimported."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DISABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NEVER
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_IMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
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
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import BOTH_GONE
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OF_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OF_A_DISABLED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OF_B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OF_C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import OLD_GONE
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import ROTATED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import STAGED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import Row
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import own
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.material.plan_rows import wrapped

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
