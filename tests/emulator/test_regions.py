# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multi-Region keys beyond the recording."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator_process import EmulatorProcess
from workbench import EAST
from workbench import NEW
from workbench import WEST
from workbench import A
from workbench import B
from workbench import C
from workbench import Workbench
from workbench import refusal


@pytest.fixture
def key(bench: Workbench) -> str:
    return bench.filled(MultiRegion=True)


@pytest.fixture
def west(bench: Workbench, key: str) -> Workbench:
    return bench.replicate(key)


class TestReplication:
    def test_ids(self, key: str) -> None:
        assert key.startswith("mrk-")
        assert len(key) == 36
        assert "-" not in key[4:]

    def test_creating(self, bench: Workbench, kms: Any, key: str, emulator: EmulatorProcess) -> None:
        emulator.config(transient_seconds=30)
        answer = kms.replicate_key(KeyId=key, ReplicaRegion=WEST)
        assert answer["ReplicaKeyMetadata"]["KeyState"] == "Creating"
        assert "ReplicaTags" not in answer
        west = bench.in_region(WEST)
        assert "CurrentKeyMaterialId" not in west.metadata(key)
        code, text = refusal(west.parameters, key=key)
        assert (code, text) == ("KMSInvalidStateException", f"{west.metadata(key)['Arn']} is creating.")
        bench.advance(31)
        assert (west.state(key), west.metadata(key)["CurrentKeyMaterialId"]) == (
            "PendingImport",
            bench.metadata(key)["CurrentKeyMaterialId"],
        )

    def test_own_properties(self, bench: Workbench, kms: Any, key: str) -> None:
        policy = json.dumps({"Version": "2012-10-17", "Statement": []})
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "from", "TagValue": "primary"}])
        answer = kms.replicate_key(
            KeyId=key,
            ReplicaRegion=WEST,
            Policy=policy,
            Description="replica",
            Tags=[{"TagKey": "from", "TagValue": "replica"}],
        )
        assert answer["ReplicaTags"] == [{"TagKey": "from", "TagValue": "replica"}]
        west = bench.in_region(WEST)
        assert west.metadata(key)["Description"] == "replica"
        assert west.kms.get_key_policy(KeyId=key)["Policy"] == policy
        assert west.kms.list_resource_tags(KeyId=key)["Tags"] == answer["ReplicaTags"]
        assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "from", "TagValue": "primary"}]

    def test_refusals(self, bench: Workbench, kms: Any, key: str, west: Workbench) -> None:
        west.load(key, A)
        single = bench.filled()
        arns = bench.metadata(single)["Arn"], west.metadata(key)["Arn"]
        partition = "The replica key Region must be in the same AWS partition as the primary key Region."
        unknown = (
            "Region us-invalid-1 is not a valid Region or multi-Region keys are not supported in Region us-invalid-1."
        )
        occupied = "You can create only one replica of each primary key in each AWS Region."
        own = f"{EAST} cannot have a replica because it contains the primary."
        for client, name, region, expected in (
            (kms, single, WEST, ("UnsupportedOperationException", f"{arns[0]} is not a multi-region primary key.")),
            (west.kms, key, EAST, ("UnsupportedOperationException", f"{arns[1]} is not a multi-region primary key.")),
            (kms, key, EAST, ("ValidationException", own)),
            (kms, key, "cn-north-1", ("ValidationException", partition)),
            (kms, key, "us-invalid-1", ("ValidationException", unknown)),
            (kms, key, WEST, ("AlreadyExistsException", occupied)),
        ):
            assert refusal(client.replicate_key, KeyId=name, ReplicaRegion=region) == expected

    def test_occupied_while_the_replica_waits_for_deletion(self, kms: Any, key: str, west: Workbench) -> None:
        west.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        assert refusal(kms.replicate_key, KeyId=key, ReplicaRegion=WEST)[0] == "AlreadyExistsException"

    def test_a_late_replica_needs_all_material(self, bench: Workbench, kms: Any, key: str) -> None:
        bench.load(key, B, ImportType=NEW)
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(3)
        west = bench.replicate(key)
        assert west.states(key) == [("NON_CURRENT", "PENDING_IMPORT"), ("CURRENT", "PENDING_IMPORT")]
        west.load(key, B)
        assert west.state(key) == "PendingImport"
        west.load(key, A)
        assert west.state(key) == "Enabled"

    def test_keys_of_kms_itself(self, bench: Workbench, kms: Any) -> None:
        key = bench.create(Origin="AWS_KMS", MultiRegion=True)
        west = bench.replicate(key)
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert west.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


class TestMaterial:
    def test_ids_are_shared_and_ciphertext_travels(self, bench: Workbench, kms: Any, key: str, west: Workbench) -> None:
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert refusal(west.kms.decrypt, CiphertextBlob=blob)[1].endswith("is pending import.")
        assert west.load(key, A) == bench.metadata(key)["CurrentKeyMaterialId"]
        assert west.kms.decrypt(CiphertextBlob=blob, KeyId=key)["Plaintext"] == b"x"
        wrong = refusal(west.kms.decrypt, CiphertextBlob=blob, KeyId=bench.metadata(key)["Arn"])
        text = "The key ID in the request does not identify a CMK that can perform this operation."
        assert wrong == ("IncorrectKeyException", text)

    def test_two_replicas_must_both_have_it(self, bench: Workbench, kms: Any, key: str, west: Workbench) -> None:
        third = bench.replicate(key, "eu-west-1")
        bench.load(key, B, ImportType=NEW)
        west.load(key, B)
        assert bench.states(key)[1][0] == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
        assert refusal(kms.rotate_key_on_demand, KeyId=key)[1].endswith("for replicas of the Multi-Region key.")
        third.load(key, B)
        assert [where.states(key)[1][0] for where in (bench, west, third)] == ["PENDING_ROTATION"] * 3
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(3)
        assert [where.state(key) for where in (bench, west, third)] == ["Enabled", "PendingImport", "PendingImport"]

    def test_replica_copy_deleted_after_the_request(
        self, bench: Workbench, kms: Any, key: str, west: Workbench, emulator: EmulatorProcess
    ) -> None:
        emulator.config(rotation_seconds=60)
        west.load(key, A)
        staged = bench.load(key, B, ImportType=NEW)
        west.load(key, B)
        kms.rotate_key_on_demand(KeyId=key)
        west.kms.delete_imported_key_material(KeyId=key, KeyMaterialId=staged)
        assert west.state(key) == "Enabled"
        bench.advance(61)
        assert (bench.state(key), bench.metadata(key)["CurrentKeyMaterialId"]) == ("Enabled", staged)
        assert (west.state(key), west.states(key)[1]) == ("PendingImport", ("CURRENT", "PENDING_IMPORT"))
        west.load(key, B)
        assert west.state(key) == "Enabled"

    def test_on_a_replica(self, key: str, west: Workbench) -> None:
        west.load(key, A)
        arn = west.metadata(key)["Arn"]
        code, text = refusal(west.kms.rotate_key_on_demand, KeyId=key)
        assert code == "UnsupportedOperationException"
        assert text == f"{arn} is a multi-region replica key which is not valid for RotateKeyOnDemand."

    def test_delete_of_staged_material_never_imported_there(self, bench: Workbench, key: str, west: Workbench) -> None:
        staged = bench.load(key, C, ImportType=NEW)
        answer = west.kms.delete_imported_key_material(KeyId=key, KeyMaterialId=staged)
        assert answer["KeyMaterialId"] == staged
        assert len(west.rotations(key)) == 2

    def test_staged_again_it_is_missing_again(self, bench: Workbench, kms: Any, key: str, west: Workbench) -> None:
        staged = bench.load(key, B, ImportType=NEW)
        west.load(key, B)
        kms.delete_imported_key_material(KeyId=key, KeyMaterialId=staged)
        assert len(west.rotations(key)) == 1
        assert bench.load(key, B, ImportType=NEW) == staged
        assert west.states(key)[1] == ("PENDING_MULTI_REGION_IMPORT_AND_ROTATION", "PENDING_IMPORT")


class TestPrimaryRegion:
    def test_change(self, bench: Workbench, kms: Any, key: str, west: Workbench, emulator: EmulatorProcess) -> None:
        west.load(key, A)
        emulator.config(transient_seconds=30)
        kms.update_primary_region(KeyId=key, PrimaryRegion=WEST)
        for where in (bench, west):
            assert (where.state(key), where.metadata(key)["Enabled"]) == ("Updating", False)
        bench.advance(31)
        kinds = [where.metadata(key)["MultiRegionConfiguration"]["MultiRegionKeyType"] for where in (bench, west)]
        assert (bench.state(key), west.state(key), kinds) == ("Enabled", "Enabled", ["REPLICA", "PRIMARY"])
        west.load(key, B, ImportType=NEW)
        assert refusal(bench.load, key=key, plaintext=C, ImportType=NEW)[0] == "ValidationException"

    def test_refusals(self, bench: Workbench, kms: Any, key: str, west: Workbench) -> None:
        west.load(key, A)
        kms.update_primary_region(KeyId=key, PrimaryRegion=EAST)
        text = f"{key} does not have a replica key in the specified Region."
        expected = ("ValidationException", text)
        assert refusal(kms.update_primary_region, KeyId=key, PrimaryRegion="eu-west-1") == expected
        code, text = refusal(west.kms.update_primary_region, KeyId=key, PrimaryRegion=WEST)
        assert code == "KMSInvalidStateException"
        assert text == f"{west.metadata(key)['Arn']} is not a multi-Region primary key."

    def test_names_the_key_at_fault(self, kms: Any, key: str, west: Workbench) -> None:
        west.load(key, A)
        west.kms.disable_key(KeyId=key)
        arn = west.metadata(key)["Arn"]
        disabled = refusal(kms.update_primary_region, KeyId=key, PrimaryRegion=WEST)
        assert disabled == ("DisabledException", f"{arn} is disabled.")
        west.kms.schedule_key_deletion(KeyId=key)
        going = refusal(kms.update_primary_region, KeyId=key, PrimaryRegion=WEST)
        assert going == ("KMSInvalidStateException", f"{arn} is pending deletion.")


class TestDeletion:
    def test_the_primary_waits_for_its_replicas(self, bench: Workbench, kms: Any, key: str, west: Workbench) -> None:
        answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=9)
        assert (answer["KeyState"], "DeletionDate" in answer) == ("PendingReplicaDeletion", False)
        metadata = bench.metadata(key)
        assert (metadata["PendingDeletionWindowInDays"], "DeletionDate" in metadata) == (9, False)
        west.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        bench.advance(7 * 86400 + 60)
        assert refusal(west.kms.describe_key, KeyId=key)[0] == "NotFoundException"
        metadata = bench.metadata(key)
        assert metadata["KeyState"] == "PendingDeletion"
        assert metadata["MultiRegionConfiguration"]["ReplicaKeys"] == []
        assert metadata["DeletionDate"].timestamp() == pytest.approx(bench.now() + 9 * 86400 - 60, abs=30)
        bench.advance(9 * 86400)
        assert refusal(kms.describe_key, KeyId=key)[0] == "NotFoundException"

    def test_replicas_go_on(self, kms: Any, key: str, west: Workbench) -> None:
        west.load(key, A)
        kms.schedule_key_deletion(KeyId=key)
        assert west.kms.encrypt(KeyId=key, Plaintext=b"x")["KeyId"].startswith("arn:aws:kms:us-west-2:")
        kms.cancel_key_deletion(KeyId=key)
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


class TestAutomaticRotation:
    """One setting for the primary and its replicas; the replicas show the primary's."""

    def setting(self, bench: Workbench, key: str) -> tuple[Any, ...]:
        status = bench.kms.get_key_rotation_status(KeyId=key)
        return tuple(status.get(name) for name in ("KeyRotationEnabled", "RotationPeriodInDays", "NextRotationDate"))

    def test_replicas_show_the_setting_of_the_primary(self, bench: Workbench, kms: Any) -> None:
        key = bench.create(Origin="AWS_KMS", MultiRegion=True)
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        bench.advance(86400)
        west = bench.replicate(key)
        assert self.setting(west, key) == self.setting(bench, key)
        assert self.setting(west, key)[:2] == (True, 90)
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
        assert self.setting(west, key) == self.setting(bench, key)
        assert self.setting(west, key)[:2] == (True, 180)
        kms.disable_key_rotation(KeyId=key)
        assert self.setting(west, key) == (False, None, None)

    def test_replicas_lag_behind_the_primary(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        key = bench.create(Origin="AWS_KMS", MultiRegion=True)
        west = bench.replicate(key)
        emulator.config(lag_seconds=3600)
        kms.enable_key_rotation(KeyId=key)
        assert self.setting(west, key) == (False, None, None)
        emulator.config(lag_seconds=0)
        assert self.setting(west, key)[0] is True

    @pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "HMAC_256"])
    def test_replicas_are_told_to_ask_the_primary(self, bench: Workbench, spec: str) -> None:
        key = bench.create(spec, Origin="AWS_KMS", MultiRegion=True)
        west = bench.replicate(key)
        arn = west.metadata(key)["Arn"]
        assert refusal(west.kms.disable_key_rotation, KeyId=key) == (
            "UnsupportedOperationException",
            f"{arn} is a multi-region replica key which is not valid for DisableKeyRotation.",
        )


def test_identifiers_in_the_wrong_region(bench: Workbench) -> None:
    key = bench.filled()
    west = bench.in_region(WEST)
    arn = bench.metadata(key)["Arn"]
    assert refusal(west.kms.describe_key, KeyId=arn) == ("NotFoundException", f"Invalid arn {EAST}")
    expected = ("NotFoundException", f"Key '{arn.replace(EAST, WEST)}' does not exist")
    assert refusal(west.kms.describe_key, KeyId=key) == expected
