# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: (what is wanted, what is) -> what will be done. Pure; knows neither boto3 nor Ansible.

Check mode returns this plan unexecuted; a real run carries out this plan. There is no other place where it is decided
what happens to a key.
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
    if request.stage == "prepare":
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
    """Why a key takes no material. mark: the value of the tag."""
    return (
        f"the key {key_id} was cut off on purpose (tag {models.CUT_OFF_TAG}: {mark}) and takes no material; "
        "lift_cut_off lifts that, if those who cut it off agree"
    )


def _lifting(request: Request, key: Key, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, with the mark of a cut-off taken off last: what fails before that leaves the key cut off."""
    if key.cut_off is None or not request.lift_cut_off or request.stage == "prepare":
        return steps
    return (*steps, Step("UntagResource", "lift"))


def _afterwards(key: Key, plan: Plan, steps: tuple[Step, ...]) -> Key:
    """The key at the end, with the rotation that an earlier run has started and this one waits for."""
    return predict(key, (*steps, Step("RotateKeyOnDemand", "rotate")) if plan.waits_for else steps)


def _preparation(plan: Plan) -> Plan:
    """The part of a plan that interrupts nothing, to be kept: the proof, where the plan has one, and the wrapping.

    On a key without its material there is nothing to prove with, and the import is left to the later run.
    """
    return replace(plan, steps=plan.preparing, stages=True, unavailable_seconds=0.0)


def state_refusal(request: Request, key: Key) -> str | None:
    """Why nothing can be done with this key in its present state, whatever is wanted, or None."""
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
    """The steps, with those added that leave a Disabled key Disabled.

    KMS enables a key at every import. A tag remembers from before the first import until the last DisableKey what the
    key has to become, so that a run after a crash finishes it.
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
    # While material is missing KMS refuses DisableKey: the tag stays until the key is whole.
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
            f"only the material in {key.region} is meant; the multi-Region key {request.key_id} is untouched in "
            f"{', '.join(elsewhere)}; use regions for those"
        )
    return tuple(warnings)


def still_missing(request: Request, key: Key) -> tuple[str, ...]:
    """What keeps a key unusable after a run that imported: as predicted, or as it was seen."""
    if request.state == "absent" or key.key_state != models.PENDING_IMPORT or not key.missing:
        return ()
    missing = ", ".join(entry.key_material_id for entry in key.missing)
    return (f"the key {request.key_id} stays PendingImport: these materials are missing as well: {missing}",)


def _deletes_staged_of_primary(key: Key, steps: tuple[Step, ...]) -> bool:
    deleted = [step for step in steps if step.operation == "DeleteImportedKeyMaterial"]
    staged = [entry.key_material_id for entry in key.materials if not entry.permanent]
    return bool(key.replica_regions and not key.replica and deleted) and all(
        step.key_material_id in staged for step in deleted
    )


def _unbelieved(request: Request, key: Key) -> str:
    return (
        f"the key {request.key_id} has the tag {models.RESTORE_STATE_TAG} ({key.restore_tag}), and nothing shows that "
        "an import of this material left it in the last days; the key is not disabled because of it; disable it if it "
        "should be Disabled, and take the tag off"
    )


def _unread(request: Request, key: Key, steps: tuple[Step, ...]) -> list[str]:
    """What the plan does without having seen it."""
    unread = dict(key.unread)
    if "ListResourceTags" not in unread or not steps or request.state == "absent":
        return []
    code = unread["ListResourceTags"]
    return [
        f"whether the key {request.key_id} was cut off on purpose is not known ({code}); allow kms:ListResourceTags"
    ]
