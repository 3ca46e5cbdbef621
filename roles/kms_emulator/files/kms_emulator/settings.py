# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that can be set, on the command line and through ``POST /kms-emulator/config``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Union

RequestQuotas = Union[bool, dict[str, float]]


class SettingsError(ValueError):
    """A setting that does not exist, or a value that does not fit."""


@dataclass(frozen=True)
class Settings:
    """How the emulator behaves beyond the rules of KMS itself."""

    clock_offset_seconds: float = 0.0
    """Added to the real time."""
    request_quotas: RequestQuotas = False
    """Throttle: never, at the default quotas of KMS, or only the operations named, at the rates given."""
    lag_seconds: float = 0.0
    """Reads show a change this much later."""
    rotation_seconds: float = 2.0
    """How long a rotation on demand takes."""
    transient_seconds: float = 1.0
    """How long a replica is Creating, and both keys are Updating after a change of the primary Region."""
    latency_seconds: float = 0.0
    """Added to every answer."""

    def updated(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with some values changed."""
        names = {field.name for field in dataclasses.fields(self)}
        unknown = sorted(set(changes) - names)
        if unknown:
            raise SettingsError(f"unknown setting {', '.join(unknown)}; there are {', '.join(sorted(names))}")
        return dataclasses.replace(self, **{name: _checked(name, value) for name, value in changes.items()})


def _checked(name: str, value: Any) -> Any:
    if name == "request_quotas":
        return _checked_quotas(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SettingsError(f"{name} must be a number, not {value!r}")
    if value < 0 and name != "clock_offset_seconds":
        raise SettingsError(f"{name} must not be negative")
    return float(value)


def _checked_quotas(value: Any) -> RequestQuotas:
    if isinstance(value, bool):
        return value
    if not isinstance(value, dict):
        raise SettingsError(f"request_quotas must be true, false or a mapping of operation to rate, not {value!r}")
    for operation, rate in value.items():
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or rate <= 0:
            raise SettingsError(f"the rate of {operation} must be a number above 0, not {rate!r}")
    return dict(value)
