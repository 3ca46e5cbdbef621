#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_imported_material_info
version_added: 1.0.0
short_description: State and expiry of imported key material in AWS KMS
description:
  - Lists AWS KMS keys whose origin is C(EXTERNAL), with every material that was imported into them. Shows which material is missing,
    and when each one expires.
  - Finds the keys by itself when the task names none, as fast as the request quotas of KMS allow.
  - After an expiry, C(ListKeyRotations) still shows the material as imported. The module uses C(DescribeKey) and the clock of KMS
    instead, and a warning says so.
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_ids:
    description:
      - The keys, each as key ID, key ARN, alias name (with C(alias/)) or alias ARN.
      - Without this option, the module returns every C(EXTERNAL) key of the Region.
    type: list
    elements: str
  expiring_within:
    description:
      - Return only keys with material that has expired, or expires within this time, such as V(30d) or V(12h).
      - The module also returns keys that it could not read.
    type: str
  request_rates:
    description:
      - The request quotas of the account and Region, where they differ from the defaults of AWS. A dictionary of calls per second
        by API operation, for example C(ListKeyRotations) with 200. Each number is V(0.001) or more.
    type: dict
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
  - botocore >= 1.38.31
notes:
  - Without O(key_ids), the task fails when the keys are in another account than O(expected_account). In a Region without any key, that
    costs one C(sts:GetCallerIdentity), at O(endpoint_url) if that is set.
seealso:
  - module: byok.aws.kms_imported_material
  - module: amazon.aws.kms_key_info
"""

EXAMPLES = r"""
- name: List every key with imported material
  byok.aws.kms_imported_material_info:

- name: List what expires within 30 days
  byok.aws.kms_imported_material_info:
    expiring_within: 30d
  register: expiring

- name: Look at one key
  byok.aws.kms_imported_material_info:
    key_ids:
      - alias/payments
"""

RETURN = r"""
kms_keys:
  description: One entry for each key, in the order given or as KMS lists them.
  returned: always
  type: list
  elements: dict
  contains:
    key_id:
      description: The key ID, or the identifier in O(key_ids) when the key could not be read and the identifier does not contain its key ID.
      returned: always
      type: str
      sample: 1234abcd-12ab-34cd-56ef-1234567890ab
    key_arn:
      description: The key ARN.
      returned: when the key could be read, was found by listing, or was given by its ARN
      type: str
      sample: arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    aliases:
      description: The alias names of the key.
      returned: always
      type: list
      elements: str
      sample: [alias/payments]
    key_spec:
      description: The key spec.
      returned: when the key could be read
      type: str
      sample: SYMMETRIC_DEFAULT
    key_usage:
      description: The key usage.
      returned: when the key could be read
      type: str
      sample: ENCRYPT_DECRYPT
    key_state:
      description: The key state.
      returned: when the key could be read
      type: str
      sample: Enabled
    enabled:
      description: Whether the key is enabled.
      returned: when the key could be read
      type: bool
      sample: true
    usable:
      description: Whether the key can be used now, with no material missing.
      returned: when the key could be read
      type: bool
      sample: true
    origin:
      description: The origin of the material.
      returned: when the key could be read
      type: str
      sample: EXTERNAL
    creation_date:
      description: When the key was created.
      returned: when the key could be read
      type: str
      sample: "2030-01-01T00:00:00+00:00"
    multi_region:
      description: Whether it is a multi-Region key.
      returned: when the key could be read
      type: bool
      sample: false
    multi_region_key_type:
      description: V(PRIMARY) or V(REPLICA) for a multi-Region key.
      returned: when the key could be read
      type: str
      sample: PRIMARY
    replica_regions:
      description: The Regions of the replicas, as KMS lists them.
      returned: when the key could be read
      type: list
      elements: str
      sample: [eu-west-1]
    current_key_material_id:
      description: The material that encrypts. Symmetric keys only.
      returned: when the key could be read
      type: str
      sample: 123456789012345678901234567890123456789012345678901234567890abcd
    expiration_model:
      description: Whether material of the key expires.
      returned: when the key could be read
      type: str
      sample: KEY_MATERIAL_EXPIRES
    valid_to:
      description: When the first material of the key expires, as C(DescribeKey) shows it.
      returned: when the key could be read
      type: str
      sample: "2030-01-31T12:00:00+00:00"
    current_expiration_model:
      description:
        - Whether the current material itself expires. On keys that are not symmetric, it is the only one.
        - Not set when the key holds no current material.
      returned: when the key could be read
      type: str
      sample: KEY_MATERIAL_EXPIRES
    current_valid_to:
      description:
        - When the current material itself expires, in UTC. RV(kms_keys[].valid_to) is that of the material that expires first.
        - Not set when it does not expire, and as for RV(kms_keys[].current_expiration_model).
      returned: when the key could be read
      type: str
      sample: "2030-04-30T12:00:00+00:00"
    expiring_materials:
      description:
        - Every material whose expiry makes the whole key unusable, the current one and older ones, the first to expire first.
        - Symmetric keys only.
      returned: when the key could be read
      type: list
      elements: dict
      contains:
        key_material_id:
          description: The ID of the material.
          returned: always
          type: str
          sample: 123456789012345678901234567890123456789012345678901234567890abcd
        key_material_state:
          description: V(CURRENT) or V(NON_CURRENT).
          returned: always
          type: str
          sample: NON_CURRENT
        valid_to:
          description: When it expires, in UTC.
          returned: always
          type: str
          sample: "2030-01-31T12:00:00+00:00"
    seconds_to_expiry:
      description: The time until the first material expires. Negative after it has expired. Not set when no material expires.
      returned: when the key could be read
      type: int
      sample: 2592000
    materials:
      description: Every material, the oldest first. Symmetric keys only.
      returned: when the key could be read
      type: list
      elements: dict
      contains:
        key_material_id:
          description: The ID that KMS gave the material.
          returned: always
          type: str
          sample: 123456789012345678901234567890123456789012345678901234567890abcd
        key_material_state:
          description: V(CURRENT), V(NON_CURRENT), V(PENDING_ROTATION) or V(PENDING_MULTI_REGION_IMPORT_AND_ROTATION).
          returned: always
          type: str
          sample: CURRENT
        import_state:
          description: V(IMPORTED) or V(PENDING_IMPORT). Expired material is V(PENDING_IMPORT), whatever C(ListKeyRotations) shows.
          returned: always
          type: str
          sample: IMPORTED
        expired:
          description: Whether C(ListKeyRotations) shows it as imported although it has expired.
          returned: always
          type: bool
          sample: false
        expiration_model:
          description: Whether it expires.
          returned: always
          type: str
          sample: KEY_MATERIAL_EXPIRES
        valid_to:
          description: When it expires.
          returned: always
          type: str
          sample: "2030-01-31T12:00:00+00:00"
        seconds_to_expiry:
          description: The time until it expires. Negative after it has expired. Not set when it does not expire.
          returned: always
          type: int
          sample: 2592000
        valid_for:
          description:
            - The lifetime with which it was imported, if M(byok.aws.kms_imported_material) recorded it
              (O(byok.aws.kms_imported_material#module:valid_for)). A rotation uses it again when its task says nothing about the expiry.
          returned: always
          type: str
          sample: 90d
        key_material_description:
          description: The text that KMS keeps with it, without the fingerprint.
          returned: always
          type: str
          sample: vault item payments 2030
        rotation_date:
          description: When KMS rotated the key to it.
          returned: always
          type: str
          sample: "2030-01-01T00:00:00+00:00"
    missing_key_material_ids:
      description: The materials that you have to import again before the key can be used.
      returned: when the key could be read
      type: list
      elements: str
      sample: []
    pending_key_material_id:
      description: The material that waits for its rotation.
      returned: when the key could be read
      type: str
      sample: 123456789012345678901234567890123456789012345678901234567890abcd
    rotations_left:
      description: How many of the 25 on-demand rotations are left. Symmetric keys only.
      returned: when the key could be read
      type: int
      sample: 24
    error:
      description: Why the key could not be read, for example because access is denied.
      returned: always
      type: dict
      contains:
        code:
          description: The error code of AWS, or V(InvalidInput), V(WrongAccount).
          returned: on failure
          type: str
        message:
          description: What is wrong, on which key, and what to do.
          returned: on failure
          type: str
        operation:
          description: The API operation that failed.
          returned: on failure
          type: str
"""

from ansible_collections.byok.aws.plugins.module_utils._kms.inventory import run as inventory
from ansible_collections.byok.aws.plugins.module_utils._kms.service.operations import require_botocore
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import Outcome
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import run_module
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import Pacer
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import read_rates

ARGUMENT_SPEC = {
    "key_ids": {"type": "list", "elements": "str", "no_log": False},
    "expiring_within": {"type": "str"},
    "request_rates": {"type": "dict"},
    "expected_account": {"type": "str"},
}


def work(call):
    options = call.options
    within = inventory.read_within(options["expiring_within"])
    rates = read_rates(options["request_rates"])
    require_botocore("to read the materials of symmetric keys")
    account = inventory.Account(options["expected_account"], call.identify)
    found = inventory.survey(call.connect(), options["key_ids"], Pacer(rates, call.ending), account)
    kept = [one for one in found if within is None or inventory.expires_within(one, within)]
    result = {"changed": False, "kms_keys": [inventory.entry(one) for one in kept]}
    return Outcome(False, result, tuple(inventory.warnings(found)))


def main():
    run_module(ARGUMENT_SPEC, work)


if __name__ == "__main__":
    main()
