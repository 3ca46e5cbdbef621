# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material that is made at -vvvv, with everything watched: it is in its files and nowhere else."""

from __future__ import annotations

from pathlib import Path

import leaks
import pytest

MODULE = "byok.aws.kms_key_material"


@pytest.fixture(scope="module")
def seen(stage):
    setting = stage("key-material")
    folder = setting.root / "input"
    whole, parts = str(folder / "whole.bin"), [str(folder / f"{number}.component") for number in (1, 2)]
    tasks = [
        {"name": "one", MODULE: {"key_spec": "HMAC_512", "key_material_file": whole}, "diff": True, "register": "one"},
        {"name": "show", "ansible.builtin.debug": {"var": "one"}},
        {"name": "parts", MODULE: {"key_spec": "SYMMETRIC_DEFAULT", "component_files": parts}, "diff": True},
        {"name": "again", MODULE: {"key_spec": "HMAC_512", "key_material_file": whole}, "diff": True},
    ]
    observed = setting.play(tasks)
    made = leaks.PlantedSecrets()
    contents = [Path(path).read_bytes() for path in (whole, *parts)]
    for number, content in enumerate(contents):
        made.add(f"made {number}", content)
    made.add("of components", bytes(one ^ two for one, two in zip(contents[1], contents[2])))
    return setting, observed, made


def test_the_play_did_what_it_should(seen):
    setting, observed, _made = seen
    assert observed.status == 0, observed.stdout[-3000:] + observed.stderr[-3000:]
    results = setting.results()
    assert [results[name]["changed"] for name in ("one", "parts", "again")] == [True, True, False]


def test_the_material_is_in_its_files_alone(seen):
    setting, observed, made = seen
    assert [str(sighting) for sighting in observed.leaks(made)] == []
    found = [one for name in ("home", "tmp", "work") for one in made.find_in_tree(setting.root / name)]
    assert [str(sighting) for sighting in found] == []
    # The search itself finds it where it is.
    assert made.find_in_tree(setting.root / "input")
