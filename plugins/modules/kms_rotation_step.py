#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_rotation_step
version_added: 1.0.0
short_description: One step of a rotation, where its files are
description:
  - Carries out a step of the role P(byok.aws.kms_material_rotation#role) in one process - several calls of
    M(byok.aws.kms_key_canary), M(byok.aws.kms_imported_material) and M(byok.aws.kms_key_replacement) in one.
  - The action M(byok.aws.kms_rotation) decides which step, and about which keys.
  - This module is private to the role; it can change, or go, in any release.
author:
  - byok.aws maintainers (@byok-aws)
options:
  step:
    description: What to do - read and plan every key, take canaries, change keys, look at them afterwards, or only write files.
    type: str
    required: true
    choices: [plan, canary, change, verify, write]
  strategy:
    description: As in O(byok.aws.kms_material_rotation#role:main:kms_material_rotation_strategy).
    type: str
    default: reimport
    choices: [reimport, on_demand, alias]
  canaries:
    description: The keys that work on random data, or prove an earlier canary.
    type: list
    elements: dict
    suboptions:
      key_id:
        description: As in O(byok.aws.kms_key_canary#module:keys[].key_id).
        type: str
        required: true
      canary:
        description: As in O(byok.aws.kms_key_canary#module:keys[].canary).
        type: dict
      expected_key_material_id:
        description: As in O(byok.aws.kms_key_canary#module:keys[].expected_key_material_id).
        type: str
  files:
    description: Files to write before anything else is done. When one cannot be written, nothing else is done.
    type: list
    elements: dict
    suboptions:
      path:
        description: Where the file lies.
        type: path
        required: true
      content:
        description: What it holds.
        type: str
      state:
        description: V(absent) removes it, unless a file before it could not be written.
        type: str
        choices: [file, absent]
        default: file
  report_path:
    description: Where a report will be written.
    type: path
  identify:
    description: Whether to find out who makes the calls.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - byok.aws._attributes
  - byok.aws._attributes.actiongroup_aws
  - byok.aws._expected_account
  - byok.aws._rotation_step
requirements:
  - python >= 3.9
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - As the modules that it stands for.
seealso:
  - module: byok.aws.kms_rotation
"""

EXAMPLES = r"""
- name: Let a key work on random data
  byok.aws.kms_rotation_step:
    step: canary
    canaries:
      - key_id: alias/payments
"""

RETURN = r"""
unwritten:
  description: Why each file could not be written that could not, by path. When there is one, nothing was asked of KMS.
  returned: always
  type: dict
  sample: {}
files:
  description: What an earlier run has left in its C(journal) and beside it (C(tail)), and whether there is a preparation (C(prepared)).
  returned: O(step=plan)
  type: dict
  sample: {journal: null, tail: "", prepared: false}
stage:
  description: Which of two runs this is, or an empty text.
  returned: O(step=plan)
  type: str
  sample: ""
operator:
  description: The ARN of who makes the calls, or an empty text.
  returned: O(step=plan)
  type: str
  sample: arn:aws:iam::111122223333:user/custodian
looks:
  description: As RV(byok.aws.kms_key_canary#module:canaries), for each key before anything was done.
  returned: O(step=plan)
  type: list
  elements: dict
  sample: []
canaries:
  description: As RV(byok.aws.kms_key_canary#module:canaries).
  returned: O(step=canary) or O(step=verify)
  type: list
  elements: dict
  sample: []
kms_keys:
  description: As RV(byok.aws.kms_imported_material#module:kms_keys), or of the module M(byok.aws.kms_key_replacement).
  returned: when keys were planned, changed or read
  type: list
  elements: dict
  sample: []
keys_failed:
  description: Whether one of the keys failed.
  returned: when keys were planned, changed or read
  type: bool
  sample: false
msg:
  description: What became of the keys, in a sentence.
  returned: when keys were planned, changed or read
  type: str
  sample: "2 keys: 2 changed, 0 unchanged"
"""

from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import mask_misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import rotation_step_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.steps import work
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import run_module


def main():
    run_module(rotation_step_spec(), work, mask_misplaced)


if __name__ == "__main__":
    main()
