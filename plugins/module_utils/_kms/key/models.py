# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of the collection: a key, its materials, a request for it, and the plan to fulfil the request.

This module uses neither AWS nor Ansible. The classes hold facts about material, never its bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from typing import Any

SYMMETRIC = "SYMMETRIC_DEFAULT"
# Origin of a key whose material is imported.
EXTERNAL = "EXTERNAL"
SM2 = "SM2"

# KeyUsage
ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
SIGN_VERIFY = "SIGN_VERIFY"
GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"
KEY_AGREEMENT = "KEY_AGREEMENT"

# EncryptionAlgorithm and WrappingAlgorithm
OAEP_SHA_256 = "RSAES_OAEP_SHA_256"
SM2PKE = "SM2PKE"

# Random bytes that a key works on, to show which key it is.
CHALLENGE_BYTES = 32

EXPIRES = "KEY_MATERIAL_EXPIRES"
NEVER = "KEY_MATERIAL_DOES_NOT_EXPIRE"

PENDING_IMPORT = "PendingImport"
ENABLED = "Enabled"
DISABLED = "Disabled"
PENDING_DELETION = "PendingDeletion"
PENDING_REPLICA_DELETION = "PendingReplicaDeletion"
DELETION_STATES = (PENDING_DELETION, PENDING_REPLICA_DELETION)
TRANSIENT_STATES = ("Creating", "Updating")

# MultiRegionKeyType
PRIMARY = "PRIMARY"
REPLICA = "REPLICA"

IMPORTED = "IMPORTED"
NOT_IMPORTED = "PENDING_IMPORT"
CURRENT = "CURRENT"
NON_CURRENT = "NON_CURRENT"
PENDING_ROTATION = "PENDING_ROTATION"
PENDING_MULTI_REGION = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"

# ImportType
NEW = "NEW_KEY_MATERIAL"
EXISTING = "EXISTING_KEY_MATERIAL"

# How long after its creation a key may not be known everywhere in KMS.
YOUNG = timedelta(minutes=5)

# How many on-demand rotations KMS grants a key for its whole life (KMS Developer Guide, resource quotas).
ON_DEMAND_ROTATION_LIMIT = 25

# The values of the option allow: what the modules otherwise refuse to protect the material.
LOOSE_FILE = "loose_file"
WEAK_MATERIAL = "weak_material"
PLAINTEXT_FILE_TRANSFER = "plaintext_file_transfer"
UNVERIFIED_ENDPOINT = "unverified_endpoint"
ALLOWABLE = (LOOSE_FILE, WEAK_MATERIAL, PLAINTEXT_FILE_TRANSFER, UNVERIFIED_ENDPOINT)

# The tag that marks a key to be disabled again, also after a crash: KMS enables a key at every import.
RESTORE_STATE_TAG = "byok:restore-state"

# The tag of a key that was cut off on purpose: the modules import no material until the cut-off is lifted.
CUT_OFF_TAG = "byok:cut-off"


@dataclass(frozen=True)
class Expiration:
    """ExpirationModel and ValidTo of a material. The instant is UTC, in whole seconds."""

    model: str
    valid_to: datetime | None = None


DOES_NOT_EXPIRE = Expiration(NEVER)


@dataclass(frozen=True)
class Material:
    """One entry of ListKeyRotations(ALL_KEY_MATERIAL)."""

    key_material_id: str
    key_material_state: str
    import_state: str
    expiration: Expiration | None = None
    description: str | None = None
    rotation_date: datetime | None = None
    rotation_type: str | None = None

    @property
    def permanent(self) -> bool:
        """Whether it is or was current. The loss of such a material makes the whole key unusable."""
        return self.key_material_state in (CURRENT, NON_CURRENT)

    def loaded(self, now: datetime) -> bool:
        """Whether KMS holds the bytes. The list still shows IMPORTED after an expiry, so the clock decides."""
        if self.import_state != IMPORTED:
            return False
        expiration = self.expiration
        return expiration is None or expiration.valid_to is None or expiration.valid_to > now


@dataclass(frozen=True)
class Settings:
    """What can be changed about a key, as GetKeyPolicy, ListResourceTags and ListAliases show it.

    None: not read, or not readable for the caller.
    """

    policy: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    aliases: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Key:
    """A KMS key as DescribeKey, ListKeyRotations, GetKeyRotationStatus and ListResourceTags show it.

    arn and key_id are empty for a key that is yet to be created.

    now: the clock of KMS (the Date header of its answer), so that a wrong local clock has no effect.
    materials: empty for other specs than SYMMETRIC_DEFAULT; KMS keeps no list for them.
    restore_state: the state that the key must get back after an import, if its tag is proved to be ours. restore_tag:
    the value of this tag, proved or not. cut_off: the value of the tag that a cut-off leaves. unread: the error codes,
    by operation, of reads that failed and that the plan can do without.
    """

    arn: str
    key_id: str
    account_id: str
    region: str
    key_spec: str
    key_usage: str
    key_state: str
    origin: str
    now: datetime
    creation_date: datetime
    current_key_material_id: str | None = None
    expiration: Expiration | None = None
    multi_region_type: str | None = None
    primary_region: str | None = None
    replica_regions: tuple[str, ...] = ()
    materials: tuple[Material, ...] = ()
    rotation_started: datetime | None = None
    restore_state: str | None = None
    restore_tag: str | None = None
    cut_off: str | None = None
    unread: tuple[tuple[str, str], ...] = ()
    signing_algorithms: tuple[str, ...] = ()
    mac_algorithms: tuple[str, ...] = ()
    round_trip_seconds: float = 0.0
    description: str = ""
    deletion_date: datetime | None = None
    settings: Settings = Settings()

    @property
    def symmetric(self) -> bool:
        return self.key_spec == SYMMETRIC

    @property
    def enabled(self) -> bool:
        return self.key_state == ENABLED

    @property
    def in_deletion(self) -> bool:
        return self.key_state in DELETION_STATES

    @property
    def loaded(self) -> bool:
        """Whether every material that counts is there; without the list of materials, whether DescribeKey shows one."""
        return not self.missing if self.materials else self.expiration is not None

    def with_settings(self, **settings: Any) -> Key:
        """The key with other settings: policy, tags, aliases."""
        return replace(self, settings=replace(self.settings, **settings))

    @property
    def young(self) -> bool:
        """Whether KMS may not know the key everywhere yet."""
        return self.now - self.creation_date < YOUNG

    @property
    def replica(self) -> bool:
        return self.multi_region_type == REPLICA

    @property
    def regions(self) -> tuple[str, ...]:
        """Every Region of the key, the Region of the primary key first."""
        if self.multi_region_type is None:
            return (self.region,)
        primary = self.primary_region or self.region
        return (primary, *(region for region in self.replica_regions if region != primary))

    @property
    def never_imported(self) -> bool:
        """True only when KMS shows it: HMAC and asymmetric keys look the same before and after a deletion."""
        return self.symmetric and self.key_state == PENDING_IMPORT and self.current_key_material_id is None

    @property
    def staged(self) -> Material | None:
        """The material that was imported as NEW and is not current yet; KMS keeps at most one."""
        return next((entry for entry in self.materials if not entry.permanent), None)

    @property
    def missing(self) -> tuple[Material, ...]:
        """The permanent materials whose bytes KMS does not hold."""
        return tuple(entry for entry in self.materials if entry.permanent and not entry.loaded(self.now))

    @property
    def expiring(self) -> tuple[Material, ...]:
        """The loaded permanent materials that expire, the earliest first. Each expiry makes the whole key unusable."""
        instants = [
            (entry.expiration.valid_to, entry)
            for entry in self.materials
            if entry.permanent and entry.loaded(self.now) and entry.expiration and entry.expiration.valid_to
        ]
        return tuple(entry for _instant, entry in sorted(instants, key=lambda one: one[0]))

    @property
    def mac_algorithm(self) -> str:
        """MacAlgorithm of an HMAC key: KMS has one for each key spec."""
        return self.mac_algorithms[0] if self.mac_algorithms else self.key_spec.replace("HMAC_", "HMAC_SHA_")

    @property
    def rotations_left(self) -> int | None:
        if not self.symmetric:
            return None
        used = sum(1 for entry in self.materials if entry.rotation_type == "ON_DEMAND")
        return max(0, ON_DEMAND_ROTATION_LIMIT - used)

    def material(self, key_material_id: str | None) -> Material | None:
        return next((entry for entry in self.materials if entry.key_material_id == key_material_id), None)


def blank_key(account_id: str, region: str, key_spec: str, key_usage: str, now: datetime) -> Key:
    """A key as CreateKey makes it, before it has an ID."""
    return Key("", "", account_id, region, key_spec, key_usage, PENDING_IMPORT, EXTERNAL, now, now)


@dataclass(frozen=True)
class ImportParameters:
    """One answer of GetParametersForImport: the token and the public key belong together."""

    import_token: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    valid_to: datetime | None = None


@dataclass(frozen=True)
class Request:
    """The task for one key. Holds facts about the given material, never its bytes.

    key_id: the name of the key in messages. identifier: the KeyId for KMS, if it is another one: the ARN of a resolved
    alias, because the alias may point to another key a moment later. expected_account: the account of the key.
    offered: "plaintext", "wrapped" (EncryptedKeyMaterial with its ImportToken), "prepared" (the same from an earlier
    run) or None. preparation: the option stage, "prepare" to make a preparation or "change" to use one. regions: the
    Regions of a multi-Region key; empty for the Region of the connection. allow: a subset of ALLOWABLE. for_rotation:
    an import into a replica that comes before the rotation of its primary key.
    """

    key_id: str
    state: str = "present"
    offered: str | None = None
    preparation: str | None = None
    key_material_id: str | None = None
    all_materials: bool = False
    description: str | None = None
    valid_to: datetime | None = None
    valid_for: timedelta | None = None
    renew_before: timedelta | None = None
    expiration_model: str | None = None
    wrapping_algorithm: str | None = None
    wrapping_key_spec: str | None = None
    wait: bool = True
    wait_timeout: int = 120
    force: bool = False
    allow: frozenset[str] = frozenset()
    regions: tuple[str, ...] = ()
    lift_cut_off: bool = False
    identifier: str | None = None
    expected_account: str | None = None
    for_rotation: bool = False

    @property
    def target(self) -> str:
        """The KeyId for calls to KMS."""
        return self.identifier or self.key_id

    def of(self, arn: str) -> Request:
        """The same request for another key, whose name in messages is its ARN."""
        return replace(self, key_id=arn, identifier=None)

    def resolved(self, arn: str) -> Request:
        """The same request for the same key, whose alias is not resolved again."""
        return replace(self, identifier=arn)

    @property
    def rotates(self) -> bool:
        return self.for_rotation or self.state == "current"

    @property
    def sets_expiry(self) -> bool:
        return bool(self.valid_to or self.valid_for or self.expiration_model)


@dataclass(frozen=True)
class Evidence:
    """Whether the given material is one that KMS holds or held.

    verdict: "match" (with the material's ID on symmetric keys), "mismatch" or "unknown".
    method: "fingerprint", "public_key", "mac", "key_material_id", "reimport" or None.
    reads_every_mark: whether a material with another fingerprint is certainly another one. A token cannot compute the
    fingerprint that bytes leave.
    """

    verdict: str = "unknown"
    method: str | None = None
    key_material_id: str | None = None
    fingerprint: str | None = None
    reads_every_mark: bool = True

    def may_be(self, mark: str | None) -> bool:
        """Whether KMS has to say whether the bytes are the material with this fingerprint."""
        return mark is None or not self.reads_every_mark


NO_EVIDENCE = Evidence()


@dataclass(frozen=True)
class Step:
    """One changing API call of a plan.

    purpose: why the call is made: "delete", "import" (a first import), "prove", "restore", "renew" (loaded bytes, new
    expiry or text), "refresh" (the same for staged bytes), "stage", "try" (new bytes, while others are staged),
    "rotate", "disable", "remember" and "forget" (set and remove the tag that marks a key to be disabled), "mark" and
    "lift" (set and remove the tag of a cut-off), "take back" (delete what was imported during a cut-off).
    changes: whether the call changes something that KMS showed; a cut-off also sends deletions to be safe.
    alternatives: more candidates for the same call, in the order in which they are tried until KMS accepts one.
    """

    operation: str
    purpose: str
    key_material_id: str | None = None
    import_type: str | None = None
    description: str | None = None
    expiration: Expiration | None = None
    alternatives: tuple[Step, ...] = ()
    changes: bool = True


# The calls that decide when a key can be used, and in which order Regions follow each other.
IMPORT_MATERIAL, DELETE_MATERIAL, ROTATE = "ImportKeyMaterial", "DeleteImportedKeyMaterial", "RotateKeyOnDemand"

# What became of a step. Of a lost one it is not known whether KMS carried it out.
PLANNED, SUCCEEDED, FAILED, LOST = "planned", "succeeded", "failed", "lost"


@dataclass(frozen=True)
class StepRecord:
    """One changing call as a result tells of it: an attempt that was made, or a step that was not reached.

    started, finished: seconds since the epoch, as in the list of calls: the request went out, and its answer came in or
    was given up. error_code: the code of a failure, of AWS or of this collection. key_state: the state of the key after
    the call, as KMS is known to change it; of a call that failed, the state that the call was meant to reach.
    """

    operation: str
    purpose: str
    region: str
    key_material_id: str | None = None
    request_id: str | None = None
    started: float | None = None
    finished: float | None = None
    outcome: str = PLANNED
    error_code: str | None = None
    key_state: str | None = None

    @property
    def sent(self) -> bool:
        return self.outcome != PLANNED

    def fields(self) -> dict[str, Any]:
        """The entry of the list steps in a result."""
        return asdict(self)


def carried_out(steps: Iterable[StepRecord]) -> list[StepRecord]:
    """The steps that KMS is known to have carried out."""
    return [step for step in steps if step.outcome == SUCCEEDED]


def told_steps(steps: Sequence[StepRecord], failed: bool) -> list[StepRecord]:
    """The steps that the operations of a result are about: those that were carried out, and before a run the plan."""
    begun = failed or any(step.sent for step in steps)
    return carried_out(steps) if begun else list(steps)


# The material given is not the one that the key has, and only that is taken back.
OTHER_MATERIAL = "other_material"


@dataclass(frozen=True)
class Plan:
    """The steps, in order, and the predicted key after them.

    refusal: a sentence when the plan must not be carried out. forceable: whether force overrides the refusal.
    reason: OTHER_MATERIAL when that is why it is refused.
    waits_for: the material that becomes current without a call, because an earlier run has started its rotation.
    prepares: whether the wrapped material is kept for a later run.
    known_cut_off: the value of the cut-off tag when the plan was made.
    unavailable_seconds: the predicted time in which the key is unusable, from the round trip time to KMS;
    None when the key stays unusable.
    """

    steps: tuple[Step, ...] = ()
    after: Key | None = None
    evidence: Evidence = NO_EVIDENCE
    skip_reason: str | None = None
    refusal: str | None = None
    forceable: bool = True
    reason: str | None = None
    waits_for: str | None = None
    prepares: bool = False
    known_cut_off: str | None = None
    warnings: tuple[str, ...] = ()
    unavailable_seconds: float | None = 0.0

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(step.operation for step in self.steps)

    @property
    def changed(self) -> bool:
        return bool(any(step.changes for step in self.steps) or self.waits_for or self.prepares)

    @property
    def to_do(self) -> bool:
        """Whether there is anything to carry out. A cut-off may have steps that change nothing."""
        return bool(self.steps or self.waits_for or self.prepares)

    @property
    def reimports(self) -> bool:
        """Whether an import follows a deletion."""
        operations = list(self.operations)
        if "DeleteImportedKeyMaterial" not in operations:
            return False
        return "ImportKeyMaterial" in operations[operations.index("DeleteImportedKeyMaterial") :]

    @property
    def preparing(self) -> tuple[Step, ...]:
        """The steps before the deletion, in a plan that imports after or before it. They interrupt nothing."""
        purposes = [step.purpose for step in self.steps]
        proves = "prove" in purposes and "delete" in purposes
        return self.steps[: purposes.index("delete")] if self.reimports or proves else ()

    @property
    def changing(self) -> tuple[Step, ...]:
        return self.steps[len(self.preparing) :]

    @property
    def before_rotation(self) -> tuple[Step, ...]:
        """The changing steps up to the rotation: replicas get their material between them and the rest."""
        operations = [step.operation for step in self.changing]
        return self.changing[: operations.index("RotateKeyOnDemand")] if self.rotates else self.changing

    @property
    def rest(self) -> tuple[Step, ...]:
        """The rotation and what follows it."""
        return self.changing[len(self.before_rotation) :]

    @property
    def rotates(self) -> bool:
        return any(step.operation == "RotateKeyOnDemand" for step in self.changing)

    @property
    def imports(self) -> bool:
        return any(step.operation == "ImportKeyMaterial" for step in self.steps)
