# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plaintext is wrapped only for a KMS that has proved to be KMS, and only with the wrapping key that was asked for."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import pytest
from ansible.module_utils.common import warnings as ansible_warnings
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import PublicFormat
from lab import Lab
from materials import b64
from materials import material
from materials import private_key
from materials import wrapped
from replacement_lab import WHOLE
from replacement_lab import ReplacementLab

KMS = "ansible_collections.byok.aws.plugins.module_utils._kms"
SYMMETRIC = "SYMMETRIC_DEFAULT"
GIVEN = {"key_material": b64(material(SYMMETRIC))}
ELSEWHERE = "http://kms.example.test:8080"


@pytest.fixture(autouse=True)
def _no_older_warnings() -> None:
    """Ansible keeps warnings for as long as a process lives, which is usually one module."""
    ansible_warnings._global_warnings.clear()


def warned(result: dict[str, Any]) -> list[str]:
    return [str(warning) for warning in result.get("warnings", []) if "is not an endpoint of AWS" in str(warning)]


@pytest.mark.parametrize(
    ("unproved", "said"),
    [
        ({"validate_certs": False}, "validate_certs is false"),
        ({"endpoint_url": ELSEWHERE}, "not https"),
        ({"aws_config": {"proxies": {"http": "http://user:secret@192.0.2.1:3128"}}}, "a proxy"),
    ],
    ids=["unchecked", "http", "proxy"],
)
@pytest.mark.parametrize(
    "task",
    [GIVEN, {**GIVEN, "state": "reimported"}, {**GIVEN, "state": "current"}, {**GIVEN, "state": "absent"}],
    ids=["present", "reimported", "current", "absent"],
)
@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_plaintext_is_not_wrapped_for_anybody(
    lab: Lab, unproved: dict[str, Any], said: str, task: dict[str, Any], check_mode: bool
) -> None:
    key_id = lab.empty_key()
    before = lab.mark()

    result = lab.run(key_id=key_id, check_mode=check_mode, **task, **unproved)

    assert result["failed"] and result["changed"] is False
    assert result["error"]["code"] == "UntrustedEndpoint"
    assert said in result["msg"] and key_id in result["msg"] and "unverified_endpoint" in result["msg"]
    assert "secret" not in result["msg"] and GIVEN["key_material"] not in result["_stdout"]
    assert lab.calls(before) == []


def test_no_region_is_asked_either(lab: Lab) -> None:
    result = lab.run(key_id=lab.empty_key(MultiRegion=True), regions=["all"], validate_certs=False, **GIVEN)

    assert result["failed"] and result["error"]["code"] == "UntrustedEndpoint"
    assert "DescribeKey" not in lab.calls()


def test_no_key_is_replaced(rlab: ReplacementLab) -> None:
    old = rlab.old("HMAC_256")

    result = rlab.replace("HMAC_256", validate_certs=False)

    assert result["failed"] and result["error"]["code"] == "UntrustedEndpoint" and result["operations"] == []
    assert rlab.all_keys() == [old]
    assert rlab.done("HMAC_256", validate_certs=False, allow=["unverified_endpoint"])["operations"] == WHOLE


def test_what_is_allowed_is_done(lab: Lab) -> None:
    key_id = lab.empty_key()

    result = lab.run(key_id=key_id, validate_certs=False, allow=["unverified_endpoint"], **GIVEN)

    assert not result.get("failed"), result["msg"]
    assert lab.state(key_id) == "Enabled"


def test_an_entry_is_allowed_for_itself(lab: Lab) -> None:
    one, other = lab.empty_key(), lab.empty_key()

    result = lab.run(
        keys=[{"key_id": one, "allow": ["unverified_endpoint"]}, {"key_id": other}], validate_certs=False, **GIVEN
    )

    assert result["failed"] and [bool(entry["error"]) for entry in result["kms_keys"]] == [False, True]
    assert (lab.state(one), lab.state(other)) == ("Enabled", "PendingImport")


def test_wrapped_material_may_go_anywhere(lab: Lab) -> None:
    key_id = lab.empty_key()
    parts = wrapped(lab.kms, key_id, SYMMETRIC, material(SYMMETRIC))

    result = lab.run(
        key_id=key_id,
        encrypted_key_material=b64(parts["EncryptedKeyMaterial"]),
        import_token=b64(parts["ImportToken"]),
        validate_certs=False,
    )

    assert not result.get("failed"), result["msg"]
    assert lab.state(key_id) == "Enabled"


def test_what_needs_no_material_is_done(lab: Lab) -> None:
    key_id = lab.foreign_key()

    assert lab.run(key_id=key_id, state="absent", validate_certs=False)["changed"] is True
    assert lab.state(key_id) == "PendingImport"


def test_the_endpoint_is_in_the_result(lab: Lab) -> None:
    result = lab.run(key_id=lab.empty_key(), **GIVEN)

    assert result["endpoint_url"] == result["kms_keys"][0]["endpoint_url"] == lab.emulator.url
    assert warned(result) == []


def test_an_endpoint_that_is_not_aws_is_named_and_warned_about_once(lab: Lab) -> None:
    entries = [{"key_id": lab.empty_key()} for _number in range(3)]

    result = lab.run(keys=entries, endpoint_url=ELSEWHERE, **GIVEN)

    assert {entry["endpoint_url"] for entry in result["kms_keys"]} == {ELSEWHERE}
    assert len(warned(result)) == 1 and ELSEWHERE in warned(result)[0]


# -- the wrapping key --------------------------------------------------------------------------------------------------


def spki(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


SUBSTITUTES = {
    "shorter": spki(private_key("RSA_2048", "mallory").public_key()),
    "small exponent": spki(
        rsa.RSAPublicNumbers(3, private_key("RSA_4096", "mallory").public_key().public_numbers().n).public_key()
    ),
    "elliptic curve": spki(ec.generate_private_key(ec.SECP256R1()).public_key()),
    "nothing": b"",
}


@pytest.fixture
def mallory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that puts another public key into the answers of GetParametersForImport, from the given one on."""

    def stand_between(public_key: bytes, first: int = 1) -> None:
        operations = importlib.import_module(f"{KMS}.service.operations")
        real, answers = operations.get_parameters_for_import, []

        def answer(*arguments: Any) -> Any:
            answers.append(real(*arguments))
            return replace(answers[-1], public_key=public_key) if len(answers) >= first else answers[-1]

        monkeypatch.setattr(operations, "get_parameters_for_import", answer)

    return stand_between


@pytest.mark.parametrize("name", SUBSTITUTES)
def test_another_wrapping_key_than_was_asked_for_is_refused(
    lab: Lab, mallory: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    mallory(SUBSTITUTES[name])
    given = []
    monkeypatch.setattr(
        importlib.import_module(f"{KMS}.secret.wrapping"), "wrap", lambda *arguments: given.append(arguments)
    )
    key_id = lab.foreign_key()

    # Nothing that is refused for the sake of plans or of the material allows this.
    result = lab.run(
        key_id=key_id, state="reimported", force=True, allow=["unverified_endpoint", "weak_material"], **GIVEN
    )

    assert result["failed"] and result["error"]["code"] == "UntrustedEndpoint"
    assert "GetParametersForImport" in result["msg"] and key_id in result["msg"]
    assert given == [] and lab.changing_calls() == ["ImportKeyMaterial"]  # that of foreign_key
    assert lab.state(key_id) == "Enabled"


def test_a_wrapping_key_has_the_size_that_was_asked_for(lab: Lab, mallory: Any) -> None:
    mallory(SUBSTITUTES["shorter"])

    other = lab.run(key_id=lab.empty_key(), wrapping_key_spec="RSA_3072", **GIVEN)
    right = lab.run(key_id=lab.empty_key(), wrapping_key_spec="RSA_2048", **GIVEN)

    assert other["failed"] and "2048 bits, though RSA_3072 was asked for" in other["msg"]
    # What is right for us KMS cannot unwrap: it is the key of somebody else.
    assert right["error"]["code"] == "InvalidCiphertextException"


def test_a_wrapping_key_that_changes_while_the_key_is_down(lab: Lab, mallory: Any, impatient: None) -> None:
    """A token that is refused after the deletion is replaced: the new answer is checked as well."""
    key_id = lab.own_key()
    mallory(SUBSTITUTES["shorter"], first=2)
    lab.emulator.faults(
        [{"operation": "ImportKeyMaterial", "nth": 2, "times": 1, "code": "InvalidImportTokenException"}]
    )

    result = lab.run(key_id=key_id, state="reimported", **GIVEN)

    assert result["failed"] and result["error"]["code"] == "UntrustedEndpoint"
    assert lab.state(key_id) == "PendingImport" and "is now PendingImport" in result["msg"]
    assert result["error"]["heal_command"] in result["msg"]
