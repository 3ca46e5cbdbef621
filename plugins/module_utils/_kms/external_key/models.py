# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An EXTERNAL key as such, not its material: what is wanted of it, what it is, and what each call makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ..key import models
from ..key.models import Key
from ..key.models import StepRecord
from ..key.specs import DEFAULT_WINDOW
from ..key.specs import HMAC_HASHES

# Tags with this prefix are the collection's own: no option sets or removes them.
OWN_TAGS = "byok:"
# Set in CreateKey itself, so that a run that dies right after it leaves a key that the next run recognises.
TOKEN_TAG = "byok:creation-token"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True)
class ExternalKeyRequest:
    """What the caller wants. None: as it is, or as KMS makes it."""

    key_id: str | None = None
    alias: str | None = None
    creation_token: str | None = None
    state: str = "present"
    description: str | None = None
    policy: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True
    enabled: bool | None = None
    key_spec: str | None = None
    key_usage: str | None = None
    multi_region: bool | None = None
    replica_regions: tuple[str, ...] = ()
    pending_window: int | None = None
    bypass_policy_lockout_safety_check: bool = False
    move_alias: bool = False
    wait: bool = True
    wait_timeout: int = 120
    expected_account: str | None = None

    @property
    def name(self) -> str:
        """What messages call the key."""
        return self.key_id or self.alias or str(self.creation_token)

    @property
    def token(self) -> str:
        """What a new key is tagged with."""
        return self.creation_token or self.alias or ""

    @property
    def present(self) -> bool:
        return self.state == "present"


def kind_of(key: Key) -> str:
    """What has to be the same for an alias to move: symmetric, HMAC or asymmetric."""
    if key.symmetric:
        return "symmetric"
    return "HMAC" if key.key_spec in HMAC_HASHES else "asymmetric"


@dataclass(frozen=True)
class Found:
    """What reading has shown.

    key: the key that is meant, if there is one. alias_owner: the key to which the alias of the task points.
    known: ARNs that were looked at for the creation token, and were not it.
    """

    key: Key | None = None
    alias_owner: Key | None = None
    known: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyStep:
    """One changing call, without the member that names the key. purpose: what it is for, in a word for results."""

    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    purpose: str = ""

    def record(self, region: str, key_state: str | None = None) -> StepRecord:
        """The call as a result tells of it before it is made."""
        return StepRecord(self.operation, self.purpose or _PURPOSES[self.operation], region, key_state=key_state)


_PURPOSES = {
    "CancelKeyDeletion": "cancel deletion",
    "CreateAlias": "name",
    "CreateKey": "create",
    "DisableKey": "disable",
    "EnableKey": "enable",
    "PutKeyPolicy": "set policy",
    "ReplicateKey": "replicate",
    "ScheduleKeyDeletion": "schedule",
    "TagResource": "tag",
    "UntagResource": "untag",
    "UpdateAlias": "move",
    "UpdateKeyDescription": "describe",
}


@dataclass(frozen=True)
class KeyPlan:
    """The calls in order, and the key as it will be. refusal: why nothing is done."""

    steps: tuple[KeyStep, ...] = ()
    after: Key | None = None
    refusal: str | None = None
    skip_reason: str | None = None
    warnings: tuple[str, ...] = ()
    moved_from: str | None = None

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(step.operation for step in self.steps)


# -- what a call makes of a key ----------------------------------------------------------------------------------------


def apply(key: Key, step: KeyStep) -> Key:
    """The key after a step."""
    given = step.parameters
    if step.operation == "ScheduleKeyDeletion":
        return _scheduled(key, int(given.get("PendingWindowInDays", DEFAULT_WINDOW)))
    if step.operation in _STATES:
        return replace(key, key_state=_STATES[step.operation])
    if step.operation == "CancelKeyDeletion":
        return replace(key, key_state=models.DISABLED if key.loaded else models.PENDING_IMPORT, deletion_date=None)
    if step.operation == "TagResource":
        return key.with_settings(tags={**(key.settings.tags or {}), **given["Tags"]})
    if step.operation == "UntagResource":
        kept = {name: value for name, value in (key.settings.tags or {}).items() if name not in given["TagKeys"]}
        return key.with_settings(tags=kept)
    return _rest(key, step)


_STATES = {"EnableKey": models.ENABLED, "DisableKey": models.DISABLED}


def _rest(key: Key, step: KeyStep) -> Key:
    given = step.parameters
    if step.operation == "UpdateKeyDescription":
        return replace(key, description=given["Description"])
    if step.operation == "PutKeyPolicy":
        return key.with_settings(policy=given["Policy"])
    if step.operation == "ReplicateKey":
        return replace(key, replica_regions=tuple(sorted({*key.replica_regions, given["ReplicaRegion"]})))
    if step.operation in ("CreateAlias", "UpdateAlias"):
        return key.with_settings(aliases=tuple(sorted({*(key.settings.aliases or ()), given["AliasName"]})))
    return key


def _scheduled(key: Key, days: int) -> Key:
    """A primary key waits for its replicas first."""
    if key.multi_region_type == models.PRIMARY and key.replica_regions:
        return replace(key, key_state=models.PENDING_REPLICA_DELETION, deletion_date=None)
    return replace(key, key_state=models.PENDING_DELETION, deletion_date=key.now + timedelta(days=days))
