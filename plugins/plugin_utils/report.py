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
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import RotationState
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import Track
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
    way = state.keys
    stopped = _stop(facts, way)
    entries = [_entry(track, facts, stopped) for track in way]
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


def _stop(facts: Facts, way: Sequence[Track]) -> str | None:
    """Why the run stopped before its end, for the keys that it did not get to."""
    if any(track.refusal for track in way):
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


def _entry(track: Track, facts: Facts, stopped: str | None) -> dict[str, Any]:
    run = facts["run"]
    check_mode, now = bool(run["check_mode"]), float(run["started"])
    outcome = _outcome(track, check_mode)
    operations = _planned_operations(track) if check_mode else _operations(track)
    return {
        "key_id": str(track.read("key_id") or track.key_id),
        "key_arn": track.arn,
        "aliases": _aliases(track),
        "key_spec": track.key_spec,
        "key_usage": str(track.look.get("key_usage") or "unknown"),
        "state": STATES[track.strategy],
        "before": _side(track.before, now),
        "after": _after(track, check_mode, float(run["finished"])),
        "operations": operations,
        **_outage(track, check_mode),
        "regions": _regions(track, check_mode),
        "replacement": _replacement(track, check_mode),
        "proof": _proof(track, check_mode),
        "canary": _canary(track, facts, check_mode),
        "outcome": outcome,
        "error": _error(track, outcome, stopped),
        "warnings": _warnings(track, check_mode),
    }


def _outcome(track: Track, check_mode: bool) -> str:
    if track.refusal:
        return "refused"
    if track.to_do and check_mode:
        return "planned"
    if track.plan is None or (track.to_do and not track.attempts):
        return "not_started"
    if trouble(track):
        return "failed"
    return "changed" if track.changed else "unchanged"


def _aliases(track: Track) -> list[str]:
    """The name that the caller used comes first: it stands for the key."""
    names = [str(name) for name in track.look.get("aliases") or []]
    own = track.key_id[track.key_id.index("alias/") :] if "alias/" in track.key_id else None
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


def _after(track: Track, check_mode: bool, now: float) -> dict[str, Any] | None:
    new = _new_key(track, check_mode)
    if new:
        return {"key_id": str(new.get("key_id")), **(_side(new, now) or {})}
    if not check_mode:
        return _side(track.verified.diff.get("before") if track.verified else None, now)
    if track.plan is None or track.refusal:
        return None
    return _side(track.before if track.done_earlier else track.plan.diff.get("after"), now)


# -- a key in the place of another -------------------------------------------------------------------------------------


def _new_key(track: Track, check_mode: bool) -> Mapping[str, Any] | None:
    """The new key as it was read in the end, or in check mode as it is predicted."""
    if check_mode:
        found = (track.plan.diff.get("after") or {}) if track.plan and not track.refusal else {}
    else:
        found = (track.verified.diff.get("before") or {}) if track.verified else {}
    new: Mapping[str, Any] | None = found.get("new_key")
    return new


def _replacement(track: Track, check_mode: bool) -> dict[str, Any] | None:
    """Which key took the place of which, and what became of the old one."""
    if track.strategy != "alias" or track.plan is None or track.refusal:
        return None
    shown = track.last.entry if track.last else track.plan.entry
    old_state = None if check_mode or track.verified is None else track.verified.seen_state
    return {
        "new_key_id": shown.get("new_key_id"),
        "new_key_arn": shown.get("new_key_arn"),
        "aliases": [str(name) for name in shown.get("aliases") or []] if track.to_do else [],
        "rolled_back": bool(shown.get("rolled_back")),
        "old_key_state": old_state or shown.get("key_state"),
    }


# -- operations --------------------------------------------------------------------------------------------------------


def _planned_operations(track: Track) -> list[dict[str, Any]]:
    return [_operation(one) for one in _steps([track.plan])] if track.to_do and track.plan else []


def _operations(track: Track) -> list[dict[str, Any]]:
    """Every changing call of every attempt, in the order in which they were sent."""
    return [_operation(one) for one in _steps(track.attempts) if one.sent]


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


def _regions(track: Track, check_mode: bool) -> list[dict[str, Any]]:
    """What became of a key in each of several Regions, that of the primary key first."""
    return [
        {
            "region": str(one.region),
            "key_state_before": one.before.get("key_state"),
            **_left(one, check_mode),
            **_outage(one, check_mode),
            "error": str(one.error["message"]) if one.error else None,
        }
        for one in track.regions
    ]


def _left(track: Track, check_mode: bool) -> dict[str, Any]:
    """State, material and expiry afterwards; in check mode, as predicted."""
    side = _after(track, check_mode, 0.0) or {}
    return {
        "key_state_after": side.get("key_state"),
        "current_key_material_id": side.get("current_key_material_id"),
        "valid_to": side.get("valid_to"),
        "current_valid_to": side.get("current_valid_to"),
    }


def _outage(track: Track, check_mode: bool) -> dict[str, Any]:
    """Of a key in several Regions, the longest interruption in one of them; one without an end is longer than any."""
    spans = [_outage_in(one, check_mode) for one in track.regions or [track]]
    endless = [one for one in spans if one["unavailable_seconds"] is None]
    return endless[0] if endless else max(spans, key=lambda one: float(one["unavailable_seconds"]))


def _outage_in(track: Track, check_mode: bool) -> dict[str, Any]:
    """Of the key in one Region. What was not usable before was not interrupted."""
    if check_mode:
        planned = track.plan.entry.get("unavailable_seconds") if track.plan and track.to_do else 0.0
        return {"unavailable_seconds": planned, **_NOT_INTERRUPTED}
    usable = track.before.get("key_state") == models.ENABLED
    found = outage(_steps(track.attempts), usable, track.unusable)
    if found is None:
        # Of a run that gave no account nothing else is known.
        return {"unavailable_seconds": None if track.unusable else 0.0, **_NOT_INTERRUPTED}
    return {
        "unavailable_seconds": found.seconds,
        "unavailable_from": iso(found.started),
        "unavailable_from_epoch": found.started,
        "unavailable_to": None if found.finished is None else iso(found.finished),
        "unavailable_to_epoch": found.finished,
    }


# -- proof, canary, what went wrong ------------------------------------------------------------------------------------


def _proof(track: Track, check_mode: bool) -> dict[str, Any] | None:
    """The proof that the change rested on; for new material the one that the look afterwards gave."""
    wrong = (track.error or {}).get("code") == "IncorrectKeyMaterialException"
    found = [one for one in (*reversed(track.attempts), track.plan, track.verified) if one and one.entry.get("proof")]
    if not found:
        return None if not wrong else {"method": "reimport", "verdict": "mismatch", "material_id": None}
    entry = found[0].entry
    # What only an import can prove is not proved by a plan.
    imported = any(IMPORT in (one.entry.get("operations") or []) for one in track.attempts)
    open_yet = entry["proof"] == "reimport" and (check_mode or not imported)
    verdict = "mismatch" if wrong else "unknown" if open_yet else "match"
    return {"method": entry["proof"], "verdict": verdict, "material_id": entry.get("key_material_id") or None}


def _canary(track: Track, facts: Facts, check_mode: bool) -> dict[str, Any] | None:
    if not facts["run"].get("canary") or not track.to_do:
        return None
    if check_mode:
        return _planned_canary(track)
    if track.strategy == "alias":
        return _new_key_canary(track)
    if track.taken is None:
        return None
    if track.taken.get("verdict") != "taken":
        return _told(str(track.taken.get("kind") or "none"), "skipped", None, None, track.taken.get("note"))
    return _proved_canary(track, track.taken)


def _planned_canary(track: Track) -> dict[str, Any]:
    # The key that takes the place of another is enabled.
    state = models.ENABLED if track.strategy == "alias" else track.before.get("key_state")
    kind = _CANARY_KINDS.get(str(track.look.get("key_usage")), "none")
    if state != models.ENABLED or kind == "none":
        note = f"the key is {state}" if state != models.ENABLED else "there is none for this key usage"
        return _told("none", "skipped", None, None, note)
    return _told(kind, "planned", None, None, None)


def _new_key_canary(track: Track) -> dict[str, Any] | None:
    """How the new key did before the aliases moved to it."""
    found = (track.last.entry.get("canary") if track.last else None) or None
    if found is None:
        return None
    verdict = str(found.get("verdict"))
    after = {"passed": "the new key works", "failed": "the new key does not work"}.get(verdict, "not tried")
    return _told(str(found.get("kind") or "none"), verdict, None, after, found.get("note"))


def _proved_canary(track: Track, taken: Mapping[str, Any]) -> dict[str, Any]:
    kind, note = str(taken["kind"]), taken.get("note")
    if track.proved is None:
        if track.unusable:
            return _told(kind, "failed", "answered", "not tried", "the key holds no material")
        return _told(kind, "skipped", "answered", "not tried", "the change failed" if track.error else note)
    verdict = str(track.proved["verdict"])
    after = {"passed": "answered, same result", "failed": "not the same result"}.get(verdict, "not tried")
    return _told(kind, verdict, "answered", after, "; ".join(filter(None, (note, track.proved.get("note")))) or None)


def _told(kind: str, verdict: str, before: str | None, after: str | None, note: Any) -> dict[str, Any]:
    return {"kind": kind, "before": before, "after": after, "verdict": verdict, "note": note or None}


def _error(track: Track, outcome: str, stopped: str | None) -> dict[str, Any] | None:
    if outcome == "refused":
        code = (track.refusal or {}).get("code")
        return {
            "code": "refused" if code in ("RefusedByPlan", "InvalidInput") else code,
            "message": refusal_sentence(track),
            "heal_command": None,
        }
    if outcome == "not_started" and stopped:
        return {"code": None, "message": stopped, "heal_command": None}
    problem = trouble(track) if outcome == "failed" else None
    if not problem:
        return None
    return {
        "code": problem.get("code"),
        "message": str(problem["message"]),
        "heal_command": problem.get("heal_command"),
    }


def _warnings(track: Track, check_mode: bool) -> list[str]:
    told = [f"{track.note}."] if track.note else []
    told += list((track.plan.warnings if track.plan else ()) if check_mode else ())
    told += [text for one in track.attempts for text in one.warnings]
    if track.done_earlier and not track.to_do and not track.attempts and track.record:
        told.append(_earlier(track.record))
    first = track.attempts[0] if len(track.attempts) > 1 else None
    if first is not None and first.error:
        told.append(f"A first try failed, and a second one was made: {first.error['message']}")
    if track.attempts and not track.error and unproved(track):
        told.append("Reading alone does not prove this material; KMS compared the bytes when it took them.")
    return list(dict.fromkeys(told))


def _earlier(record: Mapping[str, Any]) -> str:
    calls = [f"{one['operation']} {one['request_id']}" for one in record.get("calls") or [] if one.get("request_id")]
    made = f" ({', '.join(calls)})" if calls else ""
    return f"Done in an earlier run of this rotation, {record.get('finished_at')}{made}; nothing was left to do."
