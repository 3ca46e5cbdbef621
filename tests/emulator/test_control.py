# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults, quotas, lag, latency, the log of calls and reset."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from emulator_process import EmulatorProcess
from kms_emulator.quotas import QuotaBook
from workbench import NEVER
from workbench import NEW
from workbench import A
from workbench import B
from workbench import Workbench
from workbench import refusal

# Seconds, and calls in a second: so many, and so few, that the tests themselves take no time beside them.
LAG = 3600.0
RARE = 0.001

RATE = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."


def outcomes(call: Any, count: int, **request: Any) -> list[str]:
    """What becomes of so many equal calls."""
    seen = []
    for _attempt in range(count):
        try:
            call(**request)
            seen.append("Success")
        except ConnectionClosedError:
            seen.append("dropped")
        except call.__self__.exceptions.ClientError as error:
            seen.append(error.response["Error"]["Code"])
    return seen


class TestFaults:
    @pytest.fixture
    def key(self, bench: Workbench) -> str:
        return bench.filled()

    def test_codes_and_texts(self, emulator: EmulatorProcess, kms: Any, key: str) -> None:
        for rule, expected in (
            ({"code": "ThrottlingException"}, ("ThrottlingException", RATE)),
            ({"code": "InvalidImportTokenException"}, ("InvalidImportTokenException", "")),
            ({"code": "NotFoundException", "message": "my text"}, ("NotFoundException", "my text")),
            ({"code": "NotFoundException", "message": ""}, ("NotFoundException", "")),
        ):
            emulator.faults([rule])
            assert refusal(kms.describe_key, KeyId=key) == expected

    @pytest.mark.parametrize("code", ["KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"])
    def test_server_errors(self, emulator: EmulatorProcess, kms: Any, key: str, code: str) -> None:
        emulator.faults([{"operation": "DescribeKey", "code": code}])
        with pytest.raises(kms.exceptions.ClientError) as caught:
            kms.describe_key(KeyId=key)
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500

    def test_access_denied_names_operation_and_key(self, emulator: EmulatorProcess, kms: Any, key: str) -> None:
        emulator.faults([{"operation": "DisableKey", "code": "AccessDeniedException"}])
        code, text = refusal(kms.disable_key, KeyId=key)
        assert code == "AccessDeniedException"
        assert "is not authorized to perform: kms:DisableKey on resource" in text
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"

    @pytest.mark.parametrize(
        ("members", "expected"),
        [
            ({}, "TTTTTT"),
            ({"times": 2}, "TTSSSS"),
            ({"nth": 3}, "SSTSSS"),
            ({"nth": 3, "times": 2}, "SSTTSS"),
            ({"every": 3}, "SSTSST"),
            ({"every": 2, "times": 1}, "STSSSS"),
        ],
    )
    def test_which_calls(
        self, emulator: EmulatorProcess, kms: Any, key: str, members: dict[str, int], expected: str
    ) -> None:
        emulator.faults([{"operation": "DescribeKey", "code": "ThrottlingException", **members}])
        assert "".join(outcome[0] for outcome in outcomes(kms.describe_key, 6, KeyId=key)) == expected

    def test_which_operation_and_key(self, emulator: EmulatorProcess, bench: Workbench, kms: Any, key: str) -> None:
        other = bench.filled()
        kms.create_alias(AliasName="alias/a", TargetKeyId=key)
        names = (key, bench.metadata(key)["Arn"], "alias/a")
        for rule_name, call_name in itertools.product(names, names):
            emulator.faults([{"operation": "DescribeKey", "key_id": rule_name, "code": "ThrottlingException"}])
            assert outcomes(kms.describe_key, 1, KeyId=call_name) == ["ThrottlingException"]
            assert outcomes(kms.describe_key, 1, KeyId=other) == ["Success"]
            assert outcomes(kms.get_key_rotation_status, 1, KeyId=key) == ["Success"]

    def test_any_operation(self, emulator: EmulatorProcess, kms: Any) -> None:
        emulator.faults([{"nth": 2, "code": "ThrottlingException"}])
        assert outcomes(kms.list_keys, 1) + outcomes(kms.list_aliases, 1) == ["Success", "ThrottlingException"]

    def test_dropped_before_nothing_happens(self, emulator: EmulatorProcess, kms: Any, key: str) -> None:
        emulator.faults([{"operation": "DisableKey", "drop_before": True, "times": 1}])
        assert outcomes(kms.disable_key, 1, KeyId=key) == ["dropped"]
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
        (call,) = emulator.calls("DisableKey")
        assert (call["outcome"], call["executed"]) == ("DroppedBefore", None)

    def test_dropped_after_it_has_happened(self, emulator: EmulatorProcess, bench: Workbench, key: str) -> None:
        parameters = bench.parameters(key)
        emulator.faults([{"operation": "ImportKeyMaterial", "drop_after": True, "times": 1}])
        with pytest.raises(ConnectionClosedError):
            bench.load(key, B, parameters, ImportType=NEW)
        (call,) = emulator.calls("ImportKeyMaterial")[-1:]
        assert (call["outcome"], call["executed"]) == ("DroppedAfter", "Success")
        staged = bench.rotations(key)[1]["KeyMaterialId"]
        again = refusal(bench.load, key=key, plaintext=B, parameters=parameters, ImportType=NEW)
        assert again[1].startswith(f"Key material (id: {staged}) being imported as NEW_KEY_MATERIAL is already")

    @pytest.mark.parametrize("member", ["delay_seconds", "delay_after_seconds"])
    def test_delays(self, emulator: EmulatorProcess, kms: Any, key: str, member: str) -> None:
        emulator.faults([{"operation": "DescribeKey", member: 0.3, "times": 1}])
        started = time.monotonic()
        kms.describe_key(KeyId=key)
        assert time.monotonic() - started >= 0.3
        assert emulator.calls("DescribeKey")[-1]["duration"] >= 0.3

    def test_a_delay_holds_up_nobody_else(self, emulator: EmulatorProcess, bench: Workbench, key: str) -> None:
        emulator.faults([{"operation": "DisableKey", "delay_seconds": 1.0}])
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(bench.kms.disable_key, KeyId=key)
            # As many as there is time for: each would have waited for the slow one, and have seen what it did.
            seen = [bench.state(key)]
            while not slow.done():
                seen.append(bench.state(key))
            slow.result()
        assert seen[0] == "Enabled"
        assert bench.state(key) == "Disabled"

    @pytest.mark.parametrize(
        "rule",
        [
            {"operation": "DescribeKey"},
            {"code": "X", "drop_before": True},
            {"code": "X", "nth": 1, "every": 2},
            {"code": "X", "nth": 0},
            {"code": "X", "typo": 1},
        ],
    )
    def test_rules_that_make_no_sense(self, emulator: EmulatorProcess, rule: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"rule|nth"):
            emulator.faults([rule])


class TestQuotas:
    def test_off_by_default(self, bench: Workbench, kms: Any) -> None:
        request = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        assert set(outcomes(kms.get_parameters_for_import, 30, KeyId=bench.create(), **request)) == {"Success"}

    def test_defaults(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        key = bench.create()
        emulator.config(request_quotas=True)
        request = {"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        # One a second: on a slow machine the second one may come when that has passed.
        seen = outcomes(kms.get_parameters_for_import, 1, **request)
        while seen[-1] == "Success":
            seen += outcomes(kms.get_parameters_for_import, 1, **request)
        assert (len(seen) > 1, seen[-1]) == (True, "ThrottlingException")
        bench.advance(1.05)
        assert outcomes(kms.get_parameters_for_import, 1, **request) == ["Success"]

    def test_regions_and_operations_count_apart(self, emulator: EmulatorProcess, bench: Workbench) -> None:
        emulator.config(request_quotas={"ListKeys": RARE, "ListAliases": RARE})
        for region in ("us-east-1", "us-west-2"):
            kms = bench.in_region(region).kms
            for call in (kms.list_keys, kms.list_aliases):
                assert outcomes(call, 2) == ["Success", "ThrottlingException"]

    def test_accounts_count_apart(self, emulator: EmulatorProcess) -> None:
        emulator.config(request_quotas={"ListKeys": RARE})
        sts = emulator.client(service="sts")
        for account in ("111122223333", "444455556666"):
            role = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/r", RoleSessionName="test")["Credentials"]
            kms = emulator.client(
                aws_access_key_id=role["AccessKeyId"],
                aws_secret_access_key=role["SecretAccessKey"],
                aws_session_token=role["SessionToken"],
            )
            assert outcomes(kms.list_keys, 2) == ["Success", "ThrottlingException"]
        assert [call["account"] for call in emulator.calls()] == ["111122223333"] * 2 + ["444455556666"] * 2

    def test_only_the_operations_named(self, emulator: EmulatorProcess, kms: Any) -> None:
        emulator.config(request_quotas={"ListKeys": RARE})
        assert outcomes(kms.list_keys, 3) == ["Success", "ThrottlingException", "ThrottlingException"]
        assert set(outcomes(kms.create_key, 10)) == {"Success"}

    def test_paced_calls_pass(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        emulator.config(request_quotas={"ListKeys": RARE})
        outcomes(kms.list_keys, 1)
        seen = []
        for _attempt in range(10):
            bench.advance(1.2 / RARE)
            seen += outcomes(kms.list_keys, 2)
        assert seen == ["Success", "ThrottlingException"] * 10

    def test_what_a_second_allows_may_come_at_once(self) -> None:
        now = 100.0
        book = QuotaBook(lambda: now)
        book.configure({"ListKeys": 3, "ListAliases": 0.5})

        def allowed(operation: str) -> list[bool]:
            return [book.allows("123456789012", "us-east-1", operation) for _call in range(4)]

        assert (allowed("ListKeys"), allowed("ListAliases")) == ([True] * 3 + [False], [True] + [False] * 3)
        now += 1
        assert (allowed("ListKeys"), allowed("ListAliases")) == ([True] * 3 + [False], [False] * 4)
        now += 1
        assert allowed("ListAliases") == [True] + [False] * 3


class TestLag:
    def test_reads_show_changes_later(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        emulator.config(lag_seconds=LAG)
        kms.disable_key(KeyId=key)
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])
        kms.create_alias(AliasName="alias/late", TargetKeyId=key)
        assert bench.state(key) == "Enabled"
        assert kms.list_resource_tags(KeyId=key)["Tags"] == []
        assert kms.list_aliases()["Aliases"] == []
        assert refusal(kms.describe_key, KeyId="alias/late")[0] == "NotFoundException"
        assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x")[0] == "DisabledException"
        bench.advance(LAG)
        assert bench.state("alias/late") == "Disabled"
        assert len(kms.list_resource_tags(KeyId=key)["Tags"]) == 1
        assert len(kms.list_aliases()["Aliases"]) == 1

    def test_steps_are_seen_one_after_another(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        emulator.config(lag_seconds=LAG)
        kms.disable_key(KeyId=key)
        bench.advance(LAG / 2)
        kms.delete_imported_key_material(KeyId=key)
        assert bench.state(key) == "Enabled"
        bench.advance(LAG / 2)
        assert bench.state(key) == "Disabled"
        bench.advance(LAG / 2)
        assert (bench.state(key), bench.states(key)) == ("PendingImport", [("CURRENT", "PENDING_IMPORT")])

    def test_a_new_key_is_not_there_yet(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        emulator.config(lag_seconds=LAG)
        key = bench.create()
        assert refusal(kms.describe_key, KeyId=key)[0] == "NotFoundException"
        assert kms.list_keys()["Keys"] == []
        bench.advance(LAG)
        assert bench.state(key) == "PendingImport"

    def test_rotation_is_seen_late(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        key = bench.filled()
        staged = bench.load(key, B, ImportType=NEW)
        emulator.config(lag_seconds=LAG, rotation_seconds=1)
        kms.rotate_key_on_demand(KeyId=key)
        bench.advance(LAG / 2)
        assert kms.generate_data_key(KeyId=key, KeySpec="AES_256")["KeyMaterialId"] == staged
        assert bench.metadata(key)["CurrentKeyMaterialId"] != staged
        bench.advance(LAG)
        assert bench.metadata(key)["CurrentKeyMaterialId"] == staged


class TestConfig:
    def test_latency(self, emulator: EmulatorProcess, kms: Any) -> None:
        emulator.config(latency_seconds=0.2)
        started = time.monotonic()
        kms.list_keys()
        assert time.monotonic() - started >= 0.2

    @pytest.mark.parametrize(
        "settings",
        [{"typo": 1}, {"lag_seconds": -1}, {"rotation_seconds": "soon"}, {"request_quotas": {"ListKeys": 0}}],
    )
    def test_settings_that_make_no_sense(self, emulator: EmulatorProcess, settings: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(settings)) if "typo" in settings else r"."):
            emulator.config(**settings)

    def test_reset(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        bench.filled()
        emulator.client(service="s3").create_bucket(Bucket="bucket")
        emulator.config(clock_offset_seconds=1000, request_quotas=True, latency_seconds=0.1)
        emulator.faults([{"code": "ThrottlingException"}])
        settings = emulator.reset()
        assert (settings["clock_offset_seconds"], settings["request_quotas"]) == (0.0, False)
        assert emulator.calls() == []
        assert kms.list_keys()["Keys"] == []
        assert emulator.client(service="s3").list_buckets()["Buckets"] == []

    def test_an_unknown_path(self, emulator: EmulatorProcess) -> None:
        with pytest.raises(ValueError, match="there is no POST /kms-emulator/nonsense"):
            emulator._control("POST", "nonsense", {})


class TestCalls:
    def test_what_is_noted(self, emulator: EmulatorProcess, bench: Workbench, kms: Any) -> None:
        started = time.time()
        key = bench.create()
        arn = bench.metadata(key)["Arn"]
        kms.create_alias(AliasName="alias/a", TargetKeyId=key)
        answer = kms.describe_key(KeyId="alias/a")
        refusal(kms.encrypt, KeyId=key, Plaintext=b"x")
        refusal(kms.describe_key, KeyId="alias/none")
        created, _described, aliased, described, encrypted, missing = emulator.calls()
        assert (created["operation"], created["key"], created["key_arn"]) == ("CreateKey", None, arn)
        assert (aliased["key"], aliased["key_arn"]) == (key, arn)
        assert (described["key"], described["key_arn"], described["outcome"]) == ("alias/a", arn, "Success")
        assert described["request_id"] == answer["ResponseMetadata"]["RequestId"]
        assert (encrypted["outcome"], encrypted["key_arn"]) == ("KMSInvalidStateException", arn)
        assert (missing["outcome"], missing["key_arn"]) == ("NotFoundException", None)
        assert started <= created["when"] <= time.time()
        assert (created["region"], created["account"]) == ("us-east-1", "123456789012")

    def test_no_secrets(self, emulator: EmulatorProcess, bench: Workbench) -> None:
        bench.load(bench.create(), A, ExpirationModel=NEVER)
        assert all(set(call) <= CALL_MEMBERS for call in emulator.calls())


CALL_MEMBERS = {
    "operation",
    "key",
    "key_arn",
    "outcome",
    "executed",
    "request_id",
    "when",
    "duration",
    "region",
    "account",
}


class TestThreads:
    def test_one_key_under_many_threads(self, emulator: EmulatorProcess, bench: Workbench) -> None:
        """Imports, deletes and reads from eight threads: every answer is one that AWS could give."""
        key = bench.filled()
        parameters = bench.parameters(key)
        allowed = {"Success"}

        def work(number: int) -> set[str]:
            kms = emulator.client()
            seen: set[str] = set()
            for _attempt in range(15):
                if number % 2:
                    bench.load(key, A, parameters)
                else:
                    seen |= set(outcomes(kms.delete_imported_key_material, 1, KeyId=key))
                seen |= set(outcomes(kms.describe_key, 1, KeyId=key))
            return seen

        with ThreadPoolExecutor(8) as pool:
            seen = set().union(*pool.map(work, range(8)))
        assert seen <= allowed
        bench.load(key, A, parameters)
        assert (bench.state(key), bench.states(key)) == ("Enabled", [("CURRENT", "IMPORTED")])
        assert len(emulator.calls("DescribeKey")) >= 120

    def test_only_one_of_many_stages(self, emulator: EmulatorProcess, bench: Workbench) -> None:
        key = bench.filled()
        parameters = bench.parameters(key)

        def stage(number: int) -> str:
            try:
                bench.load(key, bytes([number]) * 32, parameters, ImportType=NEW)
            except bench.kms.exceptions.KMSInvalidStateException:
                return "refused"
            return "staged"

        with ThreadPoolExecutor(8) as pool:
            results = sorted(pool.map(stage, range(8)))
        assert results == ["refused"] * 7 + ["staged"]
