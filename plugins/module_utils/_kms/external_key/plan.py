# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for an EXTERNAL key: which calls lead from what it is to what is wanted, and what is refused.

Nothing here calls AWS. Policies and tags are compared by amazon.aws's own functions, which are as pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from ..key import models
from ..key.models import Key
from ..key.models import Settings
from ..key.models import blank_key
from ..key.specs import USAGES
from .models import OWN_TAGS
from .models import TOKEN_TAG
from .models import ExternalKeyRequest
from .models import Found
from .models import KeyPlan
from .models import KeyStep
from .models import apply
from .models import kind_of

REPLACE = (
    "that never changes for a key: a replacement is needed. Make a new key (this module with creation_token instead of "
    "alias), import material into it, and move the alias (key_id, alias and move_alias: true)"
)


def make_plan(request: ExternalKeyRequest, found: Found, now: datetime, region: str) -> KeyPlan:
    """The plan for a request. now and region are for a key that does not exist yet."""
    key = found.key
    if key is None:
        return _creation(request, found, now, region) if request.present else KeyPlan(skip_reason="NotFound")
    refusal = identity_refusal(request, key)
    if refusal:
        return KeyPlan(after=key, refusal=refusal)
    return _changes(request, found, key) if request.present else _deletion(request, key)


# -- state absent ------------------------------------------------------------------------------------------------------


def _deletion(request: ExternalKeyRequest, key: Key) -> KeyPlan:
    if key.in_deletion:
        return KeyPlan(after=key, skip_reason=key.key_state)
    window = {"PendingWindowInDays": request.pending_window} if request.pending_window else {}
    step = KeyStep("ScheduleKeyDeletion", window)
    if key.multi_region_type != models.PRIMARY or not key.replica_regions:
        return KeyPlan((step,), apply(key, step))
    said = (
        f"the key {request.name} has replicas in {', '.join(sorted(key.replica_regions))}: KMS keeps it "
        "PendingReplicaDeletion, and its waiting period begins when the last of them is deleted; schedule their "
        "deletion, too (this task with the key ID, in each of these Regions)"
    )
    return KeyPlan((step,), apply(key, step), warnings=(said,))


# -- creation ----------------------------------------------------------------------------------------------------------


def _creation(request: ExternalKeyRequest, found: Found, now: datetime, region: str) -> KeyPlan:
    spec = request.key_spec or models.SYMMETRIC
    usages = USAGES[spec]
    if request.key_usage is None and len(usages) > 1:
        choices = " or ".join(usages)
        return KeyPlan(refusal=f"key_usage is needed to create the {spec} key {request.name}: {choices}")
    usage = request.key_usage or usages[0]
    kind = models.PRIMARY if request.multi_region else None
    key = replace(
        blank_key("", region, spec, usage, now),
        multi_region_type=kind,
        primary_region=region if kind else None,
        description=request.description or "",
        settings=Settings(request.policy, creation_tags(request), ()),
    )
    refusal = alias_refusal(request, key, found.alias_owner)
    if refusal:
        return KeyPlan(refusal=refusal)
    steps = (
        KeyStep("CreateKey", creation_request(request, spec, usage)),
        *_alias_steps(request, key, found.alias_owner),
    )
    return _planned(request, key, steps, found)


def creation_tags(request: ExternalKeyRequest) -> dict[str, str]:
    return {**own_free(request.tags or {}), TOKEN_TAG: request.token}


def creation_request(request: ExternalKeyRequest, spec: str, usage: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"Origin": models.EXTERNAL, "KeySpec": spec, "KeyUsage": usage}
    if request.multi_region:
        parameters["MultiRegion"] = True
    return {**parameters, **_settings(request), "Tags": creation_tags(request)}


def _settings(request: ExternalKeyRequest) -> dict[str, Any]:
    """What CreateKey and ReplicateKey have in common beside the tags."""
    settings: dict[str, Any] = {}
    if request.policy is not None:
        settings["Policy"] = request.policy
    if request.description is not None:
        settings["Description"] = request.description
    if request.bypass_policy_lockout_safety_check:
        settings["BypassPolicyLockoutSafetyCheck"] = True
    return settings


# -- changes to a key that is there ------------------------------------------------------------------------------------


def _changes(request: ExternalKeyRequest, found: Found, key: Key) -> KeyPlan:
    refusal = alias_refusal(request, key, found.alias_owner) or _replica_refusal(request, key)
    if refusal:
        return KeyPlan(after=key, refusal=refusal)
    steps: list[KeyStep] = [KeyStep("CancelKeyDeletion")] if key.in_deletion else []
    usable = apply(key, steps[0]) if steps else key
    steps += _state_steps(request, usable)
    steps += _tag_steps(request, key)
    if request.description is not None and request.description != key.description:
        steps.append(KeyStep("UpdateKeyDescription", {"Description": request.description}))
    if request.policy is not None and policies_differ(key.settings.policy, request.policy):
        bypass = {"BypassPolicyLockoutSafetyCheck": True} if request.bypass_policy_lockout_safety_check else {}
        steps.append(KeyStep("PutKeyPolicy", {"Policy": request.policy, **bypass}))
    steps += _alias_steps(request, key, found.alias_owner)
    return _planned(request, key, tuple(steps), found)


def _planned(request: ExternalKeyRequest, key: Key, steps: tuple[KeyStep, ...], found: Found) -> KeyPlan:
    after = key
    for step in steps:
        after = apply(after, step)
    moved = any(step.operation == "UpdateAlias" for step in steps) and found.alias_owner
    return KeyPlan(
        steps,
        after,
        warnings=found.warnings + _later(request, after),
        moved_from=moved.arn if moved else None,
    )


def _state_steps(request: ExternalKeyRequest, key: Key) -> list[KeyStep]:
    """Replicas are made while the key is enabled: ReplicateKey takes no other."""
    steps: list[KeyStep] = []
    if request.enabled and key.key_state == models.DISABLED:
        steps.append(KeyStep("EnableKey"))
    if key.key_state == models.ENABLED or steps:
        steps += [KeyStep("ReplicateKey", replica_request(request, region)) for region in missing_regions(request, key)]
    if request.enabled is False and key.key_state == models.ENABLED:
        steps.append(KeyStep("DisableKey"))
    return steps


def replica_request(request: ExternalKeyRequest, region: str) -> dict[str, Any]:
    """KMS copies neither policy nor description nor tags: the new replica gets those of the task."""
    tags = {"Tags": own_free(request.tags)} if request.tags and own_free(request.tags) else {}
    return {"ReplicaRegion": region, **_settings(request), **tags}


def missing_regions(request: ExternalKeyRequest, key: Key) -> list[str]:
    return [region for region in request.replica_regions if region not in key.replica_regions]


def _tag_steps(request: ExternalKeyRequest, key: Key) -> list[KeyStep]:
    if request.tags is None:
        return []
    to_set, to_remove = compare_aws_tags(own_free(key.settings.tags or {}), own_free(request.tags), request.purge_tags)
    steps = [KeyStep("UntagResource", {"TagKeys": sorted(to_remove)})] if to_remove else []
    return steps + ([KeyStep("TagResource", {"Tags": dict(sorted(to_set.items()))})] if to_set else [])


def own_free(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if not name.startswith(OWN_TAGS)}


def policies_differ(current: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    return current is None or bool(compare_policies(dict(current), dict(wanted)))


def _alias_steps(request: ExternalKeyRequest, key: Key, owner: Key | None) -> list[KeyStep]:
    if request.alias is None or (owner is not None and owner.arn == key.arn):
        return []
    return [KeyStep("UpdateAlias" if owner else "CreateAlias", {"AliasName": request.alias})]


def _later(request: ExternalKeyRequest, after: Key) -> tuple[str, ...]:
    """What the task asks for and KMS cannot do now."""
    missing = ", ".join(missing_regions(request, after))
    disabling = (
        f"the key {request.name} is PendingImport: KMS can neither enable nor disable it, and enables it when material "
        "is imported; run this task again after the import to have it disabled"
    )
    replicating = (
        f"the key {request.name} is PendingImport: KMS makes replicas of it (in {missing}) only when it has its "
        "material; import it, and run this task again"
    )
    waits = request.enabled is False and after.key_state == models.PENDING_IMPORT
    return ((disabling,) if waits else ()) + ((replicating,) if missing else ())


# -- refusals ----------------------------------------------------------------------------------------------------------


def identity_refusal(request: ExternalKeyRequest, key: Key) -> str | None:
    """What the key is, and cannot be made otherwise."""
    if key.origin != models.EXTERNAL:
        return (
            f"the key {request.name} has the origin {key.origin}, which never changes; this module manages keys of "
            "origin EXTERNAL only. For others there is amazon.aws.kms_key"
        )
    if key.key_state in models.TRANSIENT_STATES:
        return (
            f"the key {request.name} is {key.key_state}, which lasts for seconds; run the task again, or set wait: true"
        )
    if not request.present:
        return None
    multi_region = key.multi_region_type is not None
    checks = (
        ("key_spec", request.key_spec, key.key_spec),
        ("key_usage", request.key_usage, key.key_usage),
        ("multi_region", request.multi_region, multi_region),
    )
    for option, wanted, current in checks:
        if wanted is not None and wanted != current:
            return f"the key {request.name} has {option} {_shown(current)}, not {_shown(wanted)}; {REPLACE}"
    return None


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def alias_refusal(request: ExternalKeyRequest, key: Key, owner: Key | None) -> str | None:
    if owner is None or owner.arn == key.arn:
        return None
    if not request.move_alias:
        return (
            f"{request.alias} points to another key, {owner.arn}; set move_alias: true to have it moved to "
            f"{key.arn or 'the new key'}"
        )
    if (kind_of(owner), owner.key_usage) == (kind_of(key), key.key_usage):
        return None
    return (
        f"{request.alias} cannot be moved from the {kind_of(owner)} key {owner.arn} ({owner.key_usage}) to the "
        f"{kind_of(key)} key {key.arn or request.name} ({key.key_usage}): KMS demands the same kind and key usage; "
        "delete the alias, and create it on the other key"
    )


def _replica_refusal(request: ExternalKeyRequest, key: Key) -> str | None:
    missing = missing_regions(request, key)
    if not missing:
        return None
    if key.multi_region_type == models.REPLICA:
        return (
            f"the key {request.name} is a replica in {key.region}; replicas are made from the primary, in "
            f"{key.primary_region}: set region to that"
        )
    disabled = key.key_state == models.DISABLED or (key.in_deletion and key.loaded)
    if disabled and not request.enabled:
        return (
            f"the key {request.name} {'will be' if key.in_deletion else 'is'} Disabled, and KMS makes no replicas (in "
            f"{', '.join(missing)}) of a disabled key; set enabled: true, or leave these Regions out of replica_regions"
        )
    return None
