# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The offline half of a ceremony: what is wrapped, what is refused, and that it needs cryptography alone."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony import wrap
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import bundle
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa

NOW = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = ARN[:-1] + "c"
RAW = os.urandom(32)
PRIVATE: dict[int, Any] = {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 3072)}


def der(key: Any) -> bytes:
    return bytes(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


EC = ec.generate_private_key(ec.SECP256R1())


def spki(bits: int = 3072) -> bytes:
    public = PRIVATE[bits].public_key()
    return bytes(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def entry(arn: str = ARN, **fields: Any) -> bundle.Entry:
    plain: dict[str, Any] = {
        "key_arn": arn,
        "key_spec": "SYMMETRIC_DEFAULT",
        "wrapping_algorithm": "RSAES_OAEP_SHA_256",
        "wrapping_key_spec": "RSA_3072",
        "import_token": b"token of " + arn[-1:].encode(),
        "valid_to": NOW + timedelta(hours=20),
        "public_key": spki(),
    }
    return bundle.Entry(**{**plain, **fields})


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    return tmp_path


def material_file(folder: Path, content: bytes, name: str = "material") -> str:
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(content)
    return str(path)


def wrapped(folder: Path, *entries: bundle.Entry, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """The result of a run on a bundle with these entries."""
    path = folder / "requested.json"
    if entries:
        bundle.write("path", str(path), entries)
    given = {"path": str(path), "dest": str(folder / "wrapped.json"), **options}
    failed, result = wrap.run(given, check_mode, NOW)
    return {"failed": failed, **result}


def read(folder: Path) -> dict[str, bundle.Entry]:
    return bundle.read("dest", str(folder / "wrapped.json"), False, "")


def unwrapped(one: bundle.Entry) -> bytes:
    """As KMS unwraps it, with the libraries alone."""
    blob, key = one.encrypted_key_material or b"", PRIVATE[int(one.wrapping_key_spec[4:])]
    chosen = hashes.SHA256() if one.wrapping_algorithm.endswith("256") else hashes.SHA1()  # noqa: S303
    oaep = padding.OAEP(padding.MGF1(chosen), chosen, None)
    if not one.wrapping_algorithm.startswith("RSA_AES"):
        return bytes(key.decrypt(blob, oaep))
    size = key.key_size // 8
    return keywrap.aes_key_unwrap_with_padding(key.decrypt(blob[:size], oaep), blob[size:])


@pytest.mark.parametrize(
    ("key_spec", "content", "algorithm", "bits"),
    [
        ("SYMMETRIC_DEFAULT", RAW, "RSAES_OAEP_SHA_256", 2048),
        ("SYMMETRIC_DEFAULT", RAW, "RSAES_OAEP_SHA_1", 3072),
        ("HMAC_512", RAW + RAW[::-1], "RSAES_OAEP_SHA_256", 3072),
        ("ECC_NIST_P256", der(EC), "RSAES_OAEP_SHA_256", 3072),
        ("ECC_NIST_P256", der(EC), "RSA_AES_KEY_WRAP_SHA_1", 2048),
        ("RSA_2048", der(PRIVATE[2048]), "RSA_AES_KEY_WRAP_SHA_256", 3072),
    ],
    ids=range(6),  # workers compare the names of their tests, and the material is another one in each
)
def test_what_is_wrapped_is_the_material(
    folder: Path, key_spec: str, content: bytes, algorithm: str, bits: int
) -> None:
    asked = entry(
        key_spec=key_spec, wrapping_algorithm=algorithm, wrapping_key_spec=f"RSA_{bits}", public_key=spki(bits)
    )

    result = wrapped(folder, asked, key_material_file=material_file(folder, content))

    assert result["changed"] is True, result["msg"]
    one = read(folder)[ARN]
    assert unwrapped(one) == content and (folder / "wrapped.json").stat().st_mode & 0o777 == 0o600
    assert one.import_token == asked.import_token and one.state == "wrapped"
    assert result["check_value"] == one.check_value and result["check_value"] in result["msg"]
    assert result["wrapping_key_fingerprint"] == bundle.wrapping_key_fingerprint(spki(bits))
    assert (result["source"], result["plaintext_seen"]) == ("file", True)


def test_a_second_run_changes_nothing_and_check_mode_writes_nothing(folder: Path) -> None:
    path = material_file(folder, RAW)

    assert wrapped(folder, entry(), key_material_file=path, check_mode=True)["changed"] is True
    assert not (folder / "wrapped.json").exists()
    assert wrapped(folder, key_material_file=path)["changed"] is True
    content = (folder / "wrapped.json").read_bytes()
    assert wrapped(folder, key_material_file=path)["changed"] is False
    assert (folder / "wrapped.json").read_bytes() == content
    other = material_file(folder, os.urandom(32), "other")
    assert wrapped(folder, key_material_file=other)["changed"] is True
    # A new request makes what was wrapped for the old one useless.
    renewed = wrapped(folder, entry(import_token=b"another token"), key_material_file=other)
    assert renewed["changed"] is True and read(folder)[ARN].import_token == b"another token"


def test_keys_are_wrapped_one_after_the_other_into_one_file(folder: Path) -> None:
    first, second = material_file(folder, RAW), material_file(folder, RAW[::-1], "second")

    one = wrapped(folder, entry(), entry(OTHER), key_id=ARN, key_material_file=first)
    assert one["changed"] is True, one["msg"]
    assert {arn: two.state for arn, two in read(folder).items()} == {ARN: "wrapped", OTHER: "requested"}
    both = wrapped(folder, keys=[{"key_id": OTHER, "key_material_file": second}])
    assert both["changed"] is True and {two.state for two in read(folder).values()} == {"wrapped"}
    assert unwrapped(read(folder)[ARN]) == RAW and unwrapped(read(folder)[OTHER]) == RAW[::-1]


def test_in_place(folder: Path) -> None:
    path = str(folder / "requested.json")
    file = material_file(folder, RAW)

    assert wrapped(folder, entry(), dest=path, key_material_file=file)["changed"] is True
    assert wrapped(folder, dest=path, key_material_file=file)["changed"] is False


@pytest.mark.parametrize(
    ("fields", "options", "said"),
    [
        ({"valid_to": NOW + timedelta(minutes=14)}, {}, "too old"),
        ({"valid_to": NOW - timedelta(days=1)}, {}, "this machine's clock says 2030-01-01T12:00:00Z"),
        ({"valid_to": NOW + timedelta(hours=30)}, {}, "over 24 hours from now"),
        ({"public_key": b"\x30\x00"}, {}, "holds no public key"),
        ({"public_key": spki(2048)}, {}, "holds an RSA key of 2048 bits, though RSA_3072 was asked for"),
        ({"wrapping_algorithm": "RSA_AES_KEY_WRAP_SHA_256"}, {}, "wraps private keys only"),
        ({"wrapping_algorithm": "SM2PKE"}, {}, "need each other"),
        ({"key_spec": "HMAC_512"}, {}, "has 32 bytes; 64 bytes are needed"),
        ({"key_spec": "ECC_NIST_P384"}, {}, "is not an unencrypted PKCS#8 private key"),
        ({}, {"wrapping_key_fingerprint": "0" * 64}, "somebody has exchanged it"),
        ({}, {"wrapping_key_fingerprint": "abc"}, "has to be 64 hexadecimal digits"),
        ({}, {"check_value": "000000"}, "not 000000; it is another one"),
        ({}, {"check_value": "no"}, "6, 8 or 10 hexadecimal digits"),
        ({}, {"key_material_file": None}, "needs its material"),
        ({}, {"key_material_file": "/nowhere"}, "cannot be read"),
        ({}, {"key_id": OTHER}, "has no entry of the key"),
        ({}, {"key_id": "alias/payments"}, "is no key ARN"),
        ({}, {"keys": []}, "keys is empty"),
        ({}, {"keys": [{"key_id": ARN}]}, "stands beside keys"),
        ({}, {"keys": [{"key_id": ARN}, {"key_id": ARN}], "key_material_file": None}, "twice"),
        ({}, {"dest": "/"}, "is a directory"),
        ({}, {"dest": "/nowhere/wrapped.json"}, "cannot be written"),
    ],
)
def test_what_is_refused_writes_nothing(
    folder: Path, fields: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    result = wrapped(folder, entry(**fields), **{"key_material_file": material_file(folder, RAW), **options})

    assert result["failed"] and said in result["msg"], result["msg"]
    assert result["changed"] is False and not (folder / "wrapped.json").exists()
    assert RAW.hex() not in json.dumps(result) and repr(RAW) not in json.dumps(result)


def test_what_custodians_were_told_is_compared(folder: Path) -> None:
    told = bundle.wrapping_key_fingerprint(spki()).upper()
    groups = ":".join(told[start : start + 4] for start in range(0, 64, 4))

    result = wrapped(folder, entry(), wrapping_key_fingerprint=groups, key_material_file=material_file(folder, RAW))

    assert result["changed"] is True, result["msg"]


def test_one_key_that_fails_keeps_all_from_being_written(folder: Path) -> None:
    keys = [
        {"key_id": ARN, "key_material_file": material_file(folder, RAW)},
        {"key_id": OTHER, "key_material_file": material_file(folder, RAW[:31], "short")},
    ]

    result = wrapped(folder, entry(), entry(OTHER), keys=keys)

    assert result["failed"] and result["msg"].startswith("nothing was written: ")
    assert [bool(one["error"]) for one in result["kms_keys"]] == [False, True]
    assert [one["changed"] for one in result["kms_keys"]] == [False, False]
    assert not (folder / "wrapped.json").exists()


def test_text_for_material_is_refused_unless_that_is_allowed(folder: Path) -> None:
    path = material_file(folder, b"correct horse battery staple 123")

    assert "can be guessed" in wrapped(folder, entry(), key_material_file=path)["msg"]
    assert wrapped(folder, key_material_file=path, allow=["weak_material"])["changed"] is True


def test_several_keys_and_none_named(folder: Path) -> None:
    result = wrapped(folder, entry(), entry(OTHER), key_material_file=material_file(folder, RAW))
    assert "has 2 keys; name each in keys" in result["msg"]


def test_dest_of_another_ceremony_is_not_overwritten(folder: Path) -> None:
    bundle.write("dest", str(folder / "wrapped.json"), [entry(OTHER)])
    result = wrapped(folder, entry(), key_material_file=material_file(folder, RAW))
    assert "holds other keys than path" in result["msg"]


def test_material_in_another_option_is_not_repeated(folder: Path) -> None:
    result = wrapped(folder, entry(), check_value=RAW.hex())
    assert "check_value holds what looks like key material" in result["msg"] and RAW.hex() not in result["msg"]


# -- what it needs -----------------------------------------------------------------------------------------------------

_BLOCKED = """
import importlib.abc, sys
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("boto3", "botocore", "socket_") or name.startswith(
            ("ansible_collections.amazon", "ansible.module_utils", "ansible.plugins")
        ):
            raise ImportError(f"{name} is not on this machine")
sys.meta_path.insert(0, Blocker())
import socket
def closed(*arguments, **options):
    raise OSError("there is no network")
socket.socket = socket.create_connection = closed
"""


def test_it_runs_without_boto3_amazon_aws_ansible_and_network(folder: Path) -> None:
    # With a clock of now: this is a process of its own.
    soon = datetime.now(timezone.utc) + timedelta(hours=20)
    bundle.write("path", str(folder / "requested.json"), [entry(valid_to=soon.replace(microsecond=0))])
    options = {
        "path": str(folder / "requested.json"),
        "dest": str(folder / "wrapped.json"),
        "key_material_file": material_file(folder, RAW),
    }
    program = f"""{_BLOCKED}
from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony.wrap import run
failed, result = run({options!r}, False)
assert not failed, result["msg"]
assert "botocore" not in sys.modules and "boto3" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert unwrapped(read(folder)[ARN]) == RAW


def test_nothing_that_it_ships_names_amazon_aws() -> None:
    from ansible_collections.byok.aws.tests.support.imports import imports_of
    from ansible_collections.byok.aws.tests.support.imports import reachable

    root = next(one for one in Path(__file__).resolve().parents if (one / "galaxy.yml").exists())
    shipped = {*reachable(imports_of(root), "plugins/modules/kms_wrap_key_material.py")}
    assert "plugins/module_utils/_kms/secret/bundle.py" in shipped and len(shipped) < 30
    for name in {*shipped, "plugins/modules/kms_wrap_key_material.py"}:
        nodes = ast.walk(ast.parse((root / name).read_text()))
        modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        assert not [one for one in modules if one.startswith(("ansible_collections.amazon", "boto3"))], name
