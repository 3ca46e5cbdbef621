# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key_replacement from its options to its result: each key is read, planned, and outside check mode replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import replace
from typing import Any

from ..canary.run import Finding
from ..external_key import operations as external_key_operations
from ..external_key.run import advised
from ..fleet import run as fleet_run
from ..fleet.run import Work
from ..key import models
from ..key.models import NO_EVIDENCE
from ..key.models import SUCCEEDED
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Plan
from ..key.models import Request
from ..key.models import StepRecord
from ..key.models import carried_out
from ..key.transitions import predict
from ..material import run as material_run
from ..material.arguments import key_replacement_spec
from ..material.find import for_key
from ..material.find import with_tags
from ..material.plan import make_plan
from ..material.results import Replacement
from ..material.results import Result
from ..secret.material import Held
from ..secret.preparation import Prepared
from ..secret.proof import find_evidence
from ..service import connection
from ..service import operations
from ..service.connections import Connect
from ..service.connections import Connections
from ..service.errors import WRONG_MATERIAL
from ..service.errors import AnsibleKMSError
from ..service.errors import error_fields
from ..service.errors import refused
from ..service.errors import unexpected
from ..service.outcome import Outcome
from ..service.pacing import CHANGING
from ..service.pacing import RunInterruptedError
from ..service.pacing import interruption
from ..service.process import Ending
from . import find
from .execute import ReplacementExecutor
from .find import KeyCreator
from .options import DELETE
from .options import LEAVE
from .options import ReplacementInput
from .options import read_replacements
from .plan import Pair
from .plan import Party
from .plan import ReplacementPlan
from .plan import blank
from .plan import disposed
from .plan import expiry_of_new
from .plan import first_refusal
from .plan import make_replacement_plan
from .plan import new_key_refusal
from .plan import refusal_for


def run(
    options: Mapping[str, Any],
    region: str | None,
    connect: Connect,
    check_mode: bool,
    with_diff: bool = True,
    ending: Ending | None = None,
) -> Outcome:
    """Replace the keys."""

    def read() -> Sequence[ReplacementInput]:
        return read_replacements(options, region, check_mode)

    def make(connections: Connections, key_inputs: Sequence[ReplacementInput]) -> Work:
        creator = KeyCreator(connections.connection("*"))
        return Work([ReplacementRun(connections.connection(one.request.key_id), one, creator) for one in key_inputs])

    return fleet_run.managed(
        key_replacement_spec(),
        options,
        read,
        make,
        connect,
        check_mode,
        with_diff,
        ending=ending,
    )


class ReplacementRun:
    """One key's way through a module call. No phase raises AnsibleKMSError: a failure is a result with an error."""

    # No key is without its material during a replacement, and nothing is kept for a later run.
    paired = False
    prepared: Sequence[Prepared] = ()

    def __init__(self, kms: connection.Connection, key_input: ReplacementInput, creator: KeyCreator) -> None:
        self.kms = kms
        self.key_input = key_input
        self.name = key_input.request.key_id
        self.result = Result(self.name, replacement=Replacement(), source=key_input.material.source)
        self.creator = creator
        self.replacing: ReplacementExecutor | None = None
        # What KMS itself has said of the material given and the key that is named, when it was asked to take it.
        self._said: Evidence | None = None
        self._evidence: dict[str, Evidence] = {}
        # Whether the caller has named the new key, as an alias does that has moved.
        self._names_new = False

    @property
    def pending(self) -> bool:
        return self.replacing is not None and self.result.error is None

    @property
    def preparing(self) -> Counter[str]:
        wraps = self.replacing is not None and self.replacing.plan.imports
        return Counter(["GetParametersForImport"] if wraps else [])

    @property
    def changing(self) -> Counter[str]:
        return Counter(self.replacing.plan.operations) if self.replacing else Counter()

    @property
    def whole(self) -> Counter[str]:
        return self.preparing + self.changing

    # -- planning ------------------------------------------------------------------------------------------------------

    def plan(self) -> None:
        """Read, prove and plan; changes nothing."""
        try:
            self._plan()
        except AnsibleKMSError as error:
            self.refuse(error)
        except RunInterruptedError:
            self.refuse(self._interruption())
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            self.refuse(unexpected(error, self.key_input.request.key_id))

    def refuse(self, error: AnsibleKMSError) -> None:
        """Leave the key as it is, and say why."""
        self.replacing = None
        seen = self.result.replacement or Replacement()
        self.result = replace(
            self.result,
            changed=False,
            steps=(),
            after=self.result.before,
            replacement=replace(seen, key=seen.before, aliases=()),
            error=self._error(error),
            calls=self._calls(),
        )

    def fail(self, error: AnsibleKMSError) -> None:
        """The key is as it is, but what was wanted did not come about for another reason."""
        self.result = replace(self.result, error=self.result.error or self._error(error))

    def _interruption(self) -> AnsibleKMSError:
        return interruption(f"the key {self.name}", self.kms.throttle.pacer.stop)

    def _plan(self) -> None:
        key_input, request = self.key_input, self.key_input.request
        self.result = material_run.at_endpoint(self.result, self.kms)
        material_run.require_trusted(key_input.material, self.kms)
        named = find.read_party(self.kms, request, self._refusal)
        self.key_input = key_input.with_request(request.resolved(named.key.arn))
        self.result = replace(self.result, before=named.key, after=named.key)
        secret = material_run.checked_secret(key_input.material, blank(named.key))
        if secret is None:
            raise AssertionError("there is no replacement without material")
        self.kms = for_key(self.kms, request, named.key)
        pair = self._pair(named, secret)
        for party in (pair.old, pair.new):
            self.kms = for_key(self.kms, request, party.key) if party else self.kms
        request, unsaid = expiry_of_new(key_input, pair)
        imports, key = self._material(pair, secret, request)
        known = self._known(pair, imports, secret)
        after = predict(key, imports.steps)
        problem = refusal_for(key_input, pair, known) or new_key_refusal(key_input, pair, imports, after) or unsaid
        if problem:
            raise refused(problem)
        plan = make_replacement_plan(key_input, pair, imports)
        self._predict(pair, plan, imports, key)
        self._begin(pair, plan, secret, key_input.with_request(request))

    def _begin(self, pair: Pair, plan: ReplacementPlan, secret: Held, key_input: ReplacementInput) -> None:
        earlier, self.replacing = self.replacing, None
        if not plan.operations:
            return
        model = self._model(pair.old.key.arn) if pair.old and plan.creates else None
        self.replacing = ReplacementExecutor(self.kms, key_input, pair, plan, secret, self.creator, model)
        if earlier is not None:
            self.replacing.steps = earlier.steps

    def _model(self, arn: str) -> Key:
        """What the new key gets of the old one; that it cannot be read has to show before anything is made."""
        key = operations.describe_key(self.kms, arn)
        return key.with_settings(policy=external_key_operations.get_policy(self.kms, arn))

    def _refusal(self, key: Key) -> str | None:
        return first_refusal(self.key_input, key)

    def _pair(self, named: Party, secret: Held) -> Pair:
        """Which key is the old one, and which one the new."""
        request = self.key_input.request
        new = find.successor(self.kms, request, named, self._refusal)
        if new is not None:
            return Pair(named, new)
        replaced = named.predecessor
        if replaced and self._verdict(named, secret).verdict != "mismatch":
            self._names_new = True
            return Pair(find.predecessor(self.kms, request, replaced, self._refusal), named)
        if named.key.key_state in models.DELETION_STATES:
            return Pair(named)
        half_made = self.creator.replacements_of(named.key.key_id)
        if len(half_made) > 1:
            raise refused(
                f"several keys were made to replace the key {request.key_id}: {', '.join(sorted(half_made))}; schedule "
                "the deletion of all but one, and run the task again"
            )
        found = [find.read_party(self.kms, request.of(arn), self._refusal) for arn in half_made]
        return Pair(named, found[0] if found else None)

    def _verdict(self, party: Party, secret: Held) -> Evidence:
        """Whether the material given is the one of this key."""
        arn = party.key.arn
        if self._said is not None and party.predecessor:
            return self._said
        if arn not in self._evidence:
            request = self.key_input.request.of(arn)
            self._evidence[arn] = find_evidence(self.kms, request, party.key, secret)
        return self._evidence[arn]

    def _material(self, pair: Pair, secret: Held, request: Request) -> tuple[Plan, Key]:
        """The plan for the material of the new key, and that key."""
        if pair.new is None:
            if pair.old is None:
                raise AssertionError("there is always one of the two keys")
            key = blank(pair.old.key)
            return make_plan(request, key, NO_EVIDENCE), key
        request = request.of(pair.new.key.arn)
        material_run.checked_secret(replace(self.key_input.material, request=request), pair.new.key)
        evidence = self._verdict(pair.new, secret)
        key = with_tags(pair.new.key, pair.new.tags, (secret.seal,))
        return make_plan(request, key, evidence), key

    def _known(self, pair: Pair, imports: Plan, secret: Held) -> Evidence:
        if pair.old is None or imports.evidence.verdict == "match":
            return NO_EVIDENCE
        return self._verdict(pair.old, secret)

    def _predict(self, pair: Pair, plan: ReplacementPlan, imports: Plan, key: Key) -> None:
        old = pair.old.key if pair.old else key
        self.result = replace(
            self.result,
            before=old,
            after=disposed(old, plan.disposal) if pair.old else predict(key, imports.steps),
            changed=bool(plan.operations),
            steps=plan.records(key),
            evidence=material_run.used_proof(imports),
            key_material_id=material_run.planned_material_id(imports),
            warnings=plan.warnings,
            replacement=Replacement(
                before=pair.new.key if pair.new else None,
                key=predict(key, imports.steps),
                moved_before=tuple(pair.new.aliases) if pair.new else (),
                aliases=plan.moves,
            ),
            error=None,
        )

    # -- doing it ------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Nothing is interrupted by a replacement, so that nothing has to be done before it."""

    def change(self) -> None:
        """All of it."""
        if not self.pending:
            return
        self._carry_out()
        if self._was_told_of_other_material():
            # The key that is named has replaced another, and the bytes that no read could compare are not its own.
            self._said = Evidence("mismatch", "reimport")
            self.plan()
            self._carry_out()

    def _was_told_of_other_material(self) -> bool:
        error = self.result.error
        return self._names_new and self._said is None and bool(error) and (error or {})["code"] == WRONG_MATERIAL

    def _carry_out(self) -> None:
        replacing = self.replacing
        if replacing is None or self.result.error is not None:
            return
        failure: AnsibleKMSError | None = None
        try:
            replacing.run()
        except AnsibleKMSError as error:
            failure = error
        except RunInterruptedError:
            failure = self._interruption()
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            failure = unexpected(error, self.key_input.request.key_id)
        self._executed(replacing, failure)

    def _executed(self, replacing: ReplacementExecutor, failure: AnsibleKMSError | None) -> None:
        before = self.result.before
        after = replace(before, key_state=replacing.old_state) if before and replacing.old_state else before
        seen = self.result.replacement or Replacement()
        evidence = self.result.evidence
        if replacing.proof and evidence and not evidence.method:
            evidence = replace(evidence, method=replacing.proof)
        self.result = replace(
            self.result,
            after=after if replacing.pair.old else replacing.key,
            changed=bool(replacing.done),
            steps=(*replacing.steps, *(_unreached(self.result.steps, replacing.steps) if failure else ())),
            evidence=evidence,
            key_material_id=replacing.key_material_id or self.result.key_material_id,
            calls=self._calls(),
            warnings=self.result.warnings + tuple(replacing.warnings) if failure is None else tuple(replacing.warnings),
            replacement=replace(
                seen,
                key=replacing.key,
                aliases=tuple(replacing.settled),
                canary=_told(replacing.finding),
                rolled_back=replacing.rolled_back,
            ),
            error=self._error(failure, replacing) if failure else None,
        )

    # -- what is said --------------------------------------------------------------------------------------------------

    def _calls(self) -> tuple[dict[str, Any], ...]:
        """The calls for a report: the changing ones, and those that prepared them."""
        return tuple(asdict(call) for call in self.kms.calls if call.operation in CHANGING)

    def _error(self, error: AnsibleKMSError, replacing: ReplacementExecutor | None = None) -> dict[str, Any]:
        sentence, heal = advised(error, self.key_input.request.key_id), None
        if replacing is not None and replacing.pair.old is not None:
            old = replacing.pair.old.key
            heal = heal_command(self.key_input, old)
            sentence += f"; {_left(replacing, old)}"
        return error_fields(error, sentence, self.key_input.request.key_id, heal)


def _unreached(planned: Sequence[StepRecord], sent: Sequence[StepRecord]) -> list[StepRecord]:
    """The steps of a plan for which no call went out."""
    reached = Counter(_kind(step) for step in carried_out(sent))
    # The latest attempt at a step that was not carried out has reached it, too.
    reached.update(kind for kind, step in {_kind(step): step for step in sent}.items() if step.outcome != SUCCEEDED)
    left = []
    for step in planned:
        if reached[_kind(step)]:
            reached[_kind(step)] -= 1
        else:
            left.append(step)
    return left


def _kind(step: StepRecord) -> tuple[str, str]:
    return step.operation, step.purpose


def _told(finding: Finding) -> dict[str, Any]:
    return {"kind": finding.kind, "verdict": finding.verdict, "note": finding.note}


def _left(replacing: ReplacementExecutor, old: Key) -> str:
    """Where a failure has left the aliases, and that the next run goes on from there."""
    made = f"the new key {replacing.key.arn} is kept, and" if replacing.key else "there is no new key, and"
    if replacing.lost:
        by_hand = " && ".join(
            f"aws kms update-alias --region {old.region} --alias-name {alias} --target-key-id {old.arn}"
            for alias in replacing.lost
        )
        return f"{made} {', '.join(replacing.lost)} may lead to it and could not be taken back (by hand: {by_hand})"
    if replacing.rolled_back:
        return f"{made} every alias leads to the old key {old.arn} again; the next run goes on from there"
    if replacing.settled:
        return f"{made} the aliases lead to it; what became of the old key {old.arn} is left"
    return f"{made} no alias was moved; the next run goes on from there"


def heal_command(key_input: ReplacementInput, old: Key) -> str:
    """The command that finishes a replacement that broke off."""
    arguments = [f"key_id={old.arn}", f"region={old.region}", "key_material_file=FILE"]
    if key_input.aliases is not None:
        arguments.append(f"aliases={','.join(key_input.aliases)}")
    if key_input.old_key != LEAVE:
        arguments.append(f"old_key={key_input.old_key}")
    if key_input.old_key == DELETE:
        arguments.append(f"pending_window={key_input.pending_window}")
    arguments += material_run.said_of_expiry(key_input.request)
    if key_input.request.allow:
        arguments.append(f"allow={','.join(sorted(key_input.request.allow))}")
    return f"ansible localhost -m byok.aws.kms_key_replacement -a '{' '.join(arguments)}'"
