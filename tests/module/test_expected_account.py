# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option expected_account of every module that acts on keys: a key of another account is read, and left alone."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab
from materials import b64
from materials import material
from module_runner import CONNECTION
from module_runner import run_module

ALIAS = "alias/payments"
HERE, ELSEWHERE = "123456789012", "999999999999"
MATERIAL = b64(material("SYMMETRIC_DEFAULT"))
NEW = b64(material("SYMMETRIC_DEFAULT", "new"))

ACTING: dict[str, tuple[str, dict[str, Any]]] = {
    "present": ("kms_imported_material", {"key_id": ALIAS, "key_material": MATERIAL}),
    "all_materials": ("kms_imported_material", {"key_id": ALIAS, "state": "absent", "all_materials": True}),
    "many": ("kms_imported_material", {"keys": [{"key_id": ALIAS, "key_material": MATERIAL}], "state": "reimported"}),
    "regions": ("kms_imported_material", {"key_id": ALIAS, "key_material": MATERIAL, "regions": ["us-east-1"]}),
    "replacement": ("kms_key_replacement", {"key_id": ALIAS, "key_material": NEW}),
    "key by alias": ("kms_external_key", {"alias": ALIAS, "description": "new"}),
    "key by key_id": ("kms_external_key", {"key_id": ALIAS, "state": "absent"}),
}


def run(lab: Lab, module: str, account: Any, **options: Any) -> dict[str, Any]:
    return run_module(module, {**CONNECTION, "endpoint_url": lab.emulator.url, "expected_account": account, **options})


@pytest.fixture
def payments(lab: Lab, impatient: None) -> Lab:
    lab.kms.create_alias(AliasName=ALIAS, TargetKeyId=lab.own_key())
    return lab


@pytest.mark.parametrize("name", ACTING)
def test_a_key_of_another_account_is_only_read(payments: Lab, name: str) -> None:
    module, options = ACTING[name]
    before = payments.mark()

    result = run(payments, module, ELSEWHERE, **options)

    assert result["failed"] and result["changed"] is False
    assert result["kms_keys"][0]["error"]["code"] == "WrongAccount"
    assert f"of the account {HERE}, and expected_account is {ELSEWHERE}" in result["msg"] and ALIAS in result["msg"]
    assert payments.calls(before) == ["DescribeKey"]


@pytest.mark.parametrize("name", ACTING)
def test_in_the_account_that_is_meant_all_goes_on(payments: Lab, name: str) -> None:
    module, options = ACTING[name]

    result = run(payments, module, int(HERE), **options)

    assert not result.get("failed"), result["msg"]


@pytest.mark.parametrize(
    ("account", "key_id", "said"),
    [
        ("12345678901", ALIAS, "expected_account is 12345678901; an account ID has 12 digits"),
        ("", ALIAS, "an account ID has 12 digits"),
        (ELSEWHERE, f"arn:aws:kms:us-east-1:{HERE}:{ALIAS}", f"names the account {HERE}, and expected_account is"),
        (HERE, f"arn:aws:kms:us-east-1:{ELSEWHERE}:{ALIAS}", f"names the account {ELSEWHERE}, and expected_account is"),
    ],
)
@pytest.mark.parametrize("name", [*ACTING, "info", "canary"])
def test_what_cannot_be_meant_is_refused_before_kms_is_asked(
    lab: Lab, name: str, account: str, key_id: str, said: str
) -> None:
    others = {
        "info": ("kms_imported_material_info", {"key_ids": [ALIAS]}),
        "canary": ("kms_key_canary", {"keys": [{"key_id": ALIAS}]}),
    }
    module, options = {**ACTING, **others}[name]
    changed = {
        option: key_id
        if value == ALIAS
        else [key_id if one == ALIAS else {**one, "key_id": key_id} for one in value]
        if option in ("keys", "key_ids")
        else value
        for option, value in options.items()
    }
    before = lab.mark()

    result = run(lab, module, account, **changed)

    told = [result.get("msg", "")] + [
        str((one["error"] or {}).get("message")) for one in result.get("kms_keys", []) + result.get("canaries", [])
    ]
    assert any(said in text for text in told), result
    assert set(lab.calls(before)) <= {"ListAliases"}


# -- no key yet --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [{"alias": "alias/new"}, {"creation_token": "new"}])
@pytest.mark.parametrize("there", [True, False], ids=["other keys show the account", "STS is asked"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_no_key_is_created_in_another_account(xlab: Any, wanted: dict[str, str], there: bool, check_mode: bool) -> None:
    if there:
        xlab.empty_key()
    keys = xlab.all_keys()

    result = xlab.run(expected_account=ELSEWHERE, check_mode=check_mode, **wanted)

    assert result["failed"] and result["error"]["code"] == "WrongAccount" and xlab.all_keys() == keys
    assert f"the credentials belong to the account {HERE}" in result["msg"]
    assert xlab.done(expected_account=HERE, check_mode=check_mode, **wanted)["operations"][0] == "CreateKey"


def test_nothing_to_delete_in_another_account_is_no_success(xlab: Any) -> None:
    result = xlab.run(alias="alias/gone", state="absent", expected_account=ELSEWHERE)

    assert result["failed"] and result["error"]["code"] == "WrongAccount"
    assert xlab.done(alias="alias/gone", state="absent", expected_account=HERE)["skip_reason"] == "NotFound"


# -- reading -----------------------------------------------------------------------------------------------------------


def test_an_inventory_of_another_account_fails(payments: Lab) -> None:
    named = run(payments, "kms_imported_material_info", ELSEWHERE, key_ids=[ALIAS])
    listed = run(payments, "kms_imported_material_info", ELSEWHERE)
    right = run(payments, "kms_imported_material_info", HERE)

    assert named["kms_keys"][0]["error"]["code"] == "WrongAccount" and "key_arn" not in named["kms_keys"][0]
    assert listed["failed"] and listed["error"]["code"] == "WrongAccount"
    assert [one["error"] for one in right["kms_keys"]] == [None]


@pytest.mark.parametrize(("account", "failed"), [(ELSEWHERE, True), (HERE, False), (None, False)])
def test_an_inventory_without_any_key_is_of_that_account(lab: Lab, account: str | None, failed: bool) -> None:
    result = run(lab, "kms_imported_material_info", account)

    assert bool(result.get("failed")) is failed
    assert result.get("kms_keys", []) == []


def test_no_canary_is_taken_of_a_key_of_another_account(payments: Lab) -> None:
    before = payments.mark()

    (wrong,) = run(payments, "kms_key_canary", ELSEWHERE, keys=[{"key_id": ALIAS}])["canaries"]

    assert payments.calls(before) == ["DescribeKey"]
    assert (wrong["verdict"], wrong["canary"], wrong["error"]["code"]) == ("failed", None, "WrongAccount")
    assert wrong["key_arn"] is None and wrong["note"] == wrong["error"]["message"]
    (right,) = run(payments, "kms_key_canary", HERE, keys=[{"key_id": ALIAS}])["canaries"]
    assert (right["verdict"], right["error"]) == ("taken", None)
