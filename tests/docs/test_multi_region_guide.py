# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide on several Regions names options, operations and permissions that exist."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "docsite" / "rst" / "guide_multi_region.rst").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    pattern = rf"^\.\. code-block:: {language}\n\n((?:  .*\n|\n)+)"
    return [textwrap.dedent(found) for found in re.findall(pattern, GUIDE, re.MULTILINE)]


def documentation(file: Path) -> dict[str, Any]:
    """The YAML under the name DOCUMENTATION, in a module or in the class of a documentation fragment."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    (text,) = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and [getattr(one, "id", "") for one in node.targets] == ["DOCUMENTATION"]
    ]
    found: dict[str, Any] = yaml.safe_load(ast.literal_eval(text))
    return found


def options_of(module: str) -> set[str]:
    """The options of a module, with those of our own documentation fragments."""
    documented = documentation(ROOT / "plugins" / "modules" / f"{module}.py")
    own = re.compile(r"byok\.aws\.(\w+)")
    fragments = [found[1] for name in documented["extends_documentation_fragment"] if (found := own.fullmatch(name))]
    shared = [documentation(ROOT / "plugins" / "doc_fragments" / f"{fragment}.py")["options"] for fragment in fragments]
    return {*documented["options"], *(option for options in shared for option in options), "tags", "region"}


TASKS: list[dict[str, Any]] = [
    task for text in snippets("yaml") for task in yaml.safe_load(text) if isinstance(task, dict)
]


@pytest.mark.parametrize("task", TASKS, ids=[task["name"] for task in TASKS])
def test_a_task_has_options_that_exist(task: dict[str, Any]) -> None:
    (name,) = [name for name in task if name.startswith("byok.aws.")]
    assert set(task[name]) <= options_of(name.rsplit(".", maxsplit=1)[-1])


def test_there_are_tasks_and_variables_of_the_role() -> None:
    assert len(TASKS) > 6
    specs = yaml.safe_load((ROOT / "roles/kms_material_rotation/meta/argument_specs.yml").read_text(encoding="utf-8"))
    options = specs["argument_specs"]["main"]["options"]
    (variables,) = [found for text in snippets("yaml") if isinstance(found := yaml.safe_load(text), dict)]
    assert set(variables) <= set(options)
    assert set(variables["kms_material_rotation_keys"][0]) <= set(options["kms_material_rotation_keys"]["options"])


def test_permissions_are_those_of_operations() -> None:
    operations = set(botocore.session.get_session().get_service_model("kms").operation_names)
    (policy,) = [json.loads(text) for text in snippets("json")]
    allowed = {
        action
        for one in policy["Statement"]
        for action in ([one["Action"]], one["Action"])[isinstance(one["Action"], list)]
    }
    named = set(re.findall(r"``kms:(\w+)``", GUIDE)) | {action.removeprefix("kms:") for action in allowed}
    assert len(named) > 8
    assert named <= operations
