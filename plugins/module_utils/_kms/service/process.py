# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process of a module: signals cannot end it while a key is unusable, and it writes no core dump."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import Any

# Ctrl-C, kill, a terminal or connection that is closed, and Ctrl-\.
_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
ASKED = "the run was asked to end"
# prctl(2)
_PR_SET_DUMPABLE = 4


class Ending:
    """A request to end the run, with its reason. A signal handler may set it: the lock is reentrant."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._reason: str | None = None

    @property
    def reason(self) -> str:
        return self._reason or ASKED

    def set(self, reason: str = ASKED) -> None:
        """The first reason counts."""
        with self._condition:
            self._reason = self._reason or reason
            self._condition.notify_all()

    def is_set(self) -> bool:
        return self._reason is not None

    def wait(self, seconds: float) -> bool:
        """Wait for this time or until there is a request. Returns whether there is one."""
        with self._condition:
            return self._condition.wait_for(self.is_set, seconds)


@contextmanager
def attended() -> Iterator[Ending]:
    """Within this context, signals that would end the process request an end instead, and it writes no core dump.

    Ctrl-Z has no effect: it could stop the process between a deletion and its import. A SIGHUP that is ignored, as with
    nohup, stays ignored.
    """
    without_core_dumps()
    ending = Ending()
    before = _attend(ending) if threading.current_thread() is threading.main_thread() else {}
    try:
        yield ending
    finally:
        # Write the result before a signal can end the process again.
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        for number, handler in before.items():
            signal.signal(number, handler)


def _attend(ending: Ending) -> dict[signal.Signals, Any]:
    asking = [number for number in _ASKING if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, lambda _number, _frame: ending.set()) for number in asking}
    return {**before, signal.SIGTSTP: signal.signal(signal.SIGTSTP, signal.SIG_IGN)}


def without_core_dumps() -> None:
    """From now on a crash of this process writes no core dump, which could hold plaintext.

    The limit alone has no effect when the kernel pipes core dumps to a program (core(5)). PR_SET_DUMPABLE works there,
    and prevents other processes of the same user from reading the memory. It is not set under a debugger or strace.
    """
    with suppress(OSError, ValueError):
        _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform.startswith("linux") and not _traced():
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _traced() -> bool:
    """Whether another process traces this one (TracerPid in proc_pid_status(5))."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("TracerPid:") and line.split()[1:] != ["0"] for line in lines)
