# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tags that outlive a run: who can make them, and for how long they are believed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key import tag_values
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import sealer
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key

OURS, OTHER = sealer(b"a" * 32), sealer(b"b" * 32)
VALUE = tag_values.restore_value(key(), NOW, OURS)
# What a tag of KMS may hold (API Reference, Tag).
ALLOWED = re.compile(r"[\w.:/=+@ -]{1,256}", re.ASCII)


def test_the_value_is_one_that_kms_takes_and_that_shows_no_material():
    assert ALLOWED.fullmatch(VALUE)
    assert VALUE.startswith("Disabled 2026-11-24T12:00:00Z ")


@pytest.mark.parametrize("age", [timedelta(0), timedelta(seconds=-30), DAY, 7 * DAY])
def test_our_own_tag_is_believed_for_some_days(age):
    found = tag_values.remembered(key(now=NOW + age), VALUE, (OTHER, OURS))
    assert found == tag_values.Remembered("Disabled", NOW)


@pytest.mark.parametrize(
    ("found", "value", "seals"),
    [
        (key(), None, (OURS,)),
        (key(), "", (OURS,)),
        (key(), "Disabled", (OURS,)),
        (key(), VALUE, ()),
        (key(), VALUE, (OTHER,)),
        (key(), VALUE[:-1] + ("0" if VALUE[-1] != "0" else "1"), (OURS,)),
        # A later start under an old seal.
        (key(), VALUE.replace("12:00:00", "12:00:01"), (OURS,)),
        (key(), VALUE.replace("2026-11-24", "2026-99-24"), (OURS,)),
        # Of another key, or of the same one in another Region.
        (replace(key(), arn=key().arn[:-1] + "f"), VALUE, (OURS,)),
        (replace(key(), arn=key().arn.replace("eu-central-1", "eu-west-1")), VALUE, (OURS,)),
        # Too old, or not begun yet.
        (key(now=NOW + 7 * DAY + timedelta(seconds=1)), VALUE, (OURS,)),
        (key(now=NOW - timedelta(minutes=2)), VALUE, (OURS,)),
    ],
)
def test_nothing_else_is_believed(found, value, seals):
    assert tag_values.remembered(found, value, seals) is None


@pytest.mark.parametrize("who", ["root@host", 'x"; {{ y }}\n\x1b', "ä" * 400, ""])
def test_a_cut_off_says_when_and_who_in_what_kms_takes(who):
    value = tag_values.cut_off_value(NOW, who)
    assert value.startswith("2026-11-24T12:00:00Z")
    assert ALLOWED.fullmatch(value)
