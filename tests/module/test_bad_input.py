# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input is refused in one sentence that names the option and the key, before anything is changed."""

from __future__ import annotations

import base64
import os
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from lab import Lab
from materials import b64
from materials import create_key
from materials import material
from materials import private_key
from materials import wrapped

DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()
LOCKED = serialization.BestAvailableEncryption(b"pass phrase")
SYMMETRIC = "SYMMETRIC_DEFAULT"
GOOD = b64(material(SYMMETRIC))
NOBODY = "1234abcd-12ab-34cd-56ef-1234567890ab"


def in_days(days: float, zone: str = "Z") -> str:
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S") + zone


def encoded(spec: str, *arguments: Any) -> str:
    return b64(private_key(spec).private_bytes(*arguments))


def public(spec: str, encoding: Any = DER) -> str:
    return b64(private_key(spec).public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo))


# spec, options, what the sentence has to say
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (SYMMETRIC, {"key_material": "not base64!"}, "key_material is not base64"),
    (SYMMETRIC, {"key_material": ""}, "key_material is empty"),
    (SYMMETRIC, {"key_material": b64(bytes(31))}, "31 bytes; 32 bytes are needed"),
    (SYMMETRIC, {"key_material": b64(bytes(33))}, "33 bytes; 32 bytes are needed"),
    (SYMMETRIC, {"key_material": b64(bytes(32) + b"\n")}, "line break"),
    (SYMMETRIC, {"key_material": b64(bytes(256))}, "256 bits are 32 bytes"),
    (SYMMETRIC, {"key_material": b64(os.urandom(32).hex().encode())}, "hexadecimal"),
    (SYMMETRIC, {"key_material": b64(base64.b64encode(os.urandom(32)))}, "base64 text"),
    *(
        (f"HMAC_{bits}", {"key_material": b64(bytes(length))}, "bytes are needed")
        for bits, length in ((224, 27), (256, 33), (384, 47), (512, 128))
    ),
    ("RSA_2048", {"key_material": encoded("RSA_2048", PEM, PKCS8, LOCKED)}, "encrypted"),
    ("RSA_2048", {"key_material": encoded("RSA_2048", DER, PKCS8, LOCKED)}, "encrypted"),
    ("RSA_2048", {"key_material": public("RSA_2048")}, "public key"),
    ("RSA_2048", {"key_material": public("RSA_2048", PEM)}, "no private key"),
    ("RSA_3072", {"key_material": b64(material("RSA_2048"))}, "RSA key of 3072 bits is needed"),
    ("RSA_2048", {"key_material": b64(material("ECC_NIST_P256"))}, "RSA key of 2048 bits is needed"),
    ("ECC_NIST_P256", {"key_material": b64(material("ECC_NIST_P384"))}, "secp256r1 is needed"),
    ("ECC_NIST_EDWARDS25519", {"key_material": b64(material("ECC_NIST_P256"))}, "Ed25519 key is needed"),
    ("ECC_NIST_P256", {"key_material": b64(os.urandom(64))}, "PKCS#8"),
    (SYMMETRIC, {"key_material": GOOD, "key_material_file": "/dev/null"}, "exclude each other"),
    (SYMMETRIC, {}, "needs the material"),
    (SYMMETRIC, {"encrypted_key_material": GOOD}, "go together"),
    (SYMMETRIC, {"import_token": GOOD}, "go together"),
    (SYMMETRIC, {"key_material": GOOD, "valid_to": in_days(-1)}, "in the past"),
    (SYMMETRIC, {"key_material": GOOD, "valid_to": in_days(30, "")}, "no zone"),
    (SYMMETRIC, {"key_material": GOOD, "valid_to": in_days(366)}, "365 days"),
    (SYMMETRIC, {"key_material": GOOD, "valid_to": "soon"}, "ISO 8601"),
    (SYMMETRIC, {"key_material": GOOD, "valid_for": "0d"}, "longer than zero"),
    (SYMMETRIC, {"key_material": GOOD, "valid_for": "90"}, "number with"),
    (SYMMETRIC, {"key_material": GOOD, "valid_for": "400d"}, "365 days"),
    (SYMMETRIC, {"key_material": GOOD, "valid_for": "9d", "valid_to": in_days(9)}, "exclude each other"),
    (SYMMETRIC, {"key_material": GOOD, "valid_for": "9d", "renew_before": "9d"}, "shorter than valid_for"),
    (SYMMETRIC, {"key_material": GOOD, "renew_before": "9d"}, "needs valid_for"),
    (SYMMETRIC, {"key_material": GOOD, "expiration_model": "KEY_MATERIAL_EXPIRES"}, "needs valid_to or valid_for"),
    (
        SYMMETRIC,
        {"key_material": GOOD, "valid_for": "9d", "expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE"},
        "contradict",
    ),
    (SYMMETRIC, {"key_material": GOOD, "key_material_id": "abc"}, "64 hexadecimal digits"),
    (SYMMETRIC, {"key_material": GOOD, "key_material_id": "0" * 64}, "never imported"),
    (SYMMETRIC, {"key_material": GOOD, "key_material_description": "50% off"}, "letters, digits"),
    (SYMMETRIC, {"key_material": GOOD, "key_material_description": "x" * 250}, "characters"),
    ("HMAC_256", {"key_material": b64(material("HMAC_256")), "key_material_description": "x"}, "symmetric keys only"),
    ("HMAC_256", {"key_material": b64(material("HMAC_256")), "key_material_id": "0" * 64}, "symmetric keys only"),
    (SYMMETRIC, {"key_material": GOOD, "wrapping_algorithm": "RSA_AES_KEY_WRAP_SHA_256"}, "RSAES_OAEP_SHA_256"),
    (SYMMETRIC, {"key_material": GOOD, "wrapping_algorithm": "SM2PKE", "wrapping_key_spec": "SM2"}, "SM2PKE"),
    (
        "RSA_2048",
        {"key_material": b64(material("RSA_2048")), "wrapping_algorithm": "RSAES_OAEP_SHA_256"},
        "RSA_AES_KEY_WRAP_SHA_256",
    ),
    ("ECC_NIST_P521", {"key_material": b64(material("ECC_NIST_P521")), "wrapping_key_spec": "RSA_2048"}, "RSA_3072"),
    (SYMMETRIC, {"key_material": GOOD, "all_materials": True}, "state absent only"),
    (SYMMETRIC, {"state": "absent", "valid_for": "9d"}, "no meaning with state absent"),
    (SYMMETRIC, {"state": "absent", "key_material_id": "0" * 64, "all_materials": True}, "exclude each other"),
]


@pytest.mark.parametrize(
    ("spec", "options", "said"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_is_refused_before_anything_changes(
    lab: Lab, spec: str, options: dict[str, Any], said: str, check_mode: bool
) -> None:
    key_id = create_key(lab.kms, spec)

    result = lab.run(key_id=key_id, check_mode=check_mode, **options)

    assert result["failed"] and result["changed"] is False
    assert said in result["msg"] and key_id in result["msg"]
    assert "\n" not in result["msg"] and "Traceback" not in result["_stdout"]
    assert lab.changing_calls() == []
    assert lab.state(key_id) == "PendingImport"
    secret = options.get("key_material")
    assert not secret or secret not in result["_stdout"]


def test_what_a_terminal_would_act_upon_stands_in_no_message(lab: Lab, tmp_path: Path) -> None:
    key_id = lab.own_key()
    evil = "a\x1b[2J\x9b2J\u202e\nb"
    path = tmp_path / evil
    path.write_bytes(bytes(31))
    path.chmod(0o600)
    rules = [{"operation": "DescribeKey", "every": 1, "code": "AccessDeniedException", "message": evil}]

    wrong_bytes = lab.run(key_id=key_id, key_material_file=str(path))
    no_journal = lab.run(key_id=key_id, state="absent", journal_path=str(path / "journal"))
    no_key = lab.run(keys=[{"key_id": evil}], state="absent")
    lab.emulator.faults(rules)
    denied = lab.run(key_id=key_id, state="absent", diff=True)

    for result in (wrong_bytes, no_journal, no_key, denied):
        assert result["failed"] and r"a\x1b[2J\x9b2J\u202e\nb" in result["msg"]
        assert result["msg"].isprintable()
    assert denied["error"]["aws_message"].isprintable()


@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256", "RSA_2048"])
def test_what_is_said_of_bad_bytes_says_where_they_came_from(lab: Lab, spec: str, tmp_path: Path) -> None:
    key_id, path = lab.empty_key(spec), tmp_path / "wrong.bin"
    path.write_bytes(bytes(range(31)))
    path.chmod(0o600)

    inline = lab.run(key_id=key_id, key_material=b64(bytes(range(31))))
    from_file = lab.run(key_id=key_id, key_material_file=str(path))
    from_entry = lab.run(keys=[{"key_id": key_id}], key_material_file=str(path))

    assert inline["msg"].startswith(f"key_material: the material for the {spec} key {key_id}")
    for result in (from_file, from_entry):
        assert f"key_material_file {path}: the material for the {spec} key {key_id}" in result["msg"]
    assert all(one["kms_keys"][0]["error"]["code"] == "InvalidInput" for one in (inline, from_file, from_entry))


@pytest.mark.parametrize(
    ("key_id", "said"),
    [
        ("payments", "write alias/payments"),
        ("1234", "neither a key ID"),
        ("1234abcd-12ab-34cd-56ef", "neither a key ID"),
        ("alias/bad name", "alias name"),
        (f"arn:aws:kms:eu-west-1:123456789012:key/{NOBODY}", "names the Region eu-west-1"),
        ("arn:aws:s3:::bucket", "not an ARN of a KMS key"),
    ],
)
def test_bad_identifiers_cost_no_call(lab: Lab, key_id: str, said: str) -> None:
    for state in ("present", "absent"):
        result = lab.run(key_id=key_id, state=state, **({"key_material": GOOD} if state == "present" else {}))
        assert result["failed"] and said in result["msg"] and key_id in result["msg"]
        assert result["error"]["code"] == "InvalidInput"
    assert lab.calls() == []


@pytest.mark.parametrize(
    ("key_id", "said"),
    [
        (NOBODY, "does not exist"),
        ("alias/nobody", "does not exist"),
        (f"arn:aws:kms:us-east-1:999999999999:key/{NOBODY}", "account 999999999999"),
    ],
)
def test_missing_keys_are_an_error_at_once(lab: Lab, key_id: str, said: str) -> None:
    result = lab.run(key_id=key_id, state="absent", wait_timeout=60)

    assert result["failed"] and said in result["msg"] and key_id in result["msg"]
    assert result["error"]["code"] == "NotFoundException"
    assert len(lab.calls()) <= 2


def test_a_key_of_aws_is_refused(lab: Lab) -> None:
    key_id = lab.kms.create_key()["KeyMetadata"]["KeyId"]
    for options in ({"state": "absent"}, {"key_material": GOOD}):
        result = lab.run(key_id=key_id, **options)
        assert result["failed"] and "origin AWS_KMS" in result["msg"] and key_id in result["msg"]


def test_a_key_in_deletion_takes_no_material(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)

    result = lab.run(key_id=key_id, key_material=GOOD)

    assert result["failed"] and "PendingDeletion" in result["msg"] and "cancel" in result["msg"]


def test_the_token_of_another_key_is_refused(lab: Lab) -> None:
    key_id = lab.empty_key()
    other = lab.empty_key()
    parts = wrapped(lab.kms, other, SYMMETRIC, material(SYMMETRIC))

    result = lab.run(
        key_id=key_id,
        encrypted_key_material=b64(parts["EncryptedKeyMaterial"]),
        import_token=b64(parts["ImportToken"]),
    )

    assert result["failed"] and result["error"]["code"] == "InvalidImportTokenException"
    assert key_id in result["msg"] and lab.state(key_id) == "PendingImport"
    assert result["operations"] == [] and result["changed"] is False


@pytest.mark.parametrize(
    "operation", ["DescribeKey", "ListKeyRotations", "GetParametersForImport", "ImportKeyMaterial"]
)
def test_denied_access_names_the_permission(lab: Lab, operation: str) -> None:
    key_id = lab.foreign_key()
    lab.emulator.faults([{"operation": operation, "every": 1, "code": "AccessDeniedException"}])

    result = lab.run(key_id=key_id, key_material=GOOD)

    assert result["failed"] and f"kms:{operation}" in result["msg"] and key_id in result["msg"]
    assert result["error"]["code"] == "AccessDeniedException"
    assert lab.changing_calls()[1:] == []


def written(path: Path, content: bytes, mode: int = 0o600) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_files_that_cannot_be_the_material(lab: Lab, tmp_path: Path) -> None:
    key_id = lab.empty_key()
    table = {
        str(tmp_path / "nothing"): "No such file",
        str(tmp_path): "a directory",
        written(tmp_path / "empty", b""): "is empty",
        written(tmp_path / "open", material(SYMMETRIC), 0o640): "mode 0640",
        written(tmp_path / "short", bytes(31)): "31 bytes",
    }
    for path, said in table.items():
        # A plan may be forced; that says nothing about a file.
        result = lab.run(key_id=key_id, key_material_file=path, force=True)
        assert result["failed"] and said in result["msg"] and key_id in result["msg"], result["msg"]
    assert lab.changing_calls() == []
    assert lab.run(key_id=key_id, key_material_file=str(tmp_path / "open"), allow=["loose_file"])["changed"] is True


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P384"])
@pytest.mark.parametrize("encoding", [DER, PEM], ids=["der", "pem"])
@pytest.mark.parametrize("form", [TRADITIONAL, PKCS8], ids=["traditional", "pkcs8"])
def test_other_encodings_are_converted(lab: Lab, tmp_path: Path, spec: str, encoding: Any, form: Any) -> None:
    content = private_key(spec).private_bytes(encoding, form, PLAIN)
    by_file = lab.empty_key(spec)
    inline = lab.empty_key(spec)

    first = lab.run(key_id=by_file, key_material_file=written(tmp_path / "key", content))
    second = lab.run(key_id=inline, key_material=b64(content))

    assert first["changed"] and second["changed"]
    for key_id in (by_file, inline):
        assert b64(lab.kms.get_public_key(KeyId=key_id)["PublicKey"]) == public(spec)
