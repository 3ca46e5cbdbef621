# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rotation, expiry, waiting periods and the clock."""

from __future__ import annotations

import email.utils
import time
from typing import Any

import pytest
from emulator_process import EmulatorProcess
from workbench import EXPIRES
from workbench import NEVER
from workbench import NEW
from workbench import A
from workbench import B
from workbench import C
from workbench import Workbench
from workbench import refusal

NOTHING_STAGED = "No available key material pending rotation for the key: {}."


@pytest.fixture
def slow_rotation(emulator: EmulatorProcess) -> float:
    """Rotations take ten minutes of the emulated clock."""
    emulator.config(rotation_seconds=600)
    return 601.0


@pytest.mark.usefixtures("slow_rotation")
class TestRotation:
    def staged(self, bench: Workbench) -> tuple[str, str, str]:
        key = bench.create()
        first = bench.load(key, A)
        return key, first, bench.load(key, B, ImportType=NEW)

    def test_runs_in_the_background(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key, first, second = self.staged(bench)
        kms.rotate_key_on_demand(KeyId=key)
        assert "OnDemandRotationStartDate" in kms.get_key_rotation_status(KeyId=key)
        bench.advance(300)
        assert bench.metadata(key)["CurrentKeyMaterialId"] == first
        assert "OnDemandRotationStartDate" in kms.get_key_rotation_status(KeyId=key)
        bench.advance(slow_rotation)
        assert bench.metadata(key)["CurrentKeyMaterialId"] == second
        assert "OnDemandRotationStartDate" not in kms.get_key_rotation_status(KeyId=key)
        rotated = bench.rotations(key)[1]["RotationDate"].timestamp()
        assert rotated == pytest.approx(bench.now() - 301, abs=30)

    def test_takes_real_time_too(self, bench: Workbench, kms: Any, emulator: EmulatorProcess) -> None:
        emulator.config(rotation_seconds=0.3)
        key, _first, second = self.staged(bench)
        kms.rotate_key_on_demand(KeyId=key)
        while bench.metadata(key)["CurrentKeyMaterialId"] != second:
            time.sleep(0.1)

    def test_a_second_request_adds_nothing(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key, _first, _second = self.staged(bench)
        kms.rotate_key_on_demand(KeyId=key)
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(slow_rotation)
        assert bench.states(key) == [("NON_CURRENT", "IMPORTED"), ("CURRENT", "IMPORTED")]
        text = NOTHING_STAGED.format(bench.metadata(key)["Arn"])
        assert refusal(kms.rotate_key_on_demand, KeyId=key) == ("KMSInvalidStateException", text)

    def test_staged_material_deleted_meanwhile(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key, first, second = self.staged(bench)
        kms.rotate_key_on_demand(KeyId=key)
        kms.delete_imported_key_material(KeyId=key, KeyMaterialId=second)
        bench.advance(slow_rotation)
        assert (bench.state(key), bench.metadata(key)["CurrentKeyMaterialId"]) == ("Enabled", first)
        assert "OnDemandRotationStartDate" not in kms.get_key_rotation_status(KeyId=key)

    def test_staged_material_replaced_meanwhile(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key, _first, second = self.staged(bench)
        kms.rotate_key_on_demand(KeyId=key)
        kms.delete_imported_key_material(KeyId=key, KeyMaterialId=second)
        third = bench.load(key, C, ImportType=NEW)
        bench.advance(slow_rotation)
        assert bench.metadata(key)["CurrentKeyMaterialId"] == third
        assert refusal(kms.rotate_key_on_demand, KeyId=key)[0] == "KMSInvalidStateException"

    def test_goes_on_while_disabled(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key, _first, second = self.staged(bench)
        kms.rotate_key_on_demand(KeyId=key)
        kms.disable_key(KeyId=key)
        bench.advance(slow_rotation)
        assert (bench.state(key), bench.metadata(key)["CurrentKeyMaterialId"]) == ("Disabled", second)

    def test_goes_on_while_waiting_for_deletion(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key, _first, second = self.staged(bench)
        kms.rotate_key_on_demand(KeyId=key)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        status = kms.get_key_rotation_status(KeyId=key)
        assert (status["KeyRotationEnabled"], "OnDemandRotationStartDate" in status) == (False, True)
        bench.advance(slow_rotation)
        assert (bench.state(key), bench.metadata(key)["CurrentKeyMaterialId"]) == ("PendingDeletion", second)

    def test_onto_expired_material(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key = bench.create()
        bench.load(key, A)
        second = bench.load(key, B, ImportType=NEW, ValidTo=bench.at(60))
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        bench.advance(120)
        assert bench.states(key)[1] == ("PENDING_ROTATION", "IMPORTED")
        assert refusal(bench.load, key=key, plaintext=B, ImportType=NEW)[0] == "IncorrectKeyMaterialException"
        kms.rotate_key_on_demand(KeyId=key)
        assert bench.state(key) == "Enabled"
        bench.advance(slow_rotation)
        assert (bench.state(key), bench.metadata(key)["CurrentKeyMaterialId"]) == ("PendingImport", second)
        assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x")[1].endswith("is pending import.")
        assert refusal(kms.decrypt, CiphertextBlob=blob)[1].endswith("is pending import.")
        bench.load(key, B, ExpirationModel=NEVER)
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"

    def test_limit(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key = bench.create()
        parameters = bench.parameters(key)
        bench.load(key, bytes([0]) * 32, parameters)
        for number in range(1, 26):
            bench.load(key, bytes([number]) * 32, parameters, ImportType=NEW)
            kms.rotate_key_on_demand(KeyId=key)
            bench.advance(slow_rotation)
        bench.advance(0)
        assert len(kms.list_key_rotations(KeyId=key)["Rotations"]) == 25
        fresh = bench.parameters(key)
        bench.load(key, b"z" * 32, fresh, ImportType=NEW)
        assert refusal(kms.rotate_key_on_demand, KeyId=key) == (
            "LimitExceededException",
            (
                "The on-demand rotations limit has been reached for the given keyId. "
                f"No more on-demand rotations can be performed for this key: {bench.metadata(key)['Arn']}"
            ),
        )

    @pytest.mark.parametrize("spec", ["HMAC_256", "ECC_NIST_P256"])
    def test_symmetric_keys_only(self, bench: Workbench, kms: Any, spec: str) -> None:
        key = bench.filled(spec)
        assert refusal(kms.rotate_key_on_demand, KeyId=key) == ("UnsupportedOperationException", "")
        kms.disable_key(KeyId=key)
        assert refusal(kms.rotate_key_on_demand, KeyId=key)[0] == "DisabledException"

    def test_pages_and_the_default_list(self, bench: Workbench, kms: Any, slow_rotation: float) -> None:
        key, first, second = self.staged(bench)
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(slow_rotation)
        third = bench.load(key, C, ImportType=NEW)
        pages = kms.get_paginator("list_key_rotations").paginate(
            KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": 1}
        )
        seen = [[entry["KeyMaterialId"] for entry in page["Rotations"]] for page in pages]
        assert seen == [[first], [second], [third]]
        assert [entry["KeyMaterialId"] for entry in kms.list_key_rotations(KeyId=key)["Rotations"]] == [second]
        assert refusal(kms.list_key_rotations, KeyId=key, Marker="bm9uc2Vuc2U=") == ("InvalidMarkerException", "")


class TestExpiry:
    def test_the_key_falls_and_the_list_lags(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        end = bench.at(3600)
        material = bench.load(key, A, ValidTo=end)
        kms.create_alias(AliasName="alias/expiring", TargetKeyId=key)
        assert (bench.metadata(key)["ExpirationModel"], bench.metadata(key)["ValidTo"]) == (EXPIRES, end)
        bench.advance(3601)
        metadata = bench.metadata("alias/expiring")
        assert (metadata["KeyState"], metadata["CurrentKeyMaterialId"]) == ("PendingImport", material)
        assert "ValidTo" not in metadata
        assert "ExpirationModel" not in metadata
        (entry,) = bench.rotations(key)
        assert (entry["ImportState"], entry["ExpirationModel"], entry["ValidTo"]) == ("IMPORTED", EXPIRES, end)
        bench.load(key, A, ValidTo=bench.at(60))
        assert bench.state(key) == "Enabled"

    def test_renewal_without_an_outage(self, bench: Workbench) -> None:
        key = bench.create()
        bench.load(key, A, ValidTo=bench.at(100))
        bench.load(key, A, ExpirationModel=EXPIRES, ValidTo=bench.at(1000))
        bench.advance(500)
        assert bench.state(key) == "Enabled"
        bench.load(key, A, ExpirationModel=NEVER)
        bench.advance(100000)
        assert (bench.state(key), bench.metadata(key)["ExpirationModel"]) == ("Enabled", NEVER)

    def test_the_earliest_end_counts(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        soon, late = bench.at(1000), bench.at(5000)
        bench.load(key, A, ValidTo=late)
        bench.load(key, B, ImportType=NEW, ValidTo=soon)
        assert bench.metadata(key)["ValidTo"] == late
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(10)
        assert bench.metadata(key)["ValidTo"] == soon
        bench.advance(1001)
        assert (bench.state(key), bench.states(key)[1]) == ("PendingImport", ("CURRENT", "IMPORTED"))

    def test_a_disabled_key_falls_too(self, bench: Workbench, kms: Any) -> None:
        key = bench.create("HMAC_256")
        bench.load(key, A, ValidTo=bench.at(100))
        kms.disable_key(KeyId=key)
        bench.advance(101)
        assert bench.state(key) == "PendingImport"

    def test_a_key_waiting_for_deletion_stays_so(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        bench.load(key, A, ValidTo=bench.at(100))
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        bench.advance(101)
        assert bench.state(key) == "PendingDeletion"
        kms.cancel_key_deletion(KeyId=key)
        assert bench.state(key) == "PendingImport"

    def test_the_last_second_of_a_year(self, bench: Workbench) -> None:
        key = bench.create()
        year = 365 * 86400
        text = "ValidTo must be less than 365 days in the future"
        assert refusal(bench.load, key=key, plaintext=A, ValidTo=bench.at(year + 60))[1] == text
        bench.load(key, A, ValidTo=bench.at(year - 60))
        assert bench.state(key) == "Enabled"


class TestDeletion:
    def test_at_the_end_of_the_waiting_period(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        kms.create_alias(AliasName="alias/doomed", TargetKeyId=key)
        arn = bench.metadata(key)["Arn"]
        answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        assert bench.metadata(key)["DeletionDate"] == answer["DeletionDate"]
        bench.advance(7 * 86400 + 1)
        assert refusal(kms.describe_key, KeyId=key) == ("NotFoundException", f"Key '{arn}' does not exist")
        assert refusal(kms.describe_key, KeyId="alias/doomed")[0] == "NotFoundException"
        assert kms.list_keys()["Keys"] == []

    def test_material_goes_at_once(self, bench: Workbench, kms: Any) -> None:
        """Crypto-shredding: delete works in PendingDeletion, and the state stays."""
        key = bench.filled()
        kms.schedule_key_deletion(KeyId=key)
        assert bench.metadata(key)["DeletionDate"].timestamp() == pytest.approx(bench.now() + 30 * 86400, abs=30)
        kms.delete_imported_key_material(KeyId=key)
        assert (bench.state(key), bench.states(key)) == ("PendingDeletion", [("CURRENT", "PENDING_IMPORT")])

    def test_cancelled_with_material(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        kms.schedule_key_deletion(KeyId=key)
        kms.cancel_key_deletion(KeyId=key)
        assert (bench.state(key), "DeletionDate" in bench.metadata(key)) == ("Disabled", False)

    @pytest.mark.parametrize("days", [6, 31])
    def test_waiting_periods(self, bench: Workbench, kms: Any, days: int) -> None:
        key = bench.filled()
        assert refusal(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=days)[0] == "ValidationException"
        assert bench.state(key) == "Enabled"


class TestClock:
    def date(self, answer: dict[str, Any]) -> float:
        return email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()

    @pytest.mark.parametrize("offset", [0, 86400, -86400])
    def test_every_answer_tells_the_emulated_time(
        self, bench: Workbench, emulator: EmulatorProcess, offset: int
    ) -> None:
        bench.advance(offset)
        assert self.date(bench.kms.list_keys()) == pytest.approx(bench.now(), abs=30)
        other_service = emulator.client(service="sts").get_caller_identity()
        assert self.date(other_service) == pytest.approx(bench.now(), abs=30)
        key = bench.create()
        assert bench.metadata(key)["CreationDate"].timestamp() == pytest.approx(bench.now(), abs=30)
        valid_to = bench.parameters(key)["ParametersValidTo"].timestamp()
        assert valid_to == pytest.approx(bench.now() + 86400, abs=30)

    def test_expired_bytes_do_not_come_back(self, bench: Workbench) -> None:
        key = bench.create()
        bench.load(key, A, ValidTo=bench.at(100))
        bench.advance(200)
        assert bench.state(key) == "PendingImport"
        bench.advance(-200)
        assert bench.state(key) == "PendingImport"
