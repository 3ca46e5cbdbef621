# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the person at the terminal is told how far a task is."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest
from ansible_collections.byok.aws.plugins.action.kms_imported_material import ProgressWatcher

# Far more than any test takes, and so little that it has always passed.
LONG, SHORT = 3600.0, 0.001
PATIENCE = 300  # seconds until a test that waits for a line fails


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "progress"
    written.write_text("1 of 3 keys done")
    return written


def test_a_task_that_ends_before_it_is_time_tells_nothing(path: Path) -> None:
    shown: list[str] = []

    with ProgressWatcher(path, shown.append, every=LONG):
        path.write_text("2 of 3 keys done")

    assert shown == []


def test_every_new_line_is_told_and_none_twice(path: Path) -> None:
    shown: queue.Queue[str] = queue.Queue()

    with ProgressWatcher(path, shown.put, every=SHORT):
        told = [shown.get(timeout=PATIENCE)]
        # In one step, so that the file is never seen empty or half written.
        other = path.with_suffix(".new")
        other.write_text("3 of 3 keys done")
        other.rename(path)
        told.append(shown.get(timeout=PATIENCE))

    assert told == ["1 of 3 keys done", "3 of 3 keys done"]
    assert shown.empty()


@pytest.mark.parametrize("content", [None, ""])
def test_a_file_that_is_gone_or_empty_is_not_told_of(path: Path, content: str | None) -> None:
    shown: list[str] = []
    path.unlink()
    if content is not None:
        path.write_text(content)

    watcher = ProgressWatcher(path, shown.append)
    watcher._show_line()

    assert shown == []
