# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys: create, describe, list, enable, disable, delete, policy and description."""

from __future__ import annotations

import json
from typing import Any

from moto.kms.policy_validator import validate_policy

from kms_emulator import specs
from kms_emulator.clock import DAY_SECONDS
from kms_emulator.errors import KmsError
from kms_emulator.errors import not_found
from kms_emulator.errors import unsupported
from kms_emulator.errors import validation
from kms_emulator.key import DISABLED
from kms_emulator.key import ENABLED
from kms_emulator.key import PENDING_DELETION
from kms_emulator.key import PENDING_REPLICA_DELETION
from kms_emulator.key import EmulatedKey
from kms_emulator.metadata import key_metadata
from kms_emulator.operations.base import EMPTY
from kms_emulator.operations.base import Operation
from kms_emulator.operations.base import answer
from kms_emulator.operations.tags import check_tags
from kms_emulator.runtime import runtime

DEFAULT_WINDOW_DAYS = 30
USAGE_MISSING = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
NOT_IMPORTABLE = ("ML_DSA_", "ML_KEM_")


class KeyOperations(Operation):
    """Everything about a key as such."""

    def create_key(self) -> str:
        spec = self.params.get("KeySpec") or self.params.get("CustomerMasterKeySpec") or specs.SYMMETRIC
        origin = self.params.get("Origin") or "AWS_KMS"
        creation = {
            "key_spec": spec,
            "key_usage": _checked_usage(spec, self.params.get("KeyUsage"), origin),
            "origin": origin,
            "description": self.params.get("Description"),
            "policy": _checked_policy(self.params.get("Policy")),
            "multi_region": bool(self.params.get("MultiRegion")),
        }
        tags = self.params.get("Tags") or []
        check_tags(tags, [])
        self.resolved = self.kms_backend.add_key(creation, tags)
        return answer({"KeyMetadata": key_metadata(self.resolved)})

    def describe_key(self) -> str:
        key = self.visible_key()
        validate_policy(key, "kms:DescribeKey")
        return answer({"KeyMetadata": key_metadata(key)})

    def list_keys(self) -> str:
        visible = (self.kms_backend.visible(key) for key in self.kms_backend.live_keys())
        keys = [{"KeyId": key.id, "KeyArn": key.arn} for key in visible if key is not None]
        return answer(self.page(keys, "Keys", 100))

    def update_key_description(self) -> str:
        key = self.usable_key()
        with self.kms_backend.change(key):
            key.description = self.params["Description"]
        return EMPTY

    def get_key_policy(self) -> str:
        key = self.visible_key()
        _check_policy_name(self.params)
        return answer({"Policy": key.policy, "PolicyName": "default"})

    def put_key_policy(self) -> str:
        key = self.find_key()
        _check_policy_name(self.params)
        with self.kms_backend.change(key):
            key.policy = _checked_policy(self.params["Policy"]) or key.policy
        return EMPTY

    def enable_key(self) -> str:
        return self._set_state(ENABLED)

    def disable_key(self) -> str:
        return self._set_state(DISABLED)

    def _set_state(self, state: str) -> str:
        key = self.usable_key()
        with self.kms_backend.change(key):
            key.key_state = state
        return EMPTY

    def schedule_key_deletion(self) -> str:
        key = self.usable_key()
        days = self.params.get("PendingWindowInDays")
        with self.kms_backend.change(key):
            _schedule(key, _checked_window(days))
        return answer(
            {
                "KeyId": key.arn,
                "KeyState": key.state,
                "PendingWindowInDays": key.pending_window,
                "DeletionDate": None if key.deletion_at is None else round(key.deletion_at, 3),
            }
        )

    def cancel_key_deletion(self) -> str:
        key = self.usable_key()
        with self.kms_backend.change(key):
            key.deletion_at = key.pending_window = None
            key.key_state = DISABLED
            key.follow_material()
        return answer({"KeyId": key.arn})


def _schedule(key: EmulatedKey, days: int) -> None:
    """A primary key waits for its replicas first."""
    key.pending_window = days
    if key.related and not key.is_replica and key.related.replicas:
        key.key_state = PENDING_REPLICA_DELETION
        return
    key.key_state = PENDING_DELETION
    key.deletion_at = runtime.clock.now() + days * DAY_SECONDS


def _checked_window(days: int | None) -> int:
    # The service model allows 1 to 365, the documentation 7 to 30; how KMS words the refusal was not seen.
    if days is not None and not 7 <= days <= 30:
        raise validation("PendingWindowInDays must be between 7 and 30")
    return days or DEFAULT_WINDOW_DAYS


def _checked_usage(spec: str, usage: str | None, origin: str) -> str:
    if origin == specs.EXTERNAL and spec.startswith(NOT_IMPORTABLE):
        raise validation(f"KeySpec {spec} is not supported for Origin {origin}")
    if not specs.is_supported(spec) or origin not in ("AWS_KMS", specs.EXTERNAL):
        # Gaps of the emulator: some cryptography, and custom key stores.
        raise unsupported(f"The emulator has no keys of KeySpec {spec} and Origin {origin}.")
    if usage is None and spec != specs.SYMMETRIC:
        raise validation(USAGE_MISSING)
    chosen = usage or specs.ENCRYPT_DECRYPT
    if chosen not in specs.usages(spec):
        raise validation(f"KeyUsage {chosen} is not compatible with KeySpec {spec}")
    return chosen


def _checked_policy(policy: str | None) -> str | None:
    """Only the syntax is looked at; the lockout check is not emulated."""
    if policy is None:
        return None
    try:
        document = json.loads(policy)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "Statement" not in document:
        raise KmsError("MalformedPolicyDocumentException")
    return policy


def _check_policy_name(params: dict[str, Any]) -> None:
    if params.get("PolicyName", "default") != "default":
        raise not_found("No such policy exists")
