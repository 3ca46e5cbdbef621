# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the collection's tarball, and the collection as a user has it after an installation.

check_artifact.py DIRECTORY TARBALL    run with ANSIBLE_COLLECTIONS_PATH naming the place of installation
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

NAME = "byok.aws"
# Nothing of this is for users, and some of it is large.
UNWANTED = re.compile(
    r"^(\.build|\.ci|\.git|\.github|\.nox|\.pre-commit-config\.yaml|\.venv|scripts|Makefile|noxfile\.py"
    r"|antsibull-nox\.toml|tests/output)(/|$)|__pycache__|\.pyc$|_cache/|/\.ansible/"
)
IMPORT_ALL = """\
import importlib, sys
for name in sys.argv[1:]:
    print(importlib.import_module(name).__file__)
"""


def check_members(tarball: Path) -> list[str]:
    """List the members of a tarball that should not be in it."""
    with tarfile.open(tarball) as archive:
        return [f"unwanted in the tarball: {name}" for name in archive.getnames() if UNWANTED.search(name)]


def output_of(*command: str) -> str:
    """Run a command and return its output; what it says on failure is the problem."""
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode or "[ERROR]" in done.stderr:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def check_documentation(collection: Path) -> int:
    """Show the documentation of every plugin and role; return their number."""
    count = 0
    for folder, kind in (("modules", "module"), ("lookup", "lookup"), ("filter", "filter"), ("inventory", "inventory")):
        names = [path.stem for path in sorted((collection / "plugins" / folder).glob("[!_]*.py"))]
        for name in names:
            documented = json.loads(output_of("ansible-doc", "--json", "--type", kind, f"{NAME}.{name}"))
            if f"{NAME}.{name}" not in documented:
                raise SystemExit(f"ansible-doc does not know the {kind} {NAME}.{name}")
        count += len(names)
    roles = [path.parent.parent.name for path in sorted(collection.glob("roles/*/meta/argument_specs.yml"))]
    for name in roles:
        if f"{NAME}.{name}" not in json.loads(output_of("ansible-doc", "--json", "--type", "role", f"{NAME}.{name}")):
            raise SystemExit(f"ansible-doc does not know the role {NAME}.{name}")
    return count + len(roles)


def check_imports(collection: Path) -> int:
    """Import every Python file under plugins from where it was installed; return their number."""
    files = sorted(path for path in collection.glob("plugins/**/*.py") if path.name != "__init__.py")
    package = f"ansible_collections.{NAME}"
    names = [".".join((package, *path.relative_to(collection).with_suffix("").parts)) for path in files]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]},
        text=True,
        capture_output=True,
        check=False,
    )
    strangers = [line for line in done.stdout.splitlines() if not Path(line).is_relative_to(collection)]
    if done.returncode or strangers:
        raise SystemExit(f"{done.stderr}\nimported from elsewhere: {strangers}")
    return len(names)


def check_playbooks(collection: Path) -> int:
    """Load every playbook by its name; return their number."""
    playbooks = sorted(collection.glob("playbooks/*.yml"))
    for playbook in playbooks:
        output_of("ansible-playbook", "--syntax-check", f"{NAME}.{playbook.stem}")
    return len(playbooks)


def check_installed(directory: Path) -> None:
    """Check an installed collection."""
    collection = directory.joinpath("ansible_collections", *NAME.split("."))
    print(f"ansible-doc: {check_documentation(collection)} plugins and roles")
    print(f"imported: {check_imports(collection)} Python files")
    print(f"loaded by name: {check_playbooks(collection)} playbooks")


def main(directory: str, tarball: str) -> int:
    """Check both; return 1 when something is wrong."""
    problems = check_members(Path(tarball))
    check_installed(Path(directory))
    for problem in problems:
        print(f"PROBLEM: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
