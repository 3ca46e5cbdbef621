# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for state current: the key encrypts with the given material. Symmetric keys only. Pure.

Source: KMS Developer Guide, "Rotating imported key material"; KMS API Reference, RotateKeyOnDemand.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ..key import descriptions
from ..key import lifetimes
from ..key import models
from ..key.expiry import wanted_expiration
from ..key.models import Evidence
from ..key.models import Expiration
from ..key.models import Key
from ..key.models import Material
from ..key.models import Plan
from ..key.models import Request
from ..key.models import Step
from .plan_present import first_import
from .plan_present import proved
from .plan_present import recognised

_START_ROTATION = Step("RotateKeyOnDemand", "rotate")
# The longest rotation ever seen took 460 seconds.
SHORTEST_VALIDITY = timedelta(minutes=15)


def plan_current(request: Request, key: Key, evidence: Evidence) -> Plan:
    """Import as the first material, stage and rotate, continue the work of an earlier run, or do nothing."""
    impossible = _impossible(request, key) or _not_the_named(request, key, evidence)
    if impossible:
        return Plan(refusal=impossible, forceable=False)
    if key.never_imported:
        return Plan(steps=(first_import(request, key, evidence),))
    entry = key.material(request.key_material_id or evidence.key_material_id)
    if entry is not None and entry.permanent:
        return _permanent(request, key, entry, evidence)
    never = _never(request, key)
    if never:
        return Plan(refusal=never, forceable=False)
    plan = _staging(request, key, evidence) if entry is None else _rotating(request, key, entry, evidence)
    if plan.forceable:
        return replace(plan, refusal=plan.refusal or _spent(request, key))
    # A refusal that KMS would give anyway comes first, unless force tries it.
    return plan if request.force else replace(plan, refusal=_spent(request, key) or plan.refusal)


def _not_the_named(request: Request, key: Key, evidence: Evidence) -> str | None:
    """Why the bytes are not the material with the ID in the request, or None. New bytes have no ID yet."""
    named = request.key_material_id
    if named is None:
        return None
    if key.material(named) is None:
        return (
            f"the key {request.key_id} has no material {named}; KMS assigns an ID to new bytes in the import; "
            "leave key_material_id out to rotate to these bytes"
        )
    if evidence.verdict == "mismatch":
        return (
            f"the material given is not {named}, the key_material_id for the key {request.key_id}; nothing was "
            "changed; give the bytes of that material, or leave key_material_id out to rotate to these bytes"
        )
    return None


def _seen(evidence: Evidence) -> bool:
    """Whether the bytes were compared. An ID from the task is not a proof."""
    return evidence.verdict == "match" and evidence.method != "key_material_id"


def _permanent(request: Request, key: Key, entry: Material, evidence: Evidence) -> Plan:
    """The plan for bytes that are or were current, by a proof or by the ID in the request."""
    if entry.key_material_state != models.CURRENT:
        return Plan(refusal=_no_way_back(request, entry), forceable=False)
    if key.rotation_started is not None and key.staged is not None:
        return Plan(refusal=_on_its_way_out(request, entry, key.staged), forceable=False)
    # Wrapped material is recognised by its ID only; an import in every run would prove nothing more.
    if _seen(evidence) or request.offered == "wrapped":
        return recognised(request, key, entry, evidence)
    return proved(request, key, entry, evidence)


def _impossible(request: Request, key: Key) -> str | None:
    if not key.symmetric:
        return (
            f"the {key.key_spec} key {request.key_id} keeps its one material for life; to use new bytes, create "
            "a new key and move the alias to it (strategy alias of the role byok.aws.kms_material_rotation)"
        )
    if key.replica:
        return f"{request.key_id} is a replica; a multi-Region key is rotated in the Region of its primary key"
    return None


def _no_way_back(request: Request, entry: Material) -> str:
    meant = "named" if request.key_material_id else "given"
    return (
        f"the material {meant} is {entry.key_material_id}, which was current on the key {request.key_id} before; KMS "
        "does not rotate back to it; it still decrypts what it encrypted; give new bytes, or create a new key for these"
    )


def _on_its_way_out(request: Request, entry: Material, successor: Material) -> str:
    return (
        f"the key {request.key_id} is being rotated from the material {entry.key_material_id}, which is the one "
        f"{'named' if request.key_material_id else 'given'}, to {successor.key_material_id}; KMS does not rotate back; "
        "wait for the end of that rotation, and give new bytes"
    )


def _never(request: Request, key: Key) -> str | None:
    """Why KMS refuses every rotation of this key, also with force, or None."""
    if key.missing:
        missing = ", ".join(entry.key_material_id for entry in key.missing)
        return (
            f"the key {request.key_id} lacks material that it had ({missing}); KMS rotates it only after this material "
            "is imported again (state present)"
        )
    if key.key_state == models.DISABLED or key.restore_state == models.DISABLED:
        return f"the key {request.key_id} is Disabled, and KMS rotates enabled keys only; enable it first"
    return None


def _spent(request: Request, key: Key) -> str | None:
    """Why KMS would refuse another rotation because of its limit, or None."""
    if key.rotations_left == 0:
        return (
            f"the {models.ON_DEMAND_ROTATION_LIMIT} on-demand rotations of the key {request.key_id} are used up; "
            "create a new key and move the alias to it"
        )
    return None


def _staging(request: Request, key: Key, evidence: Evidence) -> Plan:
    """New bytes: import them beside the current ones, then rotate to them."""
    request, unsaid = lifetimes.for_new(request, key)
    if unsaid:
        return Plan(refusal=unsaid, forceable=False)
    expiration, _differs = wanted_expiration(request, None, key.now)
    stage = Step(
        "ImportKeyMaterial",
        "stage",
        import_type=models.NEW,
        description=descriptions.compose(request.description, evidence.fingerprint, lifetime=request.valid_for),
        expiration=expiration,
    )
    steps: tuple[Step, ...] = (stage, _START_ROTATION)
    staged = key.staged
    if staged is not None:
        delete = Step("DeleteImportedKeyMaterial", "delete", staged.key_material_id)
        refusal = (
            f"other material ({staged.key_material_id}) is staged on the key {request.key_id} and waits for its "
            "rotation; rotate to that first, or use force to delete it; if it is the material given, set "
            "key_material_id to this ID to have that proved"
        )
        return _unless(_replicas_lack(request, key), Plan(steps=(delete, *steps), refusal=refusal))
    return _unless(_replicas_lack(request, key), Plan(steps=steps, refusal=_too_short(request, key, expiration)))


def _unless(never: str | None, plan: Plan) -> Plan:
    """The plan, or the reason why KMS would refuse it, forced or not."""
    return Plan(refusal=never, forceable=False) if never else plan


def _rotating(request: Request, key: Key, entry: Material, evidence: Evidence) -> Plan:
    """The plan for bytes that are already staged. An import before the rotation proves that they are the same."""
    plan = (recognised if _seen(evidence) else proved)(request, key, entry, evidence)
    if plan.refusal:
        return plan
    before = plan.steps
    if key.rotation_started is not None:
        refusal = _too_short(request, key, before[0].expiration) if before else None
        return Plan(steps=before, waits_for=entry.key_material_id, refusal=refusal)
    expiration = before[0].expiration if before else entry.expiration
    lacking = _replicas_lack(request, key) if entry.key_material_state == models.PENDING_MULTI_REGION else None
    return _unless(lacking, Plan(steps=(*before, _START_ROTATION), refusal=_too_short(request, key, expiration)))


def _too_short(request: Request, key: Key, expiration: Expiration | None) -> str | None:
    if expiration is None or expiration.valid_to is None:
        return None
    needed = max(SHORTEST_VALIDITY, timedelta(seconds=request.wait_timeout))
    if expiration.valid_to - key.now >= needed:
        return None
    return (
        f"the material would expire {expiration.valid_to.isoformat()}, possibly before the end of the rotation of the "
        f"key {request.key_id}; the whole key would become unusable then, also for old data; give a later valid_to"
    )


def _replicas_lack(request: Request, key: Key) -> str | None:
    lacking = [region for region in key.replica_regions if region not in request.regions]
    if not lacking:
        return None
    return (
        f"replicas of the multi-Region key {request.key_id} ({', '.join(lacking)}) lack this material; KMS rotates "
        "only when every replica has it; use regions: all"
    )
