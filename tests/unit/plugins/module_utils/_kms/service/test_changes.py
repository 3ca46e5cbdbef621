# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A changing call whose answer was lost is looked for before it is repeated."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service import changes
from ansible_collections.byok.aws.plugins.module_utils._kms.service.connection import ATTEMPTS
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import kms_error

LOST, THROTTLED, REFUSED = "KMSInternalException", "ThrottlingException", "AlreadyExistsException"
ANSWER, FOUND = {"made": True}, {}


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


class Story:
    """What KMS answers to each attempt and each look, and what was done in which order."""

    def __init__(self, answers: list[Any], looks: list[Any]) -> None:
        self.answers, self.looks, self.order = list(answers), list(looks), ""

    def attempt(self) -> Any:
        self.order += "a"
        return self._next(self.answers)

    def look(self) -> Any:
        self.order += "l"
        return self._next(self.looks)

    def before(self) -> None:
        self.order += "b"

    @staticmethod
    def _next(values: list[Any]) -> Any:
        value = values.pop(0)
        if isinstance(value, str):
            raise kms_error(value)
        return value


@pytest.mark.parametrize(
    ("answers", "looks", "looks_again", "order", "result"),
    [
        ([ANSWER], [], False, "a", ANSWER),
        # The first attempt was carried out, or was not, or nothing can be read.
        ([LOST], [FOUND], False, "al", FOUND),
        ([LOST, ANSWER], [None], False, "alba", ANSWER),
        ([LOST, ANSWER], ["AccessDeniedException"], False, "alba", ANSWER),
        # A refusal by the quota is clear: nothing was carried out.
        ([THROTTLED, ANSWER], [], False, "aba", ANSWER),
        ([LOST, THROTTLED, ANSWER], [None], False, "albaba", ANSWER),
        ([LOST, THROTTLED, ANSWER], [None, None], True, "albalba", ANSWER),
        ([LOST, REFUSED], [None, FOUND], True, "albal", FOUND),
        ([LOST, REFUSED], [None], False, "alba", REFUSED),
        ([REFUSED], [], True, "a", REFUSED),
        ([LOST] * ATTEMPTS, [None] * ATTEMPTS, False, "alb" * (ATTEMPTS - 1) + "al", LOST),
        ([LOST] * ATTEMPTS, [None] * (ATTEMPTS - 1) + [FOUND], False, "alb" * (ATTEMPTS - 1) + "al", FOUND),
    ],
)
def test_a_lost_answer_is_looked_for(
    answers: list[Any], looks: list[Any], looks_again: bool, order: str, result: Any
) -> None:
    story = Story(answers, looks)
    change = changes.Change(
        story.attempt,
        story.look,
        lambda error, _lost, _last: error.code in (LOST, THROTTLED),
        story.before,
        looks_again=looks_again,
    )

    if isinstance(result, str):
        with pytest.raises(AnsibleKMSError) as failed:
            changes.make(change)
        assert failed.value.code == result
    else:
        assert changes.make(change) == result
    assert (story.order, story.answers, story.looks) == (order, [], [])


def test_patience_counts_seconds_and_not_attempts(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    story = Story([LOST] * 100, [None] * 100)

    with pytest.raises(AnsibleKMSError):
        changes.make(changes.Change(story.attempt, story.look, lambda *_facts: True, patience=20))

    assert story.order.count("a") == 20 > ATTEMPTS
    assert len(slept) == 19


def test_a_call_that_must_not_be_repeated_is_not() -> None:
    story = Story([LOST, ANSWER], [None])

    def refuse() -> None:
        raise kms_error("CutOff")

    with pytest.raises(AnsibleKMSError, match="CutOff"):
        changes.make(changes.Change(story.attempt, story.look, lambda error, *_facts: error.code == LOST, refuse))

    assert story.order == "al"
