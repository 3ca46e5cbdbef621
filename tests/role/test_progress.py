# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the person at the terminal sees of a task with many keys: how far it is, and afterwards a line for each key.

Real runs of ansible-playbook with nothing enabled that is not by default, side by side.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import playbook_runner
import pytest
import warm
from emulator_process import EmulatorProcess
from lab import Lab
from materials import import_elsewhere
from materials import material

# The runs are the same for all tests: one worker of pytest-xdist makes them.
pytestmark = pytest.mark.xdist_group("progress")

SYMMETRIC = "SYMMETRIC_DEFAULT"
MODULE = "byok.aws.kms_imported_material"
# Slow enough for two lines, which come every five seconds.
SLOW = {"DeleteImportedKeyMaterial": 1}
KEYS = 13
PROGRESS_RE = re.compile(
    r"Cut them off: changing: (?P<done>\d+) of 13 keys done, (?P<left>\d+) left"
    r"(, about (?P<seconds>\d+) s by the quotas of KMS)?"
)


@dataclass
class Seen:
    """key_ids: those that were cut off. told: each line about the progress, and how many keys had been cut off then."""

    key_ids: list[str]
    status: int = -1
    stdout: str = ""
    stderr: str = ""
    told: list[tuple[str, int]] = field(default_factory=list)


def play(
    lab: Lab, root: Path, *arguments: str, keys: int = 2, rates: dict[str, int] | None = None, **keywords: Any
) -> Seen:
    """Cut keys off with one task, and listen."""
    seen = Seen([lab.empty_key() for _number in range(keys)])
    for key_id in seen.key_ids:
        import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC))
    options = {"keys": [{"key_id": one} for one in seen.key_ids], "state": "absent"}
    task = {"name": "Cut them off", MODULE: {**options, **({"request_rates": rates} if rates else {})}, **keywords}
    book = root / "play.json"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    listen(seen, lab, root, [*arguments, str(book)])
    return seen


def listen(seen: Seen, lab: Lab, root: Path, arguments: list[str]) -> None:
    """Run ansible-playbook, and note when it says what."""
    settings = {"AWS_ENDPOINT_URL_KMS": lab.emulator.url, "AWS_REGION": "us-east-1"}
    environment = playbook_runner.clean_environment(root, **settings)
    reader, writer = os.pipe()

    def run() -> int:
        try:
            with open(root / "stdout", "w") as stdout:
                return warm.prepared(environment).run_playbook(arguments, root, environment, stdout.fileno(), writer)
        finally:
            os.close(writer)

    with ThreadPoolExecutor(1) as pool, open(reader) as stderr:
        status = pool.submit(run)
        for line in stderr:
            seen.stderr += line
            if "keys done" in line:
                deleted = [call["key"] for call in lab.emulator.calls("DeleteImportedKeyMaterial")]
                seen.told.append((line.strip(), len([key for key in deleted if key.split("/")[-1] in seen.key_ids])))
        seen.status = status.result()
    seen.stdout = (root / "stdout").read_text()


RUNS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "slow": ((), {"keys": KEYS, "rates": SLOW}),
    "-v": (("-v",), {}),
    "-vv": (("-vv",), {}),
    "-v, no_log": (("-v",), {"no_log": True}),
    "slow, -v, check mode": (("-v", "--check"), {"keys": KEYS, "rates": {"DescribeKey": 1}}),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    with EmulatorProcess() as emulator, ThreadPoolExecutor() as pool:
        lab = Lab(emulator, emulator.client())
        started = {
            name: pool.submit(play, lab, tmp_path_factory.mktemp("run"), *arguments, **options)
            for name, (arguments, options) in RUNS.items()
        }
        yield {name: future.result() for name, future in started.items()}


@pytest.mark.parametrize("name", RUNS)
def test_the_runs_are_well(runs: dict[str, Seen], name: str) -> None:
    assert runs[name].status == 0, runs[name].stdout + runs[name].stderr


def test_while_it_runs_it_says_how_many_are_done_and_how_long_it_takes(runs: dict[str, Seen]) -> None:
    # On a slow machine it reads long enough to be told of, too.
    told = [one for one in runs["slow"].told if ": reading: " not in one[0]]

    assert len(told) >= 2
    # The task was not over when it was told of.
    assert told[0][1] < KEYS
    before = -1
    for line, deletions in told:
        match = PROGRESS_RE.fullmatch(line)
        assert match, line
        done, left = int(match["done"]), int(match["left"])
        assert done + left == KEYS and before < done <= deletions
        # One deletion a second.
        assert match["seconds"] is None if left < 2 else abs(int(match["seconds"]) - left) <= 1
        before = done


def test_the_results_of_the_run_have_nothing_of_it(runs: dict[str, Seen]) -> None:
    assert all("keys done" not in seen.stdout and "quotas of KMS" not in seen.stdout for seen in runs.values())


def test_in_check_mode_the_reading_is_told(runs: dict[str, Seen]) -> None:
    lines = [line for line, _deletions in runs["slow, -v, check mode"].told]

    assert lines and all(line.startswith("Cut them off: reading: ") and " of 13 keys done, " in line for line in lines)


def test_v_shows_a_line_for_each_key_and_not_the_result(runs: dict[str, Seen]) -> None:
    seen = runs["-v"]

    lines = [line for line in seen.stdout.splitlines() if any(key_id in line for key_id in seen.key_ids)]

    assert lines == [f"{key_id}: PendingImport, DeleteImportedKeyMaterial" for key_id in seen.key_ids]
    assert "kms_keys" not in seen.stdout and "request_ids" not in seen.stdout


def test_v_shows_in_check_mode_what_would_be_done(runs: dict[str, Seen]) -> None:
    seen = runs["slow, -v, check mode"]

    lines = [line for line in seen.stdout.splitlines() if any(key_id in line for key_id in seen.key_ids)]

    assert lines == [f"{key_id}: PendingImport, DeleteImportedKeyMaterial" for key_id in seen.key_ids]


def test_vv_shows_the_result_and_without_v_there_is_neither(runs: dict[str, Seen]) -> None:
    full, quiet = runs["-vv"], runs["slow"]

    assert '"kms_keys": [' in full.stdout and full.stdout.count('"request_ids": [') >= len(full.key_ids)
    assert "PendingImport, DeleteImportedKeyMaterial" not in full.stdout
    assert not any(key_id in quiet.stdout for key_id in quiet.key_ids)


def test_nothing_else_is_told(runs: dict[str, Seen]) -> None:
    """Least of all a warning. A run that takes no five seconds tells nothing at all: see the test of the plugin."""
    assert {name: playbook_runner.without_progress(seen.stderr) for name, seen in runs.items()} == dict.fromkeys(
        RUNS, ""
    )


def test_no_log_shows_no_key(runs: dict[str, Seen]) -> None:
    seen = runs["-v, no_log"]

    assert not any(key_id in seen.stdout + seen.stderr for key_id in seen.key_ids)
