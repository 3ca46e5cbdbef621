# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible sends a module together with every file that it imports. A module that only reads needs few of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

COLLECTION = Path(__file__).resolve().parents[4]
PREFIX = "ansible_collections.byok.aws."
CORE = COLLECTION / "plugins" / "module_utils" / "_kms"


def _imported(file):
    """Each module that a file may import: a name that is imported can be a module or something in one."""
    package = file.relative_to(COLLECTION).with_suffix("").parts
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        parts = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            parts = package[: -node.level] + parts
        elif (node.module or "").startswith(PREFIX):
            parts = tuple(node.module[len(PREFIX) :].split("."))
        else:
            continue
        yield parts
        yield from ((*parts, alias.name) for alias in node.names)


def shipped(module):
    """Our files that a module imports, directly or not, without the empty ones of packages."""
    todo = [COLLECTION / "plugins" / "modules" / f"{module}.py"]
    found = set()
    while todo:
        files = {COLLECTION.joinpath(*parts).with_suffix(".py") for parts in _imported(todo.pop())}
        new = {file for file in files if file.is_file()} - found
        found |= new
        todo += new
    return {str(file.relative_to(CORE)) for file in found}


@pytest.mark.parametrize(
    ("module", "most"), [("kms_key_canary", 12), ("kms_imported_material_info", 16), ("kms_external_key", 22)]
)
def test_a_module_without_material_ships_few_files(module, most):
    files = shipped(module)
    assert "service/outcome.py" in files
    assert len(files) <= most, sorted(files)


@pytest.mark.parametrize("module", ["kms_key_canary", "kms_imported_material_info", "kms_external_key"])
def test_a_module_without_material_ships_no_code_for_it(module):
    assert not [file for file in shipped(module) if file.startswith(("secret/", "material/", "fleet/"))]


@pytest.mark.parametrize("module", ["kms_imported_material", "kms_key_replacement"])
def test_a_module_with_material_ships_the_code_for_it(module):
    assert {"secret/material.py", "secret/wrapping.py", "fleet/run.py"} <= shipped(module)
