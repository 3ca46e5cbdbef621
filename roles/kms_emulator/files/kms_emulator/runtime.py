# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the whole emulator shares: its clock, settings, faults, quotas, log and wrapping keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kms_emulator.calls import CallLog
from kms_emulator.clock import EmulatedClock
from kms_emulator.faults import FaultBook
from kms_emulator.quotas import QuotaBook
from kms_emulator.settings import Settings
from kms_emulator.tokens import TokenSealer
from kms_emulator.wrapping_keys import WrappingKeyPool


class Runtime:
    """One per process, as moto's backends are."""

    def __init__(self) -> None:
        self.clock = EmulatedClock()
        self.calls = CallLog()
        self.faults = FaultBook()
        self.quotas = QuotaBook(self.clock.now)
        self.tokens = TokenSealer()
        self.wrapping_keys = WrappingKeyPool()
        self.initial = Settings()
        self.settings = self.initial

    def start_with(self, settings: Settings) -> None:
        """Take over the settings of the command line, to which a reset returns."""
        self.initial = settings
        self._apply(settings)

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Change some settings; quotas start afresh only when they are among them."""
        self._apply(self.settings.updated(changes), quotas="request_quotas" in changes)

    def reset(self) -> None:
        self.faults.configure([])
        self.calls.clear()
        self._apply(self.initial)

    def _apply(self, settings: Settings, quotas: bool = True) -> None:
        self.settings = settings
        self.clock.offset_seconds = settings.clock_offset_seconds
        if quotas:
            self.quotas.configure(settings.request_quotas)


runtime = Runtime()
