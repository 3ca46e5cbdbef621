# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retries for KMS: amazon.aws's engine, with the codes that KMS sends and the connection errors below them.

Source: KMS API Reference, "Common Errors"; KMS Developer Guide, "Throttling AWS KMS requests".
"""

from __future__ import annotations

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

from ansible_collections.amazon.aws.plugins.module_utils.cloud import BackoffIterator
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

from .errors import CONNECTION
from .errors import error_code

# AWSRetry knows none of these.
TRANSIENT_CODES = ("ThrottlingException", "KMSInternalException", "DependencyTimeoutException", CONNECTION)

ATTEMPTS = 8
FIRST_DELAY = 0.25
LONGEST_DELAY = 10

F = TypeVar("F", bound=Callable[..., Any])


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
    return transient(error) and error_code(error) != "ThrottlingException"


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
