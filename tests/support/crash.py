# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill a running module with SIGKILL right before or right after one of its changing calls."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Callable

from botocore.client import BaseClient
from lab import CHANGING


@dataclass(frozen=True)
class Point:
    """Where to die: at the changing call of this number (from 1), before it is sent or after its answer is in."""

    number: int
    moment: str


# What can happen to a call, and is over at the next: before and after KMS has carried it out, and instead of that.
FAULTS = ("drop_after", "drop_before", "KMSInternalException", "ThrottlingException")


def fault_at(operations: Sequence[str], position: int, fault: str) -> dict[str, Any]:
    """The rule by which the call at this position (from 0) of these operations fails once."""
    operation = operations[position]
    how = {fault: True} if fault.startswith("drop") else {"code": fault}
    return {"operation": operation, "nth": operations[: position + 1].count(operation), "times": 1, **how}


def killed_at(point: Point, run: Callable[[], Any]) -> bool:
    """Run in a child process that dies at the point. False when the run ended before it got there."""
    child = os.fork()
    if child == 0:
        _arm(point)
        try:
            run()
        finally:
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _arm(point: Point) -> None:
    send = BaseClient._make_api_call
    seen = 0

    def dying(self: Any, operation_name: str, api_params: dict[str, Any]) -> Any:
        nonlocal seen
        if operation_name not in CHANGING:
            return send(self, operation_name, api_params)
        seen += 1
        if (seen, "before") == (point.number, point.moment):
            os.kill(os.getpid(), signal.SIGKILL)
        answer = send(self, operation_name, api_params)
        if (seen, "after") == (point.number, point.moment):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    BaseClient._make_api_call = dying
