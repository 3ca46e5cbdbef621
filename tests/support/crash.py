# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send a running module a signal right before or right after one of its calls, or take its disk away."""

from __future__ import annotations

import json
import os
import resource
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


@dataclass(frozen=True)
class Ended:
    """What became of a module in a process of its own: its result, or the signal that has killed it."""

    result: dict[str, Any] | None
    killed_by: int | None


def in_a_process(run: Callable[[], dict[str, Any]], prepare: Callable[[], Any] = lambda: None) -> Ended:
    """Run in a child process, after what prepares that."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            # Under nohup the tests themselves inherit an ignored SIGHUP, and in a shell's background an ignored SIGINT.
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
            prepare()
            with os.fdopen(writer, "w") as answer:
                json.dump(run(), answer)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _pid, status = os.waitpid(child, 0)
    return Ended(json.loads(text) if text else None, os.WTERMSIG(status) if os.WIFSIGNALED(status) else None)


def signalled(number: signal.Signals, operation: str, moment: str = "after") -> Callable[[], None]:
    """For in_a_process: the signal comes with the first call of an operation, before it is sent or after its answer."""

    def arm() -> None:
        send = BaseClient._make_api_call
        left = [operation]

        def interrupted(self: Any, operation_name: str, api_params: dict[str, Any]) -> Any:
            hit = operation_name in left and bool(left.pop())
            if hit and moment == "before":
                os.kill(os.getpid(), number)
            answer = send(self, operation_name, api_params)
            if hit and moment == "after":
                os.kill(os.getpid(), number)
            return answer

        BaseClient._make_api_call = interrupted

    return arm


def with_files_up_to(size: int) -> Callable[[], None]:
    """For in_a_process: no file can grow beyond so many bytes, as on a disk that is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
