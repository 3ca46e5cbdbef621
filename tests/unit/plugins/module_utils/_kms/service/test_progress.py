# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told while a module call runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.material.results import summary_line
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import Pacer
from ansible_collections.byok.aws.plugins.module_utils._kms.service.progress import Phase
from ansible_collections.byok.aws.plugins.module_utils._kms.service.progress import Progress
from ansible_collections.byok.aws.plugins.module_utils._kms.service.progress import seconds_for

PARAMETERS = {"GetParametersForImport": 1}
PAIR = {"DeleteImportedKeyMaterial": 1, "ImportKeyMaterial": 1}


@pytest.mark.parametrize(
    ("operations", "rates", "seconds"),
    [
        ({}, {}, 0.0),
        ({"DeleteImportedKeyMaterial": 150}, {}, 10.0),
        ({"GetParametersForImport": 60, "ImportKeyMaterial": 60}, {}, 60.0),
        ({"GetParametersForImport": 60, "ImportKeyMaterial": 60}, {"GetParametersForImport": 30}, 4.0),
    ],
)
def test_the_slowest_quota_decides(operations: dict[str, int], rates: dict[str, float], seconds: float) -> None:
    assert seconds_for(operations, Pacer(rates)) == seconds


def test_a_quota_that_others_use_makes_it_longer() -> None:
    pacer = Pacer()
    pacer.bucket("DeleteImportedKeyMaterial").throttled()

    assert seconds_for({"DeleteImportedKeyMaterial": 150}, pacer) > 14


def test_the_line_counts_what_is_done_and_the_time_that_is_left() -> None:
    progress = Progress(None, Pacer())
    progress.begin(Phase("preparing", [PARAMETERS] * 30), {"DeleteImportedKeyMaterial": 30, "ImportKeyMaterial": 30})
    assert progress.line == "preparing: 0 of 30 keys done, 30 left, about 32 s by the quotas of KMS"

    for position in range(10):
        progress.finish(position, failed=position == 3)
    assert progress.line == "preparing: 9 of 30 keys done, 1 failed, 20 left, about 22 s by the quotas of KMS"

    progress.begin(Phase("changing", [PAIR] * 2), {})
    assert progress.line == "changing: 0 of 2 keys done, 2 left"


def test_the_line_is_written_where_it_is_wanted_and_a_failure_to_do_so_is_none(tmp_path: Path) -> None:
    (tmp_path / "line").write_text("a longer line than any that was ever written of how far something is")
    wanted, impossible = Progress(str(tmp_path / "line"), Pacer()), Progress(str(tmp_path / "no" / "line"), Pacer())
    for progress in (wanted, impossible):
        progress.begin(Phase("changing", [PAIR]), {})
        progress.finish(0, failed=False)

    assert (tmp_path / "line").read_text() == "changing: 0 of 1 keys done, 1 left"
    assert impossible.path is None


@pytest.mark.parametrize("kind", ["fifo", "link", "missing"])
def test_the_line_goes_into_no_file_but_the_one_that_was_made_for_it(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "line", tmp_path / "other"
    other.write_text("kept")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(other)
    progress = Progress(str(path), Pacer())

    progress.begin(Phase("changing", [PAIR]), {})

    assert progress.path is None and other.read_text() == "kept" and path.exists() is (kind != "missing")


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        ({"key_state": "Enabled", "operations": []}, "k: Enabled, nothing to do"),
        ({"key_state": "Enabled", "changed": True}, "k: Enabled, waited for its rotation"),
        ({"key_state": "PendingImport", "operations": ["A", "B"]}, "k: PendingImport, A, B"),
        (
            {"key_state": "Enabled", "operations": ["A"], "unavailable_seconds": 0.5},
            "k: Enabled, A, unusable for 0.500 s",
        ),
        ({"key_state": "Enabled", "operations": ["A"], "error": {"message": "no"}}, "k: FAILED: no"),
    ],
)
def test_one_line_says_what_became_of_a_key(shown: dict[str, Any], line: str) -> None:
    assert summary_line({"key_id": "k", **shown}) == line
