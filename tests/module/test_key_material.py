# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material that the collection makes: of the right kind, in files that nobody else reads, and never over another."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from lab import Lab
from materials import KINDS
from materials import check_value
from materials import import_elsewhere
from materials import mark_of
from module_runner import run_module

SPECS = (*KINDS, "HMAC_512", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519")


def make(check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return run_module("kms_key_material", options, check_mode=check_mode)


@pytest.fixture(name="path")
def fixture_path(tmp_path: Path) -> Path:
    return tmp_path / "material.bin"


@pytest.mark.parametrize("spec", SPECS)
def test_kms_takes_what_is_made(lab: Lab, path: Path, spec: str) -> None:
    before = lab.mark()

    result = make(key_spec=spec, key_material_file=str(path))

    assert result["changed"] is True, result["msg"]
    assert lab.calls(before) == [] and stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert result["check_value"] == check_value(content)
    assert (result["key_material_file"], result["components"], result["fingerprint"]) == (str(path), [], None)
    key_id = lab.empty_key(spec)
    import_elsewhere(lab.kms, key_id, spec, content)
    assert lab.state(key_id) == "Enabled"


def test_for_a_key_that_is_there(lab: Lab, path: Path) -> None:
    key_id = lab.empty_key()
    connection = {"region": "us-east-1", "access_key": "testing", "secret_key": "testing"}

    result = make(key_id=key_id, key_material_file=str(path), endpoint_url=lab.emulator.url, **connection)

    assert result["changed"] is True, result["msg"]
    assert (result["key_spec"], result["key_arn"]) == ("SYMMETRIC_DEFAULT", lab.metadata(key_id)["Arn"])
    assert mark_of(key_id, path.read_bytes()).endswith(result["fingerprint"])
    other = lab.kms.create_key()["KeyMetadata"]["KeyId"]
    refused = make(key_id=other, key_material_file=f"{path}.new", endpoint_url=lab.emulator.url, **connection)
    assert refused["failed"] and "origin AWS_KMS" in refused["msg"] and not Path(f"{path}.new").exists()


@pytest.mark.parametrize("spec", KINDS)
def test_components_are_what_the_import_takes(lab: Lab, tmp_path: Path, spec: str) -> None:
    paths = [str(tmp_path / f"{number}.component") for number in range(3)]

    result = make(key_spec=spec, component_files=paths)

    assert result["changed"] is True and result["key_material_file"] is None, result["msg"]
    assert [one["key_material_file"] for one in result["components"]] == paths
    contents = [Path(path).read_bytes() for path in paths]
    assert [one["check_value"] for one in result["components"]] == [check_value(one) for one in contents]
    assert len(set(contents)) == 3 and {len(one) for one in contents} == {len(contents[0])}
    assert {stat.S_IMODE(Path(path).stat().st_mode) for path in paths} == {0o600}
    key_id = lab.empty_key(spec)
    assert lab.run(key_id=key_id, components=result["components"])["changed"] is True
    again = make(key_spec=spec, component_files=paths)
    assert (again["changed"], again["check_value"]) == (False, result["check_value"])


def test_nothing_is_ever_overwritten(path: Path) -> None:
    made = make(key_spec="HMAC_256", key_material_file=str(path))
    content = path.read_bytes()

    again = make(key_spec="HMAC_256", key_material_file=str(path))
    assert (again["changed"], again["check_value"]) == (False, made["check_value"])
    other = make(key_spec="HMAC_512", key_material_file=str(path))
    assert other["failed"] and "64 bytes are needed" in other["msg"]
    both = [str(path), f"{path}.second"]
    half = make(key_spec="HMAC_256", component_files=both)
    assert half["failed"] and "nothing is overwritten" in half["msg"]
    assert path.read_bytes() == content and not Path(both[1]).exists()


def test_check_mode_makes_nothing(path: Path) -> None:
    result = make(check_mode=True, key_spec="HMAC_256", key_material_file=str(path))
    assert (result["changed"], result["check_value"]) == (True, None) and not path.exists()


def test_a_full_disk_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    paths = [str(tmp_path / name) for name in ("one", "two")]

    result = make(key_spec="HMAC_256", component_files=paths)

    assert result["failed"] and "No space left on device; no file was left" in result["msg"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"component_files": ["/tmp/one"]}, "split knowledge takes 2 or more"),
        ({"component_files": ["/tmp/one", "/tmp/../tmp/one"]}, "names a file twice"),
        ({"key_material_file": "/nowhere/x"}, "no path of a file"),
        ({"key_material_file": "/tmp"}, "no path of a file"),
        ({"key_material_file": "/tmp/x", "component_files": ["/tmp/y", "/tmp/z"]}, "mutually exclusive"),
        ({}, "one of the following is required"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], said: str) -> None:
    result = make(key_spec="HMAC_256", **options)
    assert result["failed"] and said in result["msg"]


def test_a_directory_that_others_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    result = make(key_spec="HMAC_256", key_material_file=str(tmp_path / "x"))
    assert result["failed"] and "mode 0777" in result["msg"] and list(tmp_path.iterdir()) == []
