# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material that Terraform has imported, rotated, restored and deleted: in no plan, state, log, file or argument."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import leaks
import pytest
import warm
from materials import material

SYMMETRIC = "SYMMETRIC_DEFAULT"
WAYS = ("file", "env", "lookup")


def watched(project: Any, *arguments: str) -> leaks.Observation:
    """Run terraform at its most talkative, and Ansible, too, while every file and process is watched."""
    project.prepare()
    logs = {
        "TF_LOG": "trace",
        "TF_LOG_PATH": str(project.work / "terraform.log"),
        "ANSIBLE_LOG_PATH": str(project.work / "ansible.log"),
        "ANSIBLE_VERBOSITY": "4",
    }
    seen = leaks.observe(
        [project.terraform, arguments[0], "-input=false", "-no-color", *arguments[1:]],
        project.planted,
        [project.root / name for name in ("home", "tmp", "work")],
        {**project.environment, **logs},
        project.work,
    )
    assert seen.status == 0, seen.stdout[-3000:] + seen.stderr[-3000:]
    return seen


@pytest.fixture(params=WAYS)
def life(request, project, planted) -> tuple[Any, str, list[leaks.Observation]]:
    """A whole life of the material: import, rotation, loss, healing, end."""
    way = request.param
    # The processes that are watched are those that users start.
    del project.environment[warm.ENVIRONMENT]
    project.planted = planted
    first, second = material(SYMMETRIC, f"first {way}"), material(SYMMETRIC, f"second {way}")
    planted.add("the first material", first)
    planted.add("the second material", second)
    seen = []
    project.give(way, first)
    seen.append(watched(project, "plan", "-out=first.plan"))
    seen.append(watched(project, "apply", "first.plan"))
    project.give(way, second, "second")
    project.settings["version"] = "2"
    seen.append(watched(project, "plan", "-out=second.plan"))
    seen.append(watched(project, "apply", "second.plan"))
    project.kms.delete_imported_key_material(KeyId=project.key_id)
    seen.append(watched(project, "apply", "-auto-approve"))
    shown = [project.run("show", "-json", name).stdout for name in ("first.plan", "second.plan")]
    (project.work / "plans.json").write_text("\n".join(shown))
    (project.work / "kept.tfstate").write_bytes((project.work / "terraform.tfstate").read_bytes())
    seen.append(watched(project, "destroy", "-auto-approve"))
    return project, way, seen


def test_the_material_is_nowhere(life):
    project, way, seen = life

    for one in seen:
        assert project.planted.find(one.stdout, "stdout") + project.planted.find(one.stderr, "stderr") == []
        assert one.watcher.sightings == set()
        assert not one.watcher.overflowed
        # With env the material is in the environment, where the user has put it, and in no argument.
        places = {sighting.where for sighting in one.processes.sightings}
        assert places <= ({"the environ of a process"} if way == "env" else set())
    for name in ("home", "tmp", "work"):
        assert project.planted.find_in_tree(project.root / name) == []

    # And everything where it might have been was there.
    assert project.state() == "PendingImport"
    work: Path = project.work
    assert (work / "terraform.tfstate.backup").exists()
    assert len(json.loads((work / "kept.tfstate").read_text())["resources"]) == 5
    trace = (work / "terraform.log").read_text()
    assert "[TRACE]" in trace and "kms_imported_material" in (work / "ansible.log").read_text()
    assert "tfstate" in zipfile.ZipFile(work / "second.plan").namelist()
    assert project.changing_calls() == [
        "ImportKeyMaterial",
        "ImportKeyMaterial",
        "RotateKeyOnDemand",
        "DeleteImportedKeyMaterial",
        "ImportKeyMaterial",
        "DeleteImportedKeyMaterial",
    ]


def test_the_search_sees_material_in_a_plan(project, planted):
    """What a careless configuration would do, to show that it would be found: packed in a plan, and in the state."""
    secret = planted.add("careless", material(SYMMETRIC, "careless"))
    project.settings["version"] = secret.hex()

    assert project.run("plan", "-out=careless.plan", "-input=false").returncode == 0

    where = {sighting.where for sighting in planted.find_in_tree(project.work)}
    assert any("careless.plan!" in place for place in where)
