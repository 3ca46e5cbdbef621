# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: from a request and the present key to the steps that fulfil the request. Pure; no boto3, no Ansible.

Check mode returns this plan; a real run carries it out. No other code decides what happens to a key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

from ..key import lifetimes
from ..key import models
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Plan
from ..key.models import Request
from ..key.models import Step
from ..key.transitions import predict
from .plan_absent import plan_absent
from .plan_current import plan_current
from .plan_present import plan_present
from .plan_reimported import plan_reimported

_PLANNERS: dict[str, Callable[[Request, Key, Evidence], Plan]] = {
    "absent": plan_absent,
    "present": plan_present,
    "reimported": plan_reimported,
    "current": plan_current,
}


def make_plan(request: Request, key: Key, evidence: Evidence = models.NO_EVIDENCE) -> Plan:
    """The plan for one key. A plan with a refusal has no steps and must not be carried out."""
    refusal = state_refusal(request, key)
    if refusal:
        return Plan(after=key, evidence=evidence, refusal=refusal, forceable=False)
    plan = _PLANNERS[request.state](request, key, evidence)
    if key.cut_off is not None and not request.lift_cut_off and request.state != "absent" and plan.to_do:
        plan = Plan(refusal=cut_off_sentence(request.key_id, key.cut_off), forceable=False)
    if plan.refusal and not (plan.forceable and request.force):
        return replace(plan, steps=(), after=key, evidence=evidence, unavailable_seconds=0.0)
    if request.preparation == "prepare":
        plan = _preparation(plan)
    steps = plan.steps if request.state == "absent" else _lifting(request, key, keep_disabled(key, plan.steps))
    after = _afterwards(key, plan, steps)
    warnings = plan.warnings + _warnings(request, key, steps)
    if request.state != "absent":
        meant = plan.waits_for or evidence.key_material_id or request.key_material_id
        warnings += lifetimes.unrenewed(request, key, meant, steps, after)
    return replace(
        plan,
        steps=steps,
        after=after,
        evidence=evidence,
        refusal=None,
        known_cut_off=key.cut_off,
        warnings=warnings,
    )


def cut_off_sentence(key_id: str, mark: str) -> str:
    """The refusal of an import into a key that was cut off. mark: the value of the tag."""
    return (
        f"the key {key_id} was cut off on purpose (tag {models.CUT_OFF_TAG}: {mark}) and takes no material; "
        "set lift_cut_off to lift this, if the people who cut it off agree"
    )


def _lifting(request: Request, key: Key, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, and last the removal of the cut-off tag: after an earlier failure the key stays cut off."""
    if key.cut_off is None or not request.lift_cut_off or request.preparation == "prepare":
        return steps
    return (*steps, Step("UntagResource", "lift"))


def _afterwards(key: Key, plan: Plan, steps: tuple[Step, ...]) -> Key:
    """The key after the steps, and after a rotation that an earlier run has started and this one waits for."""
    return predict(key, (*steps, Step("RotateKeyOnDemand", "rotate")) if plan.waits_for else steps)


def _preparation(plan: Plan) -> Plan:
    """The part of a plan that interrupts nothing: the proof, if the plan has one. The wrapped material is kept.

    A key without its material cannot prove anything; the later run imports into it.
    """
    return replace(plan, steps=plan.preparing, prepares=True, unavailable_seconds=0.0)


def state_refusal(request: Request, key: Key) -> str | None:
    """Why no state can be reached from the present key state or origin, or None."""
    if key.origin != models.EXTERNAL:
        return (
            f"the key {request.key_id} has the origin {key.origin}; only keys of origin EXTERNAL have imported material"
        )
    if key.key_state in models.TRANSIENT_STATES:
        return f"the key {request.key_id} is {key.key_state}; run the task again when KMS has finished with it"
    if request.state != "absent" and key.key_state in models.DELETION_STATES:
        return (
            f"the key {request.key_id} is {key.key_state} and takes no material; cancel its deletion first "
            f"(aws kms cancel-key-deletion --key-id {key.arn})"
        )
    return None


def keep_disabled(key: Key, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, and the additional ones that keep a Disabled key Disabled.

    KMS enables a key at every import. From before the first import until the last DisableKey a tag records the state to
    restore, so that a run after a crash can finish it.
    """
    remembered = key.restore_state == models.DISABLED
    if key.key_state != models.DISABLED and not remembered:
        return steps
    kept: list[Step] = []
    if steps and not remembered:
        kept.append(Step("TagResource", "remember"))
    state = key
    for step in steps if steps else (None,):
        if step is not None:
            kept.append(step)
        state = predict(key, kept)
        if state.key_state == models.ENABLED:
            kept.append(Step("DisableKey", "disable"))
    # KMS refuses DisableKey while material is missing: the tag stays until no material is missing.
    if predict(key, kept).key_state == models.DISABLED and (kept or remembered):
        kept.append(Step("UntagResource", "forget"))
    return tuple(kept)


def _warnings(request: Request, key: Key, steps: tuple[Step, ...]) -> tuple[str, ...]:
    warnings: list[str] = []
    operations = [step.operation for step in steps]
    if "DisableKey" in operations and key.key_state == models.DISABLED:
        warnings.append(
            f"KMS enables a key at every import; the key {request.key_id} was Disabled and is disabled again"
        )
    elif "DisableKey" in operations:
        warnings.append(
            f"KMS enables a key at every import; an earlier run ended before it could disable the key {request.key_id} "
            f"again (tag {models.RESTORE_STATE_TAG}: {key.restore_tag}), and this run does"
        )
    elif key.restore_tag is not None and key.restore_state is None and key.key_state != models.DISABLED:
        warnings.append(_unbelieved(request, key))
    warnings.extend(_unread(request, key, steps))
    elsewhere = [region for region in key.regions if region != key.region]
    if _deletes_staged_of_primary(key, steps):
        warnings.append(
            f"KMS deletes staged material of the multi-Region key {request.key_id} in {', '.join(elsewhere)}, too"
        )
    elif elsewhere and not request.regions and "DeleteImportedKeyMaterial" in operations:
        warnings.append(
            f"this changes only the material in {key.region}; the multi-Region key {request.key_id} is unchanged in "
            f"{', '.join(elsewhere)}; use regions to include these Regions"
        )
    return tuple(warnings)


def still_missing(request: Request, key: Key) -> tuple[str, ...]:
    """A warning when a key stays unusable after an import, predicted or read."""
    if request.state == "absent" or key.key_state != models.PENDING_IMPORT or not key.missing:
        return ()
    missing = ", ".join(entry.key_material_id for entry in key.missing)
    return (f"the key {request.key_id} stays PendingImport: it also lacks these materials: {missing}",)


def _deletes_staged_of_primary(key: Key, steps: tuple[Step, ...]) -> bool:
    deleted = [step for step in steps if step.operation == "DeleteImportedKeyMaterial"]
    staged = [entry.key_material_id for entry in key.materials if not entry.permanent]
    return bool(key.replica_regions and not key.replica and deleted) and all(
        step.key_material_id in staged for step in deleted
    )


def _unbelieved(request: Request, key: Key) -> str:
    return (
        f"the key {request.key_id} has the tag {models.RESTORE_STATE_TAG} ({key.restore_tag}), and nothing shows that "
        "an import of this material set it in the last days; this run ignores the tag and does not disable the key; "
        "disable the key if it should be Disabled, and remove the tag"
    )


def _unread(request: Request, key: Key, steps: tuple[Step, ...]) -> list[str]:
    """A warning for a plan that could not read the tags."""
    unread = dict(key.unread)
    if "ListResourceTags" not in unread or not steps or request.state == "absent":
        return []
    code = unread["ListResourceTags"]
    return [
        f"it is not known whether the key {request.key_id} was cut off on purpose ({code}); allow kms:ListResourceTags"
    ]
