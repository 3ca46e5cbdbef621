# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is renewed, with which material, and what is told of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.plugin_utils.renewal import plan

PLACE = "arn:aws:kms:eu-central-1:111122223333:"


def key(name: str, *aliases: str, **other: Any) -> dict[str, Any]:
    return {"key_id": name, "key_arn": f"{PLACE}key/{name}", "aliases": list(aliases), "error": None, **other}


def entry(name: str, **options: Any) -> dict[str, Any]:
    return {"key_id": f"{PLACE}key/{name}", **options}


@pytest.mark.parametrize("name", ["1", f"{PLACE}key/1", "alias/a", "alias/b", f"{PLACE}alias/b"])
def test_material_is_found_under_every_name_of_a_key(name: str) -> None:
    found = plan([key("1", "alias/a", "alias/b")], {name: {"key_material_file": "/m"}})

    assert found == {"rounds": [[entry("1", key_material_file="/m")]], "unknown": [], "unread": [], "left": []}


def test_several_materials_of_a_key_take_a_call_each() -> None:
    found = plan([key("1"), key("2")], {"1": [{"key_material_file": "/a"}, {"key_material_file": "/b"}], "2": {}})

    assert found["rounds"] == [
        [entry("1", key_material_file="/a"), entry("2")],
        [entry("1", key_material_file="/b")],
    ]


def test_what_cannot_be_renewed_is_told() -> None:
    denied = key("3", error={"message": "denied"})

    found = plan([key("1", "alias/a"), key("2"), denied], {"alias/other": {}})

    assert found == {"rounds": [], "unknown": ["alias/a (1)", "2"], "unread": ["3 (denied)"], "left": []}


def test_nothing_expires() -> None:
    assert plan([], {"1": {}}) == {"rounds": [], "unknown": [], "unread": [], "left": []}


# -- the materials of a key that was rotated ---------------------------------------------------------------------------

DAY = 86400


def listed(name: str, days: float | None, state: str = "NON_CURRENT") -> dict[str, Any]:
    left = None if days is None else int(days * DAY)
    valid_to = None if days is None else f"in {days} days"
    return {"key_material_id": name, "key_material_state": state, "seconds_to_expiry": left, "valid_to": valid_to}


def done(name: str | None, **other: Any) -> dict[str, Any]:
    return {"key_arn": f"{PLACE}key/1", "key_material_id": name, "error": None, "proof": "fingerprint", **other}


GIVEN = {"1": [{"key_material_file": "/b"}]}
ROTATED = [listed("A", 5), listed("B", 20, "CURRENT"), listed("C", 1, "PENDING_ROTATION")]


@pytest.mark.parametrize(
    ("materials", "renewed", "left"),
    [
        (ROTATED, [done("B")], ["A"]),
        (ROTATED, [done("A")], ["B"]),
        (ROTATED, [done("A"), done("B")], []),
        (ROTATED, [], ["A", "B"]),
        (ROTATED, [done("A"), done("B", error={"message": "denied"})], ["B"]),
        (ROTATED, [done("A"), done("B", key_arn=f"{PLACE}key/2")], ["B"]),
        # What has expired is due as well, and what lasts or has time is not. What was deleted is left alone.
        ([listed("A", -1), listed("B", 80, "CURRENT")], [done("B")], ["A"]),
        ([listed("A", None), listed("B", 20, "CURRENT")], [done("B")], []),
        ([listed("A", 31), listed("B", 20, "CURRENT")], [done("B")], []),
        ([listed("A", 30), listed("B", 20, "CURRENT")], [done("B")], ["A"]),
        # Bytes that a plan cannot tell apart may be either.
        (ROTATED, [done("B", proof="reimport"), done("B", proof="reimport")], []),
        (ROTATED, [done("B", proof="reimport")], ["A"]),
    ],
)
def test_material_that_counts_and_for_which_there_are_no_bytes_is_named(
    materials: list[dict[str, Any]], renewed: list[dict[str, Any]], left: list[str]
) -> None:
    told = plan([key("1", "alias/a", materials=materials)], GIVEN, "30d", renewed)["left"]

    assert [f"alias/a (1): its material {name}, which expires in" in one for name, one in zip(left, told)] == [
        True
    ] * len(left)
    assert len(told) == len(left)


def test_a_key_without_any_bytes_is_named_as_a_whole() -> None:
    found = plan([key("1", materials=ROTATED)], {}, "30d", [])

    assert (found["unknown"], found["left"]) == (["1"], [])


def test_a_key_without_a_list_of_materials() -> None:
    assert plan([key("1", materials=[])], GIVEN, "30d", [done(None)])["left"] == []
