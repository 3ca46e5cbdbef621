# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canaries, where KMS answers as no emulator does."""

from __future__ import annotations

import json
from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.canary import run as canary
from ansible_collections.byok.aws.plugins.module_utils._kms.canary.run import CanaryRequest
from ansible_collections.byok.aws.plugins.module_utils._kms.canary.run import visit
from ansible_collections.byok.aws.plugins.module_utils._kms.service.connection import Connection
from botocore.exceptions import ClientError

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = f"arn:aws:kms:eu-central-1:111122223333:key/{KEY_ID}"


class Client:
    """Answers each operation with the next of its answers, the last one again and again; exceptions are raised."""

    def __init__(self, spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT", **answers: Any) -> None:
        metadata = {"Arn": ARN, "KeyId": KEY_ID, "AWSAccountId": "111122223333", "KeySpec": spec, "KeyUsage": usage}
        metadata.update(
            KeyState="Enabled", CreationDate=datetime.now(timezone.utc), SigningAlgorithms=[], MacAlgorithms=[]
        )
        metadata.update(answers.pop("metadata", {}))
        self.answers = {"describe_key": [{"KeyMetadata": metadata}], "list_aliases": [{"Aliases": []}], **answers}
        self.made: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def answer(**_parameters: Any) -> Any:
            self.made.append(name)
            rest = self.answers[name]
            found = rest.pop(0) if len(rest) > 1 else rest[0]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {}}, "Operation")


def seen(client: Client, **wanted: Any) -> dict[str, Any]:
    return visit(Connection(client, KEY_ID), CanaryRequest(KEY_ID, **{"patience": 0, **wanted}))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "PAUSE", 0)


TAKEN = {"kind": "encrypt", "challenge": "eA==", "algorithm": "SYMMETRIC_DEFAULT", "answer": "eQ=="}
RIGHT = {"Plaintext": b"x", "KeyMaterialId": "new"}


@pytest.mark.parametrize(
    ("answers", "verdict", "note"),
    [
        ([RIGHT], "passed", None),
        ([{"Plaintext": b"z"}], "failed", "data that was encrypted before decrypts to other data"),
        ([refused("InvalidCiphertextException")], "failed", "data that was encrypted before cannot be decrypted"),
        ([refused("IncorrectKeyException")], "failed", "data that was encrypted before cannot be decrypted"),
        ([refused("KMSInvalidStateException")], "failed", "KMSInvalidStateException"),
        ([refused("AccessDeniedException")], "skipped", "the credentials lack kms:Decrypt"),
        ([refused("DisabledException")], "skipped", "DisabledException"),
    ],
)
def test_what_decrypt_says(answers: list[Any], verdict: str, note: str | None) -> None:
    entry = seen(Client(decrypt=answers), canary=TAKEN)

    assert (entry["kind"], entry["verdict"]) == ("encrypt", verdict)
    assert entry["note"] is None if note is None else note in entry["note"]


def test_a_key_that_settles_is_waited_for() -> None:
    client = Client(decrypt=[refused("KMSInvalidStateException"), refused("NotFoundException"), RIGHT])

    assert seen(client, canary=TAKEN, patience=30)["verdict"] == "passed"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"kind": "rot13"},
        {"kind": "encrypt"},
        {**TAKEN, "answer": "not base64!"},
        {"kind": "sign", "challenge": "eA==", "answer": "eA==", "algorithm": "X"},
    ],
)
def test_what_is_no_canary_fails(broken: dict[str, Any]) -> None:
    entry = seen(Client(decrypt=[RIGHT], verify=[{}]), canary={"kind": "none", **broken})

    assert (entry["verdict"], entry["note"]) == ("failed", "this is not a canary of this module")


def test_the_material_of_new_data_may_come_late() -> None:
    fresh = {"encrypt": [{"CiphertextBlob": b"y"}]}
    client = Client(decrypt=[RIGHT, {**RIGHT, "KeyMaterialId": "old"}, RIGHT], **fresh)

    # The challenge is random, so that only the first answer can be the right one; the others differ in their bytes.
    entry = seen(client, canary=TAKEN, expected_key_material_id="new", patience=30)

    assert (entry["verdict"], entry["note"]) == ("failed", "data that was encrypted before decrypts to other data")


def test_a_signing_key_without_algorithms_shows_its_public_key() -> None:
    client = Client("ECC_NIST_P256", "SIGN_VERIFY", get_public_key=[{"PublicKey": b"public"}])

    entry = seen(client)

    assert (entry["kind"], entry["verdict"]) == ("public_key", "taken")
    assert "no signing algorithm" in entry["note"]


def test_the_prehashed_algorithm_is_not_taken() -> None:
    algorithms = ["ED25519_PH_SHA_512", "ED25519_SHA_512"]
    client = Client("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", metadata={"SigningAlgorithms": algorithms})
    client.answers.update(sign=[{"Signature": b"s"}], get_public_key=[refused("AccessDeniedException")])

    entry = seen(client)

    assert (entry["canary"]["algorithm"], entry["canary"]["public_key"]) == ("ED25519_SHA_512", None)


@pytest.mark.parametrize(("usage", "state"), [("SOMETHING_NEW", "Enabled"), ("ENCRYPT_DECRYPT", "PendingDeletion")])
def test_keys_without_a_canary(usage: str, state: str) -> None:
    client = Client(usage=usage, metadata={"KeyState": state})

    entry = seen(client)

    assert (entry["kind"], entry["verdict"], entry["canary"]) == ("none", "skipped", None)
    assert (usage if state == "Enabled" else state) in entry["note"]


def test_a_key_that_cannot_be_read_is_an_entry() -> None:
    client = Client()
    client.answers["describe_key"] = [refused("AccessDeniedException")]

    taking, proving = seen(client), seen(client, canary=TAKEN)

    assert (taking["verdict"], proving["verdict"]) == ("skipped", "failed")
    assert "kms:DescribeKey" in taking["note"] and taking["key_id"] == KEY_ID


def test_aliases_that_may_not_be_listed_are_none() -> None:
    client = Client(list_aliases=[refused("AccessDeniedException")])

    assert seen(client, take=False)["aliases"] == []


def test_an_identifier_that_is_none_is_not_sent() -> None:
    client = Client()

    entry = visit(Connection(client, "nonsense?"), CanaryRequest("nonsense?"))

    assert entry["verdict"] == "skipped" and client.made == []


def test_a_canary_is_json() -> None:
    entry = seen(Client(encrypt=[{"CiphertextBlob": b"y"}]))

    assert json.loads(json.dumps(entry)) == entry
    assert entry["canary"]["answer"] == "eQ=="
