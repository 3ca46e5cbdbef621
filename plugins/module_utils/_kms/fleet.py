# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All keys of one module call: a bounded pool of threads over one client, at the speed of KMS's quotas."""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from typing import Callable
from typing import TypeVar
from typing import Union

from .arguments import Spec
from .arguments import imported_material_spec
from .errors import AnsibleKMSError
from .errors import invalid
from .errors import unexpected
from .gateway import Connect
from .gateway import Gateway
from .journal import Journal
from .journal import refuse_unfit
from .manage import Job
from .misplaced import misplaced
from .misplaced import misplaced_problem
from .misplaced import shown
from .options import Stage
from .options import Wish
from .options import read_stage
from .options import read_wishes
from .pacing import read_rates
from .process import Ending
from .progress import ENVIRONMENT
from .progress import Operations
from .progress import Phase
from .progress import Progress
from .progress import total
from .regions import Group
from .results import Outcome
from .results import Result
from .results import diff
from .results import entry
from .results import record
from .results import sentence
from .stage import write
from .threads import each

T = TypeVar("T")

# A key in one Region, or in several.
AnyJob = Union[Job, Group]

# What reading a key costs, of the operations whose quotas can be felt.
READING: Operations = MappingProxyType({"DescribeKey": 1, "ListKeyRotations": 1})


def run(
    options: Mapping[str, Any],
    region: str | None,
    connect: Connect,
    check_mode: bool,
    with_diff: bool = True,
    ending: Ending | None = None,
) -> Outcome:
    """Bring the keys to the wished states of their material."""

    def read() -> tuple[Sequence[Wish], Stage | None]:
        return read_wishes(options, region), read_stage(options)

    def make(gateway: Gateway, wishes: tuple[Sequence[Wish], Stage | None], journal: Journal) -> Fleet:
        return Fleet(gateway, *wishes, journal)

    return managed(imported_material_spec(), options, read, make, connect, check_mode, with_diff, ending=ending)


def managed(
    spec: Spec,
    options: Mapping[str, Any],
    read: Callable[[], T],
    make: Callable[[Gateway, T, Journal], Fleet],
    connect: Connect,
    check_mode: bool,
    with_diff: bool,
    quotas: Mapping[str, float] = MappingProxyType({}),
    ending: Ending | None = None,
) -> Outcome:
    """Everything is validated before the connection is made, everything is planned before anything is changed.

    spec: the argument spec of the options, by which misplaced material is found. read: what is wished, from the
    options; raises AnsibleKMSError. make: the jobs for that. quotas: beside those that every call knows, in calls a
    second by operation. ending: where a request to end the run arrives.
    """
    ending = ending or Ending()
    try:
        check_misplaced(spec, options)
        wished = read()
        rates = {**quotas, **read_rates(options.get("request_rates"))}
        journal = _journal(options.get("journal_path"), check_mode, ending)
    except AnsibleKMSError as error:
        return _refused(options, error)
    except Exception as error:  # noqa: BLE001 - a traceback could show material
        return _refused(options, unexpected(error, str(options.get("key_id") or "of one of the entries")))
    gateway = Gateway(connect, rates, ending, validate_certs=options.get("validate_certs") is True)
    fleet = make(gateway, wished, journal)
    fleet.run(check_mode)
    journal.close()
    found = outcome([job.result for job in fleet.jobs], options.get("keys") is not None, with_diff)
    return replace(found, warnings=gateway.warnings + found.warnings + journal.warnings)


def _journal(path: str | None, check_mode: bool, ending: Ending) -> Journal:
    """The journal; in check mode none is kept, but one that could not be is refused all the same."""
    if check_mode and path is not None:
        refuse_unfit(path)
    return Journal(None if check_mode else path, ending)


def check_misplaced(spec: Spec, options: Mapping[str, Any]) -> None:
    """Raises AnsibleKMSError for key material in an option that is not made for it."""
    for name, _text in misplaced(spec, options):
        raise invalid(misplaced_problem(name))


def _refused(options: Mapping[str, Any], error: AnsibleKMSError) -> Outcome:
    """The result of a call in which nothing was asked of KMS."""
    failed = Result(shown(options.get("key_id")), error={"code": error.code, "message": str(error.message)})
    flat = _flat([failed], options.get("keys") is not None)
    return Outcome(True, {"changed": False, "msg": error.message, "kms_keys": [], **flat})


class Fleet:
    """The jobs of one module call.

    One failed key stops no other. A request to end the run lets the keys in hand be finished and starts no other.
    """

    def __init__(
        self,
        gateway: Gateway,
        wishes: Sequence[Wish],
        stage: Stage | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.jobs = [_job(gateway, wish, stage) for wish in wishes]
        self._stage = stage
        self._journal = journal or Journal(None)
        self._progress = Progress(os.environ.get(ENVIRONMENT), gateway.pacer)

    def run(self, check_mode: bool) -> None:
        self._each("reading", self.jobs, _plan, [READING] * len(self.jobs))
        self._refuse_twice()
        if check_mode:
            return
        # Nothing is deleted before every key that will be imported again is ready for it.
        paired = [job for job in self.jobs if job.paired]
        others = [job for job in self.jobs if job.pending and not job.paired]
        preparing, changing = [job.preparing for job in paired], [job.changing for job in paired]
        self._each("changing", others, self._whole, [job.whole for job in others], total(preparing + changing))
        self._each("preparing", paired, _prepare, preparing, total(changing))
        self._each("changing", paired, self._change, changing)
        self._keep()

    def _each(
        self,
        phase: str,
        jobs: Sequence[AnyJob],
        work: Callable[[AnyJob], None],
        costs: Sequence[Operations],
        later: Operations = MappingProxyType({}),
    ) -> None:
        def one(position: int) -> None:
            work(jobs[position])
            self._progress.finish(position, jobs[position].result.error is not None)

        if jobs:
            self._progress.begin(Phase(phase, costs), later)
            each(one, range(len(jobs)))

    def _whole(self, job: AnyJob) -> None:
        job.prepare()
        self._change(job)

    def _change(self, job: AnyJob) -> None:
        job.change()
        self._journal.write(record(job.result))

    def _keep(self) -> None:
        """Write what was prepared. One that failed does not lose the others theirs."""
        if self._stage is None or self._stage.mode != "prepare":
            return
        try:
            write(self._stage.path, [one for job in self.jobs for one in job.prepared])
        except AnsibleKMSError as error:
            for job in self.jobs:
                job.fail(error)

    def _refuse_twice(self) -> None:
        """The same key under two identifiers: only KMS can tell, and only before anything is changed."""
        seen: dict[str, str] = {}
        for job in self.jobs:
            arn, name = job.result.before.arn if job.result.before else "", job.wish.request.key_id
            if arn in seen:
                for other in self.jobs:
                    other.refuse(invalid(f"{seen[arn]} and {name} are the same key {arn}; name every key once"))
                return
            if arn:
                seen[arn] = name


def _job(gateway: Gateway, wish: Wish, stage: Stage | None) -> AnyJob:
    if wish.request.regions:
        return Group(gateway, wish, stage)
    key_id = wish.request.key_id
    return Job(gateway.connection(key_id), wish, Result(key_id), stage)


def _plan(job: AnyJob) -> None:
    job.plan()


def _prepare(job: AnyJob) -> None:
    job.prepare()


def outcome(results: Sequence[Result], many: bool, with_diff: bool = True) -> Outcome:
    """The result of the call: an entry for each key, and for a task with key_id its fields at the top level, too."""
    failures = [one for one in results if one.error]
    result = _flat(results, many)
    result.update(
        changed=any(one.changed for one in results),
        kms_keys=[entry(one) for one in results],
        msg=_summary(results) if many else sentence(results[0]),
    )
    if with_diff:
        result["diff"] = [diff(one) for one in results]
    warnings = tuple(warning for one in results for warning in one.warnings)
    return Outcome(bool(failures), result, warnings)


def _flat(results: Sequence[Result], many: bool) -> dict[str, Any]:
    return {} if many else entry(results[0])


def _summary(results: Sequence[Result]) -> str:
    """Counts, and for what failed the names and the first sentences."""
    failures = [one for one in results if one.error]
    changed = sum(1 for one in results if one.changed and not one.error)
    keys = "1 key" if len(results) == 1 else f"{len(results)} keys"
    counts = f"{keys}: {changed} changed, {len(results) - changed - len(failures)} unchanged"
    if not failures:
        return counts
    told = [sentence(one) for one in failures[:_TOLD]]
    more = f" (and {len(failures) - _TOLD} more, see kms_keys)" if len(failures) > _TOLD else ""
    names = ", ".join(one.requested_key_id for one in failures)
    return f"{counts}, {len(failures)} failed ({names}): {' | '.join(told)}{more}"


_TOLD = 5
