# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated clock: real time plus an offset that a test may set."""

from __future__ import annotations

import time

DAY_SECONDS = 24 * 60 * 60


class EmulatedClock:
    """Tells the time at which the emulated KMS lives."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.offset_seconds = offset_seconds

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset_seconds
