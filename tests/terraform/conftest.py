# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A project of Terraform's around the module, the real binary, and an emulated KMS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import key_observer
import leaks
import playbook_runner
import pytest
import warm
from emulator_process import EmulatorProcess
from materials import b64
from materials import create_key
from materials import material

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODULE = ROOT / "docs" / "terraform" / "imported_key_material"
REGION = "us-east-1"
TIMEOUT = 1200  # seconds, for what takes a few where nothing else runs
NOTHING, CHANGES = 0, 2  # of plan -detailed-exitcode
_INITIALISED: dict[str, Path] = {}


@pytest.fixture(scope="session")
def terraform() -> str:
    """The binary. Without it, the gate skips these tests, and says so."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("there is no terraform on the PATH")
    return found


@pytest.fixture(scope="session")
def emulator():
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def kms(emulator) -> Any:
    emulator.reset()
    emulator.config(rotation_seconds=0.5)
    return emulator.client(REGION)


@dataclass
class Project:
    """A root module of its own for one key, and what was seen of it."""

    terraform: str
    emulator: EmulatorProcess
    kms: Any
    root: Path
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    key_id: str = ""
    observed: bool = True
    root_variables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "input"):
            (self.root / name).mkdir(parents=True, mode=0o700)
        shutil.copytree(HERE / "project", self.work)
        shutil.copytree(MODULE, self.work / "imported_key_material")

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def key_arn(self) -> str:
        return f"arn:aws:kms:{REGION}:123456789012:key/{self.key_id}"

    def with_key(self, key_spec: str = "SYMMETRIC_DEFAULT") -> Project:
        self.key_id = create_key(self.kms, key_spec)
        self.settings = {
            "key_arn": self.key_arn,
            "version": "1",
            "ansible_playbook": f"{sys.executable} {key_observer.__file__}",
        }
        self.environment = {
            **playbook_runner.clean_environment(self.root / "home", **self.emulator.environment(REGION)),
            "TMPDIR": str(self.root / "tmp"),
            "CHECKPOINT_DISABLE": "1",
            "PYTHON": sys.executable,
            key_observer.FOLDER: str(self.work),
        }
        self.environment |= warm.prepared(self.environment).environment
        return self

    def file(self, name: str, content: bytes) -> str:
        path = self.root / "input" / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return str(path)

    def give(self, way: str, content: bytes, name: str = "material") -> None:
        """Where the material is from now on."""
        for other in ("file", "env", "lookup"):
            self.settings.pop(other, None)
        if way == "file":
            self.settings["file"] = self.file(name, content)
        elif way == "env":
            self.settings["env"] = "PAYMENTS_MATERIAL"
            self.environment["PAYMENTS_MATERIAL"] = b64(content)
        else:
            path = self.file(f"{name}.base64", b64(content).encode())
            self.settings["lookup"] = f"lookup('ansible.builtin.file', '{path}')"

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run terraform as it is set up; what would be read of the key at plan time is read now."""
        self.prepare()
        process = subprocess.Popen(
            [self.terraform, *arguments],
            cwd=self.work,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that after a time-out nothing of it runs on
        )
        try:
            stdout, stderr = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def prepare(self) -> None:
        (self.work / "terraform.tfvars.json").write_text(json.dumps(self.root_variables or {"material": self.settings}))
        if self.observed:
            self.observe()
        if not (self.work / ".terraform").exists():
            self.initialise()

    def initialise(self) -> None:
        """What `terraform init` makes is the same for the same modules, and is copied from the first of them."""
        sources = {str(path.relative_to(self.work)): path.read_text() for path in self.work.rglob("*.tf")}
        found = json.dumps(sources, sort_keys=True)
        if found not in _INITIALISED:
            command = [self.terraform, "init", "-input=false", "-no-color"]
            subprocess.run(command, cwd=self.work, env=self.environment, check=True, capture_output=True)
            _INITIALISED[found] = self.work / ".terraform"
        else:
            shutil.copytree(_INITIALISED[found], self.work / ".terraform")

    def observe(self) -> None:
        """See the key, and its replicas."""
        key_observer.observe(self.emulator.url, self.key_arn, self.work)
        for replica in self.metadata().get("MultiRegionConfiguration", {}).get("ReplicaKeys", []):
            key_observer.observe(self.emulator.url, replica["Arn"], self.work)

    def apply(self, **settings: Any) -> str:
        """Change settings and apply; returns what was said."""
        self.settings.update(settings)
        done = self.run("apply", "-auto-approve", "-input=false", "-no-color")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def plan(self) -> int:
        """The exit status of a plan: whether there is something to do."""
        done = self.run("plan", "-detailed-exitcode", "-input=false", "-no-color")
        assert done.returncode in (NOTHING, CHANGES), done.stdout + done.stderr
        return done.returncode

    def planned(self) -> dict[str, list[str]]:
        """What a plan would do to which resource."""
        assert self.run("plan", "-out=saved.plan", "-input=false").returncode == 0
        shown = json.loads(self.run("show", "-json", "saved.plan").stdout)
        managed = [one for one in shown["resource_changes"] if one["mode"] == "managed"]
        changes = {one["address"].rpartition(".")[2]: one["change"]["actions"] for one in managed}
        return {name: actions for name, actions in changes.items() if actions != ["no-op"]}

    def destroy(self) -> str:
        done = self.run("destroy", "-auto-approve", "-input=false", "-no-color")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def state(self) -> str:
        return str(self.metadata()["KeyState"])

    def metadata(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.kms.describe_key(KeyId=self.key_id)["KeyMetadata"]
        return answer

    def changing_calls(self, since: int = 0) -> list[str]:
        changing = ("ImportKeyMaterial", "DeleteImportedKeyMaterial", "RotateKeyOnDemand")
        return [
            call["operation"]
            for call in self.emulator.calls()[since:]
            if call["operation"] in changing and call["outcome"] == "Success"
        ]

    def mark(self) -> int:
        return len(self.emulator.calls())


@pytest.fixture
def project(terraform, emulator, kms, tmp_path) -> Project:
    """A project with a symmetric key and its material in a file."""
    made = Project(terraform, emulator, kms, tmp_path).with_key()
    made.give("file", material("SYMMETRIC_DEFAULT"))
    return made


@pytest.fixture
def planted() -> leaks.PlantedSecrets:
    return leaks.PlantedSecrets()
