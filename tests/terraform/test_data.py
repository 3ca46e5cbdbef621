# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Terraform's variables are text to the playbook: no template in them is evaluated, but for the one expression."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import playbook_runner
import pytest
from materials import b64
from materials import create_key
from materials import import_elsewhere
from materials import material

VARIABLES = Path(__file__).resolve().parents[2] / "docs" / "terraform" / "imported_key_material" / "variables.tf"
SYMMETRIC = "SYMMETRIC_DEFAULT"
TOUCHED = "BYOK_TOUCHED"  # where a template leaves a file when it is evaluated
# What Terraform lets through, by the name in the project; what it refuses; what is no text.
TEXT = {"material_version", "key_material_file", "key_material_description", "connection", "regions"}
SEEN = {"observed_key_state", "observed_valid_to"}  # compared while it is planned, and handed to nobody
REFUSED = {
    "key_arn": "has to be the ARN of a key",
    "key_material_env": "the name of an environment variable",
    "key_material_lookup": "without {{ }}",
    "strategy": "strategy has to be",
    "valid_to": "valid_to has to be an instant",
    "expiration_model": "expiration_model has to be",
    "expected_account": "expected_account has to have 12 digits",
}
COMMAND = {"ansible_playbook"}
CONNECTION = ("profile", "endpoint_url", "aws_ca_bundle", "validate_certs")


def pipe(name: str) -> str:
    """An expression that leaves a file. Without a slash or a dollar, so that it can be part of a file's name."""
    return f"lookup('ansible.builtin.pipe', 'printenv {TOUCHED} | xargs -I@ touch @-{name}')"


def template(name: str) -> str:
    """Both forms in which Jinja evaluates something."""
    return f"{{{{ {pipe(name)} }}}}{{% if {pipe(name + '-2')} %}}{{% endif %}}"


@pytest.fixture
def touched(tmp_path: Path) -> Callable[[], list[str]]:
    """The names of the templates that were evaluated."""
    (tmp_path / "touched").mkdir()
    return lambda: sorted(path.name for path in (tmp_path / "touched").iterdir())


@pytest.fixture
def play(emulator: Any, tmp_path: Path) -> Callable[..., Any]:
    """Runs the playbook with a request, as Terraform does."""

    def run(request: dict[str, Any], *arguments: str, **settings: str) -> Any:
        environment = playbook_runner.clean_environment(tmp_path / "home", **emulator.environment(), **settings)
        environment |= {"BYOK_REQUEST": json.dumps(request), TOUCHED: str(tmp_path / "touched" / "by")}
        return playbook_runner.run_playbook(
            "byok.aws.terraform_material", *arguments, directory=tmp_path, environment=environment
        )

    return run


def hostile(event: str, way: str) -> dict[str, Any]:
    """A request of which everything is a template that can be one."""
    options = ("valid_to", "valid_for", "renew_before", "expiration_model", "key_material_description", "lift_cut_off")
    return {
        "event": event,
        "key": template("key"),
        "expected_account": template("account"),
        "connection": {name: template(name) for name in ("region", *CONNECTION)} | {template("name"): ""},
        "version": template("version"),
        "strategy": "on_demand",
        "way": way,
        "from": template("from"),
        "options": {name: template(name) for name in options},
        "regions": [template("regions")],
        "delete": True,
        "all_materials": template("all_materials"),
    }


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["apply", "check"])
@pytest.mark.parametrize(
    ("event", "way", "reached"),
    [
        ("import", "file", "Import the material"),
        ("change", "env", "Require the environment variable"),
        ("destroy", "file", "Delete the material"),
    ],
)
def test_nothing_in_a_request_is_evaluated(play, touched, event, way, reached, arguments):
    done = play(hostile(event, way), *arguments)

    assert touched() == []
    assert done.returncode != 0
    assert f"TASK [{reached}]" in done.stdout


@pytest.mark.parametrize("name", ["event", "strategy"])
def test_what_is_no_request_is_refused(play, touched, name):
    done = play({**hostile("import", "file"), name: template(name)})

    assert touched() == []
    assert "holds no request of the Terraform module" in " ".join((done.stdout + done.stderr).split())


def honest(kms: Any, key_id: str, **settings: Any) -> dict[str, Any]:
    """A request that succeeds, with a template in every text that may be any."""
    return {
        **hostile("upkeep", "env"),
        "key": kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"],
        "expected_account": "123456789012",
        "connection": {"region": "us-east-1"},
        "from": "MATERIAL",
        "options": {},
        "regions": None,
        **settings,
    }


def test_material_and_messages_are_not_evaluated(play, touched, kms):
    key_id = create_key(kms)
    import_elsewhere(kms, key_id, SYMMETRIC, material(SYMMETRIC))
    import_elsewhere(kms, key_id, SYMMETRIC, material(SYMMETRIC, "b"), ImportType="NEW_KEY_MATERIAL")
    kms.rotate_key_on_demand(KeyId=key_id)

    refused = play(honest(kms, key_id), MATERIAL=template("material"))
    told = play(honest(kms, key_id), MATERIAL=b64(material(SYMMETRIC)))

    assert touched() == []
    assert "key_material is not base64" in refused.stdout
    assert f"Material version {template('version')} is imported" in told.stdout


def test_the_lookup_alone_is_an_expression(play, touched):
    """Shows as well that an evaluated template would be seen."""
    lookup = json.dumps({"terraform_material_lookup": f"{{{{ {pipe('lookup')} }}}}"})

    play(hostile("import", "lookup"), "--extra-vars", lookup)

    assert touched() == ["by-lookup"]


def test_every_variable_is_looked_at():
    text = VARIABLES.read_text(encoding="utf-8")
    types = dict(re.findall(r'^variable "(\w+)" \{.*?^  type +=(.*?)$', text, re.MULTILINE | re.DOTALL))
    # Of allow every word is known to a validation.
    free = {name for name, kind in types.items() if "string" in kind} - {"allow"}

    assert free == TEXT | SEEN | set(REFUSED) | COMMAND


def test_terraform_refuses_templates_where_no_text_is_meant(project):
    work = project.work / "imported_key_material"
    values = {"material_version": "1", **{name: template("refused") for name in REFUSED}}
    (work / "terraform.tfvars.json").write_text(json.dumps(values))
    command = [project.terraform, "plan", "-input=false", "-no-color"]
    playbook_runner.run([project.terraform, "init"], work, project.environment)

    done = playbook_runner.run(command, work, project.environment)

    said = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 1
    assert [sentence for sentence in REFUSED.values() if sentence not in said] == []


def test_terraform_runs_nothing_that_stands_in_its_variables(project, touched):
    project.environment[TOUCHED] = str(project.root / "touched" / "by")
    project.give("file", material(SYMMETRIC), template("file"))

    project.settings["version"] = template("version")
    imported = project.run("apply", "-auto-approve", "-input=false", "-no-color")
    state = project.state()
    project.settings |= {
        "version": template("second"),
        "description": template("description"),
        "regions": [template("regions")],
        "connection": {name: template(name) for name in CONNECTION},
    }
    changed = project.run("apply", "-auto-approve", "-input=false", "-no-color")
    destroyed = project.run("destroy", "-auto-approve", "-input=false", "-no-color")

    assert touched() == []
    assert (imported.returncode, state) == (0, "Enabled"), imported.stdout
    assert (changed.returncode, destroyed.returncode) == (1, 1)
    assert "Import the material" in changed.stdout and "Delete the material" in destroyed.stdout
