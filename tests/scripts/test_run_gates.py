# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/run_gates.py: order, report and verdict of `make test`, with made-up gates."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import prepare
import pytest
import run_gates
from run_gates import Gate

GATE = """\
#!/bin/sh
case $1 in
    good) echo "collected 3 items"; echo "====== 3 passed in 0.10s ======" ;;
    noted) echo "NOTE: something is skipped" ;;
    bad) seq 1 100; echo "the reason"; exit 1 ;;
    slow) sleep 30 ;;
    busy) sh -c 'python3 -c "import time
while time.process_time() < 1.2: pass"' ;;
esac
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project whose gates are those of GATE."""
    (tmp_path / "scripts").mkdir()
    gate = tmp_path / "scripts" / "gate"
    gate.write_text(GATE)
    gate.chmod(0o755)
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(
        run_gates, "GATES", (Gate("good", "good one"), Gate("bad", "bad one"), Gate("noted", "noted one"))
    )
    return tmp_path


def test_passing_gates_show_their_telling_lines_only(root, capsys):
    assert run_gates.main(["good", "noted"]) == 0
    output = capsys.readouterr().out
    assert "3 passed in 0.10s" in output
    assert "NOTE: something is skipped" in output
    assert "collected" not in output
    assert "All gates passed." in output


def test_a_failing_gate_shows_the_end_of_its_log_and_is_named_last(root, capsys):
    assert run_gates.main([]) == 1
    output = capsys.readouterr().out
    assert "the reason" in output
    assert "\n    41\n" not in output
    assert output.rstrip().endswith("FAILED: bad")
    assert re.search(r"\d s +\d+ s CPU  passed +good: good one", output)


def test_the_cpu_time_of_a_gate_and_of_all_that_it_started_is_told(root, monkeypatch, capsys):
    monkeypatch.setattr(run_gates, "GATES", (Gate("busy", "busy one"), Gate("good", "good one")))
    assert run_gates.main([]) == 0
    output = capsys.readouterr().out
    busy, good = (int(re.search(rf" (\d+) s CPU  passed +{name}:", output)[1]) for name in ("busy", "good"))
    assert busy >= 1 > good
    together = re.search(r"=== Summary: \d+ s, (\d+) s of CPU \(0\.\d minutes\)", output)
    assert int(together[1]) in (busy + good, busy + good + 1)


def test_an_unknown_gate_is_refused(root, capsys):
    assert run_gates.main(["nonsense"]) == 2
    assert "no such gate: nonsense" in capsys.readouterr().err


def test_a_gate_that_hangs_is_stopped(root, monkeypatch, capsys):
    monkeypatch.setattr(run_gates, "GATES", (Gate("slow", "slow one"),))
    monkeypatch.setattr(run_gates, "TIMEOUT", 1)
    assert run_gates.main([]) == 1
    assert "Stopped after 1 seconds." in capsys.readouterr().out


def test_whoever_stops_the_run_stops_its_gates(root):
    (root / "scripts" / "gate").write_text("#!/bin/sh\necho $$ >pid\nexec sleep 1000\n")
    project = Path(__file__).parents[2]
    program = "import pathlib, prepare, sys; prepare.ROOT = pathlib.Path(sys.argv.pop(1)); sys.argv[0] = 'run_gates.py'"
    program += "; import runpy; runpy.run_module('run_gates', run_name='__main__')"
    command = [sys.executable, "-c", program, str(root), "lint"]
    with subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(project / "scripts")}) as run:
        while not (root / "pid").exists() or not (root / "pid").read_text().strip():
            time.sleep(0.05)
        run.terminate()
    assert run.returncode == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int((root / "pid").read_text()), 0)


def test_lanes_and_predecessors_are_waited_for():
    first, second, third = Gate("a", "", lane="x"), Gate("b", "", lane="x"), Gate("c", "", after="a")
    running = [run_gates.Run(first, Path("log"), subprocess.Popen(["true"]))]
    assert run_gates.next_gate([second, third], running) is None
    assert run_gates.next_gate([second, third], []) is second
    assert run_gates.next_gate([third], []) is third


def test_every_gate_exists_and_can_be_run_alone():
    project = Path(__file__).parents[2]
    functions = set(re.findall(r"^gate_([\w-]+)\(\)", (project / "scripts" / "gate").read_text(), re.MULTILINE))
    makefile = (project / "Makefile").read_text()
    for gate in run_gates.GATES:
        assert gate.name in functions
        assert re.search(rf"\b{gate.name}\b", makefile)


def test_what_is_quick_is_a_part_of_the_whole_or_a_gate_of_its_own():
    project = Path(__file__).parents[2]
    gate = (project / "scripts" / "gate").read_text()
    assert {one.name for one in run_gates.QUICK} >= {"lint", "types", "tables", "smoke"}
    for one in run_gates.QUICK:
        assert f"gate_{one.name}()" in gate
        assert one in run_gates.GATES or one.name in ("tables", "smoke")
    for path in re.findall(r"tests/module/test_\{([\w,]+)\}\.py", gate)[0].split(","):
        assert (project / "tests" / "module" / f"test_{path}.py").exists()


def test_quick_runs_the_quick_gates_only(root, monkeypatch, capsys):
    monkeypatch.setattr(run_gates, "QUICK", (Gate("good", "good one"),))
    assert run_gates.main(["quick"]) == 0
    assert "Running 1 gates" in capsys.readouterr().out


def test_no_test_is_left_out():
    project = Path(__file__).parents[2]
    gate = (project / "scripts" / "gate").read_text()
    for folder in {path.relative_to(project).parts[1] for path in project.glob("tests/*/**/test_*.py")} - {"output"}:
        assert folder == "unit" or f"pytest_gate tests/{folder} " in gate
