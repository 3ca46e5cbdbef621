# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options are refused by their names alone, and what Ansible takes is taken."""

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.plugin_utils.option_check import MASK
from ansible_collections.byok.aws.plugins.plugin_utils.option_check import masked
from ansible_collections.byok.aws.plugins.plugin_utils.option_check import option_problem

PER_KEY = {
    "key_id": {"type": "str"},
    "state": {"type": "str", "choices": ["absent", "present"]},
    "secret": {"type": "str", "no_log": True},
    "file": {"type": "path"},
    "wait": {"type": "bool"},
    "wait_timeout": {"type": "int"},
    "allow": {"type": "list", "elements": "str", "choices": ["this", "that"]},
    "numbers": {"type": "list", "elements": "int"},
    "parts": {"type": "list", "elements": "dict", "options": {"secret": {"no_log": True}, "file": {"type": "path"}}},
}
SPEC = {
    **PER_KEY,
    "plain": {},
    "rates": {"type": "dict"},
    "region": {"type": "str", "aliases": ["aws_region"]},
    "keys": {"type": "list", "elements": "dict", "no_log": False, "options": PER_KEY},
}
# Of no form that is known for material: the value must not be repeated all the same.
WORD = "hunter2"


class Vaulted:
    """A text in a vault, as Ansible before 2.19 hands it to a plugin: no str, but what it stands for when made one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict.fromkeys(SPEC),
        {"key_id": "alias/x", "state": "absent", "secret": WORD, "wait": "yes", "wait_timeout": "600", "region": "x"},
        {"aws_region": "eu-central-1", "plain": 5, "rates": {"a": 1}},
        {"rates": "a=1,b=2"},
        {"rates": '{"a": 1}'},
        {"wait": 0, "wait_timeout": 3.0, "file": "~/x", "numbers": ["1", 2]},
        # As Ansible splits texts into lists.
        {"allow": "this,that", "numbers": "1,2"},
        {"allow": [], "keys": []},
        {"keys": [{"key_id": "x", "state": "present", "secret": WORD}, {}]},
        {"secret": Vaulted(WORD), "state": Vaulted("absent"), "wait_timeout": Vaulted("5")},
    ],
)
def test_what_ansible_takes_is_taken(options):
    assert option_problem(SPEC, options) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sceret": WORD}, "there is no option sceret"),
        ({"b": WORD, "a": WORD, "key_id": "x"}, "there is no option a and no option b"),
        (
            {"keys": [{"sceret": WORD}, {"sceret": WORD, "x": 1}]},
            "there is no option sceret in keys and no option x in keys",
        ),
        # An alias is one of the top level.
        ({"keys": [{"aws_region": WORD}]}, "there is no option aws_region in keys"),
        ({"keys": [{"parts": [{"sceret": WORD}]}]}, "there is no option sceret in parts in keys"),
        ({"parts": [{"sceret": WORD}]}, "there is no option sceret in parts"),
        ({"keys": [{"parts": WORD}]}, "in keys, parts has to be a list of dictionaries"),
        ({"keys": [{"parts": [WORD]}]}, "in keys, parts has to be a list of dictionaries"),
        ({"parts": [{"file": [WORD]}]}, "in parts, file has to be a path"),
        ({"parts": [{"file": "0" * 32}]}, "file in parts holds what looks like key material"),
        ({5: WORD}, "there is no option 5"),
        ({"keys": WORD}, "keys has to be a list of dictionaries"),
        ({"keys": {"key_id": WORD}}, "keys has to be a list of dictionaries"),
        ({"keys": [[{"key_id": WORD}]]}, "keys has to be a list of dictionaries"),
        ({"state": WORD}, "state has to be one of absent, present"),
        ({"state": Vaulted(WORD)}, "state has to be one of absent, present"),
        ({"keys": [{"state": WORD}]}, "in keys, state has to be one of absent, present"),
        ({"allow": [WORD]}, "allow has to be a list, each of it one of this, that"),
        ({"allow": f"this,{WORD}"}, "allow has to be a list, each of it one of this, that"),
        ({"allow": {WORD: 1}}, "allow has to be a list"),
        ({"numbers": [1, WORD]}, "numbers has to be a list, each of it a whole number"),
        ({"wait": WORD}, "wait has to be true or false"),
        ({"wait_timeout": WORD}, "wait_timeout has to be a whole number"),
        ({"wait_timeout": "1.5"}, "wait_timeout has to be a whole number"),
        ({"wait_timeout": [WORD]}, "wait_timeout has to be a whole number"),
        ({"rates": WORD}, "rates has to be a dictionary"),
        ({"rates": "{" + WORD}, "rates has to be a dictionary"),
        ({"rates": [WORD]}, "rates has to be a dictionary"),
        ({"secret": [WORD]}, "secret has to be a text"),
        ({"secret": {WORD: WORD}}, "secret has to be a text"),
        ({"file": [WORD]}, "file has to be a path"),
        ({"key_id": {"a": WORD}}, "key_id has to be a text"),
        ({"keys": [{"wait": WORD}]}, "in keys, wait has to be true or false"),
        # What may be material by its looks is called so.
        ({"key_id": "0" * 32}, "key_id holds what looks like key material"),
        ({"state": "0" * 32}, "state holds what looks like key material"),
        ({"state": Vaulted("0" * 32)}, "state holds what looks like key material"),
        ({"plain": "0" * 32}, "plain holds what looks like key material"),
        ({"keys": [{"file": "0" * 32}]}, "file in keys holds what looks like key material"),
    ],
)
def test_what_is_refused_is_refused_by_name(options, said):
    problem = option_problem(SPEC, options)
    assert problem is not None and problem.startswith(said)
    assert WORD not in problem and "0" * 32 not in problem


def test_a_name_that_may_be_material_is_not_repeated():
    secret = "0123456789abcdef" * 2
    assert option_problem(SPEC, {secret: "x"}).startswith("there is no option (not shown")
    assert secret not in option_problem(SPEC, {secret: "x", "keys": [{secret: "x"}]})


def test_what_is_masked_in_a_list_in_a_list():
    options = {"keys": [{"parts": [{"secret": WORD, "file": "f"}]}], "parts": [{"secret": WORD}]}
    assert masked(SPEC, options) == {
        "keys": [{"parts": [{"secret": MASK, "file": "f"}]}],
        "parts": [{"secret": MASK}],
    }


def test_masked():
    options = {"key_id": "x", "secret": WORD, "keys": [{"secret": WORD, "file": "f"}, {"key_id": "y"}], "wait": None}
    assert masked(SPEC, options) == {
        "key_id": "x",
        "secret": MASK,
        "keys": [{"secret": MASK, "file": "f"}, {"key_id": "y"}],
        "wait": None,
    }
    assert options["secret"] == options["keys"][0]["secret"] == WORD
