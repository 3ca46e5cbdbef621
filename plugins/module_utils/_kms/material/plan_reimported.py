# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for state reimported: delete the material and import it again. Pure.

Every problem with the import must show before the deletion. An import of the same bytes into an Enabled key interrupts
nothing and proves the material, the token and the permission to import. With a preparation it proves the same blob and
token that are imported after the deletion.
"""

from __future__ import annotations

from ..key import descriptions
from ..key import lifetimes
from ..key import models
from ..key.expiry import wanted_expiration
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Material
from ..key.models import Plan
from ..key.models import Request
from ..key.models import Step
from ..key.outage import predicted_seconds
from .plan_present import existing_import
from .plan_present import first_import
from .plan_present import is_loaded
from .plan_present import mismatch_sentence
from .plan_present import new_description


def plan_reimported(request: Request, key: Key, evidence: Evidence) -> Plan:
    """Prove, delete, import. A key that is already empty needs only the import."""
    if evidence.verdict == "mismatch":
        return Plan(refusal=mismatch_sentence(request, key), forceable=False, reason=models.OTHER_MATERIAL)
    if key.never_imported:
        return Plan(steps=(first_import(request, key, evidence),))
    if not key.symmetric:
        return _single(request, key, evidence)
    entry = _target(request, key, evidence)
    if entry is None:
        return Plan(
            refusal=f"the key {request.key_id} has several materials, and nothing shows which one this is; set "
            "key_material_id",
            forceable=False,
        )
    if not entry.permanent:
        return Plan(
            refusal=f"the key material {entry.key_material_id} is staged on the key {request.key_id} and not in use; "
            "deleting and importing it would have no effect",
            forceable=False,
        )
    return _listed(request, key, entry, evidence)


def _target(request: Request, key: Key, evidence: Evidence) -> Material | None:
    """The material that the request means, or None when it is not known."""
    known = request.key_material_id or evidence.key_material_id
    if known:
        return key.material(known)
    unmarked = [
        entry
        for entry in key.materials
        if entry.permanent and evidence.may_be(descriptions.split(entry.description)[1])
    ]
    return unmarked[0] if len(unmarked) == 1 else None


def _listed(request: Request, key: Key, entry: Material, evidence: Evidence) -> Plan:
    loaded = is_loaded(key, entry)
    request, _problem = lifetimes.for_existing(request, key, entry, loaded)
    expiration, _differs = wanted_expiration(request, entry.expiration if loaded else None, key.now)
    description = new_description(request, key, entry, evidence)
    restore = existing_import(key, "restore", entry.key_material_id, expiration, description)
    if not loaded:
        return Plan(steps=(restore,))
    prove = existing_import(key, "prove", entry.key_material_id, entry.expiration, description)
    plan = _reimport(key, evidence, prove, restore, entry.key_material_id)
    if entry.key_material_state == models.NON_CURRENT and not request.key_material_id:
        return Plan(
            steps=plan.steps,
            refusal=f"the material given is {entry.key_material_id}, which is NON_CURRENT on the key {request.key_id}; "
            "the whole key is unusable until it is imported again; set key_material_id to this ID to do that",
            unavailable_seconds=plan.unavailable_seconds,
        )
    return plan


def _single(request: Request, key: Key, evidence: Evidence) -> Plan:
    loaded = key.key_state in (models.ENABLED, models.DISABLED)
    expiration, _differs = wanted_expiration(request, key.expiration if loaded else None, key.now)
    restore = existing_import(key, "restore", None, expiration)
    if not loaded:
        return Plan(steps=(restore,))
    prove = existing_import(key, "prove", None, key.expiration)
    return _reimport(key, evidence, prove, restore, None)


def _reimport(key: Key, evidence: Evidence, prove: Step, restore: Step, key_material_id: str | None) -> Plan:
    steps = [Step("DeleteImportedKeyMaterial", "delete", key_material_id), restore]
    # Only an import can prove wrapped material; its ID in the task or in a file proves nothing. An import enables a
    # Disabled key for a moment, so material that is already proved is not proved again there.
    proved = evidence.verdict == "match" and evidence.method != "key_material_id"
    if key.enabled or not proved:
        steps.insert(0, prove)
    return Plan(steps=tuple(steps), unavailable_seconds=predicted_seconds(key, steps))
