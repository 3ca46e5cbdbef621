# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_imported_material_info against what an independent client sees."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from lab import Lab
from materials import KINDS
from materials import b64
from materials import import_elsewhere
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

SYMMETRIC = "SYMMETRIC_DEFAULT"
DAY = 86400


def info(lab: Lab, **options: Any) -> list[dict[str, Any]]:
    result = run_module("kms_imported_material_info", {**CONNECTION, "endpoint_url": lab.emulator.url, **options})
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is False
    keys: list[dict[str, Any]] = result["kms_keys"]
    return keys


def test_every_external_key_is_found_and_no_other(lab: Lab) -> None:
    mine = {lab.own_key(spec) for spec in KINDS} | {lab.empty_key()}
    lab.kms.create_key()
    before = lab.mark()

    keys = info(lab)

    assert {one["key_id"] for one in keys} == mine
    calls = lab.calls(before)
    assert len(calls) <= 2 + 2 * len(keys) + 1
    assert {"ListKeys", "ListAliases", "DescribeKey", "ListKeyRotations"} == set(calls)


@pytest.mark.parametrize("spec", KINDS)
def test_one_key(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec, valid_for="30d")
    lab.kms.create_alias(AliasName="alias/byok", TargetKeyId=key_id)
    seen = lab.metadata(key_id)

    (one,) = info(lab, key_ids=["alias/byok"])

    assert (one["key_id"], one["key_arn"], one["aliases"]) == (key_id, seen["Arn"], ["alias/byok"])
    assert one["usable"] is one["enabled"] is True and one["multi_region"] is False
    assert 30 * DAY - 600 < one["seconds_to_expiry"] <= 30 * DAY
    assert one["rotations_left"] == (25 if spec == SYMMETRIC else None)
    assert len(one["materials"]) == (1 if spec == SYMMETRIC else 0)


def test_materials_missing_and_pending(lab: Lab) -> None:
    key_id = lab.own_key(key_material_description="vault 1")
    second = import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, "b"), ImportType="NEW_KEY_MATERIAL")[
        "KeyMaterialId"
    ]
    lab.emulator.config(rotation_seconds=0)
    lab.kms.rotate_key_on_demand(KeyId=key_id)
    first = lab.materials(key_id)[0]["KeyMaterialId"]
    lab.kms.delete_imported_key_material(KeyId=key_id, KeyMaterialId=first)
    third = import_elsewhere(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC, "c"), ImportType="NEW_KEY_MATERIAL")[
        "KeyMaterialId"
    ]

    (one,) = info(lab, key_ids=[key_id])

    assert one["usable"] is False and one["key_state"] == "PendingImport"
    assert one["missing_key_material_ids"] == [first]
    assert (one["current_key_material_id"], one["pending_key_material_id"]) == (second, third)
    assert [entry["key_material_state"] for entry in one["materials"]] == ["NON_CURRENT", "CURRENT", "PENDING_ROTATION"]
    assert one["materials"][0]["key_material_description"] == "vault 1"
    assert one["rotations_left"] == 24


def test_an_expiry_is_reconciled_and_said(lab: Lab) -> None:
    key_id = lab.own_key(valid_for="1h")
    lab.emulator.config(clock_offset_seconds=7200)
    assert lab.materials(key_id)[0]["ImportState"] == "IMPORTED", "the list lags, as on AWS"

    result = run_module("kms_imported_material_info", {**CONNECTION, "endpoint_url": lab.emulator.url})

    (one,) = result["kms_keys"]
    assert one["materials"][0]["import_state"] == "PENDING_IMPORT" and one["materials"][0]["expired"] is True
    assert one["missing_key_material_ids"] == [one["current_key_material_id"]]
    assert one["usable"] is False and one["seconds_to_expiry"] < 0
    assert key_id in str(result["warnings"])


def test_what_expires_soon(lab: Lab) -> None:
    soon = lab.own_key(valid_for="10d")
    lab.own_key("HMAC_256", valid_for="60d")
    lab.own_key()

    assert [one["key_id"] for one in info(lab, expiring_within="30d")] == [soon]
    assert len(info(lab, expiring_within="90d")) == 2


def test_denied_keys_are_listed_as_denied(lab: Lab) -> None:
    open_key, closed = lab.own_key(), lab.own_key()
    lab.emulator.faults([{"operation": "DescribeKey", "key_id": closed, "every": 1, "code": "AccessDeniedException"}])

    keys = info(lab, expiring_within="1d")
    everything = info(lab)

    assert len(keys) == 1 and keys[0]["error"]["code"] == "AccessDeniedException" and closed in keys[0]["key_id"]
    assert {bool(one["error"]) for one in everything} == {True, False}
    assert [one["key_id"] for one in everything if not one["error"]] == [open_key]


def test_a_denied_key_that_was_listed_has_its_id_its_arn_and_its_aliases(lab: Lab) -> None:
    closed = lab.own_key()
    arn = lab.metadata(closed)["Arn"]
    lab.kms.create_alias(AliasName="alias/closed", TargetKeyId=closed)
    lab.emulator.faults([{"operation": "DescribeKey", "key_id": closed, "every": 1, "code": "AccessDeniedException"}])

    for options in ({}, {"key_ids": [arn]}):
        (one,) = info(lab, **options)
        assert (one["key_id"], one["key_arn"], one["aliases"]) == (closed, arn, ["alias/closed"])
    for name in (closed, "alias/closed"):
        (one,) = info(lab, key_ids=[name])
        assert one["key_id"] == name and "key_arn" not in one


def test_named_keys_come_in_order_with_what_is_wrong(lab: Lab) -> None:
    mine, theirs = lab.own_key(), lab.kms.create_key()["KeyMetadata"]["KeyId"]
    nobody = "1234abcd-12ab-34cd-56ef-1234567890ab"

    keys = info(lab, key_ids=[theirs, nobody, mine])

    assert [one["error"] and one["error"]["code"] for one in keys] == ["InvalidInput", "NotFoundException", None]
    bad = run_module(
        "kms_imported_material_info", {**CONNECTION, "endpoint_url": lab.emulator.url, "key_ids": ["payments"]}
    )
    assert bad["failed"] and "alias/payments" in bad["msg"]


def test_rates_have_to_be_numbers(lab: Lab) -> None:
    rates = {"ListKeyRotations": "fast"}
    arguments = {**CONNECTION, "endpoint_url": lab.emulator.url, "request_rates": rates}

    result = run_module("kms_imported_material_info", arguments)

    assert result["failed"] and "request_rates: ListKeyRotations" in result["msg"]
    assert lab.calls() == []


def test_the_expiry_of_each_material_and_the_rule_behind_it(lab: Lab) -> None:
    lab.emulator.config(rotation_seconds=0)
    key_id = lab.own_key(valid_for="90d")
    new = {"key_id": key_id, "state": "current", "key_material": b64(material(SYMMETRIC, "b"))}
    assert not lab.run(**new, valid_for="200d").get("failed")
    first, second = (one["ValidTo"].timestamp() for one in lab.materials(key_id))

    (shown,) = info(lab, key_ids=[key_id])

    def seconds(text: str) -> float:
        return datetime.fromisoformat(text).timestamp()

    assert seconds(shown["valid_to"]) == first and seconds(shown["current_valid_to"]) == second
    assert [seconds(one["valid_to"]) for one in shown["expiring_materials"]] == [first, second]
    assert [one["valid_for"] for one in shown["materials"]] == ["90d", "200d"]
    left = [one["seconds_to_expiry"] for one in shown["materials"]]
    assert left[0] == shown["seconds_to_expiry"] and abs(left[1] - left[0] - 110 * DAY) < 3600
