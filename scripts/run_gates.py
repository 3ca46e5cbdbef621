# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the gates of `make test` or `make quick`, two at a time, each into a log, and sum up. Standard library only."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import prepare

TIMEOUT = 2700  # seconds; on a machine of its own the slowest gate needs a tenth of it
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
# What a passing gate shows of its log: the closing lines of pytest, and what could not be checked.
TELLING = re.compile(
    r"^(=+ .*\b(passed|failed|skipped|error|no tests ran)\b.* =+|\d+ (passed|skipped)\b.*|NOTE: .*"
    r"|replayed .*|.* that ended well: \d+.*|.* tried.*)$"
)


@dataclass(frozen=True)
class Gate:
    """One part of `make test`; gates with the same lane run one after the other, `after` names one to wait for."""

    name: str
    title: str
    lane: str = ""
    after: str = ""


# The longest first. The runs of ansible-test share an environment, hence a lane.
GATES = (
    Gate("module", "the modules against the emulator"),
    Gate("sanity", "ansible-test sanity, nothing ignored", lane="ansible-test"),
    Gate("units", "ansible-test units", lane="ansible-test"),
    Gate("terraform", "the Terraform modules, by the real binary, against the emulator"),
    Gate("emulator", "the emulator against what AWS was seen to do"),
    Gate("role", "the rotation role against the emulator"),
    Gate("fuzz", "random tasks on random keys, the same at every run"),
    Gate("leaks", "no secret in any output, file or process"),
    Gate("integration", "ansible-test integration against the emulator", lane="ansible-test"),
    Gate("examples", "what the documentation shows, carried out"),
    Gate("report", "the rotation report, read as text and in a browser"),
    Gate("molecule", "the roles, by molecule, against the emulator"),
    Gate("importer", "build the tarball and check it as Galaxy does"),
    Gate("docs", "documentation, references and changelog"),
    Gate("ansible-lint", "ansible-lint, production profile"),
    Gate("lint", "ruff, yamllint, shellcheck, mypy of the scripts, REUSE"),
    Gate("types", "mypy --strict of the collection's core"),
    Gate("scripts", "the project's own scripts"),
    Gate("installed", "install the tarball; load every plugin, role and playbook", after="importer"),
)


# What a minute suffices for, to be run again and again while one works.
TABLES = Gate("tables", "the unit tests, by pytest alone")
SMOKE = Gate("smoke", "the modules against the emulator, each strategy once")
QUICK = (TABLES, SMOKE, *(gate for gate in GATES if gate.name in ("docs", "lint", "types", "scripts")))


@dataclass
class Run:
    """A gate that has been started."""

    gate: Gate
    log: Path
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def status(self) -> str:
        """How it ended, in a word."""
        return "FAILED" if self.process.returncode else "passed"

    @property
    def spent(self) -> str:
        """What it took, for a reader."""
        return f"{self.seconds:.0f} s ({self.cpu_seconds:.0f} s of CPU)"

    def is_over(self) -> bool:
        """Tell whether the gate has ended; end it when it has run for too long."""
        self.seconds = time.monotonic() - self.started
        self.reap(os.WNOHANG)
        if self.process.returncode is None and self.seconds > TIMEOUT:
            self.stop()
            with self.log.open("a") as log:
                log.write(f"\nStopped after {TIMEOUT} seconds.\n")
        return self.process.returncode is not None

    def reap(self, options: int = 0) -> None:
        """Take the exit status of the gate and the CPU time of all its processes that somebody waited for."""
        if self.process.returncode is None:
            pid, status, usage = os.wait4(self.process.pid, options)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime

    def stop(self) -> None:
        """End the gate and everything that it started."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.reap()

    def report(self) -> None:
        """Show how the gate ended: the telling lines, or after a failure the end of the log."""
        print(f"\n=== {self.gate.name}: {self.gate.title}: {self.status} in {self.spent}", flush=True)
        lines = [ESCAPES.sub("", line) for line in self.log.read_text(errors="replace").splitlines()]
        shown = lines[-60:] if self.status == "FAILED" else [line for line in lines if TELLING.match(line)]
        for line in shown or lines[-1:]:
            print(f"    {line}")
        if self.status == "FAILED":
            print(f"    (all of it: {self.log})", flush=True)


def start(gate: Gate, logs: Path) -> Run:
    """Start a gate in a process group of its own."""
    log = logs / f"{gate.name}.log"
    command = [str(prepare.ROOT / "scripts" / "gate"), gate.name]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    return Run(gate, log, process)


def next_gate(waiting: list[Gate], running: list[Run]) -> Gate | None:
    """Choose the first gate whose lane is free and that waits for nothing."""
    lanes = {run.gate.lane for run in running} - {""}
    unfinished = {gate.name for gate in waiting} | {run.gate.name for run in running}
    return next((gate for gate in waiting if gate.lane not in lanes and gate.after not in unfinished), None)


def run_all(gates: list[Gate], jobs: int) -> list[Run]:
    """Run gates, so many at a time, and report each as it ends."""
    logs = prepare.build_dir() / "logs"
    logs.mkdir(exist_ok=True)
    waiting, running, done = list(gates), list[Run](), list[Run]()
    try:
        while waiting or running:
            while len(running) < jobs and (gate := next_gate(waiting, running)):
                waiting.remove(gate)
                running.append(start(gate, logs))
            time.sleep(0.1)
            for run in [run for run in running if run.is_over()]:
                running.remove(run)
                done.append(run)
                run.report()
    finally:
        for run in running:
            run.stop()
    return done


def main(names: list[str]) -> int:
    """Run the gates named, or all, or with "quick" what is quick, and return 1 when one failed."""
    if names == ["quick"]:
        names = [gate.name for gate in QUICK]
    known = (*GATES, TABLES, SMOKE)
    unknown = set(names) - {gate.name for gate in known}
    if unknown:
        print(f"run-gates: no such gate: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    gates = [gate for gate in known if gate.name in names] if names else list(GATES)
    jobs = min(2, os.cpu_count() or 1)
    started = time.monotonic()
    print(f"Running {len(gates)} gates, {jobs} at a time; logs in .build/logs", flush=True)
    done = run_all(gates, jobs)
    spent = sum(run.cpu_seconds for run in done)
    print(f"\n=== Summary: {time.monotonic() - started:.0f} s, {spent:.0f} s of CPU ({spent / 60:.1f} minutes)")
    for run in sorted(done, key=lambda run: gates.index(run.gate)):
        print(
            f"    {run.seconds:5.0f} s  {run.cpu_seconds:5.0f} s CPU  {run.status:6} {run.gate.name}: {run.gate.title}"
        )
    failed = [run.gate.name for run in done if run.status == "FAILED"]
    if failed:
        print(f"\nFAILED: {', '.join(failed)}")
        return 1
    print("\nAll gates passed.")
    return 0


def terminated(_number: int, _frame: object) -> None:
    """End as after Ctrl-C: with the gates that run."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    sys.exit(main(sys.argv[1:]))
