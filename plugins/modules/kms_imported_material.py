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
  - Says beforehand, in check mode, exactly which changing calls it would make, and refuses what would make a key unusable by mistake.
  - KMS never gives material back, so the module proves by other means whether the given material is the one that KMS holds
    (RV(proof)), and does nothing when it is.
  - KMS takes back only the very bytes that a key had. Deleting and importing again restores material, it does not replace it.
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_id:
    description:
      - The key, as key ID, key ARN, alias name (with C(alias/)) or alias ARN.
      - An ARN must name the Region and the account that the connection uses.
      - An alias is resolved once. The task goes on with the same key, also when somebody leads the alias elsewhere meanwhile.
      - Exactly one of O(key_id) and O(keys) is required.
    type: str
  keys:
    description:
      - Many keys in one task. Each entry names a key and may set any of the options for one key; what it leaves out comes from
        the options of the same name beside this one. An entry that sets one way of giving material, or one option about the
        expiry, takes no other of that group from there.
      - All are read and planned before the first is changed, and the calls go out as fast as the request quotas of KMS allow.
        With O(state=reimported) every key is prepared before the first is deleted.
      - One key that fails stops no other; the task fails at the end.
    type: list
    elements: dict
    suboptions:
      key_id:
        description: The key, as in O(key_id).
        type: str
        required: true
      name:
        description:
          - What messages call the key, and under which name a preparation is kept (O(stage_path)). The default is O(keys[].key_id).
          - For a key that is given by its ARN, because its alias was resolved before, as by the role
            P(byok.aws.kms_material_rotation#role).
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
        description: For this key, as in O(allow), in place of what stands there.
        type: list
        elements: str
        choices: [loose_file, weak_material, plaintext_file_transfer, unverified_endpoint]
      regions:
        description: For this key, as in O(regions).
        type: list
        elements: str
  request_rates:
    description:
      - The request quotas of the account and Region, in calls a second by operation, where they differ from the defaults of AWS,
        for example C(ImportKeyMaterial) with 30. Each is a number of V(0.001) or more.
    type: dict
  stage:
    description:
      - Splits O(state=reimported) in two tasks. The second needs no plaintext and no new import parameters.
      - V(prepare) - the import parameters are fetched (KMS grants one set a second), the material is wrapped and proved to be the
        one that the key holds, and the result is kept in O(stage_path). No key is interrupted.
      - V(change) - what is kept is imported into every key that holds its material, which interrupts nothing and proves that KMS
        takes it. Then the keys are deleted and imported again with it. A key for which KMS refuses it is not deleted. Material
        that is given, too, is not even read. With O(state=present) it is imported where it is missing, and nothing is deleted.
      - A key that is C(Disabled) is enabled by each of the two imports, and disabled again right after it.
      - A preparation can be used for 24 hours; one with less than 15 minutes left, or with more than 24 hours, is refused.
      - A key under an alias that led to another key at the preparation is refused, too.
    type: str
    choices: [prepare, change]
  stage_path:
    description:
      - The file for O(stage), where the module runs. It holds material that is wrapped for KMS, and import tokens, and no plaintext.
        It is written with mode 0600, and refused when group or others have any permission on it, unless O(allow=loose_file).
      - Refused as well when the file, a directory or a symlink on the way to it belongs to another user than root and the one who
        runs the module, and when group or others may write to such a directory, unless it has the sticky bit.
      - Each entry has a digest, so that damage is found before the first call to KMS. A digest is no signature; whoever can write
        the file can compute one. A file of an earlier version of this collection has none and is refused; prepare again.
      - Whoever has it, and the permission C(kms:ImportKeyMaterial) on a key, can import that key's own material into it.
    type: path
  journal_path:
    description:
      - A file to which one line of JSON is added for each key as soon as it is finished, where the module runs. It says what was
        done even when the task is killed and its result lost. It holds no material.
      - Refused, in check mode, too, when it is there and no regular file of the user who runs the module or of C(root), or when others
        could put another file in its place. A symbolic link is refused.
      - When a line cannot be written, the keys in hand are finished, no other is begun, and a warning says which keys it lacks.
    type: path
  state:
    description:
      - V(present) - the given material is imported, with the given expiry. As the first material of an empty key, otherwise as
        material that the key has had; KMS refuses other bytes, and so does the module.
      - V(absent) - the material is deleted at once. The key becomes C(PendingImport), and nothing can be encrypted, decrypted
        or signed with it until the same material is imported again. Nothing is done when the key is C(PendingImport),
        C(PendingDeletion) or C(PendingReplicaDeletion) already. When the material is given, too, it is first proved to be the
        one that is about to be deleted.
      - V(reimported) - the material is deleted and imported again as one pair, and the task always reports a change. Everything
        that can be wrong with the import is tried before the deletion, and the key is unusable for one round trip to KMS. On a
        key that is empty already only the import is made. This restores the same material; it puts no new material to work.
      - V(current) - symmetric keys only; the given material is the one that encrypts. New bytes are imported beside the current
        ones, and the key is rotated to them on demand, without an interruption. What an earlier run has left staged or rotating
        is taken up again. Old ciphertexts stay readable.
    type: str
    choices: [absent, present, reimported, current]
    default: present
  key_material:
    description:
      - The material in plain, as base64. Raw bytes for symmetric and HMAC keys, a private key in PKCS#8 DER for RSA and
        elliptic curve keys.
      - Private keys in PKCS#1, SEC 1 or PEM are converted.
      - Is sent to the target through a pipe, and appears in no result, log or temporary file. Where there is no pipe - with
        C(async), with C(aws_ssm), with a connection or a become method without pipelining - it is refused, unless
        O(allow=plaintext_file_transfer).
    type: str
  key_material_file:
    description:
      - The same from a file where the module runs, as raw bytes, DER or unencrypted PEM.
      - Refused when group or others have any permission on the file, unless O(allow=loose_file).
      - Refused when the file, a directory or a symlink on the way to it belongs to another user than root and the one who runs the
        module, and when group or others may write to such a directory, unless it has the sticky bit, as C(/tmp) has.
    type: path
  encrypted_key_material:
    description:
      - Material that is wrapped already, as base64, for the public key that came with O(import_token).
      - Nothing can be proved with it; name O(key_material_id) to have it recognised when it is imported already.
    type: str
  import_token:
    description:
      - The import token that came with the public key for O(encrypted_key_material), as base64. It works for 24 hours.
    type: str
  key_material_id:
    description:
      - With O(state=absent), the material to delete. Its own import state decides then, not the state of the key.
      - With O(state=reimported), which of several materials is deleted and imported again; the others stay.
      - Otherwise the material that the given bytes must be. Where no fingerprint tells, KMS compares them by an import that
        interrupts nothing; bytes that are not this material change nothing.
      - With O(state=current) it is material that the key has, current or staged; the key is rotated to staged material only
        once the bytes are proved to be it. New bytes get their ID from KMS when they are imported, so that none can be named.
      - Symmetric keys only; the other kinds have one material without an ID.
    type: str
  all_materials:
    description:
      - With O(state=absent), cuts the key off. Deletes every material that is still loaded, also in a key that is C(PendingImport) or
        C(PendingDeletion) already. The deletion is sent whatever was read, since a key is C(PendingImport) between the deletion and the
        import of another run, too.
      - The tag C(byok:cut-off) then says when that was done and by whom. The modules of this collection import no material into a key that
        has it, and a run that is under way takes back what it imports, until O(lift_cut_off) lifts it. Without the right to tag the key it
        is cut off all the same, and a warning says what is not certain then.
      - Where the materials cannot be listed, the current one is deleted first, and a warning says what could not be seen.
    type: bool
    default: false
  key_material_description:
    description:
      - A text that KMS keeps with the material. Up to 215 letters, digits, white space, colons, slashes, underscores, dots and hyphens.
      - The module keeps a fingerprint behind it, by which it recognises the material, and O(valid_for), if there is room; the text
        is shown without them.
      - Symmetric keys only, and of a multi-Region key only the primary. When not set, what is there stays.
    type: str
  valid_to:
    description:
      - When KMS deletes the material by itself, as ISO 8601 with a zone, less than 365 days from now.
      - Compared as an instant, to the second. Changing it means an import of the same material, without an interruption.
    type: str
  valid_for:
    description:
      - The same as a duration from now, such as V(90d), V(12h) or V(1d12h), at most V(365d).
      - It is kept in the description of symmetric material, behind the fingerprint, as the lifetime that a rotation or a
        restoration goes on with when nothing is said about the expiry.
    type: str
  renew_before:
    description:
      - With O(valid_for), the material is imported again only when less than this is left. The default is a third of
        O(valid_for).
    type: str
  expiration_model:
    description:
      - Needed only to take an expiry away, with V(KEY_MATERIAL_DOES_NOT_EXPIRE).
      - When neither this nor O(valid_to) nor O(valid_for) is set, loaded material keeps what it has, and the first material of a
        key does not expire. Material that was lost gets the lifetime with which it was imported (O(valid_for)), and does not
        expire where none is known.
      - With O(state=current), new material then gets what the current one has, no expiry or the lifetime with which that was
        imported, in full. Where the current one expires and its lifetime is not known, because O(valid_to) was given or another
        tool imported it, the task is refused, in check mode, too. An expiry is never lost in silence.
    type: str
    choices: [KEY_MATERIAL_EXPIRES, KEY_MATERIAL_DOES_NOT_EXPIRE]
  wrapping_algorithm:
    description:
      - How the material is wrapped on its way to KMS. The default is the strongest that KMS accepts for the key spec,
        V(RSA_AES_KEY_WRAP_SHA_256) for RSA keys and V(RSAES_OAEP_SHA_256) for all others.
      - V(SM2PKE) is for material that is wrapped already.
    type: str
    choices:
      - RSAES_OAEP_SHA_256
      - RSAES_OAEP_SHA_1
      - RSA_AES_KEY_WRAP_SHA_256
      - RSA_AES_KEY_WRAP_SHA_1
      - SM2PKE
  wrapping_key_spec:
    description:
      - The kind of public key that KMS hands out for the wrapping. The default is V(RSA_4096).
    type: str
    choices: [RSA_4096, RSA_3072, RSA_2048, SM2]
  wait:
    description:
      - Read until KMS shows the new state.
      - When the key was created within the last five minutes, answers that it does not exist are waited out, too.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds. The default is V(120), and V(600) with O(state=current), since a rotation takes minutes.
    type: int
  force:
    description:
      - Go ahead where the plan is refused, for example to delete material that is not current, which makes the whole key
        unusable.
      - Says nothing about the material itself; that is what O(allow) is for.
    type: bool
    default: false
  lift_cut_off:
    description:
      - Import material into a key that was cut off with O(all_materials), and remove its tag C(byok:cut-off) after the import.
      - Has no effect on any other key.
    type: bool
    default: false
  allow:
    description:
      - What is refused for the sake of the material, and is to be done nevertheless.
      - V(loose_file) - a O(key_material_file), or the O(stage_path), on which group or others have a permission is read.
      - V(weak_material) - material that can be guessed is imported. That is raw bytes that are all alike, a sequence, a few bytes over and
        over, or a text (32 hexadecimal digits have 128 bits, not 256), an RSA key with a public exponent under 65537, and an elliptic
        curve key whose scalar is next to zero or looks like such bytes.
      - V(plaintext_file_transfer) - a O(key_material) is written to temporary files on the controller and on the target, with C(aws_ssm)
        to a bucket as well, where it cannot be sent through a pipe. They are removed afterwards, unless Ansible's setting
        C(keep_remote_files) says otherwise, which causes a warning.
      - V(unverified_endpoint) - material is wrapped for an endpoint although no certificate proves that it is KMS, because
        O(validate_certs=false), or the O(endpoint_url) is http and not this machine, or a proxy reads what is sent. Without this only
        material that is wrapped already (O(encrypted_key_material)) goes there.
    type: list
    elements: str
    choices: [loose_file, weak_material, plaintext_file_transfer, unverified_endpoint]
  regions:
    description:
      - The Regions of a multi-Region key in which its material is to be C(present), C(current), C(absent) or C(reimported); V(all),
        or a list of them. Without this, it is the one Region of the connection alone, and a deletion warns about the others.
      - The primary key comes first, then each replica. With O(state=current), the new material is imported into the primary key,
        then into every replica, and then the primary key is rotated. O(key_material_description) is set on the primary key.
      - A Region that fails leaves the others theirs; the rotation is not started then, and the error says what is left.
      - The material of each Region, its expiry and its state are its own; RV(kms_keys[].regions) shows each.
    type: list
    elements: str
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
      - The plan is returned and not carried out. Only reading calls are made.
  diff_mode:
    support: full
    details:
      - Shows states, IDs, expiry and descriptions of the materials, never bytes.
  idempotent:
    support: partial
    details:
      - O(state=reimported) deletes and imports every time.
      - Wrapped material is imported every time unless O(key_material_id) is set.
      - Material that another tool imported into a symmetric key is imported once more, to prove it and to record its fingerprint. Where
        there is no room for that, it is imported every time, which interrupts nothing. That is so when the description that the other tool
        set has more than 215 characters, and in replicas whose primary key shows no fingerprint.
      - With O(force), the material of a C(Disabled) HMAC key is imported every time, which is the only way to prove it.
      - With O(all_materials), an HMAC, RSA or elliptic curve key that is C(PendingDeletion) is reported as changed every time, since
        nothing shows whether it still holds its material.
requirements:
  - python >= 3.9
  - cryptography
  - botocore >= 1.38.31 for symmetric keys
notes:
  - KMS enables a key at every import. A C(Disabled) key is disabled again at once; until that is done the tag
    C(byok:restore-state) remembers it, so that a run after a crash can finish it with the same material, within seven days. A tag that was
    not made with this material is not believed; a warning names it.
  - A run reads the key again before it imports material that KMS holds, and before it repeats an import. When the key has been emptied,
    disabled or cut off by somebody else meanwhile, it stops with the code V(ChangedMeanwhile) or V(CutOff).
  - The material of a C(Disabled) HMAC key cannot be proved without enabling the key. When nothing else is to be changed,
    the module says so in a warning and leaves the key alone.
  - Amazon CloudTrail records C(ImportKeyMaterial) and C(DeleteImportedKeyMaterial); RV(request_ids) has the IDs to look for.
seealso:
  - module: amazon.aws.kms_key_info
"""

EXAMPLES = r"""
# The examples take region and credentials from module_defaults with group/byok.aws.aws, or from the environment.

- name: Import the key material of a symmetric key from a file on the target
  byok.aws.kms_imported_material:
    key_id: alias/payments
    key_material_file: /etc/byok/payments.bin

- name: Import it from a variable, to expire in 90 days, and renew it once less than 30 days are left
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

- name: Take the expiry away again
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

- name: Delete the key material, once it is proved that the copy at hand can restore it
  byok.aws.kms_imported_material:
    key_id: alias/payments
    state: absent
    key_material: "{{ payments_key_material }}"

- name: Cut the key off at once, whatever it holds
  byok.aws.kms_imported_material:
    key_id: alias/payments
    state: absent
    all_materials: true

- name: Restore it
  byok.aws.kms_imported_material:
    key_id: alias/payments
    key_material: "{{ payments_key_material }}"
    lift_cut_off: true

- name: Delete and import the same material again as one pair
  byok.aws.kms_imported_material:
    key_id: alias/invoice-signing
    state: reimported
    key_material_file: /etc/byok/invoice-signing.pem

- name: Put new material to work, while the old one still decrypts what it encrypted
  byok.aws.kms_imported_material:
    key_id: alias/payments-rotated
    state: current
    key_material: "{{ payments_new_key_material }}"

- name: Import the material of a multi-Region key into every Region that lacks it
  byok.aws.kms_imported_material:
    key_id: alias/everywhere
    key_material: "{{ payments_key_material }}"
    regions: [all]

- name: Put new material to work in every Region
  byok.aws.kms_imported_material:
    key_id: alias/everywhere
    state: current
    key_material: "{{ payments_new_key_material }}"
    regions: [all]

- name: Import the material of many keys in one task, all to expire in 90 days
  byok.aws.kms_imported_material:
    valid_for: 90d
    keys:
      - key_id: alias/payments
        key_material: "{{ payments_key_material }}"
      - key_id: alias/invoice-signing
        key_material_file: /etc/byok/invoice-signing.pem

- name: Prepare in the afternoon, with no key interrupted
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
      description: The key ID; what was given as O(key_id) when the key could not be read.
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
      description: The material that was given or deleted, as far as it is known. Symmetric keys only.
      returned: always
      type: str
      sample: 123456789012345678901234567890123456789012345678901234567890abcd
    expiration_model:
      description: Whether material of the key expires, as C(DescribeKey) has it.
      returned: when the key could be read
      type: str
      sample: KEY_MATERIAL_EXPIRES
    valid_to:
      description:
        - When the first material of the key expires, in UTC, as C(DescribeKey) has it. On a key that was rotated it need not be the
          current one, for which there is RV(kms_keys[].current_valid_to).
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
        - How the material was compared with what KMS holds.
        - V(fingerprint), V(public_key), V(mac), V(key_material_id), or V(reimport) when KMS compared it at an import.
      returned: always
      type: str
      sample: fingerprint
    skip_reason:
      description: Why there was nothing to delete, as key state or import state.
      returned: always
      type: str
      sample: PendingImport
    unavailable_seconds:
      description:
        - How long the key could not be used because of this task; in check mode, as predicted.
        - Not set when it stays unusable, or when the task failed before that was known.
      returned: always
      type: float
      sample: 0.0
    cut_off:
      description: The value of the tag C(byok:cut-off), which says when the key was cut off and by whom, as far as the tags were read.
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
      description: The endpoint to which the calls go. One that is not KMS in AWS, nor this machine, causes a warning as well.
      returned: when a connection was made
      type: str
      sample: https://kms.us-east-1.amazonaws.com
    regions:
      description:
        - What became of the key in each Region, the primary key first, with C(region) and the fields of RV(kms_keys[]). The fields
          beside this are those of the primary key; RV(kms_keys[].operations) are those of all Regions, in order.
      returned: when O(regions) is given
      type: list
      elements: dict
      sample:
        - region: eu-central-1
          key_state: Enabled
          operations: [ImportKeyMaterial, RotateKeyOnDemand]
    error:
      description: What went wrong, for a key that failed.
      returned: always
      type: dict
      contains:
        code:
          description: >-
            The error code of AWS, or V(InvalidInput), V(RefusedByPlan), V(UntrustedEndpoint), V(WrongAccount), V(WaitTimeout),
            V(ConnectionFailure).
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
        heal_command:
          description: The command that brings the key to what was wished, when the task broke off after it had begun.
          type: str
          returned: on failure
proof:
  description: As in RV(kms_keys[].proof); every field of the one key stands at the top level, too.
  returned: always
  type: str
  sample: fingerprint
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
    together = [("stage", "stage_path")]
    run_module(imported_material_spec(), work, mask_misplaced, required_together=together, **ONE_OR_MANY)


if __name__ == "__main__":
    main()
