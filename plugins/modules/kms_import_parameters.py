#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_import_parameters
version_added: 1.0.0
short_description: Request import parameters of AWS KMS keys for an offline ceremony
description:
  - The first of three steps by which key material gets into AWS KMS from a machine that has no network.
  - It asks KMS for the import parameters of one key or many (a wrapping key and an import token, valid for 24 hours), and keeps them in a
    bundle, a file. On the machine with the material, M(byok.aws.kms_wrap_key_material) wraps the material for it. Then
    M(byok.aws.kms_imported_material) with O(byok.aws.kms_imported_material#module:bundle_path) imports it.
  - It changes nothing in KMS. No plaintext is ever on the machine where it runs.
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_id:
    description:
      - The key, as key ID, key ARN, alias name (with C(alias/)) or alias ARN.
      - The module resolves an alias once. The bundle is valid for the key ARN.
      - Set either O(key_id) or O(keys).
    type: str
  keys:
    description: Many keys in one task. An entry takes what it leaves out from the options of the same name beside this one.
    type: list
    elements: dict
    suboptions:
      key_id:
        description: The key, as in O(key_id).
        type: str
        required: true
      name:
        description: What messages call the key. The default is O(keys[].key_id).
        type: str
      wrapping_algorithm:
        description: For this key, as in O(wrapping_algorithm).
        type: str
        choices: [RSAES_OAEP_SHA_256, RSAES_OAEP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, RSA_AES_KEY_WRAP_SHA_1]
      wrapping_key_spec:
        description: For this key, as in O(wrapping_key_spec).
        type: str
        choices: [RSA_4096, RSA_3072, RSA_2048]
  path:
    description:
      - The bundle, a file on the machine where the module runs. The module writes it with mode 0600.
      - Its directory must belong to root or to the user who runs the module, and nobody else may write to it, unless it has the sticky bit.
      - A bundle that is there is kept as far as it serves. Entries of other keys stay as long as KMS takes their import tokens.
      - The format is described in C(docs/bundle-format.md) of the collection.
    type: path
    required: true
  min_validity:
    description:
      - The module keeps the import parameters of a key that are valid for so long at least, and requests all others.
      - At least V(15m), and less than V(24h).
    type: str
    default: 4h
  wrapping_algorithm:
    description:
      - How the material will be wrapped. The default is the strongest algorithm that KMS accepts for the key spec,
        V(RSA_AES_KEY_WRAP_SHA_256) for RSA keys and V(RSAES_OAEP_SHA_256) for all others.
    type: str
    choices: [RSAES_OAEP_SHA_256, RSAES_OAEP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, RSA_AES_KEY_WRAP_SHA_1]
  wrapping_key_spec:
    description: The kind of wrapping key that KMS hands out. The default is V(RSA_4096).
    type: str
    choices: [RSA_4096, RSA_3072, RSA_2048]
  allow:
    description:
      - Allows things that the module otherwise refuses to protect the material.
      - V(loose_file) - read a bundle that is there, and on which group or others have a permission.
      - V(unverified_endpoint) - accept a wrapping key from an endpoint although no certificate proves that it is KMS. The sender of a
        wrapping key can unwrap the material.
    type: list
    elements: str
    choices: [loose_file, unverified_endpoint]
  request_rates:
    description:
      - The request quotas of the account and Region, where they differ from the defaults of AWS. A dictionary of calls per second
        by API operation, for example C(GetParametersForImport) with 5. Each number is V(0.001) or more.
    type: dict
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - byok.aws._attributes
  - byok.aws._attributes.actiongroup_aws
  - byok.aws._expected_account
attributes:
  check_mode:
    support: full
    details:
      - Reads the keys and the bundle, requests nothing and writes nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - As long as the import parameters in the bundle are valid for O(min_validity).
requirements:
  - python >= 3.9
  - cryptography
notes:
  - KMS grants one set of import parameters a second, so that 100 keys take 100 seconds.
  - Tell the custodians RV(kms_keys[].wrapping_key_fingerprint) by another way than the bundle. They compare it before they wrap.
seealso:
  - module: byok.aws.kms_wrap_key_material
  - module: byok.aws.kms_imported_material
"""

EXAMPLES = r"""
# The examples take region and credentials from module_defaults with group/byok.aws.aws, or from the environment.

- name: Request import parameters of two keys
  byok.aws.kms_import_parameters:
    path: /etc/byok/ceremony.json
    keys:
      - key_id: alias/payments
      - key_id: alias/invoice-signing

- name: Have them valid for 20 hours at least, with SHA-1 for an HSM that does no other OAEP
  byok.aws.kms_import_parameters:
    path: /etc/byok/ceremony.json
    key_id: alias/payments
    wrapping_algorithm: RSAES_OAEP_SHA_1
    min_validity: 20h
"""

RETURN = r"""
kms_keys:
  description: One entry for each key, in the order given. A task with O(key_id) has its fields at the top level, too.
  returned: always
  type: list
  elements: dict
  contains:
    requested_key_id:
      description: What the task calls the key.
      returned: always
      type: str
      sample: alias/payments
    key_id:
      description: The key ID; what was given as O(key_id) when the key could not be read.
      returned: always
      type: str
      sample: 1234abcd-12ab-34cd-56ef-1234567890ab
    key_arn:
      description: The key ARN.
      returned: always
      type: str
      sample: arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    key_spec:
      description: The key spec.
      returned: always
      type: str
      sample: SYMMETRIC_DEFAULT
    changed:
      description: Whether new import parameters were requested; in check mode, whether they would be.
      returned: always
      type: bool
      sample: true
    state:
      description: What the bundle has of the key, V(requested) or, when material was wrapped for it already, V(wrapped). Not set in check
        mode for what would be requested.
      returned: always
      type: str
      sample: requested
    valid_to:
      description: When KMS ceases to take the import token, in UTC.
      returned: always
      type: str
      sample: "2030-01-31T12:00:00+00:00"
    wrapping_algorithm:
      description: How the material has to be wrapped.
      returned: always
      type: str
      sample: RSAES_OAEP_SHA_256
    wrapping_key_spec:
      description: The kind of the wrapping key.
      returned: always
      type: str
      sample: RSA_4096
    wrapping_key_fingerprint:
      description: The SHA-256 of the wrapping key (DER SubjectPublicKeyInfo), as 64 hexadecimal digits.
      returned: always
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    request_ids:
      description: The request ID of C(GetParametersForImport), to look up in AWS CloudTrail.
      returned: always
      type: list
      elements: str
      sample: [1a2b3c4d-0000-1111-2222-333344445555]
    endpoint_url:
      description: The endpoint that answered.
      returned: always
      type: str
      sample: https://kms.us-east-1.amazonaws.com
    error:
      description: What went wrong, for a key that failed.
      returned: always
      type: dict
      contains:
        code:
          description: The error code of AWS, or one of this collection.
          type: str
          returned: on failure
        message:
          description: What is wrong, on which key, and what to do.
          type: str
          returned: on failure
        aws_message:
          description: The text of AWS.
          type: str
          returned: on failure
        operation:
          description: The API operation that failed.
          type: str
          returned: on failure
        request_id:
          description: The request ID of the call that failed.
          type: str
          returned: on failure
bundle_path:
  description: The bundle, for O(byok.aws.kms_wrap_key_material#module:path).
  returned: always
  type: str
  sample: /etc/byok/ceremony.json
"""

from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony.arguments import import_parameters_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony.request import run
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import ONE_OR_MANY
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import mask_misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import run_module


def work(call):
    return run(call.options, region=call.region, connect=call.connect, check_mode=call.check_mode, ending=call.ending)


def main():
    run_module(import_parameters_spec(), work, mask_misplaced, **ONE_OR_MANY)


if __name__ == "__main__":
    main()
