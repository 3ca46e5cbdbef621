# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The fields of a key in results, inventories and reports. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import Callable
from typing import TypeVar

from . import models
from .expiry import instant
from .models import Key

T = TypeVar("T")


def in_order(parts: Sequence[Sequence[T]], operation: Callable[[T], str]) -> list[T]:
    """The steps of several Regions in one order: those before a deletion first, in all Regions; a rotation last."""
    first: list[T] = []
    then: list[T] = []
    last: list[T] = []
    for part in parts:
        names = [operation(one) for one in part]
        start = names.index(models.DELETE_MATERIAL) if models.DELETE_MATERIAL in names else 0
        end = names.index(models.ROTATE) if models.ROTATE in names else len(names)
        first += part[:start]
        then += part[start:end]
        last += part[end:]
    return first + then + last


def key_fields(key: Key) -> dict[str, Any]:
    expiration = key.expiration
    return {
        "key_id": key.key_id,
        "key_arn": key.arn,
        "key_spec": key.key_spec,
        "key_state": key.key_state,
        "enabled": key.enabled,
        "current_key_material_id": key.current_key_material_id or None,
        "expiration_model": expiration.model if expiration else None,
        "valid_to": instant(expiration.valid_to) if expiration else None,
    }


def expiry_fields(key: Key) -> dict[str, Any]:
    """The expiry of the current material, and every expiry that makes the key unusable.

    DescribeKey shows the expiry of the material that expires first. The expiry of the current one comes from the list
    of materials, and is not known when the list was not read.
    """
    current = key.material(key.current_key_material_id) if key.symmetric else None
    held = current.expiration if current and current.loaded(key.now) else None
    own = held if key.symmetric else key.expiration
    return {
        "current_expiration_model": own.model if own else None,
        "current_valid_to": instant(own.valid_to) if own else None,
        "expiring_materials": [
            {
                "key_material_id": one.key_material_id or None,
                "key_material_state": one.key_material_state,
                "valid_to": instant(one.expiration.valid_to if one.expiration else None),
            }
            for one in key.expiring
        ],
    }
