# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One key, from what is wanted to what became of it: read, prove, plan, and outside check mode execute."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from datetime import timedelta
from typing import Any
from typing import Callable

from ..key import descriptions
from ..key import models
from ..key import specs
from ..key import tag_values
from ..key.expiry import duration_text
from ..key.expiry import expiry_problem
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Material
from ..key.models import Plan
from ..key.models import Request
from ..key.models import Step
from ..key.outage import planned
from ..key.transitions import UNNAMED
from ..secret import preparation
from ..secret.claims import NO_CLAIMS
from ..secret.claims import claims_of
from ..secret.material import Held
from ..secret.material import sealer
from ..secret.preparation import Prepared
from ..secret.proof import claimed_evidence
from ..secret.proof import find_evidence
from ..service import connection
from ..service.endpoint import require_proved
from ..service.errors import CHANGED_MEANWHILE
from ..service.errors import CUT_OFF
from ..service.errors import INVALID_INPUT
from ..service.errors import AnsibleKMSError
from ..service.errors import effect
from ..service.errors import error_fields
from ..service.errors import explained
from ..service.errors import invalid
from ..service.errors import refused
from ..service.errors import unexpected
from ..service.pacing import CHANGING
from ..service.pacing import RunInterruptedError
from ..service.pacing import interruption
from .execute import PlanExecutor
from .execute import wrapping_choice
from .find import for_key
from .find import read_key
from .find import read_tags
from .options import BUNDLE
from .options import KeyInput
from .options import PreparationFile
from .plan import make_plan
from .plan import state_refusal
from .plan import still_missing
from .results import Result

_ASSOCIATED_RE = re.compile(r"\(id: (?P<id>[0-9a-f]{64})\) being imported as NEW_KEY_MATERIAL is already associated")


@dataclass
class KeyRun:
    """One key's way through a module call. No phase raises AnsibleKMSError: a failure is a result with an error.

    primary_steps: what is done to the primary key before anything is done to this replica, and shows there, too.
    """

    kms: connection.Connection
    key_input: KeyInput
    result: Result
    kept: PreparationFile | None = None
    primary_steps: tuple[Step, ...] = ()
    executor: PlanExecutor | None = None
    finished: bool = False

    @property
    def name(self) -> str:
        """What messages call the key."""
        return self.key_input.request.key_id

    @property
    def pending(self) -> bool:
        """Whether there is still something to do for the key."""
        return self.executor is not None and self.result.error is None

    @property
    def begun(self) -> bool:
        """Whether anything was done to the key, or is under way."""
        return self.executor is not None and bool(self.executor.done or self.executor.plan.waits_for)

    @property
    def paired(self) -> bool:
        """Whether a deletion will be followed by an import."""
        return self.executor is not None and self.pending and self.executor.plan.reimports

    @property
    def preparing(self) -> Counter[str]:
        """The calls of prepare."""
        if self.executor is None:
            return Counter()
        plan = self.executor.plan
        wraps = (plan.imports or plan.prepares) and self.executor.wrapped is None
        return Counter([*(["GetParametersForImport"] if wraps else []), *(step.operation for step in plan.preparing)])

    @property
    def changing(self) -> Counter[str]:
        """The calls of change."""
        return Counter(step.operation for step in self.executor.plan.changing) if self.executor else Counter()

    @property
    def whole(self) -> Counter[str]:
        """The calls of both."""
        return self.preparing + self.changing

    def plan(self) -> None:
        """Read, prove and plan; changes nothing."""
        request = self.key_input.request
        try:
            self.result = at_endpoint(self.result, self.kms)
            require_trusted(self.key_input, self.kms)
            key = seen = self._read_key()
            self.key_input = replace(self.key_input, request=request.resolved(key.arn))
            self.result = replace(self.result, before=key, after=key)
            key = after_primary_steps(key, self.primary_steps)
            secret = checked_secret(self.key_input, key)
            evidence = self._find_evidence(key, secret)
            key = self._read_tags(key, evidence, secret)
            self._plan_for(key, evidence, secret)
            self.result = replace(self.result, before=replace(key, materials=seen.materials))
        except AnsibleKMSError as error:
            self.refuse(error)
        except RunInterruptedError:
            self.refuse(self._interruption())
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            self.refuse(unexpected(error, request.key_id))

    def _read_key(self) -> Key:
        key = read_key(self.kms, self.key_input.request)
        self.kms = for_key(self.kms, self.key_input.request, key)
        return key

    def _read_tags(self, key: Key, evidence: Evidence, secret: Held | None) -> Key:
        seals: list[tag_values.Seal] = [secret.seal] if secret is not None else []
        seals += [sealer(self.key_input.wrapped.blob)] if self.key_input.wrapped else []
        acts = make_plan(self.key_input.request, key, evidence).to_do
        return read_tags(self.kms, self.key_input.request, key, acts, tuple(seals))

    def _find_evidence(self, key: Key, secret: Held | None) -> Evidence:
        request, kept = self.key_input.request, self.kept
        if kept is None or kept.mode == "prepare":
            return find_evidence(self.kms, request, key, secret)
        prepared = kept.prepared.get(key.arn)
        problem_of = preparation.bundle_problem if kept.mode == BUNDLE else preparation.problem
        problem = kept.moved_problem(request.key_id, key) or problem_of(prepared, key, kept.path, request)
        if prepared is None or problem:
            raise refused(str(problem))
        self.key_input = replace(self.key_input, wrapped=prepared.wrapped)
        return claimed_evidence(self.kms, request, key, prepared) if kept.mode == BUNDLE else prepared.evidence

    @property
    def prepared(self) -> list[Prepared]:
        """What a preparation leaves for a later run; nothing for a key that failed."""
        done = self.executor
        if done is None or done.wrapped is None or self.result.error is not None:
            return []
        evidence = done.plan.evidence
        named = done.key_material_id or evidence.key_material_id or self.key_input.request.key_material_id
        wrapping = wrapping_choice(self.key_input.request, done.key)
        material = named if done.key.symmetric else None
        claims = claims_of(done.secret, done.key.arn, done.key.key_spec) if done.secret else NO_CLAIMS
        name = self.key_input.request.key_id
        return [Prepared(done.key.arn, done.key.key_spec, done.wrapped, wrapping, material, name, claims)]

    def _interruption(self) -> AnsibleKMSError:
        key_id = self.key_input.request.key_id
        return interruption(f"the key {key_id}", self.kms.throttle.pacer.stop)

    def refuse(self, error: AnsibleKMSError) -> None:
        """Leave the key as it is, and say why."""
        self.executor = None
        self.result = replace(
            self.result,
            changed=False,
            steps=(),
            after=self.result.before,
            error=_error(self.key_input.request, error),
            calls=_calls(self.kms),
            unavailable_seconds=None,
        )

    def fail(self, error: AnsibleKMSError) -> None:
        """The key is as it is, but what was wanted did not come about for another reason."""
        self.result = replace(self.result, error=self.result.error or _error(self.key_input.request, error))

    def stop(self, error: AnsibleKMSError) -> None:
        """Go no further with a key of which a part of the plan may be carried out."""
        if self.executor is not None:
            self.result = _executed(self.result, self.executor, error)

    def _plan_for(self, key: Key, evidence: Evidence, secret: Held | None) -> None:
        request = self.key_input.request
        plan = make_plan(request, key, evidence)
        if plan.refusal:
            raise refused(plan.refusal, plan.reason)
        self.result = _predicted(self.result, key, plan, request)
        if plan.to_do:
            self.executor = PlanExecutor(self.kms, request, plan, key, secret, self.key_input.wrapped)

    def prepare(self) -> None:
        """Everything that interrupts nothing."""
        self._run(PlanExecutor.prepare)

    def change(self) -> None:
        """The rest."""
        self.change_before_rotation()
        self.complete()

    @property
    def rotates(self) -> bool:
        """Whether a rotation is left to be started."""
        return self.executor is not None and self.pending and self.executor.plan.rotates

    def give_up(self, error: AnsibleKMSError) -> None:
        """Go no further with a key of which a part of the plan is carried out, and tidy it up."""
        self._run(lambda executor: executor.give_up(error))

    def complete(self) -> None:
        """The rotation, if there is one, and the look at what became of the key."""
        self._run(PlanExecutor.complete)

    def change_before_rotation(self) -> None:
        """What comes before the rotation, or everything where there is none."""
        self.finished = True
        self._run(PlanExecutor.change)
        executor = self.executor
        evidence = _known_after_all(executor, self.result) if executor else None
        if executor is None or evidence is None:
            return
        # KMS refused to stage the bytes because the key has them already, and said which ones they are.
        try:
            self.executor = None
            with self.kms.throttle.committed():
                key = self._read_tags(self._read_key(), evidence, executor.secret)
            self._plan_for(key, evidence, executor.secret)
        except AnsibleKMSError as error:
            self._end(executor, error)
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            self._end(executor, unexpected(error, self.key_input.request.key_id))
        if self.executor is None:
            self.result = _with_done(self.result, executor)
            return
        self.executor.takes_over(executor)
        self._run(PlanExecutor.prepare)
        self._run(PlanExecutor.change)

    def _end(self, executor: PlanExecutor, error: AnsibleKMSError) -> None:
        """Nothing more can be done; what was done is told."""
        self.refuse(error)
        self.result = replace(self.result, after=executor.key, warnings=tuple(executor.warnings))

    def _run(self, phase: Callable[[PlanExecutor], None]) -> None:
        if self.executor is None or self.result.error is not None:
            return
        failure: AnsibleKMSError | None = None
        try:
            phase(self.executor)
        except AnsibleKMSError as error:
            failure = error
        except RunInterruptedError:
            failure = self._interruption()
            self.executor.tidy_up()
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            failure = unexpected(error, self.key_input.request.key_id)
            self._tidy_up_somehow(self.executor)
        if failure is not None or phase is PlanExecutor.complete:
            self.result = _executed(self.result, self.executor, failure)

    def _tidy_up_somehow(self, executor: PlanExecutor) -> None:
        """Tidy up after an unexpected exception; it may happen again."""
        try:
            executor.tidy_up()
        except Exception:  # noqa: BLE001 - a traceback could show material
            executor.known = False


def after_primary_steps(key: Key, steps: tuple[Step, ...]) -> Key:
    """A replica as it will be after these steps on its primary key.

    It shows new material, without the bytes; staged material that is deleted there is gone in every Region.
    """
    materials = key.materials
    for step in steps:
        if step.import_type == models.NEW:
            entry = Material(UNNAMED, models.PENDING_MULTI_REGION, models.NOT_IMPORTED, None, step.description)
            materials = (*materials, entry)
        elif step.operation == "DeleteImportedKeyMaterial":
            gone = step.key_material_id
            materials = tuple(entry for entry in materials if entry.permanent or entry.key_material_id != gone)
    return replace(key, materials=materials)


def failed_result(request: Request, error: AnsibleKMSError | None) -> Result:
    """The result for a key of which nothing is known but why."""
    return Result(request.key_id, error=_error(request, error) if error else None)


def at_endpoint(result: Result, kms: connection.Connection) -> Result:
    """The result with the endpoint in it that is asked."""
    return replace(result, endpoint_url=kms.channel.shown if kms.channel else None)


def require_trusted(key_input: KeyInput, kms: connection.Connection) -> None:
    """Raises AnsibleKMSError when there is plaintext that must not be wrapped for who answers there."""
    if key_input.given is not None:
        require_proved(kms.channel, key_input.request.allow, key_input.request.key_id)


def checked_secret(key_input: KeyInput, key: Key) -> Held | None:
    """The material, once everything about it and the key that can be refused has been. Raises AnsibleKMSError."""
    request = key_input.request
    problem = state_refusal(request, key) or _spec_problem(request, key) or _expiry_problem(request, key)
    if problem:
        raise invalid(problem)
    if key_input.given is None:
        return None
    # What is only to be deleted may be as it is.
    allow = None if request.state == "absent" else request.allow
    try:
        return key_input.given.opened(key.key_spec, request.key_id, key.region, allow)
    except AnsibleKMSError as error:
        if error.code != INVALID_INPUT:
            raise
        raise invalid(f"{key_input.given.given_by}: {error.message}") from None


def _expiry_problem(request: Request, key: Key) -> str | None:
    problem = expiry_problem(request, key.now)
    return f"KMS refuses the expiry asked for on the key {request.key_id}: {problem}" if problem else None


def _spec_problem(request: Request, key: Key) -> str | None:
    """Options that KMS refuses for this kind of key."""
    if not key.symmetric and request.description is not None:
        return f"key_material_description is for symmetric keys only, and the key {request.key_id} is {key.key_spec}"
    if key.replica and request.description is not None:
        return f"key_material_description is set on the primary key only, and {request.key_id} is a replica"
    if not key.symmetric and request.key_material_id:
        return (
            f"key_material_id is for symmetric keys only; the {key.key_spec} key {request.key_id} has one material "
            "without an ID that could be named"
        )
    if request.offered != "plaintext":
        return None
    algorithm, wrapping_key_spec = wrapping_choice(request, key)
    problem = specs.wrapping_problem(key.key_spec, algorithm, wrapping_key_spec)
    if problem is None:
        return None
    choice = f"wrapping_algorithm {algorithm} with {wrapping_key_spec}"
    return f"{choice} does not suit the {key.key_spec} key {request.key_id}: {problem}"


def _known_after_all(executor: PlanExecutor, result: Result) -> Evidence | None:
    """Evidence from a refused NEW import: the text names the material that the bytes already are."""
    if result.error is None or result.error["code"] != "IncorrectKeyMaterialException":
        return None
    match = _ASSOCIATED_RE.search(result.error["aws_message"] or "")
    if match is None or executor.request.state != "current":
        return None
    return replace(executor.plan.evidence, verdict="match", method="reimport", key_material_id=match["id"])


def _with_done(result: Result, executor: PlanExecutor) -> Result:
    """The result, with what an earlier plan for the same key has done."""
    return replace(
        result,
        changed=result.changed or executor.changed,
        steps=tuple(executor.steps),
        calls=_calls(executor.kms),
    )


def _predicted(result: Result, key: Key, plan: Plan, request: Request) -> Result:
    """The result as the plan predicts it."""
    return replace(
        result,
        before=key,
        after=plan.after,
        changed=plan.changed,
        steps=planned(key, plan.steps),
        evidence=used_proof(plan),
        key_material_id=planned_material_id(plan),
        skip_reason=plan.skip_reason,
        unavailable_seconds=plan.unavailable_seconds,
        warnings=plan.warnings + still_missing(request, plan.after or key),
        error=None,
    )


def planned_material_id(plan: Plan) -> str | None:
    named = [step.key_material_id for step in plan.steps if step.key_material_id]
    return named[0] if named else plan.evidence.key_material_id


def used_proof(plan: Plan) -> Evidence:
    """The proof that is used: where reading gave none and the key has history, KMS compares at the import."""
    purposes = {step.purpose for step in plan.steps}
    if plan.evidence.verdict == "unknown" and purposes & {"prove", "restore", "renew"}:
        return replace(plan.evidence, method="reimport")
    if plan.evidence.method == "key_material_id" and "prove" in purposes:
        return replace(plan.evidence, method="reimport")
    return plan.evidence


def _seen_warnings(result: Result, executor: PlanExecutor) -> tuple[str, ...]:
    """The warnings of the plan and of the run; what is missing in the end as it was seen, not as it was predicted."""
    request = executor.request
    predicted = still_missing(request, executor.plan.after or executor.key)
    kept = tuple(warning for warning in result.warnings if warning not in predicted)
    return kept + tuple(executor.warnings) + still_missing(request, executor.key)


def _executed(result: Result, executor: PlanExecutor, failure: AnsibleKMSError | None) -> Result:
    left = planned(executor.key, executor.left) if failure else ()
    return replace(
        result,
        after=executor.key,
        changed=executor.changed or (failure is None and result.changed),
        steps=(*executor.steps, *left),
        key_material_id=executor.key_material_id or result.key_material_id,
        unavailable_seconds=executor.unavailable_seconds if result.unavailable_seconds is not None else None,
        calls=_calls(executor.kms),
        warnings=_seen_warnings(result, executor),
        error=_error(executor.request, failure, executor) if failure else None,
    )


def _calls(kms: connection.Connection) -> tuple[dict[str, Any], ...]:
    """The calls for a report: the changing ones, and those that prepared them."""
    return tuple(asdict(call) for call in kms.calls if call.operation in CHANGING)


def _error(request: Request, error: AnsibleKMSError, executor: PlanExecutor | None = None) -> dict[str, Any]:
    sentence, heal = explained(error, request.key_id), None
    if executor is not None:
        # What somebody else did on purpose is not healed.
        if error.code not in (CUT_OFF, CHANGED_MEANWHILE):
            heal = heal_command(request, executor.key, executor.plan)
        changed = effect(error, executor.done, executor.unclear)
        sentence += f"; {changed}" if changed else ""
        sentence += _way_out(request, error, executor.key)
        now = "is now" if executor.known else "could not be read again and was last known to be"
        sentence += f"; the key {now} {executor.key.key_state}"
    return error_fields(error, sentence, request.key_id, heal)


def _way_out(request: Request, error: AnsibleKMSError, key: Key) -> str:
    """What to do when KMS does not take bytes for the staged material that they are said to be."""
    named = key.material(request.key_material_id)
    if error.code != "IncorrectKeyMaterialException" or request.state != "current" or named is None or named.permanent:
        return ""
    # Whether KMS takes staged bytes a second time is not known: a refusal may have that reason, too.
    return (
        f"; the key is not rotated to {named.key_material_id}, since the material given could not be proved to be it; "
        "if these are the bytes to put to work, delete what is staged (state absent with that key_material_id), and "
        "run the task again without key_material_id"
    )


def said_of_expiry(request: Request) -> list[str]:
    """The options about the expiry as arguments of a command."""
    if request.valid_for:
        return [f"valid_for={duration_text(request.valid_for)}"]
    if request.valid_to:
        return [f"valid_to={request.valid_to.isoformat()}"]
    return [f"expiration_model={models.NEVER}"] if request.expiration_model == models.NEVER else []


def _expiry_arguments(request: Request, key: Key, plan: Plan) -> list[str]:
    """What was said of the expiry, or what the material itself had: that of the key is the earliest of all."""
    imported = next((step for step in reversed(plan.steps) if step.operation == "ImportKeyMaterial"), None)
    if request.sets_expiry or imported is None:
        return said_of_expiry(request)
    lifetime = _recorded(key, imported)
    kept = replace(request, valid_for=lifetime, valid_to=imported.expiration.valid_to if imported.expiration else None)
    return said_of_expiry(kept)


def _recorded(key: Key, step: Step) -> timedelta | None:
    """The lifetime that the description has of the material, or gets with the import."""
    entry = key.material(step.key_material_id)
    return descriptions.lifetime(step.description or (entry.description if entry else None))


def heal_command(request: Request, key: Key, plan: Plan) -> str | None:
    """The command that brings the key to the requested state, after a plan broke off; None when it has that state."""
    wanted = plan.after or key
    if key.enabled and wanted.key_state == models.DISABLED:
        return f"aws kms disable-key --region {key.region} --key-id {key.arn}"
    arguments = [f"key_id={key.arn}", f"region={key.region}", f"state={request.state}"]
    if request.state != "absent":
        arguments.append("key_material_file=FILE")
    if request.key_material_id:
        arguments.append(f"key_material_id={request.key_material_id}")
    if request.all_materials:
        arguments.append("all_materials=true")
    # Only a rotation is a matter of all Regions; the rest is done in that of the key alone.
    if request.regions and request.state == "current":
        arguments.append(f"regions={','.join(request.regions)}")
    arguments += _expiry_arguments(request, key, plan)
    if request.allow:
        arguments.append(f"allow={','.join(sorted(request.allow))}")
    return f"ansible localhost -m byok.aws.kms_imported_material -a '{' '.join(arguments)}'"
