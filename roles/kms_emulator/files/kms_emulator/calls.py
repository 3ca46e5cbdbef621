# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of calls, in the order in which they were answered."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

KEPT = 200_000


@dataclass(frozen=True)
class LoggedCall:
    """One call of KMS and what became of it."""

    operation: str
    key: str | None
    """As the caller named it."""
    key_arn: str | None
    """What that was resolved to, where known."""
    outcome: str
    """``Success``, an error code, ``DroppedBefore`` or ``DroppedAfter``."""
    executed: str | None
    """The outcome behind ``DroppedAfter``: what the caller was not told."""
    request_id: str
    when: float
    """Seconds since the epoch on the emulated clock, at the arrival."""
    duration: float
    region: str
    account: str


class CallLog:
    """Keeps the newest calls."""

    def __init__(self) -> None:
        self._calls: deque[LoggedCall] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, call: LoggedCall) -> None:
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()

    def as_list(self) -> list[dict[str, Any]]:
        with self._lock:
            calls = list(self._calls)
        return [dataclasses.asdict(call) for call in calls]
