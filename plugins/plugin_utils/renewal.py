# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The renewals of a run: from the materials that expire soon and the given materials. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ansible_collections.byok.aws.plugins.module_utils._kms.key import models
from ansible_collections.byok.aws.plugins.module_utils._kms.key.expiry import parse_duration

_Entry = Mapping[str, Any]


def plan(
    found: Sequence[_Entry],
    materials: Mapping[str, Any],
    within: str | None = None,
    renewed: Sequence[_Entry] = (),
) -> dict[str, Any]:
    """The calls of kms_imported_material that renew the keys, and what stays undone.

    found: kms_keys of kms_imported_material_info. materials: by key ID, key ARN, alias or alias ARN, the options that
    give the material, or a list of them for a key with several. rounds: the values of keys, one call after the other,
    because a call takes each key once. unknown: keys without given material. unread: keys that could not be read.
    within, renewed: what is due, as a duration, and kms_keys of the calls that were made. left: the materials that are
    due, and that none of these calls was about: one for each that the key needs, and for which no bytes were given.
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
        "left": [
            f"{_name(key)}: its material {one['key_material_id']}, which expires {one['valid_to']}"
            for key, options in matched
            if options and within
            for one in _left(key, parse_duration(within).total_seconds(), renewed)
        ],
    }


def _left(key: _Entry, seconds: float, renewed: Sequence[_Entry]) -> list[_Entry]:
    """The materials of a key that are due and were not imported again. Staged ones take nothing down."""
    due = [
        one
        for one in key.get("materials") or []
        if one["key_material_state"] in (models.CURRENT, models.NON_CURRENT)
        and one.get("seconds_to_expiry") is not None
        and one["seconds_to_expiry"] <= seconds
    ]
    done = [one for one in renewed if one.get("key_arn") == key["key_arn"] and not one.get("error")]
    told = {one.get("key_material_id") for one in done}
    # A plan names one of the candidates for bytes that only an import can prove.
    unproved = [one.get("key_material_id") for one in done if one.get("proof") == "reimport"]
    open_yet = [one for one in due if one["key_material_id"] not in told]
    return open_yet[len(unproved) - len(set(unproved)) :]


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
