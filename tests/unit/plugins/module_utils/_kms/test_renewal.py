# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is renewed, with which material, and what is told of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.renewal import plan

PLACE = "arn:aws:kms:eu-central-1:111122223333:"


def key(name: str, *aliases: str, **other: Any) -> dict[str, Any]:
    return {"key_id": name, "key_arn": f"{PLACE}key/{name}", "aliases": list(aliases), "error": None, **other}


def entry(name: str, **options: Any) -> dict[str, Any]:
    return {"key_id": f"{PLACE}key/{name}", **options}


@pytest.mark.parametrize("name", ["1", f"{PLACE}key/1", "alias/a", "alias/b", f"{PLACE}alias/b"])
def test_material_is_found_under_every_name_of_a_key(name: str) -> None:
    found = plan([key("1", "alias/a", "alias/b")], {name: {"key_material_file": "/m"}})

    assert found == {"rounds": [[entry("1", key_material_file="/m")]], "unknown": [], "unread": []}


def test_several_materials_of_a_key_take_a_call_each() -> None:
    found = plan([key("1"), key("2")], {"1": [{"key_material_file": "/a"}, {"key_material_file": "/b"}], "2": {}})

    assert found["rounds"] == [
        [entry("1", key_material_file="/a"), entry("2")],
        [entry("1", key_material_file="/b")],
    ]


def test_what_cannot_be_renewed_is_told() -> None:
    denied = key("3", error={"message": "denied"})

    found = plan([key("1", "alias/a"), key("2"), denied], {"alias/other": {}})

    assert found == {"rounds": [], "unknown": ["alias/a (1)", "2"], "unread": ["3 (denied)"]}


def test_nothing_expires() -> None:
    assert plan([], {"1": {}}) == {"rounds": [], "unknown": [], "unread": []}
