# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kms_rotation_report
version_added: 1.0.0
short_description: The report of a key rotation
description:
  - Makes the report of the role P(byok.aws.kms_material_rotation#role) from what its phases have learned.
  - This filter is private to the role; it can change, or go, in any release. The report itself is described in
    C(docs/report-schema.md) of the collection.
author:
  - byok.aws maintainers (@byok-aws)
positional: _input
options:
  _input:
    description: RV(byok.aws.kms_rotation#module:part) of each phase so far.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show how many keys were changed
  ansible.builtin.debug:
    msg: "{{ (parts | byok.aws.kms_rotation_report).summary.changed }} keys were changed."
  vars:
    parts: "{{ the_parts_of_the_run }}"
"""

RETURN = r"""
_value:
  description: The report, without any key material.
  type: dict
"""

from ansible_collections.byok.aws.plugins.plugin_utils.report import report
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import merged
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import unpacked
from ansible_collections.byok.aws.plugins.plugin_utils.version import collection_version
from ansible_collections.byok.aws.plugins.plugin_utils.version import controller_name


def kms_rotation_report(parts):
    return report(merged(unpacked(part) for part in parts), collection_version(), controller_name())


class FilterModule:
    """The report of a key rotation."""

    def filters(self):
        return {"kms_rotation_report": kms_rotation_report}
