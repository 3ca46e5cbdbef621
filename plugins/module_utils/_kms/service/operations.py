# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One function per KMS call: it takes a connection and returns plain values.

Source of every shape: KMS API Reference, one page per operation.
"""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import botocore_at_least
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from ..key.models import Expiration
from ..key.models import ImportParameters
from ..key.models import Key
from ..key.models import Material
from .connection import Answer
from .connection import Call
from .connection import Connection
from .errors import MISSING_LIBRARY
from .errors import NOT_FOUND
from .errors import AnsibleKMSError


def server_time(answer: Answer) -> datetime:
    """KMS's own clock: the Date header (RFC 9110, 6.6.1), or the local clock where there is none."""
    header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(header).astimezone(timezone.utc)
    except (TypeError, ValueError):
        return datetime.now(timezone.utc)


def to_utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(timezone.utc).replace(microsecond=0) if instant else None


def _expiration(fields: Answer) -> Expiration | None:
    model = fields.get("ExpirationModel")
    return Expiration(model, to_utc(fields.get("ValidTo"))) if model else None


def describe_key(kms: Connection, key_id: str) -> Key:
    """DescribeKey: works with every identifier and in every key state."""
    answer = kms.call("DescribeKey", KeyId=key_id)
    return key_from_answer(answer, kms.calls[-1])


def describe_patiently(kms: Connection, key_id: str, wait: bool) -> Key:
    """The same for a key that may be new. If DescribeKey does not find the key, and another operation does, it waits.

    wait: whether to wait at all. Raises AnsibleKMSError.
    """
    try:
        return describe_key(kms, key_id)
    except AnsibleKMSError as error:
        if error.code != NOT_FOUND or not wait or not _known_elsewhere(kms, key_id):
            raise
    return describe_key(kms.for_young_key(), key_id)


def _known_elsewhere(kms: Connection, key_id: str) -> bool:
    """Whether another operation of KMS finds the key. Only DescribeKey accepts aliases, so this is unknown for them."""
    if "alias/" in key_id:
        return False
    try:
        get_tags(kms, key_id)
    except AnsibleKMSError:
        return False
    return True


def key_from_answer(answer: Answer, call: Call) -> Key:
    metadata = answer["KeyMetadata"]
    multi_region = metadata.get("MultiRegionConfiguration") or {}
    return Key(
        arn=metadata["Arn"],
        key_id=metadata["KeyId"],
        account_id=metadata["AWSAccountId"],
        region=metadata["Arn"].split(":")[3],
        key_spec=metadata.get("KeySpec") or metadata.get("CustomerMasterKeySpec", ""),
        key_usage=metadata.get("KeyUsage", ""),
        key_state=metadata["KeyState"],
        origin=metadata.get("Origin", ""),
        now=server_time(answer),
        creation_date=metadata["CreationDate"].astimezone(timezone.utc),
        current_key_material_id=metadata.get("CurrentKeyMaterialId"),
        expiration=_expiration(metadata),
        multi_region_type=multi_region.get("MultiRegionKeyType"),
        primary_region=(multi_region.get("PrimaryKey") or {}).get("Region"),
        replica_regions=tuple(replica["Region"] for replica in multi_region.get("ReplicaKeys", [])),
        signing_algorithms=tuple(metadata.get("SigningAlgorithms", [])),
        mac_algorithms=tuple(metadata.get("MacAlgorithms", [])),
        round_trip_seconds=call.finished - call.started,
        description=metadata.get("Description", ""),
        deletion_date=to_utc(metadata.get("DeletionDate")),
    )


def pages(kms: Connection, operation: str, items: str, once: bool = False, **parameters: Any) -> list[Answer]:
    """All items of an operation that answers in pages. botocore's paginators bypass pacing and retries.

    once: do not repeat a failed call.
    """
    call = kms.call_once if once else kms.call
    found: list[Answer] = []
    marker: dict[str, str] = {}
    while True:
        answer = call(operation, **parameters, **marker)
        found.extend(answer.get(items, []))
        if not answer.get("Truncated"):
            return found
        marker = {"Marker": answer["NextMarker"]}


def list_materials(kms: Connection, arn: str, once: bool = False) -> tuple[Material, ...]:
    """ListKeyRotations with every material, oldest first, a staged one last. Symmetric keys only."""
    wanted = {"KeyId": arn, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 1000}
    return tuple(_material(entry) for entry in pages(kms, "ListKeyRotations", "Rotations", once, **wanted))


def _material(entry: Answer) -> Material:
    return Material(
        key_material_id=entry["KeyMaterialId"],
        key_material_state=entry["KeyMaterialState"],
        import_state=entry["ImportState"],
        expiration=_expiration(entry),
        description=entry.get("KeyMaterialDescription"),
        rotation_date=to_utc(entry.get("RotationDate")),
        rotation_type=entry.get("RotationType"),
    )


def get_parameters_for_import(kms: Connection, arn: str, algorithm: str, wrapping_key_spec: str) -> ImportParameters:
    answer = kms.call(
        "GetParametersForImport", KeyId=arn, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping_key_spec
    )
    return ImportParameters(answer["ImportToken"], answer["PublicKey"], to_utc(answer.get("ParametersValidTo")))


def import_request(
    arn: str,
    token: bytes,
    blob: bytes,
    expiration: Expiration,
    import_type: str | None = None,
    key_material_id: str | None = None,
    description: str | None = None,
) -> Answer:
    """The request of ImportKeyMaterial, complete: an ExpirationModel left out would mean that it expires."""
    optional = {
        "ValidTo": expiration.valid_to,
        "ImportType": import_type,
        "KeyMaterialId": key_material_id,
        "KeyMaterialDescription": description,
    }
    request: Answer = {
        "KeyId": arn,
        "ImportToken": token,
        "EncryptedKeyMaterial": blob,
        "ExpirationModel": expiration.model,
    }
    request.update({name: value for name, value in optional.items() if value is not None})
    return request


def rotation_started(kms: Connection, arn: str) -> datetime | None:
    """When the on-demand rotation in progress was started (GetKeyRotationStatus), or None."""
    try:
        answer = kms.call("GetKeyRotationStatus", KeyId=arn)
    except AnsibleKMSError as error:
        # Before mid-2025 the service answered this for the origin EXTERNAL.
        if error.code == "UnsupportedOperationException":
            return None
        raise
    return to_utc(answer.get("OnDemandRotationStartDate"))


def get_public_key(kms: Connection, arn: str) -> bytes:
    answer = kms.call("GetPublicKey", KeyId=arn)
    return bytes(answer["PublicKey"])


def generate_mac(kms: Connection, arn: str, message: bytes, algorithm: str) -> bytes:
    answer = kms.call("GenerateMac", KeyId=arn, Message=message, MacAlgorithm=algorithm)
    return bytes(answer["Mac"])


def list_keys(kms: Connection) -> list[str]:
    """The ARNs of every key of the Region; ListKeys returns nothing else about them."""
    return [str(entry["KeyArn"]) for entry in pages(kms, "ListKeys", "Keys", Limit=1000)]


def list_aliases(kms: Connection) -> dict[str, list[str]]:
    """The alias names of every key of the Region, by key ID."""
    found: dict[str, list[str]] = {}
    for alias in pages(kms, "ListAliases", "Aliases", Limit=100):
        if alias.get("TargetKeyId"):
            found.setdefault(alias["TargetKeyId"], []).append(alias["AliasName"])
    return found


def get_tags(kms: Connection, arn: str, once: bool = False) -> dict[str, str]:
    """Every tag of a key (ListResourceTags)."""
    tags: dict[str, str] = boto3_tag_list_to_ansible_dict(
        pages(kms, "ListResourceTags", "Tags", once, KeyId=arn), "TagKey", "TagValue"
    )
    return tags


# The first version with KeyMaterialId, ImportType and the list of materials.
BOTOCORE_FLOOR = "1.38.31"


def require_botocore(reason: str) -> None:
    if not botocore_at_least(BOTOCORE_FLOOR):
        raise AnsibleKMSError(
            f"botocore {BOTOCORE_FLOOR} or newer is needed where the module runs, {reason}", code=MISSING_LIBRARY
        )
