# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layout of _kms: imports go downward, a module ships what it needs, and a constant is defined once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from ansible_collections.byok.aws.tests.support.imports import Imports
from ansible_collections.byok.aws.tests.support.imports import circles
from ansible_collections.byok.aws.tests.support.imports import imports_of
from ansible_collections.byok.aws.tests.support.imports import reachable

ROOT = next(one for one in Path(__file__).resolve().parents if (one / "galaxy.yml").exists())
CORE = "plugins/module_utils/_kms/"
# A package imports only from packages of the rows before its own, and from itself.
ROWS = (
    ("key",),
    ("service",),
    ("secret",),
    ("material", "external_key", "canary", "inventory"),
    ("fleet", "ceremony"),
    ("replacement",),
    ("rotation",),
)
LEVELS = {package: level for level, row in enumerate(ROWS) for package in row}


@pytest.fixture(scope="module")
def imports() -> Imports:
    return imports_of(ROOT)


def package_of(name: str) -> str:
    return name.removeprefix(CORE).split("/")[0]


def upward(imports: Imports) -> list[tuple[str, str]]:
    """The imports that go to a package of the same row or of a later one."""
    return sorted(
        (name, other)
        for name, others in imports.items()
        for other in others
        if name.startswith(CORE)
        and package_of(name) != package_of(other)
        and not (other.startswith(CORE) and LEVELS[package_of(other)] < LEVELS[package_of(name)])
    )


def test_no_circle(imports: Imports) -> None:
    assert len(imports) > 60
    assert circles(imports) == []


def test_no_import_goes_upward(imports: Imports) -> None:
    assert upward(imports) == []


def test_every_package_has_its_row(imports: Imports) -> None:
    assert {package_of(name) for name in imports if name.startswith(CORE)} == set(LEVELS)


@pytest.mark.parametrize(("module", "most"), [("kms_key_canary", 12), ("kms_imported_material_info", 16)])
def test_a_module_that_imports_no_material_ships_no_code_for_it(imports: Imports, module: str, most: int) -> None:
    shipped = {name for name in reachable(imports, f"plugins/modules/{module}.py") if name.startswith(CORE)}
    assert not [name for name in shipped if package_of(name) == "secret"]
    assert len(shipped) <= most


# -- who opens a material ----------------------------------------------------------------------------------------------

# The attributes that hold the bytes of a material, in secret/material.
BYTES = {"_content", "plaintext", "private_key"}


def opened(sources: dict[str, str]) -> list[str]:
    """The files that read such an attribute."""
    return [
        name
        for name, source in sources.items()
        if any(isinstance(node, ast.Attribute) and node.attr in BYTES for node in ast.walk(ast.parse(source)))
    ]


def test_only_secret_opens_a_material() -> None:
    found = opened(sources_of(ROOT / "plugins"))
    assert f"{CORE}secret/material.py" in found
    assert {package_of(name) for name in found} == {"secret"}


def sources_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(folder.rglob("*.py"))}


# -- each constant once ------------------------------------------------------------------------------------------------


Found = dict[str, list[str]]


def constants(sources: dict[str, str]) -> tuple[Found, Found]:
    """The files that define each constant at their top level: by its name, and by its value as it is written.

    Of values only those count that mean something by themselves: no numbers, durations or type variables.
    """
    by_name: Found = {}
    by_value: Found = {}
    for name, source in sources.items():
        for target, value in _assignments(ast.parse(source).body):
            if not isinstance(target, ast.Name) or not target.id.lstrip("_").isupper() or _is_type(value):
                continue
            by_name.setdefault(target.id, []).append(name)
            if not isinstance(getattr(value, "value", None), (int, float)) and not _is_call(value, "timedelta"):
                by_value.setdefault(ast.unparse(value), []).append(name)
    return by_name, by_value


def _assignments(body: list[ast.stmt]) -> list[tuple[ast.expr, ast.expr]]:
    found: list[tuple[ast.expr, ast.expr]] = []
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value else []:
            both = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            found += zip(target.elts, node.value.elts) if both else [(target, node.value)]
    return found


def _is_call(value: ast.expr, name: str) -> bool:
    return isinstance(value, ast.Call) and getattr(value.func, "id", None) == name


def _is_type(value: ast.expr) -> bool:
    return _is_call(value, "TypeVar")


def twice(found: Found) -> Found:
    return {written: names for written, names in found.items() if len(names) > 1}


def test_a_constant_is_defined_once() -> None:
    by_name, by_value = constants(sources_of(ROOT / CORE))
    assert len(by_name) > 100
    assert twice(by_name) == {}
    assert twice(by_value) == {}


# -- the tests see what they are for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "from ..b import two",
        "from ..b.two import name",
        "from ansible_collections.byok.aws.plugins.module_utils._kms.b import two",
        "import ansible_collections.byok.aws.plugins.module_utils._kms.b.two",
        "def later():\n    from ..b.two import name",
        "if TYPE_CHECKING:\n    from ..b.two import name",
    ],
)
def test_circles_are_seen(tmp_path: Path, line: str) -> None:
    for name, text in {"a/one": line, "a/other": "from . import one", "b/two": "from ..a import other"}.items():
        path = tmp_path / CORE / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert circles(imports_of(tmp_path)) == [f"{CORE}{name}.py" for name in ("a/one", "a/other", "b/two")]


def test_a_file_that_opens_a_material_is_seen() -> None:
    assert opened({"a.py": "wrap(secret.plaintext)", "b.py": "plaintext = given.check()"}) == ["a.py"]


def test_an_import_that_goes_upward_is_seen() -> None:
    low, high, other, outside = (
        *(f"{CORE}{name}.py" for name in ("key/a", "material/b", "canary/c")),
        "plugins/modules/d.py",
    )
    assert upward({low: {high}, high: {low, other}, other: {low, outside}}) == [
        (other, outside),
        (low, high),
        (high, other),
    ]


def test_a_constant_that_is_defined_twice_is_seen() -> None:
    sources = {"a.py": "_WINDOW = range(7, 31)\nLEAST = 7\nA, B = 'x', 'y'", "b.py": "LIMIT = range(7, 31)\nLEAST = 8"}
    by_name, by_value = constants(
        {**sources, "c.py": "C: str = 'y'\nFEW = 7\nT = TypeVar('T')", "d.py": "T = TypeVar('T')"}
    )
    assert twice(by_name) == {"LEAST": ["a.py", "b.py"]}
    assert twice(by_value) == {"range(7, 31)": ["a.py", "b.py"], "'y'": ["a.py", "c.py"]}
