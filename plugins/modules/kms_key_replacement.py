#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key_replacement
version_added: 1.0.0
short_description: Put new material to work in a new AWS KMS key, and move the aliases to it
description:
  - Replaces an AWS KMS key whose origin is C(EXTERNAL) by a new one like it - key spec, key usage, policy, tags and description -
    with new key material, and moves its aliases. It is the way to new material for HMAC, RSA and elliptic curve keys, which keep
    one material for life; symmetric keys can be rotated instead (M(byok.aws.kms_imported_material) with
    O(byok.aws.kms_imported_material#module:state=current)).
  - Before an alias moves, the new key has to do a piece of work. Afterwards every alias is resolved; when one does not lead to the
    new key, all go back to the old one.
  - A run that is cut short, or whose answers get lost, is finished by the same task. A second new key is never made.
  - The old key is left as it is, disabled, or scheduled for deletion (O(old_key)). What it has encrypted or signed, only it decrypts
    or verifies.
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_id:
    description:
      - The key to replace, as key ID, key ARN, alias name (with C(alias/)) or alias ARN.
      - An alias leads to the new key once it has moved. The task looks then whether the material given is that of the new key. If so,
        there is nothing to do but what is still unfinished; if not, the new key is the next one to be replaced.
      - An alias is resolved once. No alias moves that somebody has led elsewhere since the task has planned its move.
      - Exactly one of O(key_id) and O(keys) is required.
    type: str
  keys:
    description:
      - Many keys in one task. Each entry names a key and may set any of the options for one key; what it leaves out comes from
        the options of the same name beside this one.
      - All are read and planned before the first is changed. One key that fails stops no other; the task fails at the end.
    type: list
    elements: dict
    suboptions:
      key_id:
        description: The key, as in O(key_id).
        type: str
        required: true
      name:
        description:
          - What messages call the key. The default is O(keys[].key_id).
          - For a key that is given by its ARN, because its alias was resolved before, as by the role
            P(byok.aws.kms_material_rotation#role). An alias that leads neither to this key nor to the one in its place is refused.
        type: str
      key_material:
        description: For this key, as in O(key_material).
        type: str
      key_material_file:
        description: For this key, as in O(key_material_file).
        type: path
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
        choices: [RSAES_OAEP_SHA_256, RSAES_OAEP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, RSA_AES_KEY_WRAP_SHA_1]
      wrapping_key_spec:
        description: For this key, as in O(wrapping_key_spec).
        type: str
        choices: [RSA_4096, RSA_3072, RSA_2048]
      aliases:
        description: For this key, as in O(aliases).
        type: list
        elements: str
      old_key:
        description: For this key, as in O(old_key).
        type: str
        choices: [leave, disable, delete]
      pending_window:
        description: For this key, as in O(pending_window).
        type: int
      canary:
        description: For this key, as in O(canary).
        type: bool
      bypass_policy_lockout_safety_check:
        description: For this key, as in O(bypass_policy_lockout_safety_check).
        type: bool
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
  key_material:
    description:
      - The new material in plain, as base64. Raw bytes for symmetric and HMAC keys, a private key in PKCS#8 DER for RSA and
        elliptic curve keys. It is checked against the key spec before anything is made.
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
  key_material_description:
    description:
      - A text that KMS keeps with the material, as in O(byok.aws.kms_imported_material#module:key_material_description).
        Symmetric keys only.
    type: str
  valid_to:
    description:
      - When KMS deletes the new material by itself, as ISO 8601 with a zone, less than 365 days from now.
      - Without this, O(valid_for) and O(expiration_model), the new material gets what the old one has, no expiry or the lifetime with
        which that was imported (O(byok.aws.kms_imported_material#module:valid_for)). Where the old one expires and its lifetime is
        not known, the task is refused; that is so of every HMAC, RSA and elliptic curve key whose material expires, since KMS
        keeps no description for it.
    type: str
  valid_for:
    description:
      - The same as a duration from now, such as V(90d), V(12h) or V(1d12h), at most V(365d).
    type: str
  renew_before:
    description:
      - With O(valid_for), a later run of the same task imports the material again only when less than this is left. The default is
        a third of O(valid_for).
    type: str
  expiration_model:
    description:
      - Needed only for new material that does not expire in the place of material that does, and to take an expiry away from the new
        key again, with V(KEY_MATERIAL_DOES_NOT_EXPIRE).
    type: str
    choices: [KEY_MATERIAL_EXPIRES, KEY_MATERIAL_DOES_NOT_EXPIRE]
  wrapping_algorithm:
    description:
      - How the material is wrapped on its way to KMS. The default is the strongest that KMS accepts for the key spec.
    type: str
    choices: [RSAES_OAEP_SHA_256, RSAES_OAEP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, RSA_AES_KEY_WRAP_SHA_1]
  wrapping_key_spec:
    description:
      - The kind of public key that KMS hands out for the wrapping. The default is V(RSA_4096).
    type: str
    choices: [RSA_4096, RSA_3072, RSA_2048]
  aliases:
    description:
      - The aliases that move, as alias names, with or without C(alias/), or alias ARNs. All have to lead to the key.
      - When not set, all aliases of the key move. Those that are created for the old key after the new one was made stay with it.
    type: list
    elements: str
  old_key:
    description:
      - V(leave) - the old key stays as it is, and can be used by its key ID. A warning says so.
      - V(disable) - the old key is disabled once the aliases have moved. Nothing can be done with it until it is enabled again.
      - V(delete) - its deletion is scheduled, after O(pending_window) days. What only it can decrypt is lost then. Until then the
        deletion can be cancelled (M(byok.aws.kms_external_key) with its key ID).
      - V(disable) and V(delete) are refused while an alias would go on leading to the old key.
    type: str
    choices: [leave, disable, delete]
    default: leave
  pending_window:
    description:
      - With O(old_key=delete), how many days KMS waits before it deletes the old key, V(7) to V(30).
    type: int
    default: 30
  canary:
    description:
      - Whether the new key has to work before an alias moves. Depending on its usage it encrypts and decrypts, makes and verifies a
        MAC, signs and verifies, or shows its public key, which has to be that of the material.
      - Where the caller lacks the permission that is noted (RV(kms_keys[].canary)), and is no failure.
    type: bool
    default: true
  bypass_policy_lockout_safety_check:
    description:
      - Whether KMS takes the policy of the old key for the new one although the caller could not change it again.
    type: bool
    default: false
  wait:
    description:
      - Read until KMS shows each change, and resolve every alias that has moved.
      - Without it, no alias is verified, and none goes back when it does not lead to the new key.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait, in seconds. The default is V(120).
    type: int
  force:
    description:
      - Go ahead where the plan for the material of the new key is refused, as in O(byok.aws.kms_imported_material#module:force).
      - Says nothing about the material itself; that is what O(allow) is for.
    type: bool
    default: false
  lift_cut_off:
    description:
      - Move the aliases of a key that was cut off (tag C(byok:cut-off)) to a new key. The tag stays on the old one.
    type: bool
    default: false
  allow:
    description:
      - What is refused for the sake of the material, and is to be done nevertheless; each of them as in
        O(byok.aws.kms_imported_material#module:allow).
    type: list
    elements: str
    choices: [loose_file, weak_material, plaintext_file_transfer, unverified_endpoint]
  request_rates:
    description:
      - The request quotas of the account and Region, in calls a second by operation, where they differ from the defaults of AWS.
        Each is a number of V(0.001) or more.
    type: dict
  journal_path:
    description:
      - A file to which one line of JSON is added for each key as soon as it is finished, where the module runs. It holds no material.
      - Refused, in check mode, too, when it is there and no regular file of the user who runs the module or of C(root), or when others
        could put another file in its place. A symbolic link is refused.
      - When a line cannot be written, the keys in hand are finished, no other is begun, and a warning says which keys it lacks.
    type: path
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
      - Shows the old key and the new one with state, expiry, materials and aliases, never bytes.
  idempotent:
    support: partial
    details:
      - Where no read can compare the material with that of the new key - permissions are missing, or another tool imported it - it
        is imported once more, which KMS refuses unless the bytes are the same. If it refuses, the key is replaced.
requirements:
  - python >= 3.9
  - cryptography
  - botocore >= 1.38.31 for symmetric keys
notes:
  - The new key gets the tag C(byok:creation-token) with C(replaces:) and the ID of the old key when it is created, and the old one
    the tag C(byok:replaced-by) with the ARN of the new one. By these a later run finds both. Leave them where they are.
  - Before a key is made, one is looked for that an earlier run may have made. That costs, once for a task, one C(DescribeKey) for every
    key of the Region and one C(ListResourceTags) for each of origin C(EXTERNAL).
  - Grants are not copied. Policies and conditions elsewhere that name the old key by its ARN are yours to look at.
  - Multi-Region keys are refused.
  - A new key that shall be given up is scheduled for deletion; the next run makes another one.
seealso:
  - module: byok.aws.kms_external_key
  - module: byok.aws.kms_imported_material
"""

EXAMPLES = r"""
# The examples take region and credentials from module_defaults with group/byok.aws.aws, or from the environment.

- name: See what a replacement would do
  byok.aws.kms_key_replacement:
    key_id: alias/invoice-signing
    key_material_file: /etc/byok/invoice-signing-new.pem
  check_mode: true
  diff: true

- name: Sign with new material from now on; the old key stays, for what it has signed
  byok.aws.kms_key_replacement:
    key_id: alias/invoice-signing
    key_material_file: /etc/byok/invoice-signing-new.pem

- name: Disable the old key later, with the same task
  byok.aws.kms_key_replacement:
    key_id: alias/invoice-signing
    key_material_file: /etc/byok/invoice-signing-new.pem
    old_key: disable

- name: Replace many keys, and have the old ones deleted in 14 days
  byok.aws.kms_key_replacement:
    old_key: delete
    pending_window: 14
    keys:
      - key_id: alias/sessions
        key_material: "{{ sessions_new_key_material }}"
      - key_id: alias/webhooks
        key_material_file: /etc/byok/webhooks-new.bin
        aliases: [alias/webhooks]
        valid_for: 90d
"""

RETURN = r"""
kms_keys:
  description: One entry for each key, in the order given. With O(key_id) its fields stand at the top level, too.
  returned: always
  type: list
  elements: dict
  contains:
    key_id:
      description:
        - The key ID of the old key; what was given as O(key_id) when the key could not be read. Once KMS has deleted the old key,
          that of the new one.
      returned: always
      type: str
      sample: 1234abcd-12ab-34cd-56ef-1234567890ab
    key_arn:
      description: Its ARN.
      returned: when the key could be read
      type: str
      sample: arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    key_spec:
      description: The key spec of both keys.
      returned: when the key could be read
      type: str
      sample: RSA_2048
    key_state:
      description: The state of the old key afterwards; in check mode, as predicted.
      returned: when the key could be read
      type: str
      sample: Enabled
    enabled:
      description: Whether the old key is enabled.
      returned: when the key could be read
      type: bool
      sample: true
    current_key_material_id:
      description: The material of the old key that encrypts. Symmetric keys only.
      returned: when the key could be read
      type: str
      sample: 123456789012345678901234567890123456789012345678901234567890abcd
    expiration_model:
      description: Whether material of the old key expires, as C(DescribeKey) has it.
      returned: when the key could be read
      type: str
      sample: KEY_MATERIAL_DOES_NOT_EXPIRE
    valid_to:
      description: When its first material expires, in UTC.
      returned: when the key could be read
      type: str
      sample: "2030-01-31T12:00:00+00:00"
    current_expiration_model:
      description:
        - Whether the current material of the old key itself expires. On keys that are not symmetric, it is the only one.
        - Not set when the key holds no current material, or when its list of materials was not read.
      returned: when the key could be read
      type: str
      sample: KEY_MATERIAL_EXPIRES
    current_valid_to:
      description:
        - When the current material of the old key itself expires, in UTC. RV(kms_keys[].valid_to) is that of the material that
          expires first.
        - Not set when it does not expire, and as for RV(kms_keys[].current_expiration_model).
      returned: when the key could be read
      type: str
      sample: "2030-04-30T12:00:00+00:00"
    expiring_materials:
      description:
        - Every material of the old key whose expiry makes that whole key unusable, the current one and older ones, the first to
          expire first.
        - Symmetric keys only, and empty when the list of materials was not read.
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
    new_key_id:
      description: The key ID of the new key. Not set in check mode for a key that would be created.
      returned: always
      type: str
      sample: 0987dcba-09fe-87dc-65ba-ab0987654321
    new_key_arn:
      description: The ARN of the new key.
      returned: always
      type: str
      sample: arn:aws:kms:us-east-1:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321
    new_key_state:
      description: The state of the new key; in check mode, as predicted.
      returned: always
      type: str
      sample: Enabled
    new_key_valid_to:
      description: When the material of the new key expires, in UTC; in check mode, as predicted. Not set when it does not.
      returned: always
      type: str
      sample: "2030-04-30T12:00:00+00:00"
    aliases:
      description: The aliases that this task has moved to the new key; in check mode, those that it would move.
      returned: always
      type: list
      elements: str
      sample: [alias/invoice-signing]
    canary:
      description: How the new key did at work, when an alias was moved.
      returned: always
      type: dict
      contains:
        kind:
          description: V(encrypt), V(mac), V(sign), V(public_key), or V(none).
          type: str
          returned: always
        verdict:
          description: V(passed), V(failed), or V(skipped).
          type: str
          returned: always
        note:
          description: Why it was skipped, or what failed.
          type: str
          returned: always
      sample: {kind: sign, verdict: passed}
    rolled_back:
      description: Whether every alias was led back to the old key, because one did not come to lead to the new one.
      returned: always
      type: bool
      sample: false
    key_material_id:
      description: The material given, as far as KMS has named it. Symmetric keys only.
      returned: always
      type: str
      sample: 123456789012345678901234567890123456789012345678901234567890abcd
    changed:
      description: Whether anything was changed.
      returned: always
      type: bool
      sample: true
    operations:
      description: The changing API operations that were carried out, in order; in check mode, those that would be.
      returned: always
      type: list
      elements: str
      sample: [CreateKey, TagResource, ImportKeyMaterial, UpdateAlias]
    proof:
      description:
        - How the material was compared with that of the new key. V(fingerprint), V(public_key), V(mac), or V(reimport) when KMS
          compared it at an import.
      returned: always
      type: str
      sample: public_key
    skip_reason:
      description: Not used.
      returned: always
      type: str
    unavailable_seconds:
      description: How long the key could not be used because of this task, which is never.
      returned: always
      type: float
      sample: 0.0
    cut_off:
      description: The value of the tag C(byok:cut-off) of the key, as far as it was read.
      returned: always
      type: str
      sample: null
    request_ids:
      description:
        - The request IDs of RV(kms_keys[].operations), in the same order, to look up in Amazon CloudTrail. Empty for a call whose answer
          was lost.
      returned: always
      type: list
      elements: str
      sample: [1a2b3c4d-0000-1111-2222-333344445555]
    calls:
      description: Every attempt at a call that changes something or prepares that, with its time in seconds since the epoch.
      returned: always
      type: list
      elements: dict
      sample:
        - operation: UpdateAlias
          request_id: 1a2b3c4d-0000-1111-2222-333344445555
          started: 1893456000.1
          finished: 1893456000.2
          outcome: Success
    endpoint_url:
      description: The endpoint to which the calls go. One that is not KMS in AWS, nor this machine, causes a warning as well.
      returned: when a connection was made
      type: str
      sample: https://kms.us-east-1.amazonaws.com
    error:
      description: What went wrong, for a key that failed.
      returned: always
      type: dict
      contains:
        code:
          description: >-
            The error code of AWS, or V(InvalidInput), V(RefusedByPlan), V(UntrustedEndpoint), V(WrongAccount), V(CanaryFailed), V(WaitTimeout),
            V(ConnectionFailure).
          type: str
          returned: on failure
        message:
          description: What is wrong, on which key, where the aliases lead, and what to do.
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
          description: The command that finishes the replacement, when the task broke off after it had begun.
          type: str
          returned: on failure
"""

from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import ONE_OR_MANY
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import key_replacement_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import mask_misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.replacement.run import run
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
    run_module(key_replacement_spec(), work, mask_misplaced, **ONE_OR_MANY)


if __name__ == "__main__":
    main()
