# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a rotation, as docs/report-schema.md describes it, from the results of the role's tasks. Pure.

Nothing is copied whole from a result: every field is named here, so that what does not belong into a report is not in
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from datetime import timezone
from typing import Any

from ansible_collections.byok.aws.plugins.module_utils._kms.key import models
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import StepRecord
from ansible_collections.byok.aws.plugins.module_utils._kms.key.outage import outage
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import CONNECTION
from ansible_collections.byok.aws.plugins.module_utils._kms.service.texts import printable_parts
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import IMPORT
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import STATES
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import Attempt
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import Facts
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import KeyRotation
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import RotationState
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import iso
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import refusal_sentence
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import trouble
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import unproved

SCHEMA = 1
_CANARY_KINDS = {
    "ENCRYPT_DECRYPT": "encrypt",
    "GENERATE_VERIFY_MAC": "mac",
    "SIGN_VERIFY": "sign",
    "KEY_AGREEMENT": "public_key",
}


def report(facts: Facts, version: str, host: str) -> dict[str, Any]:
    """The whole report."""
    state = RotationState(facts)
    rotations = state.keys
    stopped = _stop(facts, rotations)
    entries = [_entry(key_rotation, facts, stopped) for key_rotation in rotations]
    whole = {
        "schema": SCHEMA,
        "collection": {"name": "byok.aws", "version": version},
        "run": _run(state, entries, host),
        "summary": _summary(entries),
        "keys": entries,
        "sign_off": [
            {"role": one["role"], "statements": list(one["statements"])} for one in facts.get("sign_off") or []
        ],
    }
    shown: dict[str, Any] = printable_parts(whole)
    return shown


def _stop(facts: Facts, rotations: Sequence[KeyRotation]) -> str | None:
    """Why the run stopped before its end, for the keys that it did not get to."""
    if any(key_rotation.refusal for key_rotation in rotations):
        return None
    broken = facts["run"].get("broken")
    return f"The run broke off: {broken}" if broken else None


def _run(state: RotationState, entries: Sequence[Mapping[str, Any]], host: str) -> dict[str, Any]:
    run = state.run
    arn = next((entry["key_arn"] for entry in entries if str(entry["key_arn"]).startswith("arn:")), "")
    parts = [*str(arn).split(":"), "", "", "", "", ""]
    started, finished = float(run["started"]), float(run["finished"])
    return {
        "id": state.run_id,
        "started_at": iso(started),
        "started_epoch": started,
        "finished_at": iso(finished),
        "finished_epoch": finished,
        "strategy": run["strategy"],
        "check_mode": bool(run["check_mode"]),
        "outcome": _run_outcome(state.facts, entries),
        "region": parts[3] or "unknown",
        "account": parts[4] or "unknown",
        "host": host,
        "operator": run.get("operator") or None,
        "batch_size": int(run["batch_size"]),
        "change_reference": run.get("change_reference") or None,
    }


def _run_outcome(facts: Facts, entries: Sequence[Mapping[str, Any]]) -> str:
    if facts["run"]["check_mode"]:
        return "planned"
    failed = any(entry["outcome"] in ("failed", "refused", "not_started") for entry in entries)
    return "failed" if failed or facts["run"].get("broken") else "succeeded"


def _summary(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    outcomes = Counter(entry["outcome"] for entry in entries)
    spans = [entry["unavailable_seconds"] for entry in entries if entry["unavailable_seconds"] is not None]
    return {
        "keys": len(entries),
        "changed": outcomes["changed"] + outcomes["planned"],
        "unchanged": outcomes["unchanged"],
        "failed": outcomes["failed"],
        "refused": outcomes["refused"],
        "not_started": outcomes["not_started"],
        "longest_unavailable_seconds": max(spans, default=0.0),
        "total_unavailable_seconds": round(sum(spans), 4),
    }


# -- one key -----------------------------------------------------------------------------------------------------------


def _entry(key_rotation: KeyRotation, facts: Facts, stopped: str | None) -> dict[str, Any]:
    run = facts["run"]
    check_mode, now = bool(run["check_mode"]), float(run["started"])
    outcome = _outcome(key_rotation, check_mode)
    operations = _planned_operations(key_rotation) if check_mode else _operations(key_rotation)
    return {
        "key_id": str(key_rotation.read("key_id") or key_rotation.key_id),
        "key_arn": key_rotation.arn,
        "aliases": _aliases(key_rotation),
        "key_spec": key_rotation.key_spec,
        "key_usage": str(key_rotation.look.get("key_usage") or "unknown"),
        "state": STATES[key_rotation.strategy],
        "before": _side(key_rotation.before, now),
        "after": _after(key_rotation, check_mode, float(run["finished"])),
        "operations": operations,
        **_outage(key_rotation, check_mode),
        "regions": _regions(key_rotation, check_mode),
        "replacement": _replacement(key_rotation, check_mode),
        "proof": _proof(key_rotation, check_mode),
        "canary": _canary(key_rotation, facts, check_mode),
        "outcome": outcome,
        "error": _error(key_rotation, outcome, stopped),
        "warnings": _warnings(key_rotation, check_mode),
    }


def _outcome(key_rotation: KeyRotation, check_mode: bool) -> str:
    if key_rotation.refusal:
        return "refused"
    if key_rotation.to_do and check_mode:
        return "planned"
    if key_rotation.plan is None or (key_rotation.to_do and not key_rotation.attempts):
        return "not_started"
    if trouble(key_rotation):
        return "failed"
    return "changed" if key_rotation.changed else "unchanged"


def _aliases(key_rotation: KeyRotation) -> list[str]:
    """The name that the caller used comes first: it stands for the key."""
    names = [str(name) for name in key_rotation.look.get("aliases") or []]
    own = key_rotation.key_id[key_rotation.key_id.index("alias/") :] if "alias/" in key_rotation.key_id else None
    return [own] + [name for name in names if name != own] if own else names


def _side(facts: Mapping[str, Any] | None, now: float) -> dict[str, Any] | None:
    if not facts:
        return None
    materials = [_material(one, now) for one in facts.get("materials") or []]
    return {
        "key_state": str(facts.get("key_state") or "unknown"),
        "current_key_material_id": facts.get("current_key_material_id"),
        "expiration_model": facts.get("expiration_model"),
        "valid_to": zulu(facts.get("valid_to")),
        **_own_expiry(facts, materials),
        "expiring_materials": _expiring(materials),
        "materials": materials,
    }


def _own_expiry(facts: Mapping[str, Any], materials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The expiry of the current material itself; on a key without a list of materials, that of the only one."""
    current = facts.get("current_key_material_id")
    listed = next((one for one in materials if one["key_material_id"] == current), None)
    found = listed if current else {**facts, "valid_to": zulu(facts.get("valid_to"))}
    held = found is not None and found.get("import_state", models.IMPORTED) == models.IMPORTED
    own = found if held and found is not None else {}
    return {"current_expiration_model": own.get("expiration_model"), "current_valid_to": own.get("valid_to")}


def _expiring(materials: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What takes the whole key down when it expires, the first to expire first."""
    kept = ("key_material_id", "key_material_state", "valid_to")
    counts = [
        {name: one[name] for name in kept}
        for one in materials
        if one["key_material_state"] in (models.CURRENT, models.NON_CURRENT)
        and one["import_state"] == models.IMPORTED
        and one["valid_to"]
    ]
    return sorted(counts, key=lambda one: epoch(str(one["valid_to"])))


def _material(one: Mapping[str, Any], now: float) -> dict[str, Any]:
    valid_to = zulu(one.get("valid_to"))
    # KMS goes on listing expired material as imported; only staged material may still be used then.
    permanent = one.get("key_material_state") in (models.CURRENT, models.NON_CURRENT)
    expired = permanent and valid_to is not None and epoch(valid_to) <= now
    return {
        "key_material_id": str(one.get("key_material_id")),
        "key_material_state": str(one.get("key_material_state")),
        "import_state": models.NOT_IMPORTED if expired else str(one.get("import_state")),
        "expiration_model": one.get("expiration_model"),
        "valid_to": valid_to,
        "key_material_description": one.get("key_material_description") or None,
    }


def zulu(instant: Any) -> str | None:
    """An ISO 8601 instant with an offset, with Z in its place."""
    return None if instant is None else iso(epoch(str(instant))).replace(".000Z", "Z")


def epoch(instant: str) -> float:
    return datetime.fromisoformat(instant.replace("Z", "+00:00")).astimezone(timezone.utc).timestamp()


def _after(key_rotation: KeyRotation, check_mode: bool, now: float) -> dict[str, Any] | None:
    new = _new_key(key_rotation, check_mode)
    if new:
        return {"key_id": str(new.get("key_id")), **(_side(new, now) or {})}
    if not check_mode:
        return _side(key_rotation.verified.diff.get("before") if key_rotation.verified else None, now)
    if key_rotation.plan is None or key_rotation.refusal:
        return None
    return _side(key_rotation.before if key_rotation.done_earlier else key_rotation.plan.diff.get("after"), now)


# -- a key in the place of another -------------------------------------------------------------------------------------


def _new_key(key_rotation: KeyRotation, check_mode: bool) -> Mapping[str, Any] | None:
    """The new key as it was read in the end, or in check mode as it is predicted."""
    if check_mode:
        found = (key_rotation.plan.diff.get("after") or {}) if key_rotation.plan and not key_rotation.refusal else {}
    else:
        found = (key_rotation.verified.diff.get("before") or {}) if key_rotation.verified else {}
    new: Mapping[str, Any] | None = found.get("new_key")
    return new


def _replacement(key_rotation: KeyRotation, check_mode: bool) -> dict[str, Any] | None:
    """Which key took the place of which, and what became of the old one."""
    if key_rotation.strategy != "alias" or key_rotation.plan is None or key_rotation.refusal:
        return None
    shown = key_rotation.last.entry if key_rotation.last else key_rotation.plan.entry
    old_state = None if check_mode or key_rotation.verified is None else key_rotation.verified.seen_state
    return {
        "new_key_id": shown.get("new_key_id"),
        "new_key_arn": shown.get("new_key_arn"),
        "aliases": [str(name) for name in shown.get("aliases") or []] if key_rotation.to_do else [],
        "rolled_back": bool(shown.get("rolled_back")),
        "old_key_state": old_state or shown.get("key_state"),
    }


# -- operations --------------------------------------------------------------------------------------------------------


def _planned_operations(key_rotation: KeyRotation) -> list[dict[str, Any]]:
    return [_operation(one) for one in _steps([key_rotation.plan])] if key_rotation.to_do and key_rotation.plan else []


def _operations(key_rotation: KeyRotation) -> list[dict[str, Any]]:
    """Every changing call of every attempt, in the order in which they were sent."""
    return [_operation(one) for one in _steps(key_rotation.attempts) if one.sent]


def _steps(attempts: Sequence[Attempt]) -> list[StepRecord]:
    return [StepRecord(**one) for attempt in attempts for one in attempt.entry.get("steps") or []]


def _operation(step: StepRecord) -> dict[str, Any]:
    answered = step.finished is not None and step.error_code != CONNECTION
    return {
        "operation": step.operation,
        "region": step.region,
        "purpose": step.purpose,
        "started_at": None if step.started is None else iso(step.started),
        "started_epoch": step.started,
        "finished_at": iso(step.finished) if step.finished is not None and answered else None,
        "finished_epoch": step.finished if answered else None,
        "outcome": _answer(step, answered),
        "request_id": step.request_id,
        "key_material_id": step.key_material_id,
    }


def _answer(step: StepRecord, answered: bool) -> str:
    """What came back of a call: a report calls lost what was not answered, whether it was carried out or not."""
    if step.sent and not answered:
        return models.LOST
    return models.FAILED if step.outcome == models.LOST else step.outcome


# -- when it could not be used -----------------------------------------------------------------------------------------

_NOT_INTERRUPTED = dict.fromkeys(
    ("unavailable_from", "unavailable_from_epoch", "unavailable_to", "unavailable_to_epoch")
)


def _regions(key_rotation: KeyRotation, check_mode: bool) -> list[dict[str, Any]]:
    """What became of a key in each of several Regions, that of the primary key first."""
    return [
        {
            "region": str(one.region),
            "key_state_before": one.before.get("key_state"),
            **_left(one, check_mode),
            **_outage(one, check_mode),
            "error": str(one.error["message"]) if one.error else None,
        }
        for one in key_rotation.regions
    ]


def _left(key_rotation: KeyRotation, check_mode: bool) -> dict[str, Any]:
    """State, material and expiry afterwards; in check mode, as predicted."""
    side = _after(key_rotation, check_mode, 0.0) or {}
    return {
        "key_state_after": side.get("key_state"),
        "current_key_material_id": side.get("current_key_material_id"),
        "valid_to": side.get("valid_to"),
        "current_valid_to": side.get("current_valid_to"),
    }


def _outage(key_rotation: KeyRotation, check_mode: bool) -> dict[str, Any]:
    """Of a key in several Regions, the longest interruption in one of them; one without an end is longer than any."""
    spans = [_outage_in(one, check_mode) for one in key_rotation.regions or [key_rotation]]
    endless = [one for one in spans if one["unavailable_seconds"] is None]
    return endless[0] if endless else max(spans, key=lambda one: float(one["unavailable_seconds"]))


def _outage_in(key_rotation: KeyRotation, check_mode: bool) -> dict[str, Any]:
    """Of the key in one Region. What was not usable before was not interrupted."""
    if check_mode:
        planned = (
            key_rotation.plan.entry.get("unavailable_seconds") if key_rotation.plan and key_rotation.to_do else 0.0
        )
        return {"unavailable_seconds": planned, **_NOT_INTERRUPTED}
    usable = key_rotation.before.get("key_state") == models.ENABLED
    found = outage(_steps(key_rotation.attempts), usable, key_rotation.unusable)
    if found is None:
        # Of a run that gave no account nothing else is known.
        return {"unavailable_seconds": None if key_rotation.unusable else 0.0, **_NOT_INTERRUPTED}
    return {
        "unavailable_seconds": found.seconds,
        "unavailable_from": iso(found.started),
        "unavailable_from_epoch": found.started,
        "unavailable_to": None if found.finished is None else iso(found.finished),
        "unavailable_to_epoch": found.finished,
    }


# -- proof, canary, what went wrong ------------------------------------------------------------------------------------


def _proof(key_rotation: KeyRotation, check_mode: bool) -> dict[str, Any] | None:
    """The proof that the change rested on; for new material the one that the look afterwards gave."""
    wrong = (key_rotation.error or {}).get("code") == "IncorrectKeyMaterialException"
    found = [
        one
        for one in (*reversed(key_rotation.attempts), key_rotation.plan, key_rotation.verified)
        if one and one.entry.get("proof")
    ]
    if not found:
        return None if not wrong else {"method": "reimport", "verdict": "mismatch", "material_id": None}
    entry = found[0].entry
    # What only an import can prove is not proved by a plan.
    imported = any(IMPORT in (one.entry.get("operations") or []) for one in key_rotation.attempts)
    open_yet = entry["proof"] == "reimport" and (check_mode or not imported)
    verdict = "mismatch" if wrong else "unknown" if open_yet else "match"
    return {"method": entry["proof"], "verdict": verdict, "material_id": entry.get("key_material_id") or None}


def _canary(key_rotation: KeyRotation, facts: Facts, check_mode: bool) -> dict[str, Any] | None:
    if not facts["run"].get("canary") or not key_rotation.to_do:
        return None
    if check_mode:
        return _planned_canary(key_rotation)
    if key_rotation.strategy == "alias":
        return _new_key_canary(key_rotation)
    if key_rotation.taken is None:
        return None
    if key_rotation.taken.get("verdict") != "taken":
        return _told(
            str(key_rotation.taken.get("kind") or "none"), "skipped", None, None, key_rotation.taken.get("note")
        )
    return _proved_canary(key_rotation, key_rotation.taken)


def _planned_canary(key_rotation: KeyRotation) -> dict[str, Any]:
    # The key that takes the place of another is enabled.
    state = models.ENABLED if key_rotation.strategy == "alias" else key_rotation.before.get("key_state")
    kind = _CANARY_KINDS.get(str(key_rotation.look.get("key_usage")), "none")
    if state != models.ENABLED or kind == "none":
        note = f"the key is {state}" if state != models.ENABLED else "there is none for this key usage"
        return _told("none", "skipped", None, None, note)
    return _told(kind, "planned", None, None, None)


def _new_key_canary(key_rotation: KeyRotation) -> dict[str, Any] | None:
    """How the new key did before the aliases moved to it."""
    found = (key_rotation.last.entry.get("canary") if key_rotation.last else None) or None
    if found is None:
        return None
    verdict = str(found.get("verdict"))
    after = {"passed": "the new key works", "failed": "the new key does not work"}.get(verdict, "not tried")
    return _told(str(found.get("kind") or "none"), verdict, None, after, found.get("note"))


def _proved_canary(key_rotation: KeyRotation, taken: Mapping[str, Any]) -> dict[str, Any]:
    kind, note = str(taken["kind"]), taken.get("note")
    if key_rotation.proved is None:
        if key_rotation.unusable:
            return _told(kind, "failed", "answered", "not tried", "the key holds no material")
        return _told(kind, "skipped", "answered", "not tried", "the change failed" if key_rotation.error else note)
    verdict = str(key_rotation.proved["verdict"])
    after = {"passed": "answered, same result", "failed": "not the same result"}.get(verdict, "not tried")
    return _told(
        kind, verdict, "answered", after, "; ".join(filter(None, (note, key_rotation.proved.get("note")))) or None
    )


def _told(kind: str, verdict: str, before: str | None, after: str | None, note: Any) -> dict[str, Any]:
    return {"kind": kind, "before": before, "after": after, "verdict": verdict, "note": note or None}


def _error(key_rotation: KeyRotation, outcome: str, stopped: str | None) -> dict[str, Any] | None:
    if outcome == "refused":
        code = (key_rotation.refusal or {}).get("code")
        return {
            "code": "refused" if code in ("RefusedByPlan", "InvalidInput") else code,
            "message": refusal_sentence(key_rotation),
            "heal_command": None,
        }
    if outcome == "not_started" and stopped:
        return {"code": None, "message": stopped, "heal_command": None}
    problem = trouble(key_rotation) if outcome == "failed" else None
    if not problem:
        return None
    return {
        "code": problem.get("code"),
        "message": str(problem["message"]),
        "heal_command": problem.get("heal_command"),
    }


def _warnings(key_rotation: KeyRotation, check_mode: bool) -> list[str]:
    told = [f"{key_rotation.note}."] if key_rotation.note else []
    told += list((key_rotation.plan.warnings if key_rotation.plan else ()) if check_mode else ())
    told += [text for one in key_rotation.attempts for text in one.warnings]
    if key_rotation.done_earlier and not key_rotation.to_do and not key_rotation.attempts and key_rotation.record:
        told.append(_earlier(key_rotation.record))
    first = key_rotation.attempts[0] if len(key_rotation.attempts) > 1 else None
    if first is not None and first.error:
        told.append(f"A first try failed, and a second one was made: {first.error['message']}")
    if key_rotation.attempts and not key_rotation.error and unproved(key_rotation):
        told.append("Reading alone does not prove this material; KMS compared the bytes when it took them.")
    return list(dict.fromkeys(told))


def _earlier(record: Mapping[str, Any]) -> str:
    calls = [f"{one['operation']} {one['request_id']}" for one in record.get("calls") or [] if one.get("request_id")]
    made = f" ({', '.join(calls)})" if calls else ""
    return f"Done in an earlier run of this rotation, {record.get('finished_at')}{made}; nothing was left to do."
