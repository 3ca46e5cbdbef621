# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out the plan for an EXTERNAL key. A call whose answer was lost is looked for before it is repeated."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any
from typing import Callable

from ..key import models
from ..key.identifiers import arn_in
from ..key.models import Key
from ..key.models import StepRecord
from ..key.models import carried_out
from ..key.specs import DELETION_WINDOW
from ..service import changes
from ..service import connection
from ..service import operations
from ..service import waiters
from ..service.errors import ACCESS_DENIED
from ..service.errors import INVALID_STATE
from ..service.errors import AnsibleKMSError
from ..service.errors import refused
from . import find
from . import operations as key_operations
from .models import ExternalKeyRequest
from .models import Found
from .models import KeyPlan
from .models import KeyStep
from .models import apply
from .plan import make_plan
from .plan import policies_differ

# Before a key is created, and between looks for one whose CreateKey was not answered: how long a key gets to show
# itself, in seconds.
SECOND_LOOK: float = 2
# How often a key or an alias is looked for that must be there.
_LOOKS = 5
_ONCE_ONLY = ("CreateAlias", "ReplicateKey", "ScheduleKeyDeletion", "CancelKeyDeletion")
_SAID_BY_A_REPETITION = ("AlreadyExistsException", INVALID_STATE)

Connect = Callable[[str], Any]


@dataclass
class KeyExecutor:
    """The run of one plan: what was done, and how the key is known to be at this moment.

    connect: a client for another Region. records: every attempt at a changing call, in order. left: the steps that were
    not reached yet. replicated: the Regions in which this run has made a replica.
    """

    kms: connection.Connection
    request: ExternalKeyRequest
    found: Found
    plan: KeyPlan
    connect: Connect
    records: list[StepRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    replicated: list[str] = field(default_factory=list)
    key: Key | None = None
    made_here: bool = False
    left: list[KeyStep] = field(default_factory=list)

    @property
    def done(self) -> tuple[str, ...]:
        """The changing operations that KMS carried out, in order."""
        return tuple(step.operation for step in carried_out(self.records))

    def run(self) -> None:
        """Raises AnsibleKMSError; what was done until then stays in done."""
        self.key = self.found.key
        self.kms.throttle.may_begin()
        with self.kms.throttle.committed():
            self.left = list(self.plan.steps)
            while self.left:
                step, sent = self.left[0], len(self.records)
                try:
                    again = self._step(step)
                except BaseException:
                    self.left = self.left[len(self.records) > sent :]
                    raise
                self.left = self._planned_again() if again else self.left[1:]
            if self.request.wait and self.done:
                self._confirm()
        for region in self.replicated if self.request.wait else ():
            self._wait_for_replica(region)

    def _planned_again(self) -> list[KeyStep]:
        """The rest of the way, from where the key really is."""
        self.plan = make_plan(self.request, self.found, self._known_key.now, self.kms.region)
        if self.plan.refusal:
            raise refused(self.plan.refusal)
        return list(self.plan.steps)

    @property
    def _known_key(self) -> Key:
        if self.key is None:
            raise AssertionError("there is no key yet")
        return self.key

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _step(self, step: KeyStep) -> bool:
        """Make one call. True when what is left has to be planned anew."""
        if step.operation == "CreateKey":
            return self._create(step)
        if step.operation == "CreateAlias":
            return self._name(step)
        self._change(step, self._seen_by(step))
        self.key = apply(self._known_key, step)
        if step.operation == "ReplicateKey":
            self.replicated.append(step.parameters["ReplicaRegion"])
        if step.operation == "CancelKeyDeletion" and self.request.wait:
            self._learn_state()
            return True
        return False

    def _create(self, step: KeyStep) -> bool:
        """Make the key, unless one of an earlier run shows itself meanwhile."""
        if self.request.wait:
            time.sleep(SECOND_LOOK)
        if self._appeared():
            self.warnings.append(
                f"the key {self._known_key.arn} of an earlier run has shown itself; it is taken up again"
            )
            return True
        answer = self._change(step, self._appears)
        if answer:
            self.key = key_operations.created(answer, self.kms.calls[-1], step)
            self.kms = self.kms.for_young_key(self.request.wait)
        self.made_here = True
        self.kms = self.kms.named(f"{self.request.name} ({self._known_key.arn})")
        return False

    def _appears(self) -> bool:
        """Whether the key shows itself whose creation was not answered; it may take a moment."""
        for number in range(_LOOKS):
            time.sleep(SECOND_LOOK if number else 0)
            if self._appeared():
                return True
        return False

    def _appeared(self) -> bool:
        key = find.made_since(self.kms, self.request, self.found.known)
        if key is None:
            return False
        self.kms = self.kms.for_young_key(self.request.wait)
        self.key = find.enriched(self.kms, self.request, key)
        self.found = replace(self.found, key=self.key)
        return True

    def _name(self, step: KeyStep) -> bool:
        """Give the key its alias. A key made in this run is given up when the alias stands already."""
        try:
            self._change(step, self._seen_by(step))
        except AnsibleKMSError as error:
            owner = self._elsewhere() if error.code == "AlreadyExistsException" and self.made_here else None
            if owner is None or self.request.creation_token:
                raise
            self._give_up_own(owner)
            return True
        self.key = apply(self._known_key, step)
        return False

    def _elsewhere(self) -> Key | None:
        alias = str(self.request.alias)
        for number in range(_LOOKS):
            time.sleep(SECOND_LOOK if number else 0)
            owner = find.or_none(lambda: operations.describe_key(self.kms, alias))
            if owner is not None:
                return owner if owner.arn != self._known_key.arn else None
        return None

    def _give_up_own(self, owner: Key) -> None:
        """The alias was there already, and KMS had not shown it: the key that this run has made is one too many."""
        surplus = self._known_key
        self._change(KeyStep("ScheduleKeyDeletion", {"PendingWindowInDays": DELETION_WINDOW[0]}), lambda: False)
        self.warnings.append(
            f"{self.request.alias} turned out to point to the key {owner.arn} already; the key {surplus.arn}, which "
            "this run had made for it, was never used, and is scheduled for deletion"
        )
        self.made_here = False
        self.key = find.enriched(self.kms, self.request, owner)
        self.found = Found(self.key, self.key)

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _change(self, step: KeyStep, seen: Callable[[], bool]) -> connection.Answer:
        """Make a changing call. After an unclear failure look whether it was carried out; the answer is empty then."""
        request = key_operations.request_of(step, self.key.arn if self.key else "")
        planned = step.record(self.kms.region, apply(self.key, step).key_state if self.key else None)

        def look() -> connection.Answer | None:
            if not seen():
                return None
            self._carried_out(step)
            return {}

        return changes.make(
            changes.Change(
                attempt=lambda: changes.recorded(self.kms, planned, self.records, request),
                look=look,
                repeatable=lambda error, lost, _last: self._worth_repeating(step, error, lost),
                looks_again=True,
            )
        )

    def _worth_repeating(self, step: KeyStep, error: AnsibleKMSError, doubt: bool) -> bool:
        if self.kms.passes(error):
            return True
        if error.code == "MalformedPolicyDocumentException":
            # KMS says so, too, of a principal that was created a moment ago.
            return self.request.wait and "Policy" in step.parameters
        return doubt and step.operation in _ONCE_ONLY and error.code in _SAID_BY_A_REPETITION

    def _carried_out(self, step: KeyStep) -> None:
        """Note that a call was carried out of which no answer, or a refusal of its repetition, came."""
        lost = [number for number, one in enumerate(self.records) if one.outcome == models.LOST]
        number = lost[-1] if lost and self.records[lost[-1]].operation == step.operation else len(self.records) - 1
        self.records[number] = replace(self.records[number], outcome=models.SUCCEEDED)

    def _seen_by(self, step: KeyStep) -> Callable[[], bool]:
        """How to see that a step was carried out. What may be repeated without harm need not be seen."""
        arn = self._known_key.arn

        def state() -> Key:
            return operations.describe_key(self.kms, arn)

        looks: dict[str, Callable[[], bool]] = {
            "CreateAlias": lambda: step.parameters["AliasName"] in key_operations.get_aliases(self.kms, arn),
            "ReplicateKey": lambda: step.parameters["ReplicaRegion"] in state().replica_regions,
            "ScheduleKeyDeletion": lambda: state().in_deletion,
            "CancelKeyDeletion": lambda: not state().in_deletion,
        }
        return looks.get(step.operation, lambda: False)

    # -- waiting -------------------------------------------------------------------------------------------------------

    def _wait(self, look: Callable[[], dict[str, Any]], wanted: str) -> None:
        waiters.wait_patiently(
            self.kms.client,
            look,
            self.request.name,
            wanted,
            self.request.wait_timeout,
            hopeless=(ACCESS_DENIED,),
        )

    def _learn_state(self) -> None:
        """What the key has become: CancelKeyDeletion does not say, and it depends on the material."""

        def look() -> dict[str, Any]:
            seen = operations.describe_key(self.kms, self._known_key.arn)
            if not seen.in_deletion:
                known = self._known_key
                self.key = replace(seen, settings=known.settings)
                self.found = replace(self.found, key=self.key)
            return {"Seen": not seen.in_deletion, "Last": seen.key_state}

        self._wait(look, "free of its deletion")

    def _confirm(self) -> None:
        """Read until KMS shows what the calls have made of the key."""
        wanted = self._known_key

        def look() -> dict[str, Any]:
            seen = self._observed(wanted)
            missing = differences(seen, wanted, self.done)
            if not missing:
                self.key = seen
            return {"Seen": not missing, "Last": f"{seen.key_state}, another {' and '.join(missing)}"}

        self._wait(look, wanted.key_state)

    def _observed(self, wanted: Key) -> Key:
        """The key as it is, re-reading of policy, tags and aliases what was changed."""
        seen, done = operations.describe_key(self.kms, wanted.arn), set(self.done)
        settings = wanted.settings
        if done & {"CreateKey", "PutKeyPolicy"}:
            policy = self._readable(key_operations.get_policy, wanted.arn, settings.policy)
            settings = replace(settings, policy=policy)
        if done & {"CreateKey", "TagResource", "UntagResource"}:
            settings = replace(settings, tags=self._readable(operations.get_tags, wanted.arn, settings.tags))
        if done & {"CreateKey", "CreateAlias", "UpdateAlias"}:
            aliases = self._readable(key_operations.get_aliases, wanted.arn, settings.aliases)
            settings = replace(settings, aliases=aliases)
        return replace(seen, settings=settings)

    def _readable(self, read: Callable[[connection.Connection, str], Any], arn: str, otherwise: Any) -> Any:
        """What is read; who may only write is believed what he wrote."""
        value = find.or_none(lambda: read(self.kms, arn), (ACCESS_DENIED,))
        return otherwise if value is None else value

    def _wait_for_replica(self, region: str) -> None:
        """A new replica is Creating for seconds, and takes no material until that is over."""
        own = connection.Connection(self.connect(region), f"{self.request.name} in {region}", self.kms.throttle)
        arn = arn_in(self._known_key.arn, region)
        seen: list[str] = []

        def look() -> dict[str, Any]:
            try:
                seen.append(operations.describe_key(own, arn).key_state)
            except AnsibleKMSError as error:
                return {"Seen": error.code == ACCESS_DENIED, "Last": error.sentence}
            return {"Seen": seen[-1] not in models.TRANSIENT_STATES, "Last": seen[-1]}

        self._wait(look, f"a replica in {region} that takes material")
        if not seen:
            self.warnings.append(f"the replica in {region} of the key {self.request.name} is made, but may not be read")


def differences(seen: Key, wanted: Key, done: Sequence[str]) -> list[str]:
    """In what the key as it is seen differs from what the calls must have made of it."""
    states = {"EnableKey", "DisableKey", "ScheduleKeyDeletion"}
    shown, meant = seen.settings, wanted.settings
    checks = {
        "state": seen.key_state == wanted.key_state or not states & set(done),
        "description": seen.description == wanted.description,
        "replica_regions": set(wanted.replica_regions) <= set(seen.replica_regions),
        "tags": meant.tags is None or dict(shown.tags or {}) == dict(meant.tags),
        "aliases": set(meant.aliases or ()) <= set(shown.aliases or ()),
        "policy": meant.policy is None or not policies_differ(shown.policy, meant.policy),
    }
    return [name for name, same in checks.items() if not same]
