# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replays the tables against a running emulator and counts what conforms.

Run by the tests, or by itself with the test support directory on PYTHONPATH:
``python tests/emulator/conformance/replay.py``.
"""

from __future__ import annotations

import datetime
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "support")]

from botocore.exceptions import ClientError

from conformance import families
from conformance import multi_region
from conformance import symmetric
from conformance.crypto import wrap
from conformance.rows import SUCCESS
from conformance.rows import Material
from conformance.rows import Moment
from conformance.rows import Row
from conformance.rows import Scene
from conformance.rows import match
from conformance.rows import match_text

if TYPE_CHECKING:
    from emulator_process import EmulatorProcess

RECORDINGS: dict[str, tuple[list[Row], int]] = {
    "symmetric": (symmetric.ROWS, 64),
    "families": (families.ROWS, 179),
    "multi_region": (multi_region.ROWS, 40),
}
"""The tables, and how many calls were recorded of each."""

NOT_REENACTED: dict[str, str] = {}
"""Recorded calls that cannot be re-enacted, with the reason. There are none: the clock stands in for waiting."""


@dataclass(frozen=True)
class Verdict:
    """How one row went."""

    recording: str
    number: int
    case: str
    problems: list[str]


class Replay:
    """One table, played from the beginning on an empty emulator."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self._emulator = emulator
        self._offset = 0.0
        self._clients: dict[str, Any] = {}
        self._algorithms: dict[str, str] = {}
        self._scene = Scene(lambda: time.time() + self._offset)

    def play(self, rows: list[Row]) -> list[list[str]]:
        self._emulator.reset()
        self._emulator.config(
            rotation_seconds=symmetric.ROTATION_SECONDS, transient_seconds=multi_region.TRANSIENT_SECONDS
        )
        return [self._call(row) for row in rows]

    def _call(self, row: Row) -> list[str]:
        if row.advance:
            self._offset += row.advance
            self._emulator.config(clock_offset_seconds=self._offset)
        try:
            answer = getattr(self._client(row.region), row.operation)(**self._request(row.request))
        except ClientError as error:
            return self._compare_refusal(row, dict(error.response))
        return self._compare_answer(row, answer)

    def _client(self, region: str) -> Any:
        if region not in self._clients:
            self._clients[region] = self._emulator.client(region)
        return self._clients[region]

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for name, value in request.items():
            if isinstance(value, Material):
                filled.update(self._wrapped(value))
            elif isinstance(value, Moment):
                filled[name] = self._moment(value)
            else:
                filled[name] = value.format(**self._scene.names) if isinstance(value, str) else value
        return filled

    def _moment(self, moment: Moment) -> datetime.datetime:
        at = datetime.datetime.fromtimestamp(int(self._scene.now() + moment.ahead), datetime.timezone.utc)
        if moment.name:
            self._scene.instants[moment.name] = at
        return at

    def _wrapped(self, material: Material) -> dict[str, bytes]:
        parameters = self._scene.parameters[material.parameters]
        algorithm = self._algorithms[material.parameters]
        wrapped = wrap(material.plaintext(), parameters["PublicKey"], algorithm)
        return {"ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": wrapped}

    def _compare_answer(self, row: Row, answer: dict[str, Any]) -> list[str]:
        metadata = answer.pop("ResponseMetadata")
        if row.code != SUCCESS:
            return [f"succeeded instead of {row.code}"]
        if row.operation == "get_parameters_for_import":
            self._scene.parameters[row.case] = answer
            self._algorithms[row.case] = row.request["WrappingAlgorithm"]
        problems = match(row.answer or {}, answer, self._scene)
        return problems + ([] if metadata.get("RequestId") else ["no request ID"])

    def _compare_refusal(self, row: Row, response: dict[str, Any]) -> list[str]:
        error = response["Error"]
        if error["Code"] != row.code:
            return [f"{error['Code']} ({error['Message']}) instead of {row.code}"]
        complaint = match_text(row.message, error["Message"], self._scene)
        problems = [complaint] if complaint else []
        # AWS repeats a text in lower case for the exceptions that its model knows.
        repeated = bool(row.message) and row.code != "ValidationException"
        if ("message" in response) != repeated:
            problems.append(f"message repeated: {not repeated}")
        status = response["ResponseMetadata"]
        if status["HTTPStatusCode"] != 400 or not status.get("RequestId"):
            problems.append(f"status {status['HTTPStatusCode']}, request ID {status.get('RequestId')}")
        return problems


def replay_all(emulator: EmulatorProcess) -> list[Verdict]:
    verdicts = []
    for recording, (rows, _count) in RECORDINGS.items():
        problems = Replay(emulator).play(rows)
        for number, (row, found) in enumerate(zip(rows, problems)):
            verdicts.append(Verdict(recording, number, row.case, found))
    return verdicts


def summary(verdicts: list[Verdict]) -> str:
    conforming = sum(not verdict.problems for verdict in verdicts)
    return f"replayed {len(verdicts)}, conform {conforming}"


def main() -> int:
    from emulator_process import EmulatorProcess

    with EmulatorProcess() as emulator:
        verdicts = replay_all(emulator)
    for verdict in verdicts:
        if verdict.problems:
            print(f"{verdict.recording} {verdict.number} {verdict.case}: {'; '.join(verdict.problems)}")
    for case, reason in NOT_REENACTED.items():
        print(f"not replayed: {case}: {reason}")
    print(summary(verdicts))
    return int(any(verdict.problems for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
