# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ctrl-C, kill, a closed terminal, Ctrl-\\: what is in hand is finished, nothing else is begun, results are returned.

So it goes on a disk that is full, too, on which the journal cannot be kept. Whatever ends the process leaves no core.
"""

from __future__ import annotations

import ctypes
import json
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service import process
from crash import Ended
from crash import in_a_process
from crash import signalled
from crash import with_files_up_to
from external_lab import ALIAS
from external_lab import ExternalLab
from lab import Lab
from materials import b64
from materials import material
from module_runner import CONNECTION
from module_runner import run_module
from replacement_lab import ReplacementLab

# prctl(2)
PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4
SYMMETRIC = "SYMMETRIC_DEFAULT"
GOOD = b64(material(SYMMETRIC))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
PAIR = ["ImportKeyMaterial", "DeleteImportedKeyMaterial", "ImportKeyMaterial"]
# The second deletion comes when the signal has long been heard, on however slow a machine.
ONE_AT_A_TIME = {"GetParametersForImport": 1000, "ImportKeyMaterial": 1000, "DeleteImportedKeyMaterial": 0.01}


def result_of(ended: Ended) -> dict[str, Any]:
    assert ended.killed_by is None, f"killed by signal {ended.killed_by}"
    assert ended.result is not None
    assert "Traceback" not in ended.result["_stdout"]
    return ended.result


@pytest.mark.parametrize("number", SIGNALS)
def test_a_pair_that_is_begun_is_finished(lab: Lab, number: signal.Signals) -> None:
    key_id = lab.own_key()

    ended = in_a_process(
        lambda: lab.run(key_id=key_id, key_material=GOOD, state="reimported"),
        signalled(number, "DeleteImportedKeyMaterial"),
    )

    result = result_of(ended)
    assert not result.get("failed"), result["msg"]
    assert result["operations"] == PAIR and result["key_state"] == "Enabled" == lab.state(key_id)


@pytest.mark.parametrize("number", SIGNALS)
def test_of_many_keys_those_in_hand_are_finished_and_no_other_is_begun(lab: Lab, number: signal.Signals) -> None:
    keys = [{"key_id": lab.own_key(), "key_material": GOOD} for _number in range(4)]
    before = lab.mark()

    ended = in_a_process(
        lambda: lab.run(keys=keys, state="reimported", request_rates=ONE_AT_A_TIME),
        signalled(number, "DeleteImportedKeyMaterial"),
    )

    result = result_of(ended)
    errors = [one["error"] for one in result["kms_keys"]]
    assert result["failed"] and [error["code"] for error in errors if error] == ["Interrupted"] * 3
    assert all("was not finished: the run was asked to end" in error["message"] for error in errors if error)
    assert lab.calls(before).count("DeleteImportedKeyMaterial") == 1
    assert {lab.state(key["key_id"]) for key in keys} == {"Enabled"}


@pytest.mark.parametrize("options", [{}, {"regions": ["all"]}], ids=["one Region", "several"])
def test_a_run_that_is_asked_to_end_while_it_reads_changes_nothing(lab: Lab, options: dict[str, Any]) -> None:
    key_id = lab.empty_key(MultiRegion=True)
    before = lab.mark()

    ended = in_a_process(
        lambda: lab.run(key_id=key_id, key_material=GOOD, **options), signalled(signal.SIGHUP, "DescribeKey", "before")
    )

    result = result_of(ended)
    assert result["failed"] and result["error"]["code"] == "Interrupted", result["msg"]
    assert lab.changing_calls(before) == [] and lab.state(key_id) == "PendingImport"


def test_a_hangup_that_nohup_ignores_stays_ignored(lab: Lab) -> None:
    keys = [{"key_id": lab.own_key()} for _number in range(2)]
    arm = signalled(signal.SIGHUP, "DescribeKey", "before")

    def prepare() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        arm()

    result = result_of(in_a_process(lambda: lab.run(keys=keys, state="absent"), prepare))

    assert not result.get("failed"), result["msg"]
    assert {lab.state(key["key_id"]) for key in keys} == {"PendingImport"}


def test_ctrl_z_stops_no_run(lab: Lab) -> None:
    key_id = lab.own_key()

    ended = in_a_process(
        lambda: lab.run(key_id=key_id, key_material=GOOD, state="reimported"),
        signalled(signal.SIGTSTP, "DeleteImportedKeyMaterial"),
    )

    assert not result_of(ended).get("failed") and lab.state(key_id) == "Enabled"


def test_handlers_and_what_was_ignored_are_as_before_afterwards(lab: Lab) -> None:
    numbers = (*SIGNALS, signal.SIGTSTP)
    before = [signal.getsignal(number) for number in numbers]

    lab.run(key_id="alias/nobody", state="absent")

    assert [signal.getsignal(number) for number in numbers] == before


# -- the other modules -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS)
def test_a_key_that_is_made_gets_its_alias(xlab: ExternalLab, number: signal.Signals) -> None:
    ended = in_a_process(lambda: xlab.run(alias=ALIAS, key_spec=SYMMETRIC), signalled(number, "CreateKey"))

    result = result_of(ended)
    assert not result.get("failed"), result["msg"]
    assert xlab.metadata(ALIAS)["Arn"] == result["key_arn"] and len(xlab.all_keys()) == 1


def test_no_key_is_made_once_the_run_was_asked_to_end(xlab: ExternalLab) -> None:
    ended = in_a_process(
        lambda: xlab.run(alias=ALIAS, key_spec=SYMMETRIC), signalled(signal.SIGTERM, "ListKeys", "after")
    )

    result = result_of(ended)
    assert result["failed"] and result["error"]["code"] == "Interrupted" and result["changed"] is False
    assert xlab.all_keys() == []


def test_a_replica_that_is_made_is_named_though_it_is_not_waited_for(xlab: ExternalLab) -> None:
    key_id = xlab.filled(MultiRegion=True)
    options = {"key_id": key_id, "multi_region": True, "replica_regions": ["eu-west-1"]}

    result = result_of(in_a_process(lambda: xlab.run(**options), signalled(signal.SIGHUP, "ReplicateKey")))

    assert result["failed"] and result["error"]["code"] == "Interrupted"
    assert result["operations"] == ["ReplicateKey"] and result["new_replica_regions"] == ["eu-west-1"]
    assert result["msg"].count("run the task again") == 1 and "ReplicateKey" in result["msg"]


@pytest.mark.parametrize("number", SIGNALS)
def test_aliases_that_are_on_their_way_all_arrive(rlab: ReplacementLab, number: signal.Signals) -> None:
    rlab.old(SYMMETRIC, "alias/second")

    result = result_of(in_a_process(rlab.replace, signalled(number, "UpdateAlias")))

    assert not result.get("failed"), result["msg"]
    assert {rlab.target(ALIAS), rlab.target("alias/second")} == {result["new_key_id"]}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    ("name", "options"),
    [("kms_key_canary", {"keys": [{"key_id": ALIAS}]}), ("kms_imported_material_info", {"key_ids": [ALIAS]})],
)
def test_a_look_that_is_broken_off_fails_in_a_sentence(
    lab: Lab, name: str, options: dict[str, Any], number: signal.Signals
) -> None:
    lab.kms.create_alias(AliasName=ALIAS, TargetKeyId=lab.own_key())
    arguments = {**CONNECTION, "endpoint_url": lab.emulator.url, **options}

    ended = in_a_process(lambda: run_module(name, arguments), signalled(number, "DescribeKey"))

    result = result_of(ended)
    assert result["failed"] and result["error"]["code"] == "Interrupted"
    assert result["msg"] == "the look at every key was not finished: the run was asked to end; run the task again"


# -- a journal that cannot be kept -------------------------------------------------------------------------------------


def test_a_full_disk_ends_a_run_with_every_result_and_whole_lines(lab: Lab, tmp_path: Path) -> None:
    keys = [{"key_id": lab.own_key()} for _number in range(4)]
    path = tmp_path / "journal"
    earlier = json.dumps({"key_id": "of an earlier run"}) + "\n"
    path.write_text(earlier)

    ended = in_a_process(
        lambda: lab.run(keys=keys, state="absent", request_rates=ONE_AT_A_TIME, journal_path=str(path)),
        # Room for a part of a line: it is written, and taken back.
        with_files_up_to(len(earlier) + 20),
    )

    result = result_of(ended)
    states = [lab.state(key["key_id"]) for key in keys]
    assert states.count("PendingImport") == 1 and states.count("Enabled") == 3
    assert [one["key_state"] for one in result["kms_keys"]] == states
    errors = [one["error"] for one in result["kms_keys"]]
    assert result["failed"] and result["changed"]
    assert [error["code"] for error in errors if error] == ["Interrupted"] * 3
    assert all(f"journal_path {path} could not be written (File too large)" in one["message"] for one in errors if one)
    changed = next(key["key_id"] for key, state in zip(keys, states) if state == "PendingImport")
    (warning,) = [str(one) for one in result["warnings"] if "journal_path" in str(one)]
    assert f"it lacks the keys {changed}, which were changed" in warning
    assert path.read_text() == earlier


def test_the_pair_of_a_key_is_finished_on_a_full_disk(lab: Lab, tmp_path: Path) -> None:
    key_id = lab.own_key()

    ended = in_a_process(
        lambda: lab.run(key_id=key_id, key_material=GOOD, state="reimported", journal_path=str(tmp_path / "journal")),
        with_files_up_to(0),
    )

    result = result_of(ended)
    # Nothing is left that the journal could have said to a later run.
    assert not result.get("failed"), result["msg"]
    assert result["operations"] == PAIR and lab.state(key_id) == "Enabled"
    assert any("journal_path" in str(one) for one in result["warnings"])


def test_what_is_no_journal_is_refused_before_the_first_call_also_in_check_mode(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.symlink_to(tmp_path / "target")

    for check_mode in (True, False):
        result = lab.run(check_mode=check_mode, key_id="alias/a", state="absent", journal_path=str(path))
        assert result["failed"] and "is a symbolic link" in result["msg"]
        assert result["error"]["code"] == "InvalidInput"
    assert lab.calls() == [] and not (tmp_path / "target").exists()


# -- core dumps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("kms_imported_material", {"state": "present"}),
        ("kms_key_replacement", {}),
        ("kms_imported_material_info", {}),
    ],
)
def test_a_process_that_may_hold_plaintext_leaves_no_core_dump(lab: Lab, name: str, options: dict[str, Any]) -> None:
    given = {} if name.endswith("info") else {"key_id": "alias/nobody", "key_material": GOOD, **options}
    arguments = {**CONNECTION, "endpoint_url": lab.emulator.url, **given}

    def prepare() -> None:
        _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        _prctl(PR_SET_DUMPABLE, 1)

    def run() -> dict[str, Any]:
        run_module(name, arguments)
        soft, _hard = resource.getrlimit(resource.RLIMIT_CORE)
        return {"limit": soft, "dumpable": _prctl(PR_GET_DUMPABLE), "traced": process._traced()}

    found = in_a_process(run, prepare).result

    # Under a debugger or strace the process stays open to them.
    assert found in ({"limit": 0, "dumpable": 0, "traced": False}, {"limit": 0, "dumpable": 1, "traced": True})


def _prctl(option: int, value: int = 0) -> int:
    return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0))
