# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README's list of what moto's own tests expect otherwise: every row is still true, and none is missing.

It takes moto's tests to find a new difference; this needs none of their code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from emulator_process import PACKAGE_ROOT
from workbench import Workbench
from workbench import refusal

README = PACKAGE_ROOT.parent / "README.md"
TITLE = "### Differences from moto's own tests"
DIGEST = hashlib.sha256(b"message").digest()

Check = Callable[[Workbench, str], None]
"""Takes keys in a Region, and a symmetric key of origin AWS_KMS in it."""

CHECKS: dict[str, Check] = {}


def row(text: str) -> Callable[[Check], Check]:
    """A check of the row that begins with this text."""

    def enter(check: Check) -> Check:
        CHECKS[text] = check
        return check

    return enter


def code(call: Callable[..., Any], **request: Any) -> str:
    return refusal(call, **request)[0]


def signer(bench: Workbench, spec: str = "ECC_NIST_P256") -> str:
    return bench.create(spec, Origin="AWS_KMS")


@row("sends a key policy that is no JSON")
def _policy(bench: Workbench, key: str) -> None:
    assert code(bench.kms.create_key, Policy="my policy") == "MalformedPolicyDocumentException"
    put = {"KeyId": key, "PolicyName": "default", "Policy": "my policy"}
    assert code(bench.kms.put_key_policy, **put) == "MalformedPolicyDocumentException"


@row("expects member names and enums in a text as Python has them")
def _members(bench: Workbench, _key: str) -> None:
    text = refusal(bench.kms.create_key, KeySpec="NONE")[1]
    assert text.startswith("1 validation error detected: Value 'NONE' at 'keySpec' failed to satisfy constraint: ")
    assert re.search(r"enum value set: \[\w+(, \w+)+\]$", text)


@row("expects aliases without dates")
def _dates(bench: Workbench, key: str) -> None:
    bench.kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    (alias,) = bench.kms.list_aliases(KeyId=key)["Aliases"]
    assert {"CreationDate", "LastUpdatedDate"} < set(alias)


@row("expects all aliases of AWS itself in a new account")
def _aliases_of_aws(bench: Workbench, _key: str) -> None:
    assert bench.kms.list_aliases()["Aliases"] == []


@row("names an alias where only a key ID will do")
def _alias_for_a_key(bench: Workbench, key: str) -> None:
    bench.kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    assert code(bench.kms.enable_key_rotation, KeyId="alias/a") == "InvalidArnException"
    assert code(bench.kms.create_alias, AliasName="alias/b", TargetKeyId="alias/a") == "InvalidArnException"
    put = {"KeyId": "alias/a", "PolicyName": "default", "Policy": '{"Statement": []}'}
    assert code(bench.kms.put_key_policy, **put) == "InvalidArnException"


@row("expects an alias without its prefix to be an invalid identifier")
def _prefix(bench: Workbench, key: str) -> None:
    expected = 'Alias must start with the prefix "alias/". Please see '
    assert refusal(bench.kms.create_alias, AliasName="a", TargetKeyId=key)[1].startswith(expected)
    assert refusal(bench.kms.delete_alias, AliasName="a")[1].startswith(expected)


@row("expects the key ID in an answer")
def _arn(bench: Workbench, key: str) -> None:
    arn = bench.metadata(key)["Arn"]
    assert bench.kms.rotate_key_on_demand(KeyId=key)["KeyId"] == arn
    assert bench.kms.schedule_key_deletion(KeyId=key)["KeyId"] == arn
    assert bench.kms.cancel_key_deletion(KeyId=key)["KeyId"] == arn
    mac = bench.create("HMAC_256", Origin="AWS_KMS")
    made = bench.kms.generate_mac(KeyId=mac, Message=b"m", MacAlgorithm="HMAC_SHA_256")
    assert made["KeyId"] == bench.metadata(mac)["Arn"]


@row("tags a key that waits for its deletion")
def _tags(bench: Workbench, key: str) -> None:
    bench.kms.schedule_key_deletion(KeyId=key)
    tags = [{"TagKey": "a", "TagValue": "b"}]
    assert code(bench.kms.tag_resource, KeyId=key, Tags=tags) == "KMSInvalidStateException"


@row("expects no quotes around a bad key ID")
def _quotes(bench: Workbench, _key: str) -> None:
    assert refusal(bench.kms.list_resource_tags, KeyId="unknown") == ("NotFoundException", "Invalid keyId 'unknown'")


@row("decrypts with another key than that of the ciphertext")
def _other_key(bench: Workbench, key: str) -> None:
    blob = bench.kms.encrypt(KeyId=bench.create(Origin="AWS_KMS"), Plaintext=b"x")["CiphertextBlob"]
    assert code(bench.kms.decrypt, KeyId=key, CiphertextBlob=blob) == "IncorrectKeyException"


@row("names a key by the ARN of another account")
def _account(bench: Workbench, key: str) -> None:
    arn = bench.metadata(key)["Arn"].replace("123456789012", "012345678912")
    assert code(bench.kms.generate_data_key, KeyId=arn, NumberOfBytes=32) == "NotFoundException"


@row("signs a digest of another length than the algorithm's")
def _digest(bench: Workbench, _key: str) -> None:
    key = signer(bench, "ECC_NIST_P384")
    request = {"KeyId": key, "Message": DIGEST, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_384"}
    expected = ("ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_384.")
    assert refusal(bench.kms.sign, **request) == expected


@row("signs a digest and verifies it as a message")
def _message_type(bench: Workbench, _key: str) -> None:
    request = {"KeyId": signer(bench), "Message": DIGEST, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = bench.kms.sign(**request, MessageType="DIGEST")["Signature"]
    assert code(bench.kms.verify, **request, Signature=signature) == "KMSInvalidSignatureException"


@row("expects SignatureValid false")
def _signature(bench: Workbench, _key: str) -> None:
    request = {"KeyId": signer(bench), "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert refusal(bench.kms.verify, **request, Signature=b"none") == ("KMSInvalidSignatureException", "")


@row("signs with an algorithm that the key cannot do")
def _algorithm(bench: Workbench, _key: str) -> None:
    request = {"KeyId": signer(bench), "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_384"}
    assert code(bench.kms.sign, **request) == "InvalidKeyUsageException"


@row("signs with a key for encryption")
def _usage(bench: Workbench, key: str) -> None:
    assert code(bench.kms.sign, KeyId=key, Message=b"m", SigningAlgorithm="ECDSA_SHA_256") == "InvalidKeyUsageException"


@row("creates a key for a usage that its spec does not have")
def _spec(bench: Workbench, _key: str) -> None:
    for spec, usage in (("HMAC_512", "ENCRYPT_DECRYPT"), ("RSA_2048", "GENERATE_VERIFY_MAC")):
        expected = ("ValidationException", f"KeyUsage {usage} is not compatible with KeySpec {spec}")
        assert refusal(bench.kms.create_key, KeySpec=spec, KeyUsage=usage) == expected


@row("makes a second replica in a Region")
def _replica(bench: Workbench, _key: str) -> None:
    request = {"KeyId": bench.create(Origin="AWS_KMS", MultiRegion=True), "ReplicaRegion": "us-west-2"}
    bench.kms.replicate_key(**request)
    assert code(bench.kms.replicate_key, **request) == "AlreadyExistsException"


@row("grants `DECRYPT` to a principal named `sth else`")
def _grants(bench: Workbench, key: str) -> None:
    right = {"KeyId": key, "GranteePrincipal": "arn:aws:iam::123456789012:role/r", "Operations": ["Decrypt"]}
    assert "GrantId" in bench.kms.create_grant(**right)
    for wrong in ({"Operations": ["DECRYPT"]}, {"RetiringPrincipal": "sth else"}):
        assert code(bench.kms.create_grant, **{**right, **wrong}) == "ValidationException"


@row("rotates several times in a row")
def _rotations(bench: Workbench, key: str) -> None:
    for _attempt in range(3):
        bench.kms.rotate_key_on_demand(KeyId=key)
    bench.advance(60)
    assert len(bench.kms.list_key_rotations(KeyId=key)["Rotations"]) == 1


def listed(readme: str) -> list[str]:
    """The first cell of every row below the title."""
    table = [line for line in readme.split(TITLE)[1].splitlines() if line.startswith("| ")]
    return [line.split(" | ")[0].removeprefix("| ") for line in table[2:]]


def test_the_list_is_the_one_that_is_checked() -> None:
    assert sorted(listed(README.read_text())) == sorted(CHECKS)


@pytest.mark.parametrize("text", CHECKS)
def test_a_row(bench: Workbench, text: str) -> None:
    CHECKS[text](bench, bench.create(Origin="AWS_KMS"))
