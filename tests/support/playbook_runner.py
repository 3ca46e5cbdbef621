# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-playbook and other commands as a user would, with nothing of this machine's settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import warm

_KEPT = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV")
# What a task with many keys tells on stderr every five seconds (guide_fleet): on a slow machine any of them may.
PROGRESS_RE = re.compile(r"[^\n]+: \w+: \d+ of \d+ keys done[^\n]*, \d+ left[^\n]*\n")


def collections_path() -> str:
    """Where Ansible finds the collections that this process imports."""
    places = [entry for entry in sys.path if entry and Path(entry, "ansible_collections").is_dir()]
    return os.pathsep.join(places)


def clean_environment(home: Path, **settings: str) -> dict[str, str]:
    """An environment for a command, with a home directory of its own and no AWS."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    commands = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {
        **kept,
        "PATH": commands,
        "HOME": str(home),
        # Ansible asks the shell for ~root, which is not HOME.
        "ANSIBLE_REMOTE_TMP": str(home / ".ansible" / "tmp"),
        "ANSIBLE_COLLECTIONS_PATH": collections_path(),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "NO_COLOR": "1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        **settings,
    }


def without_progress(stderr: str) -> str:
    """What was told besides how far a task is."""
    return PROGRESS_RE.sub("", stderr)


def run(command: Sequence[str], directory: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is text."""
    return subprocess.run(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def run_playbook(
    playbook: str | Path, *arguments: str, directory: Path, environment: dict[str, str], anew: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a playbook, given as a file or by its full name. anew: in processes that are started for it alone.

    They always are where there are settings of Ansible's that clean_environment does not make.
    """
    line = [*arguments, str(playbook)]
    settings = {name for name in environment if name.startswith("ANSIBLE_")}
    if anew or settings - set(clean_environment(directory)) or (directory / "ansible.cfg").exists():
        return run([sys.executable, "-m", "ansible", "playbook", *line], directory, environment)
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        status = warm.prepared(environment).run_playbook(line, directory, environment, stdout.fileno(), stderr.fileno())
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(line, status, stdout.read().decode(), stderr.read().decode())
