# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kms_rotation_course
version_added: 1.0.0
short_description: What a key rotation has to do next
description:
  - Tells the role P(byok.aws.kms_material_rotation#role), from the results of its tasks so far, what is refused, which
    keys are still to be changed, which have to be rescued, and what its journal has to keep.
  - This filter is private to the role; it can change, or go, in any release.
author:
  - byok.aws maintainers (@byok-aws)
positional: _input
options:
  _input:
    description: The results of the role's tasks so far.
    type: dict
    required: true
  journal:
    description: Return what the journal has to hold instead, V(unfinished) while the role runs, V(finished) at its end.
    type: str
    choices: [unfinished, finished]
  misplaced:
    description:
      - Return the names of options instead that hold what looks like key material, though they are not made for it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what is refused
  ansible.builtin.debug:
    msg: "{{ (results | byok.aws.kms_rotation_course).refusals }}"
  vars:
    results: "{{ the_results_of_the_role }}"
"""

RETURN = r"""
_value:
  description: What the tasks of the role decide by, or the content of the journal, or names.
  type: raw
"""

import time

from ansible_collections.byok.aws.plugins.plugin_utils import rotation


def kms_rotation_course(results, journal=None, misplaced=False):
    if misplaced:
        return rotation.misplaced_options(results)
    if journal is None:
        return rotation.course(results)
    return rotation.journal(results, journal == "finished", time.time())


class FilterModule:
    """What a key rotation has to do next."""

    def filters(self):
        return {"kms_rotation_course": kms_rotation_course}
