# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All keys of one module call: a bounded pool of threads over one client, at the speed of KMS's quotas."""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from typing import Callable
from typing import Protocol
from typing import TypeVar

from ..material.arguments import Spec
from ..material.arguments import imported_material_spec
from ..material.options import KeyInput
from ..material.options import PreparationFile
from ..material.options import keys_of_bundle
from ..material.options import read_inputs
from ..material.options import read_preparation
from ..material.regions import MultiRegionRun
from ..material.results import Result
from ..material.results import diff
from ..material.results import entry
from ..material.results import record
from ..material.results import sentence
from ..material.run import KeyRun
from ..secret.misplaced import misplaced
from ..secret.misplaced import misplaced_problem
from ..secret.misplaced import shown
from ..secret.preparation import Prepared
from ..secret.preparation import write
from ..service.connections import Connect
from ..service.connections import Connections
from ..service.errors import AnsibleKMSError
from ..service.errors import error_fields
from ..service.errors import invalid
from ..service.errors import told
from ..service.errors import unexpected
from ..service.outcome import Outcome
from ..service.pacing import Pacer
from ..service.pacing import each
from ..service.pacing import read_rates
from ..service.process import Ending
from ..service.progress import ENVIRONMENT
from ..service.progress import Operations
from ..service.progress import Phase
from ..service.progress import Progress
from ..service.progress import total
from .journal import Journal
from .journal import refuse_unfit

T = TypeVar("T")


class Run(Protocol):
    """One key's way through a module call: in one Region, in several, or to another key.

    No phase raises AnsibleKMSError: a failure is a result with an error. preparing, changing: the calls of the phases,
    by operation; whole: of both.
    """

    @property
    def name(self) -> str:
        """What messages call the key."""

    @property
    def result(self) -> Result: ...

    @property
    def pending(self) -> bool:
        """Whether there is still something to do for the key."""

    @property
    def paired(self) -> bool:
        """Whether a deletion is followed by an import."""

    @property
    def preparing(self) -> Operations: ...

    @property
    def changing(self) -> Operations: ...

    @property
    def whole(self) -> Operations: ...

    @property
    def prepared(self) -> Sequence[Prepared]:
        """What a preparation leaves for a later run."""

    def plan(self) -> None:
        """Read, prove and plan; changes nothing."""

    def prepare(self) -> None:
        """Everything that interrupts nothing."""

    def change(self) -> None:
        """The rest."""

    def refuse(self, error: AnsibleKMSError) -> None:
        """Leave the key as it is, and say why."""

    def fail(self, error: AnsibleKMSError) -> None:
        """The key is as it is, but what was wanted did not come about for another reason."""


@dataclass(frozen=True)
class Work:
    """The keys of one module call. kept: the preparations between two calls, if there are any."""

    runs: Sequence[Run]
    kept: PreparationFile | None = None


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
    """Bring the material of the keys into the states that the options name."""

    def read() -> tuple[Sequence[KeyInput], PreparationFile | None]:
        if options.get("bundle_path") is not None:
            kept = read_preparation(options)
            return read_inputs(keys_of_bundle(options, kept), region, check_mode), kept
        return read_inputs(options, region, check_mode), read_preparation(options)

    def make(connections: Connections, given: tuple[Sequence[KeyInput], PreparationFile | None]) -> Work:
        key_inputs, kept = given
        return Work([_key_run(connections, one, kept) for one in key_inputs], kept)

    return managed(imported_material_spec(), options, read, make, connect, check_mode, with_diff, ending=ending)


def managed(
    spec: Spec,
    options: Mapping[str, Any],
    read: Callable[[], T],
    make: Callable[[Connections, T], Work],
    connect: Connect,
    check_mode: bool,
    with_diff: bool,
    ending: Ending | None = None,
) -> Outcome:
    """Everything is validated before the connection is made, everything is planned before anything is changed.

    spec: the argument spec of the options, by which misplaced material is found. read: what the options ask
    for; raises AnsibleKMSError. make: the runs for that. ending: a request to end the run arrives here.
    """
    ending = ending or Ending()
    try:
        check_misplaced(spec, options)
        given = read()
        rates = read_rates(options.get("request_rates"))
        journal = _journal(options.get("journal_path"), check_mode, ending)
    except AnsibleKMSError as error:
        return _refused(options, error)
    except Exception as error:  # noqa: BLE001 - a traceback could show material
        return _refused(options, unexpected(error, str(options.get("key_id") or "of one of the entries")))
    connections = Connections(connect, rates, ending, validate_certs=options.get("validate_certs") is True)
    fleet = Fleet(make(connections, given), connections.pacer, journal)
    fleet.run(check_mode)
    journal.close()
    found = outcome([key_run.result for key_run in fleet.key_runs], options.get("key_id") is None, with_diff)
    return replace(found, warnings=connections.warnings + found.warnings + journal.warnings)


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
    many = options.get("key_id") is None
    named = None if many else shown(options.get("key_id"))
    failed = Result(named or "", error=error_fields(error, str(error.message), named))
    return Outcome(
        True,
        {
            "changed": False,
            "msg": told(failed.error or {}, named=error.key_id is None),
            "kms_keys": [],
            "error": failed.error,
            **_flat([failed], many),
        },
    )


class Fleet:
    """The keys of one module call, phase by phase.

    One failed key stops no other. A request to end the run lets the keys in hand be finished and starts no other.
    """

    def __init__(self, work: Work, pacer: Pacer, journal: Journal) -> None:
        self.key_runs = work.runs
        self._kept = work.kept
        self._journal = journal
        self._progress = Progress(os.environ.get(ENVIRONMENT), pacer)

    def run(self, check_mode: bool) -> None:
        self._each("reading", self.key_runs, _plan, [READING] * len(self.key_runs))
        self._refuse_twice()
        if check_mode:
            return
        # Nothing is deleted before every key that will be imported again is ready for it.
        paired = [key_run for key_run in self.key_runs if key_run.paired]
        others = [key_run for key_run in self.key_runs if key_run.pending and not key_run.paired]
        preparing, changing = [key_run.preparing for key_run in paired], [key_run.changing for key_run in paired]
        self._each("changing", others, self._whole, [key_run.whole for key_run in others], total(preparing + changing))
        self._each("preparing", paired, _prepare, preparing, total(changing))
        self._each("changing", paired, self._change, changing)
        self._keep()

    def _each(
        self,
        phase: str,
        key_runs: Sequence[Run],
        work: Callable[[Run], None],
        costs: Sequence[Operations],
        later: Operations = MappingProxyType({}),
    ) -> None:
        def one(position: int) -> None:
            work(key_runs[position])
            self._progress.finish(position, key_runs[position].result.error is not None)

        if key_runs:
            self._progress.begin(Phase(phase, costs), later)
            each(one, range(len(key_runs)))

    def _whole(self, key_run: Run) -> None:
        key_run.prepare()
        self._change(key_run)

    def _change(self, key_run: Run) -> None:
        key_run.change()
        self._journal.write(record(key_run.result))

    def _keep(self) -> None:
        """Write what was prepared. One that failed does not lose the others theirs."""
        if self._kept is None or self._kept.mode != "prepare":
            return
        try:
            write(self._kept.path, [one for key_run in self.key_runs for one in key_run.prepared])
        except AnsibleKMSError as error:
            for key_run in self.key_runs:
                key_run.fail(error)

    def _refuse_twice(self) -> None:
        """The same key under two identifiers: only KMS can tell, and only before anything is changed."""
        seen: dict[str, str] = {}
        for key_run in self.key_runs:
            arn, name = key_run.result.before.arn if key_run.result.before else "", key_run.name
            if arn in seen:
                for other in self.key_runs:
                    other.refuse(invalid(f"{seen[arn]} and {name} are the same key {arn}; name every key once"))
                return
            if arn:
                seen[arn] = name


def _key_run(connections: Connections, key_input: KeyInput, kept: PreparationFile | None) -> KeyRun | MultiRegionRun:
    if key_input.request.regions:
        return MultiRegionRun(connections, key_input, kept)
    key_id = key_input.request.key_id
    result = Result(key_id, source=key_input.source)
    return KeyRun(connections.connection(key_id), key_input, result, kept)


def _plan(key_run: Run) -> None:
    key_run.plan()


def _prepare(key_run: Run) -> None:
    key_run.prepare()


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
    # The list of warnings at the top level is Ansible's own, which the module fills otherwise.
    return {} if many else {name: value for name, value in entry(results[0]).items() if name != "warnings"}


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
