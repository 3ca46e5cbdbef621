# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kms_rotation_report
version_added: 1.0.0
short_description: The report of a key rotation
description:
  - Makes the report of the role P(byok.aws.kms_material_rotation#role) from the results of its tasks.
  - This filter is private to the role; it can change, or go, in any release. The report itself is described in
    C(docs/report-schema.md) of the collection.
author:
  - byok.aws maintainers (@byok-aws)
positional: _input
options:
  _input:
    description: The results of the role's tasks so far.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show how many keys were changed
  ansible.builtin.debug:
    msg: "{{ (results | byok.aws.kms_rotation_report).summary.changed }} keys were changed."
  vars:
    results: "{{ the_results_of_the_role }}"
"""

RETURN = r"""
_value:
  description: The report, without any key material.
  type: dict
"""

import json
import platform
import re
from pathlib import Path

from ansible_collections.byok.aws.plugins.plugin_utils.report import report

_ROOT = Path(__file__).resolve().parents[2]


def _version():
    """The version of this collection: an installed one has a manifest, a checkout has galaxy.yml."""
    try:
        manifest = json.loads((_ROOT / "MANIFEST.json").read_text(encoding="utf-8"))
        return str(manifest["collection_info"]["version"])
    except FileNotFoundError:
        found = re.search(r"^version: *(\S+)", (_ROOT / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else "unknown"


def kms_rotation_report(results):
    return report(results, _version(), platform.node())


class FilterModule:
    """The report of a key rotation."""

    def filters(self):
        return {"kms_rotation_report": kms_rotation_report}
