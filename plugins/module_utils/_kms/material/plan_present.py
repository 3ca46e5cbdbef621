# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for state present: KMS holds the given material, with the given expiry. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..key import descriptions
from ..key import lifetimes
from ..key import models
from ..key.expiry import wanted_expiration
from ..key.models import DOES_NOT_EXPIRE
from ..key.models import Evidence
from ..key.models import Expiration
from ..key.models import Key
from ..key.models import Material
from ..key.models import Plan
from ..key.models import Request
from ..key.models import Step


def plan_present(request: Request, key: Key, evidence: Evidence) -> Plan:
    """Import as the first material, import again as the existing one, or do nothing."""
    if evidence.verdict == "mismatch":
        return Plan(
            steps=_blind(request, key, evidence), refusal=mismatch_sentence(request, key), reason=models.OTHER_MATERIAL
        )
    if not key.symmetric:
        return _single(request, key, evidence)
    if key.never_imported:
        return Plan(steps=(first_import(request, key, evidence),))
    if request.offered == "prepared":
        return _prepared(request, key, evidence)
    entry = key.material(evidence.key_material_id) if evidence.verdict == "match" else None
    if entry is not None:
        return recognised(request, key, entry, evidence)
    return _unproved(request, key, evidence)


def _prepared(request: Request, key: Key, evidence: Evidence) -> Plan:
    """The plan for a preparation: import missing material, which KMS compares."""
    entry = key.material(evidence.key_material_id)
    if entry is not None:
        return Plan(steps=aligned(request, key, entry, evidence))
    missing = key.key_state == models.PENDING_IMPORT or key.missing
    if not missing and not request.sets_expiry and request.description is None:
        return Plan()
    return _unproved(request, key, evidence)


def mismatch_sentence(request: Request, key: Key) -> str:
    way_out = (
        "to use new bytes, rotate the key to them"
        if key.symmetric
        else "to use new bytes, create a new key and move the alias to it"
    )
    return (
        f"the material given is not the one that belongs to the key {request.key_id}, which accepts only the bytes "
        f"that it had; give those, or, {way_out}"
    )


def first_import(request: Request, key: Key, evidence: Evidence) -> Step:
    expiration, _differs = wanted_expiration(request, None, key.now)
    description = descriptions.compose(request.description, evidence.fingerprint, lifetime=request.valid_for)
    return Step("ImportKeyMaterial", "import", description=description, expiration=expiration)


def existing_import(
    key: Key,
    purpose: str,
    key_material_id: str | None,
    expiration: Expiration | None,
    description: str | None = None,
) -> Step:
    """An import that KMS accepts only for bytes that the key had. Only primary keys accept a type, an ID and a text."""
    named = key.symmetric and not key.replica
    return Step(
        "ImportKeyMaterial",
        purpose,
        key_material_id=key_material_id if key.symmetric else None,
        import_type=models.EXISTING if named else None,
        description=description if named else None,
        expiration=expiration or DOES_NOT_EXPIRE,
    )


def is_loaded(key: Key, entry: Material) -> bool:
    """Whether KMS holds this material. After an expiry the list can lag behind the key state PendingImport."""
    if key.key_state == models.PENDING_IMPORT and not key.missing and entry.permanent:
        return False
    return entry.loaded(key.now)


def recognised(request: Request, key: Key, entry: Material, evidence: Evidence) -> Plan:
    """The plan for bytes that are proved to be this material."""
    request, problem = lifetimes.for_existing(request, key, entry, is_loaded(key, entry))
    if problem:
        return Plan(refusal=problem, forceable=False)
    return Plan(steps=aligned(request, key, entry, evidence))


def aligned(request: Request, key: Key, entry: Material, evidence: Evidence) -> tuple[Step, ...]:
    """The import that gives known material the requested expiry and text, or nothing when it has them."""
    loaded = is_loaded(key, entry)
    expiration, differs = wanted_expiration(request, entry.expiration if loaded else None, key.now)
    description = new_description(request, key, entry, evidence)
    retext = request.description is not None and descriptions.split(entry.description)[0] != request.description
    # KMS has just identified the material; with the fingerprint the next run need not ask again.
    unmarked = evidence.method == "reimport" and descriptions.split(entry.description)[1] is None
    if loaded and not differs and not ((retext or unmarked) and not key.replica):
        return ()
    purpose = "refresh" if not entry.permanent else "renew" if loaded else "restore"
    return (existing_import(key, purpose, entry.key_material_id, expiration, description),)


def new_description(request: Request, key: Key, entry: Material, evidence: Evidence) -> str | None:
    """The description to send with a reimport, or None when the present one is right."""
    text, mark = descriptions.split(entry.description)
    wanted = text if request.description is None else request.description
    disabled = models.DISABLED in (key.key_state, key.restore_state)
    # An expiry from valid_to or from another tool is not a lifetime.
    lifetime = request.valid_for if request.sets_expiry else lifetimes.lifetime(entry, key.now)
    description = descriptions.compose(wanted, evidence.fingerprint or mark, disabled, lifetime)
    if description is not None and len(description) > descriptions.LONGEST_DESCRIPTION:
        # A text of another tool that leaves no room stays; the next run must prove the material again.
        return None
    return None if description == entry.description else description or ""


def _single(request: Request, key: Key, evidence: Evidence) -> Plan:
    """HMAC and asymmetric keys: one material for life, no list, no ID."""
    loaded = key.key_state in (models.ENABLED, models.DISABLED)
    expiration, differs = wanted_expiration(request, key.expiration if loaded else None, key.now)
    if not loaded:
        return Plan(steps=(existing_import(key, "restore", None, expiration),))
    if (evidence.verdict == "match" or request.offered == "prepared") and not differs:
        return Plan()
    if (
        evidence.verdict == "unknown"
        and not differs
        and not key.enabled
        and not request.force
        and request.offered != "wrapped"
    ):
        return Plan(warnings=(_unprovable(request, key),))
    purpose = "renew" if evidence.verdict == "match" else "prove"
    return Plan(steps=(existing_import(key, purpose, None, expiration),))


def _unprovable(request: Request, key: Key) -> str:
    return (
        f"the material could not be compared with the material of the {key.key_state} key {request.key_id}, because "
        "the only proof, an import, would enable the key; nothing was done; use force to prove it by an import"
    )


def _unproved(request: Request, key: Key, evidence: Evidence) -> Plan:
    """The plan for material of another tool: a reimport compares the bytes and records the fingerprint."""
    named = request.key_material_id
    # It is not known whether KMS accepts staged bytes as existing ones. They come last; a refusal changes nothing.
    unmarked = [entry for entry in key.materials if evidence.may_be(descriptions.split(entry.description)[1])]
    candidates = [entry for entry in key.materials if entry.key_material_id == named] if named else unmarked
    if request.offered == "wrapped":
        return _wrapped(request, key, evidence)
    # Missing materials come first: loaded ones need no import.
    candidates.sort(
        key=lambda entry: (
            not entry.permanent,
            is_loaded(key, entry),
            entry.key_material_state != models.CURRENT,
        )
    )
    plans = [proved(request, key, entry, evidence) for entry in candidates]
    steps = [step for plan in plans for step in plan.steps]
    if not steps:
        mismatch = Plan(refusal=mismatch_sentence(request, key), forceable=False, reason=models.OTHER_MATERIAL)
        return plans[0] if plans else mismatch
    # A request to a replica has no ID: one request covers all candidates.
    alternatives = () if key.replica else tuple(steps[1:])
    return Plan(steps=(replace(steps[0], alternatives=alternatives),))


def _wrapped(request: Request, key: Key, evidence: Evidence) -> Plan:
    if len(key.materials) > 1:
        return Plan(
            refusal=f"the key {request.key_id} has several materials; set key_material_id to the one that is wrapped",
            forceable=False,
        )
    entry = key.materials[0] if key.materials else None
    if entry is None:
        expiration, _differs = wanted_expiration(request, None, key.now)
        return Plan(steps=(existing_import(key, "prove", None, expiration, request.description),))
    return proved(request, key, entry, evidence)


def proved(request: Request, key: Key, entry: Material, evidence: Evidence) -> Plan:
    """The plan for an import as a proof: KMS accepts only the bytes of this material."""
    loaded = is_loaded(key, entry)
    request, problem = lifetimes.for_existing(request, key, entry, loaded)
    if problem:
        return Plan(refusal=problem, forceable=False)
    expiration, _differs = wanted_expiration(request, entry.expiration if loaded else None, key.now)
    description = new_description(request, key, entry, evidence)
    purpose = "prove" if loaded else "restore"
    return Plan(steps=(existing_import(key, purpose, entry.key_material_id, expiration, description),))


def _blind(request: Request, key: Key, evidence: Evidence) -> tuple[Step, ...]:
    """The import that force tries nevertheless; KMS decides."""
    target = evidence.key_material_id or key.current_key_material_id
    entry = key.material(target)
    current = entry.expiration if entry else key.expiration
    expiration, _differs = wanted_expiration(request, current, key.now)
    return (existing_import(key, "prove", target, expiration),)
