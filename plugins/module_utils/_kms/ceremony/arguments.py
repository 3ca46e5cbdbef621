# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specs of the two halves of a ceremony: for the modules and for their action plugins. Pure."""

from __future__ import annotations

from typing import Any

from ..key.models import LOOSE_FILE
from ..key.models import PLAINTEXT_FILE_TRANSFER
from ..key.models import UNVERIFIED_ENDPOINT
from ..key.models import WEAK_MATERIAL
from ..key.specs import CURVES
from ..key.specs import ED25519
from ..key.specs import HYBRID
from ..key.specs import OAEP
from ..key.specs import RAW_LENGTHS
from ..key.specs import RSA_BITS
from ..material.arguments import PLAINTEXT

Spec = dict[str, Any]


def import_parameters_spec() -> Spec:
    """The argument spec of kms_import_parameters, beside the connection options of amazon.aws."""
    wrapping = {
        "wrapping_algorithm": {"type": "str", "choices": [*OAEP, *HYBRID]},
        "wrapping_key_spec": {"type": "str", "choices": list(reversed(RSA_BITS)), "no_log": False},
    }
    entry = {"key_id": {"type": "str", "required": True}, "name": {"type": "str"}, **wrapping}
    return {
        "key_id": {"type": "str"},
        "keys": {"type": "list", "elements": "dict", "no_log": False, "options": entry},
        "path": {"type": "path", "required": True},
        "min_validity": {"type": "str", "default": "4h"},
        "allow": {"type": "list", "elements": "str", "choices": [LOOSE_FILE, UNVERIFIED_ENDPOINT]},
        "request_rates": {"type": "dict"},
        "expected_account": {"type": "str"},
        **wrapping,
    }


def wrap_key_material_spec() -> Spec:
    """The argument spec of kms_wrap_key_material, which is complete: it has no connection."""
    per_key = {
        **PLAINTEXT,
        "check_value": {"type": "str", "no_log": False},
        "wrapping_key_fingerprint": {"type": "str", "no_log": False},
        "allow": {
            "type": "list",
            "elements": "str",
            "choices": [LOOSE_FILE, WEAK_MATERIAL, PLAINTEXT_FILE_TRANSFER],
        },
    }
    entry = {"key_id": {"type": "str", "required": True, "aliases": ["key_arn"]}, **per_key}
    return {
        "path": {"type": "path", "required": True},
        "dest": {"type": "path", "required": True},
        "key_id": {"type": "str", "aliases": ["key_arn"]},
        "keys": {"type": "list", "elements": "dict", "no_log": False, "options": entry},
        **per_key,
    }


def key_material_spec() -> Spec:
    """The argument spec of kms_key_material, beside the connection options of amazon.aws."""
    return {
        "key_spec": {"type": "str", "choices": [*RAW_LENGTHS, *RSA_BITS, *CURVES, ED25519], "no_log": False},
        "key_id": {"type": "str"},
        "key_material_file": {"type": "path", "no_log": False},
        "component_files": {"type": "list", "elements": "path", "no_log": False},
        "expected_account": {"type": "str"},
    }
