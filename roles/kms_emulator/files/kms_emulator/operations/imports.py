# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The three operations on imported material."""

from __future__ import annotations

from typing import Any

from kms_emulator import lineage
from kms_emulator import material
from kms_emulator import specs
from kms_emulator.errors import invalid_import_token
from kms_emulator.errors import validation
from kms_emulator.importing import Import
from kms_emulator.importing import delete_material
from kms_emulator.importing import import_material
from kms_emulator.key import EmulatedKey
from kms_emulator.operations.base import Operation
from kms_emulator.operations.base import answer
from kms_emulator.operations.base import encoded
from kms_emulator.runtime import runtime
from kms_emulator.tokens import LIFETIME_SECONDS
from kms_emulator.tokens import ImportToken
from kms_emulator.unwrapping import unwrap

SYMMETRIC_ONLY = ("ImportType", "KeyMaterialId", "KeyMaterialDescription")
YEAR_SECONDS = 365 * 24 * 60 * 60
NEW = "NEW_KEY_MATERIAL"
EXISTING = "EXISTING_KEY_MATERIAL"


class ImportOperations(Operation):
    """GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial."""

    def get_parameters_for_import(self) -> str:
        key = self.usable_key()
        algorithm, spec = self.params["WrappingAlgorithm"], self.params["WrappingKeySpec"]
        if not specs.can_wrap(key.key_spec, algorithm, spec):
            raise validation(
                f"Wrapping algorithm {algorithm} and wrapping key spec {spec} "
                f"cannot be used to import a {key.key_spec} key."
            )
        wrapping_key = runtime.wrapping_keys.next_key(spec)
        valid_to = runtime.clock.now() + LIFETIME_SECONDS
        token = ImportToken(key.arn, wrapping_key.number, algorithm, valid_to)
        return answer(
            {
                "KeyId": key.arn,
                "ImportToken": encoded(runtime.tokens.seal(token)),
                "PublicKey": encoded(wrapping_key.public_der),
                "ParametersValidTo": round(valid_to, 3),
            }
        )

    def import_key_material(self) -> str:
        key = self.usable_key()
        _check_spec(key, self.params)
        wanted = self._wanted(key)
        secret = self._unwrapped(key)
        with self.kms_backend.change(key):
            entry = import_material(key, secret, wanted)
            self.kms_backend.own(key, entry)
        return answer({"KeyId": key.arn, "KeyMaterialId": entry.material_id if key.is_symmetric else None})

    def delete_imported_key_material(self) -> str:
        key = self.usable_key()
        material_id = self.params.get("KeyMaterialId")
        if material_id is not None and not key.is_symmetric:
            raise _not_for(key, "KeyMaterialId")
        with self.kms_backend.change(key):
            entry = delete_material(key, material_id)
        return answer({"KeyId": key.arn, "KeyMaterialId": entry.material_id if entry and key.is_symmetric else None})

    def _wanted(self, key: EmulatedKey) -> Import:
        """What the request asks for, its parameters having been checked against each other."""
        kind = self.params.get("ImportType") or (EXISTING if key.lineage.permanent else NEW)
        material_id = self.params.get("KeyMaterialId")
        description = self.params.get("KeyMaterialDescription")
        if key.is_replica and self.params.get("ImportType") == NEW:
            raise validation("Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys")
        if key.is_replica and description is not None:
            raise validation("Key material description can only be specified on primary Multi-Region keys")
        if kind == NEW and material_id is not None:
            raise validation("Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.")
        model, valid_to = _checked_expiry(self.params)
        return Import(kind == NEW, material_id, description, model, valid_to)

    def _unwrapped(self, key: EmulatedKey) -> bytes:
        token = runtime.tokens.open(self.blob("ImportToken"), key.arn, runtime.clock.now())
        wrapping_key = runtime.wrapping_keys.by_number(token.wrapping_key)
        if wrapping_key is None:
            raise invalid_import_token()
        plaintext = unwrap(wrapping_key.private, token.algorithm, self.blob("EncryptedKeyMaterial"))
        return material.canonical(key.key_spec, plaintext)


def _check_spec(key: EmulatedKey, params: dict[str, Any]) -> None:
    for name in SYMMETRIC_ONLY:
        if not key.is_symmetric and params.get(name) is not None:
            raise _not_for(key, name)


def _not_for(key: EmulatedKey, name: str) -> Exception:
    member = name[0].lower() + name[1:]
    return validation(f"Input parameter {member} cannot be used with {key.key_spec} imported keys.")


def _checked_expiry(params: dict[str, Any]) -> tuple[str, float | None]:
    """The model defaults to EXPIRES. KMS keeps whole seconds."""
    model = params.get("ExpirationModel") or lineage.EXPIRES
    valid_to = params.get("ValidTo")
    if model == lineage.NEVER:
        if valid_to is not None:
            raise validation(f"A validTo date cannot be set if the ExpirationModel is {lineage.NEVER}")
        return model, None
    if valid_to is None:
        raise validation(f"A validTo date must be set if the ExpirationModel is {lineage.EXPIRES}")
    now = runtime.clock.now()
    if valid_to <= now:
        raise validation("ValidTo must be in the future")
    if valid_to >= now + YEAR_SECONDS:
        raise validation("ValidTo must be less than 365 days in the future")
    return model, float(valid_to)
