# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A row of the table of plans, and keys and requests that come back often in it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import ENABLED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NO_EVIDENCE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PENDING_IMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Expiration
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Plan
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Request
from ansible_collections.byok.aws.plugins.module_utils._kms.material.plan import make_plan
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import marked
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged

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
    "rotate": "RotateKeyOnDemand",
    "stage": "ImportKeyMaterial",
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
    waits_for: the material that a rotation under way makes current.
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
    waits_for: str | None = None

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


def written(step):
    return f"{step.purpose}{LETTERS[step.key_material_id]}"
