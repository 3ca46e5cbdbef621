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

from . import api
from . import lineage
from . import models
from . import specs
from . import stage
from .endpoint import require_proved
from .errors import CHANGED_MEANWHILE
from .errors import CUT_OFF
from .errors import INVALID_INPUT
from .errors import AnsibleKMSError
from .errors import effect
from .errors import error_fields
from .errors import explained
from .errors import invalid
from .errors import refused
from .errors import unexpected
from .execute import Execution
from .execute import wrapping_choice
from .expiry import duration_text
from .expiry import expiry_problem
from .material import Secret
from .material import check
from .material import require_cryptography
from .material import sealer
from .models import Evidence
from .models import Key
from .models import Material
from .models import Plan
from .models import Request
from .models import Step
from .options import Stage
from .options import Wish
from .pacing import RunInterruptedError
from .pacing import interruption
from .plan import make_plan
from .plan import state_refusal
from .plan import still_missing
from .plan_current import NEW
from .predict import UNNAMED
from .proof import find_evidence
from .read import read_key
from .read import read_tags
from .results import Result
from .stage import Prepared
from .weakness import refuse_weak

_ASSOCIATED_RE = re.compile(r"\(id: (?P<id>[0-9a-f]{64})\) being imported as NEW_KEY_MATERIAL is already associated")

CHANGING = (
    "GetParametersForImport",
    "ImportKeyMaterial",
    "DeleteImportedKeyMaterial",
    "RotateKeyOnDemand",
    "DisableKey",
    "TagResource",
    "UntagResource",
)


@dataclass
class Job:
    """One key's way through a module call. No phase raises AnsibleKMSError: a failure is a result with an error.

    foreseen: what is done to the primary key before anything is done to this replica, and shows there, too.
    """

    kms: api.Connection
    wish: Wish
    result: Result
    stage: Stage | None = None
    foreseen: tuple[Step, ...] = ()
    execution: Execution | None = None
    finished: bool = False

    @property
    def pending(self) -> bool:
        """Whether there is still something to do for the key."""
        return self.execution is not None and self.result.error is None

    @property
    def begun(self) -> bool:
        """Whether anything was done to the key, or is under way."""
        return self.execution is not None and bool(self.execution.done or self.execution.plan.waits_for)

    @property
    def paired(self) -> bool:
        """Whether a deletion will be followed by an import."""
        return self.execution is not None and self.pending and self.execution.plan.pairs

    @property
    def preparing(self) -> Counter[str]:
        """The calls of prepare."""
        if self.execution is None:
            return Counter()
        plan = self.execution.plan
        wraps = (plan.imports or plan.stages) and self.execution.wrapped is None
        return Counter([*(["GetParametersForImport"] if wraps else []), *(step.operation for step in plan.preparing)])

    @property
    def changing(self) -> Counter[str]:
        """The calls of change."""
        return Counter(step.operation for step in self.execution.plan.changing) if self.execution else Counter()

    @property
    def whole(self) -> Counter[str]:
        """The calls of both."""
        return self.preparing + self.changing

    def plan(self) -> None:
        """Read, prove and plan; changes nothing."""
        request = self.wish.request
        try:
            self.result = at_endpoint(self.result, self.kms)
            require_trusted(self.wish, self.kms)
            key = seen = read_key(self.kms, request)
            self.wish = replace(self.wish, request=request.resolved(key.arn))
            self.result = replace(self.result, before=key, after=key)
            key = with_foreseen(key, self.foreseen)
            secret = admitted(self.wish, key)
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

    def _read_tags(self, key: Key, evidence: Evidence, secret: Secret | None) -> Key:
        contents = [secret.plaintext] if secret is not None else []
        contents += [self.wish.wrapped.blob] if self.wish.wrapped else []
        acts = make_plan(self.wish.request, key, evidence).to_do
        return read_tags(self.kms, self.wish.request, key, acts, tuple(sealer(one) for one in contents))

    def _find_evidence(self, key: Key, secret: Secret | None) -> Evidence:
        request, kept = self.wish.request, self.stage
        if kept is None or kept.mode != "change":
            return find_evidence(self.kms, request, key, secret)
        prepared = kept.prepared.get(key.arn)
        problem = kept.moved_problem(request.key_id, key) or stage.problem(prepared, key, kept.path, request)
        if prepared is None or problem:
            raise refused(str(problem))
        self.wish = replace(self.wish, wrapped=prepared.wrapped)
        return prepared.evidence

    @property
    def prepared(self) -> list[Prepared]:
        """What a preparation leaves for a later run; nothing for a key that failed."""
        done = self.execution
        if done is None or done.wrapped is None or self.result.error is not None:
            return []
        evidence = done.plan.evidence
        named = done.key_material_id or evidence.key_material_id or self.wish.request.key_material_id
        wrapping = wrapping_choice(self.wish.request, done.key)
        material = named if done.key.symmetric else None
        return [Prepared(done.key.arn, done.wrapped, wrapping, material, self.wish.request.key_id)]

    def _interruption(self) -> AnsibleKMSError:
        key_id = self.wish.request.key_id
        return interruption(f"the key {key_id}", self.kms.turns.pacer.stop)

    def refuse(self, error: AnsibleKMSError) -> None:
        """Leave the key as it is, and say why."""
        self.execution = None
        self.result = replace(
            self.result,
            changed=False,
            operations=(),
            after=self.result.before,
            error=_error(self.wish.request, error),
            calls=_calls(self.kms),
            unavailable_seconds=None,
        )

    def fail(self, error: AnsibleKMSError) -> None:
        """The key is as it is, but what was wanted did not come about for another reason."""
        self.result = replace(self.result, error=self.result.error or _error(self.wish.request, error))

    def stop(self, error: AnsibleKMSError) -> None:
        """Go no further with a key of which a part of the plan may be carried out."""
        if self.execution is not None:
            self.result = _executed(self.result, self.execution, error)

    def _plan_for(self, key: Key, evidence: Evidence, secret: Secret | None) -> None:
        request = self.wish.request
        plan = make_plan(request, key, evidence)
        if plan.refusal:
            raise refused(plan.refusal)
        self.result = _predicted(self.result, key, plan, request)
        if plan.to_do:
            self.execution = Execution(self.kms, request, plan, key, secret, self.wish.wrapped)

    def prepare(self) -> None:
        """Everything that interrupts nothing."""
        self._run(Execution.prepare)

    def change(self) -> None:
        """The rest."""
        self.finished = True
        self._run(Execution.change)
        execution = self.execution
        evidence = _known_after_all(execution, self.result) if execution else None
        if execution is None or evidence is None:
            return
        # KMS refused to stage the bytes because the key has them already, and said which ones they are.
        try:
            self.execution = None
            key = read_key(self.kms, self.wish.request)
            self._plan_for(self._read_tags(key, evidence, execution.secret), evidence, execution.secret)
        except AnsibleKMSError as error:
            self._end(execution, error)
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            self._end(execution, unexpected(error, self.wish.request.key_id))
        if self.execution is None:
            self.result = _with_done(self.result, execution)
            return
        self.execution.takes_over(execution)
        self._run(Execution.prepare)
        self._run(Execution.change)

    def _end(self, execution: Execution, error: AnsibleKMSError) -> None:
        """Nothing more can be done; what was done is told."""
        self.refuse(error)
        self.result = replace(self.result, after=execution.key, warnings=tuple(execution.warnings))

    def _run(self, phase: Callable[[Execution], None]) -> None:
        if self.execution is None or self.result.error is not None:
            return
        failure: AnsibleKMSError | None = None
        try:
            phase(self.execution)
        except AnsibleKMSError as error:
            failure = error
        except RunInterruptedError:
            failure = self._interruption()
            self.execution.tidy_up()
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            failure = unexpected(error, self.wish.request.key_id)
            self._tidy_up_somehow(self.execution)
        if failure is not None or phase is Execution.change:
            self.result = _executed(self.result, self.execution, failure)

    def _tidy_up_somehow(self, execution: Execution) -> None:
        """Tidy up after what nobody foresaw; it may happen again."""
        try:
            execution.tidy_up()
        except Exception:  # noqa: BLE001 - a traceback could show material
            execution.known = False


def with_foreseen(key: Key, steps: tuple[Step, ...]) -> Key:
    """A replica as it will be after these steps on its primary key.

    It shows new material, without the bytes; staged material that is deleted there is gone in every Region.
    """
    materials = key.materials
    for step in steps:
        if step.import_type == NEW:
            entry = Material(UNNAMED, models.PENDING_MULTI_REGION, models.NOT_IMPORTED, None, step.description)
            materials = (*materials, entry)
        elif step.operation == "DeleteImportedKeyMaterial":
            gone = step.key_material_id
            materials = tuple(entry for entry in materials if entry.permanent or entry.key_material_id != gone)
    return replace(key, materials=materials)


def failed_result(request: Request, error: AnsibleKMSError | None) -> Result:
    """The result for a key of which nothing is known but why."""
    return Result(request.key_id, error=_error(request, error) if error else None)


def at_endpoint(result: Result, kms: api.Connection) -> Result:
    """The result with the endpoint in it that is asked."""
    return replace(result, endpoint_url=kms.channel.shown if kms.channel else None)


def require_trusted(wish: Wish, kms: api.Connection) -> None:
    """Raises AnsibleKMSError when there is plaintext that must not be wrapped for who answers there."""
    if wish.content is not None:
        require_proved(kms.channel, wish.request.allow, wish.request.key_id)


def admitted(wish: Wish, key: Key) -> Secret | None:
    """The material, once everything about it and the key that can be refused has been. Raises AnsibleKMSError."""
    request = wish.request
    problem = state_refusal(request, key) or _spec_problem(request, key) or expiry_problem(request, key.now)
    if problem:
        raise invalid(problem if request.key_id in problem else f"key {request.key_id}: {problem}")
    if wish.content is None:
        return None
    try:
        secret = check(wish.content, key.key_spec, request.key_id, key.region)
        require_cryptography()
        if request.state != "absent":
            # What is only to be deleted may be as it is.
            refuse_weak(secret, key.key_spec, request.allow, request.key_id)
    except AnsibleKMSError as error:
        if error.code != INVALID_INPUT:
            raise
        raise invalid(f"{wish.given_by}: {error.message}") from None
    return secret


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


def _known_after_all(execution: Execution, result: Result) -> Evidence | None:
    """Evidence from a refused NEW import: the text names the material that the bytes already are."""
    if result.error is None or result.error["code"] != "IncorrectKeyMaterialException":
        return None
    match = _ASSOCIATED_RE.search(result.error["aws_message"] or "")
    if match is None or execution.request.state != "current":
        return None
    return replace(execution.plan.evidence, verdict="match", method="reimport", key_material_id=match["id"])


def _with_done(result: Result, execution: Execution) -> Result:
    """The result, with what an earlier plan for the same key has done."""
    return replace(
        result,
        changed=result.changed or execution.changed,
        operations=tuple(execution.done),
        request_ids=tuple(execution.request_ids),
        calls=_calls(execution.kms),
    )


def _predicted(result: Result, key: Key, plan: Plan, request: Request) -> Result:
    """The result as the plan predicts it."""
    return replace(
        result,
        before=key,
        after=plan.after,
        changed=plan.changed,
        operations=plan.operations,
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


def _seen_warnings(result: Result, execution: Execution) -> tuple[str, ...]:
    """The warnings of the plan and of the run; what is missing in the end as it was seen, not as it was predicted."""
    request = execution.request
    predicted = still_missing(request, execution.plan.after or execution.key)
    kept = tuple(warning for warning in result.warnings if warning not in predicted)
    return kept + tuple(execution.warnings) + still_missing(request, execution.key)


def _executed(result: Result, execution: Execution, failure: AnsibleKMSError | None) -> Result:
    done = tuple(execution.done)
    return replace(
        result,
        after=execution.key,
        changed=execution.changed or (failure is None and result.changed),
        operations=done,
        key_material_id=execution.key_material_id or result.key_material_id,
        unavailable_seconds=execution.unavailable_seconds if result.unavailable_seconds is not None else None,
        request_ids=tuple(execution.request_ids),
        calls=_calls(execution.kms),
        warnings=_seen_warnings(result, execution),
        error=_error(execution.request, failure, execution) if failure else None,
    )


def _calls(kms: api.Connection) -> tuple[dict[str, Any], ...]:
    """The calls for a report: the changing ones, and those that prepared them."""
    return tuple(asdict(call) for call in kms.calls if call.operation in CHANGING)


def _error(request: Request, error: AnsibleKMSError, execution: Execution | None = None) -> dict[str, Any]:
    sentence, heal = explained(error, request.key_id), None
    if execution is not None:
        # What somebody else did on purpose is not healed.
        if error.code not in (CUT_OFF, CHANGED_MEANWHILE):
            heal = heal_command(request, execution.key, execution.plan)
        changed = effect(error, execution.done, execution.unclear)
        sentence += f"; {changed}" if changed else ""
        sentence += _way_out(request, error, execution.key)
        now = "is now" if execution.known else "could not be read again and was last known to be"
        sentence += f"; the key {now} {execution.key.key_state}" + (f"; to heal it: {heal}" if heal else "")
    return error_fields(error, sentence, heal_command=heal)


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
    return lineage.lifetime(step.description or (entry.description if entry else None))


def heal_command(request: Request, key: Key, plan: Plan) -> str | None:
    """The command that brings the key to what was wished, after a plan broke off; None when it is there."""
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
