# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real main() of kms_key_replacement on an emulated KMS, and what an independent client sees of both keys."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.common import warnings as ansible_warnings
from cases import proof
from external_lab import ExternalLab
from external_lab import policy
from materials import b64
from materials import import_elsewhere
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

SYMMETRIC = "SYMMETRIC_DEFAULT"
ALIAS, SECOND = "alias/payments", "alias/second"
TOKEN, REPLACED_BY = "byok:creation-token", "byok:replaced-by"
WHOLE = ["CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias"]
WORK = ("Encrypt", "Decrypt", "GenerateMac", "VerifyMac", "Sign", "Verify")
TAGS = [{"TagKey": "owner", "TagValue": "payments"}, {"TagKey": "byok:other", "TagValue": "x"}]


class ReplacementLab(ExternalLab):
    """A lab for keys that are replaced."""

    def replace(
        self, spec: str = SYMMETRIC, label: str = "new", check_mode: bool = False, diff: bool = False, **options: Any
    ) -> dict[str, Any]:
        arguments = {**CONNECTION, "endpoint_url": self.emulator.url, **options}
        if "keys" not in options:
            arguments.setdefault("key_id", ALIAS)
        if not {"key_material", "key_material_file", "pkcs11", "keys"} & set(options):
            arguments["key_material"] = b64(material(spec, label))
        # Ansible keeps warnings for as long as a process lives, which is usually one module.
        ansible_warnings._global_warnings.clear()
        result = run_module("kms_key_replacement", arguments, check_mode=check_mode, diff=diff)
        result["warned"] = [str(warning) for warning in result.get("warnings", [])]
        return result

    def done(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """The result of a run that must not fail."""
        result = self.replace(*arguments, **options)
        assert not result.get("failed"), result["msg"]
        return result

    def old(self, spec: str = SYMMETRIC, *aliases: str, **options: Any) -> str:
        """A key as another tool has made it."""
        key_id = self.made(spec, ALIAS, Tags=TAGS, Description="as it was", **options)
        import_elsewhere(self.kms, key_id, spec, material(spec))
        self.kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=_text(policy("OfTheOldKey")))
        for alias in aliases:
            self.kms.create_alias(AliasName=alias, TargetKeyId=key_id)
        return key_id

    def changing_calls(self, since: int = 0) -> list[str]:
        """The same without the work that a canary or a proof is."""
        return [one for one in super().changing_calls(since) if one not in WORK]

    def target(self, alias: str) -> str:
        return str(self.metadata(alias)["KeyId"])

    def assert_replaced(self, old: str, result: dict[str, Any], spec: str = SYMMETRIC, label: str = "new") -> None:
        """There is one new key, like the old one, with the new material, and the alias leads to it."""
        new = result["new_key_id"]
        assert [key_id for key_id in self.all_keys() if key_id != old] == [new]
        assert self.target(ALIAS) == new
        one, other = self.metadata(old), self.metadata(new)
        for name in ("KeySpec", "KeyUsage", "Description", "Origin", "MultiRegion"):
            assert one[name] == other[name], name
        assert other["KeyState"] == "Enabled"
        assert self.policy(new) == self.policy(old)
        assert self.tags(new) == {"owner": "payments", TOKEN: f"replaces:{old}"}
        assert self.tags(old) == {"owner": "payments", "byok:other": "x", REPLACED_BY: other["Arn"]}
        self.assert_holds(new, spec, label)

    def assert_holds(self, key_id: str, spec: str, label: str) -> None:
        """KMS takes these bytes again, which it does of no others; and the key works."""
        import_elsewhere(self.kms, key_id, spec, material(spec, label))
        proof(self, key_id, spec)()


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document)
