# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of one symmetric key, in 64 calls."""

from __future__ import annotations

from typing import Any

from conformance.rows import Instant
from conformance.rows import Judged
from conformance.rows import Material
from conformance.rows import Moment
from conformance.rows import Row
from conformance.rows import Scene
from conformance.rows import refused

ROTATION_SECONDS = 160.0

ARN = "arn:aws:kms:us-east-1:{account}:key/{key}"
KEY = {"KeyId": "{key}"}
ALL = {**KEY, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}
A, B, C = "{materialA}", "{materialB}", "{materialC}"
ZEROS = "0" * 64
NEVER: dict[str, Any] = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
NEW: dict[str, Any] = {"ImportType": "NEW_KEY_MATERIAL"}

PENDING = f"{ARN} is pending import."
EXTERNAL = f"{ARN} origin is EXTERNAL which is not valid for this operation."
OTHER_BYTES = "Imported key material does not have the expected identifier (%s)."


def wrapping(algorithm: str, spec: str) -> dict[str, str]:
    return {**KEY, "WrappingAlgorithm": algorithm, "WrappingKeySpec": spec}


def loading(letter: str, length: int = 32, parameters: str = "parameters_first", **options: Any) -> dict[str, Any]:
    return {**KEY, "material": Material(lambda: letter.encode() * length, parameters), **options}


def metadata(state: str, current: str | None = None, **expiration: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "AWSAccountId": "{account}",
        "KeyId": "{key}",
        "Arn": ARN,
        "CreationDate": Instant("created"),
        "Enabled": state == "Enabled",
        "Description": "",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": state,
        "Origin": "EXTERNAL",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
        **expiration,
    }
    if current:
        shown["CurrentKeyMaterialId"] = current
    return {"KeyMetadata": shown}


def entry(material: str, state: str, imported: bool = True, **more: Any) -> dict[str, Any]:
    shown = {"KeyId": ARN, "KeyMaterialId": material, "KeyMaterialState": state}
    shown["ImportState"] = "IMPORTED" if imported else "PENDING_IMPORT"
    return {**shown, **(NEVER if imported else {}), **more}


def history(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"Rotations": list(entries), "Truncated": False}


def parameters(name: str, bits: int) -> dict[str, Any]:
    from conformance.crypto import is_rsa_public_key

    return {
        "KeyId": ARN,
        "ImportToken": Judged(lambda token, _scene: 0 < len(token) <= 6144, "a token"),
        "PublicKey": Judged(lambda der, _scene: is_rsa_public_key(der, bits), f"an RSA public key of {bits} bits"),
        "ParametersValidTo": Instant(f"end of {name}", ahead=86400),
    }


def imported(material: str) -> dict[str, str]:
    return {"KeyId": ARN, "KeyMaterialId": material}


def _names_its_material(blob: bytes, scene: Scene) -> bool:
    return blob[:5].hex() == "0102020078" and blob[5:37].hex() == scene.names["materialA"]


STATUS = {"KeyRotationEnabled": False, "KeyId": ARN}
FIRST = entry(A, "CURRENT", KeyMaterialDescription="first material")
STAGED = entry(B, "PENDING_ROTATION")
ROTATED: dict[str, Any] = {"RotationDate": Instant("rotated", tolerance=30), "RotationType": "ON_DEMAND"}
OLD = entry(A, "NON_CURRENT", KeyMaterialDescription="first material")
SECOND = entry(B, "CURRENT", **ROTATED)
ENDING: dict[str, Any] = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": Instant("expiry")}
DELETION = {
    "KeyId": ARN,
    "KeyState": "PendingDeletion",
    "PendingWindowInDays": 7,
}
INVALID = "ValidationException"
STATE = "KMSInvalidStateException"
MISMATCH = "IncorrectKeyMaterialException"
UNSUPPORTED = "UnsupportedOperationException"

CREATE = {
    "Origin": "EXTERNAL",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "MultiRegion": False,
}
WEEK = {**KEY, "PendingWindowInDays": 7}


def _wrapping_refused(algorithm: str) -> str:
    return (
        f"Wrapping algorithm {algorithm} and wrapping key spec RSA_2048 "
        "cannot be used to import a SYMMETRIC_DEFAULT key."
    )


EMPTY_KEY = [
    Row("symmetric_create", "create_key", CREATE, metadata("PendingImport")),
    Row("symmetric_empty_history", "list_key_rotations", ALL, history()),
    Row("symmetric_delete_empty", "delete_imported_key_material", KEY, {"KeyId": ARN}),
    refused("pending_enable-key", "enable_key", KEY, STATE, PENDING),
    refused("pending_disable-key", "disable_key", KEY, STATE, PENDING),
    refused("pending_enable-key-rotation", "enable_key_rotation", KEY, UNSUPPORTED, EXTERNAL),
    refused("pending_disable-key-rotation", "disable_key_rotation", KEY, UNSUPPORTED, EXTERNAL),
    refused("pending_rotate-key-on-demand", "rotate_key_on_demand", KEY, STATE, PENDING),
    Row("pending_get-key-rotation-status", "get_key_rotation_status", KEY, STATUS),
    refused(
        "deprecated_wrapping",
        "get_parameters_for_import",
        wrapping("RSAES_PKCS1_V1_5", "RSA_2048"),
        INVALID,
        _wrapping_refused("RSAES_PKCS1_V1_5"),
    ),
    refused(
        "symmetric_hybrid_wrapping",
        "get_parameters_for_import",
        wrapping("RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
        INVALID,
        _wrapping_refused("RSA_AES_KEY_WRAP_SHA_256"),
    ),
    Row(
        "parameters_first",
        "get_parameters_for_import",
        wrapping("RSAES_OAEP_SHA_256", "RSA_2048"),
        parameters("parameters_first", 2048),
    ),
    Row(
        "parameters_second",
        "get_parameters_for_import",
        wrapping("RSAES_OAEP_SHA_1", "RSA_3072"),
        parameters("parameters_second", 3072),
    ),
]

FIRST_IMPORT = [
    refused(
        "missing_valid_to",
        "import_key_material",
        loading("A"),
        INVALID,
        "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
    ),
    refused(
        "expired_valid_to",
        "import_key_material",
        loading("A", ValidTo=Moment(-60)),
        INVALID,
        "ValidTo must be in the future",
    ),
    refused(
        "excessive_valid_to",
        "import_key_material",
        loading("A", ValidTo=Moment(367 * 86400)),
        INVALID,
        "ValidTo must be less than 365 days in the future",
    ),
    refused("short_material", "import_key_material", loading("A", 16, **NEVER), "InvalidCiphertextException"),
    Row(
        "initial_import_old_token",
        "import_key_material",
        loading("A", KeyMaterialDescription="first material", **NEVER),
        imported(A),
    ),
    Row("initial_metadata", "describe_key", KEY, metadata("Enabled", A, **NEVER)),
    Row("initial_history", "list_key_rotations", ALL, history(FIRST)),
    Row("same_token_retry", "import_key_material", loading("A", **NEVER), imported(A)),
    Row(
        "new_token_existing_material",
        "import_key_material",
        loading("A", parameters="parameters_second", **NEVER),
        imported(A),
    ),
    refused(
        "no_expiry_with_valid_to",
        "import_key_material",
        loading("A", ValidTo=Moment(3600), **NEVER),
        INVALID,
        "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
    ),
    refused("wrong_existing_material", "import_key_material", loading("B", **NEVER), MISMATCH, OTHER_BYTES % A),
    refused(
        "new_same_material",
        "import_key_material",
        loading("A", **NEVER, **NEW),
        MISMATCH,
        f"Key material (id: {A}) being imported as NEW_KEY_MATERIAL is already associated with KMS key {ARN}.",
    ),
    refused(
        "existing_wrong_identifier",
        "import_key_material",
        loading("A", KeyMaterialId=ZEROS, **NEVER),
        MISMATCH,
        OTHER_BYTES % ZEROS,
    ),
    refused(
        "new_with_identifier",
        "import_key_material",
        loading("A", KeyMaterialId=A, **NEVER, **NEW),
        INVALID,
        "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.",
    ),
    Row(
        "initial_encrypt",
        "encrypt",
        {**KEY, "Plaintext": b"import lifecycle"},
        {
            "CiphertextBlob": Judged(_names_its_material, "a ciphertext of the first material"),
            "KeyId": ARN,
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        },
    ),
    refused("imported_enable-key-rotation", "enable_key_rotation", KEY, UNSUPPORTED, EXTERNAL),
    refused("imported_disable-key-rotation", "disable_key_rotation", KEY, UNSUPPORTED, EXTERNAL),
    refused(
        "imported_rotate-key-on-demand",
        "rotate_key_on_demand",
        KEY,
        STATE,
        f"No available key material pending rotation for the key: {ARN}.",
    ),
    Row("imported_get-key-rotation-status", "get_key_rotation_status", KEY, STATUS),
]

STAGING = [
    Row(
        "new_second_material",
        "import_key_material",
        loading("B", KeyMaterialDescription="pending second", **NEVER, **NEW),
        imported(B),
    ),
    Row(
        "pending_rotation_history",
        "list_key_rotations",
        ALL,
        history(FIRST, {**STAGED, "KeyMaterialDescription": "pending second"}),
    ),
    refused(
        "third_while_pending",
        "import_key_material",
        loading("C", **NEVER, **NEW),
        STATE,
        f"New key material (id: {C}) cannot be imported into KMS key {ARN}, "
        f"because another key material (id: {B}) is pending rotation.",
    ),
    Row("delete_pending_rotation", "delete_imported_key_material", {**KEY, "KeyMaterialId": B}, imported(B)),
    Row("after_delete_pending_metadata", "describe_key", KEY, metadata("Enabled", A, **NEVER)),
    Row("after_delete_pending_history", "list_key_rotations", ALL, history(FIRST)),
    Row("restore_second_as_new", "import_key_material", loading("B", **NEVER, **NEW), imported(B)),
    Row("rotate_imported", "rotate_key_on_demand", KEY, {"KeyId": ARN}),
    Row("rotation_complete_poll", "list_key_rotations", ALL, history(FIRST, STAGED)),
    Row("rotation_complete_poll", "list_key_rotations", ALL, history(OLD, SECOND), advance=ROTATION_SECONDS),
]

LOSS = [
    Row("delete_noncurrent", "delete_imported_key_material", {**KEY, "KeyMaterialId": A}, imported(A)),
    Row("missing_noncurrent_metadata", "describe_key", KEY, metadata("PendingImport", B)),
    refused("missing_noncurrent_encrypt", "encrypt", {**KEY, "Plaintext": b"missing old material"}, STATE, PENDING),
    Row(
        "missing_noncurrent_history",
        "list_key_rotations",
        ALL,
        history(entry(A, "NON_CURRENT", imported=False, KeyMaterialDescription="first material"), SECOND),
    ),
    Row("restore_noncurrent", "import_key_material", loading("A", KeyMaterialId=A, **NEVER), imported(A)),
    Row("disable_imported", "disable_key", KEY),
    Row(
        "parameters_disabled",
        "get_parameters_for_import",
        wrapping("RSAES_OAEP_SHA_256", "RSA_2048"),
        parameters("parameters_disabled", 2048),
    ),
    Row("reimport_disabled", "import_key_material", loading("B", **NEVER), imported(B)),
    Row("after_disabled_import", "describe_key", KEY, metadata("Enabled", B, **NEVER)),
    Row("enable_before_expiry", "enable_key", KEY),
]

EXPIRY_AND_DELETION = [
    Row(
        "set_short_expiry",
        "import_key_material",
        loading("B", ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=Moment(20, "expiry")),
        imported(B),
    ),
    Row("material_expiry_poll", "describe_key", KEY, metadata("Enabled", B, **ENDING)),
    Row("material_expiry_poll", "describe_key", KEY, metadata("PendingImport", B), advance=22),
    Row("expired_history", "list_key_rotations", ALL, history(OLD, {**SECOND, **ENDING})),
    Row("reimport_expired_current", "import_key_material", loading("B", **NEVER), imported(B)),
    Row("delete_current", "delete_imported_key_material", KEY, imported(B)),
    Row("delete_current_again", "delete_imported_key_material", KEY, imported(B)),
    refused(
        "delete_unknown_id",
        "delete_imported_key_material",
        {**KEY, "KeyMaterialId": ZEROS},
        INVALID,
        f"Key material (id: {ZEROS}) has never been imported into KMS key {ARN}.",
    ),
    Row(
        "schedule_missing_material",
        "schedule_key_deletion",
        WEEK,
        {**DELETION, "DeletionDate": Instant("first deletion", ahead=7 * 86400)},
    ),
    Row("cancel_missing_material", "cancel_key_deletion", KEY, {"KeyId": ARN}),
    Row("after_cancel_missing_material", "describe_key", KEY, metadata("PendingImport", B)),
    Row(
        "cleanup_us-east-1",
        "schedule_key_deletion",
        WEEK,
        {**DELETION, "DeletionDate": Instant("second deletion", ahead=7 * 86400)},
    ),
]

ROWS = [*EMPTY_KEY, *FIRST_IMPORT, *STAGING, *LOSS, *EXPIRY_AND_DELETION]
