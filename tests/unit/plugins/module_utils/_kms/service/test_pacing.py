# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns at the pace of a quota: no burst, slower after a throttle, and back again."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import Bucket
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import Pacer
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import RunInterruptedError
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import Throttle
from ansible_collections.byok.aws.plugins.module_utils._kms.service.pacing import read_rates


@dataclass
class Clock:
    """Time that passes only in sleep. late: how much later than wanted a sleeper wakes up, in seconds."""

    seconds: float = 100.0
    late: float = 0.0
    taken: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds + self.late

    def take(self, bucket: Bucket, number: int) -> list[float]:
        """The instants of so many turns, counted from the first."""
        taken = []
        for _turn in range(number):
            bucket.take()
            taken.append(self.seconds)
        return [round(instant - taken[0], 6) for instant in taken]


def bucket(clock: Clock, rate: float) -> Bucket:
    return Bucket(rate, now=clock.now, sleep=clock.sleep)


def test_turns_are_evenly_spaced_from_the_first_on() -> None:
    clock = Clock()

    assert clock.take(bucket(clock, 4), 4) == [0.0, 0.25, 0.5, 0.75]


def test_who_comes_late_loses_nothing_and_saves_nothing_up() -> None:
    clock = Clock()
    one = bucket(clock, 4)
    one.take()
    clock.sleep(10)

    assert clock.take(one, 3) == [0.0, 0.25, 0.5]


def test_a_late_wake_up_does_not_add_up() -> None:
    clock = Clock(late=0.01)

    assert clock.take(bucket(clock, 10), 4) == [0.0, 0.11, 0.21, 0.31]


def test_at_one_call_a_second_no_two_fall_into_one() -> None:
    clock = Clock(late=0.02)
    taken = clock.take(bucket(clock, 1), 5)

    assert min(later - earlier for earlier, later in zip(taken, taken[1:])) > 1.0


def test_a_throttle_slows_down_whoever_comes_next_and_wears_off() -> None:
    clock = Clock()
    one = bucket(clock, 10)
    one.take()
    one.throttled()
    slow = clock.take(one, 2)[1]
    for _answer in range(100):
        one.accepted()

    assert slow == pytest.approx(1 / 7)
    assert clock.take(one, 2)[1] == pytest.approx(0.1)


def test_throttling_has_a_floor() -> None:
    one = Bucket(10)
    for _throttle in range(100):
        one.throttled()

    assert one.factor == pytest.approx(0.1)


def test_operations_wait_for_their_own_quota_only() -> None:
    pacer = Pacer({"ImportKeyMaterial": 30})

    assert pacer.bucket("ImportKeyMaterial") is pacer.bucket("ImportKeyMaterial")
    assert [pacer.pace(one) for one in ("ImportKeyMaterial", "DeleteImportedKeyMaterial", "Encrypt")] == [30, 15, 1000]


@pytest.mark.parametrize(
    ("given", "rates"),
    [
        (None, {}),
        ({}, {}),
        ({"ImportKeyMaterial": 5, "Encrypt": 0.5}, {"ImportKeyMaterial": 5.0, "Encrypt": 0.5}),
        ({"ImportKeyMaterial": "5", "Encrypt": " 0.5 "}, {"ImportKeyMaterial": 5.0, "Encrypt": 0.5}),
        ({"ImportKeyMaterial": 0.001}, {"ImportKeyMaterial": 0.001}),
    ],
)
def test_rates_are_numbers_also_as_text(given: dict[str, Any] | None, rates: dict[str, float]) -> None:
    assert read_rates(given) == rates


@pytest.mark.parametrize(
    "rate",
    [0, 0.0, -1, 1e-320, "0", "fast", "", None, [], {}, True, False, "true"]
    + [float("nan"), float("inf"), "nan", "inf", "-inf", 10**400, "1e999"],
)
def test_what_is_no_rate_is_refused_by_the_name_of_its_operation(rate: Any) -> None:
    with pytest.raises(AnsibleKMSError, match="request_rates: ImportKeyMaterial needs a number") as refused:
        read_rates({"DescribeKey": 5, "ImportKeyMaterial": rate})

    assert refused.value.code == "InvalidInput"


def test_a_run_that_is_to_end_takes_no_turn_unless_it_is_committed() -> None:
    throttle = Throttle(Pacer())
    throttle.pacer.stop.set()

    with pytest.raises(RunInterruptedError):
        throttle.take("DescribeKey")
    with throttle.committed():
        throttle.take("DescribeKey")
    with pytest.raises(RunInterruptedError):
        throttle.take("DescribeKey")


def test_turns_taken_ahead_are_used_up_first() -> None:
    throttle = Throttle(Pacer())
    throttle.take_ahead("ImportKeyMaterial")
    throttle.pacer.stop.set()

    throttle.take("ImportKeyMaterial")
    with pytest.raises(RunInterruptedError):
        throttle.take("ImportKeyMaterial")


def test_many_threads_share_a_bucket() -> None:
    one = Bucket(500)
    instants: list[float] = []

    def work() -> None:
        for _turn in range(10):
            one.take()
            instants.append(one.now())

    threads = [threading.Thread(target=work) for _thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # 80 turns, the first at once.
    assert max(instants) - min(instants) >= 79 / 500 - 0.01
