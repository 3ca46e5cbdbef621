# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.expiry import duration_text
from ansible_collections.byok.aws.plugins.module_utils._kms.key.expiry import expiry_problem
from ansible_collections.byok.aws.plugins.module_utils._kms.key.expiry import parse_duration
from ansible_collections.byok.aws.plugins.module_utils._kms.key.expiry import parse_instant
from ansible_collections.byok.aws.plugins.module_utils._kms.key.expiry import wanted_expiration
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import DOES_NOT_EXPIRE
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import EXPIRES
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import NEVER
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Expiration
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import HOUR
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import in_days
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90d", 90 * DAY),
        ("12h", 12 * HOUR),
        ("1d12h", 36 * HOUR),
        ("1d 12h", 36 * HOUR),
        (" 90d ", 90 * DAY),
        ("2w", 14 * DAY),
        ("30m", HOUR / 2),
        ("45s", 45 * SECOND),
        ("0d1s", SECOND),
        ("365d", 365 * DAY),
    ],
)
def test_durations(text, duration):
    assert parse_duration(text) == duration
    assert parse_duration(duration_text(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (90 * DAY, "90d"),
        (12 * HOUR, "12h"),
        (36 * HOUR, "1d12h"),
        (14 * DAY, "14d"),
        (DAY + HOUR / 60 + SECOND, "1d1m1s"),
        (365 * DAY, "365d"),
    ],
)
def test_durations_as_text(duration, text):
    assert duration_text(duration) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0d", "longer than zero"),
        ("0w0d0h0m0s", "longer than zero"),
        ("", "number with w, d, h, m or s"),
        ("90", "number with w, d, h, m or s"),
        ("d", "number with w, d, h, m or s"),
        ("-90d", "number with w, d, h, m or s"),
        ("1.5d", "number with w, d, h, m or s"),
        ("90D", "number with w, d, h, m or s"),
        ("90days", "number with w, d, h, m or s"),
        ("1y", "number with w, d, h, m or s"),
        ("1d1 2h", "number with w, d, h, m or s"),
        ("P90D", "number with w, d, h, m or s"),
        ("99999999999d", "too long"),
        ("9" * 40 + "w", "too long"),
    ],
)
def test_bad_durations(text, said):
    with pytest.raises(ValueError, match=said):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2030-01-31T12:00:00Z", (2030, 1, 31, 12, 0, 0)),
        ("2030-01-31T12:00:00z", (2030, 1, 31, 12, 0, 0)),
        ("2030-01-31T12:00:00+00:00", (2030, 1, 31, 12, 0, 0)),
        ("2030-01-31T12:00:00+01:00", (2030, 1, 31, 11, 0, 0)),
        ("2030-01-31T12:00:00-05:30", (2030, 1, 31, 17, 30, 0)),
        ("2030-01-31 12:00:00+00:00", (2030, 1, 31, 12, 0, 0)),
        ("2030-01-31T12:00:00.987654Z", (2030, 1, 31, 12, 0, 0)),
        (" 2030-01-31T12:00:00Z ", (2030, 1, 31, 12, 0, 0)),
        ("2028-02-29T23:59:59Z", (2028, 2, 29, 23, 59, 59)),
    ],
)
def test_instants_are_utc_in_whole_seconds(text, instant):
    parsed = parse_instant(text)
    assert parsed == datetime(*instant, tzinfo=timezone.utc)
    assert parsed.utcoffset() == timedelta()
    assert parsed.microsecond == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2030-01-31T12:00:00", "no zone"),
        ("2030-01-31", "no zone"),
        ("tomorrow", "ISO 8601"),
        ("", "ISO 8601"),
        ("31.01.2030 12:00", "ISO 8601"),
        ("2030-02-30T12:00:00Z", "ISO 8601"),
        ("2030-01-31T25:00:00Z", "ISO 8601"),
        ("1893456000", "ISO 8601|no zone"),
    ],
)
def test_bad_instants(text, said):
    with pytest.raises(ValueError, match=said):
        parse_instant(text)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_instants_that_utc_cannot_hold_are_bad_input_too(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, None),
        ({"expiration_model": NEVER}, None),
        ({"valid_to": NOW + SECOND}, None),
        ({"valid_to": NOW}, "in the past"),
        ({"valid_to": NOW - SECOND}, "in the past"),
        ({"valid_to": NOW + 365 * DAY - SECOND}, None),
        ({"valid_to": NOW + 365 * DAY}, "less than 365 days"),
        ({"valid_to": NOW + 366 * DAY}, "less than 365 days"),
        ({"valid_for": SECOND}, None),
        ({"valid_for": 365 * DAY}, None),
        ({"valid_for": 365 * DAY + SECOND}, "over 365 days"),
        ({"valid_for": 90 * DAY, "renew_before": 30 * DAY}, None),
        ({"valid_for": 90 * DAY, "renew_before": 90 * DAY}, "renew_before must be shorter"),
        ({"valid_for": 90 * DAY, "renew_before": 91 * DAY}, "renew_before must be shorter"),
    ],
)
def test_limits_of_kms(wanted, said):
    problem = expiry_problem(request(**wanted), NOW)
    assert (problem is None) if said is None else (said in str(problem))
    assert problem is None or next(iter(wanted)) in problem


@pytest.mark.parametrize(
    ("wanted", "current", "sent", "differs"),
    [
        # valid_to: instants are compared.
        ({"valid_to": NOW + 9 * DAY}, None, in_days(9), True),
        ({"valid_to": NOW + 9 * DAY}, in_days(9), in_days(9), False),
        (
            {"valid_to": (NOW + 9 * DAY).astimezone(timezone(timedelta(hours=5)))},
            in_days(9),
            in_days(9),
            False,
        ),
        ({"valid_to": NOW + 9 * DAY}, Expiration(EXPIRES, NOW + 9 * DAY + SECOND), in_days(9), True),
        ({"valid_to": NOW + 9 * DAY}, in_days(8), in_days(9), True),
        ({"valid_to": NOW + 9 * DAY}, DOES_NOT_EXPIRE, in_days(9), True),
        # valid_for: renewed below a third, or below renew_before.
        ({"valid_for": 90 * DAY}, None, in_days(90), True),
        ({"valid_for": 90 * DAY}, DOES_NOT_EXPIRE, in_days(90), True),
        ({"valid_for": 90 * DAY}, in_days(90), in_days(90), False),
        ({"valid_for": 90 * DAY}, in_days(30), in_days(90), False),
        ({"valid_for": 90 * DAY}, Expiration(EXPIRES, NOW + 30 * DAY - SECOND), in_days(90), True),
        ({"valid_for": 90 * DAY, "renew_before": 60 * DAY}, in_days(60), in_days(90), False),
        ({"valid_for": 90 * DAY, "renew_before": 60 * DAY}, in_days(59), in_days(90), True),
        ({"valid_for": 90 * DAY, "renew_before": HOUR}, in_days(1), in_days(90), False),
        # A longer life than asked for is shortened; clocks that differ a little are not.
        ({"valid_for": 90 * DAY}, in_days(91), in_days(90), True),
        ({"valid_for": 90 * DAY}, Expiration(EXPIRES, NOW + 90 * DAY + 60 * SECOND), in_days(90), False),
        # No expiry.
        ({"expiration_model": NEVER}, in_days(9), DOES_NOT_EXPIRE, True),
        ({"expiration_model": NEVER}, DOES_NOT_EXPIRE, DOES_NOT_EXPIRE, False),
        ({"expiration_model": NEVER}, None, DOES_NOT_EXPIRE, True),
        # Nothing said: a first import does not expire, a reimport keeps what there was.
        ({}, None, DOES_NOT_EXPIRE, False),
        ({}, DOES_NOT_EXPIRE, DOES_NOT_EXPIRE, False),
        ({}, in_days(9), in_days(9), False),
        ({}, in_days(-1), DOES_NOT_EXPIRE, False),
    ],
)
def test_wanted_expiration(wanted, current, sent, differs):
    assert wanted_expiration(request(**wanted), current, NOW) == (sent, differs)


def test_the_longest_life_stays_under_the_limit_and_is_not_renewed_at_once():
    longest = request(valid_for=365 * DAY)
    sent, differs = wanted_expiration(longest, None, NOW)
    assert differs
    assert NOW + 364 * DAY < sent.valid_to < NOW + 365 * DAY
    assert wanted_expiration(longest, sent, NOW) == (sent, False)


def test_valid_for_is_sent_in_whole_seconds():
    sent, _differs = wanted_expiration(request(valid_for=HOUR), None, NOW.replace(microsecond=999999))
    assert sent.valid_to == NOW + HOUR


@pytest.mark.parametrize(
    ("valid_for", "renew_before"), [(90 * DAY, 89 * DAY), (365 * DAY, 300 * DAY), (365 * DAY, 365 * DAY - SECOND)]
)
def test_material_that_was_just_renewed_is_not_renewed_again(valid_for, renew_before):
    wanted = request(valid_for=valid_for, renew_before=renew_before)
    if expiry_problem(wanted, NOW) is None:
        sent, _differs = wanted_expiration(wanted, None, NOW)
        assert wanted_expiration(wanted, sent, NOW)[1] is False
