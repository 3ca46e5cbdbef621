# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instants for the report whose differences are true, whatever somebody does to the wall clock meanwhile."""

from __future__ import annotations

import time

# Where the system has it, the clock that goes on while the machine sleeps: a key stays unusable then, too.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _monotonic() -> float:
    return time.clock_gettime(_MONOTONIC)


_START = time.time() - _monotonic()


def now() -> float:
    """Seconds since the epoch: what the wall clock showed when this process began, and what has passed since then."""
    return _START + _monotonic()
