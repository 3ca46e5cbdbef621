# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that kms_external_key makes: a connection in, plain values out.

Source of every shape: KMS API Reference, one page per operation.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list

from ..key.models import Key
from ..service import connection
from ..service import operations
from .models import KeyStep

# KMS has one policy for each key, and this is its name.
POLICY_NAME = "default"
# What a call calls the key; all others have KeyId.
_KEY_MEMBERS = {"CreateAlias": "TargetKeyId", "UpdateAlias": "TargetKeyId"}


def get_policy(kms: connection.Connection, arn: str) -> dict[str, Any]:
    answer = kms.call("GetKeyPolicy", KeyId=arn, PolicyName=POLICY_NAME)
    policy: dict[str, Any] = json.loads(answer["Policy"])
    return policy


def get_aliases(kms: connection.Connection, arn: str) -> tuple[str, ...]:
    """The alias names of one key (ListAliases)."""
    found = operations.pages(kms, "ListAliases", "Aliases", KeyId=arn, Limit=100)
    return tuple(sorted(alias["AliasName"] for alias in found))


def request_of(step: KeyStep, arn: str) -> dict[str, Any]:
    """The request of a step: policies as JSON, tags as KMS lists them, and the key under the name it has there."""
    request = dict(step.parameters)
    if "Policy" in request:
        request["Policy"] = json.dumps(request["Policy"])
    if "Tags" in request:
        request["Tags"] = ansible_dict_to_boto3_tag_list(request["Tags"], "TagKey", "TagValue")
    if step.operation == "PutKeyPolicy":
        request["PolicyName"] = POLICY_NAME
    if step.operation != "CreateKey":
        request[_KEY_MEMBERS.get(step.operation, "KeyId")] = arn
    return request


def created(answer: connection.Answer, call: connection.Call, step: KeyStep) -> Key:
    """The key of an answer to CreateKey, with what the request gave it."""
    given = step.parameters
    key = operations.key_from_answer(answer, call)
    return key.with_settings(tags=dict(given["Tags"]), policy=given.get("Policy"), aliases=())
