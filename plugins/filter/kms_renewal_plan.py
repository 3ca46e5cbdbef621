# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kms_renewal_plan
version_added: 1.0.0
short_description: Which material is imported again into which key
description:
  - Tells the playbook C(byok.aws.renew) what to import into which key, from what M(byok.aws.kms_imported_material_info)
    found and from the given material.
  - This filter is private to the playbook; it can change, or go, in any release.
author:
  - byok.aws maintainers (@byok-aws)
positional: _input, materials, within, renewed
options:
  _input:
    description: The keys, as RV(byok.aws.kms_imported_material_info#module:kms_keys).
    type: list
    elements: dict
    required: true
  materials:
    description: The options that give the material, or a list of them, by key ID, key ARN, alias or alias ARN.
    type: dict
    required: true
  within:
    description: What expires in this time is due, as a duration. Without it nothing is said of single materials.
    type: str
  renewed:
    description: The keys as M(byok.aws.kms_imported_material) returned them, of all calls.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show which keys there is no material for
  ansible.builtin.debug:
    msg: "{{ (expiring.kms_keys | byok.aws.kms_renewal_plan(materials)).unknown }}"
"""

RETURN = r"""
_value:
  description: >-
    C(rounds), for each call the value of O(byok.aws.kms_imported_material#module:keys); C(unknown), the keys without
    material; C(unread), those that could not be read; and C(left), the materials that are due and were not imported
    again, because nothing that was given is them.
  type: dict
"""

from ansible_collections.byok.aws.plugins.plugin_utils import renewal


class FilterModule:
    """Which material is imported again into which key."""

    def filters(self):
        return {"kms_renewal_plan": renewal.plan}
