# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each changing call changes a key. Pure; the source of every rule is the KMS Developer Guide,
"Key states of AWS KMS keys" and "Importing key material", and recorded answers of the service where they are stricter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from . import models
from .models import Expiration
from .models import Key
from .models import Material
from .models import Step

# The ID of a material before KMS has assigned one.
UNNAMED = ""


def predict(key: Key, steps: Iterable[Step]) -> Key:
    """The key after all steps."""
    return reduce(apply, steps, key)


def apply(key: Key, step: Step) -> Key:
    """The key after one step."""
    if step.operation == "DeleteImportedKeyMaterial":
        return _deleted(key, step)
    if step.operation == "ImportKeyMaterial":
        return _imported(key, step)
    if step.operation == "RotateKeyOnDemand":
        return _rotated(key)
    if step.operation == "DisableKey":
        return replace(key, key_state=models.DISABLED)
    if step.purpose == "mark":
        return replace(key, cut_off=key.cut_off or "")
    if step.purpose == "lift":
        return replace(key, cut_off=None)
    if step.operation == "TagResource":
        return replace(key, restore_state=models.DISABLED)
    return replace(key, restore_state=None, restore_tag=None)


def _deleted(key: Key, step: Step) -> Key:
    entry = key.material(step.key_material_id)
    if entry is not None and not entry.permanent:
        return replace(key, materials=_without(key, entry))
    materials = tuple(
        replace(other, import_state=models.NOT_IMPORTED, expiration=None) if other == entry else other
        for other in key.materials
    )
    state = key.key_state if key.key_state in models.DELETION_STATES else models.PENDING_IMPORT
    return replace(key, materials=materials, key_state=state, expiration=None)


def _without(key: Key, staged: Material) -> tuple[Material, ...]:
    if not key.replica:
        return tuple(entry for entry in key.materials if entry != staged)
    # A replica keeps the entry while the primary key has it.
    lost = replace(staged, import_state=models.NOT_IMPORTED, expiration=None)
    return tuple(lost if entry == staged else entry for entry in key.materials)


def _imported(key: Key, step: Step) -> Key:
    if not key.symmetric:
        return replace(key, key_state=models.ENABLED, expiration=step.expiration)
    if step.import_type == models.NEW:
        return replace(key, materials=key.materials + (_new_entry(key, step),))
    changed = replace(key, materials=_loaded(key, step))
    if changed.current_key_material_id is None:
        changed = replace(changed, current_key_material_id=step.key_material_id or UNNAMED)
    return _settled(changed)


def _new_entry(key: Key, step: Step) -> Material:
    state = models.PENDING_MULTI_REGION if len(key.replica_regions) > 0 else models.PENDING_ROTATION
    return Material(UNNAMED, state, models.IMPORTED, step.expiration, step.description)


def _loaded(key: Key, step: Step) -> tuple[Material, ...]:
    target = step.key_material_id
    if target is None and len(key.materials) == 1:
        target = key.materials[0].key_material_id
    if key.material(target) is None:
        if key.materials:
            return key.materials
        return (Material(target or UNNAMED, models.CURRENT, models.IMPORTED, step.expiration, step.description),)
    return tuple(
        replace(
            entry,
            import_state=models.IMPORTED,
            expiration=step.expiration,
            description=step.description if step.description is not None else entry.description,
        )
        if entry.key_material_id == target
        else entry
        for entry in key.materials
    )


def _settled(key: Key) -> Key:
    """An import makes a key Enabled when every permanent material is loaded, also a Disabled key."""
    if key.missing:
        return key
    return replace(key, key_state=models.ENABLED, expiration=earliest(key))


def earliest(key: Key) -> Expiration | None:
    """The expiry in DescribeKey: the earliest one of the permanent materials."""
    expirations = [entry.expiration for entry in key.materials if entry.permanent and entry.expiration]
    expiring = [expiration for expiration in expirations if expiration.valid_to is not None]
    if expiring:
        return min(expiring, key=lambda expiration: expiration.valid_to or key.now)
    return expirations[0] if expirations else None


def _rotated(key: Key) -> Key:
    staged = key.staged
    if staged is None:
        return key
    materials = tuple(
        replace(
            entry,
            key_material_state=models.CURRENT if entry == staged else models.NON_CURRENT,
            rotation_type="ON_DEMAND" if entry == staged else entry.rotation_type,
        )
        for entry in key.materials
    )
    rotated = replace(key, materials=materials, current_key_material_id=staged.key_material_id)
    return replace(rotated, expiration=earliest(rotated))
