# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/gates.py: order, report and verdict of `make test`, with made-up gates; and that no check is left out."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import gates
import nox
import pytest
import yaml

PROJECT = Path(__file__).parents[2]
GATES = r"""
import os
import pathlib
import signal
import sys

import gates
import nox
import prepare

prepare.ROOT = pathlib.Path(__file__).parent
gates.NOXFILE = pathlib.Path(__file__)
(prepare.build_dir() / "logs").mkdir(exist_ok=True)
nox.registry.reset()
nox.session(python=False)(gates.test.func)


@gates.gate("good one", "test")
def good(session):
    print("collected 3 items")
    print("====== 3 passed in 0.10s ======")


@gates.gate("bad one", "test")
def bad(session):
    session.run("sh", "-c", "seq 1 100; echo the reason; exit 1")


@gates.gate("one that loses its head", "test")
def lost(session):
    os.kill(os.getpid(), signal.SIGKILL)


@gates.gate("noted one", "test")
def noted(session):
    session.run("echo", "NOTE: something is skipped")


@gates.gate("busy one", "test")
def busy(session):
    session.run("sh", "-c", sys.executable + ' -c "import time\nwhile time.process_time() < 1.2: pass"')


@gates.gate("slow one", "test")
def slow(session):
    signal.alarm(1)
    session.run("sleep", "1000")


@gates.gate("one that begins", "begin")
def begin(session):
    session.run("sh", "-c", "echo $$ >pid; exec sleep 1000")


@gates.gate("one that is empty")
def empty(session):
    gates.require(session, "tests", "no/such/test_*.py")


@gates.gate("one with several commands")
def several(session):
    gates.run_all(session, ["false"], ["touch", "after"])


@nox.session(python=False)
def beginning(session):
    gates.together(session, "begin")
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project whose gates are those of GATES."""
    path = tmp_path_factory.mktemp("project")
    (path / "noxfile.py").write_text(GATES)
    return path


def nox_command(root: Path, session: str) -> list[str]:
    return [sys.executable, "-m", "nox", "-f", str(root / "noxfile.py"), "-s", session]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT / "scripts"), "NO_COLOR": "1"}


def run(root: Path, session: str) -> subprocess.CompletedProcess[str]:
    command = nox_command(root, session)
    return subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def done(root):
    """A run of all gates."""
    return run(root, "test")


def test_a_passing_gate_shows_its_telling_lines_only(done):
    assert "    ====== 3 passed in 0.10s ======" in done.stdout
    assert "    NOTE: something is skipped" in done.stdout
    assert "collected" not in done.stdout


def test_a_failing_gate_shows_the_end_of_its_log_and_does_not_stop_the_others(done, root):
    assert done.returncode != 0
    assert "    the reason" in done.stdout
    assert "\n    30\n" not in done.stdout
    assert "\n30\n" in (root / ".build" / "logs" / "bad.log").read_text()
    for name in ("good", "noted", "busy"):
        assert re.search(rf"\d s +\d+ s CPU  passed {name}: {name} one", done.stdout)


def test_the_gates_that_failed_are_named_last(done):
    assert done.stdout.rstrip().endswith("\nFAILED: bad, lost, slow")


def test_the_cpu_time_of_a_gate_and_of_all_that_it_started_is_told(done):
    busy, good = (int(re.search(rf" (\d+) s CPU  passed {name}:", done.stdout)[1]) for name in ("busy", "good"))
    assert busy >= 1 > good
    together = re.search(r"=== Summary: \d+ s, (\d+) s of CPU \(0\.\d minutes\)", done.stdout)
    assert int(together[1]) >= busy


def test_a_gate_that_hangs_is_stopped(done):
    assert f"Stopped after {gates.TIMEOUT} seconds." in done.stdout
    assert re.search(r"=== slow: slow one: FAILED in \d+ s", done.stdout)


def test_who_stops_the_run_stops_its_gates(root):
    pid = root / "pid"
    with subprocess.Popen(nox_command(root, "beginning"), cwd=root, env=environment()) as process:
        while not pid.exists() or not pid.read_text().strip():
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
    assert process.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_gate_with_nothing_to_check_fails(root):
    done = run(root, "empty")
    assert done.returncode != 0
    assert "There are no tests." in done.stderr


def test_a_failed_command_does_not_stop_the_next_and_fails_the_gate(root):
    assert run(root, "several").returncode != 0
    assert (root / "after").exists()


@pytest.mark.parametrize(
    ("line", "complained"),
    [
        ("nox > Skipping ruff check (no files to process)", True),
        ("nox > Skipping antsibull-docs...", True),
        ("nox > No venv. Skip preparing collections...", True),
        ("nox > Session yamllint was successful.", False),
        ("ERROR: Error running ansible-doc", True),
        ("WARNING: No changelog found", True),
        ("WARNING: ansible-lint not found, skipping", False),
        ("Linting collection via ansible-lint 26.10.1...", False),
    ],
)
def test_a_session_that_checked_nothing_or_tells_of_an_error_has_failed(line, complained):
    found = re.findall(f"{gates.NOTHING}|{gates.COMPLAINT}", f"first\n{line}\nlast", re.MULTILINE)
    assert found == ([line] if complained else [])


# -- that no check is left out ----------------------------------------------------------------------------------------


def tagged(tag: str) -> set[str]:
    return {name for name, session in nox.registry.get().items() if tag in session.tags}


def test_every_gate_can_be_run_alone():
    makefile = (PROJECT / "Makefile").read_text()
    for name in tagged("test"):
        assert re.search(rf"\b{name}\b", makefile), name


def test_the_gates_are_all_there():
    assert tagged("test") == {
        *("module", "sanity", "units", "terraform", "emulator", "role", "fuzz", "leaks", "integration", "examples"),
        *("report", "molecule", "importer", "docs", "ansible-lint", "lint", "types", "scripts", "installed"),
    }


def test_the_quick_run_is_a_part_of_the_whole_or_a_gate_of_its_own():
    assert tagged("quick") == {"lint", "docs", "types", "scripts", "tables", "smoke"}
    names = re.search(r"def smoke.*?names = \(([^)]+)\)", (PROJECT / "scripts" / "gates.py").read_text(), re.DOTALL)[1]
    for name in re.findall(r"\w+", names):
        assert (PROJECT / "tests" / "module" / f"test_{name}.py").exists()


def test_no_test_is_left_out():
    text = (PROJECT / "scripts" / "gates.py").read_text()
    for folder in {path.relative_to(PROJECT).parts[1] for path in PROJECT.glob("tests/*/**/test_*.py")} - {"output"}:
        assert folder == "unit" or f'pytest(session, "tests/{folder}"' in text


def test_ruff_sees_every_file():
    with (PROJECT / "antsibull-nox.toml").open("rb") as file:
        named = tomllib.load(file)["sessions"]["lint"]["extra_code_files"]
    roots = {"plugins", "noxfile.py", *named}
    files = {path.relative_to(PROJECT).parts[0] for path in PROJECT.glob("*/**/*.py")} - {".build", ".nox", ".venv"}
    assert files | {path.name for path in PROJECT.glob("*.py")} <= roots


def test_the_workflow_runs_every_version_of_the_matrix():
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "matrix.yml").read_text())
    included = workflow["jobs"]["matrix"]["strategy"]["matrix"]["include"]
    assert [(one["core"], one["python"]) for one in included] == [
        pair for core, pythons in gates.PAIRS.items() for pair in itertools.product([core], pythons)
    ]


def test_every_action_is_pinned():
    for workflow in (PROJECT / ".github" / "workflows").glob("*.yml"):
        for action in re.findall(r"uses: (.*)", workflow.read_text()):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
