#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_imported_material
version_added: 1.0.0
short_description: Imported key material of an AWS KMS key
description:
  - Imports, renews, rotates and deletes the key material of AWS KMS keys whose origin is C(EXTERNAL) (bring your own key).
  - In check mode, shows exactly which changing calls it would make. Refuses a task that would make a key unusable by mistake.
  - KMS never returns material. The module therefore proves by other means that the given material is the material that KMS
    holds (RV(proof)), and changes nothing when it is.
  - Into a key that had material, KMS imports only the same bytes again. A deletion followed by an import restores the material; it
    does not replace it.
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_id:
    description:
      - The key, as key ID, key ARN, alias name (with C(alias/)) or alias ARN.
      - An ARN must name the Region and the account of the connection.
      - The module resolves an alias once. The task continues with the same key when somebody points the alias to another key
        in the meantime.
      - The task needs exactly one of O(key_id) and O(keys). With O(bundle_path) it needs none.
    type: str
  keys:
    description:
      - Many keys in one task. Each entry names a key and can set any of the options for one key. For an option that an entry does not
        set, the task's option of the same name applies. Two groups of options belong together, those that give the material and those
        that set the expiry. An entry that sets one option of a group takes none of that group from the task.
      - The module reads and plans all keys before it changes the first one, and sends the calls as fast as the request quotas of KMS
        allow. With O(state=reimported) it prepares every key before it deletes the material of the first one.
      - When one key fails, the module continues with the others. The task fails at the end.
    type: list
    elements: dict
    suboptions:
      key_id:
        description: The key, as in O(key_id).
        type: str
        required: true
      name:
        description:
          - The name of the key in messages and in a preparation (O(stage_path)). The default is O(keys[].key_id).
          - Use it when O(keys[].key_id) is the ARN to which an earlier task resolved an alias. The role
            P(byok.aws.kms_material_rotation#role) does that.
        type: str
      state:
        description: For this key, as in O(state).
        type: str
        choices: [absent, present, reimported, current]
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
      pkcs11:
        description: For this key, as in O(pkcs11).
        type: dict
        suboptions:
          library:
            description: As in O(pkcs11.library).
            type: path
            required: true
          token_label:
            description: As in O(pkcs11.token_label).
            type: str
            required: true
          pin:
            description: As in O(pkcs11.pin).
            type: str
          pin_file:
            description: As in O(pkcs11.pin_file).
            type: path
          key_label:
            description: As in O(pkcs11.key_label).
            type: str
          key_id:
            description: As in O(pkcs11.key_id).
            type: str
          generate:
            description: As in O(pkcs11.generate).
            type: bool
            default: false
      encrypted_key_material:
        description: For this key, as in O(encrypted_key_material).
        type: str
      import_token:
        description: For this key, as in O(import_token).
        type: str
      key_material_id:
        description: For this key, as in O(key_material_id).
        type: str
      all_materials:
        description: For this key, as in O(all_materials).
        type: bool
      key_material_description:
        description: For this key, as in O(key_material_description).
        type: str
      valid_to:
        description: For this key, as in O(valid_to).
        type: str
      valid_for:
        description: For this key, as in O(valid_for).
        type: str
      renew_before:
        description: For this key, as in O(renew_before).
        type: str
      expiration_model:
        description: For this key, as in O(expiration_model).
        type: str
        choices: [KEY_MATERIAL_EXPIRES, KEY_MATERIAL_DOES_NOT_EXPIRE]
      wrapping_algorithm:
        description: For this key, as in O(wrapping_algorithm).
        type: str
        choices: [RSAES_OAEP_SHA_256, RSAES_OAEP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, RSA_AES_KEY_WRAP_SHA_1, SM2PKE]
      wrapping_key_spec:
        description: For this key, as in O(wrapping_key_spec).
        type: str
        choices: [RSA_4096, RSA_3072, RSA_2048, SM2]
      wait:
        description: For this key, as in O(wait).
        type: bool
      wait_timeout:
        description: For this key, as in O(wait_timeout).
        type: int
      force:
        description: For this key, as in O(force).
        type: bool
      lift_cut_off:
        description: For this key, as in O(lift_cut_off).
        type: bool
      allow:
        description: For this key, as in O(allow). It replaces the list of the task.
        type: list
        elements: str
        choices: [loose_file, weak_material, plaintext_file_transfer, unverified_endpoint]
      regions:
        description: For this key, as in O(regions).
        type: list
        elements: str
  stage:
    description:
      - Splits O(state=reimported) into two tasks. The second one needs no plaintext and no new import parameters.
      - V(prepare) - fetch the import parameters (KMS grants one set per second), wrap the material, prove that the key holds the
        same material, and write the result to O(stage_path). No key is interrupted.
      - V(change) - import the prepared material into every key that holds its material. That interrupts nothing and proves that KMS
        accepts it. Then delete the material of the keys and import it again. A key for which KMS refuses the first import keeps its
        material. The module does not read other material that the task gives.
      - V(change) with O(state=present) imports the prepared material where it is missing, and deletes nothing.
      - Each of the two imports enables a C(Disabled) key. The module disables it again directly after each import.
      - A preparation is valid for 24 hours. The module refuses one with less than 15 minutes or more than 24 hours left.
      - The module also refuses a key when its alias pointed to another key at the time of the preparation.
    type: str
    choices: [prepare, change]
  stage_path:
    description:
      - The file for O(stage), on the machine where the module runs. It holds material that is wrapped for KMS, and import tokens, but
        no plaintext. The module writes it with mode 0600, and refuses to read it when group or others have any permission on it,
        unless you set O(allow=loose_file).
      - The file and every directory and symlink on the way to it must belong to root or to the user who runs the module. Group and
        others must not have write access to these directories, except to a directory with the sticky bit.
      - Each entry has a digest, so that the module finds damage before its first call to KMS. A digest is not a signature; a person
        who can write the file can compute one. The module refuses a file of an earlier version of this collection, which has no
        digests; prepare again.
      - A person who has the file, and the permission C(kms:ImportKeyMaterial) on a key, can import the material of that key into it.
    type: path
  bundle_path:
    description:
      - A bundle with wrapped material, which M(byok.aws.kms_wrap_key_material) has made, instead of any other source. No plaintext is on the
        machine where the module runs. For O(state=present), O(state=current) and O(state=reimported).
      - Without O(key_id) and O(keys), every key in the bundle is meant.
      - The module recognises by the fingerprint, or by the public key or the MAC in the bundle, what is in place already. Before it
        deletes or rotates anything, it has KMS itself compare the material, by an import.
      - The rules for O(stage_path) apply to the file. An entry can be used until 15 minutes before its import token is refused.
    type: path
  state:
    description:
      - V(present) - import the given material with the given expiry. An empty key gets it as its first material. A key that had
        material accepts only material that it had; KMS refuses other bytes, and so does the module.
      - V(absent) - delete the material at once. The key becomes C(PendingImport), and nobody can encrypt, decrypt or sign with it
        until the same material is imported again. The module does nothing when the key is C(PendingImport), C(PendingDeletion) or
        C(PendingReplicaDeletion) already. If you give the material, the module first proves that it is the material to delete.
      - V(reimported) - delete the material and import it again, as one step. The task always reports a change. The module tries
        everything that can fail in the import before it deletes the material; the key is unusable for one round trip to KMS. For a
        key that is already empty, it only imports. This restores the same material; it gives the key no new material.
      - V(current) - symmetric keys only. Make the given material the one that encrypts. The module imports new bytes beside the
        current material and rotates the key to them on demand, without an interruption. It completes what an earlier run has
        staged or started. The key still decrypts old ciphertexts.
    type: str
    choices: [absent, present, reimported, current]
    default: present
  encrypted_key_material:
    description:
      - Material that is already wrapped, as base64. You wrap it with the public key that came with O(import_token).
      - The module cannot compare it with the material of the key. Set O(key_material_id) to have it recognised when it is imported
        already.
    type: str
  import_token:
    description:
      - The import token that came with the public key for O(encrypted_key_material), as base64. It is valid for 24 hours.
    type: str
  key_material_id:
    description:
      - With O(state=absent), the material to delete. The import state of this material then decides, not the state of the key.
      - With O(state=reimported), the one of several materials to delete and import again. The others stay.
      - Otherwise, the ID that the given bytes must have. When no fingerprint identifies them, KMS compares them in an import that
        interrupts nothing. Bytes with another ID change nothing.
      - With O(state=current) this is material that the key has, current or staged. The module rotates the key to staged material
        only when the bytes are proved to be that material. New bytes get their ID from KMS in the import, so you cannot name it.
      - Symmetric keys only. Other keys have one material, which has no ID.
    type: str
  all_materials:
    description:
      - With O(state=absent), cuts off the key. Deletes every material that is still loaded, also in a key that is C(PendingImport) or
        C(PendingDeletion) already. The module always sends the deletion, because a key is also C(PendingImport) between the deletion
        and the import of another run.
      - The tag C(byok:cut-off) then tells when that was done, and by whom. The modules of this collection import no material into a
        key with this tag, and a run in progress deletes again what it imports, until you lift the cut-off with O(lift_cut_off).
        Without the permission to tag the key, the module cuts off the key nevertheless, and a warning tells what is then uncertain.
      - When the caller may not list the materials, the module deletes the current one first, and a warning tells what it could not see.
    type: bool
    default: false
  valid_to:
    description:
      - When KMS deletes the material, as ISO 8601 with a time zone, less than 365 days from now. Exclusive with O(valid_for).
      - The module compares instants, to the second. To change the expiry, it imports the same material without an interruption.
    type: str
  expiration_model:
    description:
      - You need this only to remove an expiry, with V(KEY_MATERIAL_DOES_NOT_EXPIRE).
      - Without this option, O(valid_to) and O(valid_for), loaded material keeps its expiry, and the first material of a key does
        not expire. Material that was lost gets the lifetime of its last import (O(valid_for)); it does not expire when no lifetime
        is known.
      - With O(state=current), new material then gets what the current material has, either no expiry or its full lifetime. When the
        current material expires and its lifetime is not known, because it was imported with O(valid_to) or by another tool, the
        module refuses the task, also in check mode. It never removes an expiry silently.
    type: str
    choices: [KEY_MATERIAL_EXPIRES, KEY_MATERIAL_DOES_NOT_EXPIRE]
  wrapping_algorithm:
    description:
      - How the module wraps the material for KMS. The default is the strongest algorithm that KMS accepts for the key spec,
        V(RSA_AES_KEY_WRAP_SHA_256) for RSA keys and V(RSAES_OAEP_SHA_256) for all others.
      - V(SM2PKE) is only for material that is already wrapped.
    type: str
    choices:
      - RSAES_OAEP_SHA_256
      - RSAES_OAEP_SHA_1
      - RSA_AES_KEY_WRAP_SHA_256
      - RSA_AES_KEY_WRAP_SHA_1
      - SM2PKE
  wrapping_key_spec:
    description:
      - The kind of public key that KMS returns for wrapping. The default is V(RSA_4096).
    type: str
    choices: [RSA_4096, RSA_3072, RSA_2048, SM2]
  wait:
    description:
      - Whether to read the key until KMS shows the new state.
      - When the key was created within the last five minutes, the module also waits while KMS answers that the key does not exist.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds. The default is V(120), and V(600) with O(state=current), because a rotation takes minutes.
    type: int
  force:
    description:
      - Carry out a plan that the module otherwise refuses, for example delete material that is not current, which makes the whole
        key unusable.
      - This has no effect on checks of the material itself; use O(allow) for them.
    type: bool
    default: false
  lift_cut_off:
    description:
      - Import material into a key that was cut off with O(all_materials), and remove its tag C(byok:cut-off) after the import.
      - Has no effect on any other key.
    type: bool
    default: false
  regions:
    description:
      - The Regions of a multi-Region key in which the module manages the material; V(all), or a list of them. Without this option,
        the module manages only the Region of the connection, and warns about the others when it deletes material.
      - The primary key comes first, then each replica. With O(state=current), the module imports the new material into the primary
        key, then into every replica, and then rotates the primary key. It sets O(key_material_description) on the primary key.
      - When one Region fails, the module continues with the others. It then does not start the rotation, and the error tells what
        remains to do.
      - Each Region has its own material, expiry and state. RV(kms_keys[].regions) shows them.
    type: list
    elements: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - byok.aws._attributes
  - byok.aws._attributes.actiongroup_aws
  - byok.aws._expected_account
  - byok.aws._key_material
attributes:
  check_mode:
    support: full
    details:
      - Returns the plan and does not carry it out. Makes only reading calls.
  diff_mode:
    support: full
    details:
      - Shows states, IDs, expiry and descriptions of the materials, never bytes.
  idempotent:
    support: partial
    details:
      - O(state=reimported) deletes and imports every time.
      - Wrapped material is imported every time, unless you set O(key_material_id).
      - The module imports material that another tool imported into a symmetric key once more, to prove it and to record its fingerprint.
        Where there is no room for the fingerprint, it imports the material every time, without an interruption. That is so when the
        description from the other tool has more than 215 characters, and in replicas whose primary key shows no fingerprint.
      - With O(force), the material of a C(Disabled) HMAC key is imported every time. There is no other way to prove it.
      - With O(all_materials), an HMAC, RSA or elliptic curve key that is C(PendingDeletion) is reported as changed every time, because
        nothing shows whether it still holds its material.
requirements:
  - python >= 3.9
  - cryptography
  - botocore >= 1.38.31 for symmetric keys
notes:
  - KMS enables a key at every import. The module disables a C(Disabled) key again at once. Until that is done, the tag
    C(byok:restore-state) marks the key, so that a run after a crash can finish it with the same material, within seven days. The
    module ignores a tag that was not made with this material, and a warning names it.
  - The module reads the key again before it imports material that KMS holds, and before it repeats an import. When somebody has deleted
    the material, disabled the key or cut it off in the meantime, the module stops with the code V(ChangedMeanwhile) or V(CutOff).
  - The module cannot prove the material of a C(Disabled) HMAC key without enabling the key. When nothing else is to change, it warns and
    leaves the key unchanged.
  - AWS CloudTrail records C(ImportKeyMaterial) and C(DeleteImportedKeyMaterial). Look for the IDs in RV(request_ids).
seealso:
  - module: amazon.aws.kms_key_info
"""

EXAMPLES = r"""
# The examples get the Region and the credentials from module_defaults with group/byok.aws.aws, or from the environment.

- name: Import the key material of a symmetric key from a file on the target
  byok.aws.kms_imported_material:
    key_id: alias/payments
    key_material_file: /etc/byok/payments.bin

- name: Import it with an expiry in 90 days, and renew it when less than 30 days are left
  byok.aws.kms_imported_material:
    key_id: alias/payments
    key_material: "{{ payments_key_material }}"
    valid_for: 90d
    renew_before: 30d
    key_material_description: vault item payments 2030

- name: Import an RSA private key (PKCS#8, DER or PEM)
  byok.aws.kms_imported_material:
    key_id: alias/invoice-signing
    key_material_file: /etc/byok/invoice-signing.pem

- name: Import a key of a hardware security module, which wraps it; make it there when it does not exist
  byok.aws.kms_imported_material:
    key_id: alias/token
    pkcs11:
      library: "{{ pkcs11_library }}"
      token_label: payments
      pin: "{{ payments_token_pin }}"
      key_label: payments-2030
      generate: true
    wrapping_algorithm: RSAES_OAEP_SHA_1

- name: Import the material of two custodians, who each have one component
  byok.aws.kms_imported_material:
    key_id: alias/vault
    components:
      - key_material_file: /etc/byok/vault-1.component
        check_value: "{{ vault_check_value_1 }}"
      - key_material_file: /etc/byok/vault-2.component
        check_value: "{{ vault_check_value_2 }}"

- name: Remove the expiry
  byok.aws.kms_imported_material:
    key_id: alias/payments
    key_material: "{{ payments_key_material }}"
    expiration_model: KEY_MATERIAL_DOES_NOT_EXPIRE

- name: See what a deletion would do
  byok.aws.kms_imported_material:
    key_id: alias/payments
    state: absent
  check_mode: true
  diff: true

- name: Delete the key material, after a proof that the local copy can restore it
  byok.aws.kms_imported_material:
    key_id: alias/payments
    state: absent
    key_material: "{{ payments_key_material }}"

- name: Cut off the key at once
  byok.aws.kms_imported_material:
    key_id: alias/payments
    state: absent
    all_materials: true

- name: Lift the cut-off and restore the material
  byok.aws.kms_imported_material:
    key_id: alias/payments
    key_material: "{{ payments_key_material }}"
    lift_cut_off: true

- name: Delete the material and import it again in one step
  byok.aws.kms_imported_material:
    key_id: alias/invoice-signing
    state: reimported
    key_material_file: /etc/byok/invoice-signing.pem

- name: Encrypt with new material; the old material still decrypts what it encrypted
  byok.aws.kms_imported_material:
    key_id: alias/payments-rotated
    state: current
    key_material: "{{ payments_new_key_material }}"

- name: Import the material of a multi-Region key into every Region that lacks it
  byok.aws.kms_imported_material:
    key_id: alias/everywhere
    key_material: "{{ payments_key_material }}"
    regions: [all]

- name: Encrypt with new material in every Region
  byok.aws.kms_imported_material:
    key_id: alias/everywhere
    state: current
    key_material: "{{ payments_new_key_material }}"
    regions: [all]

- name: Import the material of many keys in one task, all with an expiry in 90 days
  byok.aws.kms_imported_material:
    valid_for: 90d
    keys:
      - key_id: alias/payments
        key_material: "{{ payments_key_material }}"
      - key_id: alias/invoice-signing
        key_material_file: /etc/byok/invoice-signing.pem

- name: Import what was wrapped offline, into every key of the bundle
  byok.aws.kms_imported_material:
    bundle_path: /etc/byok/wrapped.json

- name: Prepare the material in the afternoon, without an interruption
  byok.aws.kms_imported_material:
    state: reimported
    stage: prepare
    stage_path: /etc/byok/evening.json
    keys:
      - key_id: alias/payments
        key_material: "{{ payments_key_material }}"
      - key_id: alias/invoice-signing
        key_material_file: /etc/byok/invoice-signing.pem

- name: Delete and import in the evening, without the plaintext
  byok.aws.kms_imported_material:
    state: reimported
    stage: change
    stage_path: /etc/byok/evening.json
    journal_path: /etc/byok/evening.journal
    keys:
      - key_id: alias/payments
      - key_id: alias/invoice-signing
"""

RETURN = r"""
kms_keys:
  description: One entry for each key, in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    key_id:
      description: The key ID, or the value of O(key_id) when the key could not be read.
      returned: always
      type: str
      sample: 1234abcd-12ab-34cd-56ef-1234567890ab
    key_arn:
      description: The key ARN.
      returned: when the key could be read
      type: str
      sample: arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    key_spec:
      description: The key spec.
      returned: when the key could be read
      type: str
      sample: SYMMETRIC_DEFAULT
    key_state:
      description: The state of the key afterwards; in check mode, as predicted.
      returned: when the key could be read
      type: str
      sample: Enabled
    enabled:
      description: Whether the key is enabled.
      returned: when the key could be read
      type: bool
      sample: true
    current_key_material_id:
      description: The material that encrypts. Symmetric keys only.
      returned: when the key could be read
      type: str
      sample: 123456789012345678901234567890123456789012345678901234567890abcd
    key_material_id:
      description: The ID of the material that was given or deleted, if it is known. Symmetric keys only.
      returned: always
      type: str
      sample: 123456789012345678901234567890123456789012345678901234567890abcd
    expiration_model:
      description: Whether material of the key expires, as C(DescribeKey) shows it.
      returned: when the key could be read
      type: str
      sample: KEY_MATERIAL_EXPIRES
    valid_to:
      description:
        - When the first material of the key expires, in UTC, as C(DescribeKey) shows it. On a key that was rotated it can be
          another one than the current material; see RV(kms_keys[].current_valid_to).
      returned: when the key could be read
      type: str
      sample: "2030-01-31T12:00:00+00:00"
    current_expiration_model:
      description:
        - Whether the current material itself expires. On keys that are not symmetric, it is the only one.
        - Not set when the key holds no current material, or when its list of materials was not read.
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
        - Symmetric keys only, and empty when the list of materials was not read.
      returned: when the key could be read
      type: list
      elements: dict
      contains:
        key_material_id:
          description: The ID of the material. Not set in check mode for material that would be imported.
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
    changed:
      description: Whether this key was changed.
      returned: always
      type: bool
      sample: true
    operations:
      description: The changing API operations that were carried out, in order; in check mode, those that would be.
      returned: always
      type: list
      elements: str
      sample: [ImportKeyMaterial]
    proof:
      description:
        - How the material was compared with the material that KMS holds.
        - V(fingerprint), V(public_key), V(mac), V(key_material_id), or V(reimport) when KMS compared it at an import.
      returned: always
      type: str
      sample: fingerprint
    skip_reason:
      description: Why there was nothing to delete, a key state or an import state.
      returned: always
      type: str
      sample: PendingImport
    unavailable_seconds:
      description:
        - How long the key could not be used because of this task, in seconds; from the request of the deletion to the answer of the
          import. In check mode, as predicted from the latest read, two round trips to KMS.
        - Not set when the key stays unusable, or when the task failed before the time was known.
      returned: always
      type: float
      sample: 0.0
    cut_off:
      description: The value of the tag C(byok:cut-off), which tells when the key was cut off and by whom, if the tags were read.
      returned: always
      type: str
      sample: "2030-01-31T12:00:00Z operator@control"
    request_ids:
      description: The request IDs of RV(kms_keys[].operations), in the same order, to look up in Amazon CloudTrail.
      returned: always
      type: list
      elements: str
      sample: [1a2b3c4d-0000-1111-2222-333344445555]
    calls:
      description: Every attempt at a call that changes the key or prepares that, with its time in seconds since the epoch.
      returned: always
      type: list
      elements: dict
      sample:
        - operation: ImportKeyMaterial
          request_id: 1a2b3c4d-0000-1111-2222-333344445555
          started: 1893456000.1
          finished: 1893456000.2
          outcome: Success
    endpoint_url:
      description: The endpoint of the calls. An endpoint that is neither KMS in AWS nor on this machine also causes a warning.
      returned: when a connection was made
      type: str
      sample: https://kms.us-east-1.amazonaws.com
    source:
      description:
        - Where the material came from, V(inline) (O(key_material)), V(file) (O(key_material_file)), V(components),
          V(pkcs11) or V(wrapped).
        - Not set when no material was given.
      returned: always
      type: str
      sample: file
    plaintext_seen:
      description: Whether plaintext material was in the memory of the module.
      returned: always
      type: bool
      sample: true
    regions:
      description:
        - The result for each Region, the primary key first, with C(region) and the fields of RV(kms_keys[]). The fields
          beside this one are those of the primary key; RV(kms_keys[].operations) has those of all Regions, in order.
      returned: when O(regions) is given
      type: list
      elements: dict
      sample:
        - region: eu-central-1
          key_state: Enabled
          operations: [ImportKeyMaterial, RotateKeyOnDemand]
    requested_key_id:
      description: The key as the task named it.
      returned: always
      type: str
      sample: alias/payments
    warnings:
      description: The warnings about this key.
      returned: always
      type: list
      elements: str
      sample: []
    steps:
      description:
        - Every attempt at a changing call, in the order of the requests, then the steps that were not reached. In check mode, all
          steps of the plan.
        - RV(kms_keys[].operations) and RV(kms_keys[].request_ids) are those of the steps that succeeded, and in check mode those of the plan.
        - RV(kms_keys[].calls) has the same attempts, and C(GetParametersForImport) besides.
      returned: always
      type: list
      elements: dict
      contains:
        operation:
          description: The API operation.
          type: str
          returned: always
          sample: ImportKeyMaterial
        purpose:
          description:
            - V(import) for a first import, V(prove) to prove the material by an import, V(restore) for material that was missing, V(renew) for
              an import with another expiry or description, V(refresh) for the same with staged material, V(stage) for new material, V(try) to
              find out whether material is new while other material is staged.
            - V(rotate) for a rotation, V(delete) for a deletion, V(take back) for the deletion of material that was imported while somebody
              cut the key off.
            - V(disable) to disable the key again, V(remember) and V(forget) for the tag that says so, V(mark) and V(lift) for the tag of a
              cut-off.
          type: str
          returned: always
          sample: restore
        region:
          description: The Region of the call.
          type: str
          returned: always
          sample: us-east-1
        key_material_id:
          description: The material of the call, as far as it is known. Symmetric keys only.
          type: str
          returned: always
          sample: 123456789012345678901234567890123456789012345678901234567890abcd
        request_id:
          description: The request ID, to look up in Amazon CloudTrail. Not set for a call without an answer.
          type: str
          returned: always
          sample: 1a2b3c4d-0000-1111-2222-333344445555
        started:
          description: When the request went out, in seconds since the epoch. Not set for a planned step.
          type: float
          returned: always
          sample: 1893456000.1
        finished:
          description:
            - When the answer came in, in seconds since the epoch. For a call without an answer, when the module stopped waiting for it.
            - Not set for a planned step.
          type: float
          returned: always
          sample: 1893456000.2
        outcome:
          description:
            - V(planned) for a step that was not reached, and for every step in check mode.
            - V(succeeded) when KMS carried out the call, also when only a later read shows that.
            - V(failed) when KMS refused the call.
            - V(lost) when it is not known whether KMS carried out the call.
          type: str
          returned: always
          sample: succeeded
        error_code:
          description: The error code of AWS for a call without success, or V(ConnectionFailure) for a call without an answer.
          type: str
          returned: always
          sample: null
        key_state:
          description: The state of the key after a call that KMS carries out, as far as it is known.
          type: str
          returned: always
          sample: Enabled
    error:
      description: What went wrong, for a key that failed.
      returned: always
      type: dict
      contains:
        key_id:
          description: The key that the error is about, as the task named it.
          type: str
          returned: on failure
        code:
          description: >-
            The error code of AWS, or V(InvalidInput), V(RefusedByPlan), V(UntrustedEndpoint), V(WrongAccount), V(WaitTimeout),
            V(ConnectionFailure).
          type: str
          returned: on failure
        message:
          description: >-
            What is wrong, what was done, and in what state the key is. The C(msg) of the task adds the key where this does not name
            it, and RV(kms_keys[].error.heal_command).
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
        heal_command:
          description: The command that brings the key to the requested state, when the task stopped after a change.
          type: str
          returned: on failure
        reason:
          description:
            - Why the plan was refused, as a word. V(other_material) - the given material is not the material of the key.
          type: str
          returned: when the plan was refused for this reason
proof:
  description: As in RV(kms_keys[].proof). Every field of the one key is also at the top level.
  returned: always
  type: str
  sample: fingerprint
error:
  description: As in RV(kms_keys[].error). With O(keys), only when the whole task is refused before any call.
  returned: with O(key_id), or when the whole task is refused
  type: dict
  sample: null
request_ids:
  description: As in RV(kms_keys[].request_ids).
  returned: always
  type: list
  elements: str
  sample: [1a2b3c4d-0000-1111-2222-333344445555]
"""

from ansible_collections.byok.aws.plugins.module_utils._kms.fleet.run import run
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import ONE_OR_MANY
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import imported_material_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import mask_misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import run_module


def work(call):
    return run(
        call.options,
        region=call.region,
        connect=call.connect,
        check_mode=call.check_mode,
        with_diff=call.with_diff,
        ending=call.ending,
    )


def main():
    one_or_many = {**ONE_OR_MANY, "required_one_of": [("key_id", "keys", "bundle_path")]}
    together = [("stage", "stage_path")]
    run_module(imported_material_spec(), work, mask_misplaced, required_together=together, **one_or_many)


if __name__ == "__main__":
    main()
