#!/usr/bin/python
# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_external_key
version_added: 1.0.0
short_description: Create and manage AWS KMS keys that take imported key material
description:
  - Creates AWS KMS keys whose origin is C(EXTERNAL), and schedules and cancels their deletion.
  - Manages the alias, the policy, the tags, the description, the replicas in other Regions, and whether the key is enabled. It does
    not manage the material.
  - A new key has no material and is C(PendingImport). M(byok.aws.kms_imported_material) imports it.
  - Options that mean the same as in M(amazon.aws.kms_key) have the same names.
  - When a run is interrupted, or answers of KMS are lost, the next run finds what was created. The module never creates two keys
    for one O(alias) or O(creation_token).
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_id:
    description:
      - An existing key, as key ID, key ARN, alias name (with C(alias/)) or alias ARN. The module creates no key for this option.
      - One of O(key_id), O(alias) and O(creation_token) is required. Exclusive with O(creation_token).
    type: str
    aliases: [key_arn]
  alias:
    description:
      - An alias of the key, as alias name or alias ARN. The C(alias/) before the name is optional.
      - Alone, it identifies the key. When no key has this alias, O(state=present) creates one.
      - With O(key_id) or O(creation_token), that key gets this alias in addition to the aliases that it has. When the alias points to
        another key, the module refuses that, unless you set O(move_alias=true).
      - The module deletes no alias. KMS deletes the aliases of a key together with the key.
    type: str
    aliases: [key_alias]
  move_alias:
    description:
      - Whether the module may move O(alias) from another key. RV(moved_from_key_arn) names that key.
      - Needs O(alias), and O(key_id) or O(creation_token). KMS demands that both keys are of the same kind (symmetric, HMAC or
        asymmetric) and have the same key usage.
    type: bool
    default: false
  creation_token:
    description:
      - Identifies a key without an alias, such as a key that will replace another one. Use any text, but use it for one key only.
      - The module writes it into the tag C(byok:creation-token) when it creates the key. When no key of the account and Region has
        this token, O(state=present) creates one.
      - The search costs one C(DescribeKey) for every key of the Region, and one C(ListResourceTags) for each key of origin C(EXTERNAL).
        Use RV(key_id) of the result in later tasks.
      - The default for a new key is O(alias).
    type: str
  state:
    description:
      - V(present) - create the key if it does not exist, and change it to match the options. Cancel a pending deletion; the key is then
        C(Disabled), or C(PendingImport) when material is missing, and O(enabled) applies if you set it.
      - V(absent) - schedule the deletion of the key. The module does nothing when a deletion is already scheduled, or the key does not exist.
      - The primary key of a multi-Region key becomes C(PendingReplicaDeletion) as long as it has replicas.
    type: str
    choices: [present, absent]
    default: present
  enabled:
    description:
      - Whether the key is enabled. Without this option, the module does not change it.
      - KMS can neither enable nor disable a key that is C(PendingImport), and enables it when its material is imported. With
        V(false), a warning says that the module can only do this after the import.
    type: bool
  description:
    description: A description of the key. Without this option, the module does not change it.
    type: str
  policy:
    description:
      - The key policy. The module compares what it means, not how it is written. Without this option, the module does not change the
        policy, and a new key gets the default policy of KMS, which lets IAM policies decide.
      - When KMS does not know a principal in the policy, the module tries again for some seconds, because the principal may be new.
    type: json
  bypass_policy_lockout_safety_check:
    description:
      - Whether KMS accepts a O(policy) that does not let the caller change it again.
      - It makes it more likely that the key becomes unmanageable.
    type: bool
    default: false
  key_spec:
    description:
      - The key spec, one of V(SYMMETRIC_DEFAULT), V(HMAC_224), V(HMAC_256), V(HMAC_384), V(HMAC_512), V(RSA_2048), V(RSA_3072),
        V(RSA_4096), V(ECC_NIST_P256), V(ECC_NIST_P384), V(ECC_NIST_P521), V(ECC_SECG_P256K1), V(ECC_NIST_EDWARDS25519), and in
        the China Regions V(SM2).
      - The default for a new key is V(SYMMETRIC_DEFAULT). The key spec never changes; the module refuses another one for an existing key.
      - KMS imports no material for C(ML_DSA) and C(ML_KEM) specs.
    type: str
    aliases: [customer_master_key_spec]
  key_usage:
    description:
      - The purpose of the key. A new key needs this when its O(key_spec) allows several - RSA, C(ECC_NIST_P256), C(ECC_NIST_P384),
        C(ECC_NIST_P521), C(SM2).
      - The key usage never changes; the module refuses another one for an existing key.
    type: str
    choices: [ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT]
  multi_region:
    description:
      - Whether the key is a multi-Region key. The default for a new key is V(false).
      - This never changes; the module refuses another value for an existing key.
    type: bool
  replica_regions:
    description:
      - Regions that must have a replica of this primary key. The module creates missing replicas and leaves others alone. Needs
        O(multi_region=true).
      - A new replica gets O(policy), O(description) and O(tags) of this task, or the defaults of KMS. KMS copies nothing from the primary
        key. A new replica has no material; import the same material into it, too. To manage it later, use this module with the key ID
        and O(region) set to its Region.
      - KMS creates replicas only of a key that is C(Enabled). While the key is C(PendingImport), a warning says that the replicas
        have to wait.
    type: list
    elements: str
  pending_window:
    description:
      - How many days KMS waits before it deletes the key, V(7) to V(30). The default of KMS is V(30).
      - Only for O(state=absent). Has no effect on a deletion that is scheduled already.
    type: int
    aliases: [deletion_delay]
  wait:
    description:
      - Whether to read the key until KMS shows the changes, and until new replicas can take material.
      - Before it creates a key, the module also searches a second time, after two seconds, for a key that an earlier run has created and
        KMS does not show yet. It also waits while KMS answers that a new key does not exist.
    type: bool
    default: true
  wait_timeout:
    description: How long to wait, in seconds.
    type: int
    default: 120
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
  - byok.aws._attributes
  - byok.aws._attributes.actiongroup_aws
  - byok.aws._expected_account
attributes:
  check_mode:
    support: full
    details:
      - Returns the plan and does not carry it out. Makes only reading calls.
  diff_mode:
    support: full
    details:
      - Shows metadata, policy, tags and aliases.
  idempotent:
    support: full
requirements:
  - python >= 3.9
  - botocore >= 1.38.31 to cancel the deletion of a symmetric key
notes:
  - Tags whose name begins with C(byok:) belong to the collection. O(tags) neither sets nor removes them.
  - An existing key costs four reads - C(DescribeKey), C(GetKeyPolicy), C(ListResourceTags) and C(ListAliases). The caller needs no
    permission to read the policy, tags or aliases that the task does not set; the result then lacks them.
  - In a Region without any key, nothing shows the account. O(expected_account) then costs one C(sts:GetCallerIdentity), at
    O(endpoint_url) if that is set.
  - Before it creates a key for an O(alias), the module lists the keys of the Region and reads those that have no alias.
seealso:
  - module: byok.aws.kms_imported_material
  - module: amazon.aws.kms_key
"""

EXAMPLES = r"""
# The examples get the Region and the credentials from module_defaults with group/byok.aws.aws, or from the environment.

- name: Create an empty symmetric key if it does not exist
  byok.aws.kms_external_key:
    alias: alias/new-payments
    description: Payments, material held by the security office
    tags:
      owner: security-office

- name: Import its material
  byok.aws.kms_imported_material:
    key_id: alias/new-payments
    key_material_file: /etc/byok/payments.bin

- name: Disable it, and set its policy
  byok.aws.kms_external_key:
    alias: alias/new-payments
    enabled: false
    policy:
      Version: "2012-10-17"
      Statement:
        - Sid: Administer
          Effect: Allow
          Principal:
            AWS: arn:aws:iam::123456789012:root
          Action: kms:*
          Resource: "*"

- name: Schedule its deletion
  byok.aws.kms_external_key:
    alias: alias/new-payments
    state: absent
    pending_window: 14

- name: Cancel the deletion
  byok.aws.kms_external_key:
    alias: alias/new-payments
    enabled: true

- name: Read a key that has to be replaced
  byok.aws.kms_external_key:
    key_id: alias/invoice-signing
  register: old

- name: Create another key like it, which has no alias yet
  byok.aws.kms_external_key:
    creation_token: invoice signing, from 2031 on
    key_spec: "{{ old.key_spec }}"
    key_usage: "{{ old.key_usage }}"
    description: "{{ old.description }}"
    policy: "{{ old.policy }}"
    tags: "{{ old.tags }}"
  register: new

- name: Import new material into it
  byok.aws.kms_imported_material:
    key_id: "{{ new.key_id }}"
    key_material_file: /etc/byok/invoice-signing.pem

- name: Move the alias
  byok.aws.kms_external_key:
    key_id: "{{ new.key_id }}"
    alias: alias/invoice-signing
    move_alias: true

- name: Create a multi-Region primary key; its replicas have to wait for its material
  byok.aws.kms_external_key:
    alias: alias/everywhere
    multi_region: true

- name: Import the material into the primary key
  byok.aws.kms_imported_material:
    key_id: alias/everywhere
    key_material_file: /etc/byok/payments.bin

- name: Replicate it
  byok.aws.kms_external_key:
    alias: alias/everywhere
    multi_region: true
    replica_regions: [eu-north-1]
"""

RETURN = r"""
key_id:
  description: The key ID. Not set in check mode for a key that would be created.
  returned: always
  type: str
  sample: 1234abcd-12ab-34cd-56ef-1234567890ab
key_arn:
  description: The key ARN.
  returned: when there is a key
  type: str
  sample: arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
key_spec:
  description: The key spec.
  returned: when there is a key
  type: str
  sample: SYMMETRIC_DEFAULT
key_usage:
  description: The key usage.
  returned: when there is a key
  type: str
  sample: ENCRYPT_DECRYPT
key_state:
  description: The state of the key afterwards; in check mode, as predicted.
  returned: when there is a key
  type: str
  sample: PendingImport
enabled:
  description: Whether the key is enabled.
  returned: when there is a key
  type: bool
  sample: false
origin:
  description: The origin of the material.
  returned: when there is a key
  type: str
  sample: EXTERNAL
description:
  description: The description of the key.
  returned: when there is a key
  type: str
  sample: Payments, material held by the security office
creation_date:
  description: When the key was created. Not set in check mode for a key that would be created.
  returned: when there is a key
  type: str
  sample: "2030-01-01T00:00:00+00:00"
aliases:
  description: The alias names of the key, if the caller may list them. Not read with O(state=absent).
  returned: when there is a key
  type: list
  elements: str
  sample: [alias/payments]
tags:
  description: All tags of the key, if the caller may list them. Not read with O(state=absent).
  returned: when there is a key
  type: dict
  sample: {"byok:creation-token": alias/payments, "owner": security-office}
policy:
  description: The key policy, if the caller may read it. Not read with O(state=absent).
  returned: when there is a key
  type: dict
  sample: {"Version": "2012-10-17", "Statement": []}
multi_region:
  description: Whether it is a multi-Region key.
  returned: when there is a key
  type: bool
  sample: false
multi_region_key_type:
  description: V(PRIMARY) or V(REPLICA) for a multi-Region key.
  returned: when there is a key
  type: str
  sample: PRIMARY
primary_region:
  description: The Region of the primary key, for a multi-Region key.
  returned: when there is a key
  type: str
  sample: eu-central-1
replica_regions:
  description: The Regions that have a replica.
  returned: when there is a key
  type: list
  elements: str
  sample: [eu-west-1]
deletion_date:
  description: When KMS deletes the key, if a deletion is scheduled; in check mode, as predicted.
  returned: when there is a key
  type: str
  sample: "2030-01-31T12:00:00+00:00"
operations:
  description: The changing API operations that were carried out, in order; in check mode, those that would be.
  returned: always
  type: list
  elements: str
  sample: [CreateKey, CreateAlias]
new_replica_regions:
  description: The Regions in which this task created a replica; in check mode, would create one. Each needs its material.
  returned: always
  type: list
  elements: str
  sample: [eu-west-1]
moved_from_key_arn:
  description: The key to which O(alias) pointed before, when it was moved.
  returned: always
  type: str
  sample: arn:aws:kms:us-east-1:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321
skip_reason:
  description: Why there was nothing to delete, a key state or V(NotFound).
  returned: always
  type: str
  sample: PendingDeletion
request_ids:
  description:
    - The request IDs of RV(operations), in the same order, to look up in Amazon CloudTrail. Empty for a call whose answer was lost.
  returned: always
  type: list
  elements: str
  sample: [1a2b3c4d-0000-1111-2222-333344445555]
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
    - RV(operations) and RV(request_ids) are those of the steps that succeeded, and in check mode those of the plan.
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
        - V(create), V(name) for a new alias, V(move) for an alias of another key, V(replicate), V(enable), V(disable), V(schedule) and
          V(cancel deletion), V(describe) for the description, V(set policy), V(tag) and V(untag).
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
  description: What went wrong.
  returned: always
  type: dict
  contains:
    key_id:
      description: The key that the error is about, as the task named it.
      type: str
      returned: on failure
    code:
      description: The error code of AWS, or V(InvalidInput), V(RefusedByPlan), V(WrongAccount), V(WaitTimeout), V(ConnectionFailure).
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
      description: Not used.
      type: str
      returned: on failure
kms_keys:
  description: The same fields in a list of one entry, as other modules of the collection return them.
  returned: always
  type: list
  elements: dict
  sample: [{"key_id": 1234abcd-12ab-34cd-56ef-1234567890ab, "key_state": PendingImport}]
"""

from ansible_collections.byok.aws.plugins.module_utils._kms.external_key.run import run
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import run_module

USAGES = ["ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"]
ARGUMENT_SPEC = {
    "key_id": {"type": "str", "aliases": ["key_arn"]},
    "alias": {"type": "str", "aliases": ["key_alias"]},
    "move_alias": {"type": "bool", "default": False},
    "creation_token": {"type": "str", "no_log": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "enabled": {"type": "bool"},
    "description": {"type": "str"},
    "policy": {"type": "json"},
    "bypass_policy_lockout_safety_check": {"type": "bool", "default": False},
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
    "key_spec": {"type": "str", "aliases": ["customer_master_key_spec"], "no_log": False},
    "key_usage": {"type": "str", "choices": USAGES, "no_log": False},
    "multi_region": {"type": "bool"},
    "replica_regions": {"type": "list", "elements": "str"},
    "pending_window": {"type": "int", "aliases": ["deletion_delay"]},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
    "expected_account": {"type": "str"},
}


def work(call):
    return run(
        call.options,
        region=call.region,
        connect=call.connect,
        check_mode=call.check_mode,
        with_diff=call.with_diff,
        ending=call.ending,
        identify=call.identify,
    )


def main():
    run_module(ARGUMENT_SPEC, work)


if __name__ == "__main__":
    main()
