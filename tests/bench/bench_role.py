# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role kms_material_rotation costs, beside one module task on the same keys and one kms_key_info task.

Prints figures, asserts none of them. Run by `make bench`, which puts everything on the path. Numbers of keys as
arguments stand in place of those below.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import playbook
from emulator_process import EmulatorProcess
from lab import Lab
from materials import b64
from materials import material
from module_process import run_process

SYMMETRIC = "SYMMETRIC_DEFAULT"
SIZES = (1, 60, 240, 960)
# How often the smallest is repeated, whose time is mostly that of starting processes.
ROUNDS = 5
OPERATIONS = (
    *("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial", "ListKeyRotations", "DescribeKey"),
    *("ListAliases", "ListResourceTags", "TagResource", "UntagResource", "DisableKey", "Encrypt", "Decrypt"),
)
# No quotas: what the emulator and this machine allow is the limit.
UNLIMITED = dict.fromkeys(OPERATIONS, 100_000)
INFO, MODULE, ROLE, END = "one kms_key_info task", "one module task", "the role", "the end"

Keys = list[dict[str, Any]]


def keys_of(lab: Lab, number: int) -> Keys:
    """Keys with material, every second one Disabled, as entries of `keys`."""
    keys = [
        {"key_id": lab.empty_key(), "key_material": b64(material(SYMMETRIC, str(position)))}
        for position in range(number)
    ]
    done = run_process("kms_imported_material", lab.emulator.url, keys=keys, request_rates=UNLIMITED)
    assert not done.result.get("failed"), done.result["msg"]
    for one in keys[1::2]:
        lab.kms.disable_key(KeyId=one["key_id"])
    return keys


def tasks(keys: Keys, directory: Path) -> list[dict[str, Any]]:
    variables = {
        "keys": keys,
        "report_path": str(directory / "report.json"),
        "journal_path": str(directory / "journal.json"),
        "request_rates": UNLIMITED,
    }
    return [
        {"name": INFO, "amazon.aws.kms_key_info": {"key_id": keys[0]["key_id"]}},
        {
            "name": MODULE,
            "byok.aws.kms_imported_material": {"state": "reimported", "keys": keys, "request_rates": UNLIMITED},
        },
        {
            "name": ROLE,
            "ansible.builtin.include_role": {"name": "byok.aws.kms_material_rotation"},
            "vars": {f"kms_material_rotation_{name}": value for name, value in variables.items()},
        },
        {"name": END, "ansible.builtin.debug": {"msg": "the end"}},
    ]


def measure(lab: Lab, number: int, rounds: int, directory: Path) -> dict[str, float]:
    """The seconds of each, the median of several rounds in one run of ansible-playbook. The first round is not counted:
    it packs the modules."""
    keys = keys_of(lab, number)
    warming = tasks(keys_of(lab, 1), directory)
    playbook(lab, warming + tasks(keys, directory) * rounds, directory)
    starts = json.loads((directory / "starts.json").read_text())
    named = [(name, at) for name, at in starts if name in (INFO, MODULE, ROLE, END)][4:]
    spans = [(name, after - at) for (name, at), (_next, after) in zip(named, named[1:])]
    return {
        what: statistics.median(seconds for name, seconds in spans if name == what) for what in (INFO, MODULE, ROLE)
    }


def main() -> None:
    sizes = [int(one) for one in sys.argv[1:]] or SIZES
    found = {}
    print("Seconds, half of the keys Disabled, no quotas, with journal and report")
    print(f"  {'keys':>5} {INFO:>24} {MODULE:>18} {ROLE:>10}   the role in tasks of either")
    for number in sizes:
        with EmulatorProcess() as emulator, tempfile.TemporaryDirectory() as directory:
            lab = Lab(emulator, emulator.client())
            one = found[number] = measure(lab, number, ROUNDS if number == 1 else 1, Path(directory))
            ratios = f"{one[ROLE] / one[INFO]:7.1f} {one[ROLE] / one[MODULE]:7.2f}"
            print(f"  {number:>5} {one[INFO]:>24.2f} {one[MODULE]:>18.2f} {one[ROLE]:>10.2f}   {ratios}", flush=True)
    if 240 in found and 960 in found:
        print(f"  960 keys take {found[960][ROLE] / found[240][ROLE]:.2f} times as long as 240")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"  the largest process, of the controller or of a module: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
