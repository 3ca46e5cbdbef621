# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until KMS shows a change: botocore's waiters, through amazon.aws, with paced reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Callable

from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory

try:
    from botocore.exceptions import WaiterError
except ImportError:
    pass

from .errors import TIMEOUT
from .errors import AnsibleKMSError

# Seconds between two reads. A rotation takes minutes on AWS; for other changes one read is usually enough.
STATE_DELAY: float = 1
ROTATION_DELAY: float = 3


class KMSWaiterFactory(BaseWaiterFactory):
    """botocore has no waiters for KMS. Each read returns whether the change is visible, and the state that is."""

    @property
    def _waiter_model_data(self) -> dict[str, Any]:
        seen = {"matcher": "path", "argument": "Seen", "expected": True, "state": "success"}
        hopeless = {"matcher": "path", "argument": "Hopeless", "expected": True, "state": "failure"}
        return {
            "change_is_seen": {
                "operation": "DescribeKey",
                "delay": STATE_DELAY,
                "maxAttempts": 120,
                "acceptors": [seen, hopeless],
            }
        }


@dataclass(frozen=True)
class Look:
    """Takes the place of the client of a waiter. describe_key: reads the key once."""

    meta: Any
    describe_key: Callable[..., dict[str, Any]]


def wait_until_seen(
    client: Any, look: Callable[[], dict[str, Any]], key: str, expected: str, timeout: int, delay: float | None = None
) -> None:
    """Read until the answer has Seen: true. The answer has the visible state under Last.

    expected: the state to wait for, for the message. timeout, delay: seconds.
    Raises AnsibleKMSError (code WaitTimeout) with the state that was seen last.
    """
    waiter = KMSWaiterFactory().get_waiter(Look(client.meta, look), "change_is_seen")
    pause = STATE_DELAY if delay is None else delay
    attempts = math.ceil(timeout / pause) + 1
    try:
        waiter.wait(WaiterConfig={"Delay": pause, "MaxAttempts": attempts})
    except WaiterError as error:
        last = error.last_response.get("Last", "nothing") if isinstance(error.last_response, dict) else "nothing"
        hopeless = isinstance(error.last_response, dict) and error.last_response.get("Hopeless")
        why = "this will not happen without a new change" if hopeless else f"not seen within {timeout} seconds"
        raise AnsibleKMSError(
            f"the key {key} should have become {expected}; {why}; last seen: {last}", code=TIMEOUT
        ) from None


def wait_patiently(
    client: Any,
    look: Callable[[], dict[str, Any]],
    key: str,
    wanted: str,
    timeout: int,
    delay: float | None = None,
    hopeless: Sequence[str] = (),
) -> None:
    """The same for a change that is made: that it cannot be read at this moment is no reason to call it failed.

    hopeless: the error codes after which no later look shows more.
    """

    def patient_look() -> dict[str, Any]:
        try:
            return look()
        except AnsibleKMSError as error:
            return {"Seen": False, "Last": error.sentence, "Hopeless": error.code in hopeless}

    wait_until_seen(client, patient_look, key, wanted, timeout, delay)
