# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a key cannot be used because of a run: the one definition for results, plans and reports. Pure.

An outage begins when the request of the deletion goes out and ends when the answer of the import comes in. The key is
unusable for at most that long: KMS carries the deletion out a moment later, and the import a moment earlier.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from . import models
from .models import Key
from .models import Step
from .models import StepRecord
from .transitions import apply

# What KMS carried out, or may have carried out.
_COUNTS = (models.SUCCEEDED, models.LOST)


@dataclass(frozen=True)
class Outage:
    """started, finished: seconds since the epoch. finished is None while the outage lasts."""

    started: float
    finished: float | None

    @property
    def seconds(self) -> float | None:
        """The length in seconds, to the millisecond; None while the outage lasts."""
        return None if self.finished is None else round(self.finished - self.started, 3)


def outage(steps: Sequence[StepRecord], usable: bool, down: bool) -> Outage | None:
    """The outage that these calls have caused, or None.

    usable: whether the key was usable before. down: whether its material is missing afterwards, as far as is known;
    that decides about calls of which it is not known whether KMS carried them out.
    """
    counting = [step for step in steps if step.outcome in _COUNTS]
    cuts = [number for number, step in enumerate(counting) if takes_down(step)]
    if not usable or not cuts:
        return None
    ends = [number for number, step in enumerate(counting) if number > cuts[0] and _brings_back(step)]
    known = [number for number in ends if counting[number].outcome == models.SUCCEEDED]
    certain = any(counting[number].outcome == models.SUCCEEDED for number in cuts)
    if not (certain or down or any(counting[number].purpose == "restore" for number in known)):
        return None
    end = known[0] if known else ends[-1] if ends and not down else None
    lasts = end is None or (down and end < cuts[-1])
    return Outage(counting[cuts[0]].started or 0.0, None if lasts or end is None else counting[end].finished)


def takes_down(step: StepRecord) -> bool:
    """Whether the call deletes material without which the key cannot be used."""
    return step.operation == models.DELETE_MATERIAL and step.key_state == models.PENDING_IMPORT


def _brings_back(step: StepRecord) -> bool:
    return step.operation == models.IMPORT_MATERIAL and step.key_state != models.PENDING_IMPORT


def record_of(key: Key, step: Step) -> StepRecord:
    """A step on a key that is not sent yet."""
    return StepRecord(
        operation=step.operation,
        purpose=step.purpose,
        region=key.region,
        key_material_id=_material_of(key, step),
        key_state=apply(key, step).key_state,
    )


def _material_of(key: Key, step: Step) -> str | None:
    staged = key.staged if step.operation == models.ROTATE else None
    return step.key_material_id or (staged.key_material_id if staged else None) or None


def planned(key: Key, steps: Iterable[Step]) -> tuple[StepRecord, ...]:
    """The steps of a plan for a key, as a result tells of them before they are carried out."""
    records = []
    for step in steps:
        records.append(record_of(key, step))
        key = apply(key, step)
    return tuple(records)


def predicted_seconds(key: Key, steps: Iterable[Step]) -> float | None:
    """The outage that a plan causes, when every call takes one round trip to KMS, as the latest read did."""
    trip = key.round_trip_seconds
    records = [
        replace(record, started=number * trip, finished=(number + 1) * trip, outcome=models.SUCCEEDED)
        for number, record in enumerate(planned(key, steps))
    ]
    found = outage(records, key.enabled, down=False)
    return 0.0 if found is None else found.seconds
