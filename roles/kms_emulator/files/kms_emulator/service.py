# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call of KMS from its arrival to its answer: faults, quotas, execution, log."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from moto.core.exceptions import JsonRESTError

from kms_emulator.calls import LoggedCall
from kms_emulator.errors import KmsError
from kms_emulator.errors import injected
from kms_emulator.errors import throttled
from kms_emulator.faults import Fault
from kms_emulator.identifiers import same_key
from kms_emulator.responses import EmulatedKmsResponse
from kms_emulator.responses import backend_of
from kms_emulator.runtime import runtime

KEY_MEMBERS = ("KeyId", "TargetKeyId", "DestinationKeyId", "AliasName")


@dataclass(frozen=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: bytes
    request_id: str
    error_code: str | None = None


class ConnectionDroppedError(Exception):
    """The connection is to be closed without an answer."""


@dataclass
class Call:
    """One call as it came in, and what is noted about it on the way."""

    operation: str
    account: str
    region: str
    body: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    arrived: float = field(default_factory=runtime.clock.now)
    started: float = field(default_factory=time.monotonic)
    params: dict[str, Any] = field(default_factory=dict)
    key_arn: str | None = None

    @property
    def key(self) -> str | None:
        """What the caller calls the key."""
        return next((self.params[name] for name in KEY_MEMBERS if isinstance(self.params.get(name), str)), None)

    def log(self, outcome: str, executed: str | None = None) -> None:
        duration = time.monotonic() - self.started
        runtime.calls.add(
            LoggedCall(
                operation=self.operation,
                key=self.key,
                key_arn=self.key_arn,
                outcome=outcome,
                executed=executed,
                request_id=self.request_id,
                when=self.arrived,
                duration=duration,
                region=self.region,
                account=self.account,
            )
        )


def handle(call: Call) -> Answer:
    """Answer a call, or raise ConnectionDroppedError."""
    refusal = _parse(call)
    fault = runtime.faults.strike(call.operation, lambda name: _is_key(call, name))
    _sleep(runtime.settings.latency_seconds + fault.delay_before)
    if fault.drop_before:
        call.log("DroppedBefore")
        raise ConnectionDroppedError
    answer = _refused(call, refusal) if refusal else _answered(call, fault)
    outcome = answer.error_code or "Success"
    _sleep(fault.delay_after)
    if fault.drop_after:
        call.log("DroppedAfter", outcome)
        raise ConnectionDroppedError
    call.log(outcome)
    return answer


def _sleep(seconds: float) -> None:
    if seconds > 0:
        time.sleep(seconds)


def _parse(call: Call) -> KmsError | None:
    try:
        params = json.loads(call.body or b"{}")
    except ValueError:
        params = None
    if not isinstance(params, dict):
        return KmsError("SerializationException")
    call.params = params
    return None


def _is_key(call: Call, name: str) -> bool:
    """Whether a fault rule's key is the one of this call."""
    if call.key is None:
        return False
    try:
        backend = backend_of(call.account, call.region)
    except KmsError:
        return False
    with backend.lock:
        return same_key(backend, name, call.key)


def _answered(call: Call, fault: Fault) -> Answer:
    if fault.code:
        resource = call.key or "*"
        return _refused(call, injected(fault.code, fault.message, call.operation, resource, call.account))
    if not runtime.quotas.allows(call.account, call.region, call.operation):
        return _refused(call, throttled())
    try:
        return Answer(200, _execute(call).encode(), call.request_id)
    except JsonRESTError as error:
        return _refused(call, error if isinstance(error, KmsError) else KmsError(error.error_type, error.message))


def _execute(call: Call) -> str:
    response = EmulatedKmsResponse(call.operation, call.params, call.account, call.region)
    try:
        with backend_of(call.account, call.region).lock:
            return response.run()
    finally:
        if response.resolved is not None:
            call.key_arn = response.resolved.arn


def _refused(call: Call, error: KmsError) -> Answer:
    return Answer(error.code, error.description.encode(), call.request_id, error.error_code)
