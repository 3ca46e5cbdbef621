# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the collection's files import which, as Ansible finds them: in functions and for type checkers, too."""

from __future__ import annotations

import ast
from pathlib import Path

PREFIX = "ansible_collections.byok.aws."

Imports = dict[str, set[str]]


def imports_of(root: Path) -> Imports:
    """From each file below plugins to those of the collection that it imports, as paths below the root.

    An empty __init__.py is left out; one that is not empty counts as imported by every file of its package.
    """
    files = {name_of(path, root): path for path in sorted((root / "plugins").rglob("*.py")) if path.stat().st_size}
    return {name: _imported(name, ast.parse(path.read_text()), files) for name, path in files.items()}


def name_of(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _imported(name: str, tree: ast.AST, files: dict[str, Path]) -> set[str]:
    package = name.split("/")[:-1]
    found = {"/".join([*package[: length + 1], "__init__.py"]) for length in range(len(package))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {file for alias in node.names for file in _files(alias.name.removeprefix(PREFIX).split("."))}
        elif isinstance(node, ast.ImportFrom):
            base = (node.module or "").removeprefix(PREFIX).split(".") if node.module else []
            whole = [*package[: len(package) - node.level + 1], *base] if node.level else base
            # Either may be the file: "from package import module", "from package.module import name".
            found |= {file for alias in node.names for file in _files([*whole, alias.name])} | set(_files(whole))
    return (found & set(files)) - {name}


def _files(parts: list[str]) -> list[str]:
    return ["/".join(parts) + ".py", "/".join([*parts, "__init__.py"])]


def reachable(imports: Imports, start: str) -> set[str]:
    """What a file imports, directly or through others."""
    seen: set[str] = set()
    waiting = list(imports[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imports[name]
    return seen


def circles(imports: Imports) -> list[str]:
    """The files that import themselves, directly or through others."""
    return sorted(name for name in imports if name in reachable(imports, name))
