#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key_canary
version_added: 1.0.0
short_description: Test AWS KMS keys with random data before and after a change
description:
  - Takes a canary of every key. A canary is random data and the answer of the key, such as a ciphertext. Later, the module uses the canary to
    prove that the key still works.
  - Symmetric keys, and RSA and SM2 keys for encryption, encrypt and later decrypt. HMAC keys generate a MAC and later verify it.
    Keys for signatures sign and later verify, and their public key must stay the same. For keys for key agreement, the module
    compares the public key.
  - The role P(byok.aws.kms_material_rotation#role) uses it around a rotation.
author:
  - byok.aws maintainers (@byok-aws)
options:
  keys:
    description: The keys to take a canary of, or to test with an earlier canary.
    type: list
    elements: dict
    required: true
    suboptions:
      key_id:
        description: The key, as key ID, key ARN, alias name (with C(alias/)) or alias ARN.
        type: str
        required: true
      canary:
        description:
          - The value of RV(canaries[].canary) for this key from an earlier task. The module tests the key with it and takes no new one.
        type: dict
      expected_key_material_id:
        description:
          - With O(keys[].canary), also encrypt something new and check that KMS uses this key material for it.
          - For symmetric keys, which encrypt with several materials over time.
        type: str
  take:
    description:
      - Whether to take a canary of keys without O(keys[].canary).
      - With V(false), the module only reads these keys.
    type: bool
    default: true
  wait_timeout:
    description:
      - In a test with an earlier canary, how many seconds to wait until KMS shows everywhere that the key has its material.
    type: int
    default: 30
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - byok.aws._attributes
  - byok.aws._attributes.actiongroup_aws
  - byok.aws._expected_account
  - byok.aws._attributes.info_module
requirements:
  - python >= 3.9
notes:
  - A canary holds random data, a ciphertext, MAC or signature of it, and public keys. None of them is a secret.
  - RV(canaries[].note) tells when a key is not enabled, its key usage has no canary, or permissions are missing. The task does not fail for these
    reasons, nor when a test fails, nor for a key of another account than O(expected_account). Check RV(canaries[].verdict).
seealso:
  - module: byok.aws.kms_imported_material
"""

EXAMPLES = r"""
- name: Take a canary of both keys
  byok.aws.kms_key_canary:
    keys:
      - key_id: alias/payments
      - key_id: alias/invoice-signing
  register: before

- name: Delete and import the material of both
  byok.aws.kms_imported_material:
    state: reimported
    keys:
      - key_id: alias/payments
        key_material_file: /etc/byok/payments.bin
      - key_id: alias/invoice-signing
        key_material_file: /etc/byok/invoice-signing.pem

- name: Prove that both still work
  byok.aws.kms_key_canary:
    keys: "{{ dict(arns | zip(taken)) | dict2items(key_name='key_id', value_name='canary') }}"
    take: false
  vars:
    arns: "{{ before.canaries | map(attribute='key_arn') }}"
    taken: "{{ before.canaries | map(attribute='canary') }}"
  register: after
  failed_when: after is failed or after.canaries | selectattr('verdict', 'equalto', 'failed') | length > 0
"""

RETURN = r"""
canaries:
  description: One entry for each key, in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    key_id:
      description: The key ID, or the value of O(keys[].key_id) when the key could not be read.
      type: str
      returned: always
      sample: 1234abcd-12ab-34cd-56ef-1234567890ab
    key_arn:
      description: The key ARN, if the key could be read.
      type: str
      returned: always
      sample: arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    key_spec:
      description: The key spec.
      type: str
      returned: always
      sample: SYMMETRIC_DEFAULT
    key_usage:
      description: The key usage.
      type: str
      returned: always
      sample: ENCRYPT_DECRYPT
    key_state:
      description: The state of the key.
      type: str
      returned: always
      sample: Enabled
    aliases:
      description: The names of the key, if the caller may list them.
      type: list
      elements: str
      returned: always
      sample: [alias/payments]
    kind:
      description: V(encrypt), V(mac), V(sign), V(public_key), or V(none).
      type: str
      returned: always
      sample: encrypt
    verdict:
      description: V(taken), V(passed), V(failed), or V(skipped).
      type: str
      returned: always
      sample: taken
    note:
      description: Why the test was skipped, what failed, or what the canary lacks.
      type: str
      returned: always
      sample: the key is Disabled
    error:
      description: Why the key could not be read, or is refused.
      type: dict
      returned: always
      contains:
        code:
          description: The error code of AWS, or V(InvalidInput), V(WrongAccount), V(ConnectionFailure).
          type: str
          returned: on failure
        message:
          description: What is wrong, on which key, and what to do.
          type: str
          returned: on failure
    canary:
      description: The value for O(keys[].canary) in a later task.
      type: dict
      returned: always
      sample: {kind: encrypt, challenge: eA==, algorithm: SYMMETRIC_DEFAULT, answer: AQICAHg=}
"""

from ansible_collections.byok.aws.plugins.module_utils._kms.canary.run import CanaryRequest
from ansible_collections.byok.aws.plugins.module_utils._kms.canary.run import visit_all
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import Outcome
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import run_module

ENTRY = {
    "key_id": {"type": "str", "required": True},
    "canary": {"type": "dict"},
    "expected_key_material_id": {"type": "str", "no_log": False},
}
ARGUMENT_SPEC = {
    "keys": {"type": "list", "elements": "dict", "required": True, "no_log": False, "options": ENTRY},
    "take": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 30},
    "expected_account": {"type": "str"},
}


def work(call):
    options = call.options
    common = {
        "take": options["take"],
        "patience": options["wait_timeout"],
        "expected_account": options["expected_account"],
    }
    requests = [CanaryRequest(**entry, **common) for entry in options["keys"]]
    canaries = visit_all(call.connect(), requests, call.region, call.ending)
    return Outcome(False, {"changed": False, "canaries": canaries})


def main():
    run_module(ARGUMENT_SPEC, work)


if __name__ == "__main__":
    main()
