# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The imports of the emulator's files: no circle, and a key that knows little."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from emulator_process import PACKAGE_ROOT

PACKAGE = "kms_emulator"

Imports = dict[str, set[str]]


def imports_of(sources: dict[str, str]) -> Imports:
    """From each module to those of the package that it imports: anywhere, in functions and for type checkers too."""
    return {name: _imported(name, ast.parse(source), set(sources)) for name, source in sources.items()}


def _imported(name: str, tree: ast.AST, modules: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import, which this test does not follow"
            # Either may be the module: "from package import module", "from package.module import name".
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found & modules


def reachable(imports: Imports, start: str) -> set[str]:
    """What a module imports, directly or through others."""
    seen: set[str] = set()
    waiting = list(imports[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imports[name]
    return seen


def circles(imports: Imports) -> list[str]:
    """The modules that import themselves, directly or through others."""
    return sorted(name for name in imports if name in reachable(imports, name))


@pytest.fixture(scope="module")
def imports() -> Imports:
    files = sorted((PACKAGE_ROOT / PACKAGE).rglob("*.py"))
    # An __init__.py is left out: every import of a module in its package runs it, too.
    return imports_of({module_name(path): path.read_text() for path in files if path.name != "__init__.py"})


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE_ROOT).with_suffix("").parts)


def test_no_circle(imports: Imports) -> None:
    assert len(imports) > 30
    assert circles(imports) == []


def test_a_key_knows_neither_its_backend_nor_its_presentation(imports: Imports) -> None:
    known = {name.removeprefix(f"{PACKAGE}.") for name in reachable(imports, f"{PACKAGE}.key")}
    assert known == {"arns", "lineage", "specs"}


@pytest.mark.parametrize(
    "line",
    [
        "import p.a",
        "from p import a",
        "from p.a import name",
        "def later():\n    from p.a import name",
        "if TYPE_CHECKING:\n    from p.a import name",
    ],
)
def test_the_test_sees_a_circle(line: str) -> None:
    assert circles(imports_of({"p.a": "from p import b", "p.b": line, "p.c": "import p.a"})) == ["p.a", "p.b"]


def test_the_test_sees_no_circle_where_there_is_none() -> None:
    assert circles(imports_of({"p.a": "from p import b\nfrom p.c import d", "p.b": "import p.c", "p.c": ""})) == []
