# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for KMS to show a change: botocore's waiters, through amazon.aws, over our own paced reads."""

from __future__ import annotations

import math
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

# Seconds between two looks. A rotation takes minutes on AWS, anything else usually one look.
STATE_DELAY: float = 1
ROTATION_DELAY: float = 3


class KMSWaiterFactory(BaseWaiterFactory):
    """botocore has no waiters for KMS. Each look answers whether the change is seen, and what is seen instead."""

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
    """Stands where the waiter expects a client; describe_key is one look at the key."""

    meta: Any
    describe_key: Callable[..., dict[str, Any]]


def wait_until_seen(
    client: Any, look: Callable[[], dict[str, Any]], key: str, wanted: str, timeout: int, delay: float | None = None
) -> None:
    """Look until the answer has Seen: true. The answer's text under Last says what was seen.

    timeout, delay: seconds. Raises AnsibleKMSError (code WaitTimeout) that says what was seen last.
    """
    waiter = KMSWaiterFactory().get_waiter(Look(client.meta, look), "change_is_seen")
    pause = STATE_DELAY if delay is None else delay
    attempts = math.ceil(timeout / pause) + 1
    try:
        waiter.wait(WaiterConfig={"Delay": pause, "MaxAttempts": attempts})
    except WaiterError as error:
        last = error.last_response.get("Last", "nothing") if isinstance(error.last_response, dict) else "nothing"
        hopeless = isinstance(error.last_response, dict) and error.last_response.get("Hopeless")
        why = "that will not come by itself" if hopeless else f"not seen within {timeout} seconds"
        raise AnsibleKMSError(
            f"the key {key} should have become {wanted}; {why}; last seen: {last}", code=TIMEOUT
        ) from None
