# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that kms_external_key makes: a connection in, plain values out.

Source of every shape: KMS API Reference, one page per operation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timezone
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list

from ..key import models
from ..service import connection
from ..service import operations
from .models import ExternalKey
from .models import KeyStep

# KMS has one policy for each key, and this is its name.
POLICY_NAME = "default"
# What a call calls the key; all others have KeyId.
_KEY_MEMBERS = {"CreateAlias": "TargetKeyId", "UpdateAlias": "TargetKeyId"}


def describe(kms: connection.Connection, key_id: str) -> ExternalKey:
    """DescribeKey, with everything that the metadata tell."""
    answer = kms.call("DescribeKey", KeyId=key_id)
    return from_metadata(answer["KeyMetadata"], answer)


def from_metadata(metadata: Mapping[str, Any], answer: connection.Answer) -> ExternalKey:
    regions = metadata.get("MultiRegionConfiguration") or {}
    return ExternalKey(
        arn=metadata["Arn"],
        key_id=metadata["KeyId"],
        region=metadata["Arn"].split(":")[3],
        key_spec=metadata.get("KeySpec") or metadata.get("CustomerMasterKeySpec", ""),
        key_usage=metadata.get("KeyUsage", ""),
        key_state=metadata["KeyState"],
        origin=metadata.get("Origin", ""),
        now=operations.server_time(answer),
        creation_date=metadata["CreationDate"].astimezone(timezone.utc).replace(microsecond=0),
        description=metadata.get("Description", ""),
        loaded="ExpirationModel" in metadata,
        current_key_material_id=metadata.get("CurrentKeyMaterialId"),
        multi_region_type=regions.get("MultiRegionKeyType"),
        primary_region=(regions.get("PrimaryKey") or {}).get("Region"),
        replica_regions=tuple(sorted(replica["Region"] for replica in regions.get("ReplicaKeys", []))),
        deletion_date=operations.to_utc(metadata.get("DeletionDate")),
    )


def all_loaded(kms: connection.Connection, key: ExternalKey) -> bool:
    """Whether a symmetric key in deletion has its material: its metadata do not say so for certain."""
    entries = operations.list_materials(kms, key.arn)
    permanent = [entry for entry in entries if entry.permanent]
    return bool(permanent) and all(entry.loaded(key.now) for entry in permanent)


def get_policy(kms: connection.Connection, arn: str) -> dict[str, Any]:
    answer = kms.call("GetKeyPolicy", KeyId=arn, PolicyName=POLICY_NAME)
    policy: dict[str, Any] = json.loads(answer["Policy"])
    return policy


def get_aliases(kms: connection.Connection, arn: str) -> tuple[str, ...]:
    """The alias names of one key (ListAliases)."""
    found = operations.pages(kms, "ListAliases", "Aliases", KeyId=arn, Limit=100)
    return tuple(sorted(alias["AliasName"] for alias in found))


def request_of(step: KeyStep, arn: str) -> dict[str, Any]:
    """The request of a step: policies as JSON, tags as KMS lists them, and the key under the name it has there."""
    request = dict(step.parameters)
    if "Policy" in request:
        request["Policy"] = json.dumps(request["Policy"])
    if "Tags" in request:
        request["Tags"] = ansible_dict_to_boto3_tag_list(request["Tags"], "TagKey", "TagValue")
    if step.operation == "PutKeyPolicy":
        request["PolicyName"] = POLICY_NAME
    if step.operation != "CreateKey":
        request[_KEY_MEMBERS.get(step.operation, "KeyId")] = arn
    return request


def created(answer: connection.Answer, step: KeyStep) -> ExternalKey:
    """The key of an answer to CreateKey, with what the request gave it."""
    given = step.parameters
    key = from_metadata(answer["KeyMetadata"], answer)
    return replace(key, tags=dict(given["Tags"]), policy=given.get("Policy"), aliases=())


def symmetric_with_history(key: ExternalKey) -> bool:
    return key.key_spec == models.SYMMETRIC and key.current_key_material_id is not None
