# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key import descriptions
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_B


@pytest.mark.parametrize(
    ("text", "mark", "disabled", "description"),
    [
        (None, None, False, None),
        ("", None, False, None),
        (None, None, True, None),
        ("vault 7", None, False, "vault 7"),
        (None, MARK_A, False, f"byok:1:{MARK_A}"),
        ("", MARK_A, False, f"byok:1:{MARK_A}"),
        ("vault 7", MARK_A, False, f"vault 7 byok:1:{MARK_A}"),
        ("vault 7", MARK_A, True, f"vault 7 byok:1d:{MARK_A}"),
    ],
)
def test_compose(text, mark, disabled, description):
    assert descriptions.compose(text, mark, disabled) == description


@pytest.mark.parametrize(
    ("description", "text", "mark", "disabled"),
    [
        (None, "", None, False),
        ("", "", None, False),
        ("vault 7", "vault 7", None, False),
        (f"byok:1:{MARK_A}", "", MARK_A, False),
        (f"vault 7 byok:1:{MARK_A}", "vault 7", MARK_A, False),
        (f"vault 7 byok:1d:{MARK_A}", "vault 7", MARK_A, True),
        # Only the mark at the end counts, whatever the text looks like.
        (f"byok:1:{MARK_B} byok:1:{MARK_A}", f"byok:1:{MARK_B}", MARK_A, False),
        (f"byok:1:{MARK_A} vault", f"byok:1:{MARK_A} vault", None, False),
        (f"xbyok:1:{MARK_A}", f"xbyok:1:{MARK_A}", None, False),
        (f"byok:2:{MARK_A}", f"byok:2:{MARK_A}", None, False),
        (f"byok:1:{MARK_A[:-1]}", f"byok:1:{MARK_A[:-1]}", None, False),
        (f"byok:1:{MARK_A.upper()}", f"byok:1:{MARK_A.upper()}", None, False),
    ],
)
def test_split(description, text, mark, disabled):
    assert descriptions.split(description) == (text, mark)
    assert descriptions.imported_while_disabled(description) is disabled


DAYS = timedelta(days=90)


@pytest.mark.parametrize(
    ("text", "mark", "disabled", "description"),
    [
        (None, MARK_A, False, f"byok:1:{MARK_A}:90d"),
        ("vault 7", MARK_A, True, f"vault 7 byok:1d:{MARK_A}:90d"),
        # Of wrapped material there is no fingerprint.
        (None, None, False, "byok:1::90d"),
        ("vault 7", None, True, "vault 7 byok:1d::90d"),
    ],
)
def test_the_lifetime_is_kept_beside_the_fingerprint(text, mark, disabled, description):
    assert descriptions.compose(text, mark, disabled, DAYS) == description
    assert descriptions.split(description) == (text or "", mark)
    assert descriptions.lifetime(description) == DAYS
    assert descriptions.imported_while_disabled(description) is disabled


@pytest.mark.parametrize("mark", [MARK_A, None])
def test_a_lifetime_without_room_is_left_out(mark):
    text = "x" * (256 if mark is None else 215)
    assert descriptions.compose(text, mark, True, DAYS) == descriptions.compose(text, mark, True)
    assert len(descriptions.compose("x" * 211, MARK_A, True, DAYS) or "") == 256


@pytest.mark.parametrize(
    "description",
    [
        None,
        "",
        "90d",
        # Marks of before the lifetime was kept.
        f"byok:1:{MARK_A}",
        f"vault 7 byok:1d:{MARK_A}",
        # Nothing that the module writes.
        "byok:1:",
        "byok:1::",
        f"byok:1:{MARK_A}:",
        f"byok:1:{MARK_A}:90",
        f"byok:1:{MARK_A}:0d",
        f"byok:1:{MARK_A}:90d:90d",
        f"byok:1:{MARK_A}:90d vault",
        f"byok:2:{MARK_A}:90d",
        f"byok:1:{MARK_A}:" + "9" * 30 + "d",
    ],
)
def test_no_lifetime(description):
    assert descriptions.lifetime(description) is None


@pytest.mark.parametrize("disabled", [False, True])
@pytest.mark.parametrize(
    "text",
    ["", "vault 7", "a", "two  words", "tail ", " head", "  ", "line\nbreak", "\ttab", f"byok:1:{MARK_B}", "x" * 215],
)
def test_the_users_text_comes_back_as_it_was_or_is_refused(text, disabled):
    """Otherwise the next run would take it for another text, and import again, for ever."""
    if descriptions.text_problem(text) is None:
        for lifetime in (None, DAYS):
            assert descriptions.split(descriptions.compose(text, MARK_A, disabled, lifetime)) == (text, MARK_A)


@pytest.mark.parametrize("text", ["", "abc XYZ 019 :/_.-", "two\nlines", "x" * 215, "https://vault/item_7"])
def test_what_kms_takes_is_taken_and_leaves_room_for_the_mark(text):
    assert descriptions.text_problem(text) is None
    assert len(descriptions.compose(text, MARK_A, True) or "") <= 256


@pytest.mark.parametrize("text", ["ä", "a,b", "a;b", "(a)", "a=b", "100%", "a@b", "#1", "a+b", "\u2013", "\0"])
def test_characters_that_kms_refuses(text):
    assert "letters, digits" in str(descriptions.text_problem(text))


@pytest.mark.parametrize("length", [216, 256, 1000])
def test_too_long_a_text(length):
    problem = str(descriptions.text_problem("x" * length))
    assert str(length) in problem
    assert "215" in problem
