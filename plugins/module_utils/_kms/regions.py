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

from . import api
from .errors import AnsibleKMSError
from .errors import invalid
from .errors import refused
from .errors import unexpected
from .gateway import Gateway
from .identifiers import arn_in
from .manage import Job
from .manage import at_endpoint
from .manage import failed_result
from .manage import require_trusted
from .models import Key
from .models import Step
from .options import ALL_REGIONS
from .options import Stage
from .options import Wish
from .pacing import RunInterruptedError
from .pacing import interruption
from .read import describe
from .results import Result
from .results import combined
from .stage import Prepared


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


def _problem(wish: Wish, key: Key, regions: Sequence[str]) -> str | None:
    """What of the wish does not go with these Regions."""
    key_id, primary = wish.request.key_id, key.regions[0]
    if len(regions) > 1 and wish.wrapped is not None:
        return f"the import token for the key {key_id} works in one Region; give the plaintext"
    if wish.request.description is not None and primary not in regions:
        return (
            f"key_material_description is set on the primary key of {key_id}, in {primary}; name that in regions, too"
        )
    return None


def member_wish(wish: Wish, key: Key, region: str, regions: tuple[str, ...]) -> Wish:
    """What the wish means for the key in one Region."""
    request = replace(wish.request.of(arn_in(key.arn, region)), regions=regions)
    if region != key.regions[0]:
        # A replica takes its description from the primary key, and is rotated with it.
        rotates = request.state == "current"
        state = "present" if rotates else request.state
        request = replace(request, description=None, state=state, for_rotation=rotates)
    return replace(wish, request=request)


@dataclass
class Group:
    """The jobs of one key, one for each Region, in place of a single Job. The first is that of the primary key."""

    gateway: Gateway
    wish: Wish
    stage: Stage | None = None
    members: list[Job] = field(default_factory=list)
    _failure: AnsibleKMSError | None = None

    def plan(self) -> None:
        """Find the Regions, then read, prove and plan in each; changes nothing."""
        request = self.wish.request
        try:
            # Before the first call; each Region has an endpoint of its own, at which its job looks.
            require_trusted(self.wish, self._kms)
            key = describe(self._kms, request)
            regions = chosen_regions(key, request.regions, request.key_id, request.state)
            problem = _problem(self.wish, key, regions)
            if problem:
                raise invalid(problem)
            moved = self.stage.moved_problem(request.key_id, key) if self.stage else None
            if moved:
                raise refused(moved)
        except AnsibleKMSError as error:
            self._failure = error
            return
        except RunInterruptedError:
            self._failure = interruption(f"the key {request.key_id}", self.gateway.pacer.stop)
            return
        except Exception as error:  # noqa: BLE001 - a traceback could show material
            self._failure = unexpected(error, request.key_id)
            return
        for region in regions:
            self._add(member_wish(self.wish, key, region, regions), region)
        if any(job.result.error for job in self.members):
            self._hold(self.members)

    def _hold(self, jobs: Sequence[Job]) -> None:
        """A rotation is one of all Regions: once it cannot come about, nothing more is done for it in any of them."""
        failed = ", ".join(job.kms.region for job in self.members if job.result.error)
        for job in jobs if self.wish.request.state == "current" else ():
            if job.pending and not job.finished:
                place = job.kms.region
                job.refuse(refused(f"nothing was done in {place}, since the rotation cannot begin in {failed}"))

    def _require_every_proof(self) -> None:
        """Material that is given with a deletion is proved in all Regions before it is deleted in any."""
        request = self.wish.request
        failed = ", ".join(job.kms.region for job in self.members if job.result.error)
        if request.state != "absent" or not request.offered or not failed or any(job.finished for job in self.members):
            return
        for job in self.members:
            if job.pending:
                place = job.kms.region
                job.stop(refused(f"nothing was deleted in {place}, since the material is not proved in {failed}"))

    def _add(self, wish: Wish, region: str) -> None:
        kms = self.gateway.connection(wish.request.key_id, region)
        job = Job(kms, wish, Result(wish.request.key_id), self.stage, foreseen=self._foreseen())
        job.plan()
        self.members.append(job)

    def _foreseen(self) -> tuple[Step, ...]:
        """What a replica has to expect from the plan for the primary key, which comes first."""
        lead = self.members[0].execution if self.members else None
        return lead.plan.steps if lead else ()

    @property
    def _kms(self) -> api.Connection:
        """A connection in the Region of the caller."""
        return self.gateway.connection(self.wish.request.key_id)

    def prepare(self) -> None:
        """Everything that interrupts nothing, in every Region."""
        for job in self.members:
            job.prepare()

    def change(self) -> None:
        """The rest, one Region after the other; a rotation comes last. A Region that fails leaves the others theirs."""
        lead, *others = self.members
        if lead.execution is not None:
            lead.execution.before_rotation = lambda: self._change_replicas(others)
        for job in self.members:
            if job is not lead and lead.result.error and self.wish.request.all_materials:
                # What was to go with the primary key's material did not: a cut-off takes what it can get.
                job.foreseen = ()
                job.plan()
            if lead.result.error and not lead.begun:
                self._hold(others)
            self._require_every_proof()
            if job is not lead:
                self._foresee_again(job)
            if job.execution is not None and not job.finished:
                job.change()
        if lead.execution is not None and "RotateKeyOnDemand" in lead.execution.done:
            for job in others:
                _look_again(job)

    def _foresee_again(self, job: Job) -> None:
        """Plan a replica anew when KMS has told of the primary key's bytes what changed the plan for that."""
        foreseen, rotates = self._foreseen(), self.wish.request.state == "current"
        if rotates and job.pending and not job.finished and job.foreseen != foreseen:
            job.foreseen, job.execution = foreseen, None
            job.plan()
            job.prepare()

    def _change_replicas(self, jobs: Sequence[Job]) -> None:
        """Import into every replica before the rotation. Raises AnsibleKMSError when one of them lacks the material."""
        for job in jobs:
            self._foresee_again(job)
            job.change()
        failed = [job.kms.region for job in jobs if job.result.error is not None]
        if failed:
            raise refused(
                f"the rotation was not started, because the import failed in {', '.join(failed)}; the new material is "
                "staged in the other Regions; run the task again once that is mended"
            )

    @property
    def result(self) -> Result:
        if self._failure is not None or not self.members:
            return at_endpoint(failed_result(self.wish.request, self._failure), self._kms)
        return combined(self.wish.request.key_id, [job.result for job in self.members])

    @property
    def pending(self) -> bool:
        return any(job.pending for job in self.members)

    @property
    def paired(self) -> bool:
        return any(job.paired for job in self.members)

    @property
    def preparing(self) -> Counter[str]:
        return sum((job.preparing for job in self.members), Counter())

    @property
    def changing(self) -> Counter[str]:
        return sum((job.changing for job in self.members), Counter())

    @property
    def whole(self) -> Counter[str]:
        return self.preparing + self.changing

    @property
    def prepared(self) -> list[Prepared]:
        name = self.wish.request.key_id
        return [replace(one, name=name) for job in self.members for one in job.prepared]

    def refuse(self, error: AnsibleKMSError) -> None:
        """Leave the key as it is in every Region, and say why."""
        self._failure = error
        for job in self.members:
            job.refuse(error)

    def fail(self, error: AnsibleKMSError) -> None:
        for job in self.members:
            job.fail(error)


def _look_again(job: Job) -> None:
    """A replica is rotated with its primary key: show it as it is afterwards."""
    if job.result.after is None or job.result.error is not None:
        return
    try:
        seen = api.describe_key(job.kms, job.result.after.arn)
    except AnsibleKMSError:
        # It has all that was wanted; the look was for the reader's comfort.
        return
    job.result = replace(job.result, after=replace(seen, materials=job.result.after.materials))
