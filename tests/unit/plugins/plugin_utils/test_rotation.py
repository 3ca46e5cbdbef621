# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a rotation: what is refused, skipped, rescued and written down, from the results of tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import JOURNAL_LIFETIME
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import RotationState
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import DENIED
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
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import result
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import shown

DONE = result(entry(calls=calls(*PAIR)))
RSA = "RSA_2048"


def key_rotations(given: dict[str, Any]) -> list[Any]:
    return list(RotationState(given).keys)


def journal(given: dict[str, Any], finished: bool, now: float) -> dict[str, Any]:
    return RotationState(given).journal(finished, now)


def imported_again(state: RotationState) -> list[int]:
    """The keys of the latest batch that are imported again."""
    return state.to_rescue(state.facts["attempts"][-1]["indices"])


def left_out(state: RotationState) -> list[int]:
    return [one.index for one in state.keys if one.done_earlier and not one.to_do]


def refusing(message: str, **other: Any) -> dict[str, Any]:
    return result(entry(operations=(), changed=False, error=error(message, "RefusedByPlan"), **other))


# -- what is to be done ------------------------------------------------------------------------------------------------


def test_everything_that_is_planned_is_to_be_done() -> None:
    way = RotationState(facts("one", "two", preflight=result(entry("one"), entry("two", operations=(), changed=False))))

    assert (way.to_do, way.refusals, way.continued) == ([0], [], False)
    assert way.arns == [arn("one"), arn("two")]
    assert way.plan_lines == [f"one (SYMMETRIC_DEFAULT): {', '.join(PAIR)}; unusable for about 0.020 s"] + [
        "two (SYMMETRIC_DEFAULT): nothing to do"
    ]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, "not interrupted"), (None, "unusable from then on"), (1.5, "unusable for about 1.500 s")],
)
def test_the_plan_tells_the_outage(seconds: float | None, told: str) -> None:
    (line,) = RotationState(facts(preflight=result(entry(unavailable_seconds=seconds)))).plan_lines

    assert line.endswith(told)


@pytest.mark.parametrize(
    ("strategy", "spec", "message", "hint"),
    [
        ("on_demand", RSA, "keeps its one material", "The strategy for new material in an RSA_2048 key is alias"),
        ("reimport", RSA, "is not the one that belongs to the key one", "the strategy for new material is alias"),
        (
            "reimport",
            "SYMMETRIC_DEFAULT",
            "is not the one that belongs to the key one",
            "the strategy for new material is on_demand",
        ),
        ("on_demand", "SYMMETRIC_DEFAULT", "is Disabled", None),
    ],
)
def test_a_refusal_names_the_strategy_that_suits(strategy: str, spec: str, message: str, hint: str | None) -> None:
    refused = refusing(message, key_spec=spec)
    if "not the one" in message:
        refused["kms_keys"][0]["error"]["reason"] = "other_material"

    way = RotationState(facts(strategy=strategy, preflight=refused))

    (told,) = way.refusals
    assert told.startswith(f"one: {message}")
    assert hint in told if hint else told == f"one: {message}."
    assert way.to_do == [] and way.plan_lines == [f"one ({spec}): refused"]


@pytest.mark.parametrize(
    ("said", "refused", "planless"),
    [
        ({"message": "key_id: it is not a key ID", "key_id": "two"}, ["two"], [0]),
        # What is said of the whole call is said once.
        (
            {"message": "keys names the key one twice", "key_id": None, "code": "InvalidInput"},
            ["keys names the key one twice."],
            [],
        ),
        (None, ["the task ended without a result for this key."], []),
    ],
)
def test_a_plan_that_failed_as_a_whole_refuses_the_key_it_names_or_all(
    said: dict[str, Any] | None, refused: list[str], planless: list[int]
) -> None:
    whole = {"indices": [0, 1], "kms_keys": [], "diff": [], "msg": "", "error": said}
    state = facts("one", "two", preflight=whole, looks=[])

    way = RotationState(state)

    assert [told.split(":")[0] for told in way.refusals] == refused
    assert all("key two: key_id" not in told for told in way.refusals)
    assert [track.index for track in key_rotations(state) if track.plan is None] == planless
    assert way.to_do == []


# -- the journal -------------------------------------------------------------------------------------------------------


def broken_off(**other: Any) -> dict[str, Any]:
    """The journal of a run on one and two that did one."""
    return journal(facts("one", "two", attempts=[DONE], **other), finished=False, now=START + 20)


@pytest.mark.parametrize(
    ("change", "skipped"),
    [
        ({}, [0]),
        ({"started": START + JOURNAL_LIFETIME + 30}, []),
        ({"key_inputs": [{"key_id": "one", "valid_for": "30d"}, {"key_id": "two"}]}, []),
        ({"strategy": "on_demand"}, []),
        ({"preflight": result(entry("one"), entry("two"), before=[shown("PendingImport"), shown()])}, []),
        ({"preflight": result(entry("one"), entry("two"), before=[shown(current=B), shown()])}, []),
    ],
    ids=["the same", "too old", "other wishes", "other strategy", "lost since", "rotated since"],
)
def test_the_same_rotation_goes_on_where_it_broke_off(change: dict[str, Any], skipped: list[int]) -> None:
    way = RotationState({**facts("one", "two", **change), "journal": broken_off()})

    assert left_out(way) == skipped
    assert way.to_do == [index for index in (0, 1) if index not in skipped]


def test_the_order_of_the_keys_and_the_form_of_their_names_do_not_matter() -> None:
    turned = facts("two", "one", journal=broken_off())
    turned["preflight"] = result(entry("two"), entry("one"))
    turned["key_inputs"] = [{"key_id": arn("two")}, {"key_id": arn("one")}]

    assert RotationState(turned).to_do == [0]


def test_a_complete_journal_makes_nothing_skipped() -> None:
    complete = journal(facts(attempts=[DONE], verified=result(entry(operations=()))), finished=True, now=START + 20)

    assert complete["state"] == "completed"
    assert RotationState(facts(journal=complete)).to_do == [0]


@pytest.mark.parametrize(
    ("attempts", "status"),
    [([], "left"), ([DONE], "done"), ([result(entry(error=error()))], "failed")],
)
def test_what_is_written_down_of_a_key(attempts: list[dict[str, Any]], status: str) -> None:
    written = journal(facts(attempts=attempts), finished=True, now=START + 20)

    (record,) = written["keys"]
    assert (record["status"], record["key_arn"]) == (status, arn("one"))
    assert written["state"] == ("completed" if status == "done" else "unfinished")


def test_a_journal_keeps_what_an_earlier_run_did_and_its_id() -> None:
    first = broken_off()
    second = facts("one", "two", journal=first)
    second["run"] = {**second["run"], "id": "run-2"}
    second["attempts"] = [{**result(entry("two", calls=calls(*PAIR))), "indices": [1]}]

    written = journal(second, finished=True, now=START + 40)

    assert written["keys"][0] == first["keys"][0]
    assert [record["status"] for record in written["keys"]] == ["done", "done"]
    assert (written["id"], written["state"]) == ("run-1", "completed")


def test_on_demand_never_skips_what_the_plan_would_change() -> None:
    state = facts(strategy="on_demand", attempts=[DONE])
    written = journal(state, finished=False, now=START + 20)

    assert RotationState(facts(strategy="on_demand", journal=written)).to_do == [0]


def test_what_is_written_down_is_json() -> None:
    assert json.loads(json.dumps(broken_off())) == broken_off()


# -- names that stand for keys -----------------------------------------------------------------------------------------

PAYMENTS = "alias/payments"


def named(**other: Any) -> dict[str, Any]:
    """The facts of a run on the key one, under an alias, and on two."""
    return facts("one", "two", **{"key_inputs": [{"key_id": PAYMENTS}, {"key_id": "two"}], **other})


def test_from_the_plan_on_every_call_is_given_the_key_that_the_first_look_has_found() -> None:
    way = RotationState(named(preflight=result(entry("one"), entry("two", operations=(), changed=False))))

    assert (way.pins, way.names) == ([arn("one"), arn("two")], [PAYMENTS, "two"])
    assert way.plan_lines[0].startswith(f"{PAYMENTS} (SYMMETRIC_DEFAULT): ")


@pytest.mark.parametrize("planned", [None, "no such key"])
def test_an_alias_that_the_first_look_could_not_resolve_is_refused(planned: str | None) -> None:
    """Also where the plan has found a key."""
    state = named(looks=[{"key_arn": None, "note": "denied"}, look("two")])
    if planned:
        state["preflight"]["kms_keys"][0] = {"key_id": PAYMENTS, "error": error(planned)}

    way = RotationState(state)

    (told,) = way.refusals
    assert told.startswith(f"{PAYMENTS}: {planned or f'{PAYMENTS} could not be resolved before the plan (denied)'}")
    assert way.to_do == [1]


MOVED = {"preflight": result(entry("three"), entry("two")), "looks": [look("three"), look("two")]}


@pytest.mark.parametrize(
    ("change", "refused", "noted"),
    [
        (MOVED, True, False),
        ({**MOVED, "strategy": "on_demand"}, False, True),
        ({**MOVED, "key_inputs": [{"key_id": PAYMENTS, "valid_for": "30d"}, {"key_id": "two"}]}, False, True),
        ({**MOVED, "key_inputs": [{"key_id": "three"}, {"key_id": "two"}]}, False, False),
        ({**MOVED, "key_inputs": [{"key_id": arn("three")}, {"key_id": "two"}]}, False, False),
        ({**MOVED, "started": START + JOURNAL_LIFETIME + 30}, False, False),
        ({}, False, False),
    ],
    ids=["the same run", "other strategy", "other wishes", "by key ID", "by ARN", "too old", "not moved"],
)
def test_an_alias_that_moved_since_a_run_broke_off_takes_no_other_key_along(
    change: dict[str, Any], refused: bool, noted: bool
) -> None:
    broken = journal(named(attempts=[DONE]), finished=False, now=START + 20)

    way = RotationState({**named(**change), "journal": broken})

    said = f"{PAYMENTS} leads to the key {arn('three')} now; in the rotation of 2030-03-17T17:47:00.000Z"
    assert [said in told and "name that key by its ARN" in told for told in way.refusals] == [True] * refused
    assert (0 in way.to_do) is not (refused or not change)
    assert (said in way.plan_lines[0]) is noted


def test_by_its_arn_the_key_is_gone_on_with() -> None:
    broken = journal(named(attempts=[DONE]), finished=False, now=START + 20)

    way = RotationState(
        {**facts("one", "two", key_inputs=[{"key_id": arn("one")}, {"key_id": "two"}]), "journal": broken}
    )

    assert (way.continued, left_out(way), way.to_do) == (True, [0], [1])


def test_a_journal_that_is_complete_binds_no_name() -> None:
    done = [result(entry("one"), entry("two"))]
    complete = journal(named(attempts=done, preflight=result(entry("one"), entry("two"))), True, START + 20)

    way = RotationState({**named(**MOVED), "journal": complete})

    assert (complete["state"], way.refusals, way.to_do) == ("completed", [], [0, 1])


@pytest.mark.parametrize("strategy", ["reimport", "alias"])
@pytest.mark.parametrize("where", ["attempts", "verified"])
def test_an_attempt_at_another_key_than_the_one_planned_fails(strategy: str, where: str) -> None:
    other = result(entry("two", calls=calls(*PAIR)))
    state = facts(strategy=strategy, attempts=[other if where == "attempts" else DONE], taken=canaries("taken"))
    state["verified"] = other if where == "verified" else {}

    way = RotationState(state)

    (told,) = way.failures
    assert told.startswith(
        f"one: the key {arn('one')} was planned, and {arn('two')} was worked on (ImportKeyMaterial, "
    )
    assert way.to_prove == [] and way.progress.startswith("0 done, 1 failed")
    (record,) = journal(state, True, START + 20)["keys"]
    assert (record["status"], record["key_arn"]) == ("failed", arn("two" if where == "attempts" else "one"))


def test_what_failed_at_another_key_is_told_with_its_cure() -> None:
    stray = entry("two", operations=PAIR[:2], key_state="PendingImport", error=error("denied", heal="heal two"))

    way = RotationState(facts(attempts=[result(stray)]))

    (told,) = way.failures
    assert "ImportKeyMaterial, DeleteImportedKeyMaterial); denied; THE KEY CANNOT BE USED; to heal it: heal two" in told
    assert way.stopped


def test_an_alias_may_have_left_the_key_that_is_replaced() -> None:
    """The first look shows the key in its place, the plan the old one, and the result either."""
    state = facts(strategy="alias", looks=[look("new")])

    for name in ("one", "new"):
        assert RotationState({**state, "attempts": [result(entry(name))]}).failures == []


# -- batches and rescue ------------------------------------------------------------------------------------------------

DOWN = entry(key_state="PendingImport", operations=PAIR[:2], error=error(heal="heal one"))


@pytest.mark.parametrize(
    ("attempt", "rescued"),
    [
        (DONE, []),
        (result(DOWN), [0]),
        (result(entry(operations=PAIR[:1], error=error())), []),
        (result(entry(operations=PAIR[:1], key_state="PendingImport", error=error(code="Unknown"))), [0]),
        ({"indices": [0], "kms_keys": [], "diff": [], "msg": "killed"}, [0]),
    ],
    ids=["well", "down", "refused before the deletion", "down by other hands", "no result"],
)
def test_what_may_be_without_its_material_is_rescued_and_stops_the_run(
    attempt: dict[str, Any], rescued: list[int]
) -> None:
    way = RotationState(facts(attempts=[attempt]))

    assert (imported_again(way), way.stopped) == (rescued, bool(rescued))


@pytest.mark.parametrize("strategy", ["reimport", "on_demand", "alias"])
def test_what_was_asked_to_end_stops_the_run_and_needs_no_rescue(strategy: str) -> None:
    asked = result(entry(operations=(), error=error("it was not finished", code="Interrupted")))

    way = RotationState(facts("one", "two", strategy=strategy, attempts=[asked]))

    assert (way.stopped, imported_again(way)) == (True, [])


def test_after_a_rescue_the_run_goes_on() -> None:
    way = RotationState(facts("one", "two", attempts=[result(DOWN), result(entry(operations=PAIR[2:]))]))

    assert (way.stopped, imported_again(way), way.progress) == (False, [], "1 done, 0 failed, 1 left")


def test_on_demand_has_nothing_to_rescue() -> None:
    failed = result(entry(operations=ROTATION[:1], error=error()))

    assert imported_again(RotationState(facts(strategy="on_demand", attempts=[failed]))) == []


def test_only_the_latest_batch_is_rescued() -> None:
    second = {**result(entry("two")), "indices": [1]}

    assert imported_again(RotationState(facts("one", "two", attempts=[result(DOWN), second]))) == []


# -- a key in the place of another -------------------------------------------------------------------------------------

SWAP = ("CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias")


def replacing(**other: Any) -> dict[str, Any]:
    return facts(strategy="alias", preflight=result(entry(operations=SWAP)), **other)


def test_a_replacement_takes_nothing_away() -> None:
    """A key that had lost its material before, and whose replacement fails, is no reason to stop the run."""
    failed = result(entry(operations=SWAP[:1], key_state="PendingImport", error=error()))

    found = RotationState(replacing(attempts=[failed]))

    assert (found.stopped, imported_again(found)) == (False, [])
    assert found.failures == ["one: it failed"]


@pytest.mark.parametrize("state", ["PendingImport", "PendingDeletion", "Disabled", "Enabled"])
def test_what_became_of_the_old_key_is_not_judged_by_its_state(state: str) -> None:
    done = replacing(attempts=[result(entry(operations=SWAP))])
    done["preflight"]["diff"] = [{"before": shown("Disabled"), "after": shown()}]

    for left, told in (((), 0), (("UpdateAlias",), 1)):
        done["verified"] = result(entry(operations=left), before=[shown(state)])
        assert len(RotationState(done).failures) == told


def test_a_replacement_that_is_not_finished_is_never_skipped() -> None:
    written = journal(replacing(attempts=[result(entry(operations=SWAP))]), False, START + 30)
    assert written["keys"][0]["status"] == "done"

    assert RotationState(replacing(journal=written)).to_do == [0]
    done = facts(strategy="alias", preflight=result(entry(operations=())), journal=written)
    assert RotationState(done).to_do == []


# -- the end -----------------------------------------------------------------------------------------------------------


def test_a_key_that_is_down_is_told_with_the_command_that_heals_it() -> None:
    (told,) = RotationState(facts(attempts=[result(DOWN)])).failures

    assert told == "one: it failed; THE KEY CANNOT BE USED; to heal it: heal one"


@pytest.mark.parametrize(
    ("verified", "told"),
    [
        (result(entry(operations=())), None),
        (result(entry(operations=("ImportKeyMaterial",), proof="reimport")), None),
        (result(entry(operations=("ImportKeyMaterial",))), "still something to do for the key one: ImportKeyMaterial"),
        (result(entry(operations=()), before=[shown("PendingImport")]), "is PendingImport: not all of its materials"),
        (result(entry(error=error("no entry"))), "the look at the key one failed: no entry"),
        ({"indices": [0], "kms_keys": [], "diff": [], "msg": "crashed"}, "the look at the key one failed: crashed"),
    ],
    ids=["well", "cannot be proved by reading", "something left", "down", "unreadable", "no result"],
)
def test_the_look_afterwards_decides(verified: dict[str, Any], told: str | None) -> None:
    failures = RotationState(facts(attempts=[DONE], verified=verified)).failures

    assert len(failures) == (1 if told else 0)
    assert not told or told in failures[0]


def test_a_key_that_was_disabled_has_to_be_disabled() -> None:
    state = facts(attempts=[DONE], preflight=result(entry(), before=[shown("Disabled")]))
    state["verified"] = result(entry(operations=()), before=[shown("Enabled")])

    assert "was Disabled before the change and is Enabled now" in RotationState(state).failures[0]


@pytest.mark.parametrize(("verdict", "failed"), [("passed", 0), ("skipped", 0), ("failed", 1)])
def test_a_canary_that_fails_is_a_failure(verdict: str, failed: int) -> None:
    state = facts(attempts=[DONE], taken=canaries("taken"), proved=canaries(verdict, note="other result"))

    assert len(RotationState(state).failures) == failed


def test_canaries_are_proved_where_the_change_was_made() -> None:
    state = facts("one", "two", "three", taken=canaries("taken", "taken", "skipped"))
    state["attempts"] = [result(entry("one"), entry("two", error=error(code=DENIED)), entry("three"))]

    assert RotationState(state).to_prove == [{"index": 0, "key": {"key_id": arn("one"), "canary": {"kind": "encrypt"}}}]


def test_after_a_rotation_the_new_material_is_expected() -> None:
    state = facts(strategy="on_demand", taken=canaries("taken"), attempts=[result(entry(current_key_material_id=B))])

    assert RotationState(state).to_prove[0]["key"]["expected_key_material_id"] == B


def test_what_was_not_got_to_is_not_verified() -> None:
    state = facts("one", "two", "three", attempts=[result(DOWN)])
    state["preflight"] = result(entry("one"), entry("two"), entry("three", operations=(), changed=False))

    assert RotationState(state).to_verify == [0, 2]


def test_a_warning_goes_to_the_key_of_its_entry() -> None:
    state = facts("one", "two")
    state["attempts"] = [result(entry("one", warnings=["it was disabled"]), entry("two"))]

    one, two = key_rotations(state)

    assert [one.attempts[0].warnings, two.attempts[0].warnings] == [("it was disabled",), ()]


@pytest.mark.parametrize(
    ("check_mode", "told"),
    [(True, "1 keys: 1 would be changed, 0 unchanged"), (False, "1 keys: 1 changed, 0 unchanged")],
)
def test_the_outcome_in_a_line(check_mode: bool, told: str) -> None:
    assert RotationState(facts(check_mode=check_mode, attempts=[] if check_mode else [DONE])).outcome == told


# -- what was noted while a batch was changed --------------------------------------------------------------------------


def noted(name: str, **other: Any) -> str:
    record = {
        "key_id": name,
        "key_arn": arn(name),
        "key_state": "Enabled",
        "current_key_material_id": A,
        "operations": PAIR,
        "request_ids": ["1", "2", "3"],
        "error": None,
        "finished": START + 5,
    }
    return json.dumps({**record, **other})


@pytest.mark.parametrize(
    ("tail", "to_do"),
    [
        ("", [0, 1]),
        (noted("one"), [1]),
        (noted("one") + "\n" + noted("two"), []),
        (noted("one", error={"code": "X", "message": "no"}), [0, 1]),
        (noted("one", key_state="PendingImport"), [0, 1]),
        (noted("one")[:-20], [0, 1]),
        ("null\n[]\n" + noted("one"), [1]),
        # As a full disk leaves it: half a line, ended before the next.
        (noted("two")[:-20] + "\n" + noted("one"), [1]),
        (noted("one", finished=float("inf")), [0, 1]),
        ("[" * 100_000 + "\n" + noted("one"), [1]),
        (noted("stranger"), [0, 1]),
    ],
)
def test_a_killed_batch_is_known_from_what_the_module_noted(tail: str, to_do: list[int]) -> None:
    given = facts("one", "two", preflight=result(entry("one"), entry("two")))
    given["journal"] = journal(given, False, START)
    given["journal_tail"] = tail
    given["run"] = {**given["run"], "started": START + 10}

    assert RotationState(given).to_do == to_do
    left = [record["status"] for record in journal(given, False, START + 11)["keys"]]
    assert left.count("done") == 2 - len(to_do)


def test_the_progress_tells_the_time_that_the_quotas_take() -> None:
    names = [f"k{number}" for number in range(30)]
    given = facts(*names, preflight=result(*(entry(name) for name in names)))

    assert RotationState(given).progress == "0 done, 0 failed, 30 left, about 32 s by the quotas of KMS"
    given["run"] = {**given["run"], "stage": "change"}
    assert RotationState(given).progress == "0 done, 0 failed, 30 left, about 4 s by the quotas of KMS"
    # Before ansible-core 2.19 a template gives text.
    for rate in (30, "30"):
        given["run"] = {**given["run"], "stage": "", "request_rates": {"GetParametersForImport": rate}}
        assert RotationState(given).progress == "0 done, 0 failed, 30 left, about 4 s by the quotas of KMS"


def test_rates_that_are_none_are_refused_with_the_plan_and_break_nothing_here() -> None:
    refused = result(entry(operations=(), error=error("request_rates: ImportKeyMaterial needs a number")))
    given = facts(preflight=refused)
    given["run"] = {**given["run"], "request_rates": {"ImportKeyMaterial": 0}}

    assert "needs a number" in RotationState(given).refusals[0]


# -- keys in several Regions -------------------------------------------------------------------------------------------

EVERYWHERE = result(in_regions(entry(), entry()), before=[by_region(shown(), shown())])
WEST_DOWN = in_regions(
    entry(), entry(key_state="PendingImport", operations=PAIR[:2], error=error(heal="x")), error=error("west", heal="y")
)


def in_two(**other: Any) -> dict[str, Any]:
    return facts(preflight=EVERYWHERE, **other)


def test_the_plan_names_the_regions() -> None:
    (line,) = RotationState(in_two()).plan_lines

    assert line.startswith("one (SYMMETRIC_DEFAULT) in eu-central-1, eu-west-1: ImportKeyMaterial, ")


def test_a_replica_without_its_material_is_rescued_and_told() -> None:
    way = RotationState(in_two(attempts=[result(WEST_DOWN)]))

    assert (imported_again(way), way.stopped) == ([0], True)
    assert way.failures == ["one: west; THE KEY CANNOT BE USED in eu-west-1; to heal it: y"]


@pytest.mark.parametrize(
    ("before", "seen", "told"),
    [
        (by_region(shown(), shown()), by_region(shown(), shown()), None),
        (by_region(shown(), shown()), by_region(shown(), shown("PendingImport")), "is PendingImport in eu-west-1: not"),
        (by_region(shown(), shown("Disabled")), by_region(shown(), shown()), "was Disabled in eu-west-1 before"),
    ],
    ids=["well", "down", "enabled"],
)
def test_the_look_afterwards_goes_into_every_region(before: Any, seen: Any, told: str | None) -> None:
    state = facts(preflight=result(in_regions(entry(), entry()), before=[before]))
    state["attempts"] = [result(in_regions(entry(), entry()))]
    state["verified"] = result(in_regions(entry(operations=()), entry(operations=())), before=[seen])

    failures = RotationState(state).failures

    assert len(failures) == (1 if told else 0)
    assert not told or told in failures[0]


@pytest.mark.parametrize(
    ("left", "proof", "fine"),
    [
        (("ImportKeyMaterial",), "reimport", True),
        (("ImportKeyMaterial",), "fingerprint", False),
        (PAIR, "reimport", False),
    ],
)
def test_what_is_left_in_a_region_counts_unless_it_only_proves(left: Any, proof: str, fine: bool) -> None:
    entries = in_regions(entry(operations=()), entry(operations=left, proof=proof), operations=list(left))
    state = in_two(attempts=[EVERYWHERE], verified=result(entries, before=[by_region(shown(), shown())]))

    assert (RotationState(state).failures == []) is fine


@pytest.mark.parametrize(
    ("since", "to_do"),
    [(by_region(shown(), shown()), []), (by_region(shown(), shown("PendingImport")), [0])],
    ids=["the same", "lost in a Region since"],
)
def test_a_journal_keeps_every_region(since: Any, to_do: list[int]) -> None:
    written = journal(in_two(attempts=[EVERYWHERE]), finished=False, now=START + 20)
    again = facts(preflight=result(in_regions(entry(), entry()), before=[since]), journal=written)

    assert written["keys"][0]["regions"] == {"eu-central-1": "Enabled", "eu-west-1": "Enabled"}
    assert RotationState(again).to_do == to_do


def test_a_canary_is_proved_where_it_was_taken() -> None:
    replica = arn("one").replace("eu-central-1", "eu-west-1")
    state = in_two(taken=canaries("taken"), attempts=[EVERYWHERE])
    state["looks"][0]["key_arn"] = replica

    assert RotationState(state).to_prove[0]["key"]["key_id"] == replica
