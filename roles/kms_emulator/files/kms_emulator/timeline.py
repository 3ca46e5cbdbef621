# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens by itself: expiry, the end of a rotation, of a transient state and of a waiting period."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Protocol

from kms_emulator import lineage
from kms_emulator.clock import DAY_SECONDS
from kms_emulator.key import PENDING_DELETION
from kms_emulator.key import PENDING_REPLICA_DELETION
from kms_emulator.key import EmulatedKey

Event = tuple[float, Callable[[], None]]
FOREVER = float("inf")


class Keeper(Protocol):
    """Whatever keeps keys: what happens to a key is more than the key itself can see to."""

    def remember(self, key: EmulatedKey, at: float) -> None:
        """The key is about to change; readers that lag go on seeing it as it is."""

    def stage_generated(self, key: EmulatedKey) -> lineage.Entry:
        """Stage fresh material for a key of origin AWS_KMS."""

    def forget(self, key: EmulatedKey) -> None:
        """The key is gone."""


def settle(key: EmulatedKey, now: float, keeper: Keeper) -> None:
    """Let everything happen that was due by now, in the order in which it was due."""
    if now < key.next_event:
        return
    while True:
        at, happen = min(_events(key, keeper), key=lambda event: event[0], default=(FOREVER, _nothing))
        if at > now:
            break
        keeper.remember(key, at)
        happen()
    for each in key.regions:
        each.next_event = at


def _nothing() -> None:
    """No event is left."""


def _events(key: EmulatedKey, keeper: Keeper) -> Iterator[Event]:
    due = key.lineage.rotation_due
    if due is not None:
        yield due, lambda: _finish_rotation(key, due, keeper)
    for each in key.regions:
        yield from _events_of(each, keeper)


def _events_of(key: EmulatedKey, keeper: Keeper) -> Iterator[Event]:
    if key.busy is not None:
        yield key.busy[1], lambda: _end_transient(key)
    if key.key_state == PENDING_DELETION and key.deletion_at is not None:
        yield key.deletion_at, lambda: _delete(key, keeper)
    for held in key.copies.values():
        if held.secret is not None and held.valid_to is not None:
            yield held.valid_to, _expiry(key, held)


def _expiry(key: EmulatedKey, held: lineage.Copy) -> Callable[[], None]:
    def expire() -> None:
        held.expire()
        key.follow_material()

    return expire


def _finish_rotation(key: EmulatedKey, at: float, keeper: Keeper) -> None:
    if not key.is_external:
        keeper.stage_generated(key)
    key.lineage.finish_rotation(at, "ON_DEMAND")
    for each in key.regions:
        each.follow_material()


def _end_transient(key: EmulatedKey) -> None:
    key.busy = None
    key.follow_material()


def _delete(key: EmulatedKey, keeper: Keeper) -> None:
    """The end of a key. The last replica sets off the waiting period of a primary that waits for it."""
    gone_at = key.deletion_at or 0.0
    key.deletion_at = None
    keeper.forget(key)
    if key.related is None:
        return
    del key.related.by_region[key.region]
    primary = key.related.by_region.get(key.related.primary_region)
    if primary is not None and primary.key_state == PENDING_REPLICA_DELETION and not key.related.replicas:
        primary.key_state = PENDING_DELETION
        primary.deletion_at = gone_at + (primary.pending_window or 30) * DAY_SECONDS
    for each in key.regions:
        each.next_event = 0.0
