# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The phases of a rotation: which steps each asks for, what it goes on from, and how often the state is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.plugin_utils import rotation
from ansible_collections.byok.aws.plugins.plugin_utils import rotation_phases
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import merged
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import packed
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import unpacked
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_options import read_options
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import KeysChangedError
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import Reporter
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import Rotation
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import RunStart
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import Step
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import plan
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import START
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import arn
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import canaries
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import entry
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import error
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import look
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import result

SECRET = "bWF0ZXJpYWw="
JOURNAL = "/var/lib/byok/journal.json"
NO_SPACE = {"unwritten": {JOURNAL: "No space left on device"}}
REPORTER = Reporter("1.2.3", "controller", lambda _report: "<html>")


def options(**other: Any) -> Any:
    given = {
        "strategy": "reimport",
        "old_key": "leave",
        "pending_window": "30",
        "batch_size": "2",
        "canary": "True",
        "report_path": "",
        "journal_path": JOURNAL,
        "change_reference": "",
        "expected_account": "",
        "wait_timeout": "600",
        "stage": "auto",
        "stage_path": "",
        "allow": [],
        "request_rates": {},
        "sign_off": [],
        "plan_sign_off": [],
    }
    return read_options({**given, **other})


def inputs(*names: str) -> list[dict[str, Any]]:
    return [{"key_id": name, "key_material": SECRET} for name in names]


def done(*names: str, **other: Any) -> dict[str, Any]:
    """What a step that changed these keys returns."""
    return {**result(*(entry(name, **other) for name in names)), "changed": True, "unwritten": {}}


class Host:
    """Answers steps in turn, and keeps them. The last answer goes on."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.steps: list[Step] = []
        self._answers = list(answers)

    def __call__(self, step: Step) -> dict[str, Any]:
        self.steps.append(step)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def asked(self) -> list[str]:
        return [step.options["step"] for step in self.steps]


def planned(*names: str, check_mode: bool = False, **other: Any) -> dict[str, Any]:
    """What is known after the plan."""
    files = {"journal": None, "tail": "", "prepared": False}
    answer = {
        **done(*names),
        "looks": [look(name) for name in names],
        "operator": "",
        "stage": "",
        "files": files,
    }
    start = RunStart("run-1", START, check_mode)
    found = plan(options(**other), inputs(*names), start, Host(answer))
    return merged([unpacked(packed(found.part))])


def phase(facts: dict[str, Any], host: Host, *names: str) -> Rotation:
    return Rotation(facts, inputs(*(names or [one["key_id"] for one in facts["key_inputs"]])), host, lambda: START + 9)


def test_what_passes_on_holds_no_material() -> None:
    facts = planned("one", "two")
    facts["attempts"] = [phase(facts, Host(done("one", "two"))).change_batch(0).part]

    assert SECRET not in str(facts)


def test_without_a_look_at_the_keys_nothing_is_planned() -> None:
    found = plan(options(), inputs("one"), RunStart("run-1", START, False), Host({"msg": "no credentials"}))

    assert (found.problem, found.part) == ("no credentials", {})


def test_after_the_plan_a_key_goes_by_its_arn_and_keeps_the_options_of_the_plan() -> None:
    facts = planned("alias/one", "two")
    facts["looks"][0] = look("one")
    facts["preflight"]["kms_keys"][0] = entry("one")
    facts["key_inputs"][0]["valid_to"] = "2031-01-01T00:00:00Z"
    host = Host(done("one", "two"))

    phase(facts, host).change_batch(0)

    first = host.steps[0].options["keys"][0]
    assert first == {
        "key_id": arn("one"),
        "name": "alias/one",
        "key_material": SECRET,
        "valid_to": "2031-01-01T00:00:00Z",
    }


def test_batches_are_changed_and_the_journal_is_written_after_each_but_the_last() -> None:
    facts = planned("one", "two", "three")
    first, last = Host(done("one", "two"), {"unwritten": {}}), Host(done("three"))

    told = phase(facts, first).change_batch(0)
    phase(facts, last).change_batch(1)

    assert (first.asked, last.asked) == (["change", "write"], ["change"])
    assert told.told == {"progress": "Batch 1 of 2: 2 done, 0 failed, 1 left", "stopped": False}
    assert [one["key_id"] for one in last.steps[0].options["keys"]] == [arn("three")]


def test_the_look_afterwards_writes_the_journal_of_the_last_batch() -> None:
    facts = planned("one")
    host = Host({**done("one"), "canaries": []})

    found = phase(facts, host).verify()

    (step,) = host.steps
    assert step.check_mode and [one["path"] for one in step.options["files"]] == [JOURNAL]
    assert found.part["run"] == {"broken": ""}


@pytest.mark.parametrize(
    "lost",
    [
        {**result(entry(key_state="PendingImport", error=error())), "changed": True},
        # The process on the host was killed.
        {"msg": "Killed"},
    ],
)
def test_what_may_have_lost_its_material_is_imported_again(lost: dict[str, Any]) -> None:
    host = Host(lost, done("one"))

    found = phase(planned("one"), host).change_batch(0)

    assert [(step.options["step"], step.options["state"]) for step in host.steps] == [
        ("change", "reimported"),
        ("change", "present"),
    ]
    assert host.steps[0].options["journal_path"] == f"{JOURNAL}.run-1" and not host.steps[1].options["journal_path"]
    assert not found.told["stopped"] and len(found.part["attempts"]) == 2


def test_a_key_that_stays_without_its_material_stops_the_run() -> None:
    host = Host({"msg": "Killed"}, {"msg": "Killed"}, {"unwritten": {}})

    assert phase(planned("one", "two", "three"), host).change_batch(0).told["stopped"]


@pytest.mark.parametrize(
    ("phase_of", "answers"),
    [
        (Rotation.begin, [NO_SPACE]),
        (lambda one: one.change_batch(0), [done("one", "two"), NO_SPACE]),
        (Rotation.verify, [{**done("one"), **NO_SPACE}]),
    ],
    ids=["begin", "batch", "verify"],
)
def test_without_its_journal_the_run_breaks_off(
    phase_of: Callable[[Rotation], Any], answers: list[dict[str, Any]]
) -> None:
    found = phase_of(phase(planned("one", "two", "three"), Host(*answers)))

    told = f"the journal {JOURNAL} could not be written (No space left on device)"
    assert found.part["run"]["broken"] == told
    assert found.told.get("stopped", True)


def test_without_canaries_no_key_is_changed() -> None:
    found = phase(planned("one"), Host({"unwritten": {}, "msg": "no route"})).begin()

    assert found.told["stopped"] and "no route" in found.part["run"]["broken"]


def test_keys_that_are_others_than_those_that_were_planned_are_not_changed() -> None:
    for names in (["two", "one"], ["one"]):
        host = Host(done("one"))
        with pytest.raises(KeysChangedError):
            phase(planned("one", "two"), host, *names).change_batch(0)
        assert host.steps == []


def finished(host: Host, broken: str = "", **other: Any) -> tuple[Any, list[tuple[str, str]]]:
    """The end of a run that changed its key, and the files that it wrote or removed."""
    facts = merged(
        [
            planned("one", **other),
            {"run": {"begun": True}, "taken": canaries("skipped"), "attempts": [done("one")]},
            {"verified": result(entry(operations=()))},
        ]
    )
    found = phase(facts, host).finish(REPORTER, broken)
    files = [one for step in host.steps for one in step.options["files"]]
    return found, [(one["path"], one.get("state", "file")) for one in files]


def test_in_the_end_what_is_not_needed_any_more_goes() -> None:
    found, files = finished(Host({"unwritten": {}}), report_path="/r.json")

    assert files == [
        (JOURNAL, "file"),
        (f"{JOURNAL}.run-1", "absent"),
        ("/r.json", "file"),
        ("/r.html", "file"),
    ]
    assert found.told == {"unreported": "", "failure": "", "outcome": "1 keys: 1 changed, 0 unchanged"}


def test_after_a_failure_everything_stays() -> None:
    found, files = finished(Host({"unwritten": {}}), broken="the disk is full")

    assert files == [(JOURNAL, "file")]
    assert found.told["failure"].startswith(
        "The run broke off: the disk is full. Of the keys, 1 done, 0 failed, 0 left"
    )


def test_a_report_that_cannot_be_written_is_told_with_the_outcome() -> None:
    for answer in ({"unwritten": {"/r.json": "Read-only file system"}}, {"msg": "no space"}):
        found, _files = finished(Host(answer), report_path="/r.json", journal_path="")

        assert "The report /r.json could not be written (" in found.told["unreported"]
        assert found.told["outcome"] == "1 keys: 1 changed, 0 unchanged"


def test_a_page_that_cannot_be_rendered_is_told_with_the_outcome() -> None:
    def broken(_report: Any) -> str:
        raise ValueError("no template")

    facts = planned("one", report_path="/r.json", check_mode=True)
    found = phase(facts, Host({"unwritten": {}})).finish(Reporter("1", "here", broken), "")

    assert found.told["unreported"] == "The page /r.html could not be rendered (no template)."


def test_the_state_is_made_at_most_three_times_in_a_phase_and_looks_at_each_result_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a phase costs grows with the number of keys, and no faster."""
    counted = {"states": 0, "attempts": 0}
    state, attempt = rotation.RotationState.__init__, rotation._Answers.attempt

    def counted_state(self: Any, facts: Any) -> None:
        counted["states"] += 1
        state(self, facts)

    def counted_attempt(self: Any, *arguments: Any) -> Any:
        counted["attempts"] += 1
        return attempt(self, *arguments)

    monkeypatch.setattr(rotation.RotationState, "__init__", counted_state)
    monkeypatch.setattr(rotation._Answers, "attempt", counted_attempt)
    names = [f"k{number}" for number in range(40)]
    facts = planned(*names, batch_size=20)
    answers = done(*names[:20]), {"unwritten": {}}
    phases: list[Callable[[], Any]] = [
        lambda: planned(*names),
        lambda: phase(facts, Host({"unwritten": {}, "canaries": [{}] * 40})).begin(),
        lambda: phase(facts, Host(*answers)).change_batch(0),
        lambda: phase(facts, Host({**done(*names), "canaries": []})).verify(),
        lambda: phase(facts, Host({"unwritten": {}})).finish(REPORTER, ""),
    ]
    for one in phases:
        counted.update(states=0, attempts=0)
        one()
        assert counted["states"] <= 3
        # Each state has a plan and a look afterwards for every key, and an attempt at each that was tried.
        assert counted["attempts"] <= counted["states"] * 3 * len(names)
    assert rotation_phases.RotationState is rotation.RotationState
