# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Terraform module external_key, which needs the AWS provider: read as text, and run with stand-ins.

The stand-ins take the arguments of the resources and give their attributes, so that the module's own wiring is run.
What lifecycle does is the provider's and Terraform's; here only the text of it can be looked at.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from materials import create_key
from materials import material

ROOT = Path(__file__).resolve().parents[2]
WRAPPER = ROOT / "docs" / "terraform" / "external_key"
EXAMPLE = ROOT / "docs" / "examples" / "terraform_outputs"
GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_terraform.rst"
STAND_INS = Path(__file__).parent / "stand_ins"
SYMMETRIC = "SYMMETRIC_DEFAULT"
WEST = "eu-west-1"
NOTHING, CHANGES = 0, 2

TAGS = {f'{tags}["byok:{name}"]' for tags in ("tags", "tags_all") for name in ("restore-state", "cut-off")}
KEPT_OUT = {"key_material_base64", "valid_to", *TAGS}
IGNORED = {
    "aws_kms_external_key": KEPT_OUT | {"key_spec", "key_usage"},
    "aws_kms_replica_external_key": KEPT_OUT,
}


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf'^resource "{kind}" "\w+" \{{\n(.*?)^\}}', text, re.MULTILINE | re.DOTALL)


def ignored(block: str) -> set[str]:
    found = re.search(r"ignore_changes = \[(.*?)\n    \]", block, re.DOTALL)
    assert found
    return set(re.findall(r"^ +(\S+?),$", found[1], re.MULTILINE))


def arguments(block: str) -> set[str]:
    return set(re.findall(r"^  (\w+) += ", block, re.MULTILINE))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (WRAPPER / "main.tf", "aws_kms_external_key"),
        (WRAPPER / "replica" / "main.tf", "aws_kms_replica_external_key"),
        (EXAMPLE / "main.tf", "aws_kms_external_key"),
    ],
    ids=["module", "replica", "example"],
)
def test_terraform_owns_no_material_and_fights_for_none(path: Path, kind: str) -> None:
    (body,) = blocks(path.read_text(encoding="utf-8"), kind)

    assert ignored(body) == IGNORED[kind]
    assert not arguments(body) & {"key_material_base64", "valid_to"}


def test_the_guide_explains_every_attribute_that_is_ignored() -> None:
    guide = GUIDE.read_text(encoding="utf-8")

    for name in IGNORED["aws_kms_external_key"]:
        assert f"``{name}``" in guide
    shown = re.search(r"ignore_changes = \[(.*?)\]\n", guide, re.DOTALL)
    assert shown is not None
    assert set(re.findall(r'^ +([\w"\[\]:-]+),$', shown[1], re.MULTILINE)) == IGNORED["aws_kms_external_key"]


def test_the_material_is_given_on_whole() -> None:
    """Every variable of the module for the material is one of this module's, too, and is handed on."""
    inner = set(
        re.findall(r'^variable "(\w+)"', (WRAPPER.parent / "imported_key_material/variables.tf").read_text(), re.M)
    )
    outer = set(re.findall(r'^variable "(\w+)"', (WRAPPER / "variables.tf").read_text(), re.M))
    call = re.search(r'^module "material" \{\n(.*?)^\}', (WRAPPER / "main.tf").read_text(), re.MULTILINE | re.DOTALL)
    assert call is not None
    own = {"key_arn", "regions", "observed_key_state", "observed_valid_to"}

    assert inner - own - {"expiration_model"} <= outer
    assert arguments(call[1]) >= inner - {"expiration_model"}


def with_stand_ins(text: str, place: str) -> str:
    """The module with modules in place of what the AWS provider has."""
    text = re.sub(r"\n\n  lifecycle \{\n.*?\n  \}\n", "\n", text, flags=re.DOTALL)
    text = re.sub(
        r'^resource "aws_kms_(\w+)" "(\w+)" \{',
        rf'module "aws_kms_\1_\2" {{\n  source = "{place}/stand_ins/\1"',
        text,
        flags=re.MULTILINE,
    )
    text = re.sub(
        r'^data "aws_kms_key" "(\w+)" \{',
        rf'module "data_\1" {{\n  source = "{place}/stand_ins/key"',
        text,
        flags=re.MULTILINE,
    )
    text = re.sub(r"data\.aws_kms_key\.(\w+)", r"module.data_\1", text)
    text = re.sub(r"(?<!\w)aws_kms_(\w+)\.this", r"module.aws_kms_\1_this", text)
    return re.sub(r'"[./]+/imported_key_material"', f'"{place}/imported_key_material"', text)


@pytest.fixture
def wrapped(project: Any) -> Any:
    """The project, with the module external_key for its root module."""
    (project.work / "replica").mkdir()
    for name in ("main.tf", "variables.tf", "outputs.tf", "replica/main.tf", "replica/variables.tf"):
        text = (WRAPPER / name).read_text(encoding="utf-8")
        place = "." if "/" not in name else ".."
        (project.work / name).write_text(with_stand_ins(text, place), encoding="utf-8")
    shutil.copytree(STAND_INS, project.work / "stand_ins")
    project.emulator.config(transient_seconds=0)
    project.key_id = create_key(project.kms, MultiRegion=True)
    (project.work / "key_arn").write_text(project.key_arn)
    project.root_variables = {
        "aliases": ["alias/payments"],
        "material_version": "1",
        "key_material_file": project.settings["file"],
        "ansible_playbook": project.settings["ansible_playbook"],
    }
    return project


def test_a_key_of_one_region(wrapped: Any) -> None:
    wrapped.apply()

    assert wrapped.state() == "Enabled"
    assert wrapped.plan() == NOTHING
    wrapped.kms.delete_imported_key_material(KeyId=wrapped.key_id)
    assert wrapped.planned() == {"upkeep": ["delete", "create"]}
    wrapped.apply()
    assert wrapped.state() == "Enabled"
    assert wrapped.plan() == NOTHING
    wrapped.root_variables["key_spec"] = "RSA_2048"
    assert "The key spec of a key never changes" in " ".join(
        wrapped.run("plan", "-no-color").stdout.replace("│", "").split()
    )


def test_a_key_of_many_regions(wrapped: Any) -> None:
    wrapped.root_variables["replica_regions"] = [WEST]
    replica = wrapped.emulator.client(WEST)

    wrapped.apply()

    assert wrapped.state() == "Enabled"
    assert replica.describe_key(KeyId=wrapped.key_id)["KeyMetadata"]["KeyState"] == "Enabled"
    assert wrapped.plan() == NOTHING

    old = wrapped.metadata()["CurrentKeyMaterialId"]
    wrapped.give("file", material(SYMMETRIC, "b"), "new")
    wrapped.root_variables.update(material_version="2", key_material_file=wrapped.settings["file"])
    planned = wrapped.planned()
    wrapped.apply()

    assert set(planned) <= {"version", "upkeep"}  # the replica is not replaced
    current = wrapped.metadata()["CurrentKeyMaterialId"]
    described = replica.describe_key(KeyId=wrapped.key_id)["KeyMetadata"]
    assert current != old
    assert (described["CurrentKeyMaterialId"], described["KeyState"]) == (current, "Enabled")
    assert wrapped.plan() == NOTHING

    replica.delete_imported_key_material(KeyId=wrapped.key_id)
    assert wrapped.plan() == CHANGES
    wrapped.apply()
    assert replica.describe_key(KeyId=wrapped.key_id)["KeyMetadata"]["KeyState"] == "Enabled"
    assert wrapped.plan() == NOTHING
