# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transient failures, lost answers, and KMS showing changes late."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab
from materials import b64
from materials import material

SYMMETRIC = "SYMMETRIC_DEFAULT"
GOOD = b64(material(SYMMETRIC))
IMPORT_CALLS = ("DescribeKey", "GetParametersForImport", "ImportKeyMaterial")
DELETE_CALLS = ("DescribeKey", "DeleteImportedKeyMaterial")
ONCE: list[dict[str, Any]] = [
    {"code": "ThrottlingException"},
    {"code": "KMSInternalException"},
    {"code": "DependencyTimeoutException"},
    {"drop_before": True},
    {"drop_after": True},
]


@pytest.mark.parametrize("fault", ONCE, ids=str)
@pytest.mark.parametrize("operation", IMPORT_CALLS)
def test_an_import_survives_one_fault(lab: Lab, impatient: None, operation: str, fault: dict[str, Any]) -> None:
    key_id = lab.empty_key()
    lab.emulator.faults([{"operation": operation, "nth": 1, "times": 1, **fault}])

    result = lab.run(key_id=key_id, key_material=GOOD)

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == ["ImportKeyMaterial"]
    assert lab.state(key_id) == "Enabled"
    assert result["key_material_id"] == lab.metadata(key_id)["CurrentKeyMaterialId"]


@pytest.mark.parametrize("fault", ONCE, ids=str)
@pytest.mark.parametrize("operation", DELETE_CALLS)
def test_a_deletion_survives_one_fault(lab: Lab, impatient: None, operation: str, fault: dict[str, Any]) -> None:
    key_id = lab.own_key()
    lab.emulator.faults([{"operation": operation, "nth": 1, "times": 1, **fault}])

    result = lab.run(key_id=key_id, state="absent")

    assert not result.get("failed"), result["msg"]
    assert result["changed"] is True
    assert lab.state(key_id) == "PendingImport"


@pytest.mark.parametrize(
    ("operation", "options"),
    [("ImportKeyMaterial", {"key_material": GOOD}), ("DeleteImportedKeyMaterial", {"state": "absent"})],
)
def test_a_lost_answer_is_recognised_not_repeated(
    lab: Lab, impatient: None, operation: str, options: dict[str, Any]
) -> None:
    key_id = lab.empty_key() if operation == "ImportKeyMaterial" else lab.own_key()
    lab.emulator.faults([{"operation": operation, "nth": 1, "times": 1, "drop_after": True}])
    before = lab.mark()

    result = lab.run(key_id=key_id, **options)

    assert not result.get("failed"), result["msg"]
    assert lab.calls(before).count(operation) == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "KMSInternalException", "DependencyTimeoutException"])
def test_a_lasting_fault_fails_with_a_sentence(lab: Lab, impatient: None, code: str) -> None:
    key_id = lab.own_key()
    lab.emulator.faults([{"operation": "DeleteImportedKeyMaterial", "every": 1, "code": code}])
    before = lab.mark()

    result = lab.run(key_id=key_id, state="absent", wait_timeout=1)

    assert result["failed"] and result["error"]["code"] == code
    assert key_id in result["msg"] and "is now Enabled" in result["msg"]
    assert "Traceback" not in result["_stdout"]
    assert lab.calls(before).count("DeleteImportedKeyMaterial") == 8
    assert lab.state(key_id) == "Enabled"


def test_a_new_state_that_shows_late_is_waited_for(lab: Lab, impatient: None) -> None:
    key_id = lab.own_key()
    lab.emulator.config(lag_seconds=0.5)

    result = lab.run(key_id=key_id, state="absent")

    assert not result.get("failed"), result["msg"]
    assert result["key_state"] == "PendingImport"


def test_waiting_ends_with_what_was_last_seen(lab: Lab, impatient: None) -> None:
    key_id = lab.own_key()
    lab.emulator.config(lag_seconds=30)

    result = lab.run(key_id=key_id, state="absent", wait_timeout=1)

    assert result["failed"] and result["error"]["code"] == "WaitTimeout"
    assert "last seen: Enabled" in result["msg"] and key_id in result["msg"]
    assert result["operations"] == ["DeleteImportedKeyMaterial"]


def test_not_waiting_makes_no_confirming_read(lab: Lab) -> None:
    key_id = lab.own_key()
    before = lab.mark()

    lab.run(key_id=key_id, state="absent", wait=False)

    assert lab.calls(before) == ["DescribeKey", "DeleteImportedKeyMaterial"]


NOT_FOUND = {"code": "NotFoundException"}


def test_a_young_key_that_is_not_known_everywhere_is_waited_for(lab: Lab, impatient: None) -> None:
    for operation in ("GetParametersForImport", "ImportKeyMaterial", "DescribeKey"):
        key_id = lab.empty_key()
        lab.emulator.faults([{"operation": operation, "nth": 1, "times": 1, **NOT_FOUND}])
        result = lab.run(key_id=key_id, key_material=GOOD)
        assert not result.get("failed"), result["msg"]
        assert lab.state(key_id) == "Enabled"


def test_it_is_not_waited_for_without_wait_or_when_old(lab: Lab, impatient: None) -> None:
    key_id = lab.empty_key()
    lab.emulator.faults([{"operation": "GetParametersForImport", "every": 1, **NOT_FOUND}])
    assert lab.run(key_id=key_id, key_material=GOOD, wait=False)["error"]["code"] == "NotFoundException"
    lab.emulator.config(clock_offset_seconds=3600)
    before = lab.mark()
    assert lab.run(key_id=key_id, key_material=GOOD)["error"]["code"] == "NotFoundException"
    assert lab.calls(before).count("GetParametersForImport") == 1


def test_a_refused_token_is_replaced_once(lab: Lab, impatient: None) -> None:
    key_id = lab.empty_key()
    lab.emulator.faults(
        [{"operation": "ImportKeyMaterial", "nth": 1, "times": 1, "code": "ExpiredImportTokenException"}]
    )
    before = lab.mark()

    result = lab.run(key_id=key_id, key_material=GOOD)

    assert not result.get("failed"), result["msg"]
    assert lab.calls(before).count("GetParametersForImport") == 2
    lab.emulator.faults([{"operation": "ImportKeyMaterial", "every": 1, "code": "InvalidImportTokenException"}])
    failed = lab.run(key_id=lab.empty_key(), key_material=GOOD)
    assert failed["error"]["code"] == "InvalidImportTokenException"
