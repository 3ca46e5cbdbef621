# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A preparation that is kept: when it is refused, how damage is found, and what stands in its file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.identifiers import arn_in
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Material
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Request
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import bundle
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import preparation
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.claims import Claims
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms import builders

ID = "a" * 64
OTHER = "b" * 64
KEY: Key = builders.key(materials=(Material(ID, "CURRENT", "IMPORTED"),))
OTHER_ARN = KEY.arn[:-12] + "0" * 12
WRAPPING = ("RSAES_OAEP_SHA_256", "RSA_4096")
DAY = timedelta(hours=24)


def prepared(left: timedelta | None, **other: object) -> preparation.Prepared:
    valid_to = KEY.now + left if left is not None else None
    plain = preparation.Prepared(KEY.arn, KEY.key_spec, preparation.Wrapped(b"blob", b"token", valid_to), WRAPPING, ID)
    return replace(plain, **other)  # type: ignore[arg-type]


def until(instant: datetime) -> preparation.Prepared:
    return prepared(None, wrapped=preparation.Wrapped(b"blob", b"token", instant))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.mark.parametrize(
    ("one", "request_", "said"),
    [
        (prepared(DAY), Request("k"), None),
        (prepared(DAY + minutes(5)), Request("k"), None),
        (prepared(minutes(15)), Request("k"), None),
        (prepared(minutes(15)), Request("k", key_material_id=ID), None),
        (prepared(DAY, key_material_id=None), Request("k"), None),
        (prepared(minutes(14.9)), Request("k"), "too old"),
        (prepared(minutes(-60)), Request("k"), "too old"),
        (prepared(None), Request("k"), "too old"),
        (until(datetime(1, 1, 1, tzinfo=timezone.utc)), Request("k"), "too old"),
        (prepared(DAY + minutes(5.1)), Request("k"), "over 24 hours from now"),
        (prepared(timedelta(hours=40)), Request("k"), "over 24 hours from now"),
        (until(datetime(9999, 12, 31, tzinfo=timezone.utc)), Request("k"), "over 24 hours from now"),
        (None, Request("k"), "holds no preparation of the key k"),
        (prepared(minutes(60)), Request("k", key_material_id=OTHER), f"other material of the key k than {OTHER}"),
        (prepared(minutes(60), key_material_id=OTHER), Request("k"), f"has no material {OTHER}"),
    ],
)
def test_when_it_is_refused(one: preparation.Prepared | None, request_: Request, said: str | None) -> None:
    problem = preparation.problem(one, KEY, "/stage", request_)

    assert (problem is None) if said is None else (said in str(problem) and "/stage" in str(problem))


def test_what_a_file_says_is_no_proof() -> None:
    assert prepared(minutes(60)).evidence == Evidence("unknown", None, ID)


@pytest.mark.parametrize(
    ("name", "led_to", "asked", "refused"),
    [
        ("alias/k", KEY.arn, "alias/k", False),
        ("alias/k", OTHER_ARN, "alias/k", True),
        ("alias/k", OTHER_ARN, f"{KEY.arn.split(':key/')[0]}:alias/k", True),
        (f"{KEY.arn.split(':key/')[0]}:alias/k", OTHER_ARN, "alias/k", True),
        ("alias/other", OTHER_ARN, "alias/k", False),
        ("alias/k", OTHER_ARN, KEY.arn, False),
        (OTHER_ARN, OTHER_ARN, "alias/k", False),
        (None, OTHER_ARN, "alias/k", False),
        ("alias/k", arn_in(KEY.arn, "eu-west-1"), "alias/k", False),
        ("alias/k", arn_in(OTHER_ARN, "eu-west-1"), "alias/k", True),
    ],
)
def test_when_a_name_stands_for_another_key_than_at_the_preparation(
    name: str | None, led_to: str, asked: str, refused: bool
) -> None:
    aliases = preparation.by_alias({led_to: prepared(minutes(60), key_arn=led_to, name=name)})

    problem = preparation.moved_problem(aliases, "/stage", asked, KEY)

    said = f"{asked} led to the key {led_to} when /stage was prepared, and leads to {KEY.arn} now"
    assert problem is None if not refused else said in str(problem)


def test_what_is_written_is_read_again_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "stage"
    path.write_text("older")
    path.chmod(0o644)
    claims = Claims("0" * 32, "0123456789", b"proof")
    kept = [
        prepared(minutes(60), name="alias/k", claims=claims),
        prepared(None, key_arn=OTHER_ARN, key_material_id=None),
    ]

    preparation.write(str(path), kept)

    assert preparation.read(str(path), loose=False) == {KEY.arn: kept[0], OTHER_ARN: kept[1]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["stage"]


def test_an_instant_of_another_zone_is_kept_as_utc(tmp_path: Path) -> None:
    local = (KEY.now + DAY).astimezone(timezone(timedelta(hours=14)))
    preparation.write(str(tmp_path / "stage"), [until(local)])

    assert preparation.read(str(tmp_path / "stage"), loose=False)[KEY.arn].wrapped.valid_to == local
    assert json.loads((tmp_path / "stage").read_text())["keys"][0]["valid_to"].endswith("+00:00")


def test_a_failed_write_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stage"
    preparation.write(str(path), [prepared(minutes(60))])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AnsibleKMSError, match="No space left on device"):
        preparation.write(str(path), [])

    assert len(preparation.read(str(path), loose=False)) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["stage"]


def test_nothing_of_the_blobs_is_in_a_repr() -> None:
    assert "blob" not in repr(prepared(minutes(60))) and "token'" not in repr(prepared(minutes(60)))


def test_the_digest_is_that_of_the_canonical_json() -> None:
    entry = {"valid_to": None, "key_arn": '\u00fc"\n\u2028/', "digest": "sha256:0", "a": "1"}
    canonical = b'{"a":"1","key_arn":"\xc3\xbc\\"\\n\xe2\x80\xa8/","valid_to":null}'

    assert bundle.digest(entry) == "sha256:" + hashlib.sha256(canonical).hexdigest()


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.fixture(name="path")
def fixture_path(tmp_path: Path) -> Path:
    path = tmp_path / "stage"
    preparation.write(
        str(path), [prepared(minutes(60)), prepared(minutes(60), key_arn=OTHER_ARN, key_material_id=None)]
    )
    return path


def refusal(path: Path) -> str:
    with pytest.raises(AnsibleKMSError) as caught:
        preparation.read(str(path), loose=False)
    message = str(caught.value)
    assert message.startswith(f"stage_path {path} ")
    assert message.endswith(("; prepare again", "; wrap it first (kms_wrap_key_material)"))
    return message


def test_no_flipped_bit_is_taken(path: Path) -> None:
    content = path.read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        refusal(path)


def test_no_file_that_was_cut_short_is_taken(path: Path) -> None:
    content = path.read_bytes()
    for length in range(1, len(content)):
        path.write_bytes(content[:length])
        refusal(path)


def change(path: Path, edit: Callable[[dict[str, Any]], object], signed: bool = False) -> None:
    """Change the document. signed: its digests fit, since anybody can compute them."""
    document = json.loads(path.read_text())
    edit(document)
    if signed:
        for entry in document["keys"]:
            entry["digest"] = bundle.digest(entry)
    path.write_text(json.dumps(document))


def swap(document: dict[str, Any], name: str) -> None:
    one, other = document["keys"]
    one[name], other[name] = other[name], one[name]


@pytest.mark.parametrize("name", ["key_arn", "key_material_id", "digest"])
def test_swapped_fields_are_found(path: Path, name: str) -> None:
    change(path, lambda document: swap(document, name))

    assert "entry 1 (" in refusal(path) and "does not fit its digest" in refusal(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key_arn", KEY.arn[:-1] + "0"),
        ("key_material_id", OTHER),
        ("valid_to", (KEY.now + DAY).isoformat()),
        ("wrapping_algorithm", "RSAES_OAEP_SHA_1"),
        ("wrapping_key_spec", "RSA_2048"),
        ("encrypted_key_material", "QUFB"),
        ("public_key", "QUFB"),
        ("proof", "QUFB"),
        ("check_value", "0123456789"),
        ("fingerprint", "0" * 32),
        ("key_spec", "HMAC_256"),
        ("state", "requested"),
        ("import_token", "QUFB"),
    ],
)
def test_every_field_is_in_the_digest(path: Path, name: str, value: str) -> None:
    change(path, lambda document: document["keys"][1].update({name: value}))

    assert "entry 2 (arn:aws:kms:" in refusal(path) and "does not fit its digest" in refusal(path)


def fields(**changed: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["keys"][1].update(changed)


def document(**changed: object) -> Callable[[dict[str, Any]], object]:
    return lambda found: found.update(changed)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (document(schema=1), "an earlier version of this collection, which kept no digests"),
        (document(schema=3), "has another schema than 2"),
        (document(schema="2"), "has another schema than 2"),
        (document(schema=True), "has another schema than 2"),
        (document(schema=None), "has another schema than 2"),
        (document(schema=2.0), "a number where none belongs"),
        (document(schema=float("nan")), "a number where none belongs"),
        (document(schema=10**30), "has another schema than 2"),
        (document(collection="other.aws"), "holds no bundle"),
        (document(collection=["byok.aws"]), "holds no bundle"),
        (document(keys={}), "holds no bundle"),
        (document(keys=None), "holds no bundle"),
        (document(keys=[None]), "entry 1 has other fields"),
        (document(keys=[[]]), "entry 1 has other fields"),
        (fields(proved=True), "entry 2 has other fields"),
        (fields(valid_to=1), "valid_to of entry 2 (arn:"),
        (fields(valid_to=["2030-01-01T00:00:00+00:00"]), "valid_to of entry 2 (arn:"),
        (fields(key_material_id=False), "key_material_id of entry 2 (arn:"),
        (fields(import_token=None), "import_token of entry 2 (arn:"),
        (fields(key_arn={}), "key_arn of entry 2 is no text"),
        (fields(digest=None), "digest of entry 2 (arn:"),
        (lambda found: found["keys"].append(found["keys"][0]), "two entries of the key arn:"),
    ],
)
def test_what_is_no_preparation_is_refused(path: Path, edit: Callable[[dict[str, Any]], object], said: str) -> None:
    change(path, edit)

    assert said in refusal(path)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"valid_to": "2030-01-01T00:00:00"}, "valid_to of entry 2 (arn:"),
        ({"valid_to": "0001-01-01T00:00:00+14:00"}, "valid_to of entry 2 (arn:"),
        ({"valid_to": "9999-12-31T23:59:59-14:00"}, "valid_to of entry 2 (arn:"),
        ({"valid_to": "tomorrow"}, "valid_to of entry 2 (arn:"),
        ({"valid_to": ""}, "valid_to of entry 2 (arn:"),
        ({"key_material_id": "A" * 64}, "key_material_id of entry 2 (arn:"),
        ({"key_material_id": ""}, "key_material_id of entry 2 (arn:"),
        ({"encrypted_key_material": ""}, "encrypted_key_material of entry 2 (arn:"),
        ({"encrypted_key_material": "QUFB\n"}, "encrypted_key_material of entry 2 (arn:"),
        ({"import_token": "QUFB" * 2049}, "import_token of entry 2 (arn:"),
        ({"import_token": "\u00e9"}, "import_token of entry 2 (arn:"),
        ({"check_value": "abcdef0123"}, "check_value of entry 2 (arn:"),
        ({"check_value": ""}, "check_value of entry 2 (arn:"),
        ({"fingerprint": "A" * 32}, "fingerprint of entry 2 (arn:"),
        ({"key_spec": "ML_DSA_44"}, "key_spec of entry 2 (arn:"),
        ({"wrapping_algorithm": "ROT13"}, "wrapping_algorithm of entry 2 (arn:"),
        ({"wrapping_key_spec": "RSA_1024"}, "wrapping_key_spec of entry 2 (arn:"),
        ({"state": "imported"}, "state of entry 2 (arn:"),
        ({"state": "requested"}, "state of entry 2 (arn:"),
        ({"encrypted_key_material": None}, "state of entry 2 (arn:"),
        ({"encrypted_key_material": None, "state": "requested", "public_key": None}, "state of entry 2 (arn:"),
        ({"encrypted_key_material": None, "state": "requested", "public_key": "QUFB"}, "no wrapped material for arn:"),
        ({"public_key": ""}, "public_key of entry 2 (arn:"),
        ({"proof": "QUFB\n"}, "proof of entry 2 (arn:"),
        ({"key_arn": "arn:aws:kms:eu-central-1:111122223333:alias/a"}, "key_arn of entry 2 is no ARN"),
        ({"key_arn": "\x1b[2J\ud800"}, "key_arn of entry 2 is no ARN"),
        ({"key_arn": KEY.arn + "\n"}, "key_arn of entry 2 is no ARN"),
    ],
)
def test_a_digest_that_fits_lets_no_nonsense_pass(path: Path, edit: Mapping[str, str | None], said: str) -> None:
    change(path, fields(**edit), signed=True)

    assert said in refusal(path)
    assert refusal(path).isprintable()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"keys":' * 200_000, "nested too deeply"),
        (b'{"schema": 2, "collection": "byok.aws", "keys": [], "schema": 2}', "gives a field twice"),
        (b'{"schema": 1e999}', "a number where none belongs"),
        (b'{"schema": -Infinity}', "a number where none belongs"),
        (b'{"schema": ' + b"9" * 100_000 + b"}", "holds no bundle"),
        (b"\xff\xfe", "not JSON"),
        (b"\x00", "not JSON"),
        (b"null", "holds no bundle"),
        (b'"byok.aws"', "holds no bundle"),
    ],
)
def test_what_json_can_do_is_a_sentence(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)

    assert said in refusal(path)


def test_a_huge_file_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_LARGEST_BUNDLE", 100)

    with pytest.raises(AnsibleKMSError, match=r"stage_path .* has [0-9]+ bytes"):
        preparation.read(str(path), loose=False)


# -- other users -------------------------------------------------------------------------------------------------------


def test_it_is_neither_read_nor_written_where_others_can_exchange_it(path: Path) -> None:
    path.parent.chmod(0o777)

    for use in (preparation.check_writable, lambda name: preparation.read(name, loose=True)):
        with pytest.raises(AnsibleKMSError, match="mode 0777, so that group or others can put another file there"):
            use(str(path))


def test_a_file_of_another_user_is_not_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "owner_problem", lambda *_arguments: "it belongs to another user")

    with pytest.raises(AnsibleKMSError, match="it belongs to another user"):
        preparation.check_writable(str(path))
    preparation.check_writable(str(path.parent / "new"))
