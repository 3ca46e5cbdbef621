# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One multi-Region key in several of its Regions, in the order that KMS demands.

Source: KMS Developer Guide, "Importing key material into multi-Region keys" and "Rotating imported key material": new
material is imported into the primary key, then into every replica key, and then the primary key is rotated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from ..key.identifiers import arn_in
from ..key.models import Key
from ..key.models import Step
from ..secret.preparation import Prepared
from ..service import connection
from ..service import operations
from ..service.connections import Connections
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid
from ..service.errors import refused
from ..service.errors import unexpected
from ..service.pacing import RunInterruptedError
from ..service.pacing import interruption
from .find import describe
from .options import ALL_REGIONS
from .options import KeyInput
from .options import PreparationFile
from .results import Result
from .results import combined
from .run import KeyRun
from .run import at_endpoint
from .run import failed_result
from .run import require_trusted


def chosen_regions(key: Key, wanted: Sequence[str], key_id: str, state: str) -> tuple[str, ...]:
    """The Regions meant, that of the primary key first. Raises AnsibleKMSError for one in which the key is not."""
    there = key.regions
    if ALL_REGIONS in wanted:
        return there
    unknown = [region for region in wanted if region not in there]
    if unknown:
        raise invalid(f"regions: the key {key_id} is in {', '.join(there)}, and not in {', '.join(unknown)}")
    if state == "current" and there[0] not in wanted:
        raise invalid(
            f"regions: the key {key_id} is rotated in the Region of its primary key, {there[0]}; name that, too"
        )
    return tuple(region for region in there if region in wanted)


def _problem(key_input: KeyInput, key: Key, regions: Sequence[str]) -> str | None:
    """What of the options does not go with these Regions."""
    key_id, primary = key_input.request.key_id, key.regions[0]
    if len(regions) > 1 and key_input.wrapped is not None:
        return f"the import token for the key {key_id} works in one Region; give the plaintext"
    if key_input.request.description is not None and primary not in regions:
        return (
            f"key_material_description is set on the primary key of {key_id}, in {primary}; name that in regions, too"
        )
    return None


def member_input(key_input: KeyInput, key: Key, region: str, regions: tuple[str, ...]) -> KeyInput:
    """What is wanted of the key in one Region."""
    request = replace(key_input.request.of(arn_in(key.arn, region)), regions=regions)
    if region != key.regions[0]:
        # A replica takes its description from the primary key, and is rotated with it.
        rotates = request.state == "current"
        state = "present" if rotates else request.state
        request = replace(request, description=None, state=state, for_rotation=rotates)
    return replace(key_input, request=request)


@dataclass
class MultiRegionRun:
    """The runs of one key, one for each Region, in place of a single one. The first is that of the primary key."""

    connections: Connections
    key_input: KeyInput
    kept: PreparationFile | None = None
    members: list[KeyRun] = field(default_factory=list)
    _failure: AnsibleKMSError | None = None

    def plan(self) -> None:
        """Find the Regions, then read, prove and plan in each; changes nothing."""
        request = self.key_input.request
        try:
            # Before the first call; each Region has an endpoint of its own, at which its run looks.
            require_trusted(self.key_input, self._kms)
            key = describe(self._kms, request)
            regions = chosen_regions(key, request.regions, request.key_id, request.state)
            problem = _problem(self.key_input, key, regions)
            if problem:
                raise invalid(problem)
            moved = self.kept.moved_problem(request.key_id, key) if self.kept else None
            if moved:
                raise refused(moved)
        except AnsibleKMSError as error:
            self._failure = error
            return
        except RunInterruptedError:
            self._failure = interruption(f"the key {request.key_id}", self.connections.pacer.stop)
            return
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            self._failure = unexpected(error, request.key_id)
            return
        for region in regions:
            self._add(member_input(self.key_input, key, region, regions), region)
        if any(key_run.result.error for key_run in self.members):
            self._hold(self.members)

    def _hold(self, key_runs: Sequence[KeyRun]) -> None:
        """A rotation is one of all Regions: once it cannot come about, nothing more is done for it in any of them."""
        failed = ", ".join(key_run.kms.region for key_run in self.members if key_run.result.error)
        for key_run in key_runs if self.key_input.request.state == "current" else ():
            if key_run.pending and not key_run.finished:
                place = key_run.kms.region
                key_run.refuse(refused(f"nothing was done in {place}, since the rotation cannot begin in {failed}"))

    def _require_every_proof(self) -> None:
        """Material that is given with a deletion is proved in all Regions before it is deleted in any."""
        request = self.key_input.request
        failed = ", ".join(key_run.kms.region for key_run in self.members if key_run.result.error)
        if (
            request.state != "absent"
            or not request.offered
            or not failed
            or any(key_run.finished for key_run in self.members)
        ):
            return
        for key_run in self.members:
            if key_run.pending:
                place = key_run.kms.region
                key_run.stop(refused(f"nothing was deleted in {place}, since the material is not proved in {failed}"))

    def _add(self, key_input: KeyInput, region: str) -> None:
        kms = self.connections.connection(key_input.request.key_id, region)
        key_run = KeyRun(
            kms,
            key_input,
            Result(key_input.request.key_id, source=key_input.source),
            self.kept,
            primary_steps=self._primary_steps(),
        )
        key_run.plan()
        self.members.append(key_run)

    def _primary_steps(self) -> tuple[Step, ...]:
        """What a replica has to expect from the plan for the primary key, which comes first."""
        lead = self.members[0].executor if self.members else None
        return lead.plan.steps if lead else ()

    @property
    def _kms(self) -> connection.Connection:
        """A connection in the Region of the caller."""
        return self.connections.connection(self.key_input.request.key_id)

    def prepare(self) -> None:
        """Everything that interrupts nothing, in every Region."""
        for key_run in self.members:
            key_run.prepare()

    def change(self) -> None:
        """The rest, one Region after the other; a rotation comes last. A Region that fails leaves the others theirs."""
        lead, *others = self.members
        for key_run in self.members:
            if key_run is not lead and lead.result.error and self.key_input.request.all_materials:
                # What was to go with the primary key's material did not: a cut-off takes what it can get.
                key_run.primary_steps = ()
                key_run.plan()
            if lead.result.error and not lead.begun:
                self._hold(others)
            self._require_every_proof()
            if key_run is not lead:
                self._plan_again(key_run)
            if key_run.executor is not None and not key_run.finished:
                self._change_primary(lead, others) if key_run is lead else key_run.change()
        if lead.executor is not None and "RotateKeyOnDemand" in lead.executor.done:
            for key_run in others:
                _look_again(key_run)

    def _change_primary(self, lead: KeyRun, others: Sequence[KeyRun]) -> None:
        """The primary key, with the replicas before its rotation."""
        lead.change_before_rotation()
        problem = self._change_replicas(others) if lead.rotates else None
        if problem is not None:
            lead.give_up(problem)
        lead.complete()

    def _plan_again(self, key_run: KeyRun) -> None:
        """Plan a replica anew when KMS has told of the primary key's bytes what changed the plan for that."""
        primary_steps, rotates = self._primary_steps(), self.key_input.request.state == "current"
        if rotates and key_run.pending and not key_run.finished and key_run.primary_steps != primary_steps:
            key_run.primary_steps, key_run.executor = primary_steps, None
            key_run.plan()
            key_run.prepare()

    def _change_replicas(self, key_runs: Sequence[KeyRun]) -> AnsibleKMSError | None:
        """Import into every replica before the rotation. Why there is none, when one of them lacks the material."""
        for key_run in key_runs:
            self._plan_again(key_run)
            key_run.change()
        failed = [key_run.kms.region for key_run in key_runs if key_run.result.error is not None]
        if not failed:
            return None
        return refused(
            f"the rotation was not started, because the import failed in {', '.join(failed)}; the new material is "
            "staged in the other Regions; remove the cause and run the task again"
        )

    @property
    def result(self) -> Result:
        if self._failure is not None or not self.members:
            failed = replace(failed_result(self.key_input.request, self._failure), source=self.key_input.source)
            return at_endpoint(failed, self._kms)
        return combined(self.key_input.request.key_id, [key_run.result for key_run in self.members])

    @property
    def name(self) -> str:
        """What messages call the key."""
        return self.key_input.request.key_id

    @property
    def pending(self) -> bool:
        return any(key_run.pending for key_run in self.members)

    @property
    def paired(self) -> bool:
        return any(key_run.paired for key_run in self.members)

    @property
    def preparing(self) -> Counter[str]:
        return sum((key_run.preparing for key_run in self.members), Counter())

    @property
    def changing(self) -> Counter[str]:
        return sum((key_run.changing for key_run in self.members), Counter())

    @property
    def whole(self) -> Counter[str]:
        return self.preparing + self.changing

    @property
    def prepared(self) -> list[Prepared]:
        name = self.key_input.request.key_id
        return [replace(one, name=name) for key_run in self.members for one in key_run.prepared]

    def refuse(self, error: AnsibleKMSError) -> None:
        """Leave the key as it is in every Region, and say why."""
        self._failure = error
        for key_run in self.members:
            key_run.refuse(error)

    def fail(self, error: AnsibleKMSError) -> None:
        for key_run in self.members:
            key_run.fail(error)


def _look_again(key_run: KeyRun) -> None:
    """A replica is rotated with its primary key: show it as it is afterwards."""
    if key_run.result.after is None or key_run.result.error is not None:
        return
    try:
        with key_run.kms.throttle.committed():
            seen = operations.describe_key(key_run.kms, key_run.result.after.arn)
    except AnsibleKMSError:
        # It has all that was wanted; the look was for the reader's comfort.
        return
    key_run.result = replace(key_run.result, after=replace(seen, materials=key_run.result.after.materials))
