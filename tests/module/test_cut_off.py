# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key that was cut off stays cut off, also when another run is about to import its material."""

from __future__ import annotations

from typing import Any
from typing import Callable

import pytest
from lab import Lab
from materials import b64
from materials import import_elsewhere
from materials import material
from module_process import run_process

SPECS = ("SYMMETRIC_DEFAULT", "HMAC_256")
TAG = "byok:cut-off"
CUT_OFF = {"state": "absent", "all_materials": True}
IMPORT, DELETE = "ImportKeyMaterial", "DeleteImportedKeyMaterial"


def given(spec: str) -> dict[str, str]:
    return {"key_material": b64(material(spec))}


def cut_off(lab: Lab, key_id: str) -> dict[str, Any]:
    """Another run, in a process of its own."""
    return run_process("kms_imported_material", lab.emulator.url, key_id=key_id, **CUT_OFF).result


def before_call(monkeypatch: pytest.MonkeyPatch, operation: str, number: int, do: Callable[[], Any]) -> None:
    """Have something else happen before the call of that number goes out."""
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import connection

    attempt, seen = connection.Connection.attempt, []

    def attempt_after(self: Any, name: str, **parameters: Any) -> Any:
        seen.append(name)
        if name == operation and seen.count(name) == number:
            do()
        return attempt(self, name, **parameters)

    monkeypatch.setattr(connection.Connection, "attempt", attempt_after)


def mark_of_the_cut(lab: Lab) -> int:
    """Where in the list of calls the key was marked."""
    operations = [(call["operation"], call["outcome"]) for call in lab.emulator.calls()]
    return operations.index(("TagResource", "Success"))


def assert_cut_off(lab: Lab, key_id: str) -> None:
    assert lab.state(key_id) == "PendingImport"
    assert TAG in lab.tags(key_id)


@pytest.mark.parametrize("spec", SPECS)
def test_a_key_is_cut_off_once_and_marked(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec)
    before = lab.mark()

    predicted = lab.run(check_mode=True, diff=True, key_id=key_id, **CUT_OFF)
    assert lab.changing_calls(before) == []
    result = lab.run(diff=True, key_id=key_id, **CUT_OFF)

    assert result["operations"] == predicted["operations"] == [DELETE, "TagResource"]
    assert result["changed"] is predicted["changed"] is True
    assert predicted["diff"] == result["diff"]
    assert_cut_off(lab, key_id)
    assert result["cut_off"] == lab.tags(key_id)[TAG]
    # The mark stays as it was made first; the deletion is sent to be sure.
    again = lab.run(key_id=key_id, **CUT_OFF)
    assert (again["changed"], again["operations"], again["skip_reason"]) == (False, [DELETE], "PendingImport")
    assert again["cut_off"] == result["cut_off"] == lab.tags(key_id)[TAG]


@pytest.mark.parametrize(
    ("spec", "state"),
    [*((spec, state) for spec in SPECS for state in ("present", "reimported")), ("SYMMETRIC_DEFAULT", "current")],
)
def test_nothing_is_imported_before_that_is_lifted(lab: Lab, spec: str, state: str) -> None:
    key_id = lab.own_key(spec)
    cut_off(lab, key_id)
    before = lab.mark()

    for check_mode in (True, False):
        refused = lab.run(check_mode=check_mode, key_id=key_id, state=state, force=True, **given(spec))
        assert refused["failed"] and refused["error"]["code"] == "RefusedByPlan"
        assert "lift_cut_off" in refused["msg"] and lab.tags(key_id)[TAG] in refused["msg"]
    assert lab.changing_calls(before) == []

    lifted = lab.run(key_id=key_id, state=state, lift_cut_off=True, **given(spec))

    assert lifted["operations"] == [IMPORT, "UntagResource"]
    assert (lab.state(key_id), lab.tags(key_id)) == ("Enabled", {})


def test_an_enabled_key_with_the_mark_is_not_renewed(lab: Lab) -> None:
    """Another tool brought it back, or the run that lifted died before the tag was gone."""
    key_id = lab.own_key()
    cut_off(lab, key_id)
    import_elsewhere(lab.kms, key_id, "SYMMETRIC_DEFAULT", material("SYMMETRIC_DEFAULT"))

    assert lab.run(key_id=key_id, valid_for="30d", **given("SYMMETRIC_DEFAULT"))["failed"]
    lifted = lab.run(key_id=key_id, lift_cut_off=True, **given("SYMMETRIC_DEFAULT"))

    assert lifted["operations"] == ["UntagResource"]
    assert lab.tags(key_id) == {}


@pytest.mark.parametrize("spec", SPECS)
def test_a_pair_does_not_undo_a_cut_off(lab: Lab, impatient: None, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    """Between the deletion and the import of the pair the key looks as empty as one that was cut off."""
    key_id = lab.own_key(spec)
    cuts: list[dict[str, Any]] = []
    lab.emulator.faults([{"operation": IMPORT, "nth": 2, "code": "KMSInternalException"}])
    from ansible_collections.byok.aws.plugins.module_utils._kms.material import execute

    monkeypatch.setattr(execute.time, "sleep", lambda _seconds: cuts or cuts.append(cut_off(lab, key_id)))

    result = lab.run(key_id=key_id, state="reimported", **given(spec))

    assert len(cuts) == 1 and not cuts[0].get("failed")
    assert DELETE in cuts[0]["operations"]
    assert result["failed"] and result["error"]["code"] == "CutOff"
    assert result["error"]["heal_command"] is None
    assert TAG in result["msg"] and "PendingImport" in result["msg"]
    assert_cut_off(lab, key_id)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("options", "operation", "number"),
    [
        ({"valid_for": "30d"}, "GetParametersForImport", 1),
        ({"state": "reimported"}, "GetParametersForImport", 1),
        ({"state": "reimported"}, DELETE, 1),
    ],
    ids=["renewal", "proof", "pair that waited"],
)
def test_what_was_planned_before_a_cut_off_is_not_done_after_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, spec: str, options: dict[str, Any], operation: str, number: int
) -> None:
    key_id = lab.own_key(spec)
    if operation == DELETE:
        from ansible_collections.byok.aws.plugins.module_utils._kms.material import run as material_run

        prepare = material_run.KeyRun.prepare
        monkeypatch.setattr(material_run.KeyRun, "prepare", lambda key_run: (prepare(key_run), cut_off(lab, key_id)))
    else:
        before_call(monkeypatch, operation, number, lambda: cut_off(lab, key_id))

    result = lab.run(key_id=key_id, **options, **given(spec))

    assert result["failed"]
    assert result["error"]["code"] == "ChangedMeanwhile"
    assert "PendingImport" in result["msg"]
    assert_cut_off(lab, key_id)
    # Not even for the time of a call was it there again.
    assert IMPORT not in lab.changing_calls(mark_of_the_cut(lab))


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("options", "number"),
    [({"valid_for": "30d"}, 1), ({"state": "reimported"}, 1), ({"state": "reimported"}, 2)],
    ids=["renewal", "proof", "restoration"],
)
def test_an_import_that_overtakes_a_cut_off_is_taken_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, spec: str, options: dict[str, Any], number: int
) -> None:
    key_id = lab.own_key(spec)
    before_call(monkeypatch, IMPORT, number, lambda: cut_off(lab, key_id))

    result = lab.run(key_id=key_id, **options, **given(spec))

    assert result["failed"] and result["error"]["code"] in ("CutOff", "ChangedMeanwhile")
    assert_cut_off(lab, key_id)
    if result["error"]["code"] == "CutOff":
        assert result["operations"][-1] == DELETE


def test_new_material_that_overtakes_a_cut_off_is_taken_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id = lab.own_key()
    before_call(monkeypatch, IMPORT, 1, lambda: cut_off(lab, key_id))

    result = lab.run(key_id=key_id, state="current", key_material=b64(material("SYMMETRIC_DEFAULT", "b")))

    assert result["failed"]
    assert_cut_off(lab, key_id)
    assert all(one["ImportState"] == "PENDING_IMPORT" for one in lab.materials(key_id))


def test_a_key_that_comes_back_during_a_cut_off_is_cut_off_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tool knows no marks; the cut-off looks after it has marked."""
    key_id = lab.own_key("HMAC_256")
    content = material("HMAC_256")
    before_call(monkeypatch, "TagResource", 1, lambda: import_elsewhere(lab.kms, key_id, "HMAC_256", content))

    result = lab.run(key_id=key_id, **CUT_OFF)

    assert not result.get("failed"), result["msg"]
    assert result["operations"].count(DELETE) == 2
    assert_cut_off(lab, key_id)


@pytest.mark.parametrize("spec", SPECS)
def test_a_loss_that_is_not_our_own_stops_a_renewal(lab: Lab, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    """Somebody deletes the material, or disables the key, with another tool and without a mark."""
    for undo, state in ((lab.kms.delete_imported_key_material, "PendingImport"), (lab.kms.disable_key, "Disabled")):
        key_id = lab.own_key(spec)
        with monkeypatch.context() as patched:
            before_call(patched, "GetParametersForImport", 1, lambda undo=undo, key_id=key_id: undo(KeyId=key_id))
            result = lab.run(key_id=key_id, valid_for="30d", **given(spec))
        assert result["failed"] and result["error"]["code"] == "ChangedMeanwhile"
        assert state in result["msg"] and result["changed"] is False
        assert lab.state(key_id) == state


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSInternalException"])
def test_a_cut_off_needs_no_list(lab: Lab, impatient: None, code: str) -> None:
    key_id = lab.own_key()
    lab.emulator.faults([{"operation": "ListKeyRotations", "every": 1, "code": code}])
    before = lab.mark()

    result = lab.run(key_id=key_id, **CUT_OFF)

    calls = lab.calls(before)
    assert calls[: calls.index(DELETE)].count("ListKeyRotations") == 1
    assert not result.get("failed"), result["msg"]
    assert any("ListKeyRotations" in str(one) for one in result["warnings"])
    lab.emulator.faults([])
    assert_cut_off(lab, key_id)


def test_what_could_not_be_listed_at_first_is_deleted_later(lab: Lab, impatient: None) -> None:
    key_id = lab.own_key()
    content = material("SYMMETRIC_DEFAULT", "b")
    import_elsewhere(lab.kms, key_id, "SYMMETRIC_DEFAULT", content, ImportType="NEW_KEY_MATERIAL")
    lab.emulator.faults([{"operation": "ListKeyRotations", "nth": 1, "code": "KMSInternalException"}])

    result = lab.run(key_id=key_id, **CUT_OFF)

    assert not result.get("failed"), result["msg"]
    assert [one["ImportState"] for one in lab.materials(key_id)] == ["PENDING_IMPORT"]
    assert_cut_off(lab, key_id)


def test_without_the_right_to_tag_the_key_is_cut_off_all_the_same(lab: Lab, impatient: None) -> None:
    key_id = lab.own_key()
    denied = {"every": 1, "code": "AccessDeniedException"}
    lab.emulator.faults([{"operation": name, **denied} for name in ("TagResource", "ListResourceTags")])

    result = lab.run(key_id=key_id, **CUT_OFF)

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == [DELETE]
    assert any("may import its material again" in str(one) for one in result["warnings"])
    assert lab.state(key_id) == "PendingImport"


def test_who_may_not_read_tags_imports_with_a_warning(lab: Lab) -> None:
    key_id = lab.own_key()
    lab.emulator.faults([{"operation": "ListResourceTags", "every": 1, "code": "AccessDeniedException"}])

    result = lab.run(key_id=key_id, valid_for="30d", **given("SYMMETRIC_DEFAULT"))

    assert not result.get("failed"), result["msg"]
    assert any("ListResourceTags" in str(one) for one in result["warnings"])


def test_the_options_exclude_each_other(lab: Lab) -> None:
    before = lab.mark()
    refused = lab.run(key_id="alias/x", lift_cut_off=True, **CUT_OFF)
    assert refused["failed"] and "lift_cut_off" in refused["msg"]
    assert lab.calls(before) == []


def test_a_role_that_may_not_take_back_says_that_the_key_is_open(
    lab: Lab, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role that imports has no right to take back what it imported."""
    key_id = lab.own_key()

    def overtaken() -> None:
        cut_off(lab, key_id)
        lab.emulator.faults([{"operation": DELETE, "every": 1, "code": "AccessDeniedException"}])

    before_call(monkeypatch, IMPORT, 1, overtaken)
    result = lab.run(key_id=key_id, valid_for="30d", wait_timeout=1, **given("SYMMETRIC_DEFAULT"))

    assert result["failed"] and result["error"]["code"] == "CutOff"
    assert (
        "was cut off on purpose" in result["msg"] and "could not be deleted: cut the key off once more" in result["msg"]
    )
    assert "lack kms:DeleteImportedKeyMaterial" in result["msg"] and "to heal it" not in result["msg"]
    assert (lab.state(key_id), result["key_state"]) == ("Enabled", "Enabled")
