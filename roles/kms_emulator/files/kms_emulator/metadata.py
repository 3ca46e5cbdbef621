# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What DescribeKey, ListKeyRotations and GetKeyRotationStatus say about a key."""

from __future__ import annotations

from typing import Any

from kms_emulator import lineage
from kms_emulator import specs
from kms_emulator.clock import DAY_SECONDS
from kms_emulator.key import CREATING
from kms_emulator.key import PENDING_DELETION
from kms_emulator.key import PENDING_REPLICA_DELETION
from kms_emulator.key import EmulatedKey


def key_metadata(key: EmulatedKey) -> dict[str, Any]:
    """``KeyMetadata``, with a field only where AWS has one."""
    metadata: dict[str, Any] = {
        "AWSAccountId": key.account_id,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": round(key.creation_date, 3),
        "Enabled": key.enabled,
        "Description": key.description,
        "KeyUsage": key.key_usage,
        "KeyState": key.state,
        "Origin": key.origin,
        "KeyManager": key.key_manager,
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        "MultiRegion": key.multi_region,
    }
    metadata.update(specs.algorithm_lists(key.key_spec, key.key_usage))
    metadata.update(_deletion(key))
    metadata.update(_expiration(key))
    metadata.update(_regions(key))
    metadata.update(_current_material(key))
    return metadata


def _deletion(key: EmulatedKey) -> dict[str, Any]:
    if key.state == PENDING_DELETION:
        return {"DeletionDate": round(key.deletion_at or 0.0, 3)}
    if key.state == PENDING_REPLICA_DELETION:
        return {"PendingDeletionWindowInDays": key.pending_window}
    return {}


def _expiration(key: EmulatedKey) -> dict[str, Any]:
    """Nothing while material is missing; the earliest end among the permanent materials otherwise."""
    if not key.is_external:
        return {}
    source = key.related.primary if key.state == CREATING and key.related else key
    if not source.is_complete:
        return {}
    ends = [source.copy_of(entry).valid_to for entry in source.lineage.permanent]
    known = [end for end in ends if end is not None]
    if not known:
        return {"ExpirationModel": lineage.NEVER}
    expiration: dict[str, Any] = {"ExpirationModel": lineage.EXPIRES}
    if key.state != CREATING:
        expiration["ValidTo"] = min(known)
    return expiration


def _regions(key: EmulatedKey) -> dict[str, Any]:
    if key.related is None:
        return {}
    primary = key.related.primary
    return {
        "MultiRegionConfiguration": {
            "MultiRegionKeyType": "REPLICA" if key.is_replica else "PRIMARY",
            "PrimaryKey": {"Arn": primary.arn, "Region": primary.region},
            "ReplicaKeys": [{"Arn": replica.arn, "Region": replica.region} for replica in key.related.replicas],
        }
    }


def _current_material(key: EmulatedKey) -> dict[str, Any]:
    """Symmetric keys only; it outlives the bytes."""
    current = key.lineage.current
    if not key.is_symmetric or current is None or key.state == CREATING:
        return {}
    return {"CurrentKeyMaterialId": current.material_id}


def rotation_entries(key: EmulatedKey, include_all: bool) -> list[dict[str, Any]]:
    """The entries of ListKeyRotations; without ``include_all`` the first and the staged material are hidden."""
    if not key.is_symmetric:
        return []
    entries = key.lineage.entries if include_all else key.lineage.rotations
    return [_rotation_entry(key, entry) for entry in entries]


def _rotation_entry(key: EmulatedKey, entry: lineage.Entry) -> dict[str, Any]:
    held = key.copy_of(entry)
    shown: dict[str, Any] = {
        "KeyId": key.arn,
        "KeyMaterialId": entry.material_id,
        "KeyMaterialDescription": entry.description,
        "ImportState": ("IMPORTED" if held.imported else "PENDING_IMPORT") if key.is_external else None,
        "KeyMaterialState": _material_state(key, entry),
        "ExpirationModel": held.expiration_model,
        "ValidTo": held.valid_to,
        "RotationDate": round(entry.rotation_date, 3) if entry.rotation_date is not None else None,
        "RotationType": entry.rotation_type,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _material_state(key: EmulatedKey, entry: lineage.Entry) -> str:
    if entry.state != lineage.STAGED:
        return entry.state
    return lineage.PENDING_ROTATION if everywhere(key, entry) else lineage.PENDING_REPLICAS


def everywhere(key: EmulatedKey, entry: lineage.Entry) -> bool:
    """Whether every Region of the key has imported a material."""
    others = [other for other in key.regions if other.region != key.region]
    return all(each.copy_of(entry).imported for each in [key, *others])


def rotation_status(key: EmulatedKey) -> dict[str, Any]:
    """The answer of GetKeyRotationStatus."""
    status: dict[str, Any] = {"KeyId": key.arn, "KeyRotationEnabled": _rotates_by_itself(key)}
    if status["KeyRotationEnabled"]:
        setting = key.automatic_rotation
        status["RotationPeriodInDays"] = setting.period_days
        status["NextRotationDate"] = round(setting.since + setting.period_days * DAY_SECONDS, 3)
    if key.lineage.rotation_started is not None:
        status["OnDemandRotationStartDate"] = round(key.lineage.rotation_started, 3)
    return status


def _rotates_by_itself(key: EmulatedKey) -> bool:
    return key.automatic_rotation.enabled and key.state != PENDING_DELETION
