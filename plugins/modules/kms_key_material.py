#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key_material
version_added: 1.0.0
short_description: Make key material for AWS KMS
description:
  - Makes new key material of the right kind for a key spec, or for a KMS key that is there, into a file or into components.
  - Raw random bytes for symmetric and HMAC keys, a private key in PKCS#8 DER for RSA and elliptic curve keys.
  - It never overwrites a file. Where the files are there already, it checks them and changes nothing.
  - It returns a check value and a fingerprint, never the material.
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_spec:
    description:
      - The key spec. Set either this or O(key_id). With this the module calls neither AWS nor any other service.
    type: str
    choices:
      - SYMMETRIC_DEFAULT
      - HMAC_224
      - HMAC_256
      - HMAC_384
      - HMAC_512
      - RSA_2048
      - RSA_3072
      - RSA_4096
      - ECC_NIST_P256
      - ECC_NIST_P384
      - ECC_NIST_P521
      - ECC_SECG_P256K1
      - ECC_NIST_EDWARDS25519
  key_id:
    description:
      - The key that the material is for, as key ID, key ARN, alias name (with C(alias/)) or alias ARN. The module reads its key spec.
    type: str
  key_material_file:
    description:
      - The file for the material, on the machine where the module runs, for
        O(byok.aws.kms_imported_material#module:key_material_file). It gets mode 0600.
      - Its directory must belong to root or to the user who runs the module, and nobody else may write to it, unless it has the sticky bit.
      - Set either this or O(component_files).
    type: path
  component_files:
    description:
      - Two files or more, one for each custodian, for the components of the material (split knowledge). No file has the key; all of
        them together make it. RV(components) can be given to O(byok.aws.kms_imported_material#module:components) as it is.
      - The whole material is in the memory of the module while it runs, and nowhere else.
    type: list
    elements: path
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
      - Makes no material.
  diff_mode:
    support: none
  idempotent:
    support: full
requirements:
  - python >= 3.9
  - cryptography
  - boto3 and botocore only with O(key_id)
notes:
  - The material is as good as the random numbers of the machine's operating system. Where a key must come from an HSM, make it there.
  - Keep the material. KMS gives nothing back.
seealso:
  - module: byok.aws.kms_imported_material
  - module: byok.aws.kms_wrap_key_material
"""

EXAMPLES = r"""
- name: Make the material of a key
  byok.aws.kms_key_material:
    key_id: alias/payments
    key_material_file: /etc/byok/new-payments.bin

- name: Make a private key, offline
  byok.aws.kms_key_material:
    key_spec: RSA_2048
    key_material_file: /etc/byok/new-invoice-signing.der

- name: Make components for two custodians
  byok.aws.kms_key_material:
    key_spec: SYMMETRIC_DEFAULT
    component_files:
      - /etc/byok/new-1.component
      - /etc/byok/new-2.component
"""

RETURN = r"""
key_spec:
  description: The key spec that the material is for.
  returned: success
  type: str
  sample: SYMMETRIC_DEFAULT
key_id:
  description: The key ID, with O(key_id).
  returned: success
  type: str
  sample: 1234abcd-12ab-34cd-56ef-1234567890ab
key_arn:
  description: The key ARN, with O(key_id).
  returned: success
  type: str
  sample: arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
check_value:
  description: The check value of the whole material, as in O(byok.aws.kms_imported_material#module:components[].check_value). Not set in check
    mode for material that would be made.
  returned: success
  type: str
  sample: 1A0B2DF267
fingerprint:
  description: The fingerprint of the material for the key, with O(key_id). It is the one that the description of the imported material has.
  returned: success
  type: str
  sample: 0f1e2d3c4b5a69788796a5b4c3d2e1f0
key_material_file:
  description: The file with the material.
  returned: success
  type: str
  sample: /etc/byok/payments.bin
components:
  description: The components, each with its file and its check value.
  returned: success
  type: list
  elements: dict
  contains:
    key_material_file:
      description: The file with the component.
      returned: success
      type: str
      sample: /media/first/payments.component
    check_value:
      description: The check value of the component. Not set in check mode for components that would be made.
      returned: success
      type: str
      sample: 7AD386C376
"""

from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony.arguments import key_material_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony.generate import run
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import mask_misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import run_module


def work(call):
    return run(
        call.options,
        region=call.region if call.options["key_id"] else call.options.get("region"),
        connect=call.connect,
        check_mode=call.check_mode,
        ending=call.ending,
    )


def main():
    one = [("key_spec", "key_id"), ("key_material_file", "component_files")]
    run_module(
        key_material_spec(), work, mask_misplaced, mutually_exclusive=one, required_one_of=one, check_boto3=False
    )


if __name__ == "__main__":
    main()
