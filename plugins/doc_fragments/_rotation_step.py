# SPDX-FileCopyrightText: byok.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is private to the collection: it can change, or go, in any release.

from __future__ import annotations


class ModuleDocFragment:
    """What kms_rotation_step takes of the modules that it stands for. A test compares it with their argument specs."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - As in O(byok.aws.kms_imported_material#module:state).
    type: str
    choices:
      - absent
      - present
      - reimported
      - current
  stage:
    description:
      - As in O(byok.aws.kms_imported_material#module:stage).
    type: str
    choices:
      - prepare
      - change
  stage_path:
    description:
      - As in O(byok.aws.kms_imported_material#module:stage_path).
    type: path
  request_rates:
    description:
      - As in O(byok.aws.kms_imported_material#module:request_rates).
    type: dict
  journal_path:
    description:
      - As in O(byok.aws.kms_imported_material#module:journal_path).
    type: path
  wait_timeout:
    description:
      - As in O(byok.aws.kms_imported_material#module:wait_timeout).
    type: int
  allow:
    description:
      - As in O(byok.aws.kms_imported_material#module:allow).
    type: list
    elements: str
    choices:
      - loose_file
      - weak_material
      - plaintext_file_transfer
      - unverified_endpoint
  old_key:
    description:
      - As in O(byok.aws.kms_key_replacement#module:old_key).
    type: str
    choices:
      - leave
      - disable
      - delete
  pending_window:
    description:
      - As in O(byok.aws.kms_key_replacement#module:pending_window).
    type: int
  canary:
    description:
      - As in O(byok.aws.kms_key_replacement#module:canary).
    type: bool
  keys:
    description:
      - As in O(byok.aws.kms_imported_material#module:keys).
    type: list
    elements: dict
    suboptions:
      key_id:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].key_id).
        type: str
        required: true
      name:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].name).
        type: str
      key_material:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].key_material).
        type: str
      key_material_file:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].key_material_file).
        type: path
      components:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].components).
        type: list
        elements: dict
        suboptions:
          key_material:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].components[].key_material).
            type: str
          key_material_file:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].components[].key_material_file).
            type: path
          check_value:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].components[].check_value).
            type: str
            required: true
      pkcs11:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].pkcs11).
        type: dict
        suboptions:
          library:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].pkcs11.library).
            type: path
            required: true
          token_label:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].pkcs11.token_label).
            type: str
            required: true
          pin:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].pkcs11.pin).
            type: str
          pin_file:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].pkcs11.pin_file).
            type: path
          key_label:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].pkcs11.key_label).
            type: str
          key_id:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].pkcs11.key_id).
            type: str
          generate:
            description:
              - As in O(byok.aws.kms_imported_material#module:keys[].pkcs11.generate).
            type: bool
            default: false
      key_material_description:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].key_material_description).
        type: str
      valid_to:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].valid_to).
        type: str
      valid_for:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].valid_for).
        type: str
      renew_before:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].renew_before).
        type: str
      expiration_model:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].expiration_model).
        type: str
        choices:
          - KEY_MATERIAL_EXPIRES
          - KEY_MATERIAL_DOES_NOT_EXPIRE
      wait:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].wait).
        type: bool
      wait_timeout:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].wait_timeout).
        type: int
      force:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].force).
        type: bool
      lift_cut_off:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].lift_cut_off).
        type: bool
      allow:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].allow).
        type: list
        elements: str
        choices:
          - loose_file
          - weak_material
          - plaintext_file_transfer
          - unverified_endpoint
      wrapping_algorithm:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].wrapping_algorithm).
        type: str
        choices:
          - RSAES_OAEP_SHA_256
          - RSAES_OAEP_SHA_1
          - RSA_AES_KEY_WRAP_SHA_256
          - RSA_AES_KEY_WRAP_SHA_1
          - SM2PKE
      wrapping_key_spec:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].wrapping_key_spec).
        type: str
        choices:
          - RSA_4096
          - RSA_3072
          - RSA_2048
          - SM2
      aliases:
        description:
          - As in O(byok.aws.kms_key_replacement#module:keys[].aliases).
        type: list
        elements: str
      old_key:
        description:
          - As in O(byok.aws.kms_key_replacement#module:keys[].old_key).
        type: str
        choices:
          - leave
          - disable
          - delete
      pending_window:
        description:
          - As in O(byok.aws.kms_key_replacement#module:keys[].pending_window).
        type: int
      canary:
        description:
          - As in O(byok.aws.kms_key_replacement#module:keys[].canary).
        type: bool
      bypass_policy_lockout_safety_check:
        description:
          - As in O(byok.aws.kms_key_replacement#module:keys[].bypass_policy_lockout_safety_check).
        type: bool
      state:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].state).
        type: str
        choices:
          - absent
          - present
          - reimported
          - current
      encrypted_key_material:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].encrypted_key_material).
        type: str
      import_token:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].import_token).
        type: str
      key_material_id:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].key_material_id).
        type: str
      all_materials:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].all_materials).
        type: bool
      regions:
        description:
          - As in O(byok.aws.kms_imported_material#module:keys[].regions).
        type: list
        elements: str
"""
