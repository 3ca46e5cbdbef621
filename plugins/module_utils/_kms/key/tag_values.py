# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of the tags that stay after a run: byok:restore-state and byok:cut-off. Pure.

Tags are not secret, and other people may be allowed to set them. The tag byok:restore-state makes a run disable a key.
A run therefore accepts it only with a seal that needs the material, and only for some days.
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

# Computes the seal of a context from the material: hexadecimal digits.
Seal = Callable[[str], str]

# How long after its start a run can be finished by its tag. Old values can be read in CloudTrail.
BELIEVED_FOR = timedelta(days=7)
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_RESTORE_RE = re.compile(rf"{models.DISABLED} (?P<started>[0-9TZ:-]{{20}}) (?P<seal>[0-9a-f]{{32}})")
# A subset of the characters that KMS allows in the value of a tag (API Reference, Tag).
_NOT_ALLOWED_RE = re.compile(r"[^A-Za-z0-9_.:/=+@ -]")
_LONGEST_VALUE = 256


@dataclass(frozen=True)
class Remembered:
    """The content of a tag byok:restore-state that an import of ours left. started: when that run began."""

    state: str
    started: datetime


def restore_value(key: models.Key, started: datetime, seal: Seal) -> str:
    """The value of byok:restore-state for a Disabled key before an import."""
    text = started.strftime(_TIME)
    return f"{models.DISABLED} {text} {seal(_context(key, text))}"


def remembered(key: models.Key, value: str | None, seals: tuple[Seal, ...]) -> Remembered | None:
    """The content of the tag, or None unless a seal proves this material and this key, and the tag is recent."""
    match = _RESTORE_RE.fullmatch(value or "")
    if match is None:
        return None
    try:
        started = datetime.strptime(match["started"], _TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    # Both times are from the clock of KMS; one minute covers the time of an answer.
    if not -timedelta(minutes=1) <= key.now - started <= BELIEVED_FOR:
        return None
    context = _context(key, match["started"])
    if any(hmac.compare_digest(seal(context), match["seal"]) for seal in seals):
        return Remembered(models.DISABLED, started)
    return None


def _context(key: models.Key, started: str) -> str:
    return f"byok.aws restore-state 1\0{key.arn}\0{models.DISABLED}\0{started}"


def cut_off_value(now: datetime, who: str) -> str:
    """The value of byok:cut-off: the time and the local user; CloudTrail has the principal."""
    return f"{now.strftime(_TIME)} {_NOT_ALLOWED_RE.sub('_', who)}"[:_LONGEST_VALUE]
