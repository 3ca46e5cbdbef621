# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much memory the process of the module takes for five thousand keys in one call, whatever it does with them.

Measured with few and with more keys: every key costs the same, so that the difference tells what five thousand take.
"""

from __future__ import annotations

from typing import Any

from lab import Lab
from materials import b64
from materials import material
from module_process import run_process

FEW, MORE, MANY = 200, 800, 5000
MOST = 300  # MiB
SYMMETRIC = "SYMMETRIC_DEFAULT"
UNLIMITED = dict.fromkeys(("GetParametersForImport", "ImportKeyMaterial", "ListKeyRotations", "DescribeKey"), 100_000)


def test_five_thousand_keys_stay_below_300_mib(lab: Lab) -> None:
    few, more = peaks(lab, FEW), peaks(lab, MORE)

    many = {name: few[name] + (more[name] - few[name]) * (MANY - FEW) / (MORE - FEW) for name in few}

    print(f"\n{MANY} keys, peak in MiB: { {name: round(peak) for name, peak in many.items()} }")
    # Each entry of the result takes some kilobytes: a peak below that would have measured something else.
    assert all(few[name] + 3 < more[name] < many[name] < MOST for name in few), (few, more, many)


def peaks(lab: Lab, number: int) -> dict[str, float]:
    """The peak in MiB with so many new keys, by what is done with them."""
    keys = [{"key_id": lab.empty_key(), "key_material": b64(material(SYMMETRIC, str(one)))} for one in range(number)]
    names = [{"key_id": one["key_id"]} for one in keys]

    def peak_of(changed: bool, **options: Any) -> float:
        done = run_process("kms_imported_material", lab.emulator.url, request_rates=UNLIMITED, **options)
        assert not done.result.get("failed"), done.result["msg"]
        assert done.result["changed"] is changed and len(done.result["kms_keys"]) == number
        return done.peak_mebibytes

    return {
        "imported, inline material": peak_of(True, keys=keys, wrapping_key_spec="RSA_2048"),
        "unchanged, inline material": peak_of(False, keys=keys),
        "absent, check mode": peak_of(True, keys=names, state="absent", check_mode=True),
    }
