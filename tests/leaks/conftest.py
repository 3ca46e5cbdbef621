# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: an emulator, planted, and a stage on which real playbooks run while everything is watched."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import leaks
import materials
import pytest
from emulator_process import EmulatorProcess
from lab import Lab

HERE = Path(__file__).parent
_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV")


def collections_path() -> str:
    """Where ansible-playbook finds the collections that this process imports."""
    places = [entry for entry in sys.path if entry and Path(entry, "ansible_collections").is_dir()]
    return os.pathsep.join(places)


@dataclass
class Stage:
    """Directories of its own for one run of ansible-playbook: home, tmp and work are watched, input is not."""

    root: Path
    planted: leaks.PlantedSecrets
    emulator: EmulatorProcess
    variables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "work", "input"):
            (self.root / name).mkdir(parents=True, mode=0o700)

    def material_file(self, name: str, content: bytes) -> str:
        path = self.root / "input" / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return str(path)

    def environment(self, **settings: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in _KEPT}
        work = self.root / "work"
        return {
            **kept,
            **self.emulator.environment(),
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            # Ansible asks the shell for ~root, which is not HOME.
            "ANSIBLE_REMOTE_TMP": str(self.root / "home" / ".ansible" / "tmp"),
            "ANSIBLE_ASYNC_DIR": str(self.root / "home" / ".ansible_async"),
            "ANSIBLE_COLLECTIONS_PATH": collections_path(),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "plugins" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "LEAKS_RECORD": str(work / "record.jsonl"),
            "ANSIBLE_LOG_PATH": str(work / "ansible.log"),
            "ANSIBLE_PIPELINING": "false",
            "ANSIBLE_NOCOLOR": "true",
            **settings,
        }

    def play(
        self,
        tasks: list[dict[str, Any]],
        traced: bool = False,
        settings: dict[str, str] | None = None,
        verbosity: int = 4,
        **keywords: Any,
    ) -> leaks.Observation:
        """Run the tasks as a play, at -vvvv. Variables come from a file outside of what is watched."""
        play = {"name": "Watched", "hosts": "localhost", "gather_facts": False, **keywords, "tasks": tasks}
        playbook = self.root / "work" / "play.yml"
        playbook.write_text(json.dumps([play], indent=2))
        variables = self.root / "input" / "variables.json"
        variables.write_text(json.dumps(self.variables))
        loud = ["-" + "v" * verbosity] if verbosity else []
        return leaks.observe(
            [sys.executable, "-m", "ansible", "playbook", *loud, "--extra-vars", f"@{variables}", str(playbook)],
            self.planted,
            [self.root / name for name in ("home", "tmp", "work")],
            self.environment(**(settings or {})),
            self.root / "work",
            trace=self.root / "input" / "trace" if traced else None,
        )

    def results(self) -> dict[str, dict[str, Any]]:
        """The last result of every task, as the callbacks got it."""
        lines = (self.root / "work" / "record.jsonl").read_text().splitlines()
        return {line["task"]: line["result"] for line in map(json.loads, lines)}


@pytest.fixture(scope="session")
def emulator():
    python = os.environ.get("LEAKS_EMULATOR_PYTHON", sys.executable)
    with EmulatorProcess(python=python) as process:
        yield process


@pytest.fixture(scope="session")
def planted():
    return leaks.PlantedSecrets()


@pytest.fixture(scope="session")
def secret(planted):
    """Fresh material for a key spec, which is looked for from then on."""

    def make(key_spec: str, label: str) -> bytes:
        return planted.add(f"{key_spec} {label}", materials.material(key_spec, f"planted {label}"))

    return make


@pytest.fixture(scope="module")
def stage(tmp_path_factory, planted, emulator):
    """A function that makes a new stage."""

    def make(name: str, **variables: Any) -> Stage:
        return Stage(tmp_path_factory.mktemp(name) / "stage", planted, emulator, variables)

    return make


@pytest.fixture
def lab(emulator, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"):
        monkeypatch.delenv(name, raising=False)
    emulator.faults([])
    return Lab(emulator, emulator.client())
