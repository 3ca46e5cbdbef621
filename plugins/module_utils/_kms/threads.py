# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on many keys side by side, over one client."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Callable
from typing import TypeVar

# Threads of one call; at the latencies of AWS enough for the quotas of every changing call.
POOL_SIZE = 16

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What becomes of each item, in order. A single one is worked on in the caller's own thread."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=min(POOL_SIZE, len(items))) as pool:
        return list(pool.map(work, items))
