# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples/terraform_outputs: keys in the outputs of Terraform get and change their material from Ansible."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import playbook_runner
import pytest
from materials import create_key
from materials import material

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "terraform_outputs"
SYMMETRIC = "SYMMETRIC_DEFAULT"
NAMES = ("orders", "payments")


class Example:
    """The example's playbooks beside a configuration with the same output, of keys that another client has made."""

    def __init__(self, terraform: str, emulator: Any, kms: Any, root: Path) -> None:
        self.kms = kms
        self.emulator = emulator
        self.root = root / "example"
        shutil.copytree(EXAMPLE, self.root, ignore=shutil.ignore_patterns("*.tf"))
        self.keys = {name: create_key(kms) for name in NAMES}
        self.environment = playbook_runner.clean_environment(
            root / "home", **emulator.environment(), CHECKPOINT_DISABLE="1"
        )
        arns = {name: self.metadata(name)["Arn"] for name in NAMES}
        output = [{"key_id": arns[name], "key_material_file": str(root / f"{name}.bin")} for name in NAMES]
        (self.root / "main.tf.json").write_text(json.dumps({"output": {"byok_keys": {"value": output}}}))
        for command in (["init"], ["apply", "-auto-approve"]):
            line = [terraform, *command, "-input=false"]
            subprocess.run(line, cwd=self.root, env=self.environment, check=True, capture_output=True)
        self.bring("a")

    def bring(self, label: str) -> None:
        """New material in the files."""
        for name in NAMES:
            path = self.root.parent / f"{name}.bin"
            path.touch(mode=0o600)
            path.write_bytes(material(SYMMETRIC, f"{label} {name}"))

    def metadata(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.kms.describe_key(KeyId=self.keys[name])["KeyMetadata"]
        return answer

    def play(self, playbook: str, *arguments: str) -> str:
        done = playbook_runner.run_playbook(playbook, *arguments, directory=self.root, environment=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def successes(self, operation: str) -> int:
        return sum(call["outcome"] == "Success" for call in self.emulator.calls(operation))


@pytest.fixture
def example(terraform, emulator, kms, tmp_path) -> Example:
    return Example(terraform, emulator, kms, tmp_path)


def test_the_keys_get_their_material_and_then_new_one(example):
    example.play("import.yml", "--check")
    assert example.successes("ImportKeyMaterial") == 0

    first = example.play("import.yml")
    again = example.play("import.yml")

    assert "changed=1" in first and "changed=0" in again
    assert [example.metadata(name)["KeyState"] for name in NAMES] == ["Enabled", "Enabled"]
    assert [example.metadata(name)["ExpirationModel"] for name in NAMES] == ["KEY_MATERIAL_EXPIRES"] * 2

    before = {name: example.metadata(name)["CurrentKeyMaterialId"] for name in NAMES}
    example.bring("b")
    example.play("rotate.yml")

    assert all(example.metadata(name)["CurrentKeyMaterialId"] != before[name] for name in NAMES)
    assert example.successes("RotateKeyOnDemand") == 2
    assert (example.root / "rotation.json").exists()


def test_the_example_has_the_output_that_the_playbooks_ask_for():
    configuration = (EXAMPLE / "main.tf").read_text(encoding="utf-8")

    assert re.search(
        r'^output "byok_keys" \{\n  value = \[\n    for name, key in aws_kms_external_key.this : \{$',
        configuration,
        re.M,
    )
    for name in ("keys.yml", "keys_by_lookup.yml"):
        assert "byok_keys" in (EXAMPLE / "tasks" / name).read_text(encoding="utf-8")
