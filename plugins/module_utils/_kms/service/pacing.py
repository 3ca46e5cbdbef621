# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Token buckets at the speed of KMS's request quotas, shared by all threads of one module call.

Source of the rates: KMS Developer Guide, "Request quotas". They count per account, Region and second.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Callable
from typing import TypeVar

from .errors import INTERRUPTED
from .errors import THROTTLED
from .errors import AnsibleKMSError
from .errors import invalid
from .process import Ending

# The operations that change something, and the one that prepares an import.
_CHANGING: dict[str, float] = {
    "GetParametersForImport": 1,
    "RotateKeyOnDemand": 5,
    "EnableKey": 5,
    "DisableKey": 5,
    "UntagResource": 5,
    "CreateKey": 5,
    "ReplicateKey": 5,
    "CancelKeyDeletion": 5,
    "CreateAlias": 5,
    "UpdateAlias": 5,
    "UpdateKeyDescription": 5,
    "TagResource": 10,
    "ImportKeyMaterial": 15,
    "DeleteImportedKeyMaterial": 15,
    "ScheduleKeyDeletion": 15,
    "PutKeyPolicy": 15,
}
# Every operation that has a quota which one process can reach, in calls a second.
QUOTAS: dict[str, float] = {
    **_CHANGING,
    "ListKeyRotations": 100,
    "ListKeys": 500,
    "ListAliases": 500,
    "GetKeyRotationStatus": 1000,
    "GetKeyPolicy": 1000,
    "DescribeKey": 2000,
    "GetPublicKey": 2000,
    "ListResourceTags": 2000,
}
# A result tells each call of these.
CHANGING = frozenset(_CHANGING)
# Other operations (GenerateMac and the like) have quotas far above what one process can send.
_OTHERS: float = 1000
# Slower than that, a wait would be longer than any task.
_LEAST = 0.001
# After a throttle: how much slower, how far down at most, and how much of it comes back with each accepted call.
_SLOWER = 0.7
_SLOWEST = 0.1
_RECOVERY = 0.02
# A quota of one call a second has no room for a call that comes a moment early, because the one before came late.
_LEEWAY = 0.03


def read_rates(given: Mapping[str, Any] | None) -> dict[str, float]:
    """The option request_rates: calls a second, by operation. Raises AnsibleKMSError (InvalidInput).

    Text that is a number is taken for one, as Ansible does for options of type float: a template may give text.
    """
    return {str(operation): _read_rate(str(operation), rate) for operation, rate in (given or {}).items()}


def _read_rate(operation: str, given: Any) -> float:
    try:
        rate = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not math.isfinite(rate) or rate < _LEAST:
        raise invalid(f"request_rates: {operation} needs a number of calls a second, {_LEAST} or more")
    return rate


class RunInterruptedError(Exception):
    """The run was asked to end before a key was touched."""


def interruption(subject: str, ending: Ending) -> AnsibleKMSError:
    """What is said of a key that a run has not got to, or not finished."""
    return AnsibleKMSError(f"{subject} was not finished: {ending.reason}; run the task again", code=INTERRUPTED)


@contextmanager
def told_when_interrupted(subject: str, ending: Ending) -> Iterator[None]:
    """Raises AnsibleKMSError in place of RunInterruptedError."""
    try:
        yield
    except RunInterruptedError:
        raise interruption(subject, ending) from None


@dataclass
class Bucket:
    """Turns for one operation, evenly spaced: a burst at the start could trip the quota that others use, too.

    rate: turns a second. now and sleep are replaced in tests.
    """

    rate: float
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    factor: float = 1.0
    _last: float = float("-inf")
    _queue: threading.Lock = field(default_factory=threading.Lock)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, sleep: Callable[[float], object] | None = None) -> None:
        """Wait for the next turn. sleep: another way to wait, which may end early.

        Callers wait in a queue, and get no slot in advance: a throttle slows down all later callers.
        """
        with self._queue:
            now = self.now()
            turn = max(now, self._last + self._spacing)
            if turn > now:
                (sleep or self.sleep)(turn - now)
            self._last = turn if self.rate > 1 else max(turn, self.now())

    @property
    def _spacing(self) -> float:
        return 1 / (self.rate * self.factor) + (_LEEWAY if self.rate <= 1 else 0)

    def throttled(self) -> None:
        """KMS refused: somebody else uses the account's quota, too."""
        with self._lock:
            self.factor = max(_SLOWEST, self.factor * _SLOWER)

    def accepted(self) -> None:
        with self._lock:
            self.factor = min(1.0, self.factor + _RECOVERY)


class Pacer:
    """The buckets of one account and Region."""

    def __init__(self, rates: Mapping[str, float] | None = None, stop: Ending | None = None) -> None:
        self._rates = {**QUOTAS, **(rates or {})}
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()
        # Set when the run was asked to end.
        self.stop = stop or Ending()

    def bucket(self, operation: str) -> Bucket:
        with self._lock:
            if operation not in self._buckets:
                self._buckets[operation] = Bucket(self._rates.get(operation, _OTHERS))
            return self._buckets[operation]

    def pace(self, operation: str) -> float:
        """Calls a second at the moment."""
        bucket = self.bucket(operation)
        return bucket.rate * bucket.factor


@dataclass
class Throttle:
    """The pace of one key: a call that was waited for ahead goes out at once, as between a deletion and its import."""

    pacer: Pacer
    ahead: Counter[str] = field(default_factory=Counter)
    _committed: bool = False

    @contextmanager
    def committed(self) -> Iterator[None]:
        """While this lasts the key is between two changing calls: a run that was asked to end does not end here."""
        before, self._committed = self._committed, True
        try:
            yield
        finally:
            self._committed = before

    def may_begin(self) -> None:
        """Raises RunInterruptedError when the run was asked to end, and here is a place to do so."""
        if not self._committed and self.pacer.stop.is_set():
            raise RunInterruptedError

    def take(self, operation: str) -> None:
        if self.ahead[operation] > 0:
            self.ahead[operation] -= 1
        else:
            self._wait_for(operation)

    def _wait_for(self, operation: str) -> None:
        """Raises RunInterruptedError when the run was asked to end, and here is a place to do so."""
        bucket, stop = self.pacer.bucket(operation), self.pacer.stop
        if self._committed:
            bucket.take()
            return
        bucket.take(stop.wait)
        self.may_begin()

    def take_ahead(self, *operations: str) -> None:
        for operation in operations:
            if self.ahead[operation] == 0:
                self._wait_for(operation)
                self.ahead[operation] += 1

    def answered(self, operation: str, outcome: str) -> None:
        bucket = self.pacer.bucket(operation)
        if outcome == THROTTLED:
            bucket.throttled()
        elif bucket.factor < 1.0:
            bucket.accepted()


# Threads of one call; at the latencies of AWS enough for the quotas of every changing call.
POOL_SIZE = 16

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What becomes of each item, in order. A single one is worked on in the caller's own thread."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=min(POOL_SIZE, len(items))) as pool:
        return list(pool.map(work, items))
