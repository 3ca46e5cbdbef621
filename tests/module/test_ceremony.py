# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ceremony through the modules' real main(): requested online, wrapped offline, imported by an independent tool."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lab import Lab
from materials import KINDS
from materials import b64
from materials import check_value
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

HOUR = 3600
FAST = {"GetParametersForImport": 1000}
READING = {"DescribeKey"}


@pytest.fixture(name="path")
def fixture_path(tmp_path: Path) -> Path:
    return tmp_path / "bundle.json"


def request(lab: Lab, path: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    arguments = {**CONNECTION, "endpoint_url": lab.emulator.url, "path": str(path), "request_rates": FAST, **options}
    return run_module("kms_import_parameters", arguments, check_mode=check_mode)


def wrap(path: Path, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """In place, unless dest says otherwise."""
    return run_module("kms_wrap_key_material", {"path": str(path), "dest": str(path), **options}, check_mode)


def entries(path: Path) -> Iterator[dict[str, Any]]:
    return iter(json.loads(path.read_text())["keys"])


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


@pytest.mark.parametrize("spec", KINDS)
def test_what_was_requested_and_wrapped_is_what_kms_takes(lab: Lab, path: Path, spec: str) -> None:
    key_id = lab.empty_key(spec)
    lab.kms.create_alias(AliasName="alias/k", TargetKeyId=key_id)

    requested = request(lab, path, key_id="alias/k")

    assert requested["changed"] is True and requested["state"] == "requested", requested["msg"]
    arn = lab.metadata(key_id)["Arn"]
    asked = next(entries(path))
    assert (asked["key_arn"], asked["name"], asked["key_spec"]) == (arn, "alias/k", spec)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_der_public_key(decoded(asked["public_key"])).key_size == 4096  # type: ignore[union-attr]

    done = wrap(path, key_material=b64(material(spec)))

    assert done["changed"] is True, done["msg"]
    assert (done["key_arn"], done["check_value"]) == (arn, check_value(material(spec)))
    assert done["wrapping_key_fingerprint"] == requested["wrapping_key_fingerprint"]
    assert b64(material(spec)) not in path.read_text() and b64(material(spec)) not in done["_stdout"]
    one = next(entries(path))
    lab.kms.import_key_material(
        KeyId=key_id,
        ImportToken=decoded(one["import_token"]),
        EncryptedKeyMaterial=decoded(one["encrypted_key_material"]),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    )
    # The key has the very bytes: the module that is given them finds nothing else to do than its mark.
    again = lab.run(key_id=key_id, key_material=b64(material(spec)))
    assert not again.get("failed"), again["msg"]


def test_a_bundle_with_more_left_is_kept(lab: Lab, path: Path) -> None:
    key_ids = [lab.empty_key(), lab.empty_key("HMAC_256")]
    keys = [{"key_id": one} for one in key_ids]
    assert request(lab, path, keys=keys)["changed"] is True
    content = path.read_bytes()
    before = lab.mark()

    kept = request(lab, path, keys=keys)

    assert kept["changed"] is False and path.read_bytes() == content
    assert set(lab.calls(before)) <= READING
    assert [one["state"] for one in kept["kms_keys"]] == ["requested"] * 2
    lab.emulator.config(clock_offset_seconds=21 * HOUR)
    late = request(lab, path, keys=keys)
    assert late["changed"] is True and path.read_bytes() != content
    # Less is asked for than is left.
    lab.emulator.config(clock_offset_seconds=(21 + 23) * HOUR)
    assert request(lab, path, keys=keys, min_validity="30m")["changed"] is False


def test_wrapped_material_is_kept_with_its_request(lab: Lab, path: Path) -> None:
    key_id = lab.empty_key()
    request(lab, path, key_id=key_id)
    wrap(path, key_material=b64(material("SYMMETRIC_DEFAULT")))
    content = path.read_bytes()

    kept = request(lab, path, key_id=key_id)

    assert (kept["changed"], kept["state"], path.read_bytes()) == (False, "wrapped", content)


def test_other_keys_stay_in_the_bundle(lab: Lab, path: Path) -> None:
    first, second = lab.empty_key(), lab.empty_key()
    request(lab, path, key_id=first)

    request(lab, path, key_id=second)

    assert [one["key_arn"][-36:] for one in entries(path)] == [first, second]


def test_check_mode_requests_nothing(lab: Lab, path: Path) -> None:
    key_id = lab.empty_key()
    before = lab.mark()

    result = request(lab, path, check_mode=True, key_id=key_id)

    assert result["changed"] is True and not path.exists()
    assert set(lab.calls(before)) <= READING
    assert (result["wrapping_algorithm"], result["valid_to"]) == ("RSAES_OAEP_SHA_256", None)


def test_one_key_that_fails_does_not_lose_the_others(lab: Lab, path: Path) -> None:
    good, bad = lab.empty_key(), lab.kms.create_key()["KeyMetadata"]["KeyId"]

    result = request(lab, path, keys=[{"key_id": bad}, {"key_id": good}])

    assert result["failed"] and "origin AWS_KMS" in result["msg"]
    assert [one["key_arn"][-36:] for one in entries(path)] == [good]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key_id": "payments"}, "it is not a key ID"),
        ({"min_validity": "25h"}, "min_validity is 25h"),
        ({"min_validity": "5m"}, "min_validity is 5m"),
        ({"min_validity": "soon"}, "min_validity: write a duration"),
        ({"allow": ["everything"]}, "value of allow"),
        ({"expected_account": "1"}, "an account ID has 12 digits"),
        ({"request_rates": {"DescribeKey": "fast"}}, "request_rates"),
        ({"key_id": None, "keys": []}, "keys is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_kms_is_asked(
    lab: Lab, path: Path, options: dict[str, Any], said: str
) -> None:
    before = lab.mark()
    arguments = {"key_id": "alias/k", **options}

    result = request(lab, path, **{name: one for name, one in arguments.items() if one is not None})

    assert result["failed"] and said in result["msg"], result["msg"]
    assert lab.calls(before) == []


def test_a_key_under_two_names_is_refused(lab: Lab, path: Path) -> None:
    key_id = lab.empty_key()
    result = request(lab, path, keys=[{"key_id": key_id}, {"key_id": lab.metadata(key_id)["Arn"]}])
    assert result["failed"] and "are the same key" in result["msg"] and not path.exists()


def test_a_bundle_that_is_damaged_or_loose_is_not_replaced(lab: Lab, path: Path) -> None:
    key_id = lab.empty_key()
    request(lab, path, key_id=key_id)
    path.chmod(0o644)
    assert "mode 0644" in request(lab, path, key_id=key_id)["msg"]
    assert request(lab, path, key_id=key_id, allow=["loose_file"])["changed"] is False
    path.chmod(0o600)
    path.write_text(path.read_text().replace('"requested"', '"wrapped"'))
    assert "does not fit its digest" in request(lab, path, key_id=key_id)["msg"]


def test_an_endpoint_that_could_be_anybody_is_not_asked(lab: Lab, path: Path) -> None:
    result = request(lab, path, key_id="alias/k", endpoint_url="http://kms.example.com")
    assert result["failed"] and "not https" in result["msg"]


def test_material_in_the_wrong_option_is_not_shown(lab: Lab, path: Path) -> None:
    secret = b64(material("SYMMETRIC_DEFAULT", "misplaced"))
    for result in (
        request(lab, path, key_id="alias/k", min_validity=secret),
        wrap(path, key_id=secret, key_material=secret),
        wrap(path, key_material_file=secret),
    ):
        assert result["failed"] and "looks like key material" in result["msg"]
        assert secret not in result["_stdout"]
