# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/nox: the interpreter on which the project's commands run, and the message when there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

NOX = Path(__file__).parents[2] / "scripts" / "nox"


def nox(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    command = [NOX, "--sessions", "units", "--", "-k", "a b"]
    return subprocess.run(command, env={**clean, **environment}, capture_output=True, text=True, check=False)


def pretend_python(folder: Path, name: str, answer: str = "") -> Path:
    """Put a command in a folder that answers the probe as some Python would, and prints what else it is asked for."""
    folder.mkdir(exist_ok=True)
    command = folder / name
    answer = answer or f"ok {command}"
    command.write_text(f"#!/bin/sh\n[ \"$1\" = -c ] && echo '{answer}' || printf '%s|' '{name}' \"$@\"\n")
    command.chmod(0o755)
    return command


def started(name: str) -> str:
    """The output when the interpreter of this name is chosen."""
    return f"{name}|-B|{NOX.parent}/prepare.py|--sessions|units|--|-k|a b|"


def test_named_interpreter_is_taken(tmp_path):
    done = nox(PYTHON=str(pretend_python(tmp_path, "python")))
    assert (done.returncode, done.stdout, done.stderr) == (0, started("python"), "")


def test_path_with_a_space_is_taken(tmp_path):
    done = nox(PYTHON=str(pretend_python(tmp_path / "my pythons", "python")))
    assert (done.returncode, done.stdout) == (0, started("python"))


def test_first_usable_name_on_the_path_is_taken(tmp_path):
    for unusable in ("python3", "python3.11"):
        pretend_python(tmp_path, unusable, "is Python 3.9.18")
    pretend_python(tmp_path, "python3.12")
    done = nox(PATH=f"{tmp_path}:/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, started("python3.12"))


def test_too_old_is_said(tmp_path):
    old = pretend_python(tmp_path, "python3", "is Python 3.9.18")
    done = nox(PYTHON=str(old))
    assert (done.returncode, done.stdout) == (1, "")
    assert "need Python 3.11, 3.12, 3.13 or 3.14" in done.stderr
    assert f"{old} is Python 3.9.18" in done.stderr
    assert "make test PYTHON=" in done.stderr


def test_missing_is_said():
    done = nox(PYTHON="/no such/python")
    assert done.returncode == 1
    assert "/no such/python is not there or does not start" in done.stderr
