# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A preparation kept for later: no plaintext in it or needed for it, nothing deleted by it, useless past its day."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import stat
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.material import execute
from ansible_collections.byok.aws.plugins.module_utils._kms.service import progress
from lab import Lab
from materials import KINDS
from materials import b64
from materials import material
from materials import wrapped

FAST = {"GetParametersForImport": 1000, "ImportKeyMaterial": 1000, "DeleteImportedKeyMaterial": 1000}
SYMMETRIC = "SYMMETRIC_DEFAULT"
WEST = "eu-west-1"
HOUR = 3600
PAIR = ("ImportKeyMaterial", "DeleteImportedKeyMaterial", "ImportKeyMaterial")
# The proof enables a Disabled key for a moment, and so does the import at the end.
DISABLED_PAIR = (
    "TagResource",
    "ImportKeyMaterial",
    "DisableKey",
    "DeleteImportedKeyMaterial",
    "ImportKeyMaterial",
    "DisableKey",
    "UntagResource",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stage.json"


def prepare(lab: Lab, path: Path, key_ids: dict[str, str], **options: Any) -> dict[str, Any]:
    keys = [{"key_id": key_id, "key_material": b64(material(spec))} for spec, key_id in key_ids.items()]
    return lab.run(keys=keys, state="reimported", stage="prepare", stage_path=str(path), request_rates=FAST, **options)


def change(lab: Lab, path: Path, key_ids: list[str], **options: Any) -> dict[str, Any]:
    arguments = {"state": "reimported", "stage": "change", "stage_path": str(path), "request_rates": FAST, **options}
    return lab.run(keys=[{"key_id": key_id} for key_id in key_ids], **arguments)


def forge(path: Path, signed: bool = True, **fields: Any) -> None:
    """Change the entry of the first key. signed: its digest fits, since anybody can compute one."""
    document = json.loads(path.read_text())
    entry = {**document["keys"][0], **fields}
    if signed:
        others = {name: value for name, value in entry.items() if name != "digest"}
        canonical = json.dumps(others, sort_keys=True, separators=(",", ":"))
        entry["digest"] = f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
    document["keys"][0] = entry
    path.write_text(json.dumps(document))


def flipped(path: Path, name: str) -> str:
    """The value of a field with one bit of its bytes flipped."""
    content = bytearray(base64.b64decode(json.loads(path.read_text())["keys"][0][name]))
    content[len(content) // 2] ^= 1
    return base64.b64encode(content).decode()


def held_material(lab: Lab, key_id: str, spec: str) -> Callable[[], None]:
    """A check, by KMS alone, that the key has the material of before; it needs an Enabled key."""
    if spec != SYMMETRIC:
        expected = hmac.digest(material(spec), b"message", "sha256")

        def mac() -> None:
            answer = lab.kms.generate_mac(KeyId=key_id, Message=b"message", MacAlgorithm="HMAC_SHA_256")
            assert answer["Mac"] == expected

        return mac
    blob = lab.kms.encrypt(KeyId=key_id, Plaintext=b"message")["CiphertextBlob"]

    def decrypt() -> None:
        assert lab.kms.decrypt(KeyId=key_id, CiphertextBlob=blob)["Plaintext"] == b"message"

    return decrypt


def test_prepared_by_day_and_changed_by_night_without_the_plaintext(lab: Lab, path: Path) -> None:
    key_ids = {spec: lab.own_key(spec) for spec in KINDS}
    before = lab.mark()

    prepared = prepare(lab, path, key_ids)

    assert not prepared.get("failed"), prepared["msg"]
    assert prepared["changed"] is True
    assert [one["unavailable_seconds"] for one in prepared["kms_keys"]] == [0.0] * len(KINDS)
    assert "DeleteImportedKeyMaterial" not in lab.calls(before)
    assert {lab.state(key_id) for key_id in key_ids.values()} == {"Enabled"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    for spec in KINDS:
        secret = material(spec)
        assert (
            secret not in content and base64.b64encode(secret) not in content and secret.hex().encode() not in content
        )

    lab.emulator.config(clock_offset_seconds=20 * HOUR)
    before = lab.mark()
    changed = change(lab, path, list(key_ids.values()))

    assert not changed.get("failed"), changed["msg"]
    assert {tuple(one["operations"]) for one in changed["kms_keys"]} == {PAIR}
    assert {one["proof"] for one in changed["kms_keys"]} == {"reimport"}
    # Every key is proved before the first is deleted.
    assert lab.changing_calls(before)[: len(KINDS)] == ["ImportKeyMaterial"] * len(KINDS)
    assert "GetParametersForImport" not in lab.calls(before)
    assert {lab.state(key_id) for key_id in key_ids.values()} == {"Enabled"}
    # The very same bytes are back: a run with the plaintext proves it and finds nothing to do.
    for spec, key_id in key_ids.items():
        assert lab.run(key_id=key_id, key_material=b64(material(spec)))["changed"] is False


def test_the_plaintext_is_not_even_looked_at(lab: Lab, path: Path) -> None:
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    keys = [{"key_id": key_id, "key_material_file": "/nowhere/material"}]

    result = lab.run(keys=keys, state="reimported", stage="change", stage_path=str(path))

    assert not result.get("failed"), result["msg"]
    assert result["kms_keys"][0]["operations"] == list(PAIR)


@pytest.mark.parametrize("hours", [24.1, 23.9])
def test_past_its_day_it_is_refused_before_anything_is_deleted(lab: Lab, path: Path, hours: float) -> None:
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    lab.emulator.config(clock_offset_seconds=int(hours * HOUR))
    before = lab.mark()

    result = change(lab, path, [key_id])

    assert result["failed"] and "too old" in result["msg"] and key_id in result["msg"]
    assert lab.changing_calls(before) == []
    assert lab.state(key_id) == "Enabled"


def test_check_mode_predicts_both_halves_and_writes_nothing(lab: Lab, path: Path) -> None:
    key_id = lab.own_key()

    predicted = prepare(lab, path, {SYMMETRIC: key_id}, check_mode=True)

    assert not path.exists() and lab.changing_calls(0).count("ImportKeyMaterial") == 1
    assert (
        predicted["kms_keys"][0]["operations"] == prepare(lab, path, {SYMMETRIC: key_id})["kms_keys"][0]["operations"]
    )
    before = lab.mark()
    predicted = change(lab, path, [key_id], check_mode=True)
    assert lab.changing_calls(before) == []
    assert predicted["kms_keys"][0]["operations"] == change(lab, path, [key_id])["kms_keys"][0]["operations"]


@pytest.mark.parametrize("spec", KINDS)
def test_a_disabled_key_stays_disabled_through_both(lab: Lab, path: Path, spec: str) -> None:
    key_id = lab.own_key(spec)
    lab.kms.disable_key(KeyId=key_id)

    assert not prepare(lab, path, {spec: key_id}).get("failed")
    assert lab.state(key_id) == "Disabled" and lab.tags(key_id) == {}
    before = lab.mark()
    result = change(lab, path, [key_id])

    assert not result.get("failed"), result["msg"]
    assert tuple(lab.changing_calls(before)) == DISABLED_PAIR
    assert lab.state(key_id) == "Disabled" and lab.tags(key_id) == {}


@pytest.mark.parametrize("spec", KINDS)
def test_an_empty_key_is_prepared_unproved_and_only_imported(lab: Lab, path: Path, spec: str) -> None:
    key_id = lab.own_key(spec)
    lab.run(key_id=key_id, state="absent")
    before = lab.mark()

    assert not prepare(lab, path, {spec: key_id}).get("failed")
    assert lab.changing_calls(before) == []
    result = change(lab, path, [key_id])

    assert result["kms_keys"][0]["operations"] == ["ImportKeyMaterial"]
    assert lab.state(key_id) == "Enabled"


def test_wrong_material_is_found_at_the_preparation_and_keeps_the_others(lab: Lab, path: Path) -> None:
    good, bad = lab.own_key(), lab.own_key()
    keys = [
        {"key_id": good, "key_material": b64(material(SYMMETRIC))},
        {"key_id": bad, "key_material": b64(material(SYMMETRIC, "b"))},
    ]

    result = lab.run(keys=keys, state="reimported", stage="prepare", stage_path=str(path), request_rates=FAST)

    assert result["failed"] and bad in result["msg"] and good not in result["msg"].split("failed", 1)[1]
    assert [one["key_arn"].endswith(good) for one in json.loads(path.read_text())["keys"]] == [True]
    refused = change(lab, path, [good, bad])
    assert refused["failed"] and "no preparation of the key" in refused["kms_keys"][1]["error"]["message"]
    assert lab.state(bad) == "Enabled"


def test_after_a_rotation_it_fits_the_old_material_only(lab: Lab, path: Path) -> None:
    lab.emulator.config(rotation_seconds=0)
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC, "b")), state="current")
    before = lab.mark()

    result = change(lab, path, [key_id])

    assert result["failed"] and "NON_CURRENT" in result["msg"]
    assert lab.changing_calls(before) == []


def test_a_killed_change_is_finished_by_the_next(lab: Lab, path: Path) -> None:
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    lab.kms.delete_imported_key_material(KeyId=key_id)

    result = change(lab, path, [key_id], state="present")

    assert result["kms_keys"][0]["operations"] == ["ImportKeyMaterial"]
    assert lab.state(key_id) == "Enabled"
    assert change(lab, path, [key_id], state="present")["changed"] is False


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("{}", 0o600, "no bundle"),
        ("not JSON", 0o600, "no bundle"),
        (json.dumps({"collection": "byok.aws", "schema": 1, "keys": [{}]}), 0o600, "earlier version"),
        (json.dumps({"collection": "byok.aws", "schema": 2, "keys": [{}]}), 0o600, "entry 1"),
        ("[" * 200_000, 0o600, "nested too deeply"),
        ("{}", 0o640, "mode 0640"),
        (None, 0o600, "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused_before_the_first_call(
    lab: Lab, path: Path, content: str | None, mode: int, said: str
) -> None:
    if content is not None:
        path.write_text(content)
        path.chmod(mode)

    result = change(lab, path, ["alias/a"], force=True)

    assert result["failed"] and said in result["msg"] and "stage_path" in result["msg"]
    assert lab.calls() == []


def test_a_loose_preparation_is_read_when_the_task_allows_it(lab: Lab, path: Path) -> None:
    key_id = lab.own_key()
    assert not prepare(lab, path, {SYMMETRIC: key_id}).get("failed")
    path.chmod(0o640)

    assert change(lab, path, [key_id])["failed"]
    assert change(lab, path, [key_id], allow=["loose_file"])["changed"] is True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stage": "prepare", "state": "present"}, "state reimported only"),
        ({"stage": "change", "state": "absent"}, "reimported and present only"),
        ({"stage": "prepare", "stage_path": "/nowhere/at/all/stage"}, "cannot be written"),
        ({"stage": "prepare", "stage_path": "/tmp"}, "is a directory"),
    ],
)
def test_what_cannot_be_meant_is_refused(lab: Lab, path: Path, options: dict[str, Any], said: str) -> None:
    given = {"state": "reimported", "key_material": b64(material(SYMMETRIC)), "stage_path": str(path), **options}
    path.write_text(json.dumps({"collection": "byok.aws", "schema": 2, "keys": []}))
    path.chmod(0o600)

    result = lab.run(key_id="alias/a", **given)

    assert result["failed"] and said in result["msg"]
    assert lab.calls() == []


def test_a_preparation_of_another_key_is_not_taken(lab: Lab, path: Path) -> None:
    prepare(lab, path, {SYMMETRIC: lab.own_key()})
    other = lab.own_key()
    forge(path, key_arn=lab.metadata(other)["Arn"], key_material_id=lab.metadata(other)["CurrentKeyMaterialId"])
    before = lab.mark()

    result = change(lab, path, [other], wait_timeout=0)

    # Its token belongs to the other key: KMS says so while nothing is deleted yet.
    assert result["failed"] and result["kms_keys"][0]["error"]["code"] == "InvalidImportTokenException"
    assert "DeleteImportedKeyMaterial" not in lab.calls(before)
    assert lab.state(other) == "Enabled"


BLOB, TOKEN = "encrypted_key_material", "import_token"
REFUSED = {BLOB: "InvalidCiphertextException", TOKEN: "InvalidImportTokenException"}


@pytest.mark.parametrize("name", [BLOB, TOKEN])
def test_a_flipped_bit_is_found_before_the_first_call(lab: Lab, path: Path, name: str) -> None:
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    check = held_material(lab, key_id, SYMMETRIC)
    forge(path, signed=False, **{name: flipped(path, name)})
    before = lab.mark()

    result = change(lab, path, [key_id])

    assert result["failed"] and "does not fit its digest" in result["msg"]
    assert str(path) in result["msg"] and f"entry 1 (arn:aws:kms:us-east-1:123456789012:key/{key_id})" in result["msg"]
    assert lab.calls(before) == []
    check()


@pytest.mark.parametrize("state", ["Enabled", "Disabled"])
@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256"])
@pytest.mark.parametrize("name", [BLOB, TOKEN])
def test_what_kms_does_not_take_is_found_before_the_deletion(
    lab: Lab, path: Path, spec: str, name: str, state: str
) -> None:
    key_id = lab.own_key(spec)
    prepare(lab, path, {spec: key_id})
    check = held_material(lab, key_id, spec)
    if state == "Disabled":
        lab.kms.disable_key(KeyId=key_id)
    forge(path, **{name: flipped(path, name)})
    before = lab.mark()

    result = change(lab, path, [key_id], wait_timeout=0)

    error = result["kms_keys"][0]["error"]
    assert error["code"] == REFUSED[name] and key_id in error["message"] and f"the key is now {state}" in result["msg"]
    # What was done to keep a Disabled key Disabled is told.
    assert ("nothing was changed" in result["msg"]) == (state == "Enabled")
    assert "DeleteImportedKeyMaterial" not in lab.calls(before)
    assert lab.state(key_id) == state and lab.tags(key_id) == {}
    lab.kms.enable_key(KeyId=key_id)
    check()


@pytest.mark.parametrize("state", ["Enabled", "Disabled"])
@pytest.mark.parametrize("spec", [SYMMETRIC, "HMAC_256"])
def test_a_file_of_others_that_claims_to_be_proved_is_proved_by_an_import(
    lab: Lab, path: Path, spec: str, state: str
) -> None:
    key_id = lab.own_key(spec)
    prepare(lab, path, {spec: key_id})
    check = held_material(lab, key_id, spec)
    other = wrapped(lab.kms, key_id, spec, material(spec, "b"))
    forge(path, **{BLOB: b64(other["EncryptedKeyMaterial"]), TOKEN: b64(other["ImportToken"])})
    if state == "Disabled":
        lab.kms.disable_key(KeyId=key_id)
    before = lab.mark()

    result = change(lab, path, [key_id], wait_timeout=0)

    assert result["kms_keys"][0]["error"]["code"] == "IncorrectKeyMaterialException"
    assert "DeleteImportedKeyMaterial" not in lab.calls(before)
    assert lab.state(key_id) == state and lab.tags(key_id) == {}
    # With a field of its own that says so, it is not even a preparation.
    forge(path, proved=True)
    refused = change(lab, path, [key_id])
    assert refused["failed"] and "other fields" in refused["msg"]
    lab.kms.enable_key(KeyId=key_id)
    check()


def test_a_token_that_runs_out_meanwhile_is_seen_before_the_deletion(
    lab: Lab, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    monkeypatch.setattr(execute, "_TOKEN_LEFT", timedelta(hours=25))
    before = lab.mark()

    result = change(lab, path, [key_id])

    assert result["failed"] and "too old by now" in result["msg"] and "done: ImportKeyMaterial;" in result["msg"]
    assert lab.changing_calls(before) == ["ImportKeyMaterial"]
    assert lab.state(key_id) == "Enabled"


def test_a_proof_whose_answer_was_lost_is_repeated(lab: Lab, path: Path, impatient: None) -> None:
    """That the key is Enabled afterwards may be the work of others."""
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    lab.kms.disable_key(KeyId=key_id)
    lab.emulator.faults([{"operation": "ImportKeyMaterial", "nth": 1, "drop_after": True}])
    before = lab.mark()

    result = change(lab, path, [key_id])

    assert not result.get("failed"), result["msg"]
    assert tuple(result["kms_keys"][0]["operations"]) == DISABLED_PAIR
    calls = [call for call in lab.calls(before) if call in ("ImportKeyMaterial", "DeleteImportedKeyMaterial")]
    assert calls == ["ImportKeyMaterial", *PAIR]
    assert lab.state(key_id) == "Disabled" and lab.tags(key_id) == {}


def test_on_a_replica_only_the_material_that_was_proved_is_deleted(lab: Lab, path: Path) -> None:
    """An import into a replica names no material: KMS takes any that the key has, also one that was not meant."""
    lab.emulator.config(transient_seconds=0, rotation_seconds=0)
    everywhere = {"state": "current", "regions": ["all"]}
    key_id = lab.empty_key(MultiRegion=True)
    assert not lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC, "old"))).get("failed")
    lab.kms.replicate_key(KeyId=key_id, ReplicaRegion=WEST)
    west = lab.emulator.client(WEST)
    deadline = time.monotonic() + 60
    while west.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Creating" and time.monotonic() < deadline:
        time.sleep(0.05)
    for label in ("old", "a"):
        done = lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC, label)), **everywhere)
        assert not done.get("failed"), done["msg"]
    old, new = (
        one["KeyMaterialId"]
        for one in sorted(lab.materials(key_id), key=lambda one: one["KeyMaterialState"], reverse=True)
    )
    assert not prepare(lab, path, {SYMMETRIC: key_id}, region=WEST).get("failed")
    assert json.loads(path.read_text())["keys"][0]["key_material_id"] == new
    forge(path, key_material_id=old)
    before = lab.mark()

    result = change(lab, path, [key_id], region=WEST, key_material_id=old, wait_timeout=0)

    assert result["failed"] and f"the material given is {new}, and not {old}" in result["msg"]
    assert "DeleteImportedKeyMaterial" not in lab.calls(before)
    assert west.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"


@pytest.mark.parametrize(
    ("valid_to", "said"),
    [
        ("2030-01-01T00:00:00", "no instant with a zone"),
        ("0001-01-01T00:00:00+00:00", "too old"),
        ("9999-12-31T23:59:59+00:00", "over 24 hours from now"),
    ],
)
def test_an_absurd_instant_is_refused_in_a_sentence(lab: Lab, path: Path, valid_to: str, said: str) -> None:
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    forge(path, valid_to=valid_to)
    before = lab.mark()

    result = change(lab, path, [key_id])

    assert result["failed"] and said in result["msg"] and str(path) in result["msg"]
    assert lab.changing_calls(before) == []


def test_after_a_deletion_nothing_says_that_nothing_was_changed(lab: Lab, path: Path) -> None:
    key_id = lab.own_key()
    prepare(lab, path, {SYMMETRIC: key_id})
    lab.emulator.faults(
        [
            {"operation": "ImportKeyMaterial", "nth": number, "code": "ExpiredImportTokenException"}
            for number in range(2, 12)
        ]
    )

    result = change(lab, path, [key_id], wait_timeout=0)

    lab.emulator.faults([])
    assert result["kms_keys"][0]["error"]["code"] == "ExpiredImportTokenException"
    assert "nothing was changed" not in result["msg"]
    assert "done: ImportKeyMaterial, DeleteImportedKeyMaterial; the key is now PendingImport" in result["msg"]
    assert lab.state(key_id) == "PendingImport"


def test_the_journal_names_each_key_as_soon_as_it_is_finished(lab: Lab, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    key_ids = [lab.own_key() for _number in range(3)]
    lab.emulator.faults(
        [{"operation": "DeleteImportedKeyMaterial", "key_id": key_ids[1], "every": 1, "code": "AccessDeniedException"}]
    )
    keys = [{"key_id": key_id} for key_id in key_ids]

    assert not lab.run(keys=keys, state="absent", journal_path=str(journal), check_mode=True).get("failed")
    assert not journal.exists()
    lab.run(keys=keys, state="absent", journal_path=str(journal), request_rates=FAST)

    records = {one["key_id"]: one for one in map(json.loads, journal.read_text().splitlines())}
    assert set(records) == set(key_ids)
    assert [records[one]["key_state"] for one in key_ids] == ["PendingImport", "Enabled", "PendingImport"]
    assert records[key_ids[1]]["error"]["code"] == "AccessDeniedException" and records[key_ids[0]]["error"] is None
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_a_journal_that_cannot_be_written_is_refused_before_the_first_call(lab: Lab) -> None:
    result = lab.run(key_id="alias/a", state="absent", journal_path="/nowhere/at/all")

    assert result["failed"] and "journal_path" in result["msg"]
    assert lab.calls() == []


def test_progress_is_told_to_who_asks(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "progress"
    told.touch()
    monkeypatch.setenv("BYOK_AWS_PROGRESS_FILE", str(told))
    lines = set()
    key_ids = [lab.own_key() for _number in range(4)]
    monkeypatch.setattr(progress, "_INTERVAL", 0)
    before = progress.Progress._write

    def listen(self: Any, force: bool = False) -> None:
        before(self, force)
        lines.add(told.read_text())

    monkeypatch.setattr(progress.Progress, "_write", listen)
    lab.run(keys=[{"key_id": key_id} for key_id in key_ids], state="absent")

    assert "changing: 0 of 4 keys done, 4 left" in lines
    assert "changing: 4 of 4 keys done, 0 left" in lines
