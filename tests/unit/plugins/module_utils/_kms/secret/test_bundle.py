# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The format of a bundle: what docs/bundle-format.md says of it is so."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import bundle
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms import builders

KEY = builders.key()
REQUESTED = bundle.Entry(
    key_arn=KEY.arn,
    key_spec="HMAC_256",
    wrapping_algorithm="RSAES_OAEP_SHA_256",
    wrapping_key_spec="RSA_4096",
    import_token=b"token",
    valid_to=KEY.now + timedelta(hours=24),
    public_key=b"public key",
    name="alias/k",
)
PAGE = Path(__file__).resolve().parents[6] / "docs" / "bundle-format.md"


@pytest.fixture(name="path")
def fixture_path(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.json"
    bundle.write("path", str(path), [REQUESTED])
    return path


def test_a_request_is_read_as_it_was_written(path: Path) -> None:
    assert bundle.read("path", str(path), False, "again") == {KEY.arn: REQUESTED}
    assert REQUESTED.state == "requested" and path.stat().st_mode & 0o777 == 0o600


def test_the_page_names_every_field_in_the_order_of_the_file(path: Path) -> None:
    document = json.loads(path.read_text())
    named = re.findall(r"^\| `([a-z_]+)` \|", PAGE.read_text(), re.M)

    assert named == [*document, *document["keys"][0]]
    assert f"{bundle.SCHEMA}. It rises" in PAGE.read_text()


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq here")
def test_the_commands_of_the_page(path: Path) -> None:
    commands = re.findall(r"```shell\n(.*?)```", PAGE.read_text(), re.S)
    answers = [
        subprocess.run(["bash", "-c", one], cwd=path.parent, capture_output=True, text=True, check=True).stdout
        for one in commands
    ]

    entry = json.loads(path.read_text())["keys"][0]
    assert answers[0].split("\t")[:2] == [KEY.arn, "requested"]
    assert answers[1].split()[0] == hashlib.sha256(b"public key").hexdigest()
    assert answers[1].split()[0] == bundle.wrapping_key_fingerprint(b"public key")
    assert f"sha256:{answers[2].split()[0]}" == entry["digest"]
