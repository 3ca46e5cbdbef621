# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the README and the guides say is so: playbook and policies work, links and commands lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore.session
import playbook_runner
import pytest
import yaml
from iam_policies import ELEMENTS
from iam_policies import GUIDES
from iam_policies import OPERATORS
from iam_policies import README
from iam_policies import ROOT
from iam_policies import as_list
from iam_policies import fenced
from iam_policies import is_key_policy
from iam_policies import policies
from iam_policies import statements
from lab import Lab
from materials import KINDS
from materials import b64
from materials import create_key
from materials import material

EXAMPLE = ROOT / "docs" / "examples" / "molecule" / "default"
SYMMETRIC = "SYMMETRIC_DEFAULT"

# From the AWS Service Authorization Reference, for KMS: what botocore's model does not know.
# A condition key and the calls that it is for; None stands for every call on a key.
CONDITIONS: dict[str, set[str] | None] = {
    "kms:KeyOrigin": None,
    "kms:KeyUsage": None,
    "kms:ResourceAliases": None,
    "kms:WrappingAlgorithm": {"GetParametersForImport"},
    "kms:WrappingKeySpec": {"GetParametersForImport"},
    "kms:ExpirationModel": {"ImportKeyMaterial"},
    "kms:ValidTo": {"ImportKeyMaterial"},
    "aws:TagKeys": {"TagResource", "UntagResource"},
    "aws:PrincipalArn": None,
    "iam:PolicyARN": {"AttachRolePolicy"},
}
# The shapes in botocore's model whose values a condition key takes.
SHAPES = {
    "kms:KeyOrigin": "OriginType",
    "kms:KeyUsage": "KeyUsageType",
    "kms:WrappingAlgorithm": "AlgorithmSpec",
    "kms:WrappingKeySpec": "WrappingKeySpec",
    "kms:ExpirationModel": "ExpirationModelType",
}


def below_header(path: Path) -> str:
    """A YAML file without its licence header."""
    return path.read_text(encoding="utf-8").split("\n\n", 1)[1]


# -- the playbook against AWS -----------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def environment(emulator, home):
    return playbook_runner.clean_environment(home, AWS_ENDPOINT_URL_KMS=emulator.url, AWS_ENDPOINT_URL_STS=emulator.url)


def recap(output: str) -> dict[str, int]:
    line = re.search(r"^localhost\s+:(.*)$", output, re.MULTILINE)
    assert line, output
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line[1])}


def test_the_playbook_works_when_pasted(emulator, home, environment, tmp_path):
    text = fenced("yaml")[0]
    (play,) = yaml.safe_load(text)
    assert len(text.splitlines()) == 10
    emulator.reset()
    kms = emulator.client(play["module_defaults"]["group/byok.aws.aws"]["region"])
    kms.create_alias(AliasName="alias/payments", TargetKeyId=create_key(kms))
    (home / "payments.bin").touch(mode=0o600)
    (home / "payments.bin").write_bytes(material(SYMMETRIC))
    (tmp_path / "import.yml").write_text(text)

    def run(*arguments: str) -> tuple[int, str]:
        done = playbook_runner.run_playbook("import.yml", *arguments, directory=tmp_path, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return recap(done.stdout)["changed"], done.stdout

    checked, shown = run("--check", "--diff")
    assert kms.describe_key(KeyId="alias/payments")["KeyMetadata"]["KeyState"] == "PendingImport"
    assert (checked, run()[0], run()[0]) == (1, 1, 0)
    assert "PendingImport" in shown
    found = kms.describe_key(KeyId="alias/payments")["KeyMetadata"]
    assert (found["KeyState"], found["ExpirationModel"]) == ("Enabled", "KEY_MATERIAL_EXPIRES")


def test_the_commands_that_make_a_key_work(emulator, home, environment, tmp_path):
    venv = os.environ.get("BYOK_AWSCLI_VENV")
    if not venv or not shutil.which("openssl"):
        pytest.skip("needs openssl, and the AWS CLI in the environment that BYOK_AWSCLI_VENV names")
    emulator.reset()
    environment["PATH"] = os.pathsep.join([str(Path(venv, "bin")), environment["PATH"]])

    done = playbook_runner.run(["bash", "-euc", fenced("shell")[1]], tmp_path, environment)

    assert done.returncode == 0, done.stderr
    found = emulator.client("eu-central-1").describe_key(KeyId="alias/payments")["KeyMetadata"]
    assert (found["Origin"], found["KeyState"]) == ("EXTERNAL", "PendingImport")
    assert (home / "payments.bin").stat().st_size == 32
    assert (home / "payments.bin").stat().st_mode & 0o077 == 0


# -- policies ---------------------------------------------------------------------------------------------------------


# It leaves everything to IAM, as the default key policy of KMS does.
DELEGATION = "ByokIamDecides"
SERVICES = {
    "kms": r"\*|arn:aws:kms:([a-z0-9-]+|\*):\d{12}:key/([0-9a-f-]{36}|mrk-[0-9a-f]{32})",
    "iam": r"arn:aws:iam::\d{12}:role/[\w-]+",
}


def service(statement: dict[str, Any]) -> str:
    (name,) = {action.split(":")[0] for action in as_list(statement["Action"])}
    return str(name)


def operations(statement: dict[str, Any]) -> set[str]:
    actions = as_list(statement["Action"])
    assert all("*" not in action for action in actions)
    return {action.split(":")[1] for action in actions}


def of_kms() -> dict[str, dict[str, Any]]:
    """Every statement by its Sid that is about operations of KMS."""
    return {sid: one for sid, one in statements().items() if service(one) == "kms" and sid != DELEGATION}


def test_policies_have_the_form_of_policies():
    for name, policy in policies():
        assert policy["Version"] == "2012-10-17", name
        for one in policy["Statement"]:
            assert ("Principal" in one) is is_key_policy(policy), "an IAM policy has no principal, a key policy has one"
            assert not is_key_policy(policy) or one["Resource"] == "*", "in a key policy, * is the key"


@pytest.mark.parametrize("sid", sorted(set(statements()) - {DELEGATION}))
def test_a_statement_names_what_exists(sid):
    statement = statements()[sid]
    model = botocore.session.get_session().get_service_model(service(statement))
    assert set(statement) <= ELEMENTS
    assert statement["Effect"] in ("Allow", "Deny")
    assert operations(statement) <= set(model.operation_names)
    assert all(re.fullmatch(SERVICES[service(statement)], one) for one in as_list(statement["Resource"]))
    for operator, tests in statement.get("Condition", {}).items():
        assert operator in OPERATORS
        for key, values in tests.items():
            allowed = CONDITIONS[key]
            assert allowed is None or operations(statement) <= allowed, f"{key} is not for all of {sid}"
            if key in SHAPES:
                assert set(as_list(values)) <= set(model.shape_for(SHAPES[key]).enum)


def test_nothing_dangerous_is_allowed_without_a_condition():
    for sid, statement in of_kms().items():
        changing = {name for name in operations(statement) if not name.startswith(("Describe", "List", "Get"))}
        changing |= operations(statement) & {"GetParametersForImport"}
        if statement["Effect"] == "Allow" and changing:
            assert statement["Condition"]["StringEquals"]["kms:KeyOrigin"] == "EXTERNAL", sid
    for sid, statement in statements().items():
        if statement["Effect"] == "Allow" and service(statement) == "iam":
            assert statement["Condition"]["ArnEquals"]["iam:PolicyARN"], sid


READ = ("ByokRead", "ByokProveHmac")
PRESENT = (*READ, "ByokWrap", "ByokImport", "ByokKeepDisabled", "ByokRememberDisabled")
Story = Callable[[Lab, str, str], Iterable[dict[str, Any]]]


def a_look(lab: Lab, key_id: str, given: str) -> Iterable[dict[str, Any]]:
    yield {"check_mode": True, "key_material": given}
    lab.run(key_id=key_id, key_material=given)
    for options in ({"key_material": given}, {"state": "absent"}, {"state": "absent", "key_material": given}):
        yield {"check_mode": True, **options}
    yield {"check_mode": True, "state": "reimported", "key_material": given}
    lab.kms.disable_key(KeyId=key_id)
    yield {"check_mode": True, "key_material": given, "valid_for": "9d"}


def a_life(lab: Lab, key_id: str, given: str) -> Iterable[dict[str, Any]]:
    yield {"key_material": given, "valid_for": "9d"}
    yield {"key_material": given, "valid_for": "9d"}
    lab.kms.disable_key(KeyId=key_id)
    yield {"key_material": given, "valid_for": "90d"}
    lab.kms.enable_key(KeyId=key_id)
    lab.kms.delete_imported_key_material(KeyId=key_id)
    yield {"key_material": given, "valid_for": "9d"}


def a_deletion(lab: Lab, key_id: str, given: str) -> Iterable[dict[str, Any]]:
    for options in ({}, {"key_material": given}, {"all_materials": True}):
        lab.run(key_id=key_id, key_material=given)
        yield {"state": "absent", **options}


def a_pair(lab: Lab, key_id: str, given: str) -> Iterable[dict[str, Any]]:
    lab.run(key_id=key_id, key_material=given)
    yield {"state": "reimported", "key_material": given}


def a_rotation(lab: Lab, key_id: str, given: str) -> Iterable[dict[str, Any]]:
    yield {"state": "current", "key_material": given}
    yield {"state": "current", "key_material": b64(material(SYMMETRIC, "next"))}
    yield {"state": "current", "key_material": b64(material(SYMMETRIC, "next"))}


STORIES: list[tuple[Story, tuple[str, ...], tuple[str, ...]]] = [
    (a_look, READ, KINDS),
    (a_life, PRESENT, KINDS),
    (a_deletion, (*READ, "ByokDelete", "ByokMarkCutOff"), KINDS),
    (a_pair, (*PRESENT, "ByokDelete"), KINDS),
    (a_rotation, (*PRESENT, "ByokRotate"), (SYMMETRIC,)),
]


@pytest.mark.parametrize(("story", "sids", "specs"), STORIES, ids=lambda value: getattr(value, "__name__", ""))
def test_the_policies_suffice(emulator, story, sids, specs):
    """What the module calls is allowed: by the very statements that the README names for it."""
    allowed = set().union(*(operations(statements()[sid]) for sid in sids))
    emulator.reset()
    lab = Lab(emulator, emulator.client())
    for spec in specs:
        key_id = create_key(lab.kms, spec)
        for options in story(lab, key_id, b64(material(spec))):
            mark = lab.mark()
            result = lab.run(key_id=key_id, **options)
            assert not result.get("failed"), result["msg"]
            assert set(lab.calls(mark)) <= allowed


def test_the_policies_allow_no_more_than_is_used(emulator):
    emulator.reset()
    lab = Lab(emulator, emulator.client())
    used: set[str] = set()
    for story, _sids, specs in STORIES:
        for spec in specs:
            key_id = create_key(lab.kms, spec)
            for options in story(lab, key_id, b64(material(spec))):
                mark = lab.mark()
                lab.run(key_id=key_id, **options)
                used |= set(lab.calls(mark))
    allowed = set().union(*(operations(one) for one in of_kms().values() if one["Effect"] == "Allow"))
    assert allowed == used


# -- links, commands, contents ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md"])
def test_links_lead_to_files(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
    assert [link for link in links if "://" in link and not link.startswith("https://")] == []


def test_vulnerabilities_are_reported_to_the_repository():
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    place = f"({galaxy['repository']}/security/advisories/new)"
    assert place in security
    assert place in README
    headings = {
        re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in re.findall("^#+ (.*)$", README, re.M)
    }
    assert set(re.findall(r"\(README\.md#([\w-]+)\)", security)) <= headings


def test_make_has_the_targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^([\w -]+?)(?: \$\(PARTS\))?:", makefile, re.MULTILINE)
    targets = {name for rule in rules for name in rule.split()}
    targets |= set(re.search(r"^PARTS := (.*)$", makefile, re.MULTILINE)[1].split())
    texts = [README, *(guide.read_text(encoding="utf-8") for guide in GUIDES)]
    named = {name for text in texts for name in re.findall(r"(?:^|`)make ([\w-]+)", text, re.MULTILINE)}
    assert {"demo", "test"} <= named <= targets


def test_the_first_screen():
    top = "\n".join(README.split("-->", 1)[1].splitlines()[:30])
    assert all(text in top for text in ("make demo", "make test", "group/byok.aws.aws", "kms_imported_material"))


def test_everything_is_in_the_table_of_contents():
    table = README.split("## Contents", 1)[1].split("\n## ", 1)[0]
    content = [f"module `byok.aws.{path.stem}`" for path in ROOT.glob("plugins/modules/[!_]*.py")]
    content += [f"role `byok.aws.{path.parents[1].name}`" for path in ROOT.glob("roles/*/meta/argument_specs.yml")]
    content += [f"playbook `byok.aws.{path.stem}`" for path in ROOT.glob("playbooks/*.yml")]
    assert [one for one in content if one not in table] == []
    assert table.count("`byok.aws.") == len(content)


def test_versions_are_those_of_the_metadata():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    config = yaml.safe_load((ROOT / "tests" / "config.yml").read_text())
    needed = dict(re.findall(r"^(\w+)>=([\d.]+)$", (ROOT / "meta" / "ee-requirements.txt").read_text(), re.MULTILINE))
    rows = {cells[0]: cells[1] for cells in re.findall(r"^\| (.+?) \| (.+?) \|$", README, re.MULTILINE)}
    assert rows["ansible-core"].startswith(runtime["requires_ansible"].strip(">=").removesuffix(".0"))
    assert galaxy["dependencies"]["amazon.aws"] == f">={rows['Ansible collection `amazon.aws`'].split()[0]}"
    assert config["modules"]["python_requires"] == f">={rows['Python where the modules run'].split()[0]}"
    boto = rows["Python packages `boto3` and `botocore` where the modules run"]
    assert needed["botocore"] in boto
    assert needed["boto3"] in boto
    assert needed["cryptography"].startswith(rows["Python package `cryptography` where the modules run"].split()[0])


# -- the emulator in somebody's molecule scenario ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["molecule.yml", "create.yml", "destroy.yml"])
def test_the_readme_quotes_the_example_as_it_is(name):
    assert below_header(EXAMPLE / name) in fenced("yaml")


def test_the_example_works_in_a_project_of_its_own(environment, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    scenario = tmp_path / "project" / "molecule" / "default"
    shutil.copytree(EXAMPLE, scenario)
    for path in scenario.glob("*.yml"):
        path.write_text(path.read_text().replace("4599", port))
    for name in [name for name in environment if name.startswith("AWS_")]:
        del environment[name]

    command = [sys.executable, "-m", "molecule", "test", "--report"]
    done = playbook_runner.run(command, tmp_path / "project", environment)

    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))
