# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The progress of a module call: how many keys are done and how long the others take."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from .pacing import Pacer

# The environment variable with the path of the file in which the action plugin reads the progress.
ENVIRONMENT = "BYOK_AWS_PROGRESS_FILE"
# How often the file is written at most, in seconds.
_INTERVAL = 0.5

Operations = Mapping[str, int]


def seconds_for(operations: Operations, pacer: Pacer) -> float:
    """The shortest time, in seconds, that the quotas of KMS allow for these calls. Operations run in parallel."""
    return max((count / pacer.pace(operation) for operation, count in operations.items()), default=0.0)


@dataclass(frozen=True)
class Phase:
    """A part of a module call. costs: the calls of each key in it, by position."""

    name: str
    costs: Sequence[Operations]


@dataclass
class Progress:
    """Counts the finished keys. All threads report to it; from time to time it writes a line into a file.

    path: None when no file is needed.
    """

    path: str | None
    pacer: Pacer
    phase: Phase = Phase("", ())
    later: Operations = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    _left: Counter[str] = field(default_factory=Counter)
    _written: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, phase: Phase, later: Operations) -> None:
        """Start a phase. later: the calls of all phases after it."""
        with self._lock:
            self.phase, self.later = phase, later
            self.done = self.failed = 0
            self._left = total(phase.costs)
        self._write(force=True)

    def finish(self, position: int, failed: bool) -> None:
        """A key has finished this phase."""
        with self._lock:
            self.done += not failed
            self.failed += failed
            self._left.subtract(self.phase.costs[position])
        self._write()

    @property
    def line(self) -> str:
        count = len(self.phase.costs)
        seconds = seconds_for(self._left, self.pacer) + seconds_for(self.later, self.pacer)
        failures = f", {self.failed} failed" if self.failed else ""
        left = count - self.done - self.failed
        time_left = f", about {seconds:.0f} s by the quotas of KMS" if seconds >= 2 else ""
        return f"{self.phase.name}: {self.done} of {count} keys done{failures}, {left} left{time_left}"

    def _write(self, force: bool = False) -> None:
        if self.path is None:
            return
        with self._lock:
            now = time.monotonic()
            if not force and now - self._written < _INTERVAL:
                return
            self._written = now
            try:
                _put(self.path, self.line)
            except (OSError, ValueError):
                # Progress is optional: nothing depends on it.
                self.path = None


def _put(path: str, line: str) -> None:
    """Write a line into an existing regular file of this user. Raises OSError otherwise; never waits for a FIFO."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise PermissionError
        os.ftruncate(descriptor, 0)
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def total(costs: Sequence[Operations]) -> Counter[str]:
    """The calls of many keys in total."""
    calls: Counter[str] = Counter()
    for cost in costs:
        calls.update(cost)
    return calls
