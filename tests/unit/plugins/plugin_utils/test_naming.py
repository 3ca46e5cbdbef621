# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which key each name of a rotation stands for, in this run and since an earlier one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.names import pins as resolved
from ansible_collections.byok.aws.plugins.plugin_utils import naming
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import arn

ONE, TWO = arn("one"), arn("two")
A, B = "alias/a", "alias/b"
IN_WEST = ONE.replace("eu-central-1", "eu-west-1")


@pytest.mark.parametrize(
    ("names", "found", "pins"),
    [
        ([A, B], [ONE, TWO], [ONE, TWO]),
        (["one", TWO], [ONE, TWO], [ONE, TWO]),
        ([A, B], [ONE, None], [ONE, B]),
        ([A, B], [], [A, B]),
        # One key twice: the module refuses it, and says under which names.
        ([A, B, "two"], [ONE, ONE, TWO], [A, B, TWO]),
    ],
)
def test_a_name_is_resolved_by_the_first_look(names: list[str], found: list[str | None], pins: list[str]) -> None:
    assert resolved(names, [{"key_arn": one} for one in found]) == pins


@pytest.mark.parametrize(
    ("name", "pin", "said"),
    [
        (A, ONE, None),
        ("one", "one", None),
        (ONE, ONE, None),
        (A, A, "alias/a could not be resolved before the plan (denied)"),
        (
            f"{ONE.split(':key/', maxsplit=1)[0]}:{A}",
            f"{ONE.split(':key/', maxsplit=1)[0]}:{A}",
            "could not be resolved",
        ),
    ],
)
def test_only_an_alias_has_to_be_resolved(name: str, pin: str, said: str | None) -> None:
    told = naming.unresolved_problem(name, pin, {"note": "denied"})

    assert told is None if said is None else said in str(told)


def test_several_names_of_one_key_are_not_resolved() -> None:
    assert "(another name leads to the same key)" in str(
        naming.unresolved_problem(A, A, {"key_arn": ONE, "note": None})
    )


@pytest.mark.parametrize(
    ("earlier", "name", "now", "told"),
    [
        ({"key_id": A, "key_arn": ONE}, A, TWO, True),
        ({"key_id": A, "key_arn": ONE}, f"{ONE.split(':key/', maxsplit=1)[0]}:{A}", TWO, True),
        ({"key_id": f"{ONE.split(':key/', maxsplit=1)[0]}:{A}", "key_arn": ONE}, A, TWO, True),
        ({"key_id": A, "key_arn": ONE}, A, ONE, False),
        ({"key_id": A, "key_arn": ONE}, A, IN_WEST, False),
        ({"key_id": A, "key_arn": ONE}, A, None, False),
        ({"key_id": A, "key_arn": ONE}, B, TWO, False),
        ({"key_id": A, "key_arn": ONE}, TWO, TWO, False),
        ({"key_id": "one", "key_arn": ONE}, A, TWO, False),
        ({"key_id": A}, A, TWO, False),
        ({}, A, TWO, False),
    ],
)
def test_an_alias_that_led_elsewhere_in_an_unfinished_run(
    earlier: dict[str, Any], name: str, now: str | None, told: bool
) -> None:
    journal = {"updated_at": "2030-01-01T00:00:00Z", "keys": [{**earlier, "status": "failed"}]}

    said = naming.moved(journal, ["other", name], [arn("other"), now])

    expected = (
        f"{name} leads to the key {now} now; in the rotation of 2030-01-01T00:00:00Z, which was not finished, it stood "
        f"for {ONE} (failed)"
    )
    assert said == ({1: expected} if told else {})
