# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for state absent: delete imported key material. Pure."""

from __future__ import annotations

from ..key import models
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Material
from ..key.models import Plan
from ..key.models import Request
from ..key.models import Step
from .plan_present import existing_import

_EMPTY_STATES = (models.PENDING_IMPORT,) + models.DELETION_STATES


def plan_absent(request: Request, key: Key, evidence: Evidence) -> Plan:
    """Delete one material, every loaded one, or the current one."""
    if request.all_materials:
        plan = _cut_off(request, key)
    elif request.key_material_id:
        plan = _named(request, key, request.key_material_id)
    else:
        plan = _current(key)
    if not request.offered:
        return plan
    return _proved_first(request, key, evidence, plan)


def _current(key: Key) -> Plan:
    if key.key_state in _EMPTY_STATES:
        return Plan(skip_reason=key.key_state)
    # On symmetric keys the ID is explicit, so that a rotation in the meantime cannot change the target.
    return _deleting(key, (key.current_key_material_id,))


def _named(request: Request, key: Key, key_material_id: str) -> Plan:
    if not key.symmetric:
        return Plan(
            refusal=f"the {key.key_spec} key {request.key_id} has one material, without an ID; omit key_material_id",
            forceable=False,
        )
    entry = key.material(key_material_id)
    if entry is None:
        warning = f"the key {request.key_id} has no material {key_material_id}; it was deleted, or never imported"
        return Plan(skip_reason=models.NOT_IMPORTED, warnings=(warning,))
    if not held(key, entry):
        return Plan(skip_reason=models.NOT_IMPORTED)
    plan = _deleting(key, (key_material_id,))
    if entry.key_material_state == models.NON_CURRENT:
        return _refused(request, plan, key_material_id)
    return plan


def _refused(request: Request, plan: Plan, key_material_id: str) -> Plan:
    sentence = (
        f"the key material {key_material_id} is NON_CURRENT; without it the whole key {request.key_id} becomes "
        "PendingImport, and nothing can be encrypted or decrypted with it, not even with the current material; keep "
        "it, or use force to delete it"
    )
    return Plan(steps=plan.steps, refusal=sentence, unavailable_seconds=plan.unavailable_seconds)


def _cut_off(request: Request, key: Key) -> Plan:
    """Delete every material that KMS may hold, and set the tag that prevents further imports.

    The deletion of every permanent material is always sent: between the deletion and the import of another run the key
    looks as empty as one that was cut off.
    """
    if not key.symmetric:
        targets: list[Material | None] = [None]
    else:
        # The current one first: without it the key is unusable.
        entries = [entry for entry in key.materials if entry.permanent or held(key, entry)]
        targets = [*sorted(entries, key=lambda entry: entry.key_material_state != models.CURRENT)] or [None]
    steps = [_sure_deletion(key, target) for target in targets]
    lost = any(step.changes for step in steps)
    interrupts = any(step.changes and not _is_staged(key, step.key_material_id) for step in steps)
    if key.cut_off is None and key.key_state not in models.DELETION_STATES:
        steps.append(Step("TagResource", "mark"))
    return Plan(
        steps=tuple(steps),
        skip_reason=None if lost else _emptiness(key),
        warnings=_cut_off_warnings(request, key),
        unavailable_seconds=None if interrupts else 0.0,
    )


def _sure_deletion(key: Key, entry: Material | None) -> Step:
    # Without a list, or in PendingDeletion without an ID, nothing shows whether KMS holds the bytes.
    there = held(key, entry) if entry is not None else key.key_state != models.PENDING_IMPORT
    named = entry.key_material_id if entry is not None else None
    return Step("DeleteImportedKeyMaterial", "delete", named, changes=there)


def _emptiness(key: Key) -> str:
    return key.key_state if key.key_state in _EMPTY_STATES else models.NOT_IMPORTED


def _cut_off_warnings(request: Request, key: Key) -> tuple[str, ...]:
    if key.key_state not in models.DELETION_STATES:
        return ()
    warning = (
        f"the key {request.key_id} is {key.key_state} and cannot get a tag; if its deletion is cancelled, nothing "
        "prevents another import of its material"
    )
    return (warning,)


def held(key: Key, entry: Material) -> bool:
    """Whether KMS may hold the bytes. Deleting material that KMS does not hold is harmless."""
    return entry.loaded(key.now)


def _deleting(key: Key, key_material_ids: tuple[str | None, ...]) -> Plan:
    steps = tuple(Step("DeleteImportedKeyMaterial", "delete", one) for one in key_material_ids)
    only_staged = all(_is_staged(key, one) for one in key_material_ids)
    return Plan(steps=steps, unavailable_seconds=0.0 if only_staged else None)


def _is_staged(key: Key, key_material_id: str | None) -> bool:
    entry = key.material(key_material_id)
    return entry is not None and not entry.permanent


def _proved_first(request: Request, key: Key, evidence: Evidence, plan: Plan) -> Plan:
    """The plan when the task also gives the material: it must be the material to delete, so that it can be restored."""
    lost = [step for step in plan.steps if step.operation == "DeleteImportedKeyMaterial" and step.changes]
    if not lost:
        # No material would be lost, and a proof by import would load material that must stay deleted.
        return plan
    target = lost[0].key_material_id
    if evidence.verdict == "mismatch" or (evidence.key_material_id and evidence.key_material_id != target):
        return Plan(
            steps=plan.steps,
            refusal=f"the material given is not the one that the key {request.key_id} holds, so it could not restore "
            "the key after the deletion; give the right material, no material, or use force",
            unavailable_seconds=plan.unavailable_seconds,
        )
    if evidence.verdict == "match":
        return plan
    if key.key_state in models.DELETION_STATES:
        return Plan(
            steps=plan.steps,
            refusal=f"the key {request.key_id} is {key.key_state}, and in this state nothing proves that it holds the "
            "material given; leave the material out, or use force",
            unavailable_seconds=plan.unavailable_seconds,
        )
    current = key.material(target)
    proof = existing_import(key, "prove", target, (current.expiration if current else key.expiration))
    enabling = (f"the proof of the material enables the Disabled key {request.key_id} until the material is deleted",)
    return Plan(
        steps=(proof, *plan.steps),
        refusal=plan.refusal,
        warnings=enabling if key.key_state == models.DISABLED else (),
        unavailable_seconds=plan.unavailable_seconds,
    )
