# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rotation role with material in variables, watched at -vvvv: the material is nowhere but in pipes."""

from __future__ import annotations

import json

import pytest
from materials import b64
from materials import create_key
from materials import import_elsewhere

SYMMETRIC = "SYMMETRIC_DEFAULT"


@pytest.mark.parametrize("secure_logging", [True, False])
def test_the_role_leaks_nothing(stage, secret, emulator, planted, secure_logging):
    kms = emulator.client()
    material = secret(SYMMETRIC, f"of the role, secure logging {secure_logging}")
    key_id = create_key(kms)
    import_elsewhere(kms, key_id, SYMMETRIC, material)
    wrong = secret(SYMMETRIC, f"in a wrong option, secure logging {secure_logging}")
    setting = stage(
        f"role-{secure_logging}",
        plain=b64(material),
        misspelt=b64(wrong),
    )
    work = setting.root / "work"

    def role(name: str, *keys: dict[str, str]) -> dict[str, object]:
        variables = {
            "keys": list(keys),
            "report_path": str(work / "report.json"),
            "journal_path": str(work / "journal.json"),
            "secure_logging": secure_logging,
            "request_rates": {"GetParametersForImport": 1000},
        }
        return {
            "name": name,
            "ansible.builtin.include_role": {"name": "byok.aws.kms_material_rotation"},
            "vars": {f"kms_material_rotation_{option}": value for option, value in variables.items()},
        }

    given = {"key_id": key_id, "key_material": "{{ plain }}"}
    tasks = [
        role("rotate", given),
        {"block": [role("refuse", {**given, "key_materal": "{{ misspelt }}"})], "rescue": [role("again", given)]},
    ]

    seen = setting.play(tasks)

    assert seen.status == 0, seen.stdout[-3000:] + seen.stderr[-3000:]
    assert "have options that there are not: key_materal" in seen.stdout
    assert json.loads((work / "report.json").read_text())["summary"]["changed"] == 1
    assert [str(sighting) for sighting in seen.leaks(planted)] == []
    # Ansible did not even make the directory in which it puts a module on the target.
    assert [path for path in seen.watcher.seen | seen.watcher.missed if "/ansible-tmp-" in path] == []
