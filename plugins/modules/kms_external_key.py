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
  - Creates AWS KMS keys whose origin is C(EXTERNAL), manages what belongs to the key and not to its material - alias, policy, tags,
    description, replicas in other Regions, whether it is enabled - and schedules and cancels its deletion.
  - A new key has no material and is C(PendingImport). M(byok.aws.kms_imported_material) imports it.
  - Options that mean the same as in M(amazon.aws.kms_key) have the same names.
  - A run that is cut short, or whose answers get lost, leaves nothing that the next run does not find - a key is never created
    twice for one O(alias) or O(creation_token).
author:
  - byok.aws maintainers (@byok-aws)
options:
  key_id:
    description:
      - An existing key, as key ID, key ARN, alias name (with C(alias/)) or alias ARN. Never creates one.
      - One of O(key_id), O(alias) and O(creation_token) is required. Exclusive with O(creation_token).
    type: str
    aliases: [key_arn]
  alias:
    description:
      - An alias of the key, as alias name or alias ARN. The C(alias/) before the name is optional.
      - On its own it says which key is meant. When there is none with that alias, O(state=present) creates it.
      - With O(key_id) or O(creation_token) it is given to that key, beside the aliases that it has. When it points to another
        key, that is refused, unless O(move_alias=true).
      - No alias is ever deleted. KMS deletes the aliases of a key together with the key.
    type: str
    aliases: [key_alias]
  move_alias:
    description:
      - Whether O(alias) may be taken from another key. RV(moved_from_key_arn) says from which.
      - Needs O(alias), and O(key_id) or O(creation_token). KMS demands that both keys are of the same kind (symmetric, HMAC or
        asymmetric) and have the same key usage.
    type: bool
    default: false
  creation_token:
    description:
      - Says which key is meant when it has no alias, or not yet, such as a key that will replace another one. Any text that
        is used for one key only.
      - It is kept in the tag C(byok:creation-token), which is set when the key is created. When no key of the account and Region
        has it, O(state=present) creates one.
      - To look for it costs one C(DescribeKey) for every key of the Region, and one C(ListResourceTags) for each of origin
        C(EXTERNAL). Use RV(key_id) of the result from then on.
      - The default for a new key is O(alias).
    type: str
  state:
    description:
      - V(present) - the key exists, and is as the options say. A pending deletion is cancelled; the key is C(Disabled) then, or
        C(PendingImport) when material is missing, and O(enabled) is applied when it is set.
      - V(absent) - the deletion of the key is scheduled. Nothing is done when that is so already, or there is no such key.
      - The primary key of a multi-Region key becomes C(PendingReplicaDeletion) as long as it has replicas.
    type: str
    choices: [present, absent]
    default: present
  enabled:
    description:
      - Whether the key is enabled. When not set, that is left alone.
      - KMS can neither enable nor disable a key that is C(PendingImport), and enables it when its material is imported. With
        V(false) a warning says that this has to wait until then.
    type: bool
  description:
    description: A description of the key. When not set, it is left alone.
    type: str
  policy:
    description:
      - The key policy. Compared by what it says, not by how it is written. When not set, it is left alone, and a new key
        gets the default policy of KMS, which lets IAM policies decide.
      - A policy that names a principal that KMS does not know is tried for some seconds, since it may have been created a moment ago.
    type: json
  bypass_policy_lockout_safety_check:
    description:
      - Whether KMS takes a O(policy) that leaves the caller without the permission to change it again.
      - It makes it more likely that the key becomes unmanageable.
    type: bool
    default: false
  key_spec:
    description:
      - The key spec, one of V(SYMMETRIC_DEFAULT), V(HMAC_224), V(HMAC_256), V(HMAC_384), V(HMAC_512), V(RSA_2048), V(RSA_3072),
        V(RSA_4096), V(ECC_NIST_P256), V(ECC_NIST_P384), V(ECC_NIST_P521), V(ECC_SECG_P256K1), V(ECC_NIST_EDWARDS25519), and in
        the China Regions V(SM2).
      - A new key is V(SYMMETRIC_DEFAULT) when it is not set. It never changes; another one for an existing key is refused.
      - KMS imports no material for C(ML_DSA) and C(ML_KEM) specs.
    type: str
    aliases: [customer_master_key_spec]
  key_usage:
    description:
      - What the key is for. Needed for a new key whose O(key_spec) leaves a choice - RSA, C(ECC_NIST_P256), C(ECC_NIST_P384),
        C(ECC_NIST_P521), C(SM2).
      - It never changes; another one for an existing key is refused.
    type: str
    choices: [ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT]
  multi_region:
    description:
      - Whether the key is a multi-Region key. A new key is none when it is not set.
      - It never changes; another value for an existing key is refused.
    type: bool
  replica_regions:
    description:
      - Regions that have a replica of this primary key. Missing ones are made; others are left alone. Needs O(multi_region=true).
      - A new replica gets O(policy), O(description) and O(tags) of this task, and what is not set as KMS makes it - nothing
        is copied from the primary key. It has no material - import the same material into it, too. To manage it later,
        use this module with the key ID and O(region) set to its Region.
      - KMS makes replicas of a key only when it is C(Enabled). While the key is C(PendingImport) a warning says that they
        have to wait.
    type: list
    elements: str
  pending_window:
    description:
      - How many days KMS waits before it deletes the key, V(7) to V(30). The default of KMS is V(30).
      - Has a meaning with O(state=absent) only, and none for a deletion that is scheduled already.
    type: int
    aliases: [deletion_delay]
  wait:
    description:
      - Read until KMS shows what was changed, and until new replicas can take material.
      - Also look a second time, after two seconds, before a key is created, for one that an earlier run has made and KMS has not
        shown yet; and wait out answers that a new key does not exist.
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
      - The plan is returned and not carried out. Only reading calls are made.
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
  - Tags whose name begins with C(byok:) are the collection's own. O(tags) neither sets nor removes them.
  - A key that exists costs four reads - C(DescribeKey), C(GetKeyPolicy), C(ListResourceTags) and C(ListAliases). Policy, tags and
    aliases may be hidden from the caller where nothing is wished of them; they are not set in the result then.
  - Where there is no key that shows the account, neither the one that is meant nor another of the Region, O(expected_account) costs one
    C(sts:GetCallerIdentity), at O(endpoint_url) if that is set.
  - Before a key is created for an O(alias), the keys of the Region are listed, and those looked at that have no alias.
seealso:
  - module: byok.aws.kms_imported_material
  - module: amazon.aws.kms_key
"""

EXAMPLES = r"""
# The examples take region and credentials from module_defaults with group/byok.aws.aws, or from the environment.

- name: Create an empty symmetric key, or see that it is there
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

- name: Change one's mind
  byok.aws.kms_external_key:
    alias: alias/new-payments
    enabled: true

- name: Look at a key that has to be replaced
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
  description: The alias names of the key, as far as the caller may list them. Not read with O(state=absent).
  returned: when there is a key
  type: list
  elements: str
  sample: [alias/payments]
tags:
  description: All tags of the key, as far as the caller may list them. Not read with O(state=absent).
  returned: when there is a key
  type: dict
  sample: {"byok:creation-token": alias/payments, "owner": security-office}
policy:
  description: The key policy, as far as the caller may read it. Not read with O(state=absent).
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
  description: When KMS deletes the key, when that is scheduled; in check mode, as predicted.
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
  description: The Regions in which this task has made, or would make, a replica. Each needs its material.
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
  description: Why there was nothing to delete, as key state, or V(NotFound).
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
error:
  description: What went wrong.
  returned: always
  type: dict
  contains:
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
kms_keys:
  description: The same fields as an entry of a list, as other modules of the collection return them.
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
