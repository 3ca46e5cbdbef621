# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request to end, and a process that leaves no image of its memory."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service import process
from ansible_collections.byok.aws.plugins.module_utils._kms.service.process import Ending
from ansible_collections.byok.aws.plugins.module_utils._kms.service.process import attended


def test_the_first_reason_counts() -> None:
    ending = Ending()
    assert not ending.is_set() and ending.reason == "the run was asked to end"

    ending.set("the disk is full")
    ending.set()

    assert ending.is_set() and ending.reason == "the disk is full"


def test_who_waits_is_woken() -> None:
    ending = Ending()
    assert ending.wait(0) is False
    waiter = threading.Thread(target=ending.wait, args=(1000,))
    waiter.start()

    ending.set()

    waiter.join(100)
    assert not waiter.is_alive() and ending.wait(1000) is True


def test_a_request_can_be_made_by_whoever_holds_the_lock() -> None:
    """As a handler of a signal may that interrupts a wait."""
    ending = Ending()
    with ending._condition:
        ending.set()

    assert ending.is_set()


def test_a_thread_beside_the_main_one_leaves_the_handlers_alone() -> None:
    seen = []

    def run() -> None:
        with attended() as ending:
            seen.append((signal.getsignal(signal.SIGTERM), ending.is_set()))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert seen == [(before, False)]


def test_handlers_are_back_after_an_error() -> None:
    before = [signal.getsignal(number) for number in process._ASKING]

    def ended() -> None:
        with attended():
            seen.append([signal.getsignal(number) for number in process._ASKING])
            raise SystemExit(1)

    seen: list[Any] = []
    with pytest.raises(SystemExit):
        ended()

    assert seen != [before]
    assert [signal.getsignal(number) for number in process._ASKING] == before


@pytest.mark.parametrize(
    ("status", "traced"),
    [("Name:\tpython\nTracerPid:\t0\nUid:\t0\n", False), ("TracerPid:\t4711\n", True), ("Name:\tpython\n", False)],
)
def test_whether_another_process_traces_this_one(monkeypatch: pytest.MonkeyPatch, status: str, traced: bool) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _path: status)

    assert process._traced() is traced


def test_a_system_without_proc_has_no_tracer_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_path: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)

    assert process._traced() is False
