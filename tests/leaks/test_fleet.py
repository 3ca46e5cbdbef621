# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A preparation kept in a file, the journal, the progress and the renewal playbook, at -vvvv: no material in them."""

from __future__ import annotations

import json
import sys
from typing import Any

import leaks
import pytest
from materials import b64
from materials import create_key

SYMMETRIC = "SYMMETRIC_DEFAULT"
MODULE = "byok.aws.kms_imported_material"


@pytest.fixture(scope="module")
def keys(emulator) -> list[str]:
    return [create_key(emulator.client()), create_key(emulator.client(), "HMAC_256")]


@pytest.fixture(scope="module")
def played(stage, secret, emulator, keys) -> tuple[Any, leaks.Observation]:
    """Import, prepare and change two keys, one of them from a file."""
    inline, filed = secret(SYMMETRIC, "staged inline"), secret("HMAC_256", "staged from a file")
    setting = stage("fleet", plain=b64(inline))
    entries = [
        {"key_id": keys[0], "key_material": "{{ plain }}"},
        {"key_id": keys[1], "key_material_file": setting.material_file("mac.bin", filed)},
    ]
    work = setting.root / "work"
    common = {"region": "us-east-1", "request_rates": {"GetParametersForImport": 100}}
    kept = {"state": "reimported", "stage_path": str(work / "stage.json"), "journal_path": str(work / "journal")}
    tasks = [
        {"name": "import", MODULE: {"keys": entries, **common}},
        {"name": "prepare", MODULE: {"keys": entries, "stage": "prepare", **kept, **common}},
        {"name": "change", MODULE: {"keys": [{"key_id": one} for one in keys], "stage": "change", **kept, **common}},
    ]
    for one in tasks:
        one["register"] = one["name"]
    return setting, setting.play(tasks)


def assert_nowhere(setting: Any, seen: leaks.Observation, planted: leaks.PlantedSecrets) -> None:
    """Neither while it ran, in processes too, nor in what is left."""
    assert [str(sighting) for sighting in seen.leaks(planted)] == []
    for name in ("home", "tmp", "work"):
        assert planted.find_in_tree(setting.root / name) == []


def test_preparation_and_change_leak_nothing(played, planted) -> None:
    setting, seen = played

    assert seen.status == 0, seen.stdout[-3000:] + seen.stderr[-3000:]
    assert_nowhere(setting, seen, planted)


def test_the_files_were_there_to_be_searched(played) -> None:
    setting, _seen = played
    work = setting.root / "work"

    assert len(json.loads((work / "stage.json").read_text())["keys"]) == 2
    assert len((work / "journal").read_text().splitlines()) == 4
    assert setting.results()["change"]["changed"] is True


def test_renewal_leaks_nothing(stage, secret, emulator, planted) -> None:
    key = create_key(emulator.client())
    setting = stage("renewal", plain=b64(secret(SYMMETRIC, "renewed")))
    once = {"key_id": key, "key_material": "{{ plain }}", "valid_for": "5d", "region": "us-east-1"}
    first = setting.play([{"name": "import", MODULE: once}])
    assert first.status == 0, first.stdout[-3000:]
    given = setting.root / "input" / "renew.json"
    given.write_text(
        json.dumps({"renew_materials": {key: {"key_material": "{{ plain }}"}}, "renew_unknown_is_failure": False})
    )
    variables = setting.root / "input" / "variables.json"

    seen = leaks.observe(
        [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            "-vvvv",
            "-e",
            f"@{variables}",
            "-e",
            f"@{given}",
            "byok.aws.renew",
        ],
        planted,
        [setting.root / name for name in ("home", "tmp", "work")],
        setting.environment(),
        setting.root / "work",
    )

    assert seen.status == 0, seen.stdout[-3000:] + seen.stderr[-3000:]
    assert f"{key}: renewed" in seen.stdout
    assert_nowhere(setting, seen, planted)
