#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key_replacement
version_added: 1.0.0
short_description: Replace an AWS KMS key by a new key with new material, and move its aliases
description:
  - Replaces an AWS KMS key whose origin is C(EXTERNAL) by a similar new key with new key material, and moves its aliases. The new key gets
    the key spec, key usage, policy, tags and description of the old one.
  - HMAC, RSA and elliptic curve keys keep one material for life, so this is their way to new material. Symmetric keys can be
    rotated instead (M(byok.aws.kms_imported_material) with O(byok.aws.kms_imported_material#module:state=current)).
  - The module checks the material against the key spec before it creates anything. The new key has to pass a test before an alias
    moves. Afterwards the module resolves every alias; if one does not point to the new key, the module moves all of them back to the
    old key.
  - If a run is interrupted, or answers of KMS are lost, run the same task again to finish it. It never creates a second new key.
  - The old key stays unchanged, or is disabled, or is scheduled for deletion (O(old_key)). Only the old key can decrypt or verify what
    it has encrypted or signed.
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_id:
    description:
      - The key to replace, as key ID, key ARN, alias name (with C(alias/)) or alias ARN.
      - An alias points to the new key once it has moved. The module then looks whether the given material is that of the new key. If it
        is, the module only finishes what is left of the replacement; if it is not, the module replaces the new key.
      - The module resolves an alias once. It moves no alias that somebody has pointed to another key since the plan.
      - The task needs exactly one of O(key_id) and O(keys).
    type: str
  keys:
    description:
      - Many keys in one task. Each entry names a key and can set any of the options for one key. For an option that an entry does not
        set, the task's option of the same name applies.
      - The module reads and plans all keys before it changes the first one. When one key fails, it continues with the others. The
        task fails at the end.
    type: list
    elements: dict
    suboptions:
      key_id:
        description: The key, as in O(key_id).
        type: str
        required: true
      name:
        description:
          - The name of the key in messages. The default is O(keys[].key_id).
          - Use it when O(keys[].key_id) is the ARN to which an earlier task resolved an alias. The role
            P(byok.aws.kms_material_rotation#role) does that. The module refuses an alias that points neither to this key nor to the
            key that replaces it.
        type: str
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
        description: For this key, as in O(allow). It replaces the list of the task.
        type: list
        elements: str
        choices: [loose_file, weak_material, plaintext_file_transfer, unverified_endpoint]
  valid_to:
    description:
      - When KMS deletes the new material, as ISO 8601 with a time zone, less than 365 days from now. Exclusive with O(valid_for).
      - Without this, O(valid_for) and O(expiration_model), the new material gets what the old material has, either no expiry or its
        full lifetime (O(byok.aws.kms_imported_material#module:valid_for)). When the old material expires and its lifetime is not known,
        the module refuses the task. That is so for every HMAC, RSA and elliptic curve key whose material expires, because KMS keeps no
        description for it.
    type: str
  expiration_model:
    description:
      - You need this only to replace material that expires by material that does not, and to remove an expiry from the new key later,
        with V(KEY_MATERIAL_DOES_NOT_EXPIRE).
    type: str
    choices: [KEY_MATERIAL_EXPIRES, KEY_MATERIAL_DOES_NOT_EXPIRE]
  wrapping_algorithm:
    description:
      - How the module wraps the material for KMS. The default is the strongest algorithm that KMS accepts for the key spec.
    type: str
    choices: [RSAES_OAEP_SHA_256, RSAES_OAEP_SHA_1, RSA_AES_KEY_WRAP_SHA_256, RSA_AES_KEY_WRAP_SHA_1]
  wrapping_key_spec:
    description:
      - The kind of public key that KMS returns for wrapping. The default is V(RSA_4096).
    type: str
    choices: [RSA_4096, RSA_3072, RSA_2048]
  aliases:
    description:
      - The aliases to move, as alias names, with or without C(alias/), or alias ARNs. All must point to the key.
      - Without this option, all aliases of the key move. Aliases that somebody creates for the old key after the module has created the
        new one stay with the old key.
    type: list
    elements: str
  old_key:
    description:
      - V(leave) - leave the old key unchanged. You can still use it by its key ID, and a warning says so.
      - V(disable) - disable the old key after the aliases have moved. Nobody can use it until it is enabled again.
      - V(delete) - schedule the deletion of the old key, in O(pending_window) days. After that, what only this key can decrypt is lost.
        Until then you can cancel the deletion (M(byok.aws.kms_external_key) with its key ID).
      - The module refuses V(disable) and V(delete) when an alias would still point to the old key.
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
      - Whether the new key must pass a test before an alias moves. Depending on its usage, the key encrypts and decrypts, generates and
        verifies a MAC, signs and verifies, or returns its public key, which must be the public key of the material.
      - When the caller lacks the permission for this, the result says so (RV(kms_keys[].canary)). It is not a failure.
    type: bool
    default: true
  bypass_policy_lockout_safety_check:
    description:
      - Whether the new key may get the policy of the old one even if the caller could not change this policy again.
    type: bool
    default: false
  wait:
    description:
      - Whether to read until KMS shows each change, and to resolve every alias that has moved.
      - If this is V(false), the module verifies no alias, and moves none back when it does not point to the new key.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait, in seconds. The default is V(120).
    type: int
  force:
    description:
      - Carry out a plan for the material of the new key that the module otherwise refuses, as in
        O(byok.aws.kms_imported_material#module:force).
      - This has no effect on checks of the material itself; use O(allow) for them.
    type: bool
    default: false
  lift_cut_off:
    description:
      - Move the aliases of a key that was cut off (tag C(byok:cut-off)) to a new key. The tag stays on the old key.
    type: bool
    default: false
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
      - Shows the old key and the new one with state, expiry, materials and aliases, never bytes.
  idempotent:
    support: partial
    details:
      - Sometimes the module cannot compare the material with that of the new key by reading, because permissions are missing or another tool
        imported it. The module then imports the material once more, which KMS refuses unless the bytes are the same. If KMS refuses it, the
        module replaces the key.
requirements:
  - python >= 3.9
  - cryptography
  - botocore >= 1.38.31 for symmetric keys
notes:
  - The new key is created with the tag C(byok:creation-token), whose value is C(replaces:) and the ID of the old key. The old key gets the
    tag C(byok:replaced-by) with the ARN of the new one. A later run finds both keys by these tags. Do not remove them.
  - Before the module creates a key, it searches for a key that an earlier run may have created. Once per task, that costs one
    C(DescribeKey) for every key of the Region and one C(ListResourceTags) for each key of origin C(EXTERNAL).
  - The module does not copy grants. Check policies and conditions elsewhere that name the old key by its ARN.
  - The module refuses multi-Region keys.
  - To give up a new key, schedule its deletion; the next run creates another one.
seealso:
  - module: byok.aws.kms_external_key
  - module: byok.aws.kms_imported_material
"""

EXAMPLES = r"""
# The examples get the Region and the credentials from module_defaults with group/byok.aws.aws, or from the environment.

- name: See what a replacement would do
  byok.aws.kms_key_replacement:
    key_id: alias/invoice-signing
    key_material_file: /etc/byok/invoice-signing-new.pem
  check_mode: true
  diff: true

- name: Sign with a new key, and keep the old key for what it has signed
  byok.aws.kms_key_replacement:
    key_id: alias/invoice-signing
    key_material_file: /etc/byok/invoice-signing-new.pem

- name: Disable the old key later, with the same task
  byok.aws.kms_key_replacement:
    key_id: alias/invoice-signing
    key_material_file: /etc/byok/invoice-signing-new.pem
    old_key: disable

- name: Replace many keys, and schedule the deletion of the old ones in 14 days
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
  description: One entry for each key, in the order given. With O(key_id), the same fields are also at the top level.
  returned: always
  type: list
  elements: dict
  contains:
    key_id:
      description:
        - The key ID of the old key, or the value of O(key_id) when the key could not be read. After KMS has deleted the old key,
          the key ID of the new one.
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
      description: Whether material of the old key expires, as C(DescribeKey) shows it.
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
      description: The test of the new key before an alias was moved.
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
      description: Whether the module moved every alias back to the old key, because one did not point to the new one.
      returned: always
      type: bool
      sample: false
    key_material_id:
      description: The ID of the given material, when KMS has assigned one. Symmetric keys only.
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
      description: How long the key was unusable because of this task. Always V(0.0).
      returned: always
      type: float
      sample: 0.0
    cut_off:
      description: The value of the tag C(byok:cut-off) of the key, if it was read.
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
      description: The endpoint of the calls. An endpoint that is neither KMS in AWS nor on this machine also causes a warning.
      returned: when a connection was made
      type: str
      sample: https://kms.us-east-1.amazonaws.com
    source:
      description:
        - Where the material came from, V(inline) (O(key_material)), V(file) (O(key_material_file)), V(components) or
          V(pkcs11).
        - Not set when no material was given.
      returned: always
      type: str
      sample: file
    plaintext_seen:
      description: Whether plaintext material was in the memory of the module.
      returned: always
      type: bool
      sample: true
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
            - V(create) for the new key, V(link) for the tag on the old key that names the new one, V(move) and V(move back) for an alias,
              V(disable) and V(schedule) for the old key.
            - For the material of the new key as in RV(byok.aws.kms_imported_material#module:kms_keys[].steps[].purpose).
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
            The error code of AWS, or V(InvalidInput), V(RefusedByPlan), V(UntrustedEndpoint), V(WrongAccount), V(CanaryFailed), V(WaitTimeout),
            V(ConnectionFailure).
          type: str
          returned: on failure
        message:
          description: >-
            What is wrong, and where the aliases point. The C(msg) of the task adds RV(kms_keys[].error.heal_command).
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
          description: The command that finishes the replacement, when the task stopped after a change.
          type: str
          returned: on failure
        reason:
          description:
            - Why the plan was refused, as a word. V(other_material) - the given material is not the material of the key.
          type: str
          returned: when the plan was refused for this reason
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
