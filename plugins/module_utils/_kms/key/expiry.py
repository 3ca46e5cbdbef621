# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expiry of material: durations and instants, and whether the current expiry differs from the requested one. Pure.

Instants are compared as instants, in whole seconds: KMS keeps no fractions (ImportKeyMaterial, ValidTo).
"""

from __future__ import annotations

import re
from datetime import datetime
from datetime import timedelta
from datetime import timezone

from .models import DOES_NOT_EXPIRE
from .models import EXPIRES
from .models import NEVER
from .models import Expiration
from .models import Request

LONGEST_VALIDITY = timedelta(days=365)
# A ValidTo just under the limit would be refused when the clocks differ.
SKEW = timedelta(minutes=5)
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def parse_duration(text: str) -> timedelta:
    """A duration such as 90d, 12h, 1d12h or 30m. Raises ValueError with the reason."""
    parts = re.findall(r"(\d+)([wdhms])", text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != re.sub(r"\s+", "", text):
        raise ValueError("write a duration as a number with w, d, h, m or s, such as 90d or 12h")
    try:
        duration = sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        raise ValueError("the duration is too long") from None
    if duration <= timedelta():
        raise ValueError("the duration must be longer than zero")
    return duration


def duration_text(duration: timedelta) -> str:
    """A duration of whole seconds as parse_duration takes it, such as 90d or 1d12h."""
    seconds = int(duration.total_seconds())
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, length)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts)


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with a zone, as UTC in whole seconds. Raises ValueError with the reason."""
    try:
        instant = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    except ValueError:
        raise ValueError("write an ISO 8601 instant, such as 2030-01-31T12:00:00Z") from None
    if instant.tzinfo is None:
        raise ValueError("the instant has no zone; append Z for UTC or an offset such as +01:00")
    try:
        return instant.astimezone(timezone.utc).replace(microsecond=0)
    except OverflowError:
        raise ValueError("the instant is outside the calendar") from None


def expiry_problem(request: Request, now: datetime) -> str | None:
    """Why KMS would refuse the requested expiry, or None. Source: ImportKeyMaterial, ValidTo."""
    if request.valid_to and request.valid_to <= now:
        return f"valid_to {request.valid_to.isoformat()} is in the past"
    if request.valid_to and request.valid_to - now >= LONGEST_VALIDITY:
        return f"valid_to {request.valid_to.isoformat()} is 365 days or more from now; KMS accepts less than 365 days"
    if request.valid_for and request.valid_for > LONGEST_VALIDITY:
        return "valid_for is over 365 days; KMS accepts less than 365 days"
    usable = min(request.valid_for or LONGEST_VALIDITY, LONGEST_VALIDITY - SKEW)
    if request.valid_for and request.renew_before and request.renew_before >= usable:
        return "renew_before must be shorter than valid_for, or every run imports the material again"
    return None


def wanted_expiration(request: Request, current: Expiration | None, now: datetime) -> tuple[Expiration, bool]:
    """The expiration for an import, and whether the current one differs so much that an import is needed.

    current: the expiration of the material now, or None when it is not loaded.
    """
    if request.valid_to:
        wanted = Expiration(EXPIRES, request.valid_to)
        return wanted, current != wanted
    if request.valid_for:
        return _renewed(request, request.valid_for, current, now)
    if request.expiration_model == NEVER:
        return DOES_NOT_EXPIRE, current != DOES_NOT_EXPIRE
    return _kept(current, now), False


def _renewed(
    request: Request, valid_for: timedelta, current: Expiration | None, now: datetime
) -> tuple[Expiration, bool]:
    length = min(valid_for, LONGEST_VALIDITY - SKEW)
    wanted = Expiration(EXPIRES, (now + length).replace(microsecond=0))
    if current is None or current.valid_to is None:
        return wanted, True
    remaining = current.valid_to - now
    enough = remaining >= (request.renew_before or valid_for / 3)
    too_long = remaining > length + SKEW
    return wanted, too_long or not enough


def _kept(current: Expiration | None, now: datetime) -> Expiration:
    if current is None or (current.valid_to is not None and current.valid_to <= now):
        return DOES_NOT_EXPIRE
    return current


def instant(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
