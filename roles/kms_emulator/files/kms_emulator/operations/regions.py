# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multi-Region keys: replicas and the change of the primary Region."""

from __future__ import annotations

from moto.kms.models import kms_backends
from moto.utilities.utils import get_partition

from kms_emulator import states
from kms_emulator.backend import EmulatedKmsBackend
from kms_emulator.errors import KmsError
from kms_emulator.errors import invalid_state
from kms_emulator.errors import unsupported
from kms_emulator.errors import validation
from kms_emulator.key import CREATING
from kms_emulator.key import PENDING_IMPORT
from kms_emulator.key import UPDATING
from kms_emulator.key import EmulatedKey
from kms_emulator.key import RelatedKeys
from kms_emulator.lineage import Copy
from kms_emulator.metadata import key_metadata
from kms_emulator.operations.base import EMPTY
from kms_emulator.operations.base import Operation
from kms_emulator.operations.base import answer
from kms_emulator.operations.keys import _checked_policy
from kms_emulator.operations.tags import check_tags
from kms_emulator.runtime import runtime


class RegionOperations(Operation):
    """ReplicateKey and UpdatePrimaryRegion."""

    def replicate_key(self) -> str:
        key = self.usable_key()
        region = self.params["ReplicaRegion"]
        related = _check_replicable(key, region)
        tags = self.params.get("Tags") or []
        check_tags(tags, [])
        policy = _checked_policy(self.params.get("Policy"))
        backend: EmulatedKmsBackend = kms_backends[key.account_id][region]  # type: ignore[assignment]
        replica = backend.add_key(_creation(key, policy, self.params.get("Description")), tags)
        _join(replica, related)
        return answer(
            {
                "ReplicaKeyMetadata": key_metadata(replica),
                "ReplicaPolicy": replica.policy,
                "ReplicaTags": tags or None,
            }
        )

    def update_primary_region(self) -> str:
        key = self.find_key()
        region = self.params["PrimaryRegion"]
        if key.related is None:
            # Not settled: the text is the one of ReplicateKey.
            raise unsupported(f"{key.arn} is not a multi-region primary key.")
        if key.is_replica:
            raise invalid_state(f"{key.arn} is not a multi-Region primary key.")
        states.check(self.operation, key)
        if region == key.region:
            return EMPTY
        replica = key.related.by_region.get(region)
        if replica is None:
            raise validation(f"{key.id} does not have a replica key in the specified Region.")
        states.check(self.operation, replica)
        _promote(self.kms_backend, key, replica, key.related)
        return EMPTY


def _check_replicable(key: EmulatedKey, region: str) -> RelatedKeys:
    if key.related is None or key.is_replica:
        raise unsupported(f"{key.arn} is not a multi-region primary key.")
    if region == key.region:
        raise validation(f"{region} cannot have a replica because it contains the primary.")
    _check_region(key, region)
    if region in key.related.by_region:
        raise KmsError(
            "AlreadyExistsException", "You can create only one replica of each primary key in each AWS Region."
        )
    return key.related


def _check_region(key: EmulatedKey, region: str) -> None:
    if region not in kms_backends[key.account_id].regions:
        raise validation(
            f"Region {region} is not a valid Region or multi-Region keys are not supported in Region {region}."
        )
    if get_partition(region) != get_partition(key.region):
        raise validation("The replica key Region must be in the same AWS partition as the primary key Region.")


def _creation(key: EmulatedKey, policy: str | None, description: str | None) -> dict[str, object]:
    """What a replica has in common with its primary; policy, description, tags and aliases are its own."""
    return {
        "key_id": key.id,
        "key_spec": key.key_spec,
        "key_usage": key.key_usage,
        "origin": key.origin,
        "multi_region": True,
        "policy": policy,
        "description": description,
    }


def _join(replica: EmulatedKey, related: RelatedKeys) -> None:
    """IDs and descriptions of the materials come along; the bytes only if they are AWS's own."""
    primary = related.primary
    related.by_region[replica.region] = replica
    replica.related = related
    replica.lineage = primary.lineage
    replica.automatic_rotation = primary.automatic_rotation
    if replica.is_external:
        replica.key_state = PENDING_IMPORT
    else:
        replica.copies = {material_id: Copy(held.imported, held.secret) for material_id, held in primary.copies.items()}
    replica.busy = (CREATING, runtime.clock.now() + runtime.settings.transient_seconds)
    replica.touch()


def _promote(backend: EmulatedKmsBackend, key: EmulatedKey, replica: EmulatedKey, related: RelatedKeys) -> None:
    until = runtime.clock.now() + runtime.settings.transient_seconds
    with backend.change(key):
        related.primary_region = replica.region
        key.busy = replica.busy = (UPDATING, until)
