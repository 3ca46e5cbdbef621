# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specs of the modules that take material, for one key or many. Their action plugins use them, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..key.models import ALLOWABLE
from ..key.models import EXPIRES
from ..key.models import NEVER
from ..key.specs import HYBRID
from ..key.specs import OAEP
from ..key.specs import WRAPPING_ALGORITHMS
from ..key.specs import WRAPPING_KEY_SPECS
from ..secret.misplaced import misplaced

Spec = dict[str, Any]

# The ways to give the plaintext of one key.
PLAINTEXT: Spec = {
    "key_material": {"type": "str", "no_log": True},
    "key_material_file": {"type": "path", "no_log": False},
    "components": {
        "type": "list",
        "elements": "dict",
        "no_log": False,
        "options": {
            "key_material": {"type": "str", "no_log": True},
            "key_material_file": {"type": "path", "no_log": False},
            "check_value": {"type": "str", "required": True, "no_log": False},
        },
    },
}
# Material in a PKCS#11 token.
PKCS11: Spec = {
    "type": "dict",
    "options": {
        "library": {"type": "path", "required": True},
        "token_label": {"type": "str", "required": True, "no_log": False},
        "pin": {"type": "str", "no_log": True},
        "pin_file": {"type": "path", "no_log": False},
        "key_label": {"type": "str", "no_log": False},
        "key_id": {"type": "str", "no_log": False},
        "generate": {"type": "bool", "default": False},
    },
}
# The options for the material of one key that all these modules share.
MATERIAL: Spec = {
    **PLAINTEXT,
    "pkcs11": PKCS11,
    "key_material_description": {"type": "str", "no_log": False},
    "valid_to": {"type": "str"},
    "valid_for": {"type": "str"},
    "renew_before": {"type": "str"},
    "expiration_model": {"type": "str", "choices": [EXPIRES, NEVER]},
    "wait": {"type": "bool"},
    "wait_timeout": {"type": "int"},
    "force": {"type": "bool"},
    "lift_cut_off": {"type": "bool"},
    "allow": {"type": "list", "elements": "str", "choices": list(ALLOWABLE)},
}
_DEFAULTS: Spec = {"wait": True, "force": False, "lift_cut_off": False}

# A task names one key, or has a list of them.
ONE_OR_MANY: Spec = {"mutually_exclusive": [("key_id", "keys")], "required_one_of": [("key_id", "keys")]}


def mask_misplaced(module: Any) -> None:
    """Have Ansible mask key material in an option that is not made for it, until the module refuses the option."""
    module.no_log_values.update(text for _name, text in misplaced(module.argument_spec, module.params))


def one_or_many(per_key: Spec, defaults: Mapping[str, Any], common: Spec) -> Spec:
    """The spec of a module that takes key_id or keys.

    per_key: options that each entry of keys can set, too. Their defaults are at the top level only, so that an entry
    without them takes the options of the task. common: options of the whole task.
    """
    every: Spec = {**MATERIAL, **per_key}
    filled = {**_DEFAULTS, **defaults}
    entry = {"key_id": {"type": "str", "required": True}, "name": {"type": "str"}, **every}
    top = {name: {**one, "default": filled[name]} if name in filled else one for name, one in every.items()}
    return {
        "key_id": {"type": "str"},
        "keys": {"type": "list", "elements": "dict", "no_log": False, "options": entry},
        "request_rates": {"type": "dict"},
        "journal_path": {"type": "path"},
        "expected_account": {"type": "str"},
        **common,
        **top,
    }


def imported_material_spec() -> Spec:
    """The argument spec of kms_imported_material, beside the connection options of amazon.aws."""
    per_key = {
        "state": {"type": "str", "choices": ["absent", "present", "reimported", "current"]},
        "encrypted_key_material": {"type": "str", "no_log": True},
        "import_token": {"type": "str", "no_log": True},
        "key_material_id": {"type": "str", "no_log": False},
        "all_materials": {"type": "bool"},
        "wrapping_algorithm": {"type": "str", "choices": list(WRAPPING_ALGORITHMS)},
        "wrapping_key_spec": {"type": "str", "choices": list(WRAPPING_KEY_SPECS), "no_log": False},
        "regions": {"type": "list", "elements": "str"},
    }
    common = {
        "stage": {"type": "str", "choices": ["prepare", "change"]},
        "stage_path": {"type": "path"},
        "bundle_path": {"type": "path"},
    }
    return one_or_many(per_key, {"state": "present", "all_materials": False}, common)


def key_replacement_spec() -> Spec:
    """The argument spec of kms_key_replacement, beside the connection options of amazon.aws."""
    per_key = {
        "wrapping_algorithm": {"type": "str", "choices": [*OAEP, *HYBRID]},
        "wrapping_key_spec": {"type": "str", "choices": ["RSA_4096", "RSA_3072", "RSA_2048"], "no_log": False},
        "aliases": {"type": "list", "elements": "str"},
        "old_key": {"type": "str", "choices": ["leave", "disable", "delete"], "no_log": False},
        "pending_window": {"type": "int"},
        "canary": {"type": "bool"},
        "bypass_policy_lockout_safety_check": {"type": "bool"},
    }
    defaults = {"old_key": "leave", "pending_window": 30, "canary": True, "bypass_policy_lockout_safety_check": False}
    return one_or_many(per_key, defaults, {})
