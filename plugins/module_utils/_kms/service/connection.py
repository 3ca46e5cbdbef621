# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""A connection to KMS: how the client is set up, how a call is paced, repeated, recorded and its failure translated.

Source: KMS API Reference, "Common Errors"; KMS Developer Guide, "Throttling AWS KMS requests".
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from typing import Callable
from typing import TypeVar
from typing import cast

try:
    from botocore.exceptions import ClientError
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import HTTPClientError

    _RETRIED: Any = (ClientError, HTTPClientError, BotoConnectionError)
except ImportError:
    _RETRIED = type(None)
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from ansible_collections.amazon.aws.plugins.module_utils.cloud import BackoffIterator
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

from ..key import models
from ..key.models import StepRecord
from .endpoint import Channel
from .errors import CONNECTION
from .errors import NOT_FOUND
from .errors import THROTTLED
from .errors import AnsibleKMSError
from .errors import error_code
from .pacing import POOL_SIZE
from .pacing import Pacer
from .pacing import Throttle

try:
    from botocore.config import Config
except ImportError:
    # AnsibleAWSModule says so in a sentence before anything gets here.
    pass


# Where the system has it, the clock that goes on while the machine sleeps: a key stays unusable then, too.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _monotonic() -> float:
    return time.clock_gettime(_MONOTONIC)


_START = time.time() - _monotonic()


def now() -> float:
    """Seconds since the epoch: what the wall clock showed when this process began, and what has passed since then."""
    return _START + _monotonic()


# AWSRetry knows none of these.
TRANSIENT_CODES = (THROTTLED, "KMSInternalException", "DependencyTimeoutException", CONNECTION)

ATTEMPTS = 8
FIRST_DELAY = 0.25
LONGEST_DELAY = 10

F = TypeVar("F", bound=Callable[..., Any])


class KMSErrorHandler(AWSErrorHandler):
    """amazon.aws's handler, raising our exception. Descriptions never name an argument: some hold secrets."""

    _CUSTOM_EXCEPTION: Any = AnsibleKMSError


class KMSRetry(AWSRetry):
    base_class = _RETRIED

    @staticmethod
    def status_code_from_exception(error: Exception) -> str:
        response = getattr(error, "response", None)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else 0
        return "KMSInternalException" if status >= 500 else error_code(error)


def transient(error: Any) -> bool:
    """Whether a later repetition may succeed; takes a botocore exception."""
    return bool(KMSRetry.found(KMSRetry.status_code_from_exception(error), TRANSIENT_CODES))


def ambiguous(error: Any) -> bool:
    """Whether a failed call may have been carried out all the same: everything transient but a refusal by the quota."""
    return transient(error) and error_code(error) != THROTTLED


def pauses() -> Iterator[float]:
    """How long to wait before each repetition, in seconds, without an end."""
    return iter(BackoffIterator(delay=FIRST_DELAY, backoff=2, max_delay=LONGEST_DELAY, jitter=True))


def kms_retry(function: F, extra_codes: tuple[str, ...] = ()) -> F:
    """Repeat a call after a transient failure, with jitter, at most ATTEMPTS times in all."""
    decorator = KMSRetry.jittered_backoff(
        retries=ATTEMPTS,
        delay=FIRST_DELAY,
        backoff=2,
        max_delay=LONGEST_DELAY,
        catch_extra_error_codes=TRANSIENT_CODES + extra_codes,
    )
    return cast(F, decorator(function))


Answer = dict[str, Any]
# The outcome of a call that KMS answered with success.
SUCCESS = "Success"


@dataclass(frozen=True)
class Call:
    """One API call that was answered, for the result and the report. started, finished: instants of clock.now."""

    operation: str
    request_id: str | None
    started: float
    finished: float
    outcome: str


def attempted(step: StepRecord, call: Call, error: AnsibleKMSError | None) -> StepRecord:
    """A step, as one attempt at its call has left it."""
    failure = models.FAILED if error is None or not ambiguous(error.exception) else models.LOST
    return replace(
        step,
        request_id=call.request_id or None,
        started=call.started,
        finished=call.finished,
        outcome=models.SUCCEEDED if call.outcome == SUCCESS else failure,
        error_code=None if call.outcome == SUCCESS else call.outcome,
    )


@dataclass
class Connection:
    """A boto3 KMS client for the calls on one key: it paces, repeats, translates errors and keeps a record.

    turns: waited for before every attempt; repetitions pay, too.
    young: the key was created minutes ago, KMS may not know it everywhere yet: NotFoundException is repeated, too.
    channel: the way to the endpoint, where material may be wrapped for who is there.
    """

    client: Any
    key: str
    throttle: Throttle = field(default_factory=lambda: Throttle(Pacer()))
    young: bool = False
    channel: Channel | None = None
    calls: list[Call] = field(default_factory=list)

    @property
    def region(self) -> str:
        return str(self.client.meta.region_name)

    def passes(self, error: AnsibleKMSError) -> bool:
        """Whether a failure passes by itself: a transient one, or that KMS does not know a young key everywhere."""
        return transient(error.exception) or (self.young and error.code == NOT_FOUND)

    def for_young_key(self, young: bool = True) -> Connection:
        """The same connection, with the same record and pace, for a key that KMS may not know everywhere yet."""
        return replace(self, young=young)

    def named(self, key: str) -> Connection:
        """The same connection, with the same record and pace, whose messages call the key by another name."""
        return replace(self, key=key)

    def call(self, operation: str, **parameters: Any) -> Answer:
        """Make a call, repeating it after a transient failure. Raises AnsibleKMSError."""
        extra = (NOT_FOUND,) if self.young else ()
        return self._translated(operation, kms_retry(self.attempt, extra), parameters)

    def call_once(self, operation: str, **parameters: Any) -> Answer:
        """The same without repetition, for a caller who has to look before he repeats."""
        return self._translated(operation, self.attempt, parameters)

    def attempt(self, operation: str, **parameters: Any) -> Answer:
        """One attempt. Raises botocore's exceptions."""
        self.throttle.take(operation)
        method = getattr(self.client, _method_name(operation))
        started = now()
        answer: Answer = {}
        outcome = CONNECTION
        try:
            answer = method(**parameters)
            outcome = SUCCESS
        except Exception as error:
            answer = getattr(error, "response", None) or {}
            outcome = answer.get("Error", {}).get("Code") or outcome
            raise
        finally:
            request_id = answer.get("ResponseMetadata", {}).get("RequestId")
            self.calls.append(Call(operation, request_id, started, now(), outcome))
            self.throttle.answered(operation, outcome)
        return answer

    def last_request_id(self, operation: str) -> str:
        """AWS's ID of the latest call of an operation, to look up in CloudTrail."""
        ids = (call.request_id for call in reversed(self.calls) if call.operation == operation and call.request_id)
        return next(ids, "")

    def _translated(self, operation: str, function: Callable[..., Answer], parameters: dict[str, Any]) -> Answer:
        guarded = KMSErrorHandler.common_error_handler(f"call {operation}")(function)
        try:
            answer: Answer = guarded(operation, **parameters)
        except AnsibleKMSError as error:
            error.operation = operation
            error.key = self.key
            # Without the chain: botocore's exceptions may carry parameters.
            raise error from None
        return answer


def _method_name(operation: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation).lstrip("_")


def impatient_config(timeout: int) -> Any:
    """A client for what can be done without: one attempt, and so many seconds to connect and to read."""
    return client_config().merge(Config(connect_timeout=timeout, read_timeout=timeout))


def client_config() -> Any:
    """How the client is set up, where the user's aws_config does not say otherwise.

    One attempt: repetitions are ours, so that they are paced, counted and, for changing calls, looked for first.
    """
    return Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=10,
        read_timeout=30,
        max_pool_connections=POOL_SIZE,
    )
