# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thousand keys, quotas that KMS enforces, and one call in a hundred that fails: everything converges.

The quotas are AWS's times twenty, for KMS and for the module alike, so that the test ends in a minute.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import QUOTAS
from lab import Lab
from materials import b64
from materials import material

SYMMETRIC, HMAC = "SYMMETRIC_DEFAULT", "HMAC_256"
PAIR = ("DeleteImportedKeyMaterial", "ImportKeyMaterial")
NUMBER = 1000
SCALE = 20
RATES = {operation: rate * SCALE for operation, rate in QUOTAS.items()} | {"GetParametersForImport": 100}
# Primes, so that the failures of an operation do not fall together.
FAILURES = [(97, "ThrottlingException"), (101, "KMSInternalException"), (103, "DependencyTimeoutException")]
LOST = 107


def faults() -> list[dict[str, Any]]:
    operations = ("DescribeKey", "ListKeyRotations", "GetParametersForImport", "ImportKeyMaterial", "GenerateMac")
    rules = [
        {"operation": operation, "every": 3 * every, "code": code}
        for operation in (*operations, "DeleteImportedKeyMaterial")
        for every, code in FAILURES
    ]
    changing = ("ImportKeyMaterial", "DeleteImportedKeyMaterial")
    return rules + [{"operation": operation, "every": LOST, "drop_after": True} for operation in changing]


def spec_of(number: int) -> str:
    return SYMMETRIC if number % 4 else HMAC


@pytest.fixture
def crowd(lab: Lab) -> list[dict[str, Any]]:
    """Empty keys, one in four for HMAC, with the material that each is to have."""
    return [
        {"key_id": lab.empty_key(spec_of(number)), "key_material": b64(material(spec_of(number), str(number % 7)))}
        for number in range(NUMBER)
    ]


def test_a_thousand_keys_converge_under_quotas_and_faults(
    lab: Lab, without_pauses: None, crowd: list[dict[str, Any]]
) -> None:
    names = [one["key_id"] for one in crowd]

    imported = under_load(lab, keys=crowd)
    first = summary(lab, names)
    before = lab.mark()
    reimported = under_load(lab, keys=crowd, state="reimported")
    deleted = committed(lab, before, "DeleteImportedKeyMaterial")
    second = summary(lab, names)
    unchanged = under_load(lab, keys=crowd)
    cut = under_load(lab, keys=[{"key_id": name} for name in names], state="absent")

    for result in (imported, reimported, unchanged, cut):
        assert not result.get("failed"), result["msg"]
    assert Counter(tuple(one["operations"]) for one in imported["kms_keys"]) == {("ImportKeyMaterial",): NUMBER}
    assert {state for state, _current in first.values()} == {"Enabled"}
    # The same material is back, in the same place, and no key was deleted twice.
    assert second == first
    assert deleted == dict.fromkeys(names, 1)
    assert {tuple(one["operations"][-2:]) for one in reimported["kms_keys"]} == {PAIR}
    assert unchanged["changed"] is False
    assert {lab.state(name) for name in names} == {"PendingImport"}
    failed = Counter(call["outcome"] for call in lab.emulator.calls() if call["outcome"] != "Success")
    print(f"\n{NUMBER} keys, four tasks, {len(lab.calls())} calls, failures tried: {dict(sorted(failed.items()))}")
    assert sum(failed.values()) > NUMBER / 20


def under_load(lab: Lab, **options: Any) -> dict[str, Any]:
    """A task under quotas and faults. The reads of the test do not meet them."""
    lab.emulator.config(request_quotas=RATES)
    lab.emulator.faults(faults())
    result = lab.run(request_rates=RATES, **options)
    lab.emulator.faults([])
    lab.emulator.config(request_quotas=False)
    return result


def summary(lab: Lab, names: list[str]) -> dict[str, tuple[str, Any]]:
    shown = {name: lab.metadata(name) for name in names}
    return {name: (one["KeyState"], one.get("CurrentKeyMaterialId")) for name, one in shown.items()}


def committed(lab: Lab, since: int, operation: str) -> dict[str, int]:
    """How often KMS really carried it out, by key; a reply that was lost afterwards counts."""
    calls = [call for call in lab.emulator.calls()[since:] if call["operation"] == operation]
    done = [call for call in calls if "Success" in (call["outcome"], call.get("executed"))]
    return dict(Counter(str(call["key"]).rsplit("/", maxsplit=1)[-1] for call in done))
