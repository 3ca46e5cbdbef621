# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator against what AWS KMS was recorded to answer, call by call."""

from __future__ import annotations

import pytest
from conformance.replay import NOT_REENACTED
from conformance.replay import RECORDINGS
from conformance.replay import Verdict
from conformance.replay import replay_all
from conformance.replay import summary
from conformance.rows import Instant
from conformance.rows import Scene
from conformance.rows import match
from conformance.rows import match_text
from emulator_process import EmulatorProcess

RECORDED = 283


@pytest.fixture(scope="module")
def verdicts(shared_emulator: EmulatorProcess) -> list[Verdict]:
    return replay_all(shared_emulator)


def test_every_recorded_call_is_accounted_for() -> None:
    rows = sum(len(rows) for rows, _count in RECORDINGS.values())
    assert rows + len(NOT_REENACTED) == RECORDED


@pytest.mark.parametrize("recording", sorted(RECORDINGS))
def test_every_recording_is_whole(recording: str) -> None:
    rows, count = RECORDINGS[recording]
    assert len(rows) == count


def test_conformance(verdicts: list[Verdict], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{summary(verdicts)}, not re-enacted {len(NOT_REENACTED)}")
    complaints = [
        f"{verdict.recording} {verdict.number} {verdict.case}: {'; '.join(verdict.problems)}"
        for verdict in verdicts
        if verdict.problems
    ]
    assert not complaints, "\n".join(complaints)


class TestTheComparison:
    """The comparison itself must be able to fail."""

    @pytest.fixture
    def scene(self) -> Scene:
        return Scene(lambda: 0.0, names={"account": "123456789012"})

    def test_a_missing_and_an_unexpected_field(self, scene: Scene) -> None:
        assert match({"a": 1, "b": 2}, {"b": 2, "c": 3}, scene) == [".a: missing", ".c: unexpected 3"]

    def test_another_value(self, scene: Scene) -> None:
        assert match({"a": [True]}, {"a": [1]}, scene) == [".a[0]: 1 is not True"]

    def test_a_name_means_one_thing(self, scene: Scene) -> None:
        assert match_text("{materialA}", "a" * 64, scene) is None
        assert match_text("is {materialA}.", f"is {'b' * 64}.", scene) is not None

    def test_two_names_mean_two_things(self, scene: Scene) -> None:
        assert match_text("{materialA}", "a" * 64, scene) is None
        assert match_text("{materialB}", "a" * 64, scene) is not None

    def test_a_time_far_off(self, scene: Scene) -> None:
        from datetime import datetime
        from datetime import timezone

        day = datetime.fromtimestamp(86400, timezone.utc)
        assert match(Instant("day", ahead=86400), day, scene) == []
        assert match(Instant("hour", ahead=3600), day, scene) != []
