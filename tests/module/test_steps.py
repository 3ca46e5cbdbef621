# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A result tells its own story: what each call was for, what became of it, and what the report makes of that."""

from __future__ import annotations

from typing import Any

import pytest
from external_lab import ExternalLab
from lab import Lab
from materials import b64
from materials import material
from replacement_lab import ReplacementLab

SYMMETRIC = "SYMMETRIC_DEFAULT"
DENIED = "AccessDeniedException"
DELETE, IMPORT = "DeleteImportedKeyMaterial", "ImportKeyMaterial"


def story(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["purpose"], one["outcome"]) for one in result["steps"]]


def purposes(result: dict[str, Any]) -> list[str]:
    return [one["purpose"] for one in result["steps"]]


@pytest.mark.parametrize(
    ("spec", "disabled", "options", "expected"),
    [
        (SYMMETRIC, False, {"state": "reimported"}, ["prove", "delete", "restore"]),
        ("HMAC_256", False, {"state": "reimported"}, ["prove", "delete", "restore"]),
        ("RSA_2048", True, {"state": "reimported"}, ["remember", "delete", "restore", "disable", "forget"]),
        (SYMMETRIC, False, {"valid_for": "30d"}, ["renew"]),
        (SYMMETRIC, False, {"state": "absent", "all_materials": True}, ["delete", "mark"]),
    ],
)
def test_the_steps_are_the_calls_that_kms_saw(
    lab: Lab, spec: str, disabled: bool, options: dict[str, Any], expected: list[str]
) -> None:
    key_id = lab.own_key(spec)
    if disabled:
        lab.kms.disable_key(KeyId=key_id)
    given = {} if options.get("state") == "absent" else {"key_material": b64(material(spec))}

    predicted = lab.run(key_id=key_id, check_mode=True, **given, **options)
    before = lab.mark()
    result = lab.run(key_id=key_id, **given, **options)

    assert purposes(predicted) == purposes(result) == expected
    changing = [one for one in lab.emulator.calls()[before:] if one["request_id"] in result["request_ids"]]
    assert [(one["operation"], one["request_id"]) for one in result["steps"]] == [
        (one["operation"], one["request_id"]) for one in changing
    ]
    assert [one["operation"] for one in result["steps"]] == result["operations"] == predicted["operations"]
    assert all(one["started"] <= one["finished"] and one["error_code"] is None for one in result["steps"])
    assert {(one["outcome"], one["started"], one["request_id"]) for one in predicted["steps"]} == {
        ("planned", None, None)
    }
    planned = {"request_id": None, "started": None, "finished": None, "outcome": "planned"}
    assert [{**one, **planned} for one in result["steps"]] == predicted["steps"]
    assert result["kms_keys"][0]["steps"] == result["steps"]
    assert result["steps"][-1]["key_state"] == lab.state(key_id)


def test_the_steps_of_a_rotation_name_the_new_material(quick: Lab) -> None:
    key_id = quick.own_key()

    result = quick.run(key_id=key_id, state="current", key_material=b64(material(SYMMETRIC, "b")))

    new = quick.metadata(key_id)["CurrentKeyMaterialId"]
    assert [(one["purpose"], one["key_material_id"]) for one in result["steps"]] == [("stage", new), ("rotate", new)]


def test_material_that_is_missing_is_restored(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.kms.delete_imported_key_material(KeyId=key_id)

    assert story(lab.run(key_id=key_id, key_material=b64(material(SYMMETRIC)))) == [("restore", "succeeded")]


def test_a_failure_shows_what_was_done_what_failed_and_what_was_not_reached(quick: Lab) -> None:
    key_id = quick.own_key()
    quick.kms.disable_key(KeyId=key_id)
    quick.emulator.faults([{"operation": IMPORT, "every": 1, "code": DENIED}])

    result = quick.run(
        key_id=key_id, key_material=b64(material(SYMMETRIC)), state="present", valid_for="30d", wait_timeout=0
    )

    assert result["failed"] and result["operations"] == ["TagResource", "UntagResource"]
    told = [(one["purpose"], one["outcome"], one["error_code"]) for one in result["steps"]]
    assert told == [
        ("remember", "succeeded", None),
        ("renew", "failed", DENIED),
        ("forget", "succeeded", None),
        ("disable", "planned", None),
        ("forget", "planned", None),
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # A look shows that the call was carried out of which no answer came.
        ({"drop_after": True}, [("delete", "succeeded", "ConnectionFailure")]),
        ({"drop_before": True}, [("delete", "lost", "ConnectionFailure"), ("delete", "succeeded", None)]),
        ({"code": "KMSInternalException"}, [("delete", "lost", "KMSInternalException"), ("delete", "succeeded", None)]),
        ({"code": "ThrottlingException"}, [("delete", "failed", "ThrottlingException"), ("delete", "succeeded", None)]),
    ],
)
def test_every_attempt_is_a_step(quick: Lab, rule: dict[str, Any], expected: list[tuple[str, str, str | None]]) -> None:
    key_id = quick.own_key()
    quick.emulator.faults([{"operation": DELETE, "nth": 1, "times": 1, **rule}])

    result = quick.run(key_id=key_id, state="absent")

    assert [(one["purpose"], one["outcome"], one["error_code"]) for one in result["steps"]] == expected
    assert result["operations"] == [DELETE] and quick.state(key_id) == "PendingImport"
    assert result["request_ids"] == [result["steps"][-1]["request_id"] or ""]


def test_a_call_of_which_nothing_is_known_is_lost(quick: Lab) -> None:
    key_id = quick.own_key()
    quick.emulator.faults([{"operation": DELETE, "every": 1, "drop_before": True}])

    result = quick.run(key_id=key_id, state="absent")

    assert result["failed"] and result["operations"] == []
    assert {(one["purpose"], one["outcome"], one["request_id"]) for one in result["steps"]} == {
        ("delete", "lost", None)
    }


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{"operation": DELETE, "nth": 1, "times": 1, "drop_after": True}],
        [{"operation": IMPORT, "nth": 2, "times": 1, "drop_after": True}],
        [{"operation": IMPORT, "nth": 2, "times": 2, "code": "ThrottlingException"}],
        # The key stays down.
        [{"operation": IMPORT, "nth": number, "code": DENIED} for number in range(2, 60)],
    ],
    ids=["plain", "deletion not answered", "import not answered", "throttled", "down"],
)
def test_module_and_report_tell_the_same_outage(quick: Lab, rules: list[dict[str, Any]]) -> None:
    key_id = quick.own_key()
    options = {"key_id": key_id, "state": "reimported", "key_material": b64(material(SYMMETRIC)), "diff": True}
    planned = quick.run(check_mode=True, **options)
    quick.emulator.config(latency_seconds=0.05)
    quick.emulator.faults(rules)

    changed = quick.run(wait_timeout=0 if len(rules) > 1 else 20, **options)

    quick.emulator.faults([])
    seen = quick.run(check_mode=True, **options)
    (key,) = reported(key_id, planned, changed, seen)["keys"]
    assert key["unavailable_seconds"] == changed["unavailable_seconds"]
    if changed.get("failed"):
        assert key["unavailable_seconds"] is None and key["unavailable_from"]
        return
    span = key["unavailable_to_epoch"] - key["unavailable_from_epoch"]
    sent = {one["purpose"]: one for one in changed["steps"]}
    first = next(one for one in changed["steps"] if one["purpose"] == "delete")
    assert span == sent["restore"]["finished"] - first["started"]
    # Two round trips to KMS: no less than what it takes there to answer twice.
    assert key["unavailable_seconds"] == round(span, 3) >= 0.1


def reported(key_id: str, planned: Any, changed: Any, seen: Any) -> dict[str, Any]:
    """The report of a role that ran the module three times."""
    from ansible_collections.byok.aws.plugins.plugin_utils.report import report

    results = [
        {"indices": [0], **{name: one[name] for name in ("kms_keys", "diff")}} for one in (planned, changed, seen)
    ]
    run = {"id": "1", "started": 1.0, "finished": 2.0, "strategy": "reimport", "check_mode": False, "batch_size": 1}
    facts = {
        "run": run,
        "key_inputs": [{"key_id": key_id}],
        "preflight": results[0],
        "attempts": [results[1]],
        "verified": results[2],
    }
    return report(facts, "1.0.0", "here")


def test_warnings_stand_in_the_entry_of_their_key(lab: Lab) -> None:
    plain, disabled = lab.own_key(), lab.own_key()
    lab.kms.disable_key(KeyId=disabled)

    result = lab.run(
        keys=[{"key_id": plain}, {"key_id": disabled}], key_material=b64(material(SYMMETRIC)), state="reimported"
    )

    first, second = result["kms_keys"]
    assert first["warnings"] == [] and len(second["warnings"]) == 1 and disabled in second["warnings"][0]
    assert second["warnings"][0] in str(result["warnings"])


def test_a_warning_about_one_key_is_shown_once(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.kms.disable_key(KeyId=key_id)

    result = lab.run(key_id=key_id, state="reimported", key_material=b64(material(SYMMETRIC)))

    (warning,) = result["kms_keys"][0]["warnings"]
    assert str(result["warnings"]).count(warning) == 1


def test_an_entry_names_the_key_as_it_was_asked_for(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.kms.create_alias(AliasName="alias/asked", TargetKeyId=key_id)

    (one,) = lab.run(keys=[{"key_id": "alias/asked"}], key_material=b64(material(SYMMETRIC)))["kms_keys"]

    assert (one["requested_key_id"], one["key_id"]) == ("alias/asked", key_id)


@pytest.mark.parametrize("many", [False, True])
def test_what_refuses_the_whole_call_names_the_key_apart_from_what_is_wrong(lab: Lab, many: bool) -> None:
    whole = {"key_material": b64(material(SYMMETRIC)), "valid_for": "soon"}
    task = (
        {"keys": [{"key_id": "alias/a", "valid_for": "1d"}, {"key_id": "alias/b"}]} if many else {"key_id": "alias/b"}
    )

    result = lab.run(**task, **whole)

    error = result["error"]
    assert (result["failed"], result["kms_keys"], error["key_id"], error["heal_command"]) == (True, [], "alias/b", None)
    assert error["message"].startswith("valid_for: ") and result["msg"] == f"key alias/b: {error['message']}"


def test_what_went_wrong_is_told_apart_from_what_heals_it(quick: Lab) -> None:
    key_id = quick.own_key()
    rules = [{"operation": IMPORT, "nth": number, "code": DENIED} for number in range(2, 60)]
    quick.emulator.faults(rules)

    result = quick.run(key_id=key_id, state="reimported", key_material=b64(material(SYMMETRIC)), wait_timeout=0)

    error = result["error"]
    assert error["key_id"] == key_id and error["message"].endswith("the key is now PendingImport")
    assert result["msg"] == f"{error['message']}; to heal it: {error['heal_command']}"


@pytest.mark.parametrize("spec", [SYMMETRIC, "RSA_2048"])
def test_the_steps_of_a_replacement(rlab: ReplacementLab, spec: str) -> None:
    rlab.old(spec)

    predicted, result = rlab.done(spec, check_mode=True), rlab.done(spec)

    assert purposes(predicted) == purposes(result) == ["create", "link", "import", "move"]
    assert {one["outcome"] for one in predicted["steps"]} == {"planned"}
    assert [one["request_id"] for one in result["steps"]] == result["request_ids"]
    assert result["steps"][2]["key_material_id"] == result["key_material_id"]
    assert {one["key_state"] for one in result["steps"][2:3]} == {"Enabled"}


def test_a_replacement_that_fails_shows_what_was_not_reached(rlab: ReplacementLab) -> None:
    rlab.old(SYMMETRIC)
    rlab.emulator.faults([{"operation": "UpdateAlias", "every": 1, "code": DENIED}])

    result = rlab.replace(SYMMETRIC, old_key="disable")

    told = [one for one in story(result) if one[0] in ("move", "disable")]
    assert result["failed"] and told == [("move", "failed"), ("disable", "planned")]
    assert result["msg"] == f"{result['error']['message']}; to heal it: {result['error']['heal_command']}"


def test_the_steps_of_a_key(xlab: ExternalLab) -> None:
    options = {"alias": "alias/story", "enabled": True, "description": "told"}
    predicted, result = xlab.done(check_mode=True, **options), xlab.done(**options)

    assert purposes(predicted) == purposes(result) == ["create", "name"]
    assert [one["operation"] for one in result["steps"]] == result["operations"]
    assert [one["request_id"] for one in result["steps"]] == result["request_ids"]
    assert (result["requested_key_id"], result["kms_keys"][0]["warnings"]) == ("alias/story", [])


def test_a_key_that_fails_shows_what_was_not_reached(xlab: ExternalLab) -> None:
    xlab.emulator.faults([{"operation": "CreateAlias", "every": 1, "code": DENIED}])

    result = xlab.run(alias="alias/story", description="told")

    assert story(result) == [("create", "succeeded"), ("name", "failed")]
    assert (result["operations"], result["error"]["key_id"]) == (["CreateKey"], "alias/story")
