# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role: what is refused before anything is read, without a value of a key."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_options import options_problem
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_options import plain_inputs
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_options import read_options

SECRET = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
KEY = {"key_id": "alias/one", "key_material": SECRET}
GIVEN = {
    "strategy": "reimport",
    "old_key": "leave",
    "pending_window": 30,
    "batch_size": 50,
    "canary": True,
    "report_path": "",
    "journal_path": "",
    "change_reference": "",
    "expected_account": "",
    "wait_timeout": 600,
    "stage": "auto",
    "stage_path": "",
    "allow": [],
    "request_rates": {},
    "sign_off": [],
    "plan_sign_off": [],
}


def problem(keys: Any = (KEY,), **given: Any) -> str | None:
    return options_problem(read_options({**GIVEN, **given}), list(keys))


def test_what_is_right_has_no_problem() -> None:
    assert problem() is None
    assert problem(strategy="alias", old_key="delete", pending_window="7", batch_size="1") is None


def test_before_ansible_core_2_19_a_template_gives_text() -> None:
    options = read_options({**GIVEN, "batch_size": "7", "canary": "False", "expected_account": 123456789012})

    assert (options["batch_size"], options["canary"], options["expected_account"]) == (7, False, "123456789012")


@pytest.mark.parametrize(
    ("keys", "given", "told"),
    [
        ([], {}, "kms_material_rotation_keys is empty"),
        ([SECRET, {"key_material": SECRET}, KEY], {}, "has to be a dictionary with a key_id; 2 of 3 are not"),
        ([{**KEY, "key_materal": SECRET}], {}, "have options that there are not: key_materal."),
        ([{**KEY, "key_id": SECRET}], {}, "options that are not made for it: key_id."),
        ([{**KEY, "import_token": "x", "regions": ["all"]}], {"strategy": "alias"}, "import_token, regions cannot be"),
        ([{**KEY, "aliases": ["alias/one"]}], {}, "goes with the strategy alias only"),
        ([{**KEY, "wait": "perhaps"}], {}, "in keys, wait has to be true or false"),
        ([{**KEY, "wrapping_key_spec": "SM2"}], {"strategy": "alias"}, "wrapping_key_spec has to be one of RSA_4096"),
        ([KEY], {"batch_size": 0}, "batch_size must be 1 or more"),
        ([KEY], {"expected_account": "12345678901"}, "must have 12 digits"),
        ([KEY], {"pending_window": 6}, "must be 7 to 30 days"),
        ([KEY], {"report_path": "/r.html"}, "End it in .json"),
        ([KEY], {"report_path": "/r", "journal_path": "/r"}, "must not be the same file"),
        ([KEY], {"stage_path": "/s", "strategy": "on_demand"}, "goes with the strategy reimport only"),
        ([KEY], {"stage": "change"}, "kms_material_rotation_stage needs kms_material_rotation_stage_path"),
        ([KEY], {"stage_path": "/r", "report_path": "/r"}, "must not be the file of the report or of the journal"),
    ],
)
def test_what_is_refused_is_told_without_a_value(keys: Any, given: dict[str, Any], told: str) -> None:
    found = problem(keys, **given)

    assert found is not None and told in found
    assert SECRET not in found


def test_several_problems_are_told_together() -> None:
    found = str(problem(batch_size=0, pending_window=6))

    assert "batch_size" in found and "pending_window" in found


def test_no_material_may_be_shown() -> None:
    whole = {**KEY, "encrypted_key_material": SECRET, "import_token": SECRET, "valid_for": "30d"}

    assert plain_inputs([whole]) == [{"key_id": "alias/one", "valid_for": "30d"}]
