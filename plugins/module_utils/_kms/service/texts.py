# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make texts from AWS and from other people (names of keys, tags and files) safe for a terminal, a log or a page."""

from __future__ import annotations

import re
from typing import Any

# Characters that control a terminal or change the order of a text on the screen: the controls C0, DEL and C1
# (ECMA-48), line ends, and the marks, embeddings, overrides and isolates of the Unicode Bidirectional Algorithm
# (UAX 9). Also lone surrogates, which Python uses for undecodable bytes and cannot encode.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""The text with each such character as Python writes it (\x1b, \u202e). Escaped text stays unchanged."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def printable_parts(value: Any) -> Any:
    """The same document of dictionaries and lists, with every text made printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_parts(name): printable_parts(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable_parts(part) for part in value]
    return value
