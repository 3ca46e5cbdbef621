# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a rotation, as the role kms_material_rotation needs it: from the results of its steps to what has to be
done next, what the journal keeps, and what the user is told. Pure; nothing here has seen material.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timezone
from typing import Any
from typing import Optional

from ansible_collections.byok.aws.plugins.module_utils._kms.key import models
from ansible_collections.byok.aws.plugins.module_utils._kms.key.identifiers import same_key
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import ALIAS
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import REIMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.names import pins
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import INTERRUPTED
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import REFUSED
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import Pacer
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import read_rates
from ansible_collections.byok.aws.plugins.module_utils._kms.service.progress import seconds_for
from ansible_collections.byok.aws.plugins.module_utils._kms.service.texts import printable
from ansible_collections.byok.aws.plugins.module_utils._kms.service.texts import printable_parts
from ansible_collections.byok.aws.plugins.plugin_utils import naming

Facts = Mapping[str, Any]
# In annotations that are run: | is for Python 3.10 and later.
Entry = Optional[Mapping[str, Any]]

STATES = {"reimport": "reimported", "on_demand": "current", "alias": "alias"}
PREPARING = "GetParametersForImport"
DELETE = "DeleteImportedKeyMaterial"
IMPORT = "ImportKeyMaterial"
ROTATE = "RotateKeyOnDemand"

DONE, FAILED, LEFT = "done", "failed", "left"
UNFINISHED, COMPLETED = "unfinished", "completed"
# An unfinished journal that is older belongs to a rotation that nobody means any more.
JOURNAL_LIFETIME = 7 * 24 * 3600

_GO_ON = "name that key by its ARN to go on with it, or remove the journal to rotate the other one instead"
_LOST_RESULT = {"code": "Unknown", "message": "the task ended without a result for this key", "heal_command": None}


@dataclass(frozen=True)
class Attempt:
    """One call of the module on a key: the entry of its result, its diff, and the warnings that are about this key.

    For a key in several Regions, entry and diff are those of its primary key, but for what the module sums up;
    regions has one for each. unaccounted: there is no account of the key, and its error is that of the whole call.
    """

    entry: Mapping[str, Any]
    diff: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    regions: tuple[Attempt, ...] = ()
    unaccounted: bool = False

    @property
    def parts(self) -> tuple[Attempt, ...]:
        return self.regions or (self,)

    def within(self, region: str) -> Attempt:
        """The part of a Region; the whole, where there is no account of each."""
        return next((part for part in self.regions if part.region == region), self)

    @property
    def region(self) -> str | None:
        """The Region, of a part of a key in several."""
        found = self.entry.get("region")
        return str(found) if found else None

    @property
    def seen_state(self) -> str | None:
        """The state of the key as it was read before anything was done."""
        found = (self.diff.get("before") or {}).get("key_state")
        return str(found) if found else None

    @property
    def error(self) -> Entry:
        error: Entry = self.entry.get("error")
        return error

    @property
    def deleted(self) -> bool:
        return DELETE in (self.entry.get("operations") or [])

    @property
    def missing(self) -> bool:
        """Whether the key may be without its material because of this attempt, in one of its Regions."""
        if self.regions:
            return any(part.missing for part in self.regions)
        if not self.error:
            return False
        return "key_state" not in self.entry or self.entry["key_state"] == models.PENDING_IMPORT


@dataclass(frozen=True)
class KeyRotation:
    """What is known of one key in the run."""

    index: int
    key_id: str
    key_input: Mapping[str, Any]
    look: Mapping[str, Any]
    plan: Attempt | None
    attempts: tuple[Attempt, ...]
    verified: Attempt | None
    taken: Entry
    proved: Entry
    record: Entry
    strategy: str
    note: str | None = None

    @property
    def arn(self) -> str:
        """The key that was worked on; before that, the one that is planned."""
        return str(self.read("key_arn") or self.key_id)

    @property
    def key_spec(self) -> str:
        return str(self.read("key_spec") or "unknown")

    def read(self, name: str) -> Any:
        tried = [one.entry for one in reversed(self.attempts) if one.entry.get("key_arn")]
        sources = [*tried, self.plan.entry if self.plan else {}, self.look]
        return next((source[name] for source in sources if source.get(name)), None)

    @property
    def before(self) -> Mapping[str, Any]:
        """The key as it was read before, as a diff shows it; empty when it could not be read."""
        return (self.plan.diff.get("before") if self.plan else None) or {}

    @property
    def refusal(self) -> Entry:
        return self.plan.error if self.plan else None

    @property
    def done_earlier(self) -> bool:
        """Whether the journal has it, and the key still is as that run left it."""
        if self.record is None or self.record.get("status") != DONE:
            return False
        if self.strategy != "reimport" and self.planned:
            return False
        states = region_states(self.plan) if self.plan else {}
        if self.record.get("regions") and states and self.record["regions"] != states:
            return False
        kept = ("key_state", "current_key_material_id")
        return all((self.record.get(name) or None) == (self.before.get(name) or None) for name in kept)

    @property
    def planned(self) -> bool:
        return self.plan is not None and bool(self.plan.entry.get("changed"))

    @property
    def to_do(self) -> bool:
        return self.planned and not self.refusal and not self.done_earlier

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def error(self) -> Entry:
        return self.stray or (self.last.error if self.last else None)

    @property
    def stray(self) -> Entry:
        """The error of a key in whose place another one was worked on or looked at."""
        planned = self.plan.entry.get("key_arn") if self.plan else None
        # An alias may have left the key that is replaced already.
        meant = [planned, self.look.get("key_arn")] if self.strategy == "alias" else [planned]
        for one in [*self.attempts, *([self.verified] if self.verified else [])]:
            found = one.entry.get("key_arn")
            if planned and found and not any(same_key(found, arn) for arn in meant if arn):
                return _strayed(str(planned), one)
        return None

    @property
    def missing(self) -> bool:
        """Whether the latest attempt may have left the key without its material. A replacement takes nothing away."""
        return self.strategy != "alias" and self.last is not None and self.last.missing

    @property
    def interrupted(self) -> bool:
        """Whether the latest attempt was asked to end, by a signal or because its journal could not be kept."""
        return (self.error or {}).get("code") == INTERRUPTED

    @property
    def unusable(self) -> bool:
        """Whether the key is left without its material, in one of its Regions, as far as is known."""
        if self.regions:
            return any(one.unusable for one in self.regions)
        if self.strategy == "alias":
            # A replacement takes nothing away.
            return False
        if self.verified and self.verified.seen_state:
            return self.verified.seen_state == models.PENDING_IMPORT
        return self.missing

    @property
    def region(self) -> str | None:
        """The Region, of a part of a key in several."""
        return self.plan.region if self.plan else None

    @property
    def regions(self) -> list[KeyRotation]:
        """What is known of a key in each of several Regions; empty for a key in one."""
        return [self._within(str(part.region)) for part in self.plan.regions] if self.plan else []

    def _within(self, region: str) -> KeyRotation:
        attempts = tuple(one.within(region) for one in self.attempts)
        plan = self.plan.within(region) if self.plan else None
        return replace(self, plan=plan, attempts=attempts, verified=self.verified and self.verified.within(region))

    @property
    def changed(self) -> bool:
        return any(one.entry.get("changed") for one in self.attempts)


def _strayed(planned: str, other: Attempt) -> Mapping[str, Any]:
    done = ", ".join(other.entry.get("operations") or []) or "no changing call"
    error = other.error or {}
    said = f"; {error['message']}" if error else ""
    return {
        "code": None,
        "message": f"the key {planned} was planned, and {other.entry['key_arn']} was worked on ({done}){said}",
        "heal_command": error.get("heal_command"),
    }


# -- from the facts ----------------------------------------------------------------------------------------------------


class _Answers:
    """The result of one call, by the indices of the keys that it is about."""

    def __init__(self, result: Entry) -> None:
        self.result = result or {}
        self.positions = {index: position for position, index in enumerate(self.result.get("indices") or [])}

    def at(self, name: str, index: int) -> Entry:
        """What a list of the result holds about a key, or None."""
        entries = self.result.get(name) or []
        position = self.positions.get(index)
        found: Entry = entries[position] if position is not None and position < len(entries) else None
        return found

    def attempt(self, index: int, key_id: str) -> Attempt | None:
        """The attempt at a key; None when the call was not about it."""
        if index not in self.positions:
            return None
        entry = self.at("kms_keys", index)
        if entry is None:
            message = str(self.result.get("msg") or _LOST_RESULT["message"])
            error = {**_LOST_RESULT, "message": message, **(self.result.get("error") or {})}
            return Attempt({"key_id": key_id, "error": error}, {}, unaccounted=True)
        diff = self.at("diff", index) or {}
        parts = tuple(Attempt(one, _diff_in(diff, str(one["region"]))) for one in entry.get("regions") or [])
        warnings = tuple(str(text) for text in entry.get("warnings") or [])
        return Attempt(entry, parts[0].diff if parts else diff, warnings, parts)


class RotationState:
    """All that is known of a run at one moment, for each key and for the whole. Made once in a phase.

    keys: one entry for each key, in the order given. pins: what every call from the plan on is given instead of the
    name of a key.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.run: Facts = facts["run"]
        self._looks: Sequence[Mapping[str, Any]] = facts.get("looks") or []
        self._preflight = _Answers(facts.get("preflight"))
        self.names = [str(key_input["key_id"]) for key_input in facts["key_inputs"]]
        self.pins = pins(self.names, self._looks)
        self.arns = [self._arn(index) for index in range(len(self.names))]
        self.unfinished = _unfinished(facts)
        self.identity = _digest(
            facts,
            [{**key_input, "key_id": arn} for key_input, arn in zip(facts["key_inputs"], self.arns)],
        )
        # Whether the journal that was found is the one of this rotation, broken off not long ago.
        self.continued = self.unfinished and facts["journal"].get("rotation") == self.identity
        self.keys = self._keys()

    @property
    def run_id(self) -> str:
        """A run that goes on where an earlier one broke off keeps its ID."""
        return str(self.facts["journal"]["id"] if self.continued else self.run["id"])

    def with_more(self, **more: Any) -> RotationState:
        """The state once more is known: entries of the facts, of which attempts are added to those that there are."""
        attempts = [*(self.facts.get("attempts") or []), *more.pop("attempts", [])]
        run = {**self.run, **more.pop("run", {})}
        return RotationState({**self.facts, **more, "run": run, "attempts": attempts})

    def _keys(self) -> tuple[KeyRotation, ...]:
        facts = self.facts
        records = self._records()
        attempts = [_Answers(one) for one in facts.get("attempts") or []]
        verified, taken, proved = (_Answers(facts.get(name)) for name in ("verified", "taken", "proved"))
        moved = self._moved()
        asked = bool(moved) and facts["journal"].get("asked") == _asked(facts)
        whole = failed_as_a_whole(facts.get("preflight"))
        found = []
        for index, key_input in enumerate(facts["key_inputs"]):
            key_id = self.names[index]
            tried = [one.attempt(index, key_id) for one in attempts if index in one.positions]
            key_rotation = KeyRotation(
                index=index,
                key_id=key_id,
                key_input=key_input,
                look=self._look(index),
                plan=self._plan(index, key_id, whole),
                attempts=tuple(one for one in tried if one),
                verified=verified.attempt(index, key_id),
                taken=taken.at("canaries", index),
                proved=proved.at("canaries", index),
                record=records.get(self.arns[index]),
                strategy=str(self.run["strategy"]),
            )
            found.append(_under_its_name(key_rotation, self.pins[index], moved.get(index), asked))
        return tuple(found)

    def _look(self, index: int) -> Mapping[str, Any]:
        return self._looks[index] if index < len(self._looks) else {}

    def _arn(self, index: int) -> str:
        entry = self._preflight.at("kms_keys", index) or {}
        return str(entry.get("key_arn") or self._look(index).get("key_arn") or self.names[index])

    def _planned(self, index: int) -> str | None:
        """The ARN of the key that is planned. For strategy alias the first look may show the key in its place."""
        entry = self._preflight.at("kms_keys", index) or {}
        looked = self._look(index) if self.run["strategy"] != ALIAS else {}
        return entry.get("key_arn") or looked.get("key_arn")

    def _moved(self) -> dict[int, str]:
        """What is said of the aliases that led elsewhere in a run that was not finished."""
        if not self.unfinished:
            return {}
        planned = [self._planned(index) for index in range(len(self.names))]
        return naming.moved(self.facts["journal"], self.names, planned)

    def _plan(self, index: int, key_id: str, whole: bool) -> Attempt | None:
        """The plan; None when the call failed as a whole because of another key."""
        named = (self._preflight.result.get("error") or {}).get("key_id")
        if whole and named and named != key_id:
            return None
        return self._preflight.attempt(index, key_id)

    def _records(self) -> dict[str, Mapping[str, Any]]:
        if not self.facts.get("journal") or not self.continued:
            return {}
        arns = set(self.arns)
        records = {record["key_arn"]: record for record in self.facts["journal"]["keys"] if record["key_arn"] in arns}
        for late in _tail(str(self.facts.get("journal_tail") or "")):
            if late["key_arn"] in arns:
                records[late["key_arn"]] = {**records.get(late["key_arn"], {}), **late}
        return records

    # -- what a phase asks ---------------------------------------------------------------------------------------------

    @property
    def refusals(self) -> list[str]:
        refused: list[str] = printable_parts(refusals(self.keys))
        return refused

    @property
    def to_do(self) -> list[int]:
        return [one.index for one in self.keys if one.to_do]

    @property
    def plan_lines(self) -> list[str]:
        return [printable(plan_line(one)) for one in self.keys]

    @property
    def failures(self) -> list[str]:
        failed: list[str] = printable_parts(failures(self.keys))
        return failed

    @property
    def stopped(self) -> bool:
        """Whether no other key may be begun: after one that could not be rescued, or was interrupted."""
        return any(one.missing or one.interrupted for one in self.keys)

    @property
    def progress(self) -> str:
        return _progress(self.keys) + _time_left(self.keys, self.run)

    @property
    def outcome(self) -> str:
        return _outcome(self.keys, bool(self.run["check_mode"]), str(self.run.get("stage") or ""))

    def to_rescue(self, indices: Collection[int]) -> list[int]:
        """The keys of a batch whose material may be missing because of it."""
        if self.run["strategy"] != REIMPORT:
            return []
        latest = set(indices)
        return [one.index for one in self.keys if one.index in latest and one.last and one.last.missing]

    @property
    def to_verify(self) -> list[int]:
        return [one.index for one in self.keys if one.attempts or not (one.to_do or one.refusal)]

    @property
    def to_prove(self) -> list[dict[str, Any]]:
        return [_to_prove(one, str(self.run["strategy"])) for one in self.keys if _provable(one)]

    def journal(self, finished: bool, now: float) -> dict[str, Any]:
        """What is written down after every batch. Holds no material, and nothing made of it."""
        keys = [_record(one, now) for one in self.keys]
        whole = finished and all(record["status"] == DONE for record in keys)
        return {
            "schema": 1,
            "collection": "byok.aws",
            "id": self.run_id,
            "state": COMPLETED if whole else UNFINISHED,
            "rotation": self.identity,
            "asked": _asked(self.facts),
            "strategy": self.run["strategy"],
            "updated": now,
            "updated_at": iso(now),
            "keys": keys,
        }


def _under_its_name(key_rotation: KeyRotation, pin: str, moved: str | None, resumed: bool) -> KeyRotation:
    """The same, refused where it is not certain that its name stands for the key that is meant."""
    if moved and not resumed:
        key_rotation = replace(key_rotation, note=moved)
    problem = f"{moved}; {_GO_ON}" if moved and resumed else None
    if problem is None and not key_rotation.refusal:
        problem = naming.unresolved_problem(key_rotation.key_id, pin, key_rotation.look)
    if problem is None or key_rotation.plan is None:
        return key_rotation
    error = {"code": REFUSED, "message": problem, "heal_command": None}
    return replace(key_rotation, plan=replace(key_rotation.plan, entry={**key_rotation.plan.entry, "error": error}))


def failed_as_a_whole(result: Entry) -> bool:
    """Whether there is no account of each key."""
    return bool(result) and len((result or {}).get("kms_keys") or []) < len((result or {}).get("indices") or [])


def _diff_in(diff: Mapping[str, Any], region: str) -> dict[str, Any]:
    return {side: (diff.get(side) or {}).get(region) or {} for side in ("before", "after")}


def region_states(attempt: Attempt) -> dict[str, str | None]:
    """The state in which a key was read, by Region; empty for a key in one."""
    return {str(part.region): part.seen_state for part in attempt.regions}


# -- the journal -------------------------------------------------------------------------------------------------------


def _asked(facts: Facts) -> str:
    """What makes two runs the same rotation, by the names that were given."""
    return _digest(facts, facts["key_inputs"])


def _digest(facts: Facts, key_inputs: Sequence[Mapping[str, Any]]) -> str:
    """What makes two runs the same rotation: the strategy, the change, the keys and their options."""
    run = facts["run"]
    whole = [
        run["strategy"],
        run.get("change_reference") or "",
        sorted(json.dumps(one, sort_keys=True) for one in key_inputs),
    ]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _unfinished(facts: Facts) -> bool:
    found = facts.get("journal") or {}
    age = float(facts["run"]["started"]) - float(found.get("updated") or 0)
    return found.get("state") == UNFINISHED and age < JOURNAL_LIFETIME


def _tail(text: str) -> list[dict[str, Any]]:
    """What the module noted of each key as soon as it was finished, after the journal was last written."""
    found = []
    for line in text.splitlines():
        try:
            noted = json.loads(line)
            found.append(
                {
                    "key_id": noted["key_id"],
                    "key_arn": noted["key_arn"],
                    "status": FAILED if noted["error"] else DONE,
                    "finished_at": iso(float(noted["finished"])),
                    "key_state": noted["key_state"],
                    "current_key_material_id": noted["current_key_material_id"],
                    "regions": noted.get("regions") or {},
                    "calls": [
                        {"operation": operation, "request_id": request_id, "outcome": "Success"}
                        for operation, request_id in zip(noted["operations"], noted["request_ids"])
                    ],
                }
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            # Half a line, or another's.
            continue
    return found


def _record(key_rotation: KeyRotation, now: float) -> dict[str, Any]:
    if key_rotation.done_earlier and not key_rotation.attempts and key_rotation.record:
        return dict(key_rotation.record)
    last = key_rotation.last
    seen = key_rotation.verified.diff.get("before") if key_rotation.verified else None
    shown: Mapping[str, Any] = seen or (last.entry if last else key_rotation.before)
    calls = [
        call for one in key_rotation.attempts for call in one.entry.get("calls") or [] if call["operation"] != PREPARING
    ]
    return {
        "key_id": key_rotation.key_id,
        "key_arn": key_rotation.arn,
        "status": _status(key_rotation),
        "finished_at": iso(max((float(call["finished"]) for call in calls), default=now)),
        "key_state": shown.get("key_state"),
        "current_key_material_id": shown.get("current_key_material_id"),
        "regions": _left_states(key_rotation),
        "calls": [
            {"operation": call["operation"], "request_id": call.get("request_id"), "outcome": call["outcome"]}
            for call in calls
        ],
    }


def _left_states(key_rotation: KeyRotation) -> dict[str, str | None]:
    """The state of the key by Region, as it was left; empty for a key in one."""
    if key_rotation.verified is not None and key_rotation.verified.diff.get("before"):
        return region_states(key_rotation.verified)
    if key_rotation.last is not None:
        return {str(part.region): part.entry.get("key_state") for part in key_rotation.last.regions}
    return region_states(key_rotation.plan) if key_rotation.plan else {}


def _status(key_rotation: KeyRotation) -> str:
    if key_rotation.plan is not None and not key_rotation.planned and not key_rotation.refusal:
        return DONE
    if key_rotation.last is None:
        return LEFT
    return FAILED if trouble(key_rotation) else DONE


# -- after the change --------------------------------------------------------------------------------------------------


def trouble(key_rotation: KeyRotation) -> Mapping[str, Any] | None:
    """What is wrong with a key in the end: the error of the change, of the look afterwards, or of the canary."""
    if key_rotation.error:
        return key_rotation.error
    problem = _seen_problem(key_rotation)
    if problem is None and (key_rotation.proved or {}).get("verdict") == "failed":
        problem = f"the canary failed after the change: {(key_rotation.proved or {}).get('note')}"
    return {"code": None, "message": problem, "heal_command": None} if problem else None


def _seen_problem(key_rotation: KeyRotation) -> str | None:
    """What an independent read shows that should be otherwise."""
    seen = key_rotation.verified
    if seen is None:
        return None
    if seen.error:
        return f"in the end, the look at the key {key_rotation.key_id} failed: {seen.error['message']}"
    # What becomes of a key that is replaced is part of the plan, of which nothing may be left.
    told = (
        [_wrong_state(one) for one in key_rotation.regions or [key_rotation]]
        if key_rotation.strategy != "alias"
        else []
    )
    problem = "; ".join(one for one in told if one)
    if problem:
        return problem
    left = seen.entry.get("operations") or []
    if left and not unproved(key_rotation):
        return f"in the end, there is still something to do for the key {key_rotation.key_id}: {', '.join(left)}"
    return None


def _wrong_state(key_rotation: KeyRotation) -> str | None:
    """What is wrong with the state of the key, in one Region."""
    state = key_rotation.verified.seen_state if key_rotation.verified else None
    where = f" in {key_rotation.region}" if key_rotation.region else ""
    if state == models.PENDING_IMPORT:
        return f"in the end, the key {key_rotation.key_id} is {state}{where}: not all of its materials are imported"
    if key_rotation.before.get("key_state") == models.DISABLED and state != models.DISABLED:
        return f"the key {key_rotation.key_id} was Disabled{where} before the change and is {state} now"
    return None


def unproved(key_rotation: KeyRotation) -> bool:
    """Whether reading alone cannot prove the material afterwards, as with wrapped material or on replicas."""
    left = (
        [part.entry for part in key_rotation.verified.parts if part.entry.get("operations")]
        if key_rotation.verified
        else []
    )
    return bool(left) and all(one["operations"] == [IMPORT] and one.get("proof") == "reimport" for one in left)


def iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- what is told ------------------------------------------------------------------------------------------------------


def refusals(rotations: Sequence[KeyRotation]) -> list[str]:
    """One sentence for each key that cannot be changed as asked, with the strategy that would suit it.

    What is said of the whole call is said once.
    """
    said = {refusal_sentence(key_rotation) for key_rotation in rotations if key_rotation.refusal}
    if (
        len(rotations) > 1
        and len(said) == 1
        and all(key_rotation.plan and key_rotation.plan.unaccounted for key_rotation in rotations)
    ):
        return list(said)
    return [
        f"{key_rotation.key_id}: {refusal_sentence(key_rotation)}" for key_rotation in rotations if key_rotation.refusal
    ]


def refusal_sentence(key_rotation: KeyRotation) -> str:
    message = str((key_rotation.refusal or {}).get("message")).rstrip(".")
    hint = _hint(key_rotation)
    return f"{message}. {hint}." if hint else f"{message}."


def _hint(key_rotation: KeyRotation) -> str | None:
    symmetric = key_rotation.key_spec == models.SYMMETRIC
    if key_rotation.strategy == "on_demand" and not symmetric and key_rotation.key_spec != "unknown":
        return (
            f"The strategy for new material in an {key_rotation.key_spec} key is alias; reimport deletes and imports "
            "the material that the key has"
        )
    if key_rotation.strategy == "reimport" and (key_rotation.refusal or {}).get("reason") == models.OTHER_MATERIAL:
        other = "on_demand" if symmetric else "alias"
        return f"The strategy reimport takes the same material only; the strategy for new material is {other}"
    return None


def plan_line(key_rotation: KeyRotation) -> str:
    """A line of the dry run."""
    return f"{_planned_line(key_rotation)}; {key_rotation.note}" if key_rotation.note else _planned_line(key_rotation)


def _planned_line(key_rotation: KeyRotation) -> str:
    name = f"{key_rotation.key_id} ({key_rotation.key_spec})"
    if key_rotation.refusal:
        return f"{name}: refused"
    if key_rotation.plan is None:
        return f"{name}: not planned"
    if key_rotation.done_earlier:
        return f"{name}: done in an earlier run, as the journal says"
    operations = key_rotation.plan.entry.get("operations") or []
    if not key_rotation.planned:
        return f"{name}: nothing to do"
    where = (
        f" in {', '.join(str(part.region) for part in key_rotation.plan.regions)}" if key_rotation.plan.regions else ""
    )
    done = ", ".join(operations) or "wait for the rotation under way"
    return f"{name}{where}: {done}; {_outage(key_rotation.plan.entry)}"


def _outage(entry: Mapping[str, Any]) -> str:
    seconds = entry.get("unavailable_seconds")
    if seconds is None:
        return "unusable from then on"
    return f"unusable for about {float(seconds):.3f} s" if float(seconds) else "not interrupted"


def _progress(rotations: Sequence[KeyRotation]) -> str:
    tried = [key_rotation for key_rotation in rotations if key_rotation.attempts]
    failed = sum(1 for key_rotation in tried if key_rotation.error)
    left = sum(1 for key_rotation in rotations if key_rotation.to_do and not key_rotation.attempts)
    return f"{len(tried) - failed} done, {failed} failed, {left} left"


def _time_left(rotations: Sequence[KeyRotation], run: Facts) -> str:
    """How long the quotas of KMS make the keys that are left take: all that prepares, then all that interrupts."""
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for key_rotation in rotations:
        if key_rotation.to_do and not key_rotation.attempts and key_rotation.plan:
            operations = list(key_rotation.plan.entry.get("operations") or [])
            cut = operations.index(DELETE) if DELETE in operations else 0
            before.update(operations[:cut])
            before[PREPARING] += IMPORT in operations and run.get("stage") != "change"
            after.update(operations[cut:])
    if not before and not after:
        return ""
    pacer = Pacer(read_rates(run.get("request_rates")))
    seconds = seconds_for(before, pacer) + seconds_for(after, pacer)
    return f", about {seconds:.0f} s by the quotas of KMS" if seconds >= 2 else ""


def _outcome(rotations: Sequence[KeyRotation], check_mode: bool, stage: str = "") -> str:
    if stage == "prepare" and not check_mode:
        prepared = sum(1 for key_rotation in rotations if key_rotation.attempts and not key_rotation.error)
        return f"{prepared} of {len(rotations)} keys are prepared; change them within 24 hours by running this again"
    changed = sum(1 for key_rotation in rotations if (key_rotation.to_do if check_mode else key_rotation.changed))
    verb = "would be changed" if check_mode else "changed"
    return f"{len(rotations)} keys: {changed} {verb}, {len(rotations) - changed} unchanged"


def _provable(key_rotation: KeyRotation) -> bool:
    return bool(
        key_rotation.attempts and not key_rotation.error and (key_rotation.taken or {}).get("verdict") == "taken"
    )


def _to_prove(key_rotation: KeyRotation, strategy: str) -> dict[str, Any]:
    # Where the canary was taken: in the Region of the connection, which need not be that of the primary key.
    key_id = str(key_rotation.look.get("key_arn") or key_rotation.arn)
    wanted: dict[str, Any] = {"key_id": key_id, "canary": (key_rotation.taken or {}).get("canary")}
    last = key_rotation.last
    if strategy == "on_demand" and last is not None and last.entry.get("current_key_material_id"):
        wanted["expected_key_material_id"] = last.entry["current_key_material_id"]
    return {"index": key_rotation.index, "key": wanted}


def failures(rotations: Sequence[KeyRotation]) -> list[str]:
    """One sentence for each key that failed: what happened, whether it can be used, and the command that heals it."""
    told = []
    for key_rotation in rotations:
        problem = trouble(key_rotation)
        if problem:
            places = [str(one.region) for one in key_rotation.regions if one.unusable]
            where = f" in {', '.join(places)}" if places else ""
            unusable = f"; THE KEY CANNOT BE USED{where}" if key_rotation.unusable else ""
            command = problem.get("heal_command")
            heal = f"; to heal it: {command}" if command else ""
            told.append(f"{key_rotation.key_id}: {problem['message']}{unusable}{heal}")
    return told
