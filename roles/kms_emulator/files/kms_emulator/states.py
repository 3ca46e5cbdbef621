# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which operation a key allows in which state, and how AWS words the refusal."""

from __future__ import annotations

from kms_emulator import key as states
from kms_emulator.errors import KmsError
from kms_emulator.errors import disabled
from kms_emulator.errors import invalid_state
from kms_emulator.errors import wrong_origin
from kms_emulator.key import EmulatedKey

COLUMNS = (
    states.DISABLED,
    states.PENDING_DELETION,
    states.PENDING_IMPORT,
    states.CREATING,
    states.UPDATING,
)

ENCRYPTING = (
    "Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair "
    "GenerateDataKeyPairWithoutPlaintext GenerateMac VerifyMac Sign Verify DeriveSharedSecret"
)

# One row per refusal pattern, one letter per column: "." allowed, "d" disabled, "x" the state itself is named.
# KMS may say "disabled" instead of "pending deletion" to cryptographic operations [doc]; this is the choice made.
_ROWS = {
    "...xx": "DeleteImportedKeyMaterial",
    ".x.xx": "GetParametersForImport ImportKeyMaterial",
    "dxxx.": f"RotateKeyOnDemand UpdatePrimaryRegion {ENCRYPTING}",
    ".xxxx": "EnableKey DisableKey",
    ".x..x": "ScheduleKeyDeletion",
    ".x...": "CreateAlias UpdateAlias TagResource UntagResource UpdateKeyDescription",
    "dxxxx": "ReplicateKey",
    ".xxx.": "GetPublicKey",
    "dx.xx": "EnableKeyRotation DisableKeyRotation",
}
TABLE: dict[str, dict[str, str]] = {
    operation: dict(zip(COLUMNS, row)) for row, operations in _ROWS.items() for operation in operations.split()
}

_TEXTS = {
    states.PENDING_DELETION: "is pending deletion.",
    states.PENDING_REPLICA_DELETION: "is pending replica deletion.",
    states.PENDING_IMPORT: "is pending import.",
    states.CREATING: "is creating.",
    states.UPDATING: "is updating.",
}
ROTATION_SETTINGS = ("EnableKeyRotation", "DisableKeyRotation")
IMPORT_OPERATIONS = ("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial")


def check(operation: str, key: EmulatedKey) -> None:
    """Origin first, then the state; the key spec is for the operation itself to look at."""
    if operation in IMPORT_OPERATIONS and not key.is_external:
        raise wrong_origin(key.arn, key.origin)
    if operation in ROTATION_SETTINGS and key.is_external and key.state not in states.DELETING:
        raise wrong_origin(key.arn, key.origin)
    if operation == "CancelKeyDeletion":
        _check_cancel(key)
        return
    mark = TABLE.get(operation, {}).get(_column(key.state), ".")
    if mark != ".":
        raise refusal(key)


def refusal(key: EmulatedKey) -> KmsError:
    """The refusal that names the state of the key."""
    if key.state == states.DISABLED:
        return disabled(key.arn)
    return invalid_state(f"{key.arn} {_TEXTS[key.state]}")


def _check_cancel(key: EmulatedKey) -> None:
    # The guide shows the beginning of this text only.
    if key.state not in states.DELETING:
        raise invalid_state(f"{key.arn} is not pending deletion.")


def _column(state: str) -> str:
    return states.PENDING_DELETION if state == states.PENDING_REPLICA_DELETION else state
