# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out the plan for a replacement: make the new key, give it its material, let it work, move the aliases to it.

The keys themselves are changed by what carries out plans for kms_external_key, the material by what does so for
kms_imported_material. Between the first alias that moves and the last look at them nothing ends this but a failure,
after which every alias goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from ..canary import run as canary
from ..canary.run import Finding
from ..external_key import operations as external_key_operations
from ..external_key import plan as external_key_plan
from ..external_key.execute import KeyExecutor
from ..external_key.models import ExternalKeyRequest
from ..external_key.models import Found
from ..external_key.models import KeyPlan
from ..external_key.models import KeyStep
from ..key.models import Key
from ..key.models import StepRecord
from ..key.models import carried_out
from ..material.execute import PlanExecutor
from ..material.find import for_key
from ..material.find import read_key
from ..material.find import read_tags
from ..material.plan import make_plan
from ..secret.material import Held
from ..secret.proof import find_evidence
from ..service import connection
from ..service import operations
from ..service import waiters
from ..service.connection import ambiguous
from ..service.errors import ACCESS_DENIED
from ..service.errors import CANARY
from ..service.errors import AnsibleKMSError
from ..service.errors import refused
from .find import KeyCreator
from .options import ReplacementInput
from .plan import REPLACED_BY
from .plan import Pair
from .plan import Party
from .plan import ReplacementPlan
from .plan import first_import
from .plan import new_key_request


@dataclass
class ReplacementExecutor:
    """The run of one plan. steps: every attempt at a changing call. key: the new one as it is known at this moment.

    model: the old key with its description and policy, when a key like it is to be made.
    settled: aliases that were moved, or may have been, and lead to the new key. lost: those that should have gone back,
    and did not.
    """

    kms: connection.Connection
    key_input: ReplacementInput
    pair: Pair
    plan: ReplacementPlan
    secret: Held
    creator: KeyCreator
    model: Key | None = None
    key: Key | None = None
    old_state: str | None = None
    steps: list[StepRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    key_material_id: str | None = None
    proof: str | None = None
    finding: Finding = field(default_factory=Finding)
    settled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    rolled_back: bool = False

    @property
    def done(self) -> tuple[str, ...]:
        """The changing operations that KMS carried out, in order."""
        return tuple(step.operation for step in carried_out(self.steps))

    def run(self) -> None:
        """Raises AnsibleKMSError; what was done until then stays in done."""
        self.key = self.pair.new.key if self.pair.new else None
        if self.plan.creates:
            self._create()
        if self.plan.remembers:
            self._remember()
        if self.plan.imports:
            self._import()
        with ExitStack() as to_the_end:
            if self.plan.imports:
                to_the_end.enter_context(self.kms.throttle.committed())
            if self.plan.moves:
                self._prove()
                self._require_aliases()
                to_the_end.enter_context(self.kms.throttle.committed())
                self._move()
            if self.plan.disposal:
                self.old_state = self._on_old(self.plan.disposal).key_state

    @property
    def old(self) -> Party:
        if self.pair.old is None:
            raise AssertionError("there is no old key")
        return self.pair.old

    @property
    def new(self) -> Key:
        if self.key is None:
            raise AssertionError("there is no new key yet")
        return self.key

    # -- the keys ------------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        old = self.old.key
        if self.model is None:
            raise AssertionError("a key is made after a model")
        key_input = new_key_request(self.key_input, self.old, self.model)
        found = Found(known=self.creator.known)
        made = self._execute(key_input, found, external_key_plan.make_plan(key_input, found, old.now, self.kms.region))
        self.creator.add(made.arn)
        # Nothing else is known of it yet but what the plan for its material reads.
        self.key = replace(old, arn=made.arn, key_id=made.key_id, key_state=made.key_state, materials=())

    def _remember(self) -> None:
        self._on_old(KeyStep("TagResource", {"Tags": {REPLACED_BY: self.new.arn}}, "link"))

    def _on_old(self, step: KeyStep, wait: bool = True) -> Key:
        # Without waiting nothing is read again.
        key = operations.describe_key(self.kms, self.old.key.arn) if wait else self.old.key
        key = key.with_settings(tags=dict(self.old.tags))
        return self._execute(self._key_request(key.arn, wait), Found(key), KeyPlan((step,)))

    def _key_request(self, arn: str, wait: bool = True) -> ExternalKeyRequest:
        request = self.key_input.request
        return ExternalKeyRequest(key_id=arn, wait=request.wait and wait, wait_timeout=request.wait_timeout)

    def _execute(
        self, key_input: ExternalKeyRequest, found: Found, plan: KeyPlan, moved: list[str] | None = None
    ) -> Key:
        executor = KeyExecutor(self.kms, key_input, found, plan, lambda _region: self.kms.client)
        try:
            executor.run()
        finally:
            self.steps += executor.records
            self.warnings += executor.warnings
            if moved is not None:
                moved += [str(step.parameters["AliasName"]) for step in plan.steps[: len(executor.done)]]
            if executor.key is not None and self.plan.creates and self.key is None:
                # Whatever fails from here on, the result says which key was made.
                self.key = replace(self.old.key, arn=executor.key.arn, key_id=executor.key.key_id, materials=())
            self.kms = self.kms.named(self._name)
        if executor.key is None:
            raise AssertionError("there is a key after every plan for one")
        return executor.key

    @property
    def _name(self) -> str:
        """What messages call the key."""
        return (
            f"{self.key_input.request.key_id} (new key {self.key.arn})" if self.key else self.key_input.request.key_id
        )

    # -- the material --------------------------------------------------------------------------------------------------

    def _import(self) -> None:
        request = self.key_input.request.of(self.new.arn)
        # A key that this run has made is waited for, also by a run that waits for nothing else.
        self.kms = self.kms.for_young_key(self.kms.young or self.plan.creates)
        key = read_key(self.kms, request)
        self.kms = for_key(self.kms, request, key)
        evidence = find_evidence(self.kms, request, key, self.secret)
        acts = make_plan(request, key, evidence).to_do
        key = read_tags(self.kms, request, key, acts, (self.secret.seal,))
        plan = make_plan(request, key, evidence)
        if plan.refusal:
            raise refused(plan.refusal)
        if self.plan.creates:
            plan = replace(plan, steps=first_import(plan.steps))
        executor = PlanExecutor(self.kms, request, plan, key, self.secret, steps=self.steps)
        try:
            executor.prepare()
            executor.change()
            executor.complete()
        finally:
            self.key = executor.key
            self.key_material_id = executor.key_material_id
            self.warnings += executor.warnings

    # -- before the aliases move ---------------------------------------------------------------------------------------

    def _prove(self) -> None:
        """The new key has to hold this material, and to work, as far as the caller may have it work."""
        if not self.new.enabled:
            raise refused(f"the new key {self.new.arn} is {self.new.key_state}, and no alias was moved to it")
        if not self.key_input.canary:
            self.finding = Finding(note="not asked for")
            return
        self.finding = self._worked(self.new)
        if self.finding.verdict == "failed":
            raise AnsibleKMSError(
                f"the canary of the new key {self.new.arn}, which was to take the place of "
                f"{self.key_input.request.key_id}, failed: {self.finding.note}; no alias was moved",
                code=CANARY,
            )

    def _worked(self, key: Key) -> Finding:
        patience = float(min(self.key_input.request.wait_timeout, 30))
        taken = canary.take_patiently(self.kms, key, patience)
        if taken.verdict != "taken":
            return taken
        proved = canary.prove(self.kms, key, canary.CanaryRequest(key.arn, taken.canary, patience=patience))
        if proved.verdict != "passed" or key.symmetric:
            return replace(proved, note=proved.note or taken.note)
        evidence = find_evidence(self.kms, self.key_input.request, key, self.secret)
        self.proof = evidence.method
        if evidence.verdict == "mismatch":
            return replace(proved, verdict="failed", note="it does not work with the material that was given")
        return replace(proved, note=taken.note)

    # -- the aliases ---------------------------------------------------------------------------------------------------

    def _require_aliases(self) -> None:
        """An alias that another user has moved since the plan belongs to a key that this run has not read."""
        old = self.old.key.arn
        there = external_key_operations.get_aliases(self.kms, old)
        gone = [alias for alias in self.plan.moves if alias not in there]
        if gone:
            raise refused(
                f"{' and '.join(gone)} led to the key {old} when its replacement was planned, and not any more; "
                "see where it leads now, and plan the replacement anew"
            )

    def _move(self) -> None:
        moved: list[str] = []
        try:
            self._lead(self.plan.moves, moved)
            self._resolve([*self.plan.moves, *self.plan.returning])
        except Exception as error:
            doubtful = self.plan.moves[len(moved) : len(moved) + 1] if _unclear(error) else ()
            self._take_back([*self.plan.returning, *moved, *doubtful])
            raise
        self.settled = moved

    def _lead(self, aliases: Sequence[str], moved: list[str]) -> None:
        key = operations.describe_key(self.kms, self.new.arn).with_settings(aliases=())
        steps = tuple(KeyStep("UpdateAlias", {"AliasName": alias}) for alias in aliases)
        self._execute(self._key_request(key.arn), Found(key), KeyPlan(steps), moved)

    def _resolve(self, aliases: Sequence[str]) -> None:
        """Move each alias to the new key."""
        if self.key_input.request.wait:
            for alias in aliases:
                self._wait_for(alias)

    def _wait_for(self, alias: str) -> None:
        wanted = self.new.arn

        def look() -> dict[str, Any]:
            seen = operations.describe_key(self.kms, alias).arn
            return {"Seen": seen == wanted, "Last": f"{alias} leads to {seen}"}

        request = self.key_input.request
        waiters.wait_patiently(
            self.kms.client,
            look,
            request.key_id,
            f"one whose {alias} leads to {wanted}",
            request.wait_timeout,
            hopeless=(ACCESS_DENIED,),
        )

    def _take_back(self, aliases: Sequence[str]) -> None:
        """Every alias leads to the old key again, or is named in lost."""
        for alias in reversed(aliases):
            try:
                # Whether it shows at once does not matter: that KMS took it does.
                self._on_old(KeyStep("UpdateAlias", {"AliasName": alias}, "move back"), wait=False)
            except AnsibleKMSError:
                self.lost.append(alias)
        self.rolled_back = bool(aliases) and not self.lost
        self.settled = [alias for alias in aliases if alias in self.lost]


def _unclear(error: Exception) -> bool:
    return isinstance(error, AnsibleKMSError) and ambiguous(error.exception)
