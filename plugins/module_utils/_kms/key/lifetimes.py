# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The expiry of material when the task sets none, and when the task must set it. Pure.

KMS shows when material expires, but not when it was imported. The remaining time is not the lifetime, and would shrink
at each rotation. The lifetime is therefore the valid_for of the import, which the description keeps. When it is not
known, the caller must set an expiry.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from datetime import timedelta

from . import descriptions
from .expiry import SKEW
from .models import NEVER
from .models import Expiration
from .models import Key
from .models import Material
from .models import Request
from .models import Step

_OPTIONS = (
    "set valid_for or valid_to for the expiry of the new material, or set expiration_model to "
    f"{NEVER} if it must not expire"
)


def lifetime(entry: Material, now: datetime) -> timedelta | None:
    """The valid_for of the import of this material; None when it is not recorded, or KMS shows a longer time."""
    recorded = descriptions.lifetime(entry.description)
    left = _time_left(entry.expiration, now)
    # Another tool may import the material again with a longer expiry and keep the description.
    return None if recorded and left and left > recorded + SKEW else recorded


def _time_left(expiration: Expiration | None, now: datetime) -> timedelta | None:
    return expiration.valid_to - now if expiration and expiration.valid_to else None


# How early a material is due for renewal when neither renew_before nor a lifetime is known.
NEAR = timedelta(days=30)


def unrenewed(request: Request, key: Key, meant: str | None, steps: tuple[Step, ...], after: Key) -> tuple[str, ...]:
    """A warning for each material that this task does not renew and whose expiry makes the key unusable.

    After a rotation that is every such material; otherwise only those that are due. meant: the ID of the task's own
    material, if it is known. after: the predicted key.
    """
    ours = {meant, *(one.key_material_id for step in steps for one in (step, *step.alternatives))}
    left = after.current_key_material_id != key.current_key_material_id or (request.for_rotation and key.staged)
    told = [entry for entry in after.expiring if entry.key_material_id not in ours and entry != _newest(after, key)]
    return tuple(_unrenewed(request, entry) for entry in told if left or _due(request, entry, key.now))


def _newest(after: Key, before: Key) -> Material | None:
    """The material that becomes current in this task, or None."""
    changed = after.current_key_material_id != before.current_key_material_id
    return after.material(after.current_key_material_id) if changed else None


def _due(request: Request, entry: Material, now: datetime) -> bool:
    span = request.valid_for or lifetime(entry, now)
    left = _time_left(entry.expiration, now)
    return left is not None and left <= (request.renew_before or (span / 3 if span else NEAR))


def _unrenewed(request: Request, entry: Material) -> str:
    until = entry.expiration.valid_to.isoformat() if entry.expiration and entry.expiration.valid_to else "soon"
    return (
        f"the key {request.key_id} also needs its material {entry.key_material_id}, which expires {until}: the whole "
        "key becomes PendingImport then; this task does not renew it; import it again before that, with a later expiry "
        "(state present with its bytes)"
    )


def for_existing(request: Request, key: Key, entry: Material, loaded: bool) -> tuple[Request, str | None]:
    """The request with an expiry for material that the key has, and the reason when that is not possible.

    Loaded material keeps its expiry. Lost material gets its recorded lifetime.
    """
    if request.sets_expiry:
        return request, None
    if not entry.permanent:
        return _for_staged(request, key, entry, loaded)
    return request if loaded else _valid_for(request, lifetime(entry, key.now)), None


def for_new(request: Request, key: Key) -> tuple[Request, str | None]:
    """The request with an expiry for material that replaces the current one, and the reason when that is not known."""
    if request.sets_expiry:
        return request, None
    current = key.material(key.current_key_material_id)
    if current is None:
        return request, _unless_lasting(request, key.expiration)
    if current.loaded(key.now) and not _expires(current.expiration):
        return request, None
    known = lifetime(current, key.now)
    if known is not None:
        return _valid_for(request, known), None
    return request, _unless_lasting(request, current.expiration if current.loaded(key.now) else None)


def lasting_problem(request: Request, old: Key, new: Key) -> str | None:
    """Why a new key from an earlier run must not replace a key whose material expires, or None."""
    if request.sets_expiry or not _expires(_own(old)) or _expires(_own(new)):
        return None
    return (
        f"the material of the key {new.arn}, which an earlier run created to replace {request.key_id}, does "
        f"not expire, but the material of the old key does; {_OPTIONS}"
    )


def _own(key: Key) -> Expiration | None:
    """The expiry of the current material itself."""
    current = key.material(key.current_key_material_id)
    return current.expiration if current else key.expiration


def _for_staged(request: Request, key: Key, entry: Material, loaded: bool) -> tuple[Request, str | None]:
    current = key.material(key.current_key_material_id)
    lasting = current is not None and current.loaded(key.now) and not _expires(current.expiration)
    if loaded:
        silent = request.rotates and not _expires(entry.expiration) and current is not None and not lasting
        return request, _would_last(request, entry) if silent and not _empty_replica(key, current) else None
    known = lifetime(entry, key.now)
    if _expires(entry.expiration):
        return _valid_for(request, known), None if known else _over(request, entry)
    if lasting:
        return request, None
    if known is not None or _empty_replica(key, current):
        return _valid_for(request, known), None
    return for_new(request, key)


def _empty_replica(key: Key, current: Material | None) -> bool:
    """Whether this is a replica without the current material: its expiry comes from the primary key."""
    return key.replica and (current is None or not current.loaded(key.now))


def _valid_for(request: Request, known: timedelta | None) -> Request:
    return replace(request, valid_for=known)


def _expires(expiration: Expiration | None) -> bool:
    return expiration is not None and expiration.valid_to is not None


def _unless_lasting(request: Request, expiration: Expiration | None) -> str | None:
    if expiration is None:
        return (
            f"the current material of the key {request.key_id} is not imported, so its expiry is not known; {_OPTIONS}"
        )
    if expiration.valid_to is None:
        return None
    return (
        f"the current material of the key {request.key_id} expires {expiration.valid_to.isoformat()}, but its lifetime "
        "is not known (KMS does not show it, and the remaining time would shrink at each rotation); "
        f"{_OPTIONS}"
    )


def _would_last(request: Request, entry: Material) -> str:
    return (
        f"the staged material {entry.key_material_id} of the key {request.key_id} does not expire, but the "
        f"current one does, or did; {_OPTIONS}"
    )


def _over(request: Request, entry: Material) -> str:
    return (
        f"the staged material {entry.key_material_id} of the key {request.key_id} has expired, and its lifetime is "
        f"not known; {_OPTIONS}"
    )
