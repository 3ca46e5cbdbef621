# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of a rotation documents the options of the modules that it stands for, in the words of their specs."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.byok.aws.plugins.doc_fragments._rotation_step import ModuleDocFragment
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import imported_material_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import SHARED
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import rotation_step_spec

MATERIAL, REPLACEMENT = "kms_imported_material", "kms_key_replacement"


def documented(spec: dict[str, Any], place: str = "") -> dict[str, Any]:
    """The documentation of these options: each is that of the module from which the step takes it."""
    options: dict[str, Any] = {}
    for name, one in spec.items():
        kept = {word: value for word, value in one.items() if word not in ("no_log", "options")}
        options[name] = {"description": [f"As in O(byok.aws.{origin(place, name)}#module:{place}{name})."], **kept}
        if "options" in one:
            many = "[]" if one["type"] == "list" else ""
            options[name]["suboptions"] = documented(one["options"], f"{place}{name}{many}.")
    return options


def origin(place: str, name: str) -> str:
    spec = imported_material_spec()
    known = spec["keys"]["options"] if place else spec
    return MATERIAL if place.count(".") > 1 or name in known else REPLACEMENT


def test_the_options_are_documented_as_they_are() -> None:
    shared = {name: one for name, one in rotation_step_spec().items() if name in SHARED}

    assert yaml.safe_load(ModuleDocFragment.DOCUMENTATION) == {"options": documented(shared)}
