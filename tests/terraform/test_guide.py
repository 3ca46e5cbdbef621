# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guide about Terraform names is there: tests, variables, paths; and its examples are in form."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "docsite" / "rst" / "guide_terraform.rst").read_text(encoding="utf-8")
TERRAFORM = ROOT / "docs" / "terraform"
TABLE = GUIDE.split("Every feature of the two resources", 1)[1].split("What is tested, and what is not", 1)[0]
NAMED = sorted(set(re.findall(r"``(tests/[\w/]+\.py)::(\w+)``", GUIDE)))
# From the documentation of both resources in the provider's version 6: arguments and attributes.
FEATURES = [
    "arn",
    "bypass_policy_lockout_safety_check",
    "deletion_window_in_days",
    "description",
    "enabled",
    "expiration_model",
    "id",
    "key_id",
    "key_material_base64",
    "key_spec",
    "key_state",
    "key_usage",
    "multi_region",
    "policy",
    "primary_key_arn",
    "region",
    "tags",
    "tags_all",
    "valid_to",
]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _path, name in NAMED])
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_feature_has_a_row_and_every_row_a_test() -> None:
    rows = TABLE.split("\n  * - ")[2:]
    cells = [re.split(r"\n    - ", row) for row in rows]

    assert len(rows) > 30
    assert {len(row) for row in cells} == {3}
    assert [row[0] for row in cells if "::test_" not in row[2]] == []
    assert [name for name in FEATURES if not any(f"``{name}``" in row[0] for row in cells)] == []


def test_variables_that_are_named_exist() -> None:
    variables = {
        module.parent.name: set(re.findall(r'^variable "(\w+)"', module.read_text(encoding="utf-8"), re.MULTILINE))
        for module in TERRAFORM.glob("*/variables.tf")
    }
    for text in re.findall(r"^\.\. code-block:: terraform\n\n((?:  .*\n|\n)+)", GUIDE, re.MULTILINE):
        for name, body in re.findall(r'source = ".*/(\w+)\?ref=.*"\n\n(.*?)\n  \}', text, re.DOTALL):
            assert set(re.findall(r"^    (\w+) +=", body, re.MULTILINE)) <= variables[name]
    for name in variables["imported_key_material"] - {"ansible_playbook", "key_arn", "regions"}:
        assert f"``{name}``" in GUIDE or f"    {name} " in GUIDE, name


def test_examples_are_formatted(terraform: str) -> None:
    blocks = re.findall(r"^\.\. code-block:: terraform\n\n((?:  .*\n|\n)+)", GUIDE, re.MULTILINE)

    assert len(blocks) == 3
    for block in blocks:
        text = re.sub(r"^  ", "", block, flags=re.MULTILINE).strip() + "\n"
        done = subprocess.run([terraform, "fmt", "-"], input=text, capture_output=True, text=True, check=True)
        assert done.stdout == text


def test_what_the_guide_points_to_exists() -> None:
    paths = set(re.findall(r"``(docs/[\w/]+)``", GUIDE))

    assert paths >= {"docs/terraform/external_key", "docs/terraform/imported_key_material"}
    assert [path for path in paths if not (ROOT / path).exists()] == []
