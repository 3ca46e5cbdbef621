# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identifiers, validation, tags, aliases, lists and policies."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from workbench import NEVER
from workbench import Workbench
from workbench import refusal

NO_ALIASES = ("InvalidArnException", "Key Aliases are not supported for this operation.")
INVALID = "ValidationException"


class TestIdentifiers:
    def test_every_form(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        kms.create_alias(AliasName="alias/some/name", TargetKeyId=key)
        arn = bench.metadata(key)["Arn"]
        alias_arn = kms.list_aliases(KeyId=key)["Aliases"][0]["AliasArn"]
        for name in (key, arn, "alias/some/name", alias_arn):
            assert bench.metadata(name)["Arn"] == arn
            assert kms.encrypt(KeyId=name, Plaintext=b"x")["KeyId"] == arn

    def test_aliases_where_only_keys_go(self, bench: Workbench, kms: Any) -> None:
        kms.create_alias(AliasName="alias/a", TargetKeyId=bench.filled())
        wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        for call, more in (
            (kms.get_key_rotation_status, {}),
            (kms.list_key_rotations, {}),
            (kms.enable_key_rotation, {}),
            (kms.disable_key_rotation, {}),
            (kms.rotate_key_on_demand, {}),
            (kms.replicate_key, {"ReplicaRegion": "us-west-2"}),
            (kms.update_primary_region, {"PrimaryRegion": "us-west-2"}),
            (kms.get_parameters_for_import, wrapping),
            (kms.delete_imported_key_material, {}),
        ):
            assert refusal(call, KeyId="alias/a", **more) == NO_ALIASES

    def test_what_is_not_there(self, bench: Workbench, kms: Any) -> None:
        unknown = str(uuid.uuid4())
        arn = bench.metadata(bench.filled())["Arn"].rsplit("/", 1)[0] + "/" + unknown
        for name, text in (
            (unknown, f"Key '{arn}' does not exist"),
            (arn, f"Key '{arn}' does not exist"),
            ("not-a-uuid", "Invalid keyId 'not-a-uuid'"),
            ("alias/none", f"Alias {arn.split(':key/')[0]}:alias/none is not found."),
        ):
            assert refusal(kms.describe_key, KeyId=name) == ("NotFoundException", text)

    def test_answers_carry_arns(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        arn = bench.metadata(key)["Arn"]
        assert bench.parameters(key)["KeyId"] == arn
        assert kms.get_key_rotation_status(KeyId=key)["KeyId"] == arn
        assert {entry["KeyId"] for entry in bench.rotations(key)} == {arn}
        assert kms.schedule_key_deletion(KeyId=key)["KeyId"] == arn
        assert kms.cancel_key_deletion(KeyId=key)["KeyId"] == arn


class TestValidation:
    def test_enums(self, bench: Workbench, kms: Any) -> None:
        code, text = refusal(
            kms.get_parameters_for_import,
            KeyId=bench.create(),
            WrappingAlgorithm="ROT13",
            WrappingKeySpec="RSA_2048",
        )
        start = (
            "1 validation error detected: Value 'ROT13' at 'wrappingAlgorithm' failed to satisfy constraint: "
            "Member must satisfy enum value set: ["
        )
        assert (code, text[: len(start)], text[-1]) == (INVALID, start, "]")

    def test_several_at_once(self, bench: Workbench, kms: Any) -> None:
        request = {"KeyId": bench.create(), "WrappingAlgorithm": "A", "WrappingKeySpec": "B"}
        assert refusal(kms.get_parameters_for_import, **request)[1].startswith("2 validation errors detected: ")

    def test_numbers_and_lengths(self, bench: Workbench, kms: Any) -> None:
        key = bench.create(Origin="AWS_KMS")
        code, text = refusal(kms.enable_key_rotation, KeyId=key, RotationPeriodInDays=2561)
        assert (code, text) == (
            INVALID,
            (
                "1 validation error detected: Value '2561' at 'rotationPeriodInDays' failed to satisfy constraint: "
                "Member must have value less than or equal to 2560"
            ),
        )
        code, text = refusal(kms.tag_resource, KeyId=key, Tags=[{"TagKey": "k" * 129, "TagValue": ""}])
        assert code == INVALID
        assert text.endswith(
            "at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128"
        )

    def test_description_of_material(self, bench: Workbench) -> None:
        code, text = refusal(bench.load, key=bench.create(), plaintext=b"A" * 32, KeyMaterialDescription="a=b")
        assert code == INVALID
        assert "at 'keyMaterialDescription' failed to satisfy constraint: Member must satisfy regular" in text

    def test_plaintext(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        assert kms.encrypt(KeyId=key, Plaintext=b"x" * 4096)["KeyId"]
        assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x" * 4097)[0] == INVALID

    def test_existence_comes_before_origin_and_state(self, kms: Any) -> None:
        blobs = {"ImportToken": b"x", "EncryptedKeyMaterial": b"x", "ExpirationModel": NEVER}
        assert refusal(kms.import_key_material, KeyId=str(uuid.uuid4()), **blobs)[0] == "NotFoundException"


class TestCreateKey:
    @pytest.mark.parametrize("spec", ["HMAC_256", "RSA_2048", "ECC_NIST_P256"])
    def test_usage_is_needed(self, kms: Any, spec: str) -> None:
        text = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
        assert refusal(kms.create_key, Origin="EXTERNAL", KeySpec=spec) == (INVALID, text)

    def test_usage_must_suit(self, kms: Any) -> None:
        request = {"Origin": "EXTERNAL", "KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}
        text = "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"
        assert refusal(kms.create_key, **request) == (INVALID, text)

    def test_defaults(self, kms: Any) -> None:
        metadata = kms.create_key()["KeyMetadata"]
        shown = {name: metadata[name] for name in ("KeyState", "Origin", "KeySpec", "KeyUsage", "MultiRegion")}
        assert shown == {
            "KeyState": "Enabled",
            "Origin": "AWS_KMS",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "MultiRegion": False,
        }

    def test_policy(self, bench: Workbench, kms: Any) -> None:
        policy = json.dumps({"Version": "2012-10-17", "Statement": []})
        key = bench.create(Policy=policy)
        assert kms.get_key_policy(KeyId=key)["Policy"] == policy
        assert '"Sid" : "Enable IAM User Permissions"' in kms.get_key_policy(KeyId=bench.create())["Policy"]
        assert refusal(kms.create_key, Policy="{")[0] == "MalformedPolicyDocumentException"
        assert refusal(kms.put_key_policy, KeyId=key, Policy="[]")[0] == "MalformedPolicyDocumentException"
        assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]

    @pytest.mark.parametrize("usage", ["ENCRYPT_DECRYPT", "SIGN_VERIFY"])
    def test_algorithms_of_rsa(self, bench: Workbench, usage: str) -> None:
        metadata = bench.metadata(bench.create("RSA_4096", usage))
        assert ("EncryptionAlgorithms" in metadata, "SigningAlgorithms" in metadata) == (
            usage == "ENCRYPT_DECRYPT",
            usage == "SIGN_VERIFY",
        )


class TestTags:
    def test_life(self, bench: Workbench, kms: Any) -> None:
        key = bench.create(Tags=[{"TagKey": "a", "TagValue": "1"}])
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "2"}, {"TagKey": "b", "TagValue": "3"}])
        kms.untag_resource(KeyId=key, TagKeys=["b"])
        assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "a", "TagValue": "2"}]

    @pytest.mark.parametrize(
        ("names", "text"),
        [
            (["a", "a"], "Duplicate tag keys"),
            (["aws:x"], "Tags beginning with aws: are reserved"),
            ([f"k{number}" for number in range(51)], "Too many tags"),
        ],
    )
    def test_refusals(self, bench: Workbench, kms: Any, names: list[str], text: str) -> None:
        tags = [{"TagKey": name, "TagValue": ""} for name in names]
        for call, request in ((kms.create_key, {}), (kms.tag_resource, {"KeyId": bench.create()})):
            assert refusal(call, Tags=tags, **request) == ("TagException", text)


class TestAliases:
    def test_prefix(self, bench: Workbench, kms: Any) -> None:
        assert refusal(kms.create_alias, AliasName="name", TargetKeyId=bench.create()) == (
            INVALID,
            (
                'Alias must start with the prefix "alias/". Please see '
                "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
            ),
        )

    def test_taken(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        kms.create_alias(AliasName="alias/a", TargetKeyId=key)
        arn = kms.list_aliases()["Aliases"][0]["AliasArn"]
        expected = ("AlreadyExistsException", f"An alias with the name {arn} already exists")
        assert refusal(kms.create_alias, AliasName="alias/a", TargetKeyId=key) == expected

    def test_reserved(self, bench: Workbench, kms: Any) -> None:
        code, _text = refusal(kms.create_alias, AliasName="alias/aws/s3", TargetKeyId=bench.create())
        assert code == "NotAuthorizedException"

    def test_move_between_alike_keys_only(self, bench: Workbench, kms: Any) -> None:
        """Both symmetric, both HMAC or both asymmetric, and of the same usage [doc]; the key spec may differ."""
        one, alike, plain = bench.create("HMAC_256"), bench.create("HMAC_512"), bench.create()
        signing, other = bench.create("RSA_2048", "SIGN_VERIFY"), bench.create("ECC_NIST_P256", "SIGN_VERIFY")
        encrypting = bench.create("RSA_2048", "ENCRYPT_DECRYPT")
        kms.create_alias(AliasName="alias/a", TargetKeyId=one)
        kms.create_alias(AliasName="alias/signing", TargetKeyId=signing)
        for alias, unlike in (("alias/a", plain), ("alias/a", signing), ("alias/signing", encrypting)):
            assert refusal(kms.update_alias, AliasName=alias, TargetKeyId=unlike)[0] == INVALID
        for alias, key in (("alias/a", alike), ("alias/signing", other)):
            kms.update_alias(AliasName=alias, TargetKeyId=key)
            assert bench.metadata(alias)["KeyId"] == key
        assert refusal(kms.update_alias, AliasName="alias/none", TargetKeyId=one)[0] == "NotFoundException"
        kms.delete_alias(AliasName="alias/a")
        assert refusal(kms.delete_alias, AliasName="alias/a")[0] == "NotFoundException"

    def test_fifty_a_key(self, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        for number in range(50):
            kms.create_alias(AliasName=f"alias/{number}", TargetKeyId=key)
        assert refusal(kms.create_alias, AliasName="alias/51", TargetKeyId=key)[0] == "LimitExceededException"


class TestLists:
    def test_pages_of_keys(self, bench: Workbench, kms: Any) -> None:
        keys = [bench.create() for _attempt in range(7)]
        pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 3}))
        assert [len(page["Keys"]) for page in pages] == [3, 3, 1]
        assert [key["KeyId"] for page in pages for key in page["Keys"]] == keys
        assert refusal(kms.list_keys, Marker="x")[0] == "InvalidMarkerException"

    def test_aliases_of_one_key(self, bench: Workbench, kms: Any) -> None:
        one, other = bench.create(), bench.create()
        kms.create_alias(AliasName="alias/b", TargetKeyId=one)
        kms.create_alias(AliasName="alias/a", TargetKeyId=other)
        assert [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]] == ["alias/a", "alias/b"]
        (alias,) = kms.list_aliases(KeyId=one)["Aliases"]
        assert (alias["AliasName"], alias["TargetKeyId"]) == ("alias/b", one)

    def test_grants_are_motos(self, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        principal = "arn:aws:iam::123456789012:role/r"
        grant = kms.create_grant(KeyId=key, GranteePrincipal=principal, Operations=["Encrypt"])
        assert [each["GrantId"] for each in kms.list_grants(KeyId=key)["Grants"]] == [grant["GrantId"]]


def test_every_answer_has_a_request_id_of_its_own(bench: Workbench, kms: Any) -> None:
    key = bench.create()
    ids = [kms.describe_key(KeyId=key)["ResponseMetadata"]["RequestId"] for _attempt in range(3)]
    with pytest.raises(kms.exceptions.NotFoundException) as caught:
        kms.describe_key(KeyId="none")
    ids.append(caught.value.response["ResponseMetadata"]["RequestId"])
    assert all(uuid.UUID(each) for each in ids)
    assert len(set(ids)) == 4


def test_an_operation_that_is_missing(kms: Any) -> None:
    assert refusal(kms.describe_custom_key_stores)[0] == "UnknownOperationException"
