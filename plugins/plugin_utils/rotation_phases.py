# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The phases of a rotation: what each asks of the host that the role runs for, and what it adds to what is known.

The state of the run is made when a phase begins, and again when something was learned. How a step reaches the host is
for the action plugin to know.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Callable

from ansible_collections.byok.aws.plugins.module_utils._kms.rotation import arguments
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import ALIAS
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import ON_DEMAND
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import REIMPORT
from ansible_collections.byok.aws.plugins.plugin_utils.report import report
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import RotationState
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import CanaryResult
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import KeysResult
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import RoleOptions
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import RunFacts
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import pretty
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_options import plain_inputs

Keys = Sequence[Mapping[str, Any]]
Answer = Mapping[str, Any]
# The state that each strategy asks the module for: in the change, and in the look afterwards, which must find nothing
# to do. For the strategy alias there is a module of its own, which knows none.
_CHANGED_STATE = {REIMPORT: "reimported", ON_DEMAND: "current"}
_VERIFIED_STATE = {REIMPORT: "present", ON_DEMAND: "current"}


@dataclass(frozen=True)
class Step:
    """One process on the host of the role. label: what it does, for who watches. options: of kms_rotation_step."""

    label: str
    options: dict[str, Any]
    check_mode: bool = False


# Carries a step out, and returns its result. Of a step that failed there is at most a msg.
Execute = Callable[[Step], Answer]


class KeysChangedError(Exception):
    """The variable with the keys has other keys than when the run was planned."""


@dataclass(frozen=True)
class PhaseResult:
    """What a phase adds to what is known of the run, and what the role tells of it.

    problem: why nothing was done, or an empty text.
    """

    part: Mapping[str, Any]
    told: Mapping[str, Any]
    changed: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Reporter:
    """What makes a report: the version of the collection, the name of the controller, and how a page is rendered."""

    version: str
    host: str
    render: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class RunStart:
    """What the run is called, and when it began, in seconds since the epoch."""

    run_id: str
    now: float
    check_mode: bool


class Rotation:
    """A run after its plan, in one phase. state: all that is known of it when the phase begins."""

    def __init__(self, facts: Mapping[str, Any], keys: Keys, execute: Execute, now: Callable[[], float]) -> None:
        self.state = RotationState(facts)
        self.options: RoleOptions = facts["options"]
        self._keys = keys
        self._execute = execute
        self._now = now
        self._unrendered = ""

    @property
    def batches(self) -> list[list[int]]:
        """The indices of the keys of each batch. What is to be done is decided with the plan and stays so."""
        size, indices = self.options["batch_size"], self.state.to_do
        return [indices[start : start + size] for start in range(0, len(indices), size)]

    # -- the phases ----------------------------------------------------------------------------------------------------

    def prepare(self) -> PhaseResult:
        """Fetch parameters, wrap and prove the material of every key, in one call, whatever the size of a batch."""
        indices = range(len(self.state.keys))
        answer = self._execute(Step("Prepare every key", self._change_options(indices, stage="prepare")))
        return PhaseResult({"attempts": [_keys_result(indices, answer)]}, {}, bool(answer.get("changed")))

    def begin(self) -> PhaseResult:
        """Begin the journal, and take a canary of every key that will be changed."""
        step: dict[str, Any] = {"step": arguments.TAKE_CANARIES, **self._common(), "files": self._journal_file(False)}
        # A key that is replaced needs no canary: its module lets the new one work before an alias moves.
        indices = self.state.to_do if self.options["canary"] and self.options["strategy"] != ALIAS else []
        step["canaries"] = [{"key_id": self.state.pins[index]} for index in indices]
        run: RunFacts = {"begun": True, "broken": ""}
        if not step["files"] and not indices:
            return PhaseResult({"run": run}, {"stopped": False})
        answer = self._execute(Step("Take a canary of every key", step))
        taken: CanaryResult = {"indices": list(indices), "canaries": list(answer.get("canaries") or [])}
        run["broken"] = self._journal_problem(answer)
        if not run["broken"] and len(taken["canaries"]) < len(indices):
            run["broken"] = f"the canaries could not be taken: {_message(answer)}"
        return PhaseResult({"run": run, "taken": taken}, {"stopped": bool(run["broken"])})

    def change_batch(self, number: int) -> PhaseResult:
        """Change the keys of a batch, import again what is missing, and write the journal."""
        indices, count = self.batches[number], len(self.batches)
        label = f"Batch {number + 1} of {count}"
        answer = self._execute(Step(label, self._change_options(indices, journal_path=self._tail_path or None)))
        attempts = [_keys_result(indices, answer)]
        changed = bool(answer.get("changed"))
        state = self.state.with_more(attempts=attempts)
        lost = state.to_rescue(indices)
        if lost:
            # State present and not reimported: whatever became of the key meanwhile, nothing is deleted here. The
            # parameters are fresh.
            again = self._execute(Step(f"{label}, import again", self._change_options(lost, state="present")))
            attempts.append(_keys_result(lost, again))
            changed = changed or bool(again.get("changed"))
            state = self.state.with_more(attempts=attempts)
        # After the last batch the step that reads the keys again writes the journal first.
        broken = self._keep_journal(state) if number + 1 < count else ""
        told = {"progress": f"{label}: {state.progress}", "stopped": state.stopped or bool(broken)}
        return PhaseResult({"attempts": attempts, "run": {"broken": broken}}, told, changed)

    def _keep_journal(self, state: RotationState) -> str:
        """Write the journal, and return why the run breaks off, if it could not be written.

        Without it nobody would know later what was done: no other key is begun.
        """
        return self._journal_problem(self._write(self._journal_file(False, state), "Write the journal"))

    def verify(self) -> PhaseResult:
        """Read the keys again, see whether there is still something to do, and prove the canaries."""
        state = self.state
        indices, proofs = state.to_verify, state.to_prove
        options = {
            **self._change_options(indices, state=_VERIFIED_STATE.get(self.options["strategy"])),
            "step": arguments.VERIFY,
            "canaries": [one["key"] for one in proofs],
            "files": self._journal_file(False),
        }
        answer = self._execute(Step("Read the keys again", options, check_mode=True))
        found = {"indices": [one["index"] for one in proofs], "canaries": list(answer.get("canaries") or [])}
        run: RunFacts = {"broken": state.run.get("broken") or self._journal_problem(answer)}
        return PhaseResult({"run": run, "verified": _keys_result(indices, answer), "proved": found}, {})

    def finish(self, reporter: Reporter, broken: str) -> PhaseResult:
        """End the journal, remove what is not needed any more, write the report, and say how the run ended."""
        run: RunFacts = {"finished": self._now(), "broken": broken or self.state.run.get("broken") or ""}
        state = self.state.with_more(run=run)
        ending, reporting = self._last_files(state), self._report_files(state, reporter)
        answer = self._write([*ending, *reporting], "Write the report")
        unended = self._journal_problem(answer) if ending else ""
        if unended and not run["broken"]:
            run["broken"] = unended
            state = self.state.with_more(run=run)
            reporting = self._report_files(state, reporter)
            answer = self._write(reporting, "Write the report")
        missing = [self._unrendered] if self._unrendered else []
        missing += [
            f"The report {path} could not be written ({reason})." for path, reason in _reasons(answer, reporting)
        ]
        told = {
            "unreported": " ".join(missing),
            "failure": _failure(state),
            "outcome": state.outcome,
        }
        return PhaseResult({"run": run}, told)

    # -- what they are made of -----------------------------------------------------------------------------------------

    def _write(self, files: list[dict[str, Any]], label: str) -> Answer:
        return self._execute(Step(label, {"step": arguments.WRITE, "files": files})) if files else {"unwritten": {}}

    def _last_files(self, state: RotationState) -> list[dict[str, Any]]:
        """The journal as it ends, and what goes when all has ended well."""
        if not state.run.get("begun"):
            return []
        done = not state.failures and not state.stopped and not state.run["broken"]
        useless = [self._tail_path, self.options["stage_path"]] if done else []
        return [
            *self._journal_file(True, state),
            *({"path": path, "state": "absent"} for path in useless if path),
        ]

    def _report_files(self, state: RotationState, reporter: Reporter) -> list[dict[str, Any]]:
        """The report as JSON and as a page. It is about the change: a run that only prepares leaves none."""
        path = self.options["report_path"]
        if not path or (state.run.get("stage") == "prepare" and not state.run["check_mode"]):
            return []
        whole = report(state.facts, reporter.version, reporter.host)
        page = os.path.splitext(path)[0] + ".html"
        files = [{"path": path, "content": pretty(whole)}]
        try:
            files.append({"path": page, "content": reporter.render(whole)})
        except Exception as error:  # noqa: BLE001 - what became of the keys has to be told all the same
            self._unrendered = f"The page {page} could not be rendered ({error})."
        return files

    def _journal_file(self, finished: bool, state: RotationState | None = None) -> list[dict[str, Any]]:
        path = self.options["journal_path"]
        content = (state or self.state).journal(finished, self._now()) if path else {}
        return [{"path": path, "content": pretty(content)}] if path else []

    @property
    def _tail_path(self) -> str:
        """Where the module notes each key of a batch as soon as it is finished."""
        path = self.options["journal_path"]
        return f"{path}.{self.state.run_id}" if path else ""

    def _journal_problem(self, answer: Answer) -> str:
        """Why the run breaks off, when the journal could not be written, or an empty text."""
        reason = _reason(answer, self.options["journal_path"])
        return f"the journal {self.options['journal_path']} could not be written ({reason})" if reason else ""

    def _common(self) -> dict[str, Any]:
        """Options of every step that asks KMS for something."""
        return _common_options(self.options)

    def _change_options(
        self, indices: Sequence[int], state: str | None = "", stage: str | None = None, journal_path: str | None = None
    ) -> dict[str, Any]:
        strategy = self.options["strategy"]
        return {
            "step": arguments.CHANGE,
            **self._common(),
            **_strategy_options(self.options),
            "state": _CHANGED_STATE.get(strategy) if state == "" else state,
            "keys": [self._entry(index) for index in indices],
            "stage": stage or self.state.run.get("stage") or None,
            "journal_path": journal_path,
        }

    def _entry(self, index: int) -> dict[str, Any]:
        """The options of a key for every call after the plan: by the ARN that the first look has found."""
        if len(self._keys) != len(self.state.keys) or str(self._keys[index]["key_id"]) != self.state.names[index]:
            raise KeysChangedError
        key_input = self.state.facts["key_inputs"][index]
        return {
            **self._keys[index],
            **key_input,
            "key_id": self.state.pins[index],
            "name": self.state.names[index],
        }


def plan(options: RoleOptions, keys: Keys, start: RunStart, execute: Execute) -> PhaseResult:
    """Look at every key, and plan what will be done, before anything is changed."""
    stage = options["stage"]
    step = {
        "step": arguments.PLAN,
        **_common_options(options),
        **_strategy_options(options),
        "state": _CHANGED_STATE.get(options["strategy"]),
        "keys": list(keys),
        "stage": None if stage == "auto" else stage,
        # In check mode none is written: whose file it is, and who else can replace it, is looked at where it lies.
        "journal_path": options["journal_path"] or None,
        "report_path": options["report_path"] or None,
        "identify": bool(options["report_path"]),
    }
    answer = execute(Step("Plan every key", step, check_mode=True))
    if "looks" not in answer:
        return PhaseResult({}, {}, problem=_message(answer))
    part = _planned_part(options, keys, start, answer)
    state = RotationState({**part, "attempts": []})
    refused = state.refusals
    told = {
        "plan": state.plan_lines,
        "batches": -(-len(state.to_do) // options["batch_size"]),
        "go": not refused and not start.check_mode,
        "stage": answer["stage"],
    }
    return PhaseResult(part, told, changed=start.check_mode and bool(answer.get("changed")))


def _planned_part(options: RoleOptions, keys: Keys, start: RunStart, answer: Answer) -> dict[str, Any]:
    run: RunFacts = {
        "id": start.run_id,
        "started": start.now,
        "finished": start.now,
        "strategy": options["strategy"],
        "check_mode": start.check_mode,
        "batch_size": options["batch_size"],
        "canary": options["canary"],
        "change_reference": options["change_reference"],
        "operator": answer["operator"],
        "broken": "",
        "stage": answer["stage"],
        "request_rates": options["request_rates"],
    }
    return {
        "run": run,
        "options": options,
        "key_inputs": plain_inputs(keys),
        "looks": answer["looks"],
        "preflight": _keys_result(range(len(keys)), answer),
        "journal": answer["files"]["journal"] or {},
        "journal_tail": answer["files"]["tail"],
        "sign_off": options["plan_sign_off"] if start.check_mode else options["sign_off"],
    }


def _common_options(options: RoleOptions) -> dict[str, Any]:
    return {
        "strategy": options["strategy"],
        "expected_account": options["expected_account"] or None,
        "request_rates": options["request_rates"] or None,
    }


def _strategy_options(options: RoleOptions) -> dict[str, Any]:
    shared = {
        "wait_timeout": options["wait_timeout"],
        "allow": options["allow"],
        "stage_path": options["stage_path"] or None,
    }
    if options["strategy"] != ALIAS:
        return shared
    names = ("old_key", "pending_window", "canary")
    return {**shared, **{name: value for name, value in options.items() if name in names}}


def _keys_result(indices: Sequence[int], answer: Answer) -> KeysResult:
    return {
        "indices": list(indices),
        "msg": _message(answer),
        "error": answer.get("error"),
        "kms_keys": list(answer.get("kms_keys") or []),
        "diff": [{"before": one["before"], "after": one["after"]} for one in answer.get("diff") or []],
    }


def _message(answer: Answer) -> str:
    return str(answer.get("msg") or "")


def _reasons(answer: Answer, files: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The files that could not be written, each with the reason."""
    found = [(str(one["path"]), _reason(answer, str(one["path"]))) for one in files]
    return [(path, reason) for path, reason in found if reason]


def _reason(answer: Answer, path: str) -> str:
    """Why a file could not be written, or an empty text. Of a step that failed as a whole no file is known."""
    if not path:
        return ""
    if "unwritten" not in answer:
        return _message(answer) or "unknown error"
    return str(answer["unwritten"].get(path) or "")


def _failure(state: RotationState) -> str:
    """Why the role fails in the end, in the words that its user reads, or an empty text."""
    refused, failed, count = state.refusals, state.failures, len(state.keys)
    if refused:
        subject = "a key is" if len(refused) == 1 else "keys are"
        return f"Nothing was changed, since {subject} refused: {' | '.join(refused)}"
    broken = state.run.get("broken")
    if broken:
        told = (
            f"The run broke off: {broken}. Of the keys, {state.progress}. Run it again; with "
            "kms_material_rotation_journal_path it skips what is done."
        )
        return " ".join([told, " | ".join(failed)]).strip()
    if failed:
        return f"{len(failed)} of {count} keys failed, {state.progress}. {' | '.join(failed)}"
    return ""
