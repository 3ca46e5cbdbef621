#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_rotation
version_added: 1.0.0
short_description: One phase of the role kms_material_rotation
description:
  - Decides on the controller what a phase of the role P(byok.aws.kms_material_rotation#role) does, and has M(byok.aws.kms_rotation_step)
    do it on the host that the role runs for.
  - This module is private to the role; it can change, or go, in any release.
author:
  - byok.aws maintainers (@byok-aws)
options:
  phase:
    description:
      - V(plan) - look at every key and plan what will be done.
      - V(prepare) - prepare every key for a later run.
      - V(begin) - begin the journal and take canaries.
      - V(batch) - change the keys of a batch, import again what is missing, and write the journal.
      - V(verify) - read the keys again and prove the canaries.
      - V(finish) - end the journal, write the report, and say how the run ended.
    type: str
    required: true
    choices: [plan, prepare, begin, batch, verify, finish]
  options:
    description: With O(phase=plan), the variables of the role without their prefix, but for the keys.
    type: dict
  keys:
    description: The keys, each with its material. As O(byok.aws.kms_material_rotation#role:main:kms_material_rotation_keys).
    type: list
    elements: dict
    default: []
  run:
    description: After the plan, RV(part) of each phase so far.
    type: list
    elements: str
  batch:
    description: With O(phase=batch), which one, from 0 on.
    type: int
  broken:
    description: With O(phase=finish), why the run broke off, where the role knows it.
    type: str
    default: ""
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - byok.aws._attributes
  - byok.aws._attributes.actiongroup_aws
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Without C(no_log) alone.
  idempotent:
    support: partial
    details:
      - As the role.
notes:
  - Runs through an action plugin of the same name. It is not called by itself.
seealso:
  - module: byok.aws.kms_rotation_step
"""

EXAMPLES = r"""
- name: Read every key again, and prove the canaries
  byok.aws.kms_rotation:
    phase: verify
    run: "{{ parts }}"
    keys: "{{ kms_material_rotation_keys }}"
  no_log: true
"""

RETURN = r"""
part:
  description: What this phase has learned of the run, without any material, for the phases after it.
  returned: always
  type: str
  sample: eAGrVirNSU1RslIw0lFQKi1OLQIyawEzrQWk
problem:
  description: Why nothing was done, or an empty text.
  returned: always
  type: str
  sample: ""
plan:
  description: A line for each key.
  returned: O(phase=plan)
  type: list
  elements: str
  sample:
    - "alias/payments (SYMMETRIC_DEFAULT): ImportKeyMaterial, DeleteImportedKeyMaterial, ImportKeyMaterial; unusable for about 0.040 s"
batches:
  description: How many batches there are to change.
  returned: O(phase=plan)
  type: int
  sample: 2
go:
  description: Whether keys are changed in this run.
  returned: O(phase=plan)
  type: bool
  sample: true
stage:
  description: Which of two runs this is, where a preparation is kept, otherwise an empty text.
  returned: O(phase=plan)
  type: str
  sample: ""
progress:
  description: Which batch it was, how many keys are done, and how long the rest takes by the quotas of KMS.
  returned: O(phase=batch)
  type: str
  sample: "Batch 2 of 5: 100 done, 0 failed, 140 left, about 148 s by the quotas of KMS"
stopped:
  description: Whether no other batch may begin.
  returned: O(phase=begin) or O(phase=batch)
  type: bool
  sample: false
failure:
  description: Why the role fails, or an empty text.
  returned: O(phase=finish)
  type: str
  sample: ""
unreported:
  description: Why the report could not be written, or an empty text.
  returned: O(phase=finish)
  type: str
  sample: ""
outcome:
  description: How many keys were changed.
  returned: O(phase=finish)
  type: str
  sample: "240 keys: 240 changed, 0 unchanged"
"""
