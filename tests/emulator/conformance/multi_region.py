# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A multi-Region primary key and one replica, in 40 calls."""

from __future__ import annotations

from typing import Any

from conformance.rows import EAST
from conformance.rows import WEST
from conformance.rows import Instant
from conformance.rows import Judged
from conformance.rows import Material
from conformance.rows import Moment
from conformance.rows import Row
from conformance.rows import refused
from conformance.symmetric import ROTATION_SECONDS

ARNS = {region: f"arn:aws:kms:{region}:{{account}}:key/{{key}}" for region in (EAST, WEST)}
KEY = {"KeyId": "{key}"}
ALL = {**KEY, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
FIRST, SECOND = "{materialA}", "{materialB}"
NEVER: dict[str, Any] = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
NEW: dict[str, Any] = {"ImportType": "NEW_KEY_MATERIAL"}
CURRENT, OLD = "CURRENT", "NON_CURRENT"
READY, WAITING = "PENDING_ROTATION", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
TRANSIENT_SECONDS = 3.0
INVALID = "ValidationException"
STATE = "KMSInvalidStateException"

DEFAULT_POLICY = """{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::%s:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"""


def metadata(region: str, state: str, replicated: bool = True, current: str = "", **expiration: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "AWSAccountId": "{account}",
        "KeyId": "{key}",
        "Arn": ARNS[region],
        "CreationDate": Instant(f"created in {region}"),
        "Enabled": state == "Enabled",
        "Description": "",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": state,
        "Origin": "EXTERNAL",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": True,
        "MultiRegionConfiguration": {
            "MultiRegionKeyType": "PRIMARY" if region == EAST else "REPLICA",
            "PrimaryKey": {"Arn": ARNS[EAST], "Region": EAST},
            "ReplicaKeys": [{"Arn": ARNS[WEST], "Region": WEST}] if replicated else [],
        },
        **expiration,
    }
    if current:
        shown["CurrentKeyMaterialId"] = current
    return shown


def described(case: str, region: str, state: str, advance: float = 0.0, **more: Any) -> Row:
    answer = {"KeyMetadata": metadata(region, state, **more)}
    return Row(case, "describe_key", KEY, answer, region=region, advance=advance)


def held(material: str, state: str, imported: bool = True, rotated: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {"KeyMaterialId": material, "KeyMaterialState": state}
    shown["ImportState"] = "IMPORTED" if imported else "PENDING_IMPORT"
    if material == FIRST:
        shown["KeyMaterialDescription"] = "primary first"
    if rotated:
        shown.update(RotationDate=Instant("rotated", tolerance=30), RotationType="ON_DEMAND")
    return {**shown, **(NEVER if imported else {})}


def history(case: str, region: str, *entries: dict[str, Any], advance: float = 0.0) -> Row:
    rotations = [{"KeyId": ARNS[region], **entry} for entry in entries]
    answer = {"Rotations": rotations, "Truncated": False}
    return Row(case, "list_key_rotations", ALL, answer, region=region, advance=advance)


def parameters(case: str, region: str) -> Row:
    from conformance.crypto import is_rsa_public_key

    answer = {
        "KeyId": ARNS[region],
        "ImportToken": Judged(lambda token, _scene: 0 < len(token) <= 6144, "a token"),
        "PublicKey": Judged(lambda der, _scene: is_rsa_public_key(der, 2048), "an RSA public key of 2048 bits"),
        "ParametersValidTo": Instant(f"end of {case}", ahead=86400),
    }
    request = {**KEY, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    return Row(case, "get_parameters_for_import", request, answer, region=region)


def loading(region: str, letter: str, **options: Any) -> dict[str, Any]:
    case = "primary_parameters" if region == EAST else "replica_parameters"
    return {**KEY, "material": Material(lambda: letter.encode() * 32, case), **options}


def imported(case: str, region: str, letter: str, material: str, **options: Any) -> Row:
    answer = {"KeyId": ARNS[region], "KeyMaterialId": material}
    return Row(case, "import_key_material", loading(region, letter, **options), answer, region=region)


def refused_import(case: str, letter: str, code: str, message: str, **options: Any) -> Row:
    return refused(case, "import_key_material", loading(WEST, letter, **options), code, message, region=WEST)


def deleted(case: str, region: str, material: str) -> Row:
    request = {**KEY, "KeyMaterialId": material}
    answer = {"KeyId": ARNS[region], "KeyMaterialId": material}
    return Row(case, "delete_imported_key_material", request, answer, region=region)


CREATE = {
    "Origin": "EXTERNAL",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "MultiRegion": True,
}
REPLICATE = {**KEY, "ReplicaRegion": WEST}
NO_DESCRIPTION = "Key material description can only be specified on primary Multi-Region keys"
PRIMARY_ONLY = "Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys"
NOT_READY = (
    "Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key."
)
MISSING_FIRST = held(FIRST, CURRENT, imported=False)
BOTH_WAITING = (MISSING_FIRST, held(SECOND, WAITING, imported=False))
PRIMARY_WAITING = (held(FIRST, CURRENT), held(SECOND, WAITING))
ENDING: dict[str, Any] = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": Instant("expiry")}
WEEK = {**KEY, "PendingWindowInDays": 7}

REPLICATION = [
    Row(
        "multi_create",
        "create_key",
        CREATE,
        {"KeyMetadata": metadata(EAST, "PendingImport", replicated=False)},
    ),
    refused("replicate_pending_import", "replicate_key", REPLICATE, STATE, f"{ARNS[EAST]} is pending import."),
    parameters("primary_parameters", EAST),
    imported("primary_first_import", EAST, "A", FIRST, KeyMaterialDescription="primary first", **NEVER),
    Row(
        "replicate_imported_primary",
        "replicate_key",
        REPLICATE,
        {
            "ReplicaKeyMetadata": metadata(WEST, "Creating", **NEVER),
            "ReplicaPolicy": Judged(
                lambda policy, scene: policy == DEFAULT_POLICY % scene.names["account"], "the default policy"
            ),
        },
    ),
    described("replica_pending_poll", WEST, "PendingImport", advance=TRANSIENT_SECONDS, current=FIRST),
    history("replica_missing_first_history", WEST, MISSING_FIRST),
    parameters("replica_parameters", WEST),
    refused_import(
        "replica_wrong_first",
        "B",
        "IncorrectKeyMaterialException",
        f"Imported key material does not have the expected identifier ({FIRST}).",
        **NEVER,
    ),
    refused_import(
        "replica_first_import", "A", INVALID, NO_DESCRIPTION, KeyMaterialDescription="replica first", **NEVER
    ),
    history("replica_first_history", WEST, MISSING_FIRST),
]

STAGING = [
    imported("primary_stage_second", EAST, "B", SECOND, **NEVER, **NEW),
    history("primary_missing_replica_history", EAST, *PRIMARY_WAITING),
    history("replica_missing_second_history", WEST, *BOTH_WAITING),
    refused("rotate_before_replica_import", "rotate_key_on_demand", KEY, STATE, NOT_READY),
    refused_import("replica_new_type_rejected", "B", INVALID, PRIMARY_ONLY, **NEVER, **NEW),
    refused_import(
        "replica_second_import",
        "B",
        INVALID,
        NO_DESCRIPTION,
        ExpirationModel="KEY_MATERIAL_EXPIRES",
        ValidTo=Moment(3600),
        KeyMaterialDescription="replica second",
    ),
    history("primary_ready_history", EAST, *PRIMARY_WAITING),
    history("replica_ready_history", WEST, *BOTH_WAITING),
    deleted("delete_replica_pending", WEST, SECOND),
    history("primary_after_replica_pending_delete", EAST, *PRIMARY_WAITING),
    imported("replica_restore_pending", WEST, "B", SECOND, **NEVER),
    deleted("delete_primary_pending", EAST, SECOND),
    history("replica_after_primary_pending_delete", WEST, MISSING_FIRST),
    imported("primary_restage_second", EAST, "B", SECOND, **NEVER, **NEW),
    imported("replica_restage_second", WEST, "B", SECOND, **NEVER),
]

ROTATION = [
    Row("rotate_imported_multi", "rotate_key_on_demand", KEY, {"KeyId": ARNS[EAST]}),
    history("multi_rotation_poll", EAST, held(FIRST, CURRENT), held(SECOND, READY)),
    history(
        "multi_rotation_poll",
        EAST,
        held(FIRST, OLD),
        held(SECOND, CURRENT, rotated=True),
        advance=ROTATION_SECONDS,
    ),
    history(
        "rotated_replica_history",
        WEST,
        held(FIRST, OLD, imported=False),
        held(SECOND, CURRENT, rotated=True),
    ),
    deleted("delete_replica_noncurrent", WEST, FIRST),
    described("primary_after_replica_loss", EAST, "Enabled", current=SECOND, **NEVER),
    described("replica_after_replica_loss", WEST, "PendingImport", current=SECOND),
    imported("restore_replica_noncurrent", WEST, "A", FIRST, **NEVER),
]

EXPIRY_AND_DELETION = [
    imported(
        "primary_set_expiry",
        EAST,
        "B",
        SECOND,
        ExpirationModel="KEY_MATERIAL_EXPIRES",
        ValidTo=Moment(20, "expiry"),
    ),
    described("primary_expiry_poll", EAST, "Enabled", current=SECOND, **ENDING),
    described("primary_expiry_poll", EAST, "PendingImport", advance=22, current=SECOND),
    described("replica_after_primary_expiry", WEST, "Enabled", current=SECOND, **NEVER),
    Row(
        "cleanup_us-east-1",
        "schedule_key_deletion",
        WEEK,
        {"KeyId": ARNS[EAST], "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": 7},
    ),
    Row(
        "cleanup_us-west-2",
        "schedule_key_deletion",
        WEEK,
        {
            "KeyId": ARNS[WEST],
            "KeyState": "PendingDeletion",
            "PendingWindowInDays": 7,
            "DeletionDate": Instant("deletion", ahead=7 * 86400),
        },
        region=WEST,
    ),
]

ROWS = [*REPLICATION, *STAGING, *ROTATION, *EXPIRY_AND_DELETION]
