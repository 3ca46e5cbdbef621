# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a rotation, from the results of tasks to the documented fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.plugin_utils.report import report
from ansible_collections.byok.aws.plugins.plugin_utils.report import zulu
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import RotationState
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import DENIED
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import LOST
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import PAIR
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import ROTATION
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import START
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import arn
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import by_region
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import calls
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import canaries
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import entry
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import error
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import facts
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import in_regions
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import look
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import planned
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import result
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import shown

DONE = result(entry(calls=calls("GetParametersForImport", *PAIR)))
WELL = result(entry(operations=()))


def made(*names: str, **other: Any) -> dict[str, Any]:
    return report(facts(*names, **other), "1.2.3", "controller")


def the_key(*names: str, **other: Any) -> dict[str, Any]:
    first: dict[str, Any] = made(*names, **other)["keys"][0]
    return first


# -- the run -----------------------------------------------------------------------------------------------------------


def test_the_run_is_described() -> None:
    whole = made(attempts=[DONE], verified=WELL)

    assert whole["collection"] == {"name": "byok.aws", "version": "1.2.3"}
    assert whole["run"] == {
        "id": "run-1",
        "started_at": "2030-03-17T17:46:40.000Z",
        "started_epoch": START,
        "finished_at": "2030-03-17T17:47:40.000Z",
        "finished_epoch": START + 60,
        "strategy": "reimport",
        "check_mode": False,
        "outcome": "succeeded",
        "region": "eu-central-1",
        "account": "111122223333",
        "host": "controller",
        "operator": None,
        "batch_size": 50,
        "change_reference": None,
    }
    assert whole["sign_off"] == [{"role": "Operator", "statements": ["I did it."]}]
    assert json.loads(json.dumps(whole)) == whole


def test_what_ansible_turned_into_text_is_a_number_again() -> None:
    state = facts(attempts=[DONE])
    state["run"].update(started=str(START), finished=str(START + 1), batch_size="7")

    run = report(state, "1", "here")["run"]

    assert (run["started_epoch"], run["batch_size"]) == (START, 7)


DOWN = entry(operations=PAIR[:2], key_state="PendingImport", error=error(heal="heal"), calls=calls(*PAIR[:2]))
REFUSED = entry("two", operations=(), changed=False, error=error("no", "RefusedByPlan"))


@pytest.mark.parametrize(
    ("other", "outcome", "outcomes"),
    [
        ({"attempts": [result(entry("one"), entry("two"))]}, "succeeded", ["changed", "changed"]),
        ({"attempts": [result(entry("one"), entry("two", operations=()))]}, "succeeded", ["changed", "unchanged"]),
        ({"attempts": [result(DOWN)]}, "failed", ["failed", "not_started"]),
        ({"preflight": result(entry("one"), REFUSED)}, "failed", ["not_started", "refused"]),
        ({"preflight": result(entry("one"), REFUSED), "check_mode": True}, "planned", ["planned", "refused"]),
        ({"check_mode": True}, "planned", ["planned", "planned"]),
        ({"broken": "the task X failed"}, "failed", ["not_started", "not_started"]),
    ],
)
def test_outcomes_are_counted(other: dict[str, Any], outcome: str, outcomes: list[str]) -> None:
    whole = made("one", "two", **other)

    assert whole["run"]["outcome"] == outcome
    assert [key["outcome"] for key in whole["keys"]] == outcomes
    summary = whole["summary"]
    assert summary["keys"] == 2
    assert summary["changed"] == outcomes.count("changed") + outcomes.count("planned")
    assert {name: summary[name] for name in ("unchanged", "failed", "refused", "not_started")} == {
        name: outcomes.count(name) for name in ("unchanged", "failed", "refused", "not_started")
    }


def test_why_the_run_broke_off_stands_with_the_keys_it_did_not_get_to() -> None:
    key = the_key(broken="the task X failed")

    assert key["error"] == {"code": None, "message": "The run broke off: the task X failed", "heal_command": None}


def test_a_key_that_could_not_be_read_is_refused_with_the_code_of_aws() -> None:
    lost = {"key_id": "one", "error": error("no such key", "NotFoundException")}
    state = {"preflight": {**result(lost), "diff": [{"before": {}, "after": {}}]}, "looks": []}

    key = the_key(**state)

    assert (key["before"], key["key_spec"], key["key_usage"], key["key_arn"]) == (None, "unknown", "unknown", "one")
    assert key["error"]["code"] == "NotFoundException"


def test_the_report_names_the_key_that_was_worked_on_and_the_name_that_was_given() -> None:
    state = {"key_inputs": [{"key_id": "alias/one"}], "attempts": [result(entry("two", calls=calls(*PAIR)))]}

    key = the_key(**state)

    assert (key["key_arn"], key["key_id"], key["aliases"]) == (arn("two"), "two", ["alias/one"])
    assert key["outcome"] == "failed" and f"the key {arn('one')} was planned" in key["error"]["message"]


def test_what_is_said_of_an_alias_that_moved_is_a_warning() -> None:
    named = {"key_inputs": [{"key_id": "alias/one"}]}
    broken = RotationState(facts(**named)).journal(False, START)
    state = {**named, "strategy": "on_demand", "looks": [look("two")], "preflight": result(entry("two"))}

    (told,) = the_key(**state, journal=broken)["warnings"]

    assert told.startswith(f"alias/one leads to the key {arn('two')} now; ")


# -- the key -----------------------------------------------------------------------------------------------------------


def test_before_and_after_hold_the_documented_fields_and_no_others() -> None:
    old = {
        "key_material_id": A,
        "key_material_state": "CURRENT",
        "import_state": "IMPORTED",
        "expiration_model": "KEY_MATERIAL_EXPIRES",
        "valid_to": "2031-01-01T01:00:00+01:00",
        "key_material_description": "",
        "secret": "no",
    }
    seen = shown(enabled=True, materials=[old], valid_to="2031-01-01T00:00:00+00:00", secret="no")

    key = the_key(preflight=result(entry(), before=[seen]), attempts=[DONE], verified=result(entry(), before=[seen]))

    assert key["before"] == key["after"]
    assert sorted(key["before"]) == [
        "current_expiration_model",
        "current_key_material_id",
        "current_valid_to",
        "expiration_model",
        "expiring_materials",
        "key_state",
        "materials",
        "valid_to",
    ]
    assert key["before"]["materials"] == [
        {
            **{
                name: old[name]
                for name in ("key_material_id", "key_material_state", "import_state", "expiration_model")
            },
            "valid_to": "2031-01-01T00:00:00Z",
            "key_material_description": None,
        }
    ]


def listed(name: str, state: str, valid_to: str | None, import_state: str = "IMPORTED") -> dict[str, Any]:
    return {
        "key_material_id": name,
        "key_material_state": state,
        "import_state": import_state,
        "expiration_model": "KEY_MATERIAL_EXPIRES" if valid_to else "KEY_MATERIAL_DOES_NOT_EXPIRE",
        "valid_to": valid_to,
    }


SOON, LATER, PAST = "2031-01-01T00:00:00+00:00", "2031-05-01T00:00:00+00:00", "2029-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("materials", "own", "expiring"),
    [
        ([listed(A, "NON_CURRENT", SOON), listed(B, "CURRENT", LATER)], LATER, [A, B]),
        ([listed(A, "NON_CURRENT", LATER), listed(B, "CURRENT", SOON)], SOON, [B, A]),
        ([listed(A, "NON_CURRENT", SOON), listed(B, "CURRENT", None)], None, [A]),
        # Staged material takes nothing down, and what is gone or over expires no more.
        ([listed(B, "CURRENT", LATER), listed(A, "PENDING_ROTATION", SOON)], LATER, [B]),
        ([listed(A, "NON_CURRENT", None, "PENDING_IMPORT"), listed(B, "CURRENT", LATER)], LATER, [B]),
        ([listed(A, "NON_CURRENT", SOON), listed(B, "CURRENT", PAST)], None, [A]),
    ],
)
def test_the_expiry_of_the_current_material_itself(
    materials: list[dict[str, Any]], own: str | None, expiring: list[str]
) -> None:
    seen = shown(current=B, materials=materials, valid_to=SOON)

    side = the_key(preflight=result(entry(), before=[seen]))["before"]

    assert (side["valid_to"], side["current_valid_to"]) == (
        SOON.replace("+00:00", "Z"),
        own and own.replace("+00:00", "Z"),
    )
    assert [one["key_material_id"] for one in side["expiring_materials"]] == expiring


def test_the_expiry_of_a_key_with_one_material_for_life() -> None:
    seen = shown(current=None, expiration_model="KEY_MATERIAL_EXPIRES", valid_to=SOON)

    side = the_key(preflight=result(entry(), before=[seen]))["before"]

    assert (side["current_valid_to"], side["expiring_materials"]) == (SOON.replace("+00:00", "Z"), [])


@pytest.mark.parametrize(("state", "import_state"), [("CURRENT", "PENDING_IMPORT"), ("PENDING_ROTATION", "IMPORTED")])
def test_expired_material_is_not_called_imported(state: str, import_state: str) -> None:
    entries = [{"key_material_state": state, "import_state": "IMPORTED", "valid_to": "2029-01-01T00:00:00+00:00"}]

    key = the_key(preflight=result(entry(), before=[shown(materials=entries)]))

    assert key["before"]["materials"][0]["import_state"] == import_state


@pytest.mark.parametrize(
    ("check_mode", "state"), [(True, "predicted"), (False, "read")], ids=["the plan", "a fresh read"]
)
def test_where_after_comes_from(check_mode: bool, state: str) -> None:
    key = the_key(
        check_mode=check_mode,
        preflight=result(entry(), after=[shown("predicted")]),
        attempts=[] if check_mode else [DONE],
        verified={} if check_mode else result(entry(operations=()), before=[shown("read")]),
    )

    assert key["after"]["key_state"] == state


def test_what_was_not_read_afterwards_is_not_made_up() -> None:
    assert the_key(attempts=[DONE])["after"] is None


@pytest.mark.parametrize(
    ("name", "listed", "aliases"),
    [
        ("one", ["alias/a", "alias/b"], ["alias/a", "alias/b"]),
        ("alias/b", ["alias/a", "alias/b"], ["alias/b", "alias/a"]),
        ("arn:aws:kms:eu-central-1:111122223333:alias/b", [], ["alias/b"]),
    ],
)
def test_the_name_that_was_used_comes_first(name: str, listed: list[str], aliases: list[str]) -> None:
    assert the_key(name, looks=[look(name, "SIGN_VERIFY", *listed)])["aliases"] == aliases


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, None),
        ("2030-01-31T12:00:00+00:00", "2030-01-31T12:00:00Z"),
        ("2030-01-31T12:00:00.25+01:00".replace(".25", ".250000"), "2030-01-31T11:00:00.250Z"),
    ],
)
def test_instants_end_in_z(text: str | None, told: str | None) -> None:
    assert zulu(text) == told


# -- operations --------------------------------------------------------------------------------------------------------


def test_every_changing_call_stands_there_in_order() -> None:
    key = the_key(
        attempts=[result(entry(calls=calls("GetParametersForImport", *PAIR[:2], f"{PAIR[2]} {DENIED}", PAIR[2])))]
    )

    told = [(one["operation"], one["purpose"], one["outcome"], one["key_material_id"]) for one in key["operations"]]
    assert told == [
        ("ImportKeyMaterial", "prove", "succeeded", A),
        ("DeleteImportedKeyMaterial", "delete", "succeeded", A),
        ("ImportKeyMaterial", "restore", "failed", A),
        ("ImportKeyMaterial", "restore", "succeeded", A),
    ]
    assert key["operations"][0]["request_id"] == "ImportKeyMaterial-1"
    assert key["operations"][0]["started_at"] == "2030-03-17T17:46:51.000Z"


def test_a_lost_answer_has_no_end_and_no_request_id() -> None:
    (call,) = the_key(attempts=[result(entry(calls=calls(f"ImportKeyMaterial {LOST}")))])["operations"]

    assert (call["outcome"], call["request_id"], call["finished_at"], call["finished_epoch"]) == (
        "lost",
        None,
        None,
        None,
    )
    assert call["started_epoch"] == START + 10


def test_a_plan_has_calls_without_times() -> None:
    key = the_key(
        check_mode=True, preflight=result(entry(operations=("TagResource", *PAIR, "DisableKey", "UntagResource")))
    )

    assert [one["purpose"] for one in key["operations"]] == [
        "remember",
        "prove",
        "delete",
        "restore",
        "disable",
        "forget",
    ]
    assert {one["outcome"] for one in key["operations"]} == {"planned"}
    assert all(one["started_at"] is one["finished_epoch"] is one["request_id"] is None for one in key["operations"])


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("operations", "purposes"),
    [
        (ROTATION, ["stage", "rotate"]),
        (ROTATION, ["refresh", "rotate"]),
        (("ImportKeyMaterial",), ["import"]),
        (("ImportKeyMaterial",), ["renew"]),
        (("ImportKeyMaterial", "DeleteImportedKeyMaterial", *ROTATION), ["try", "delete", "stage", "rotate"]),
        (("TagResource", "UntagResource"), ["mark", "lift"]),
    ],
)
def test_purposes_are_those_of_the_steps(operations: tuple[str, ...], purposes: list[str], check_mode: bool) -> None:
    told = entry(operations=operations, calls=[] if check_mode else calls(*operations), purposes=purposes)
    state = {"preflight": result(told)} if check_mode else {"attempts": [result(told)]}

    key = the_key(strategy="on_demand", check_mode=check_mode, **state)

    assert [one["purpose"] for one in key["operations"]] == purposes
    assert check_mode or key["unavailable_seconds"] == 0.0


def test_what_was_not_reached_was_not_sent() -> None:
    failed = entry(operations=(), calls=calls(f"{PAIR[0]} {DENIED}"), error=error())
    failed["steps"] += planned(*PAIR[1:])

    assert [one["outcome"] for one in the_key(attempts=[result(failed)])["operations"]] == ["failed"]


@pytest.mark.parametrize(
    ("outcome", "code", "told"),
    [
        ("succeeded", None, "succeeded"),
        ("succeeded", LOST, "lost"),
        ("lost", LOST, "lost"),
        ("lost", "KMSInternalException", "failed"),
        ("failed", DENIED, "failed"),
    ],
    ids=["answered", "seen afterwards", "not answered", "not clear", "refused"],
)
def test_what_came_back_of_a_call(outcome: str, code: str | None, told: str) -> None:
    made = entry(calls=calls(PAIR[0]))
    made["steps"][0].update(outcome=outcome, error_code=code)

    (call,) = the_key(attempts=[result(made)])["operations"]

    assert (call["outcome"], call["finished_at"] is None) == (told, told == "lost")


# -- when it could not be used -----------------------------------------------------------------------------------------


def spans(attempts: list[dict[str, Any]], before: str = "Enabled", after: str = "Enabled") -> tuple[Any, ...]:
    key = the_key(
        attempts=attempts,
        preflight=result(entry(), before=[shown(before)]),
        verified=result(entry(operations=()), before=[shown(after)]),
    )
    times = [key[f"unavailable_{name}_epoch"] for name in ("from", "to")]
    assert [bool(key[f"unavailable_{name}"]) for name in ("from", "to")] == [time is not None for time in times]
    return (key["unavailable_seconds"], *[None if time is None else time - START for time in times])


@pytest.mark.parametrize(
    ("attempts", "before", "after", "expected"),
    [
        ([result(entry(calls=calls(*PAIR)))], "Enabled", "Enabled", (1.5, 11, 12.5)),
        ([result(entry(calls=calls(*PAIR)))], "Disabled", "Disabled", (0.0, None, None)),
        ([result(entry(operations=PAIR[2:], calls=calls(PAIR[2])))], "PendingImport", "Enabled", (0.0, None, None)),
        ([result(DOWN)], "Enabled", "PendingImport", (None, 11, None)),
        (
            # Nothing was heard of the deletion, and the rescue found the key empty.
            [
                result(entry(operations=PAIR[:1], error=error(), calls=calls(PAIR[0], f"{PAIR[1]} {LOST}"))),
                result(entry(operations=PAIR[2:], calls=calls(PAIR[2], at=30), purposes=["restore"])),
            ],
            "Enabled",
            "Enabled",
            (19.5, 11, 30.5),
        ),
        (
            [result(DOWN), result(entry(operations=PAIR[2:], calls=calls(PAIR[2], at=30)))],
            "Enabled",
            "Enabled",
            (19.5, 11, 30.5),
        ),
        (
            [result(entry(calls=calls(PAIR[0], f"{PAIR[1]} {LOST}", PAIR[1], f"{PAIR[2]} {LOST}")))],
            "Enabled",
            "Enabled",
            (2.5, 11, 13.5),
        ),
        (
            [result(entry(calls=calls(PAIR[0], f"{PAIR[1]} ThrottlingException", *PAIR[1:])))],
            "Enabled",
            "Enabled",
            (1.5, 12, 13.5),
        ),
        (
            [result(entry(operations=PAIR[:1], error=error(), calls=calls(PAIR[0], f"{PAIR[1]} {DENIED}")))],
            "Enabled",
            "Enabled",
            (0.0, None, None),
        ),
        ([{"indices": [0], "kms_keys": [], "diff": []}], "Enabled", "PendingImport", (None, None, None)),
    ],
    ids=[
        "one pair",
        "was not usable",
        "was empty",
        "still down",
        "rescued after a lost deletion",
        "rescued",
        "answers lost",
        "throttled",
        "not deleted",
        "no account",
    ],
)
def test_when_a_key_could_not_be_used(
    attempts: list[dict[str, Any]], before: str, after: str, expected: tuple[Any, ...]
) -> None:
    assert spans(attempts, before, after) == expected


@pytest.mark.parametrize("seconds", [0.0, 0.25, None])
def test_a_plan_predicts_how_long(seconds: float | None) -> None:
    whole = made(check_mode=True, preflight=result(entry(unavailable_seconds=seconds)))

    key = whole["keys"][0]
    assert (key["unavailable_seconds"], key["unavailable_from"]) == (seconds, None)
    assert whole["summary"]["longest_unavailable_seconds"] == (seconds or 0.0)


def test_interruptions_are_summed() -> None:
    second = {**result(entry("two", calls=calls(*PAIR, took=1.0))), "indices": [1]}

    summary = made("one", "two", attempts=[DONE, second])["summary"]

    assert (summary["longest_unavailable_seconds"], summary["total_unavailable_seconds"]) == (2.0, 3.5)


# -- proof, canary, errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "proof"),
    [
        ({"attempts": [DONE]}, ("fingerprint", "match", A)),
        ({"check_mode": True}, ("fingerprint", "match", A)),
        ({"check_mode": True, "preflight": result(entry(proof="reimport"))}, ("reimport", "unknown", A)),
        (
            {"preflight": result(entry(proof="reimport")), "attempts": [result(entry(proof="reimport"))]},
            ("reimport", "match", A),
        ),
        (
            {
                "preflight": result(entry(proof=None)),
                "attempts": [result(entry(proof=None, key_material_id=B))],
                "verified": result(entry(operations=(), key_material_id=B)),
            },
            ("fingerprint", "match", B),
        ),
        (
            {
                "preflight": result(entry(proof="reimport")),
                "attempts": [
                    result(entry(operations=(), proof="reimport", error=error("no", "IncorrectKeyMaterialException")))
                ],
            },
            ("reimport", "mismatch", A),
        ),
    ],
    ids=["read", "planned", "planned by import", "by import", "new material", "other bytes"],
)
def test_proof(other: dict[str, Any], proof: tuple[Any, ...]) -> None:
    assert tuple(the_key(**other)["proof"].values()) == proof


def test_no_proof() -> None:
    assert the_key(preflight=result(entry(proof=None)))["proof"] is None


@pytest.mark.parametrize(
    ("other", "canary"),
    [
        ({"canary": False, "taken": {}}, None),
        (
            {"taken": canaries("taken"), "proved": canaries("passed")},
            ("encrypt", "answered", "answered, same result", "passed", None),
        ),
        (
            {"taken": canaries("taken"), "proved": canaries("failed", note="other")},
            ("encrypt", "answered", "not the same result", "failed", "other"),
        ),
        (
            {"taken": canaries("skipped", note="the key is Disabled")},
            ("none", None, None, "skipped", "the key is Disabled"),
        ),
        (
            {"taken": canaries("taken"), "attempts": [result(DOWN)]},
            ("encrypt", "answered", "not tried", "failed", "the key holds no material"),
        ),
        (
            {"taken": canaries("taken"), "attempts": [result(entry(error=error()))]},
            ("encrypt", "answered", "not tried", "skipped", "the change failed"),
        ),
        ({"check_mode": True, "attempts": []}, ("encrypt", None, None, "planned", None)),
        (
            {"check_mode": True, "attempts": [], "preflight": result(entry(), before=[shown("Disabled")])},
            ("none", None, None, "skipped", "the key is Disabled"),
        ),
    ],
)
def test_canary(other: dict[str, Any], canary: tuple[Any, ...] | None) -> None:
    found = the_key(**{"attempts": [DONE], **other})["canary"]

    names = ("kind", "before", "after", "verdict", "note")
    assert (tuple(found[name] for name in names) if found else None) == canary


def test_the_message_and_the_command_stand_apart() -> None:
    assert the_key(attempts=[result(DOWN)])["error"] == {"code": DENIED, "message": "it failed", "heal_command": "heal"}


def test_what_was_done_earlier_is_said_with_its_request_ids() -> None:
    written = RotationState(facts("one", "two", attempts=[DONE])).journal(False, START + 20)

    whole = made("one", "two", journal=written, verified=result(entry(operations=())))

    key = whole["keys"][0]
    assert (key["outcome"], key["operations"]) == ("unchanged", [])
    (told,) = key["warnings"]
    assert told.startswith("Done in an earlier run of this rotation, 2030-03-17T17:46:53.500Z (ImportKeyMaterial")
    assert "DeleteImportedKeyMaterial DeleteImportedKeyMaterial-2, ImportKeyMaterial ImportKeyMaterial-3" in told
    assert whole["run"]["id"] == "run-1"


def test_a_rescue_is_told() -> None:
    key = the_key(attempts=[result(DOWN), result(entry(operations=PAIR[2:]))])

    assert key["outcome"] == "changed"
    assert key["warnings"] == ["A first try failed, and a second one was made: it failed"]


def test_what_reading_cannot_prove_is_told() -> None:
    seen = result(entry(operations=("ImportKeyMaterial",), proof="reimport"))

    key = the_key(attempts=[DONE], verified=seen)

    assert key["outcome"] == "changed"
    assert "KMS compared the bytes" in key["warnings"][0]


def test_nothing_but_what_is_named_gets_into_a_report() -> None:
    secret = {"key_material": "CANARY", "import_token": "CANARY", "canary": {"challenge": "CANARY"}}
    state = facts(attempts=[result({**entry(calls=calls(*PAIR)), **secret})], looks=[{**look(), **secret}])
    state["taken"] = {"indices": [0], "canaries": [{"kind": "encrypt", "verdict": "taken", **secret}]}
    state["proved"] = {"indices": [0], "canaries": [{"kind": "encrypt", "verdict": "passed", **secret}]}
    state["verified"] = result(entry(), before=[{**shown(), **secret}])

    assert "CANARY" not in json.dumps(report(state, "1", "here"))
    assert "CANARY" not in json.dumps(RotationState(state).journal(True, START))


def test_the_arn_of_the_first_key_tells_region_and_account() -> None:
    assert arn("x").split(":")[3:5] == [made()["run"]["region"], made()["run"]["account"]]


# -- keys in several Regions -------------------------------------------------------------------------------------------

BOTH = result(in_regions(entry(), entry()), before=[by_region(shown(), shown())])


def test_calls_stand_there_as_they_were_sent_with_region_and_purpose() -> None:
    west = calls("ImportKeyMaterial", at=11) + calls("DeleteImportedKeyMaterial", "ImportKeyMaterial", at=30)
    home = calls("ImportKeyMaterial", at=10) + calls("DeleteImportedKeyMaterial", "ImportKeyMaterial", at=20, took=0.25)
    attempt = result(in_regions(entry(calls=home), entry(calls=west)))

    key = the_key(preflight=BOTH, attempts=[attempt])

    assert [(one["region"], one["purpose"]) for one in key["operations"]] == [
        ("eu-central-1", "prove"),
        ("eu-west-1", "prove"),
        ("eu-central-1", "delete"),
        ("eu-central-1", "restore"),
        ("eu-west-1", "delete"),
        ("eu-west-1", "restore"),
    ]
    assert [one["unavailable_seconds"] for one in key["regions"]] == [1.25, 1.5]
    assert (key["unavailable_seconds"], key["unavailable_from_epoch"]) == (1.5, START + 30)


def test_a_plan_has_the_order_of_a_run() -> None:
    home, west = entry(operations=ROTATION), entry(operations=ROTATION[:1], purposes=["stage"])

    key = the_key(preflight=result(in_regions(home, west)), check_mode=True, strategy="on_demand")

    assert [(one["region"], one["purpose"]) for one in key["operations"]] == [
        ("eu-central-1", "stage"),
        ("eu-west-1", "stage"),
        ("eu-central-1", "rotate"),
    ]


def test_every_region_is_told_and_one_that_is_down_is_the_longest_interruption() -> None:
    home = entry(calls=calls(*PAIR))
    west = entry(key_state="PendingImport", calls=calls(*PAIR[:2], at=30), error=error(heal="h"), operations=PAIR[:2])
    seen = by_region(shown(valid_to="2031-01-01T00:00:00+00:00"), shown("PendingImport"))
    checked = result(in_regions(entry(operations=()), entry(operations=())), before=[seen])

    key = the_key(preflight=BOTH, attempts=[result(in_regions(home, west, error=error("west")))], verified=checked)

    assert (key["outcome"], key["unavailable_seconds"], key["unavailable_from_epoch"]) == ("failed", None, START + 31)
    assert [
        (one["region"], one["key_state_before"], one["key_state_after"], one["valid_to"], one["error"])
        for one in key["regions"]
    ] == [
        ("eu-central-1", "Enabled", "Enabled", "2031-01-01T00:00:00Z", None),
        ("eu-west-1", "Enabled", "PendingImport", None, "it failed"),
    ]


def test_a_key_in_one_region_has_no_list_of_regions() -> None:
    key = the_key(attempts=[DONE])

    assert key["regions"] == [] and {one["region"] for one in key["operations"]} == {"eu-central-1"}


# -- a key in the place of another -------------------------------------------------------------------------------------

SWAPPING = ("create", "link", "import", "move")
SWAP = ("CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias")
NEW = {"new_key_id": "new", "new_key_arn": arn("new"), "new_key_state": "Enabled", "aliases": ["alias/one"]}


def replaced(check_mode: bool = False, **other: Any) -> dict[str, Any]:
    """The key in the report of a run that has replaced it."""
    canary = {"kind": "mac", "verdict": "passed", "note": None}
    made = {"operations": SWAP, "calls": calls(*SWAP), "purposes": SWAPPING}
    if check_mode:
        del made["calls"]
    done = entry(**made, canary=canary, **{**NEW, "rolled_back": False, **other})
    after = [shown("Disabled", new_key={"key_id": "new", "aliases": ["alias/one"], **shown(current=B)})]
    seen = result(entry(operations=(), key_state="Disabled"), before=after)
    state = {"preflight": result(done, after=after)} if check_mode else {"attempts": [result(done)], "verified": seen}
    if not check_mode:
        state["preflight"] = result(entry(operations=SWAP))
    return the_key(strategy="alias", check_mode=check_mode, **state)


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_new_key_is_what_is_there_afterwards(check_mode: bool) -> None:
    key = replaced(check_mode)

    assert (key["key_id"], key["before"]["key_state"]) == ("one", "Enabled")
    assert (key["after"]["key_id"], key["after"]["current_key_material_id"]) == ("new", B)
    assert [one["purpose"] for one in key["operations"]] == ["create", "link", "import", "move"]
    assert (key["state"], key["unavailable_seconds"]) == ("alias", 0.02 if check_mode else 0.0)
    assert key["canary"]["verdict"] == ("planned" if check_mode else "passed")


def test_what_became_of_the_old_key() -> None:
    assert replaced()["replacement"] == {
        "new_key_id": "new",
        "new_key_arn": arn("new"),
        "aliases": ["alias/one"],
        "rolled_back": False,
        "old_key_state": "Disabled",
    }
    assert replaced(rolled_back=True, aliases=[])["replacement"]["rolled_back"] is True


def test_other_strategies_replace_no_key() -> None:
    assert the_key(attempts=[DONE], verified=WELL)["replacement"] is None
    refusal = result(entry(operations=(), changed=False, error=error("no", "RefusedByPlan")))
    assert the_key(strategy="alias", preflight=refusal)["replacement"] is None
