# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles of the security and the emergency guide: each may do what it is for, and nobody can undo what another does.

What a role is for is done by the module against the emulator; whether it is allowed is decided by the policies as they
stand in README and guides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from iam_policies import GUIDES
from iam_policies import Request
from iam_policies import allowed
from iam_policies import as_list
from iam_policies import indented
from iam_policies import is_key_policy
from iam_policies import policies
from iam_policies import statements
from lab import Lab
from materials import b64
from materials import create_key
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

SECURITY, EMERGENCY = (
    next(guide for guide in GUIDES if guide.stem == name).read_text(encoding="utf-8")
    for name in ("guide_security", "guide_emergency")
)
ACCOUNT = "arn:aws:iam::111122223333"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SYMMETRIC = "SYMMETRIC_DEFAULT"
IMPORT, EMERGENCY_ROLE, DRILL, OTHER = (
    f"{ACCOUNT}:role/{name}" for name in ("byok-import", "byok-emergency", "byok-drill", "other")
)
NO_IMPORT = f"{ACCOUNT}:policy/byok-no-import"
# What the words of the guides stand for in the README, which has each under its name.
WORDS = {
    "*read*": ("ByokRead", "ByokProveHmac"),
    "*import*": ("ByokWrap", "ByokImport", "ByokKeepDisabled", "ByokRememberDisabled"),
    "*delete*": ("ByokDelete",),
}
# What a module does without where it is denied: the names of keys.
COMFORTS = {"kms:ListAliases"}
EVERYTHING = [{"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}]
# A parameter of a call and the condition key that has its value.
CONTEXT = {
    "WrappingAlgorithm": "kms:WrappingAlgorithm",
    "WrappingKeySpec": "kms:WrappingKeySpec",
    "ExpirationModel": "kms:ExpirationModel",
}


def roles() -> dict[str, list[dict[str, Any]]]:
    """The statements of every role in the table of the security guide."""
    rows = re.findall(r"^  \* - ``(byok-\w+)``\n    - .*\n    - (.*)$", SECURITY, re.MULTILINE)
    found = {}
    for name, cell in rows:
        sids = [sid for word in cell.split(", ") for sid in WORDS.get(word, (word.strip("`"),))]
        found[f"{ACCOUNT}:role/{name}"] = [statements()[sid] for sid in sids]
    return {**found, OTHER: EVERYTHING}


def key_policy() -> list[dict[str, Any]]:
    (found,) = [policy["Statement"] for _name, policy in policies() if is_key_policy(policy)]
    return found


def may(role: str, action: str, *more: dict[str, Any], **context: Any) -> bool:
    """Whether a role may make a call on the key, with further statements attached to it."""
    known = {"kms:KeyOrigin": ["EXTERNAL"], **{name: as_list(value) for name, value in context.items()}}
    return allowed(Request(role, action, KEY, known), [*roles()[role], *more], key_policy())


def may_tag(role: str, action: str, *names: str) -> bool:
    return may(role, f"kms:{action}", **{"aws:TagKeys": list(names)})


def may_attach(role: str, to: str, policy: str) -> bool:
    return allowed(Request(role, "iam:AttachRolePolicy", to, {"iam:PolicyARN": [policy]}), roles()[role])


# -- what the roles are for -------------------------------------------------------------------------------------------


@contextmanager
def requests(monkeypatch: Any) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Every call that a client of boto3's makes meanwhile: its name, and what conditions look at."""
    seen: list[tuple[str, dict[str, Any]]] = []
    call = BaseClient._make_api_call

    def record(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        context = {key: parameters[name] for name, key in CONTEXT.items() if name in parameters}
        tags = parameters.get("TagKeys") or [tag["TagKey"] for tag in parameters.get("Tags", ())]
        seen.append((f"kms:{operation}", {**context, **({"aws:TagKeys": tags} if tags else {})}))
        return call(client, operation, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", record)
        yield seen


def a_custody(lab: Lab, key_id: str, given: str) -> Iterator[dict[str, Any]]:
    yield {"key_material": given, "valid_for": "9d"}
    yield {"key_material": given, "check_mode": True}
    lab.kms.disable_key(KeyId=key_id)
    yield {"key_material": given, "valid_for": "90d"}
    lab.kms.enable_key(KeyId=key_id)


def a_rotation(lab: Lab, key_id: str, given: str) -> Iterator[dict[str, Any]]:
    yield {"key_material": given, "valid_for": "9d"}
    yield {"state": "current", "key_material": b64(material(SYMMETRIC, "next")), "valid_for": "9d"}


def a_cut_off(lab: Lab, key_id: str, given: str) -> Iterator[dict[str, Any]]:
    lab.run(key_id=key_id, key_material=given)
    yield {"state": "absent", "all_materials": True, "check_mode": True}
    yield {"state": "absent", "all_materials": True}


def a_look_again(lab: Lab, key_id: str, given: str) -> Iterator[dict[str, Any]]:
    """What the playbook emergency_delete does in the end; KMS denies the role what is a comfort."""
    lab.run(key_id=key_id, key_material=given)
    denied = [{"operation": one.split(":")[1], "every": 1, "code": "AccessDeniedException"} for one in COMFORTS]
    lab.emulator.faults(denied)
    yield {"module": "kms_imported_material_info", "key_ids": [lab.metadata(key_id)["Arn"]]}


def a_restoration(lab: Lab, key_id: str, given: str) -> Iterator[dict[str, Any]]:
    lab.run(key_id=key_id, key_material=given)
    lab.run(key_id=key_id, state="absent", all_materials=True)
    yield {"key_material": given, "valid_for": "9d", "lift_cut_off": True}


def a_drill(lab: Lab, key_id: str, given: str) -> Iterator[dict[str, Any]]:
    lab.run(key_id=key_id, key_material=given, valid_for="9d")  # the policy demands an expiry
    yield {"state": "reimported", "key_material": given, "valid_for": "9d"}


def run(lab: Lab, key_id: str, module: str = "", **options: Any) -> dict[str, Any]:
    if not module:
        return lab.run(key_id=key_id, **options)
    return run_module(module, {**CONNECTION, "endpoint_url": lab.emulator.url, **options})


@pytest.mark.parametrize(
    ("role", "story", "spec"),
    [
        (IMPORT, a_custody, SYMMETRIC),
        (IMPORT, a_custody, "HMAC_256"),
        (IMPORT, a_custody, "ECC_NIST_P256"),
        (IMPORT, a_rotation, SYMMETRIC),
        (EMERGENCY_ROLE, a_cut_off, SYMMETRIC),
        (EMERGENCY_ROLE, a_cut_off, "HMAC_256"),
        (EMERGENCY_ROLE, a_cut_off, "ECC_NIST_P256"),
        (EMERGENCY_ROLE, a_look_again, SYMMETRIC),
        (IMPORT, a_restoration, SYMMETRIC),
        (IMPORT, a_restoration, "HMAC_256"),
        (DRILL, a_drill, SYMMETRIC),
        (DRILL, a_drill, "ECC_NIST_P256"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value).rpartition("/")[2]),
)
def test_a_role_may_do_what_it_is_for(emulator, monkeypatch, role, story, spec):
    emulator.reset()
    lab = Lab(emulator, emulator.client())
    key_id = create_key(lab.kms, spec)
    usage = lab.metadata(key_id)["KeyUsage"]
    for options in story(lab, key_id, b64(material(spec))):
        with requests(monkeypatch) as seen:
            result = run(lab, key_id, **options)
        assert not result.get("failed"), result["msg"]
        assert seen
        refused = {one for one, context in seen if not may(role, one, **{"kms:KeyUsage": usage, **context})}
        assert refused <= COMFORTS
        assert not any(one["error"] for one in result["kms_keys"])


def test_the_emergency_role_stops_imports_as_the_guide_says():
    (command,) = [text for text in indented("shell", EMERGENCY) if "attach-role-policy" in text]
    names = re.search(r"^for role in (.*); do$", command, re.MULTILINE)[1].split()
    policy = re.search(r"--policy-arn (\S+)", command)[1]

    importers = [role for role in roles() if may(role, "kms:ImportKeyMaterial", **EXPIRES)]

    assert [f"{ACCOUNT}:role/{name}" for name in names] == importers
    assert all(may_attach(EMERGENCY_ROLE, role, policy) for role in importers)
    assert not any(may(role, "kms:ImportKeyMaterial", statements()["ByokNoImport"], **EXPIRES) for role in importers)
    assert not any(
        may(role, "kms:GetParametersForImport", statements()["ByokNoImport"], **STRONG) for role in importers
    )


def test_the_mark_of_a_cut_off():
    assert may_tag(EMERGENCY_ROLE, "TagResource", "byok:cut-off")
    assert may_tag(IMPORT, "UntagResource", "byok:cut-off")
    assert not may_tag(EMERGENCY_ROLE, "UntagResource", "byok:cut-off")
    assert not may_tag(IMPORT, "TagResource", "byok:cut-off")


# -- what they must not -----------------------------------------------------------------------------------------------

EXPIRES = {"kms:ExpirationModel": "KEY_MATERIAL_EXPIRES"}
STRONG = {"kms:WrappingAlgorithm": "RSAES_OAEP_SHA_256", "kms:WrappingKeySpec": "RSA_4096"}
CALLS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("kms:ImportKeyMaterial", EXPIRES, {IMPORT, DRILL}),
    ("kms:GetParametersForImport", STRONG, {IMPORT, DRILL}),
    ("kms:GetParametersForImport", {**STRONG, "kms:WrappingKeySpec": "RSA_2048"}, set()),
    ("kms:ImportKeyMaterial", {"kms:ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}, set()),
    ("kms:DeleteImportedKeyMaterial", {}, {EMERGENCY_ROLE, DRILL}),
    ("kms:RotateKeyOnDemand", {}, {IMPORT, OTHER}),
    ("kms:TagResource", {"aws:TagKeys": ["byok:restore-state"]}, {IMPORT, DRILL}),
    ("kms:TagResource", {"aws:TagKeys": ["byok:restore-state", "cost"]}, set()),
    ("kms:TagResource", {"aws:TagKeys": ["byok:cut-off"]}, {EMERGENCY_ROLE}),
    ("kms:TagResource", {"aws:TagKeys": ["cost"]}, {OTHER}),
    ("kms:UntagResource", {"aws:TagKeys": ["byok:cut-off"]}, {IMPORT}),
    ("kms:UntagResource", {"aws:TagKeys": ["byok:restore-state"]}, {IMPORT, DRILL}),
    ("kms:PutKeyPolicy", {}, {OTHER}),
    ("kms:ScheduleKeyDeletion", {}, {OTHER}),
    ("kms:Decrypt", {}, {OTHER}),
]


@pytest.mark.parametrize(("action", "context", "expected"), CALLS)
def test_who_may(action, context, expected):
    """With the key policy of the guide, and one role that may do everything elsewhere."""
    assert {role for role in roles() if may(role, action, **context)} == expected


@pytest.mark.parametrize(
    ("to", "policy"),
    [
        (IMPORT, "arn:aws:iam::aws:policy/AdministratorAccess"),
        (EMERGENCY_ROLE, NO_IMPORT),
        (OTHER, NO_IMPORT),
        (EMERGENCY_ROLE, "arn:aws:iam::aws:policy/AdministratorAccess"),
    ],
)
def test_the_emergency_role_attaches_nothing_else(to, policy):
    assert not may_attach(EMERGENCY_ROLE, to, policy)


def test_the_key_policy_and_the_table_name_the_same_roles():
    named = {
        arn
        for statement in key_policy()
        for arn in as_list(statement.get("Condition", {}).get("ArnNotEquals", {}).get("aws:PrincipalArn", []))
    }

    assert named == set(roles()) - {OTHER} == {IMPORT, EMERGENCY_ROLE, DRILL}


# -- the evaluation itself --------------------------------------------------------------------------------------------


def statement(effect: str, operator: str, **condition: Any) -> dict[str, Any]:
    return {"Sid": "a", "Effect": effect, "Action": "kms:Tag*", "Resource": "*", "Condition": {operator: condition}}


@pytest.mark.parametrize(
    ("operator", "wanted", "values", "holds"),
    [
        ("StringEquals", "a", ["a"], True),
        ("StringEquals", ["a", "b"], ["b"], True),
        ("StringEquals", "a", ["b"], False),
        ("StringEquals", "a", [], False),
        ("ArnEquals", "arn:*:a", ["arn:x:a"], True),
        ("ArnEquals", "a", [], False),
        ("ArnNotEquals", ["a", "b"], ["a"], False),
        ("ArnNotEquals", ["a", "b"], ["c"], True),
        ("ArnNotEquals", "a", [], True),
        ("ForAllValues:StringEquals", "a", ["a", "b"], False),
        ("ForAllValues:StringEquals", "a", [], True),
        ("ForAnyValue:StringEquals", "a", ["a", "b"], True),
        ("ForAnyValue:StringEquals", "a", [], False),
        ("Null", "false", ["a"], True),
        ("Null", "false", [], False),
        ("Null", "true", [], True),
    ],
)
def test_operators(operator, wanted, values, holds):
    request = Request("me", "kms:TagResource", KEY, {"key": values} if values else {})

    assert allowed(request, [statement("Allow", operator, key=wanted)]) is holds
    assert allowed(request, [*EVERYTHING, statement("Deny", operator, key=wanted)]) is not holds


def test_a_key_policy_has_to_let_iam_decide():
    request = Request(OTHER, "kms:Decrypt", KEY)
    root = {**EVERYTHING[0], "Principal": {"AWS": f"{ACCOUNT}:root"}}

    assert allowed(request, EVERYTHING, [root])
    assert not allowed(request, EVERYTHING, [])
    assert not allowed(request, [], [root])
