# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory, an emulator and real runs of ansible-playbook with the role, looked at by an independent client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import warm
from lab import Lab
from leaks import PlantedSecrets
from materials import b64
from materials import import_elsewhere
from materials import material

# A shell without job control has what it starts in the background ignore SIGINT, and that is inherited.
_HEARS_CTRL_C = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")


def collections_path() -> str:
    """Where ansible-playbook finds the collections that this process imports."""
    return os.pathsep.join(entry for entry in sys.path if entry and Path(entry, "ansible_collections").is_dir())


@dataclass
class Run:
    """A run of ansible-playbook that has ended."""

    status: int
    output: str
    changed: int

    def says(self, text: str) -> bool:
        """Whether this stands in the output, wherever Ansible has broken its lines."""
        return " ".join(text.split()) in " ".join(self.output.split())


@dataclass
class Stage:
    """A directory, an emulator, and the role on it. Every material that goes through it is looked for everywhere."""

    root: Path
    lab: Lab
    planted: PlantedSecrets = field(default_factory=PlantedSecrets)
    seen: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    tally: Callable[[str], None] = print
    # The processes of the last run that was sent a signal, each with its start.
    started: dict[int, str] = field(default_factory=dict)

    @property
    def report_path(self) -> Path:
        return self.root / "report.json"

    @property
    def journal_path(self) -> Path:
        return self.root / "journal.json"

    @property
    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.report_path.read_text())
        return content

    @property
    def journal(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.journal_path.read_text())
        return content

    def done_in_journal(self) -> int:
        """How many keys the journal calls done; it is read while the role writes it."""
        if not self.journal_path.exists():
            return 0
        return [one["status"] for one in self.journal["keys"]].count("done")

    def material(self, key_spec: str, label: str = "a") -> str:
        return b64(self.planted.add(f"{key_spec} {label}", material(key_spec, label)))

    def entry(self, key_id: str, key_spec: str, label: str = "a", **options: Any) -> dict[str, Any]:
        return {"key_id": key_id, "key_material": self.material(key_spec, label), **options}

    def key(self, name: str, key_spec: str, **options: Any) -> dict[str, Any]:
        """An entry for a new key with an alias, whose material another tool has imported."""
        answer = self.lab.kms.create_key(
            Origin="EXTERNAL", KeySpec=key_spec, KeyUsage=options.pop("usage", usage(key_spec))
        )
        key_id = answer["KeyMetadata"]["KeyId"]
        import_elsewhere(self.lab.kms, key_id, key_spec, material(key_spec))
        self.lab.kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
        return self.entry(f"alias/{name}", key_spec, **options)

    def interlope(self, task: str, alias: str, key_id: str) -> None:
        """From now on somebody leads an alias to another key right before this task of a run."""
        self.environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).resolve().parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "interloper",
            "BYOK_INTERLOPER": json.dumps({"task": task, "alias": alias, "key_id": key_id}),
        }

    def sabotage(self, task: str, number: int, path: Path, what: str) -> None:
        """From now on a path is gone ("remove"), or a directory that nobody can replace ("occupy"), right before this
        task begins for the nth time in a run."""
        self.environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).resolve().parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "saboteur",
            "BYOK_SABOTAGE": json.dumps([task, number, str(path), what]),
        }

    def wanted(self, *options: str, **variables: Any) -> list[str]:
        """The arguments of ansible-playbook for a run of the role."""
        given = {
            "kms_material_rotation_report_path": str(self.report_path),
            "kms_material_rotation_journal_path": str(self.journal_path),
            **{f"kms_material_rotation_{name}": value for name, value in variables.items()},
        }
        (self.root / "variables.json").write_text(json.dumps(given))
        return ["byok.aws.rotate", f"--extra-vars=@{self.root}/variables.json", *options]

    @property
    def variables(self) -> dict[str, str]:
        """The environment of ansible-playbook."""
        return {
            **{name: value for name, value in os.environ.items() if name in _KEPT},
            **self.lab.emulator.environment(),
            "ANSIBLE_COLLECTIONS_PATH": collections_path(),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            **self.environment,
        }

    def start(self, *options: str, **variables: Any) -> subprocess.Popen[str]:
        """ansible-playbook with the role as it is at a terminal, in a process group of its own, to be killed."""
        return subprocess.Popen(
            [sys.executable, "-c", _HEARS_CTRL_C, "-m", "ansible", "playbook", *self.wanted(*options, **variables)],
            env=self.variables,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def play(self, *arguments: str) -> Run:
        """Run ansible-playbook to its end."""
        environment = self.variables
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            descriptor = file.fileno()
            status = warm.prepared(environment).run_playbook(arguments, self.root, environment, descriptor, descriptor)
            file.seek(0)
            output = file.read()
        self.seen.append(output)
        recap = [line for line in output.splitlines() if "changed=" in line]
        changed = int(recap[-1].split("changed=")[1].split()[0]) if recap else -1
        return Run(status, output, changed)

    def run(self, *options: str, **variables: Any) -> Run:
        """Run the role to its end."""
        return self.play(*self.wanted(*options, **variables))

    def kill_when(
        self,
        process: subprocess.Popen[str],
        ready: Callable[[], bool],
        timeout: float = 900,
        number: signal.Signals = signal.SIGKILL,
        missed: Callable[[], bool] = lambda: True,
    ) -> None:
        """A signal to ansible-playbook as soon as it is ready, and another one whenever that was missed.

        Workers are in process groups of their own. ansible-playbook ends them, unless it is interrupted twice.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "the moment to kill it never came"
            time.sleep(0.01)
        self.started = descendants(process.pid)
        os.killpg(process.pid, number)
        while True:
            try:
                self.seen.append(process.communicate(timeout=2)[0])
                return
            except subprocess.TimeoutExpired:
                if missed():
                    os.killpg(process.pid, number)

    def running(self) -> list[int]:
        """The processes that a run had started when it was sent a signal, and that are there still."""
        now = dict(processes())
        return [pid for pid, started in self.started.items() if pid in now and now[pid].started == started]

    def leaks(self) -> list[Any]:
        """Every material that stands in an output, a journal, a report or a page, in whatever form."""
        found = [sighting for text in self.seen for sighting in self.planted.find(text, "the output")]
        for path in self.root.iterdir():
            if path.is_file() and path.name not in ("variables.json",) and path.suffix != ".bin":
                found += self.planted.find(path.read_bytes(), path.name)
        return found


@dataclass(frozen=True)
class Process:
    """What everybody may read of a process, also of one that is closed to debuggers (proc_pid_stat(5))."""

    state: str
    parent: int
    started: str


def processes() -> Iterator[tuple[int, Process]]:
    """All of this machine that have not ended, by ID."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name of the program, in brackets, may hold anything.
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in "ZX":
                yield int(path.parent.name), Process(fields[0], int(fields[1]), fields[19])


def descendants(pid: int) -> dict[int, str]:
    """The processes that a process has started, and those that they have, each with its start."""
    found, there = {pid}, dict(processes())
    while True:
        more = {one for one, process in there.items() if process.parent in found} - found
        if not more:
            return {one: there[one].started for one in found - {pid}}
        found |= more


def usage(key_spec: str) -> str:
    if key_spec == "SYMMETRIC_DEFAULT":
        return "ENCRYPT_DECRYPT"
    return "GENERATE_VERIFY_MAC" if key_spec.startswith("HMAC") else "SIGN_VERIFY"
