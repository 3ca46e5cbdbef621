# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Five thousand keys in one call: how much memory the module's process takes, whatever it does with them."""

from __future__ import annotations

from typing import Any

from lab import Lab
from materials import b64
from materials import material
from module_process import run_process

NUMBER = 5000
MOST = 300  # MiB
SYMMETRIC = "SYMMETRIC_DEFAULT"
UNLIMITED = dict.fromkeys(("GetParametersForImport", "ImportKeyMaterial", "ListKeyRotations", "DescribeKey"), 100_000)


def test_five_thousand_keys_stay_below_300_mib(lab: Lab) -> None:
    keys = [
        {"key_id": lab.empty_key(), "key_material": b64(material(SYMMETRIC, str(number)))} for number in range(NUMBER)
    ]
    names = [{"key_id": one["key_id"]} for one in keys]

    def peak_of(changed: bool, **options: Any) -> float:
        done = run_process("kms_imported_material", lab.emulator.url, request_rates=UNLIMITED, **options)
        assert not done.result.get("failed"), done.result["msg"]
        assert done.result["changed"] is changed and len(done.result["kms_keys"]) == NUMBER
        return done.peak_mebibytes

    peaks = {
        "imported, inline material": peak_of(True, keys=keys, wrapping_key_spec="RSA_2048"),
        "unchanged, inline material": peak_of(False, keys=keys),
        "absent, check mode": peak_of(True, keys=names, state="absent", check_mode=True),
    }

    print(f"\n{NUMBER} keys, peak in MiB: { {name: round(peak) for name, peak in peaks.items()} }")
    # Each entry of the result takes some kilobytes: a peak below that would have measured something else.
    assert all(50 < peak < MOST for peak in peaks.values()), peaks
