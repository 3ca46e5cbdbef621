# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstration tells its story, shows no material, and leaves nothing behind, also when it breaks off."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import threading
from pathlib import Path

import playbook_runner
import pytest

DEMO = "byok.aws.demo"


class Watch(threading.Thread):
    """Reads every file of material in the demonstration's private directory while it is there."""

    def __init__(self, directory: Path) -> None:
        super().__init__(daemon=True)
        self.directory = directory
        self.materials: dict[str, bytes] = {}
        self.open_to_others: set[str] = set()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.02):
            for path in self.directory.glob("byok-demo-*/*.bin"):
                try:
                    if path.stat().st_mode & 0o077 or path.parent.stat().st_mode & 0o077:
                        self.open_to_others.add(path.name)
                    self.materials[path.name] = path.read_bytes() or self.materials.get(path.name, b"")
                except FileNotFoundError:
                    pass

    def finish(self) -> None:
        self._over.set()
        self.join()


def run(tmp_path: Path, *arguments: str, **settings: str) -> tuple[subprocess.CompletedProcess[str], Watch]:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    watch = Watch(scratch)
    watch.start()
    environment = playbook_runner.clean_environment(home, TMPDIR=str(scratch), **settings)
    try:
        done = playbook_runner.run_playbook(DEMO, *arguments, directory=tmp_path, environment=environment)
    finally:
        watch.finish()
    return done, watch


def nothing_left(tmp_path: Path) -> bool:
    assert list((tmp_path / "scratch").iterdir()) == []
    assert {path.name for path in (tmp_path / "home").iterdir()} <= {".ansible"}
    return True


def is_gone(url: str) -> bool:
    host, port = re.fullmatch(r"http://([\d.]+):(\d+)", url).groups()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    return True


def test_the_story(tmp_path):
    done, watch = run(tmp_path, ANSIBLE_STDOUT_CALLBACK="byok_demo")
    output = done.stdout + done.stderr

    assert done.returncode == 0, output
    assert playbook_runner.without_progress(done.stderr) == ""
    assert not re.search(r"^(TASK|PLAY|ok|changed|skipping|included)\b", done.stdout, re.MULTILINE)
    assert nothing_left(tmp_path)
    assert is_gone(re.search(r"http://127\.0\.0\.1:\d+", output)[0])
    steps = re.findall(r"^(\d+)\. ", done.stdout, re.MULTILINE)
    assert steps == [str(number) for number in range(1, len(steps) + 1)]
    for said in ("ImportKeyMaterial", "KMSInvalidStateException", "the old ciphertext decrypts", "fingerprint"):
        assert said in done.stdout
    table = done.stdout.split("\nThe report\n", 1)[1].splitlines()
    rows = [line for line in table if line.startswith("alias/")]
    assert len(rows) == 4
    assert all(" changed " in row and " passed " in row for row in rows)
    assert "byok.aws.kms_" not in done.stdout.replace("(role", "")
    assert len(watch.materials) == 5
    assert not watch.open_to_others
    for content in watch.materials.values():
        for shown in (base64.b64encode(content).decode(), content.hex(), json.dumps(content.decode("latin-1"))):
            assert shown not in output


def test_a_failure_is_shown_and_everything_is_cleared_away(tmp_path):
    broken = json.dumps({"demo_application": {"argv": ["false"]}})

    done, _watch = run(tmp_path, "--extra-vars", broken, ANSIBLE_STDOUT_CALLBACK="byok_demo")

    assert done.returncode != 0
    assert "Create four keys without material" in done.stdout
    assert nothing_left(tmp_path)
