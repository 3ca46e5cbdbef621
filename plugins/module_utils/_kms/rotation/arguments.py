# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The argument spec of kms_rotation_step, and from it the options of the module that a strategy stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..material.arguments import Spec
from ..material.arguments import imported_material_spec
from ..material.arguments import key_replacement_spec
from ..secret.misplaced import misplaced

PLAN, TAKE_CANARIES, CHANGE, VERIFY, WRITE = "plan", "canary", "change", "verify", "write"
STEPS = (PLAN, TAKE_CANARIES, CHANGE, VERIFY, WRITE)
REIMPORT, ON_DEMAND, ALIAS = "reimport", "on_demand", "alias"
STRATEGIES = (REIMPORT, ON_DEMAND, ALIAS)
# What the step shares with the module that it calls.
_TASK = ("state", "stage", "stage_path", "request_rates", "journal_path", "wait_timeout", "allow")
# Options whose values no user has written. A canary and a journal look like key material, and hold none.
MACHINE_MADE = ("canaries", "files")
_REPLACING = ("old_key", "pending_window", "canary")
SHARED = (*_TASK, *_REPLACING, "keys")


def entry_spec(strategy: str) -> Spec:
    """The options of one key with a strategy."""
    options: Spec = _whole_spec(strategy)["keys"]["options"]
    return options


def _whole_spec(strategy: str) -> Spec:
    return key_replacement_spec() if strategy == ALIAS else imported_material_spec()


def rotation_step_spec() -> Spec:
    """The argument spec of kms_rotation_step, beside the connection options of amazon.aws."""
    shared = {name: _undefaulted(imported_material_spec()[name]) for name in _TASK}
    replacing = {name: _undefaulted(key_replacement_spec()[name]) for name in _REPLACING}
    every = {**entry_spec(ALIAS), **entry_spec(REIMPORT)}
    taken = {
        "key_id": {"type": "str", "required": True},
        "canary": {"type": "dict"},
        "expected_key_material_id": {"type": "str", "no_log": False},
    }
    file = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str"},
        "state": {"type": "str", "choices": ["file", "absent"], "default": "file"},
    }
    return {
        **shared,
        **replacing,
        "step": {"type": "str", "required": True, "choices": list(STEPS)},
        "strategy": {"type": "str", "default": REIMPORT, "choices": list(STRATEGIES)},
        "keys": {"type": "list", "elements": "dict", "no_log": False, "options": every},
        "canaries": {"type": "list", "elements": "dict", "options": taken},
        "expected_account": {"type": "str"},
        "files": {"type": "list", "elements": "dict", "options": file},
        "report_path": {"type": "path"},
        "identify": {"type": "bool", "default": False},
    }


def mask_misplaced(module: Any) -> None:
    """Have Ansible mask key material in an option that is not made for it, until the step refuses the option."""
    written = {name: value for name, value in module.params.items() if name not in MACHINE_MADE}
    module.no_log_values.update(text for _name, text in misplaced(module.argument_spec, written))


def _undefaulted(one: Mapping[str, Any]) -> Spec:
    """The spec of an option without its default, which comes with the options of the module."""
    return {word: value for word, value in one.items() if word != "default"}


def module_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with which the module of the strategy would have been called, complete with its defaults."""
    spec = _whole_spec(given["strategy"])
    options = {name: _or_default(given.get(name), one) for name, one in spec.items()}
    inner = spec["keys"]["options"]
    options["keys"] = [{name: entry.get(name) for name in inner} for entry in given.get("keys") or []]
    return {**options, "validate_certs": given.get("validate_certs")}


def _or_default(value: Any, one: Mapping[str, Any]) -> Any:
    return one.get("default") if value is None else value
