# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/find-python: which interpreter the project's commands run on, and what is said when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FIND_PYTHON = Path(__file__).parents[2] / "scripts" / "find-python"


def find_python(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    return subprocess.run([FIND_PYTHON], env={**clean, **environment}, capture_output=True, text=True, check=False)


def pretend_python(folder: Path, name: str, answer: str) -> Path:
    """Put a command in a folder that answers the probe as some Python would."""
    command = folder / name
    command.write_text(f"#!/bin/sh\necho '{answer}'\n")
    command.chmod(0o755)
    return command


def test_named_interpreter_is_taken():
    done = find_python(PYTHON=sys.executable)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, sys.executable, "")


def test_path_with_a_space_is_taken(tmp_path):
    folder = tmp_path / "my pythons"
    folder.mkdir()
    done = find_python(PYTHON=str(pretend_python(folder, "python", "ok /a b/python3")))
    assert (done.returncode, done.stdout) == (0, "/a b/python3\n")


def test_first_usable_name_on_the_path_is_taken(tmp_path):
    for unusable in ("python3", "python3.11"):
        pretend_python(tmp_path, unusable, "is Python 3.9.18")
    pretend_python(tmp_path, "python3.12", "ok /somewhere/python3.12")
    done = find_python(PATH=f"{tmp_path}:/bin")
    assert (done.returncode, done.stdout) == (0, "/somewhere/python3.12\n")


def test_too_old_is_said(tmp_path):
    old = pretend_python(tmp_path, "python3", "is Python 3.9.18")
    done = find_python(PYTHON=str(old))
    assert (done.returncode, done.stdout) == (1, "")
    assert "need Python 3.11, 3.12, 3.13 or 3.14" in done.stderr
    assert f"{old} is Python 3.9.18" in done.stderr
    assert "make test PYTHON=" in done.stderr


def test_missing_is_said():
    done = find_python(PYTHON="/no such/python")
    assert done.returncode == 1
    assert "/no such/python is not there or does not start" in done.stderr
