# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of the tags that outlive a run: what an import has to restore, and that a key was cut off. Pure.

Tags are no secrets, and others may be allowed to set them. The tag byok:restore-state makes a run disable a key: it is
believed only with a seal that nobody can make without the material, and only for some days.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Callable

from . import models

# Makes the seal of a context from material that only those have who may import it: hexadecimal digits.
Seal = Callable[[str], str]

# How long after its start a run may still be finished by its tag. An old value is known from CloudTrail.
BELIEVED_FOR = timedelta(days=7)
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_RESTORE_RE = re.compile(rf"{models.DISABLED} (?P<started>[0-9TZ:-]{{20}}) (?P<seal>[0-9a-f]{{32}})")
# What KMS takes in the value of a tag (API Reference, Tag), without what no name of a person or machine needs.
_NOT_ALLOWED_RE = re.compile(r"[^A-Za-z0-9_.:/=+@ -]")
_LONGEST_VALUE = 256


@dataclass(frozen=True)
class Remembered:
    """A tag byok:restore-state that an import of ours left, and when that run began."""

    state: str
    started: datetime


def restore_value(key: models.Key, started: datetime, seal: Seal) -> str:
    """The value of byok:restore-state for a Disabled key into which material is about to be imported."""
    text = started.strftime(_TIME)
    return f"{models.DISABLED} {text} {seal(_context(key, text))}"


def remembered(key: models.Key, value: str | None, seals: tuple[Seal, ...]) -> Remembered | None:
    """What the tag says, when a seal shows that it was made with this material, for this key, and not long ago."""
    match = _RESTORE_RE.fullmatch(value or "")
    if match is None:
        return None
    try:
        started = datetime.strptime(match["started"], _TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    # The clock of KMS made the value and reads it; a minute for an answer that was under way.
    if not -timedelta(minutes=1) <= key.now - started <= BELIEVED_FOR:
        return None
    context = _context(key, match["started"])
    if any(hmac.compare_digest(seal(context), match["seal"]) for seal in seals):
        return Remembered(models.DISABLED, started)
    return None


def _context(key: models.Key, started: str) -> str:
    return f"byok.aws restore-state 1\0{key.arn}\0{models.DISABLED}\0{started}"


def cut_off_value(now: datetime, who: str) -> str:
    """The value of byok:cut-off: when, and who as far as the machine knows; CloudTrail has the principal."""
    return f"{now.strftime(_TIME)} {_NOT_ALLOWED_RE.sub('_', who)}"[:_LONGEST_VALUE]
