# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every operation needs: its parameters, its key, and an answer."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from moto.kms.responses import KmsResponse

from kms_emulator import states
from kms_emulator.backend import EmulatedKmsBackend
from kms_emulator.errors import KmsError
from kms_emulator.errors import key_does_not_exist
from kms_emulator.identifiers import resolve
from kms_emulator.key import EmulatedKey

EMPTY = ""
MARKER = "kms-emulator:"


class Operation(KmsResponse):
    """moto's response class of KMS, called without moto's dispatcher."""

    operation: str
    params: dict[str, Any]
    resolved: EmulatedKey | None = None

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:
        """For the operations that are moto's own."""
        return self.params.get(param_name, if_none)

    @property
    def kms_backend(self) -> EmulatedKmsBackend:
        return super().kms_backend  # type: ignore[return-value]

    def blob(self, name: str) -> bytes:
        """A binary parameter."""
        value = self.params.get(name) or ""
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise KmsError("SerializationException") from None

    def find_key(self, member: str = "KeyId") -> EmulatedKey:
        """The key that the caller named, whatever its state."""
        self.resolved = resolve(self.kms_backend, str(self.params.get(member)), self.operation)
        return self.resolved

    def usable_key(self, member: str = "KeyId") -> EmulatedKey:
        """The key, if its origin and state allow the operation."""
        key = self.find_key(member)
        states.check(self.operation, key)
        return key

    def visible_key(self) -> EmulatedKey:
        """The key as readers see it."""
        key = self.kms_backend.visible(self.find_key())
        if key is None:
            raise key_does_not_exist(self.resolved.arn if self.resolved else "")
        return key

    def page(self, items: list[Any], name: str, default_limit: int) -> dict[str, Any]:
        """One page of a list; markers count what has been handed out."""
        start = self._start(len(items))
        end = start + int(self.params.get("Limit") or default_limit)
        answer: dict[str, Any] = {name: items[start:end], "Truncated": end < len(items)}
        if end < len(items):
            answer["NextMarker"] = base64.b64encode(f"{MARKER}{end}".encode()).decode()
        return answer

    def _start(self, count: int) -> int:
        marker = self.params.get("Marker")
        if marker is None:
            return 0
        try:
            text = base64.b64decode(marker, validate=True).decode()
            start = int(text[len(MARKER) :]) if text.startswith(MARKER) else -1
        except ValueError:
            start = -1
        if not 0 <= start <= count:
            raise KmsError("InvalidMarkerException")
        return start


def answer(members: dict[str, Any]) -> str:
    """The body of an answer, without the members that have no value."""
    return json.dumps({name: value for name, value in members.items() if value is not None})


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
