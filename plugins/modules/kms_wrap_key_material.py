#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_wrap_key_material
version_added: 1.0.0
short_description: Wrap key material for AWS KMS, offline
description:
  - The second of three steps by which key material gets into AWS KMS from a machine that has no network.
  - It wraps the material of one key or many for the bundle of M(byok.aws.kms_import_parameters), and writes a bundle that holds the
    wrapped material and no plaintext. M(byok.aws.kms_imported_material) with
    O(byok.aws.kms_imported_material#module:bundle_path) imports that.
  - It calls neither AWS nor any other service, and needs Python and the library C(cryptography) alone.
  - It checks everything that can be checked without AWS - the material against the key spec (length, curve), the deadline of the import
    token, type and size of the wrapping key, and what the custodians were told. It writes nothing when any key fails.
author:
  - byok.aws maintainers (@byok-aws)
options:
  path:
    description:
      - The bundle of M(byok.aws.kms_import_parameters), on the machine where the module runs. The rules for O(key_material_file) apply to it.
    type: path
    required: true
  dest:
    description:
      - The bundle with the wrapped material. The module writes it with mode 0600. It may be the same file as O(path).
      - Keys of O(path) that this task does not name go there as they are. What an earlier task has wrapped for the same request stays.
    type: path
    required: true
  key_id:
    description:
      - The ARN of the key that the material is for. Not needed when the bundle has one key.
      - A bundle is valid for key ARNs, not for key IDs or aliases.
    type: str
    aliases: [key_arn]
  keys:
    description: Many keys in one task, each with its own material.
    type: list
    elements: dict
    suboptions:
      key_id:
        description: The ARN of the key.
        type: str
        required: true
        aliases: [key_arn]
      key_material:
        description: For this key, as in O(key_material).
        type: str
      key_material_file:
        description: For this key, as in O(key_material_file).
        type: path
      components:
        description: For this key, as in O(components).
        type: list
        elements: dict
        suboptions:
          key_material:
            description: As in O(components[].key_material).
            type: str
          key_material_file:
            description: As in O(components[].key_material_file).
            type: path
          check_value:
            description: As in O(components[].check_value).
            type: str
            required: true
      check_value:
        description: For this key, as in O(check_value).
        type: str
      wrapping_key_fingerprint:
        description: For this key, as in O(wrapping_key_fingerprint).
        type: str
      allow:
        description: For this key, as in O(allow), in place of what stands there.
        type: list
        elements: str
        choices: [loose_file, weak_material, plaintext_file_transfer]
  key_material:
    description:
      - The plaintext material, as base64, as in O(byok.aws.kms_imported_material#module:key_material).
      - Set one of this, O(key_material_file) and O(components), or O(keys).
    type: str
  key_material_file:
    description: A file with the material, as in O(byok.aws.kms_imported_material#module:key_material_file).
    type: path
  components:
    description: The material as components, two or more, as in O(byok.aws.kms_imported_material#module:components).
    type: list
    elements: dict
    suboptions:
      key_material:
        description: The component, as base64. Set either this or O(components[].key_material_file).
        type: str
      key_material_file:
        description: A file with the component, as raw bytes.
        type: path
      check_value:
        description: The check value of the component, as in O(byok.aws.kms_imported_material#module:components[].check_value).
        type: str
        required: true
  check_value:
    description:
      - The check value that the whole material must have, 6, 8 or 10 hexadecimal digits. It is made as those of components are.
    type: str
  wrapping_key_fingerprint:
    description:
      - The fingerprint that the wrapping key must have, 64 hexadecimal digits, as RV(kms_keys[].wrapping_key_fingerprint) of
        M(byok.aws.kms_import_parameters) tells it. Blanks and colons between the digits do not matter.
      - Get it by another way than the bundle. A person who replaces the wrapping key on the way can unwrap the material.
    type: str
  allow:
    description:
      - Allows things that the module otherwise refuses to protect the material.
      - V(loose_file) - read a file on which group or others have a permission.
      - V(weak_material) - wrap material that somebody can guess.
      - V(plaintext_file_transfer) - write a O(key_material) to temporary files where Ansible cannot send it through a pipe.
      - They are those of O(byok.aws.kms_imported_material#module:allow).
    type: list
    elements: str
    choices: [loose_file, weak_material, plaintext_file_transfer]
extends_documentation_fragment:
  - byok.aws._attributes
  - byok.aws._attributes.offline
  - byok.aws._attributes.action
attributes:
  action:
    support: full
  async:
    support: partial
    details:
      - A task with O(key_material), or components with one, needs O(allow=plaintext_file_transfer).
  check_mode:
    support: full
    details:
      - Makes every check, and writes nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - Material that is wrapped for the same request already, by its fingerprint, is not wrapped again.
requirements:
  - python >= 3.9
  - cryptography
notes:
  - The deadline of a bundle is compared with the clock of this machine.
seealso:
  - module: byok.aws.kms_import_parameters
  - module: byok.aws.kms_imported_material
"""

EXAMPLES = r"""
- name: Wrap the material of the one key in a bundle
  byok.aws.kms_wrap_key_material:
    path: /etc/byok/requested-payments.json
    dest: /etc/byok/wrapped-payments.json
    key_material_file: /etc/byok/payments.bin

- name: Wrap what two custodians bring, and compare what they were told
  byok.aws.kms_wrap_key_material:
    path: /etc/byok/requested-vault.json
    dest: /etc/byok/wrapped-vault.json
    wrapping_key_fingerprint: "{{ vault_wrapping_key_fingerprint }}"
    check_value: "{{ vault_check_value }}"
    components:
      - key_material_file: /etc/byok/vault-1.component
        check_value: "{{ vault_check_value_1 }}"
      - key_material_file: /etc/byok/vault-2.component
        check_value: "{{ vault_check_value_2 }}"
"""

RETURN = r"""
kms_keys:
  description: One entry for each key, in the order given. A task without O(keys) has its fields at the top level, too.
  returned: always
  type: list
  elements: dict
  contains:
    key_id:
      description: The key ID.
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
    check_value:
      description: The check value of the material, for people to compare.
      returned: always
      type: str
      sample: 1A0B2DF267
    fingerprint:
      description: The fingerprint of the material for this key, by which the import recognises it.
      returned: always
      type: str
      sample: 0f1e2d3c4b5a69788796a5b4c3d2e1f0
    wrapping_key_fingerprint:
      description: The SHA-256 of the wrapping key (DER SubjectPublicKeyInfo), for people to compare.
      returned: always
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    wrapping_algorithm:
      description: How the material is wrapped.
      returned: always
      type: str
      sample: RSAES_OAEP_SHA_256
    wrapping_key_spec:
      description: The kind of the wrapping key.
      returned: always
      type: str
      sample: RSA_4096
    valid_to:
      description: When KMS ceases to take the wrapped material, in UTC.
      returned: always
      type: str
      sample: "2030-01-31T12:00:00+00:00"
    source:
      description: Where the material came from, V(inline), V(file) or V(components).
      returned: always
      type: str
      sample: components
    plaintext_seen:
      description: Whether plaintext material was in the memory of the module.
      returned: always
      type: bool
      sample: true
    changed:
      description: Whether O(dest) has new wrapped material of this key; in check mode, whether it would have.
      returned: always
      type: bool
      sample: true
    error:
      description: What went wrong, for a key that failed.
      returned: always
      type: dict
      contains:
        code:
          description: An error code of this collection, such as V(InvalidInput).
          type: str
          returned: on failure
        message:
          description: What is wrong, on which key, and what to do.
          type: str
          returned: on failure
bundle_path:
  description: The bundle with the wrapped material, as in O(dest).
  returned: when the options could be read
  type: str
  sample: /etc/byok/wrapped.json
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony.arguments import wrap_key_material_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony.wrap import run
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import mask_misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.service.process import attended


def main():
    with attended():
        module = AnsibleModule(
            argument_spec=wrap_key_material_spec(),
            mutually_exclusive=[("key_id", "keys"), ("key_material", "key_material_file", "components")],
            supports_check_mode=True,
        )
        mask_misplaced(module)
        failed, result = run(module.params, module.check_mode)
        if failed:
            module.fail_json(**result)
        module.exit_json(**result)


if __name__ == "__main__":
    main()
