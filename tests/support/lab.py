# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An emulated KMS, an independent client to look at it, and our module's real main()."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from datetime import timezone
from typing import Any

from materials import b64
from materials import create_key
from materials import import_elsewhere
from materials import mark_of
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

CHANGING = {
    "ImportKeyMaterial",
    "DeleteImportedKeyMaterial",
    "RotateKeyOnDemand",
    "EnableKey",
    "DisableKey",
    "TagResource",
    "UntagResource",
}


@dataclass
class Lab:
    """An emulated KMS, an independent client to look at it, and our module."""

    emulator: Any
    kms: Any

    def run(self, check_mode: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {**CONNECTION, "endpoint_url": self.emulator.url, **options}
        return run_module("kms_imported_material", arguments, check_mode=check_mode, diff=diff)

    def calls(self, since: int = 0) -> list[str]:
        return [call["operation"] for call in self.emulator.calls()[since:]]

    def changing_calls(self, since: int = 0) -> list[str]:
        """What KMS carried out of the calls that change something, in order."""
        return [
            call["operation"]
            for call in self.emulator.calls()[since:]
            if call["operation"] in CHANGING and call["outcome"] == "Success"
        ]

    def mark(self) -> int:
        return len(self.emulator.calls())

    def state(self, key_id: str) -> str:
        return str(self.kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"])

    def kms_state_past_faults(self, key_id: str) -> str:
        """The key's state once the faults are gone."""
        self.emulator.faults([])
        return self.state(key_id)

    def metadata(self, key_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.kms.describe_key(KeyId=key_id)["KeyMetadata"]
        return answer

    def materials(self, key_id: str) -> list[dict[str, Any]]:
        answer = self.kms.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        entries: list[dict[str, Any]] = answer["Rotations"]
        return entries

    def tags(self, key_id: str) -> dict[str, str]:
        return {tag["TagKey"]: tag["TagValue"] for tag in self.kms.list_resource_tags(KeyId=key_id)["Tags"]}

    def remember_disabled(self, key_id: str, label: str = "a") -> None:
        """Tag the key as an import into a Disabled key does, for the material with this label."""
        from ansible_collections.byok.aws.plugins.module_utils._kms.key.tag_values import restore_value
        from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import sealer
        from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key

        metadata = self.metadata(key_id)
        seal = sealer(material(metadata["KeySpec"], label))
        value = restore_value(key(arn=metadata["Arn"]), datetime.now(timezone.utc), seal)
        self.kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "byok:restore-state", "TagValue": value}])

    def empty_key(self, key_spec: str = "SYMMETRIC_DEFAULT", **options: Any) -> str:
        return create_key(self.kms, key_spec, **options)

    def foreign_key(self, key_spec: str = "SYMMETRIC_DEFAULT", label: str = "a", **options: Any) -> str:
        """A key whose material another tool has imported."""
        key_id = self.empty_key(key_spec)
        import_elsewhere(self.kms, key_id, key_spec, material(key_spec, label), **options)
        return key_id

    def own_key(self, key_spec: str = "SYMMETRIC_DEFAULT", label: str = "a", **options: Any) -> str:
        """A key whose material the module has imported; without options, another tool that leaves the same behind."""
        key_id = self.empty_key(key_spec)
        if not options:
            content = material(key_spec, label)
            # KMS keeps a description for this kind of key alone.
            marked = key_spec == "SYMMETRIC_DEFAULT"
            mark = {"KeyMaterialDescription": mark_of(key_id, content)} if marked else {}
            import_elsewhere(self.kms, key_id, key_spec, content, **mark)
            return key_id
        result = self.run(key_id=key_id, key_material=b64(material(key_spec, label)), **options)
        assert not result.get("failed"), result["msg"]
        return key_id
