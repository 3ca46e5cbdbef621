# SPDX-FileCopyrightText: byok.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is private to the collection: it can change, or go, in any release.

from __future__ import annotations

import json

from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import imported_material_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import SHARED
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import rotation_step_spec

_MATERIAL, _REPLACEMENT = "kms_imported_material", "kms_key_replacement"
# The documentation of an option has the same words as its argument spec, but for this one.
_SUBOPTIONS = "suboptions"


def _documented(spec, place):
    """The documentation of these options: each is that of the module from which the step takes it."""
    options = {}
    for name, one in spec.items():
        kept = {word: value for word, value in one.items() if word not in ("no_log", "options")}
        options[name] = {"description": [f"As in O(byok.aws.{_origin(place, name)}#module:{place}{name})."], **kept}
        if "options" in one:
            many = "[]" if one["type"] == "list" else ""
            inner = _documented(one["options"], f"{place}{name}{many}.")
            options[name][_SUBOPTIONS] = inner
    return options


def _origin(place, name):
    spec = imported_material_spec()
    known = spec["keys"]["options"] if place else spec
    return _MATERIAL if place.count(".") > 1 or name in known else _REPLACEMENT


class ModuleDocFragment:
    """What kms_rotation_step takes of the modules that it stands for, so that it need not be said, and kept, twice."""

    DOCUMENTATION = json.dumps(
        {"options": _documented({name: one for name, one in rotation_step_spec().items() if name in SHARED}, "")}
    )
