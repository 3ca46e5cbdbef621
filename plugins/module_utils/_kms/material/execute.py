# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out a plan.

An import is built whole, parameters fetched and material wrapped, before the first changing call goes out. A call whose
answer was lost is looked for before it is repeated.
"""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import contextmanager
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import Callable

from ..key import models
from ..key import specs
from ..key import tag_values
from ..key.models import ImportParameters
from ..key.models import Key
from ..key.models import Material
from ..key.models import Plan
from ..key.models import Request
from ..key.models import Step
from ..key.models import StepRecord
from ..key.models import carried_out
from ..key.outage import outage
from ..key.outage import record_of
from ..key.outage import takes_down
from ..key.transitions import UNNAMED
from ..key.transitions import apply
from ..secret.material import Held
from ..secret.material import sealer
from ..secret.preparation import Wrapped
from ..secret.wrapping import wrapping_key_problem
from ..service import changes
from ..service import connection
from ..service import operations
from ..service import waiters
from ..service.connection import pauses
from ..service.endpoint import require_proved
from ..service.errors import ACCESS_DENIED
from ..service.errors import CHANGED_MEANWHILE
from ..service.errors import CUT_OFF
from ..service.errors import INVALID_STATE
from ..service.errors import UNTRUSTED
from ..service.errors import WRONG_MATERIAL
from ..service.errors import AnsibleKMSError
from ..service.errors import changed_meanwhile
from ..service.errors import cut_off
from ..service.errors import invalid
from ..service.errors import refused

_TOKEN_CODES = ("InvalidImportTokenException", "ExpiredImportTokenException")
# The purposes of an import of bytes that KMS held when the plan was made.
_OF_LOADED = ("prove", "renew", "refresh")
_OTHER_STAGED = "is pending rotation"
_NOT_READY = "Key material has not been imported for replicas"
# What has to be left of a token before a deletion that only it can undo.
_TOKEN_LEFT = timedelta(minutes=5)
# How long KMS may take to see the import into the last replica, in seconds. It was never seen to take a second.
_READY_WITHIN = 60
# After how many seconds a read is taken for what KMS has made of a change, where the documentation says otherwise.
_SETTLED_AFTER = 20


@dataclass
class PlanExecutor:
    """The run of one plan on one key: what was done, and how the key is known to be at this moment.

    known: after a failure, whether the key's state could be read.
    steps: every attempt at a changing call, in order. left: the steps of the plan that were not reached yet. usable:
    whether the key was usable before. changed: whether a call changed what KMS showed. imported: the IDs of the
    materials that this run has imported, where KMS names any. unclear: a call failed that KMS may have carried out all
    the same.
    """

    kms: connection.Connection
    request: Request
    plan: Plan
    key: Key
    secret: Held | None = None
    wrapped: Wrapped | None = None
    steps: list[StepRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    key_material_id: str | None = None
    tagged: bool = True
    known: bool = False
    changed: bool = False
    imported: list[str | None] = field(default_factory=list)
    unclear: bool = False
    usable: bool = field(init=False)
    left: list[Step] = field(init=False)
    _renewed_token: bool = False
    _before: Key = field(init=False)
    _planned: tuple[datetime, float, float] = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.key
        self._planned = (self.key.now, time.time(), time.monotonic())
        self.usable = self.key.enabled
        self.left = list(self.plan.steps)

    @property
    def done(self) -> tuple[str, ...]:
        """The changing operations that KMS carried out, in order."""
        return tuple(step.operation for step in carried_out(self.steps))

    def prepare(self) -> None:
        """What interrupts nothing: parameters, wrapping, the steps before a deletion. Raises AnsibleKMSError."""
        with self._tidied():
            if (self.plan.imports or self.plan.prepares) and self.wrapped is None:
                self._wrap()
            self._enter(self.plan.preparing)
            with self.kms.throttle.committed():
                for step in self.plan.preparing:
                    self._take(step)

    def change(self) -> None:
        """The other steps up to the rotation, if the plan has one. complete() follows. Raises AnsibleKMSError."""
        self._before = self.key
        with self._tidied():
            if self.plan.reimports:
                self._check_deadline()
                # What was prepared may have waited for other keys since it was looked at.
                self._require_unchanged()
            self._enter(self.plan.changing)
            if self.plan.reimports:
                # From the deletion on nothing may have to be waited for.
                self.kms.throttle.take_ahead("ImportKeyMaterial")
            self._carry_out(self.plan.before_rotation)

    def complete(self) -> None:
        """Start the rotation, if the plan has one, and wait until KMS shows the result. Raises AnsibleKMSError."""
        with self._committed(), self._tidied():
            self._carry_out(self.plan.rest)
            self._require_no_cut_off()
            self._delete_what_was_not_listed()
        if not (self.request.wait or self.request.all_materials):
            return
        if self.plan.waits_for or self.plan.rotates:
            # A rotation goes on by itself, and the next run waits for it: this wait may be broken off.
            self.key_material_id = self.plan.waits_for or self.key_material_id
            self._confirm_rotation(self.key_material_id)
        elif self.done:
            # What is done is done: a run that was asked to end still says what became of the key.
            with self._committed():
                self._confirm(self._before)

    def give_up(self, error: AnsibleKMSError) -> None:
        """Go no further, and tidy up as after a failure of one's own. Raises the error."""
        with self._tidied():
            raise error

    def _carry_out(self, steps: Sequence[Step]) -> None:
        with self.kms.throttle.committed():
            for step in steps:
                if step.purpose == "lift":
                    self._require_no_cut_off()
                self._take(step)

    def _committed(self) -> AbstractContextManager[None]:
        """Nothing interrupts a key of which a part of the plan is carried out."""
        return self.kms.throttle.committed() if self.plan.changing else nullcontext()

    def _check_deadline(self) -> None:
        """A token that was kept cannot be renewed after the deletion, which in a large fleet comes long after the plan.

        Raises AnsibleKMSError. By KMS's clock, and by that of the two clocks here that has gone further.
        """
        deadline = self.wrapped.valid_to if self.wrapped and self.secret is None else None
        if deadline is None:
            return
        planned, wall, monotonic = self._planned
        passed = timedelta(seconds=max(time.time() - wall, time.monotonic() - monotonic))
        if deadline - planned - passed < _TOKEN_LEFT:
            raise refused(
                f"the preparation of the key {self.request.key_id} is too old by now: its import token is refused from "
                f"{deadline.isoformat()} on; its material was not deleted; prepare it again"
            )

    def _enter(self, steps: Sequence[Step]) -> None:
        """Wait for the turn of the first step, while a run that was asked to end can. Raises RunInterruptedError."""
        self.kms.throttle.take_ahead(*(step.operation for step in steps[:1]))

    def takes_over(self, earlier: PlanExecutor) -> None:
        """Go on after another plan for the same key: what that did is told, too."""
        self.steps, self.usable = list(earlier.steps), earlier.usable
        self.changed, self.imported = earlier.changed, list(earlier.imported)
        self.warnings = list(earlier.warnings)

    @contextmanager
    def _tidied(self) -> Iterator[None]:
        try:
            yield
        except AnsibleKMSError:
            self.tidy_up()
            raise

    @property
    def unavailable_seconds(self) -> float | None:
        """How long the key could not be used; None when it stays unusable."""
        found = outage(self.steps, self.usable, self.key.key_state == models.PENDING_IMPORT)
        return 0.0 if found is None else found.seconds

    @property
    def _emptied(self) -> bool:
        """Whether this run has taken the key down, and has to bring it back."""
        return any(takes_down(step) for step in carried_out(self.steps))

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        """Take the next step of the plan. It counts as reached once a call for it went out."""
        sent = len(self.steps)
        try:
            self._step(step)
        except BaseException:
            self.left = self.left[len(self.steps) > sent :]
            raise
        self.left = self.left[1:]

    def _step(self, step: Step) -> None:
        runners: dict[str, Callable[[Step], None]] = {
            "ImportKeyMaterial": self._import,
            "DeleteImportedKeyMaterial": self._delete,
            "RotateKeyOnDemand": self._rotate,
            "DisableKey": self._disable,
            "TagResource": self._mark if step.purpose == "mark" else self._remember,
            "UntagResource": self._lift if step.purpose == "lift" else self._forget,
        }
        runners[step.operation](step)

    def _delete(self, step: Step) -> None:
        chosen = {"KeyMaterialId": step.key_material_id} if step.key_material_id else {}
        self._require_new(step)
        try:
            self._change(step, {"KeyId": self.key.arn, **chosen})
        except AnsibleKMSError as error:
            if error.code != "ValidationException" or not self._gone(step):
                raise
        self.key_material_id = self.key_material_id or step.key_material_id

    def _disable(self, step: Step) -> None:
        if self.key.key_state == models.PENDING_IMPORT:
            # The bytes were another material than the plan took them for, and KMS refuses this while any is missing.
            return
        # Until it is done the key is enabled that must not be.
        self._change(step, {"KeyId": self.key.arn}, patient=True)

    def _rotate(self, step: Step) -> None:
        """Start the rotation. KMS answers at once and goes on in the background."""
        target = self.key.staged
        try:
            self._change_when_ready(step)
        except AnsibleKMSError as error:
            # A repetition after a lost answer finds nothing staged any more, or the rotation under way.
            if error.code != INVALID_STATE or not self._rotation_seen(target):
                raise
            self._carried_out(step, apply(self.key, step))
        self.key_material_id = target.key_material_id if target else None

    def _change_when_ready(self, step: Step) -> None:
        """Right after the import into the last replica KMS may not know of it yet, and refuses the rotation."""
        deadline = time.monotonic() + min(_READY_WITHIN, self.request.wait_timeout)
        for pause in pauses():
            try:
                self._change(step, {"KeyId": self.key.arn})
                return
            except AnsibleKMSError as error:
                waited_for = bool(self.request.regions) and _NOT_READY in error.aws_message
                if not waited_for or time.monotonic() >= deadline:
                    raise
            time.sleep(pause)

    def _rotation_seen(self, target: Material | None) -> bool:
        if target is None:
            return False
        current = operations.describe_key(self.kms, self.key.arn).current_key_material_id
        return current == target.key_material_id or operations.rotation_started(self.kms, self.key.arn) is not None

    def _require_new(self, step: Step) -> None:
        """What is staged makes room for other bytes only when these are new to the key. Raises AnsibleKMSError.

        KMS refuses them as long as something is staged, and tells by its refusal whether the key has them already. What
        it checks first is not known: bytes that it takes for new may turn out to be the key's after the deletion.
        """
        stage = next((one for one in self.plan.steps if one.purpose == "stage"), None)
        if step.purpose != "delete" or stage is None:
            return
        try:
            self._change(replace(stage, purpose="try"), None)
        except AnsibleKMSError as error:
            if error.code != INVALID_STATE or _OTHER_STAGED not in error.aws_message:
                raise
            return
        raise changed_meanwhile(
            f"the material {step.key_material_id} that was staged on the key {self.request.key_id} is gone, without "
            "this run's doing, and the material given is staged in its place; run the task again to have the key "
            "rotated to it"
        )

    def _gone(self, step: Step) -> bool:
        """Whether KMS does not know the material any more: staged material of all Regions goes with the primary's."""
        listed = operations.list_materials(self.kms, self.key.arn) if step.key_material_id else ()
        if not step.key_material_id or any(entry.key_material_id == step.key_material_id for entry in listed):
            return False
        self.key = replace(self.key, materials=listed)
        return True

    def _remember(self, step: Step) -> None:
        value = tag_values.restore_value(self.key, self.key.now, self._seal())
        tags = [{"TagKey": models.RESTORE_STATE_TAG, "TagValue": value}]
        try:
            self._change(step, {"KeyId": self.key.arn, "Tags": tags})
        except AnsibleKMSError as error:
            if error.code != ACCESS_DENIED:
                raise
            self.tagged = False
            self.warnings.append(
                f"the key {self.request.key_id} could not be tagged (kms:TagResource); should this run be killed "
                "between the import and the DisableKey, nothing remembers that the key has to be disabled again"
            )

    def _seal(self) -> tag_values.Seal:
        """Of the plaintext where it is here: a later run may have it in another wrapping."""
        if self.secret is not None:
            return self.secret.seal
        return sealer(self.wrapped.blob if self.wrapped else b"")

    def _mark(self, step: Step) -> None:
        """Leave the mark of a cut-off. The cut does not depend on it."""
        value = tag_values.cut_off_value(self.key.now, _operator())
        try:
            self._change(step, {"KeyId": self.key.arn, "Tags": [{"TagKey": models.CUT_OFF_TAG, "TagValue": value}]})
            self.key = replace(self.key, cut_off=value)
        except AnsibleKMSError as error:
            self.warnings.append(
                f"the key {self.request.key_id} could not be marked as cut off ({error.code} at TagResource); a run "
                "that is under way, or a later one, may import its material again; take kms:ImportKeyMaterial away "
                "from those who run it, then cut the key off again"
            )

    def _lift(self, step: Step) -> None:
        self._change(step, {"KeyId": self.key.arn, "TagKeys": [models.CUT_OFF_TAG]})

    def _forget(self, step: Step) -> None:
        # A key that is not whole is disabled by the run that makes it so: the tag remembers that.
        if self.tagged and self.key.key_state != models.PENDING_IMPORT:
            self._change(step, {"KeyId": self.key.arn, "TagKeys": [models.RESTORE_STATE_TAG]})

    def _import(self, step: Step) -> None:
        """Import, trying the candidates in turn when the plan could not tell which material it is."""
        candidates = (step,) + step.alternatives
        for number, candidate in enumerate(candidates, start=1):
            try:
                self._import_one(candidate)
                return
            except AnsibleKMSError as error:
                if error.code != WRONG_MATERIAL or number == len(candidates):
                    raise

    def _import_one(self, step: Step) -> None:
        before = self.key
        if step.purpose in _OF_LOADED and not self.imported:
            self._require_unchanged()
        answer = self._change(step, None, patient=self._emptied)
        self.imported.append(answer.get("KeyMaterialId") or step.key_material_id)
        try:
            self._check_answer(step, before, answer.get("KeyMaterialId"))
        finally:
            # The answer says which material it was, and with that what the key has become.
            self._amend(key_material_id=self.imported[-1], key_state=self.key.key_state)

    def _comes_before_deletion(self, step: Step) -> bool:
        """Whether this is the proof without which nothing is deleted."""
        return step.purpose == "prove" and any(later.purpose == "delete" for later in self.plan.steps)

    def _check_answer(self, step: Step, before: Key, key_material_id: str | None) -> None:
        wanted = step.key_material_id
        self.key_material_id = key_material_id or wanted
        if self._comes_before_deletion(step) and key_material_id != wanted:
            raise refused(
                f"the material given is {key_material_id or 'one that KMS did not name'}, and not {wanted}, which was "
                f"to be deleted from the key {self.request.key_id}; no material was deleted; say with key_material_id "
                "which one is meant"
            )
        other = bool(wanted and key_material_id and key_material_id != wanted)
        if other and step.import_type is None:
            # Nothing was named in the request (a replica): KMS has found the material from the bytes.
            self.key = apply(before, replace(step, key_material_id=key_material_id))
        if other and (step.import_type is not None or self.request.key_material_id):
            raise refused(
                f"KMS took the material for {key_material_id}, not for {wanted}, on the key {self.request.key_id}; "
                "look at the key's materials before anything else is done"
            )
        if wanted is None and key_material_id:
            self.key = _named(self.key, key_material_id)

    # -- material ------------------------------------------------------------------------------------------------------

    def _wrap(self) -> None:
        algorithm, wrapping_key_spec = wrapping_choice(self.request, self.key)
        parameters: ImportParameters = operations.get_parameters_for_import(
            self.kms, self.key.arn, algorithm, wrapping_key_spec
        )
        if self.secret is None:
            raise invalid(f"the material for the key {self.request.key_id} is needed, and was not given")
        self._require_right_key(parameters.public_key, wrapping_key_spec)
        blob = self.secret.wrapped_for(parameters.public_key, algorithm)
        self.wrapped = Wrapped(blob, parameters.import_token, parameters.valid_to, parameters.public_key)

    def _require_right_key(self, public_key: bytes, wrapping_key_spec: str) -> None:
        """Raises AnsibleKMSError for a wrapping key that KMS would not have sent, or for an endpoint without proof."""
        require_proved(self.kms.channel, self.request.allow, self.request.key_id)
        problem = wrapping_key_problem(public_key, wrapping_key_spec)
        if problem:
            raise AnsibleKMSError(
                f"the answer to GetParametersForImport for the key {self.request.key_id} {problem}; this is not what "
                "KMS answers, so the material was not wrapped; find out who answers",
                code=UNTRUSTED,
            )

    def _request_of(self, step: Step) -> dict[str, Any]:
        wrapped = self.wrapped or Wrapped(b"", b"")
        return operations.import_request(
            self.key.arn,
            wrapped.import_token,
            wrapped.blob,
            step.expiration or models.DOES_NOT_EXPIRE,
            step.import_type,
            step.key_material_id if step.import_type == models.EXISTING else None,
            step.description,
        )

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _change(self, step: Step, parameters: dict[str, Any] | None, patient: bool = False) -> connection.Answer:
        """Make a changing call. After an unclear failure look whether it was carried out before repeating it.

        parameters: None for an import, whose request is built anew when its token is refused.
        patient: the key is down, or open, until this succeeds: it is tried for all of wait_timeout, whatever KMS says.
        """
        predicted, planned = apply(self.key, step), record_of(self.key, step)

        def attempt() -> connection.Answer:
            return changes.recorded(self.kms, planned, self.steps, parameters or self._request_of(step))

        answer = changes.make(
            changes.Change(
                attempt,
                look=lambda: self._look_for(step, predicted),
                repeatable=lambda error, _lost, last: self._repeatable(step, error, patient, last),
                before_repeating=lambda: self._look_before_repeating(step),
                patience=self.request.wait_timeout if patient else None,
            )
        )
        self._carried_out(step, predicted)
        return answer

    def _amend(self, **facts: Any) -> None:
        """Add to the record of the latest call what is known only now."""
        self.steps[-1] = replace(self.steps[-1], **facts)

    def _repeatable(self, step: Step, error: AnsibleKMSError, patient: bool, last: bool) -> bool:
        """Whether a call is repeated after an error; renews a refused token first."""
        if error.code in (CUT_OFF, CHANGED_MEANWHILE) or (step.purpose == "take back" and error.code == ACCESS_DENIED):
            return False
        if error.code in _TOKEN_CODES and self._may_renew_token(patient) and not last:
            self._wrap()
            return True
        return patient or self.kms.passes(error)

    def _may_renew_token(self, patient: bool) -> bool:
        """Once, as a rule: a second refusal has another reason."""
        first, self._renewed_token = not self._renewed_token, True
        return self.secret is not None and (first or patient)

    def _carried_out(self, step: Step, predicted: Key) -> None:
        self.key = predicted
        self.changed = self.changed or step.changes
        lost = [number for number, one in enumerate(self.steps) if one.outcome == models.LOST]
        latest = self.steps[-1]
        # A repetition that is refused shows that the call before it was carried out, of which no answer came.
        repeated = latest.outcome == models.FAILED and lost and _same_call(self.steps[lost[-1]], latest)
        number = lost[-1] if repeated else len(self.steps) - 1
        self.steps[number] = replace(self.steps[number], outcome=models.SUCCEEDED)

    # -- what others do meanwhile --------------------------------------------------------------------------------------

    def _look_before_repeating(self, step: Step) -> None:
        """A failed import may be repeated only into a key that nobody cut off meanwhile. Raises AnsibleKMSError."""
        if step.operation != "ImportKeyMaterial" or self.request.state == "absent":
            return
        if not self._emptied and step.purpose in _OF_LOADED:
            self._require_unchanged()
        else:
            # The key is empty by our own deletion, or was from the start: only the mark tells.
            self._require_no_cut_off(always=True)

    def _require_unchanged(self) -> None:
        """The key still holds what the plan was made for. Raises AnsibleKMSError.

        An import of material that was lost meanwhile, or into a key that was disabled meanwhile, would undo that.
        """
        planned = self.key
        held = planned.key_state == models.PENDING_IMPORT
        observed = self.observe(with_materials=held)
        if observed.key_state == planned.key_state and (not held or _loaded(observed) >= _loaded(planned)):
            return
        if set(self.done) - {"TagResource"} and observed.key_state != models.PENDING_IMPORT:
            # What we have done ourselves may not show yet; that the key is empty is none of it.
            return
        if self.unclear and observed.key_state == models.ENABLED:
            # The import whose answer was lost has enabled it, or others have: another import undoes nothing.
            return
        raise changed_meanwhile(
            f"the key {self.request.key_id} was {planned.key_state} when this run looked at it, and is "
            f"{observed.key_state} now, without this run's doing; its material was not imported again; look at the key "
            "first, and run the task again if that is meant"
        )

    def _require_no_cut_off(self, always: bool = False) -> None:
        """Nobody has cut the key off since it was planned. Raises AnsibleKMSError, after taking back what was imported.

        An import and a cut-off may overtake each other. A cut-off deletes, then marks, then looks: an import after that
        look finds the mark.
        """
        if self.request.state == "absent" or not (always or self.imported):
            return
        mark = self._cut_off_mark(must_be_known=always)
        if mark is None or mark == self.plan.known_cut_off:
            return
        sentence = (
            f"the key {self.request.key_id} was cut off on purpose while this run was under way (tag "
            f"{models.CUT_OFF_TAG}: {mark}); what this run had imported"
        )
        try:
            self._take_back()
        except AnsibleKMSError as error:
            # A role that imports may be one that must not delete: the guide on emergencies has such roles.
            raise cut_off(
                f"{sentence} is there again and could not be deleted: cut the key off once more, with the credentials "
                f"of those who did ({error.sentence})"
            ) from error
        raise cut_off(f"{sentence} is deleted again")

    def _cut_off_mark(self, must_be_known: bool) -> str | None:
        try:
            return operations.get_tags(self.kms, self.key.arn).get(models.CUT_OFF_TAG)
        except AnsibleKMSError as error:
            if error.code == ACCESS_DENIED:
                return None
            if must_be_known:
                raise
            self.warnings.append(
                f"whether the key {self.request.key_id} was cut off during this run could not be seen ({error.code} at "
                "ListResourceTags)"
            )
        return None

    def _take_back(self) -> None:
        """Delete what this run has imported. The key is open until that is done."""
        imported, self.imported = self.imported, []
        for key_material_id in dict.fromkeys(imported):
            step = Step("DeleteImportedKeyMaterial", "take back", key_material_id if self.key.symmetric else None)
            chosen = {"KeyMaterialId": step.key_material_id} if step.key_material_id else {}
            self._change(step, {"KeyId": self.key.arn, **chosen}, patient=True)

    def _take_back_if_cut_off(self) -> None:
        """After a failure, too, nothing that this run imported stays in a key that was cut off."""
        try:
            self._require_no_cut_off()
        except AnsibleKMSError as error:
            if error.code != CUT_OFF:
                return
            self.warnings.append(error.sentence)

    def _delete_what_was_not_listed(self) -> None:
        """The rest of a cut-off whose first deletion could not wait for the list."""
        if not self.request.all_materials or "ListKeyRotations" not in dict(self.key.unread):
            return
        try:
            listed = operations.list_materials(self.kms, self.key.arn)
        except AnsibleKMSError as error:
            self.warnings.append(
                f"the key {self.request.key_id} is cut off: its current material is deleted; which other materials it "
                f"holds could not be seen ({error.code} at ListKeyRotations), and they are still there if there are any"
            )
            return
        self.key = replace(self.key, materials=listed, unread=())
        for entry in listed:
            if entry.loaded(self.key.now):
                self._delete(Step("DeleteImportedKeyMaterial", "delete", entry.key_material_id))

    def _cut_off_again(self) -> None:
        """The key came back after its deletion: an import of another run overtook the mark."""
        warning = (
            f"the key {self.request.key_id} was seen Enabled after its deletion (an import of another run, or a read "
            "that lags), and its material was deleted again"
        )
        if warning not in self.warnings:
            self.warnings.append(warning)
        self._step(Step("DeleteImportedKeyMaterial", "delete"))
        self._step(Step("TagResource", "mark"))

    def _look_for(self, step: Step, predicted: Key) -> connection.Answer | None:
        """The answer that was lost, as far as a read shows that the call was carried out; None when it does not."""
        self.unclear = True
        if step.operation == "RotateKeyOnDemand":
            return {} if self._rotation_seen(self.key.staged) else None
        if self._comes_before_deletion(step):
            # Only KMS's answer proves the material; somebody else may have enabled the key.
            return None
        listed = bool(predicted.materials or self.key.materials)
        if same(predicted, self.key, listed):
            return None
        observed = self.observe(with_materials=listed)
        if not same(observed, predicted, bool(observed.materials)):
            return None
        if step.import_type == models.NEW and observed.staged:
            return {"KeyMaterialId": observed.staged.key_material_id}
        return {"KeyMaterialId": observed.current_key_material_id} if self.key.never_imported else {}

    def observe(self, with_materials: bool) -> Key:
        """The key as KMS shows it now."""
        observed = operations.describe_key(self.kms, self.key.arn)
        if with_materials and self.key.symmetric and not observed.never_imported:
            observed = replace(observed, materials=operations.list_materials(self.kms, self.key.arn))
        return observed

    def _confirm(self, before: Key) -> None:
        """Read until KMS shows what the steps have made of the key; the list only where DescribeKey cannot show it."""
        wanted = self.key
        with_materials = same(wanted, before, False) and wanted.materials != before.materials
        disabled_since = time.monotonic() + min(_SETTLED_AFTER, self.request.wait_timeout / 2)

        def look() -> dict[str, Any]:
            observed = self.observe(with_materials)
            if self.request.all_materials and observed.enabled:
                self._cut_off_again()
            seen = same(observed, wanted, with_materials)
            if seen:
                self.key = replace(
                    observed,
                    materials=observed.materials or wanted.materials,
                    restore_state=wanted.restore_state,
                    cut_off=self.key.cut_off,
                )
            # An old view of a key that was Disabled before its deletion looks the same, for as long as reads lag.
            settled = time.monotonic() >= disabled_since and _accepted(observed, wanted)
            return {"Seen": seen or settled, "Last": describe(observed)}

        self._wait(look, describe(wanted))

    def _confirm_rotation(self, target: str | None) -> None:
        """Read until the material is current. The start date alone tells nothing: it may not show yet."""
        looks: list[bool] = []

        def look() -> dict[str, Any]:
            observed = operations.describe_key(self.kms, self.key.arn)
            if observed.current_key_material_id == target:
                self.key = replace(observed, materials=self.key.materials)
                return {"Seen": True}
            looks.append(operations.rotation_started(self.kms, self.key.arn) is not None)
            # A rotation that was seen and is gone twice has ended without this material.
            hopeless = any(looks) and looks[-2:] == [False, False]
            last = f"{describe(observed)}, current material {observed.current_key_material_id}"
            return {"Seen": False, "Hopeless": hopeless, "Last": last}

        self._wait(look, f"one that encrypts with the material {target}", waiters.ROTATION_DELAY)

    def _wait(self, look: Callable[[], dict[str, Any]], wanted: str, delay: float | None = None) -> None:
        key_id, timeout = self.request.key_id, self.request.wait_timeout
        waiters.wait_patiently(self.kms.client, look, key_id, wanted, timeout, delay)

    def tidy_up(self) -> None:
        """After a failure: learn the key's state, and disable a key again that an import has enabled, if possible."""
        with self.kms.throttle.committed():
            self._take_back_if_cut_off()
            self._restore_state()

    def _restore_state(self) -> None:
        try:
            observed = operations.describe_key(self.kms, self.key.arn)
            remembered = self.key.restore_state
            self.key = replace(
                observed, materials=self.key.materials, restore_state=remembered, cut_off=self.key.cut_off
            )
            self.known = True
            if remembered != models.DISABLED:
                return
            if self.key.enabled:
                self._step(Step("DisableKey", "disable"))
            if self.key.key_state == models.DISABLED:
                self._step(Step("UntagResource", "forget"))
        except AnsibleKMSError:
            if self.key.restore_state != models.DISABLED:
                return
            self.warnings.append(
                f"the key {self.request.key_id} was Disabled before this run and may be enabled now; run the task "
                f"again, or disable it (aws kms disable-key --key-id {self.key.arn})"
            )


def wrapping_choice(request: Request, key: Key) -> tuple[str, str]:
    """WrappingAlgorithm and WrappingKeySpec: what was asked for, or the strongest that fits."""
    algorithm = request.wrapping_algorithm or specs.default_wrapping_algorithm(key.key_spec)
    return algorithm, request.wrapping_key_spec or "RSA_4096"


def _same_call(one: StepRecord, other: StepRecord) -> bool:
    return (one.operation, one.purpose) == (other.operation, other.purpose)


def _operator() -> str:
    """Who runs this, as far as the machine knows."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        # No entry in the password database, as in some containers.
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def _loaded(key: Key) -> frozenset[str]:
    return frozenset(entry.key_material_id for entry in key.materials if entry.import_state == models.IMPORTED)


def same(one: Key, other: Key, with_materials: bool) -> bool:
    """Whether two reads of a key show the same. IDs that KMS had yet to give count as equal to any."""
    if _shown(one, with_materials) != _shown(other, with_materials):
        return False
    current = (one.current_key_material_id, other.current_key_material_id)
    # Which material is current follows the primary key, where a rotation may end meanwhile.
    return one.replica or UNNAMED in current or current[0] == current[1]


def _shown(key: Key, with_materials: bool) -> tuple[Any, ...]:
    shown: tuple[Any, ...] = (key.key_state, key.expiration if key.key_state != models.PENDING_IMPORT else None)
    if with_materials:
        shown += tuple(_shown_material(key, entry) for entry in key.materials if _own(key, entry))
    return shown


def _own(key: Key, entry: Material) -> bool:
    """Whether an entry is a matter of this Region: a replica also lists what is staged in others."""
    return not key.replica or entry.permanent or entry.import_state == models.IMPORTED


def _shown_material(key: Key, entry: Material) -> tuple[Any, ...]:
    # Whether staged material is ready for the rotation depends on what is done elsewhere, as do a replica's texts and
    # the rotation itself.
    shown = (entry.import_state, entry.expiration)
    if key.replica:
        return shown
    return (*shown, entry.permanent and entry.key_material_state, entry.description or "")


def _accepted(observed: Key, wanted: Key) -> bool:
    # What KMS makes of a Disabled key at a deletion or expiry is documented as PendingImport, but was never seen.
    return wanted.key_state == models.PENDING_IMPORT and observed.key_state == models.DISABLED


def _named(key: Key, key_material_id: str) -> Key:
    materials = tuple(
        replace(entry, key_material_id=key_material_id) if entry.key_material_id == UNNAMED else entry
        for entry in key.materials
    )
    current = key_material_id if key.current_key_material_id == UNNAMED else key.current_key_material_id
    return replace(key, materials=materials, current_key_material_id=current)


def describe(key: Key) -> str:
    """A key's state and expiry in words."""
    expiration = key.expiration
    if expiration is None or expiration.valid_to is None:
        return key.key_state
    return f"{key.key_state}, expiring {expiration.valid_to.isoformat()}"
