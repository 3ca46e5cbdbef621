# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide on keys names tests, options and operations that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import botocore.session
import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "docsite" / "rst" / "guide_external_keys.rst").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"``(test_\w+\.py)(?:::(\w+))?``", GUIDE)))


def test_the_table_names_tests() -> None:
    assert len(TESTS) > 12


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / "tests" / "module" / file).read_text(encoding="utf-8"))
    assert not name or name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_permissions_are_those_of_operations() -> None:
    operations = set(botocore.session.get_session().get_service_model("kms").operation_names)
    named = set(re.findall(r"``kms:(\w+)``", GUIDE)) - {"KeyOrigin"}
    assert len(named) > 15
    assert named <= operations
