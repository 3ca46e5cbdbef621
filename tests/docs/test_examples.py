# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The EXAMPLES of every plugin are run, in the order in which they stand, as one play each against the emulator.

For each example SETTINGS has the keys, files and variables that it needs, and the expected outcome. An example, or a
name in one, of which nothing is said there fails. One substitution is made: files under /etc/byok lie in a temporary
directory.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import playbook_runner
import pytest
import tokens
import yaml
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import packed
from cryptography.hazmat.primitives import serialization
from materials import b64
from materials import check_value
from materials import create_key
from materials import import_elsewhere
from materials import material
from materials import private_key
from module_runner import CONNECTION
from module_runner import run_module

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
# Plugins whose examples are tasks.
TASK_FOLDERS = ("modules", "filter")
FOLDER = "/etc/byok"
ALIAS_RE = re.compile(r"\balias/[A-Za-z0-9/_-]+")
PATH_RE = re.compile(r"(?<![\w:/.~-])~?/[\w./-]+")
SYMMETRIC = "SYMMETRIC_DEFAULT"
# Regions in which no play runs.
REPLICAS = ("eu-north-1", "eu-south-1")


@dataclass(frozen=True)
class Outcome:
    """What comes of an example: None stands for anything."""

    changed: bool
    operations: Any = None
    key_state: Any = None


@dataclass(frozen=True)
class Setting:
    """What the examples of one plugin find, and what comes of each, by the example's name.

    keys: alias: key spec, and the label of the material that another tool has imported, if any.
    files: file name: key spec and label of the material in it. variables: name: the same, as base64.
    written: names of files that the examples write themselves.
    values: any other variables. makes: aliases that the examples themselves give to keys.
    replicated: aliases of keys that have empty replicas in REPLICAS.
    requested: bundles of kms_import_parameters, each for a new symmetric key: file name, and what the variable with the
    fingerprint of the wrapping key begins with. wrapped: such bundles with wrapped material, by its label.
    """

    outcomes: Mapping[str, Outcome]
    keys: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    variables: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    written: Iterable[str] = ()
    makes: frozenset[str] = frozenset()
    replicated: frozenset[str] = frozenset()
    requested: Mapping[str, str] = field(default_factory=dict)
    wrapped: Mapping[str, str] = field(default_factory=dict)


IMPORT = ["ImportKeyMaterial"]
DELETE = ["DeleteImportedKeyMaterial"]
REPLACE = ["CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias"]

VAULT = bytes(one ^ two for one, two in zip(material(SYMMETRIC, "vault 1"), material(SYMMETRIC, "vault 2")))

# What is known of a run of the role that has been given no key.
PLANNED = packed(
    {
        "run": {
            "id": "run-1",
            "strategy": "reimport",
            "check_mode": False,
            "batch_size": 50,
            "started": 0.0,
            "finished": 1.0,
        },
        "options": {
            "strategy": "reimport",
            "batch_size": 50,
            "canary": True,
            "journal_path": "",
            "expected_account": "",
            "wait_timeout": 600,
            "stage_path": "",
            "allow": [],
            "request_rates": {},
        },
        "key_inputs": [],
    }
)

TOKEN = tokens.softhsm(Path(tempfile.mkdtemp()), "payments") if importlib.util.find_spec("pkcs11") else None
TOKEN_OUTCOMES = (
    {
        "Import a key of a hardware security module, which wraps it; make it there when it does not exist": Outcome(
            True, IMPORT, "Enabled"
        )
    }
    if TOKEN
    else {}
)

SETTINGS: dict[str, Setting] = {
    "kms_external_key": Setting(
        keys={"alias/invoice-signing": ("RSA_2048", "old")},
        makes=frozenset({"alias/new-payments", "alias/everywhere"}),
        files={"payments.bin": (SYMMETRIC, "payments"), "invoice-signing.pem": ("RSA_2048", "invoices")},
        outcomes={
            "Create an empty symmetric key if it does not exist": Outcome(
                True, ["CreateKey", "CreateAlias"], "PendingImport"
            ),
            "Import its material": Outcome(True, IMPORT, "Enabled"),
            "Disable it, and set its policy": Outcome(True, ["DisableKey", "PutKeyPolicy"], "Disabled"),
            "Schedule its deletion": Outcome(True, ["ScheduleKeyDeletion"], "PendingDeletion"),
            "Cancel the deletion": Outcome(True, ["CancelKeyDeletion", "EnableKey"], "Enabled"),
            "Read a key that has to be replaced": Outcome(False, [], "Enabled"),
            "Create another key like it, which has no alias yet": Outcome(True, ["CreateKey"], "PendingImport"),
            "Import new material into it": Outcome(True, IMPORT, "Enabled"),
            "Move the alias": Outcome(True, ["UpdateAlias"], "Enabled"),
            "Create a multi-Region primary key; its replicas have to wait for its material": Outcome(
                True, ["CreateKey", "CreateAlias"], "PendingImport"
            ),
            "Import the material into the primary key": Outcome(True, IMPORT, "Enabled"),
            "Replicate it": Outcome(True, ["ReplicateKey"], "Enabled"),
        },
    ),
    "kms_imported_material": Setting(
        keys={
            "alias/payments": (SYMMETRIC, None),
            "alias/vault": (SYMMETRIC, None),
            "alias/token": (SYMMETRIC, None),
            "alias/payments-rotated": (SYMMETRIC, "old"),
            "alias/invoice-signing": ("RSA_2048", None),
            "alias/everywhere": (SYMMETRIC, "payments"),
        },
        replicated=frozenset({"alias/everywhere"}),
        files={
            "payments.bin": (SYMMETRIC, "payments"),
            "invoice-signing.pem": ("RSA_2048", "invoices"),
            "vault-1.component": (SYMMETRIC, "vault 1"),
            "vault-2.component": (SYMMETRIC, "vault 2"),
        },
        values={
            "pkcs11_library": TOKEN.library if TOKEN else None,
            "payments_token_pin": tokens.PIN,
            "vault_check_value_1": check_value(material(SYMMETRIC, "vault 1")),
            "vault_check_value_2": check_value(material(SYMMETRIC, "vault 2")),
        },
        wrapped={"wrapped.json": "offline"},
        written=("evening.json", "evening.journal"),
        variables={
            "payments_key_material": (SYMMETRIC, "payments"),
            "payments_new_key_material": (SYMMETRIC, "new"),
        },
        outcomes={
            "Import the key material of a symmetric key from a file on the target": Outcome(True, IMPORT, "Enabled"),
            "Import it with an expiry in 90 days, and renew it when less than 30 days are left": Outcome(
                True, IMPORT, "Enabled"
            ),
            "Import an RSA private key (PKCS#8, DER or PEM)": Outcome(True, IMPORT, "Enabled"),
            **TOKEN_OUTCOMES,
            "Import the material of two custodians, who each have one component": Outcome(True, IMPORT, "Enabled"),
            "Remove the expiry": Outcome(True, IMPORT, "Enabled"),
            "Import what was wrapped offline, into every key of the bundle": Outcome(True),
            "See what a deletion would do": Outcome(True, DELETE, "PendingImport"),
            "Delete the key material, after a proof that the local copy can restore it": Outcome(
                True, DELETE, "PendingImport"
            ),
            # The example before it has deleted the material; the deletion is sent all the same, and the key is marked.
            "Cut off the key at once": Outcome(True, DELETE + ["TagResource"], "PendingImport"),
            "Lift the cut-off and restore the material": Outcome(True, IMPORT + ["UntagResource"], "Enabled"),
            "Delete the material and import it again in one step": Outcome(True, IMPORT + DELETE + IMPORT, "Enabled"),
            "Encrypt with new material; the old material still decrypts what it encrypted": Outcome(
                True, IMPORT + ["RotateKeyOnDemand"], "Enabled"
            ),
            # Into the primary key, too, to prove it and to record its fingerprint.
            "Import the material of a multi-Region key into every Region that lacks it": Outcome(
                True, IMPORT * 3, "Enabled"
            ),
            "Encrypt with new material in every Region": Outcome(True, IMPORT * 3 + ["RotateKeyOnDemand"], "Enabled"),
            "Import the material of many keys in one task, all with an expiry in 90 days": Outcome(True),
            "Prepare the material in the afternoon, without an interruption": Outcome(True),
            "Delete and import in the evening, without the plaintext": Outcome(True),
        },
    ),
    "kms_import_parameters": Setting(
        keys={"alias/payments": (SYMMETRIC, None), "alias/invoice-signing": ("RSA_2048", "invoices")},
        written=("ceremony.json",),
        outcomes={
            "Request import parameters of two keys": Outcome(True),
            "Have them valid for 20 hours at least, with SHA-1 for an HSM that does no other OAEP": Outcome(True),
        },
    ),
    "kms_wrap_key_material": Setting(
        requested={"requested-payments.json": "payments", "requested-vault.json": "vault"},
        files={
            "payments.bin": (SYMMETRIC, "payments"),
            "vault-1.component": (SYMMETRIC, "vault 1"),
            "vault-2.component": (SYMMETRIC, "vault 2"),
        },
        values={
            "vault_check_value_1": check_value(material(SYMMETRIC, "vault 1")),
            "vault_check_value_2": check_value(material(SYMMETRIC, "vault 2")),
            "vault_check_value": check_value(VAULT),
        },
        written=("wrapped-payments.json", "wrapped-vault.json"),
        outcomes={
            "Wrap the material of the one key in a bundle": Outcome(True),
            "Wrap what two custodians bring, and compare what they were told": Outcome(True),
        },
    ),
    "kms_imported_material_info": Setting(
        keys={"alias/payments": (SYMMETRIC, "payments")},
        outcomes={
            "List every key with imported material": Outcome(False),
            "List what expires within 30 days": Outcome(False),
            "Look at one key": Outcome(False),
        },
    ),
    "kms_rotation": Setting(
        values={"parts": [PLANNED], "kms_material_rotation_keys": []},
        outcomes={"Read every key again, and prove the canaries": Outcome(False)},
    ),
    "kms_rotation_step": Setting(
        keys={"alias/payments": (SYMMETRIC, "payments")},
        outcomes={"Let a key work on random data": Outcome(False)},
    ),
    "kms_renewal_plan": Setting(
        values={"expiring": {"kms_keys": []}, "materials": {}},
        outcomes={"Show which keys there is no material for": Outcome(False)},
    ),
    "kms_key_material": Setting(
        keys={"alias/payments": (SYMMETRIC, None)},
        written=("new-payments.bin", "new-invoice-signing.der", "new-1.component", "new-2.component"),
        outcomes={
            "Make the material of a key": Outcome(True),
            "Make a private key, offline": Outcome(True),
            "Make components for two custodians": Outcome(True),
        },
    ),
    "kms_key_replacement": Setting(
        keys={
            "alias/invoice-signing": ("RSA_2048", "invoices"),
            "alias/sessions": (SYMMETRIC, "sessions"),
            "alias/webhooks": ("HMAC_256", "webhooks"),
        },
        files={
            "invoice-signing-new.pem": ("RSA_2048", "new invoices"),
            "webhooks-new.bin": ("HMAC_256", "new webhooks"),
        },
        variables={"sessions_new_key_material": (SYMMETRIC, "new sessions")},
        outcomes={
            "See what a replacement would do": Outcome(True, REPLACE, "Enabled"),
            "Sign with a new key, and keep the old key for what it has signed": Outcome(True, REPLACE, "Enabled"),
            "Disable the old key later, with the same task": Outcome(True, ["DisableKey"], "Disabled"),
            "Replace many keys, and schedule the deletion of the old ones in 14 days": Outcome(True),
        },
    ),
    "kms_key_canary": Setting(
        keys={"alias/payments": (SYMMETRIC, "payments"), "alias/invoice-signing": ("RSA_2048", "invoices")},
        files={"payments.bin": (SYMMETRIC, "payments"), "invoice-signing.pem": ("RSA_2048", "invoices")},
        outcomes={
            "Take a canary of both keys": Outcome(False),
            "Delete and import the material of both": Outcome(True),
            "Prove that both still work": Outcome(False),
        },
    ),
}


def examples_of(plugin: Path) -> list[dict[str, Any]]:
    """The tasks in a plugin's EXAMPLES, which is read and not imported."""
    for node in ast.parse(plugin.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["EXAMPLES"]:
            tasks = list(yaml.safe_load(ast.literal_eval(node.value)))
            # Without a token here, what needs one is left out.
            return tasks if TOKEN else [one for one in tasks if "pkcs11" not in json.dumps(one)]
    return []


def plugins() -> list[Path]:
    return sorted(path for folder in TASK_FOLDERS for path in (PLUGINS / folder).glob("[!_]*.py"))


def texts(value: Any) -> Iterable[str]:
    """Every text in a structure."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield str(name)
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value


def variables_in(task: dict[str, Any]) -> set[str]:
    """The variables that a task needs from outside."""
    environment = jinja2.Environment()  # noqa: S701 - parses, renders nothing
    found: set[str] = set()
    for text in texts(task):
        if "{{" in text:
            found |= jinja2.meta.find_undeclared_variables(environment.parse(re.sub(r"\|\s*[\w.]+\b", "", text)))
    return found - set(task.get("vars", {})) - {"item"}


def problems(name: str, tasks: list[dict[str, Any]], setting: Setting | None) -> list[str]:
    """What the examples of a plugin name, and the setting does not have; and the other way round."""
    if setting is None:
        return [f"{name}: SETTINGS says nothing about its examples"] if tasks else [f"{name} has no EXAMPLES"]
    found = [f"{name}: the example {one!r} has no outcome" for one in names_of(tasks) - set(setting.outcomes)]
    found += [f"{name}: there is no example {one!r}" for one in set(setting.outcomes) - names_of(tasks)]
    known = {f"{label}_wrapping_key_fingerprint" for label in {*setting.requested.values(), *setting.wrapped.values()}}
    known |= set(setting.variables) | set(setting.values) | {task["register"] for task in tasks if "register" in task}
    for task in tasks:
        everything = "\n".join(texts(task))
        aliases = {*setting.keys, *setting.makes}
        found += [f"{task['name']}: no key {alias}" for alias in ALIAS_RE.findall(everything) if alias not in aliases]
        for path in PATH_RE.findall(everything):
            if Path(path).parent != Path(FOLDER) or Path(path).name not in {
                *setting.files,
                *setting.written,
                *setting.requested,
                *setting.wrapped,
            }:
                found.append(f"{task['name']}: no file {path}")
        found += [f"{task['name']}: no variable {one}" for one in variables_in(task) - known]
    return found


def names_of(tasks: list[dict[str, Any]]) -> set[str]:
    return {str(task.get("name")) for task in tasks}


def pem_or_raw(file_name: str, key_spec: str, label: str) -> bytes:
    if not file_name.endswith(".pem"):
        return material(key_spec, label)
    encoded: bytes = private_key(key_spec, label).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded


def prepare(setting: Setting, kms: Any, folder: Path) -> dict[str, Any]:
    """Make the keys and files of a setting, and return its variables."""
    for alias, (key_spec, label) in setting.keys.items():
        key_id = create_key(kms, key_spec, MultiRegion=alias in setting.replicated)
        kms.create_alias(AliasName=alias, TargetKeyId=key_id)
        if label:
            import_elsewhere(kms, key_id, key_spec, material(key_spec, label))
        for region in REPLICAS if alias in setting.replicated else ():
            kms.replicate_key(KeyId=key_id, ReplicaRegion=region)
    folder.mkdir(mode=0o700)
    for file_name, (key_spec, label) in setting.files.items():
        (folder / file_name).touch(mode=0o600)
        (folder / file_name).write_bytes(pem_or_raw(file_name, key_spec, label))
    told = {}
    for file_name, label in {**setting.requested, **setting.wrapped}.items():
        options = {**CONNECTION, "endpoint_url": kms.meta.endpoint_url, "region": kms.meta.region_name}
        asked = {"key_id": create_key(kms), "path": str(folder / file_name)}
        result = run_module("kms_import_parameters", {**options, **asked})
        told[f"{label}_wrapping_key_fingerprint"] = result["wrapping_key_fingerprint"]
        if file_name in setting.wrapped:
            places = {"path": asked["path"], "dest": asked["path"]}
            run_module("kms_wrap_key_material", {**places, "key_material": b64(material(SYMMETRIC, label))})
    return {**setting.values, **told, **{name: b64(material(*chosen)) for name, chosen in setting.variables.items()}}


def moved(value: Any, folder: Path) -> Any:
    """An example with its files in another folder."""
    return json.loads(json.dumps(value).replace(FOLDER, str(folder)))


def play_of(tasks: list[dict[str, Any]], region: str, variables: dict[str, Any], results: Path) -> dict[str, Any]:
    """A play of the examples, which keeps the result of each."""
    registered = [task.get("register", f"example_{number}") for number, task in enumerate(tasks)]
    collected = ", ".join(registered)
    return {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/byok.aws.aws": {"region": region}},
        "vars": variables,
        "environment": {"SOFTHSM2_CONF": os.environ.get("SOFTHSM2_CONF", "")},
        "tasks": [{**task, "register": name, "ignore_errors": True} for task, name in zip(tasks, registered)]
        + [
            {
                "ansible.builtin.copy": {
                    "content": f"{{{{ [{collected}] | to_json }}}}",
                    "dest": str(results),
                    "mode": "0600",
                }
            }
        ],
    }


@pytest.fixture(scope="module")
def outcomes(emulator, tmp_path_factory):
    """The results of all examples, by plugin and example: a Region and a play for each plugin, in one run."""
    work = tmp_path_factory.mktemp("examples")
    names = "eu-central-1 eu-west-1 eu-west-2 eu-west-3 us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 sa-east-1 "
    names += "ap-south-1 ap-southeast-1 ap-southeast-2 ap-northeast-1"
    plays, regions = [], iter(names.split())
    for plugin in plugins():
        setting = SETTINGS.get(plugin.stem)
        tasks = examples_of(plugin)
        if setting is None or problems(plugin.stem, tasks, setting):
            continue  # test_everything_is_prepared says so
        region, folder = next(regions), work / plugin.stem
        variables = prepare(setting, emulator.client(region), folder)
        plays.append(play_of(moved(tasks, folder), region, variables, folder / "results.json"))
    playbook = work / "examples.json"
    playbook.write_text(json.dumps(plays))
    environment = playbook_runner.clean_environment(
        work, AWS_ENDPOINT_URL_KMS=emulator.url, AWS_ENDPOINT_URL_STS=emulator.url
    )
    done = playbook_runner.run_playbook(playbook, directory=work, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for plugin in plugins():
        results = work / plugin.stem / "results.json"
        if results.exists():
            listed = json.loads(results.read_text())
            found[plugin.stem] = {task["name"]: one for task, one in zip(examples_of(plugin), listed)}
    return found


@pytest.mark.parametrize("plugin", plugins(), ids=lambda path: path.stem)
def test_everything_is_prepared(plugin: Path) -> None:
    assert problems(plugin.stem, examples_of(plugin), SETTINGS.get(plugin.stem)) == []


CASES = [(plugin.stem, str(task.get("name"))) for plugin in plugins() for task in examples_of(plugin)]


@pytest.mark.parametrize(("plugin", "name"), CASES)
def test_example(outcomes: dict[str, dict[str, Any]], plugin: str, name: str) -> None:
    assert plugin in outcomes, f"the examples of {plugin} were not run, because something is not prepared"
    result, expected = outcomes[plugin][name], SETTINGS[plugin].outcomes[name]
    assert not result.get("failed"), result.get("msg")
    assert result["changed"] is expected.changed
    if expected.operations is not None:
        assert result["operations"] == expected.operations
    if expected.key_state is not None:
        assert result["key_state"] == expected.key_state


def test_settings_are_for_plugins_that_exist() -> None:
    assert set(SETTINGS) == {plugin.stem for plugin in plugins()}


def test_no_other_kind_of_plugin_has_examples() -> None:
    others = [path for path in PLUGINS.glob("*/*.py") if path.parent.name not in TASK_FOLDERS]
    assert [str(path) for path in others if examples_of(path)] == []


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ({"name": "New"}, "the example 'New' has no outcome"),
        (
            {"name": "Lift the cut-off and restore the material", "m": {"key_id": "alias/unheard-of"}},
            "no key alias/unheard-of",
        ),
        (
            {
                "name": "Lift the cut-off and restore the material",
                "m": {"key_material_file": "/etc/byok/unheard-of.bin"},
            },
            "no file /etc/byok/unheard-of.bin",
        ),
        (
            {"name": "Lift the cut-off and restore the material", "m": {"key_material_file": "/srv/x.bin"}},
            "no file /srv/x.bin",
        ),
        (
            {"name": "Lift the cut-off and restore the material", "m": {"key_material_file": "~/x.bin"}},
            "no file ~/x.bin",
        ),
        (
            {
                "name": "Lift the cut-off and restore the material",
                "m": {"key_material": "{{ unheard_of | b64encode }}"},
            },
            "no variable unheard_of",
        ),
    ],
)
def test_an_example_without_preparation_fails(example: dict[str, Any], said: str) -> None:
    module = "kms_imported_material"
    tasks = examples_of(PLUGINS / "modules" / f"{module}.py")

    found = problems(module, [*tasks, example], SETTINGS[module])

    assert len(found) == 1
    assert said in found[0]
    assert problems("kms_other", [example], None) == ["kms_other: SETTINGS says nothing about its examples"]
