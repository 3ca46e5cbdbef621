# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing calls: each attempt is recorded, and a call whose answer was lost is looked for before it is repeated."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from typing import Callable

from ..key.models import StepRecord
from .connection import ATTEMPTS
from .connection import Answer
from .connection import Connection
from .connection import ambiguous
from .connection import attempted
from .connection import pauses
from .errors import AnsibleKMSError


@dataclass(frozen=True)
class Change:
    """One changing call, and what is known of it.

    attempt: makes the call once. look: the answer that was lost, as far as a read shows that KMS carried the call out,
    or None. repeatable: whether to repeat the call after an error; it is told whether the answer to an attempt was
    lost, and whether this was the last attempt. before_repeating: raises AnsibleKMSError when the call must not be
    repeated. patience: for how many seconds the call is repeated; None for ATTEMPTS times. looks_again: whether there
    is a look after a clear refusal, too, once an answer was lost: KMS may refuse a repetition because it carried out
    the first attempt.
    """

    attempt: Callable[[], Answer]
    look: Callable[[], Answer | None]
    repeatable: Callable[[AnsibleKMSError, bool, bool], bool]
    before_repeating: Callable[[], None] = lambda: None
    patience: float | None = None
    looks_again: bool = False


def make(change: Change) -> Answer:
    """The answer of KMS, or what a look found in its place. Raises AnsibleKMSError."""
    start, lost = time.monotonic(), False
    for number, pause in enumerate(pauses(), start=1):
        try:
            if number > 1:
                change.before_repeating()
            return change.attempt()
        except AnsibleKMSError as error:
            last = number >= ATTEMPTS if change.patience is None else time.monotonic() >= start + change.patience
            unclear = ambiguous(error.exception)
            lost = lost or unclear
            found = _found(change) if unclear or (lost and change.looks_again) else None
            if found is not None:
                return found
            if not change.repeatable(error, lost, last) or last:
                raise
        time.sleep(pause)
    raise AssertionError("pauses never end")


def _found(change: Change) -> Answer | None:
    try:
        return change.look()
    except AnsibleKMSError:
        # Nothing can be read now. A repetition is harmless: KMS refuses it, or takes the same change twice.
        return None


def recorded(kms: Connection, planned: StepRecord, records: list[StepRecord], parameters: dict[str, Any]) -> Answer:
    """Make a call once, and add it to the records. Raises AnsibleKMSError."""
    sent = len(kms.calls)
    failure: AnsibleKMSError | None = None
    try:
        return kms.call_once(planned.operation, **parameters)
    except AnsibleKMSError as error:
        failure = error
        raise
    finally:
        records += [attempted(planned, call, failure) for call in kms.calls[sent:]]
