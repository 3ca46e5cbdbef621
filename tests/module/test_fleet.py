# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many keys in one task: validated whole, planned whole, paced by the quotas, and none stops another."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab
from materials import KINDS
from materials import b64
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

SYMMETRIC = "SYMMETRIC_DEFAULT"
GOOD = b64(material(SYMMETRIC))
FAST = {"GetParametersForImport": 1000, "ImportKeyMaterial": 1000, "DeleteImportedKeyMaterial": 1000}


@pytest.fixture
def fleet(lab: Lab) -> list[str]:
    """Keys of every kind, their material imported."""
    return [lab.own_key(spec) for spec in KINDS]


def entries(key_ids: list[str], **options: Any) -> list[dict[str, Any]]:
    return [{"key_id": key_id, "key_material": b64(material(spec)), **options} for key_id, spec in zip(key_ids, KINDS)]


def test_results_come_in_the_order_given(lab: Lab, fleet: list[str]) -> None:
    for keys in (entries(fleet), entries(fleet)[::-1]):
        result = lab.run(keys=keys)
        assert not result.get("failed"), result["msg"]
        assert [one["key_id"] for one in result["kms_keys"]] == [one["key_id"] for one in keys]
        assert result["changed"] is False and "key_arn" not in result


def test_states_may_differ_and_defaults_come_from_the_top(lab: Lab, fleet: list[str]) -> None:
    keys = entries(fleet)
    keys[0] = {"key_id": fleet[0]}
    keys[1]["state"] = "present"
    keys[2]["state"] = "reimported"
    keys[3]["valid_for"] = "30d"
    keys[3]["state"] = "present"
    predicted = lab.run(keys=keys, state="absent", request_rates=FAST, check_mode=True)
    assert {lab.state(key_id) for key_id in fleet} == {"Enabled"}

    result = lab.run(keys=keys, state="absent", request_rates=FAST)

    assert not result.get("failed"), result["msg"]
    assert [one["operations"] for one in result["kms_keys"]] == [one["operations"] for one in predicted["kms_keys"]]
    assert [one["operations"] for one in result["kms_keys"]] == [
        ["DeleteImportedKeyMaterial"],
        [],
        ["ImportKeyMaterial", "DeleteImportedKeyMaterial", "ImportKeyMaterial"],
        ["ImportKeyMaterial"],
    ]
    assert [lab.state(key_id) for key_id in fleet] == ["PendingImport", "Enabled", "Enabled", "Enabled"]


def test_an_entry_overrides_a_whole_group(lab: Lab, tmp_path: Any) -> None:
    key_id = lab.empty_key()
    path = tmp_path / "material"
    path.write_bytes(material(SYMMETRIC, "b"))
    path.chmod(0o600)
    keys = [{"key_id": key_id, "key_material_file": str(path), "expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE"}]

    result = lab.run(keys=keys, key_material=GOOD, valid_for="30d")

    assert not result.get("failed"), result["msg"]
    assert "ValidTo" not in lab.metadata(key_id)
    assert lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC, "b")))["changed"] is False


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key_material": "no base64!"}, "not base64"),
        ({"valid_for": "0d"}, "longer than zero"),
        ({"key_id": "payments"}, "alias/payments"),
    ],
)
def test_one_bad_entry_stops_all_before_the_first_call(
    lab: Lab, fleet: list[str], change: dict[str, Any], said: str
) -> None:
    keys = entries(fleet)
    keys[-1].update(change)
    before = lab.mark()

    result = lab.run(keys=keys)

    assert result["failed"] and said in result["msg"] and keys[-1]["key_id"] in result["msg"]
    assert lab.calls(before) == []


def test_the_same_key_twice_is_refused_by_whatever_name(lab: Lab) -> None:
    key_id = lab.own_key()
    arn = lab.metadata(key_id)["Arn"]
    lab.kms.create_alias(AliasName="alias/byok", TargetKeyId=key_id)
    before = lab.mark()
    for other in (key_id, arn, "alias/byok"):
        result = lab.run(keys=[{"key_id": key_id}, {"key_id": other}], state="absent")
        assert result["failed"] and result["changed"] is False
        assert "twice" in result["msg"] or "same key" in result["msg"]
    assert lab.changing_calls(before) == []


def test_one_failure_stops_no_other_and_is_counted_and_named(lab: Lab, fleet: list[str]) -> None:
    missing = "1234abcd-12ab-34cd-56ef-1234567890ab"
    lab.emulator.faults(
        [{"operation": "DeleteImportedKeyMaterial", "key_id": fleet[1], "every": 1, "code": "AccessDeniedException"}]
    )

    result = lab.run(keys=[{"key_id": one} for one in [missing, *fleet]], state="absent")

    assert result["failed"] and result["changed"] is True
    assert "5 keys: 3 changed, 0 unchanged, 2 failed" in result["msg"]
    assert missing in result["msg"] and fleet[1] in result["msg"]
    assert [one["error"] and one["error"]["code"] for one in result["kms_keys"]] == [
        "NotFoundException",
        None,
        "AccessDeniedException",
        None,
        None,
    ]
    assert [lab.state(key_id) for key_id in fleet] == ["PendingImport", "Enabled", "PendingImport", "PendingImport"]


def test_every_key_is_prepared_before_the_first_is_deleted(lab: Lab, fleet: list[str]) -> None:
    before = lab.mark()

    result = lab.run(keys=entries(fleet), state="reimported", request_rates=FAST)

    assert not result.get("failed"), result["msg"]
    calls = lab.calls(before)
    first_deletion = calls.index("DeleteImportedKeyMaterial")
    assert calls[:first_deletion].count("GetParametersForImport") == len(fleet)
    assert calls[:first_deletion].count("ImportKeyMaterial") == len(fleet)
    assert "GetParametersForImport" not in calls[first_deletion:]
    assert {lab.state(key_id) for key_id in fleet} == {"Enabled"}


def test_the_quotas_of_kms_are_never_tripped(lab: Lab) -> None:
    key_ids = [lab.own_key() for _number in range(20)]
    lab.emulator.config(request_quotas=True)
    before = lab.mark()

    result = lab.run(keys=[{"key_id": key_id} for key_id in key_ids], state="absent")

    assert not result.get("failed"), result["msg"]
    outcomes = {call["outcome"] for call in lab.emulator.calls()[before:]}
    assert outcomes == {"Success"}


def test_a_fleet_survives_throttling_by_others(lab: Lab, without_pauses: None, fleet: list[str]) -> None:
    lab.emulator.faults([{"operation": "DeleteImportedKeyMaterial", "every": 2, "code": "ThrottlingException"}])

    result = lab.run(keys=[{"key_id": key_id} for key_id in fleet], state="absent", request_rates=FAST)

    assert not result.get("failed"), result["msg"]
    assert {lab.state(key_id) for key_id in fleet} == {"PendingImport"}


@pytest.mark.parametrize("rates", [{"ImportKeyMaterial": 0}, {"ImportKeyMaterial": "fast"}])
@pytest.mark.parametrize("wanted", [{"key_id": "alias/a"}, {"keys": [{"key_id": "alias/a"}]}], ids=["one", "many"])
def test_rates_have_to_be_numbers(lab: Lab, wanted: dict[str, Any], rates: dict[str, Any]) -> None:
    for name, options in {
        "kms_imported_material": {"state": "absent"},
        "kms_key_replacement": {"key_material": GOOD},
    }.items():
        arguments = {**CONNECTION, "endpoint_url": lab.emulator.url, **wanted, **options, "request_rates": rates}
        for check_mode in (True, False):
            result = run_module(name, arguments, check_mode)
            assert result["failed"] and "request_rates: ImportKeyMaterial needs a number" in result["msg"]
    assert lab.calls() == []


def test_a_rate_that_a_template_has_made_text_is_a_number(lab: Lab) -> None:
    result = lab.run(key_id=lab.own_key(), state="absent", request_rates={"DeleteImportedKeyMaterial": "30"})

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == ["DeleteImportedKeyMaterial"]
