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

from . import models
from .external import OWN_TAGS
from .external import TOKEN_TAG
from .external import USAGES
from .external import ExternalKey
from .external import Found
from .external import KeyPlan
from .external import KeyStep
from .external import KeyWish
from .external import apply

REPLACE = (
    "that never changes for a key: a replacement is needed. Make a new key (this module with creation_token instead of "
    "alias), import material into it, and move the alias (key_id, alias and move_alias: true)"
)


def make_plan(wish: KeyWish, found: Found, now: datetime, region: str) -> KeyPlan:
    """The plan for a wish. now and region are for a key that does not exist yet."""
    key = found.key
    if key is None:
        return _creation(wish, found, now, region) if wish.present else KeyPlan(skip_reason="NotFound")
    refusal = identity_refusal(wish, key)
    if refusal:
        return KeyPlan(after=key, refusal=refusal)
    return _changes(wish, found, key) if wish.present else _deletion(wish, key)


# -- state absent ------------------------------------------------------------------------------------------------------


def _deletion(wish: KeyWish, key: ExternalKey) -> KeyPlan:
    if key.in_deletion:
        return KeyPlan(after=key, skip_reason=key.key_state)
    window = {"PendingWindowInDays": wish.pending_window} if wish.pending_window else {}
    step = KeyStep("ScheduleKeyDeletion", window)
    if key.multi_region_type != "PRIMARY" or not key.replica_regions:
        return KeyPlan((step,), apply(key, step))
    said = (
        f"the key {wish.name} has replicas in {', '.join(key.replica_regions)}: KMS keeps it PendingReplicaDeletion, "
        "and its waiting period begins when the last of them is deleted; schedule their deletion, too (this task with "
        "the key ID, in each of these Regions)"
    )
    return KeyPlan((step,), apply(key, step), warnings=(said,))


# -- creation ----------------------------------------------------------------------------------------------------------


def _creation(wish: KeyWish, found: Found, now: datetime, region: str) -> KeyPlan:
    spec = wish.key_spec or models.SYMMETRIC
    usages = USAGES[spec]
    if wish.key_usage is None and len(usages) > 1:
        choices = " or ".join(usages)
        return KeyPlan(refusal=f"key_usage is needed to create the {spec} key {wish.name}: {choices}")
    usage = wish.key_usage or usages[0]
    kind = "PRIMARY" if wish.multi_region else None
    blank = ExternalKey("", "", region, spec, usage, models.PENDING_IMPORT, "EXTERNAL", now, now)
    key = replace(
        blank, multi_region_type=kind, primary_region=region if kind else None, aliases=(), tags=creation_tags(wish)
    )
    key = replace(key, description=wish.description or "", policy=wish.policy)
    refusal = alias_refusal(wish, key, found.alias_owner)
    if refusal:
        return KeyPlan(refusal=refusal)
    steps = (KeyStep("CreateKey", creation_request(wish, spec, usage)), *_alias_steps(wish, key, found.alias_owner))
    return _planned(wish, key, steps, found)


def creation_tags(wish: KeyWish) -> dict[str, str]:
    return {**own_free(wish.tags or {}), TOKEN_TAG: wish.token}


def creation_request(wish: KeyWish, spec: str, usage: str) -> dict[str, Any]:
    request: dict[str, Any] = {"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": usage}
    if wish.multi_region:
        request["MultiRegion"] = True
    return {**request, **_settings(wish), "Tags": creation_tags(wish)}


def _settings(wish: KeyWish) -> dict[str, Any]:
    """What CreateKey and ReplicateKey have in common beside the tags."""
    settings: dict[str, Any] = {}
    if wish.policy is not None:
        settings["Policy"] = wish.policy
    if wish.description is not None:
        settings["Description"] = wish.description
    if wish.bypass_policy_lockout_safety_check:
        settings["BypassPolicyLockoutSafetyCheck"] = True
    return settings


# -- changes to a key that is there ------------------------------------------------------------------------------------


def _changes(wish: KeyWish, found: Found, key: ExternalKey) -> KeyPlan:
    refusal = alias_refusal(wish, key, found.alias_owner) or _replica_refusal(wish, key)
    if refusal:
        return KeyPlan(after=key, refusal=refusal)
    steps: list[KeyStep] = [KeyStep("CancelKeyDeletion")] if key.in_deletion else []
    usable = apply(key, steps[0]) if steps else key
    steps += _state_steps(wish, usable)
    steps += _tag_steps(wish, key)
    if wish.description is not None and wish.description != key.description:
        steps.append(KeyStep("UpdateKeyDescription", {"Description": wish.description}))
    if wish.policy is not None and policies_differ(key.policy, wish.policy):
        bypass = {"BypassPolicyLockoutSafetyCheck": True} if wish.bypass_policy_lockout_safety_check else {}
        steps.append(KeyStep("PutKeyPolicy", {"Policy": wish.policy, **bypass}))
    steps += _alias_steps(wish, key, found.alias_owner)
    return _planned(wish, key, tuple(steps), found)


def _planned(wish: KeyWish, key: ExternalKey, steps: tuple[KeyStep, ...], found: Found) -> KeyPlan:
    after = key
    for step in steps:
        after = apply(after, step)
    moved = any(step.operation == "UpdateAlias" for step in steps) and found.alias_owner
    return KeyPlan(
        steps,
        after,
        warnings=found.warnings + _later(wish, after),
        moved_from=moved.arn if moved else None,
    )


def _state_steps(wish: KeyWish, key: ExternalKey) -> list[KeyStep]:
    """Replicas are made while the key is enabled: ReplicateKey takes no other."""
    steps: list[KeyStep] = []
    if wish.enabled and key.key_state == models.DISABLED:
        steps.append(KeyStep("EnableKey"))
    if key.key_state == models.ENABLED or steps:
        steps += [KeyStep("ReplicateKey", replica_request(wish, region)) for region in missing_regions(wish, key)]
    if wish.enabled is False and key.key_state == models.ENABLED:
        steps.append(KeyStep("DisableKey"))
    return steps


def replica_request(wish: KeyWish, region: str) -> dict[str, Any]:
    """KMS copies neither policy nor description nor tags: the new replica gets those of the task."""
    tags = {"Tags": own_free(wish.tags)} if wish.tags and own_free(wish.tags) else {}
    return {"ReplicaRegion": region, **_settings(wish), **tags}


def missing_regions(wish: KeyWish, key: ExternalKey) -> list[str]:
    return [region for region in wish.replica_regions if region not in key.replica_regions]


def _tag_steps(wish: KeyWish, key: ExternalKey) -> list[KeyStep]:
    if wish.tags is None:
        return []
    to_set, to_remove = compare_aws_tags(own_free(key.tags or {}), own_free(wish.tags), wish.purge_tags)
    steps = [KeyStep("UntagResource", {"TagKeys": sorted(to_remove)})] if to_remove else []
    return steps + ([KeyStep("TagResource", {"Tags": dict(sorted(to_set.items()))})] if to_set else [])


def own_free(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if not name.startswith(OWN_TAGS)}


def policies_differ(current: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    return current is None or bool(compare_policies(dict(current), dict(wanted)))


def _alias_steps(wish: KeyWish, key: ExternalKey, owner: ExternalKey | None) -> list[KeyStep]:
    if wish.alias is None or (owner is not None and owner.arn == key.arn):
        return []
    return [KeyStep("UpdateAlias" if owner else "CreateAlias", {"AliasName": wish.alias})]


def _later(wish: KeyWish, after: ExternalKey) -> tuple[str, ...]:
    """What is wished and cannot be had now."""
    missing = ", ".join(missing_regions(wish, after))
    disabling = (
        f"the key {wish.name} is PendingImport: KMS can neither enable nor disable it, and enables it when material is "
        "imported; run this task again after the import to have it disabled"
    )
    replicating = (
        f"the key {wish.name} is PendingImport: KMS makes replicas of it (in {missing}) only when it has its material; "
        "import it, and run this task again"
    )
    waits = wish.enabled is False and after.key_state == models.PENDING_IMPORT
    return ((disabling,) if waits else ()) + ((replicating,) if missing else ())


# -- refusals ----------------------------------------------------------------------------------------------------------


def identity_refusal(wish: KeyWish, key: ExternalKey) -> str | None:
    """What the key is, and cannot be made otherwise."""
    if key.origin != "EXTERNAL":
        return (
            f"the key {wish.name} has the origin {key.origin}, which never changes; this module manages keys of origin "
            "EXTERNAL only. For others there is amazon.aws.kms_key"
        )
    if key.key_state in models.TRANSIENT_STATES:
        return f"the key {wish.name} is {key.key_state}, which lasts for seconds; run the task again, or set wait: true"
    if not wish.present:
        return None
    multi_region = key.multi_region_type is not None
    checks = (
        ("key_spec", wish.key_spec, key.key_spec),
        ("key_usage", wish.key_usage, key.key_usage),
        ("multi_region", wish.multi_region, multi_region),
    )
    for option, wanted, current in checks:
        if wanted is not None and wanted != current:
            return f"the key {wish.name} has {option} {_shown(current)}, not {_shown(wanted)}; {REPLACE}"
    return None


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def alias_refusal(wish: KeyWish, key: ExternalKey, owner: ExternalKey | None) -> str | None:
    if owner is None or owner.arn == key.arn:
        return None
    if not wish.move_alias:
        return (
            f"{wish.alias} points to another key, {owner.arn}; set move_alias: true to have it moved to "
            f"{key.arn or 'the new key'}"
        )
    if (owner.kind, owner.key_usage) == (key.kind, key.key_usage):
        return None
    return (
        f"{wish.alias} cannot be moved from the {owner.kind} key {owner.arn} ({owner.key_usage}) to the {key.kind} key "
        f"{key.arn or wish.name} ({key.key_usage}): KMS demands the same kind and key usage; delete the alias, and "
        "create it on the other key"
    )


def _replica_refusal(wish: KeyWish, key: ExternalKey) -> str | None:
    missing = missing_regions(wish, key)
    if not missing:
        return None
    if key.multi_region_type == "REPLICA":
        return (
            f"the key {wish.name} is a replica in {key.region}; replicas are made from the primary, in "
            f"{key.primary_region}: set region to that"
        )
    disabled = key.key_state == models.DISABLED or (key.in_deletion and key.loaded)
    if disabled and not wish.enabled:
        return (
            f"the key {wish.name} {'will be' if key.in_deletion else 'is'} Disabled, and KMS makes no replicas (in "
            f"{', '.join(missing)}) of a disabled key; set enabled: true, or leave these Regions out of replica_regions"
        )
    return None
