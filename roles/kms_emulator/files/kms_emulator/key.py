# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A KMS key: moto's, with materials, Regions and the states that follow from them."""

from __future__ import annotations

import copy
from typing import Any

from moto.kms.models import Key
from moto.utilities.utils import get_partition

from kms_emulator import specs
from kms_emulator.arns import arn
from kms_emulator.lineage import AutomaticRotation
from kms_emulator.lineage import Copy
from kms_emulator.lineage import Entry
from kms_emulator.lineage import Lineage

ENABLED = "Enabled"
DISABLED = "Disabled"
PENDING_IMPORT = "PendingImport"
PENDING_DELETION = "PendingDeletion"
PENDING_REPLICA_DELETION = "PendingReplicaDeletion"
CREATING = "Creating"
UPDATING = "Updating"
DELETING = (PENDING_DELETION, PENDING_REPLICA_DELETION)


class RelatedKeys:
    """A multi-Region primary key and its replicas."""

    def __init__(self, primary: EmulatedKey) -> None:
        self.primary_region = primary.region
        self.by_region: dict[str, EmulatedKey] = {primary.region: primary}

    @property
    def primary(self) -> EmulatedKey:
        return self.by_region[self.primary_region]

    @property
    def replicas(self) -> list[EmulatedKey]:
        return [key for region, key in self.by_region.items() if region != self.primary_region]


class EmulatedKey(Key):
    """One key in one Region. It knows neither the backend that keeps it nor the answers that show it."""

    def __init__(self, account_id: str, region: str, creation: dict[str, Any], now: float) -> None:
        super().__init__(
            creation.get("policy"),
            creation["key_usage"],
            creation["key_spec"],
            creation.get("description") or "",
            account_id,
            region,
            bool(creation.get("multi_region")),
            creation.get("origin") or "AWS_KMS",
        )
        self.adopt_id(creation.get("key_id") or self.id)
        self.creation_date = now
        self.lineage = Lineage()
        self.copies: dict[str, Copy] = {}
        self.automatic_rotation = AutomaticRotation()
        self.related: RelatedKeys | None = RelatedKeys(self) if self.multi_region else None
        self.key_state = PENDING_IMPORT if self.is_external else ENABLED
        self.busy: tuple[str, float] | None = None
        """Creating or Updating, and until when."""
        self.deletion_at: float | None = None
        self.pending_window: int | None = None
        self.next_event = 0.0
        """Nothing happens by itself before this; zero means that it has to be looked up."""

    def adopt_id(self, key_id: str) -> None:
        """AWS writes the ID of a multi-Region key without dashes, moto with them."""
        self.id = "mrk-" + key_id[4:].replace("-", "") if key_id.startswith("mrk-") else key_id
        self.arn = arn(self.region, self.account_id, f"key/{self.id}")

    @property
    def is_external(self) -> bool:
        return self.origin == specs.EXTERNAL

    @property
    def is_symmetric(self) -> bool:
        return self.key_spec == specs.SYMMETRIC

    @property
    def is_replica(self) -> bool:
        return self.related is not None and self.related.primary_region != self.region

    @property
    def state(self) -> str:
        """The state that DescribeKey shows."""
        return self.busy[0] if self.busy else self.key_state

    @property
    def enabled(self) -> bool:
        return self.state == ENABLED

    @enabled.setter
    def enabled(self, value: bool) -> None:
        """For moto's CloudFormation, which sets it."""
        if not value and self.__dict__.get("key_state") == ENABLED:
            self.key_state = DISABLED

    @property
    def key_rotation_status(self) -> bool:
        """moto's name for whether AWS rotates the key."""
        return self.automatic_rotation.enabled

    @key_rotation_status.setter
    def key_rotation_status(self, value: bool) -> None:
        """For moto's CloudFormation, which sets it on a new key."""
        if value:
            self.automatic_rotation.enable(self.creation_date, None)

    @property
    def regions(self) -> list[EmulatedKey]:
        """This key and its relatives."""
        return list(self.related.by_region.values()) if self.related else [self]

    def copy_of(self, entry: Entry) -> Copy:
        """What this Region holds of a material."""
        return self.copies.setdefault(entry.material_id, Copy())

    def is_loaded(self, entry: Entry) -> bool:
        return self.copy_of(entry).secret is not None

    @property
    def is_complete(self) -> bool:
        """Whether every permanent material is here: the loss of any takes the whole key down."""
        permanent = self.lineage.permanent
        return bool(permanent) and all(self.is_loaded(entry) for entry in permanent)

    def current_secret(self) -> bytes:
        """The material that encrypts; the state check before has seen to its being here."""
        entry = self.lineage.current
        secret = self.copy_of(entry).secret if entry else None
        if secret is None:
            raise LookupError(f"{self.arn} holds no current material")
        return secret

    def follow_material(self) -> None:
        """Let the state follow what is missing. Disabled gives way to PendingImport [doc]."""
        if self.is_external and self.key_state in (ENABLED, DISABLED, PENDING_IMPORT):
            if not self.is_complete:
                self.key_state = PENDING_IMPORT
            elif self.key_state == PENDING_IMPORT:
                self.key_state = ENABLED

    def enable_after_import(self) -> None:
        """Every import enables a key with nothing missing, a Disabled one too."""
        if self.is_complete:
            self.key_state = ENABLED

    def touch(self) -> None:
        """Something changed: look up anew what will happen by itself."""
        for key in self.regions:
            key.next_event = 0.0

    def frozen(self) -> EmulatedKey:
        """The key as it is now, for readers whom a change has not reached yet."""
        frozen = copy.copy(self)
        frozen.lineage = copy.deepcopy(self.lineage)
        frozen.copies = copy.deepcopy(self.copies)
        frozen.automatic_rotation = copy.copy(self.automatic_rotation)
        return frozen

    def generate_default_policy(self) -> str:
        """The default policy, laid out as AWS lays it out."""
        root = f"arn:{get_partition(self.region)}:iam::{self.account_id}:root"
        return (
            '{\n  "Version" : "2012-10-17",\n  "Id" : "key-default-1",\n  "Statement" : [ {\n'
            '    "Sid" : "Enable IAM User Permissions",\n    "Effect" : "Allow",\n    "Principal" : {\n'
            f'      "AWS" : "{root}"\n    }},\n    "Action" : "kms:*",\n    "Resource" : "*"\n  }} ]\n}}'
        )
