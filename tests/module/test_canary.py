# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key_canary, against keys that an independent client changes in between."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab
from materials import b64
from materials import import_elsewhere
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

SYMMETRIC = "SYMMETRIC_DEFAULT"
USAGES = [
    (SYMMETRIC, "ENCRYPT_DECRYPT", "encrypt"),
    ("RSA_2048", "ENCRYPT_DECRYPT", "encrypt"),
    ("RSA_2048", "SIGN_VERIFY", "sign"),
    ("ECC_NIST_P256", "SIGN_VERIFY", "sign"),
    ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "sign"),
    ("HMAC_384", "GENERATE_VERIFY_MAC", "mac"),
    ("ECC_NIST_P256", "KEY_AGREEMENT", "public_key"),
]


@pytest.fixture
def quick(lab: Lab, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Lab:
    from ansible_collections.byok.aws.plugins.module_utils._kms.canary import run as canary

    monkeypatch.setattr(canary, "PAUSE", 0.01)
    return lab


def run(lab: Lab, *keys: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    arguments = {**CONNECTION, "endpoint_url": lab.emulator.url, "keys": list(keys), "wait_timeout": 0, **options}
    result = run_module("kms_key_canary", arguments)
    assert not result.get("failed"), result
    assert result["changed"] is False
    canaries: list[dict[str, Any]] = result["canaries"]
    return canaries


def a_key(lab: Lab, spec: str, usage: str) -> str:
    answer = lab.kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)
    key_id = str(answer["KeyMetadata"]["KeyId"])
    import_elsewhere(lab.kms, key_id, spec, material(spec))
    return key_id


def taken(lab: Lab, key_id: str) -> dict[str, Any]:
    (entry,) = run(lab, {"key_id": key_id})
    assert entry["verdict"] == "taken", entry
    return {"key_id": key_id, "canary": entry["canary"]}


@pytest.mark.parametrize(("spec", "usage", "kind"), USAGES)
def test_what_was_taken_is_proved_after_the_material_came_back(quick: Lab, spec: str, usage: str, kind: str) -> None:
    key_id = a_key(quick, spec, usage)
    before = quick.mark()
    (entry,) = run(quick, {"key_id": key_id})
    assert (entry["kind"], entry["verdict"], entry["note"]) == (kind, "taken", None)
    assert (entry["key_id"], entry["key_spec"], entry["key_usage"]) == (key_id, spec, usage)
    assert quick.changing_calls(before) == []

    quick.kms.delete_imported_key_material(KeyId=key_id)
    import_elsewhere(quick.kms, key_id, spec, material(spec))
    (proved,) = run(quick, {"key_id": key_id, "canary": entry["canary"]})

    assert (proved["kind"], proved["verdict"], proved["note"]) == (kind, "passed", None)


@pytest.mark.parametrize(("spec", "usage", "kind"), USAGES)
def test_a_key_without_its_material_fails(quick: Lab, spec: str, usage: str, kind: str) -> None:
    key_id = a_key(quick, spec, usage)
    canary = taken(quick, key_id)
    quick.kms.delete_imported_key_material(KeyId=key_id)

    (proved,) = run(quick, canary)

    assert (proved["kind"], proved["verdict"]) == (kind, "failed")
    assert "pending import" in proved["note"]


@pytest.mark.parametrize(("spec", "usage", "kind"), USAGES)
def test_another_key_fails(quick: Lab, spec: str, usage: str, kind: str) -> None:
    canary = taken(quick, a_key(quick, spec, usage))
    answer = quick.kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)
    other = answer["KeyMetadata"]["KeyId"]
    import_elsewhere(quick.kms, other, spec, material(spec, "other"))

    (proved,) = run(quick, {**canary, "key_id": other})

    assert proved["verdict"] == "failed" and proved["note"]


def test_after_a_rotation_the_old_is_read_and_the_new_is_written(quick: Lab) -> None:
    key_id = quick.own_key()
    canary = taken(quick, key_id)
    old = quick.metadata(key_id)["CurrentKeyMaterialId"]
    quick.emulator.config(rotation_seconds=0)
    quick.run(key_id=key_id, state="current", key_material=b64(material(SYMMETRIC, "b")))
    new = quick.metadata(key_id)["CurrentKeyMaterialId"]

    (proved,) = run(quick, {**canary, "expected_key_material_id": new})
    (wrong,) = run(quick, {**canary, "expected_key_material_id": old})

    assert proved["verdict"] == "passed"
    assert wrong["verdict"] == "failed"
    assert new in wrong["note"] and old in wrong["note"]


@pytest.mark.parametrize(
    ("spec", "usage", "operation"),
    [
        (SYMMETRIC, "ENCRYPT_DECRYPT", "Encrypt"),
        ("HMAC_256", "GENERATE_VERIFY_MAC", "GenerateMac"),
        ("ECC_NIST_P256", "KEY_AGREEMENT", "GetPublicKey"),
        ("RSA_2048", "SIGN_VERIFY", "DescribeKey"),
    ],
)
def test_a_missing_permission_is_a_note(quick: Lab, spec: str, usage: str, operation: str) -> None:
    key_id = a_key(quick, spec, usage)
    quick.emulator.faults([{"operation": operation, "every": 1, "code": "AccessDeniedException"}])

    (entry,) = run(quick, {"key_id": key_id})

    assert entry["verdict"] == "skipped"
    assert f"kms:{operation}" in entry["note"]


def test_a_missing_permission_to_prove_is_a_note(quick: Lab) -> None:
    canary = taken(quick, quick.own_key())
    quick.emulator.faults([{"operation": "Decrypt", "every": 1, "code": "AccessDeniedException"}])

    (entry,) = run(quick, canary)

    assert (entry["verdict"], entry["note"]) == ("skipped", "the credentials lack kms:Decrypt")


def test_a_signing_key_that_may_not_sign_shows_its_public_key(quick: Lab) -> None:
    key_id = a_key(quick, "RSA_2048", "SIGN_VERIFY")
    quick.emulator.faults([{"operation": "Sign", "every": 1, "code": "AccessDeniedException"}])
    (entry,) = run(quick, {"key_id": key_id})
    assert (entry["kind"], entry["verdict"]) == ("public_key", "taken")
    assert entry["note"] == "the credentials lack kms:Sign"

    (proved,) = run(quick, {"key_id": key_id, "canary": entry["canary"]})

    assert proved["verdict"] == "passed"


def test_disabled_and_empty_keys_are_skipped(quick: Lab) -> None:
    disabled, empty = quick.own_key(), quick.empty_key()
    canary = taken(quick, disabled)
    quick.kms.disable_key(KeyId=disabled)

    entries = run(quick, {"key_id": disabled}, {"key_id": empty}, canary, {"key_id": "alias/nobody"})

    assert [entry["verdict"] for entry in entries] == ["skipped"] * 4
    assert [entry["note"] for entry in entries[:3]] == [
        "the key is Disabled",
        "the key is PendingImport",
        "the key is Disabled",
    ]
    assert "alias/nobody" in entries[3]["note"] and entries[3]["key_arn"] is None


def test_a_look_does_nothing_but_reading(quick: Lab) -> None:
    key_id = quick.own_key()
    quick.kms.create_alias(AliasName="alias/look", TargetKeyId=key_id)
    before = quick.mark()

    (entry,) = run(quick, {"key_id": "alias/look"}, take=False)

    assert quick.calls(before) == ["DescribeKey", "ListAliases"]
    assert (entry["key_id"], entry["aliases"], entry["key_usage"]) == (key_id, ["alias/look"], "ENCRYPT_DECRYPT")
    assert (entry["verdict"], entry["note"], entry["canary"]) == ("skipped", None, None)


def test_what_kms_shows_late_is_waited_for(quick: Lab) -> None:
    canary = taken(quick, quick.own_key())
    quick.emulator.faults(
        [{"operation": "Decrypt", "nth": number, "code": "KMSInvalidStateException"} for number in (1, 2)]
    )

    (entry,) = run(quick, canary, wait_timeout=30)

    assert entry["verdict"] == "passed"


def test_nothing_of_the_material_is_in_a_canary(quick: Lab) -> None:
    text = str(taken(quick, quick.own_key()))

    assert b64(material(SYMMETRIC)) not in text and material(SYMMETRIC).hex() not in text
