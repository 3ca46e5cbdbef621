# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that people read is in plain present-day English: documentation, messages, comments, names of tasks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from iam_policies import ROOT

# A word or construction that readers stumble on, and what to write instead.
BANNED = {
    r"whoever|whosoever|whomever": "a person who, or the role in question",
    r"mend(s|ed|ing)?": "fix, repair, remove the cause",
    r"shall": "must, or the present tense",
    r"there(of|by|upon)|here(of|by|upon)|wherein|whither|whence": "a second sentence",
}
PATTERNS = {re.compile(rf"\b(?:{words})\b", re.IGNORECASE): instead for words, instead in BANNED.items()}
FOLDERS = ("plugins", "roles", "playbooks", "docs", "tests", "changelogs/fragments", "extensions", "meta")
SUFFIXES = {".py", ".yml", ".yaml", ".md", ".rst", ".tf", ".hcl", ".html", ".js", ".css"}


def problems(text: str) -> list[str]:
    """Each banned expression of a text: its line, the expression, and what to write instead."""
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}; write {instead}"
        for pattern, instead in PATTERNS.items()
        for match in pattern.finditer(text)
    ]


def texts() -> list[Path]:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in SUFFIXES]
    skipped = (ROOT / "tests" / "output", Path(__file__).resolve())
    return [*ROOT.glob("*.md"), *(one for one in files if not any(one.is_relative_to(other) for other in skipped))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Whoever has the file can import.", ["Whoever"]),
        ("# how to mend it\n# and what shall be done", ["mend", "shall"]),
        ("recommended, amendment, shallow, hereditary, marshalled", []),
        ("A person who has the file can import.", []),
    ],
)
def test_words_are_recognised_as_words(text, words):
    assert [problem.split("'")[1] for problem in problems(text)] == words


def test_there_are_texts_to_check():
    found = {str(file.relative_to(ROOT)) for file in texts()}
    assert {"README.md", "docs/docsite/rst/guide_importing.rst", "plugins/modules/kms_imported_material.py"} <= found


def test_texts_are_in_plain_english():
    found = {
        str(file.relative_to(ROOT)): problems(file.read_text(encoding="utf-8", errors="replace")) for file in texts()
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
