# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The materials of a key: what all its Regions share, and what one Region holds."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

CURRENT = "CURRENT"
NON_CURRENT = "NON_CURRENT"
STAGED = "STAGED"

PENDING_ROTATION = "PENDING_ROTATION"
PENDING_REPLICAS = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"

EXPIRES = "KEY_MATERIAL_EXPIRES"
NEVER = "KEY_MATERIAL_DOES_NOT_EXPIRE"

DEFAULT_PERIOD_DAYS = 365


@dataclass
class Entry:
    """One material of a key. A multi-Region key and its replicas share it, the bytes excepted."""

    material_id: str
    state: str
    description: str | None = None
    rotation_date: float | None = None
    rotation_type: str | None = None


@dataclass
class Copy:
    """What one Region holds of a material.

    ``imported`` is what ListKeyRotations says, ``secret`` is the truth: after an expiry the list goes on
    saying IMPORTED although the bytes are gone.
    """

    imported: bool = False
    secret: bytes | None = None
    expiration_model: str | None = None
    valid_to: float | None = None

    def load(self, secret: bytes, expiration_model: str | None, valid_to: float | None) -> None:
        self.imported = True
        self.secret = secret
        self.expiration_model = expiration_model
        self.valid_to = valid_to

    def expire(self) -> None:
        self.secret = None

    def clear(self) -> None:
        self.imported = False
        self.secret = None
        self.expiration_model = None
        self.valid_to = None


@dataclass
class AutomaticRotation:
    """Whether and how often AWS rotates a key. A multi-Region key and its replicas share it."""

    enabled: bool = False
    period_days: int = DEFAULT_PERIOD_DAYS
    since: float = 0.0
    """When it was switched on, or its period last changed: the next rotation is one period later."""

    def enable(self, now: float, period_days: int | None) -> None:
        """A call that names no period, or the same one, changes nothing while rotation is on."""
        wanted = period_days or (self.period_days if self.enabled else DEFAULT_PERIOD_DAYS)
        if not self.enabled or wanted != self.period_days:
            self.since = now
        self.enabled = True
        self.period_days = wanted

    def disable(self) -> None:
        """The period is forgotten."""
        self.enabled = False


@dataclass
class Lineage:
    """All materials, the oldest first and a staged one last, and the rotation that is running."""

    entries: list[Entry] = field(default_factory=list)
    rotation_started: float | None = None
    rotation_due: float | None = None

    @property
    def permanent(self) -> list[Entry]:
        """Everything that is or once was current."""
        return [entry for entry in self.entries if entry.state != STAGED]

    @property
    def current(self) -> Entry | None:
        return next((entry for entry in self.entries if entry.state == CURRENT), None)

    @property
    def staged(self) -> Entry | None:
        return next((entry for entry in self.entries if entry.state == STAGED), None)

    @property
    def rotations(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.rotation_date is not None]

    def find(self, material_id: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.material_id == material_id), None)

    def add(self, entry: Entry) -> Entry:
        self.entries.append(entry)
        return entry

    def start_rotation(self, now: float, seconds: float) -> None:
        self.rotation_started = now
        self.rotation_due = now + seconds

    def finish_rotation(self, at: float, rotation_type: str) -> Entry | None:
        """Take what is staged now, which need not be what was staged at the request."""
        self.rotation_started = self.rotation_due = None
        staged = self.staged
        if staged is None:
            return None
        if self.current is not None:
            self.current.state = NON_CURRENT
        staged.state = CURRENT
        staged.rotation_date = at
        staged.rotation_type = rotation_type
        return staged
