# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which material is imported again into which key, from what expires soon and what material is at hand. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

_Entry = Mapping[str, Any]


def plan(found: Sequence[_Entry], materials: Mapping[str, Any]) -> dict[str, Any]:
    """The calls of kms_imported_material that renew the keys, and what stays undone.

    found: kms_keys of kms_imported_material_info. materials: by key ID, key ARN, alias or alias ARN, the options that
    give the material, or a list of them for a key with several. rounds: the values of keys, one call after the other,
    because a call takes each key once. unknown: keys without material at hand. unread: keys that could not be read.
    """
    given = {_bare(name): _listed(options) for name, options in materials.items()}
    readable = [key for key in found if not key.get("error")]
    matched = [(key, _options(key, given)) for key in readable]
    longest = max((len(options) for _key, options in matched), default=0)
    return {
        "rounds": [
            [{**options[number], "key_id": key["key_arn"]} for key, options in matched if number < len(options)]
            for number in range(longest)
        ],
        "unknown": [_name(key) for key, options in matched if not options],
        "unread": [f"{key['key_id']} ({key['error']['message']})" for key in found if key.get("error")],
    }


def _listed(options: Any) -> list[_Entry]:
    return [options] if isinstance(options, Mapping) else list(options)


def _bare(name: str) -> str:
    """A key ARN and an alias ARN without what comes before the key ID or the alias."""
    if not name.startswith("arn:"):
        return name
    resource = name.split(":", 5)[-1]
    return resource[len("key/") :] if resource.startswith("key/") else resource


def _options(key: _Entry, given: Mapping[str, list[_Entry]]) -> list[_Entry]:
    names = [key["key_id"], *(key.get("aliases") or [])]
    return next((given[name] for name in names if name in given), [])


def _name(key: _Entry) -> str:
    aliases = key.get("aliases") or []
    return f"{aliases[0]} ({key['key_id']})" if aliases else str(key["key_id"])
