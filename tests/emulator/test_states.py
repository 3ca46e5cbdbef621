# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which operation a key allows in which state, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conformance.crypto import wrap
from workbench import NEVER
from workbench import NEW
from workbench import WEST
from workbench import A
from workbench import B
from workbench import Workbench
from workbench import default_usage
from workbench import first_material
from workbench import refusal

DAY = 24 * 60 * 60
ENABLED, DISABLED, DELETING, REPLICA_DELETING = "Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion"
EMPTY, CREATING, UPDATING = "PendingImport", "Creating", "Updating"
STATES = (ENABLED, DISABLED, DELETING, REPLICA_DELETING, EMPTY, CREATING, UPDATING)

TEXTS = {
    "disabled": ("DisabledException", "{} is disabled."),
    "deleting": ("KMSInvalidStateException", "{} is pending deletion."),
    "waiting": ("KMSInvalidStateException", "{} is pending replica deletion."),
    "kept": ("KMSInvalidStateException", "{} is not pending deletion."),
    "empty": ("KMSInvalidStateException", "{} is pending import."),
    "origin": ("UnsupportedOperationException", "{} origin is EXTERNAL which is not valid for this operation."),
    "creating": ("KMSInvalidStateException", "{} is creating."),
    "updating": ("KMSInvalidStateException", "{} is updating."),
}

# In the order of STATES: "+" works, "-" is not tried, a word is the refusal.
TABLE = {
    "DescribeKey": "+ + + + + + +",
    "GetKeyPolicy": "+ + + + + + +",
    "PutKeyPolicy": "+ + + + + + +",
    "ListAliases": "+ + + + + + +",
    "ListResourceTags": "+ + + + + + +",
    "DeleteAlias": "+ + + + + + +",
    "DeleteImportedKeyMaterial": "+ + + + + creating updating",
    "GetParametersForImport": "+ + deleting waiting + creating updating",
    "ImportKeyMaterial": "+ + deleting waiting + creating updating",
    "RotateKeyOnDemand": "+ disabled deleting waiting empty creating +",
    "ListKeyRotations": "+ + + + + + +",
    "GetKeyRotationStatus": "+ + + + + + +",
    "EnableKeyRotation": "origin origin deleting waiting origin - -",
    "DisableKeyRotation": "origin origin deleting waiting origin - -",
    "EnableKey": "+ + deleting waiting empty creating updating",
    "DisableKey": "+ + deleting waiting empty creating updating",
    "ScheduleKeyDeletion": "+ + deleting waiting + + updating",
    "CancelKeyDeletion": "kept kept + + kept kept kept",
    "CreateAlias": "+ + deleting waiting + + +",
    "UpdateAlias": "+ + deleting waiting + + +",
    "TagResource": "+ + deleting waiting + + +",
    "UntagResource": "+ + deleting waiting + + +",
    "UpdateKeyDescription": "+ + deleting waiting + + +",
    "ReplicateKey": "+ disabled deleting waiting empty creating updating",
    "UpdatePrimaryRegion": "+ disabled deleting waiting empty - +",
    "GetPublicKey": "+ + deleting waiting empty creating +",
    "Encrypt": "+ disabled deleting waiting empty creating +",
    "Decrypt": "+ disabled deleting waiting empty creating +",
    "GenerateDataKey": "+ disabled deleting waiting empty creating +",
    "ReEncrypt": "+ disabled deleting waiting empty creating +",
    "GenerateMac": "+ disabled deleting waiting empty creating +",
    "Sign": "+ disabled deleting waiting empty creating +",
    "DeriveSharedSecret": "+ disabled deleting waiting empty creating +",
}
SPECS = {"GetPublicKey": "ECC_NIST_P256", "Sign": "ECC_NIST_P256", "DeriveSharedSecret": "ECC_NIST_P256"}
SPECS["GenerateMac"] = "HMAC_256"
CELLS = [
    (operation, state, cell)
    for operation, row in TABLE.items()
    for state, cell in zip(STATES, row.split())
    if cell != "-"
]


class Subject:
    """A key in the wanted state, and what an operation needs to work on it."""

    def __init__(self, bench: Workbench, state: str, spec: str, usage: str) -> None:
        self.bench = bench
        self.key = bench.create(spec, usage, MultiRegion=True)
        self.parameters = bench.parameters(self.key)
        self.material = first_material(spec)
        bench.load(self.key, self.material, self.parameters)
        self.symmetric = spec == "SYMMETRIC_DEFAULT"
        self.blob = bench.kms.encrypt(KeyId=self.key, Plaintext=b"x")["CiphertextBlob"] if self.symmetric else b""
        bench.kms.create_alias(AliasName="alias/subject", TargetKeyId=self.key)
        self.other = bench.create(spec, usage)
        bench.kms.create_alias(AliasName="alias/other", TargetKeyId=self.other)
        getattr(self, f"_become_{state}")()
        if self.bench.state(self.key) != state:
            raise AssertionError(f"the key is {self.bench.state(self.key)}, not {state}")

    def stage(self, *where: Workbench) -> None:
        """Something to rotate to, in every Region."""
        if self.symmetric:
            self.bench.load(self.key, B, self.parameters, ImportType=NEW)
            for each in where:
                each.load(self.key, B)

    def _become_Enabled(self) -> None:  # noqa: N802
        self.stage()

    def _become_Disabled(self) -> None:  # noqa: N802
        self.stage()
        self.bench.kms.disable_key(KeyId=self.key)

    def _become_PendingDeletion(self) -> None:  # noqa: N802
        self.bench.kms.schedule_key_deletion(KeyId=self.key)

    def _become_PendingReplicaDeletion(self) -> None:  # noqa: N802
        self.bench.replicate(self.key)
        self.bench.kms.schedule_key_deletion(KeyId=self.key)

    def _become_PendingImport(self) -> None:  # noqa: N802
        self.stage()
        self.bench.kms.delete_imported_key_material(KeyId=self.key)

    def _become_Creating(self) -> None:  # noqa: N802
        self.bench.emulator.config(transient_seconds=3600)
        self.bench.kms.replicate_key(KeyId=self.key, ReplicaRegion=WEST)
        self._move_to(self.bench.in_region(WEST))

    def _become_Updating(self) -> None:  # noqa: N802
        west = self.bench.replicate(self.key)
        west.load(self.key, self.material)
        self.stage(west)
        self.parameters = west.parameters(self.key)
        self.bench.emulator.config(transient_seconds=3600)
        self.bench.kms.update_primary_region(KeyId=self.key, PrimaryRegion=WEST)
        self._move_to(west)

    def _move_to(self, region: Workbench) -> None:
        """The tests look at the key in the other Region, which needs the aliases there."""
        self.bench = region
        spec, usage = region.metadata(self.key)["KeySpec"], region.metadata(self.key)["KeyUsage"]
        region.kms.create_alias(AliasName="alias/subject", TargetKeyId=self.key)
        self.other = region.create(spec, usage)
        region.kms.create_alias(AliasName="alias/other", TargetKeyId=self.other)

    def request(self, operation: str) -> tuple[Callable[..., Any], dict[str, Any]]:
        """The call and its parameters."""
        kms, key = self.bench.kms, {"KeyId": self.key}
        return {
            "DescribeKey": (kms.describe_key, key),
            "GetKeyPolicy": (kms.get_key_policy, key),
            "PutKeyPolicy": (kms.put_key_policy, {**key, "Policy": '{"Statement": []}'}),
            "ListAliases": (kms.list_aliases, key),
            "ListResourceTags": (kms.list_resource_tags, key),
            "DeleteAlias": (kms.delete_alias, {"AliasName": "alias/subject"}),
            "DeleteImportedKeyMaterial": (kms.delete_imported_key_material, key),
            "GetParametersForImport": (
                kms.get_parameters_for_import,
                {**key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
            ),
            "ImportKeyMaterial": (
                kms.import_key_material,
                {
                    **key,
                    "ImportToken": self.parameters["ImportToken"],
                    "EncryptedKeyMaterial": wrap(A, self.parameters["PublicKey"], "RSAES_OAEP_SHA_256"),
                    "ExpirationModel": NEVER,
                },
            ),
            "RotateKeyOnDemand": (kms.rotate_key_on_demand, key),
            "ListKeyRotations": (kms.list_key_rotations, {**key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}),
            "GetKeyRotationStatus": (kms.get_key_rotation_status, key),
            "EnableKeyRotation": (kms.enable_key_rotation, key),
            "DisableKeyRotation": (kms.disable_key_rotation, key),
            "EnableKey": (kms.enable_key, key),
            "DisableKey": (kms.disable_key, key),
            "ScheduleKeyDeletion": (kms.schedule_key_deletion, key),
            "CancelKeyDeletion": (kms.cancel_key_deletion, key),
            "CreateAlias": (kms.create_alias, {"AliasName": "alias/new", "TargetKeyId": self.key}),
            "UpdateAlias": (kms.update_alias, {"AliasName": "alias/other", "TargetKeyId": self.key}),
            "TagResource": (kms.tag_resource, {**key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
            "UntagResource": (kms.untag_resource, {**key, "TagKeys": ["a"]}),
            "UpdateKeyDescription": (kms.update_key_description, {**key, "Description": "d"}),
            "ReplicateKey": (kms.replicate_key, {**key, "ReplicaRegion": "eu-west-1"}),
            "UpdatePrimaryRegion": (kms.update_primary_region, {**key, "PrimaryRegion": self.bench.region}),
            "GetPublicKey": (kms.get_public_key, key),
            "Encrypt": (kms.encrypt, {**key, "Plaintext": b"x"}),
            "Decrypt": (kms.decrypt, {"CiphertextBlob": self.blob}),
            "GenerateDataKey": (kms.generate_data_key, {**key, "KeySpec": "AES_256"}),
            "ReEncrypt": (kms.re_encrypt, {"CiphertextBlob": self.blob, "DestinationKeyId": self.key}),
            "GenerateMac": (kms.generate_mac, {**key, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}),
            "Sign": (kms.sign, {**key, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}),
            "DeriveSharedSecret": (
                kms.derive_shared_secret,
                {**key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": self.peer()},
            ),
        }[operation]

    def peer(self) -> bytes:
        from conformance.crypto import public_der

        return public_der("ECC_NIST_P256", 7)


def usage_for(operation: str, spec: str) -> str:
    return "KEY_AGREEMENT" if operation == "DeriveSharedSecret" else default_usage(spec)


@pytest.mark.parametrize(("operation", "state", "cell"), CELLS, ids=[f"{cell[0]}-{cell[1]}" for cell in CELLS])
def test_cell(bench: Workbench, operation: str, state: str, cell: str) -> None:
    spec = SPECS.get(operation, "SYMMETRIC_DEFAULT")
    subject = Subject(bench, state, spec, usage_for(operation, spec))
    arn = subject.bench.metadata(subject.key)["Arn"]
    call, request = subject.request(operation)
    if cell == "+":
        assert call(**request)["ResponseMetadata"]["HTTPStatusCode"] == 200
        return
    code, text = TEXTS[cell]
    before = subject.bench.metadata(subject.key), subject.bench.kms.list_aliases()["Aliases"]
    assert refusal(call, **request) == (code, text.format(arn))
    assert (subject.bench.metadata(subject.key), subject.bench.kms.list_aliases()["Aliases"]) == before


class TestTransitions:
    def test_import_enables_a_disabled_key(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        kms.disable_key(KeyId=key)
        bench.load(key, A)
        assert bench.state(key) == ENABLED

    def test_disabled_is_forgotten_by_a_delete(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        kms.disable_key(KeyId=key)
        kms.delete_imported_key_material(KeyId=key)
        assert bench.state(key) == EMPTY
        bench.load(key, A)
        assert bench.state(key) == ENABLED

    def test_deleting_staged_material_changes_no_state(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        staged = bench.load(key, B, ImportType=NEW)
        kms.disable_key(KeyId=key)
        kms.delete_imported_key_material(KeyId=key, KeyMaterialId=staged)
        assert bench.state(key) == DISABLED

    def test_update_alias_moves_away_from_a_key_waiting_for_deletion(self, bench: Workbench, kms: Any) -> None:
        old, new = bench.filled(), bench.filled()
        kms.create_alias(AliasName="alias/moving", TargetKeyId=old)
        kms.schedule_key_deletion(KeyId=old)
        kms.update_alias(AliasName="alias/moving", TargetKeyId=new)
        assert bench.metadata("alias/moving")["KeyId"] == new

    def test_rotation_settings_of_keys_of_kms_itself(self, bench: Workbench, kms: Any) -> None:
        key = bench.create(Origin="AWS_KMS")
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
        status = kms.get_key_rotation_status(KeyId=key)
        assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 180)
        kms.disable_key(KeyId=key)
        assert refusal(kms.enable_key_rotation, KeyId=key)[0] == "DisabledException"


class TestAutomaticRotation:
    """The setting, as AWS was recorded to treat it."""

    @pytest.fixture
    def key(self, bench: Workbench) -> str:
        return bench.create(Origin="AWS_KMS")

    def setting(self, bench: Workbench, key: str) -> tuple[int, int]:
        """The period, and for how many days the next rotation is away."""
        status = bench.kms.get_key_rotation_status(KeyId=key)
        assert status["KeyRotationEnabled"] is True
        away = status["NextRotationDate"].timestamp() - bench.now()
        return status["RotationPeriodInDays"], round(away / DAY)

    def test_the_next_rotation_is_one_period_after_it_was_switched_on(self, bench: Workbench, key: str) -> None:
        bench.advance(10 * DAY)
        bench.kms.enable_key_rotation(KeyId=key)
        assert self.setting(bench, key) == (365, 365)
        bench.advance(5 * DAY)
        assert self.setting(bench, key) == (365, 360)

    @pytest.mark.parametrize(
        ("again", "expected"),
        [({}, (90, 80)), ({"RotationPeriodInDays": 90}, (90, 80)), ({"RotationPeriodInDays": 2560}, (2560, 2560))],
        ids=["without a period", "the same period", "another period"],
    )
    def test_switched_on_again(
        self, bench: Workbench, key: str, again: dict[str, int], expected: tuple[int, int]
    ) -> None:
        bench.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        bench.advance(10 * DAY)
        bench.kms.enable_key_rotation(KeyId=key, **again)
        assert self.setting(bench, key) == expected

    def test_switching_off_forgets_the_period(self, bench: Workbench, key: str) -> None:
        bench.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        bench.kms.disable_key_rotation(KeyId=key)
        status = bench.kms.get_key_rotation_status(KeyId=key)
        assert set(status) == {"KeyId", "KeyRotationEnabled", "ResponseMetadata"}
        bench.kms.enable_key_rotation(KeyId=key)
        assert self.setting(bench, key) == (365, 365)

    def test_keys_that_do_not_rotate(self, bench: Workbench, kms: Any) -> None:
        mac = bench.create("HMAC_256", Origin="AWS_KMS")
        assert refusal(kms.enable_key_rotation, KeyId=mac) == ("UnsupportedOperationException", "")
        kms.disable_key_rotation(KeyId=mac)
        assert kms.get_key_rotation_status(KeyId=mac)["KeyRotationEnabled"] is False
        signer = bench.create("ECC_NIST_P256", Origin="AWS_KMS")
        assert refusal(kms.disable_key_rotation, KeyId=signer) == ("UnsupportedOperationException", "")
        imported = bench.create("HMAC_256")
        assert refusal(kms.disable_key_rotation, KeyId=imported)[1].endswith(
            "origin is EXTERNAL which is not valid for this operation."
        )
