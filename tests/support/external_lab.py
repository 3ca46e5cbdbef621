# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real main() of kms_external_key on an emulated KMS, and what an independent client sees of the keys."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.common import warnings as ansible_warnings
from lab import Lab
from materials import create_key
from materials import import_elsewhere
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

SYMMETRIC = "SYMMETRIC_DEFAULT"
READING = ("Describe", "List", "Get")
TOKEN = "byok:creation-token"
REGION = "us-east-1"
ALIAS = "alias/payments"


def policy(sid: str = "Administer") -> dict[str, Any]:
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": ["kms:*"],
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


class ExternalLab(Lab):
    """A lab for keys instead of materials."""

    def run(self, check_mode: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {**CONNECTION, "endpoint_url": self.emulator.url, **options}
        # Ansible keeps warnings for as long as a process lives, which is usually one module.
        ansible_warnings._global_warnings.clear()
        result = run_module("kms_external_key", arguments, check_mode=check_mode, diff=diff)
        result["warned"] = [str(warning) for warning in result.get("warnings", [])]
        return result

    def done(self, **options: Any) -> dict[str, Any]:
        """The result of a run that must not fail."""
        result = self.run(**options)
        assert not result.get("failed"), result["msg"]
        return result

    def changing_calls(self, since: int = 0) -> list[str]:
        """What KMS carried out of the calls that change something, in order; also where the answer was lost."""
        return [
            call["operation"]
            for call in self.emulator.calls()[since:]
            if not call["operation"].startswith(READING) and "Success" in (call["outcome"], call.get("executed"))
        ]

    def made(self, key_spec: str = SYMMETRIC, alias: str | None = ALIAS, **options: Any) -> str:
        """An empty EXTERNAL key that another tool has made."""
        key_id = create_key(self.kms, key_spec, **options)
        if alias:
            self.kms.create_alias(AliasName=alias, TargetKeyId=key_id)
        return key_id

    def filled(self, key_spec: str = SYMMETRIC, alias: str | None = ALIAS, **options: Any) -> str:
        """The same with its material."""
        key_id = self.made(key_spec, alias, **options)
        import_elsewhere(self.kms, key_id, key_spec, material(key_spec))
        return key_id

    def aliases(self, key_id: str) -> list[str]:
        return [one["AliasName"] for one in self.kms.list_aliases(KeyId=key_id)["Aliases"]]

    def policy(self, key_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
        return found

    def all_keys(self) -> list[str]:
        """Every key that is not on its way out."""
        listed = [one["KeyId"] for one in self.kms.list_keys(Limit=1000)["Keys"]]
        return [key_id for key_id in listed if self.state(key_id) != "PendingDeletion"]
