# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short words for the results of the role's tasks, in the shapes that the modules give them."""

from __future__ import annotations

from typing import Any

START = 1_900_000_000.0
A, B = "a" * 64, "b" * 64
PAIR = ("ImportKeyMaterial", "DeleteImportedKeyMaterial", "ImportKeyMaterial")
ROTATION = ("ImportKeyMaterial", "RotateKeyOnDemand")
LOST = "ConnectionFailure"
DENIED = "AccessDeniedException"


def arn(name: str) -> str:
    return f"arn:aws:kms:eu-central-1:111122223333:key/{name}"


def shown(key_state: str = "Enabled", current: str | None = A, **other: Any) -> dict[str, Any]:
    """A key as a diff shows it."""
    return {
        "key_state": key_state,
        "current_key_material_id": current,
        "expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        "valid_to": None,
        **other,
    }


def calls(*operations: str, at: float = 10.0, took: float = 0.5) -> list[dict[str, Any]]:
    """Calls one after the other; "operation outcome" for one that was not answered with success."""
    made = []
    for number, one in enumerate(operations):
        operation, _blank, outcome = one.partition(" ")
        made.append(
            {
                "operation": operation,
                "request_id": None if outcome == LOST else f"{operation}-{number}",
                "started": START + at + number,
                "finished": START + at + number + took,
                "outcome": outcome or "Success",
            }
        )
    return made


PURPOSES = {
    "CreateKey": "create",
    "DeleteImportedKeyMaterial": "delete",
    "DisableKey": "disable",
    "RotateKeyOnDemand": "rotate",
    "TagResource": "remember",
    "UntagResource": "forget",
    "UpdateAlias": "move",
}
UNCLEAR = (LOST, "KMSInternalException", "DependencyTimeoutException")


def planned(*operations: str, region: str = "eu-central-1") -> list[dict[str, Any]]:
    """The steps with these operations, not reached yet: a reimport, a rotation, or what belongs to either."""
    steps = []
    for number, operation in enumerate(operations):
        rotates, deleted = "RotateKeyOnDemand" in operations, "DeleteImportedKeyMaterial" in operations[:number]
        imports = "stage" if rotates else "restore" if deleted else "prove"
        steps.append(
            {
                "operation": operation,
                "purpose": PURPOSES.get(operation, imports),
                "region": region,
                "key_material_id": A if operation in (*PAIR, *ROTATION) else None,
                "request_id": None,
                "started": None,
                "finished": None,
                "outcome": "planned",
                "error_code": None,
                "key_state": "PendingImport" if operation == PAIR[1] and not rotates else "Enabled",
            }
        )
    return steps


def sent(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps with these calls."""
    changing = [one for one in made if one["operation"] != "GetParametersForImport"]
    steps = planned(*(one["operation"] for one in changing))
    for step, call in zip(steps, changing):
        code = None if call["outcome"] == "Success" else call["outcome"]
        outcome = "lost" if code in UNCLEAR else "failed" if code else "succeeded"
        kept = {name: call[name] for name in ("request_id", "started", "finished")}
        step.update(kept, outcome=outcome, error_code=code)
    return steps


def entry(name: str = "one", operations: tuple[str, ...] = PAIR, **other: Any) -> dict[str, Any]:
    """An entry of kms_keys. purposes: those of its steps, where they are others than those of a plain reimport."""
    made = other.get("calls", [])
    steps = sent(made) if made else planned(*operations)
    for step, purpose in zip(steps, other.pop("purposes", ())):
        step["purpose"] = purpose
    return {
        "requested_key_id": name,
        "warnings": [],
        "steps": steps,
        "key_id": name,
        "key_arn": arn(name),
        "key_spec": "SYMMETRIC_DEFAULT",
        "key_state": "Enabled",
        "current_key_material_id": A,
        "key_material_id": A,
        "changed": bool(operations),
        "operations": list(operations),
        "proof": "fingerprint",
        "unavailable_seconds": 0.02,
        "calls": [],
        "error": None,
        **other,
    }


def error(message: str = "it failed", code: str = DENIED, heal: str | None = None) -> dict[str, Any]:
    return {"key_id": "one", "code": code, "message": message, "heal_command": heal}


HOME, WEST = "eu-central-1", "eu-west-1"


def in_regions(home: dict[str, Any], west: dict[str, Any], **other: Any) -> dict[str, Any]:
    """An entry of a key in two Regions, of which the first is that of the primary key."""
    parts = [{"region": region, **one} for region, one in ((HOME, home), (WEST, west))]
    for one in parts:
        one["key_arn"] = str(one["key_arn"]).replace(HOME, one["region"])
        one["steps"] = [{**step, "region": one["region"]} for step in one["steps"]]
    steps = [step for one in parts for step in one["steps"]]
    steps.sort(key=lambda step: (step["started"] or START, step["operation"] == "RotateKeyOnDemand"))
    return {**home, "changed": home["changed"] or west["changed"], "steps": steps, "regions": parts, **other}


def by_region(home: Any, west: Any) -> dict[str, Any]:
    """A side of a diff of such a key."""
    return {HOME: home, WEST: west}


def result(*entries: dict[str, Any], before: Any = None, after: Any = None, **other: Any) -> dict[str, Any]:
    """What one call of the module gave, for keys 0, 1, ... unless indices says otherwise."""
    before = before or [shown()] * len(entries)
    after = after or before
    return {
        "indices": list(range(len(entries))),
        "kms_keys": list(entries),
        "diff": [{"before": one, "after": other} for one, other in zip(before, after)],
        "warnings": [],
        "msg": "",
        **other,
    }


def look(name: str = "one", usage: str = "ENCRYPT_DECRYPT", *aliases: str) -> dict[str, Any]:
    return {
        "key_id": name,
        "key_arn": arn(name),
        "key_spec": "SYMMETRIC_DEFAULT",
        "key_usage": usage,
        "aliases": list(aliases),
    }


def canaries(*verdicts: str, note: str | None = None, **other: Any) -> dict[str, Any]:
    found = [
        {"kind": "none" if one == "skipped" else "encrypt", "verdict": one, "note": note, "canary": {"kind": "encrypt"}}
        for one in verdicts
    ]
    return {"indices": list(range(len(verdicts))), "canaries": found, **other}


def facts(*names: str, **other: Any) -> dict[str, Any]:
    """The facts of a run on these keys, of which every one is planned to be reimported, and nothing more is known."""
    names = names or ("one",)
    run = {
        "id": "run-1",
        "started": START,
        "finished": START + 60,
        "strategy": "reimport",
        "check_mode": False,
        "batch_size": 50,
        "canary": True,
        "change_reference": "",
        "operator": "",
        "broken": "",
        **{
            name: other.pop(name) for name in ("strategy", "check_mode", "broken", "canary", "started") if name in other
        },
    }
    return {
        "run": run,
        "key_inputs": [{"key_id": name} for name in names],
        "looks": [look(name) for name in names],
        "preflight": result(*(entry(name) for name in names)),
        "journal": {},
        "taken": {},
        "attempts": [],
        "verified": {},
        "proved": {},
        "sign_off": [{"role": "Operator", "statements": ["I did it."]}],
        **other,
    }
