# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text that KMS keeps with a material (KeyMaterialDescription): the user's text and our mark. Pure.

The mark holds a fingerprint of the bytes and the lifetime that was given as valid_for: "byok:1:<32 digits>:90d". Either
can be missing: wrapped material has no fingerprint, and older marks have no lifetime.
"""

from __future__ import annotations

import re
from datetime import timedelta

from .expiry import duration_text
from .expiry import parse_duration

# The d means that the key was Disabled at the import, so that a later run reads the tag byok:restore-state.
_LIFETIME = r"(?P<{}>(?:[0-9]+[wdhms])+)"
_MARK_RE = re.compile(
    r"(?:^|\s)byok:1(?P<disabled>d?):"
    rf"(?:(?P<fingerprint>[0-9a-f]{{32}})(?::{_LIFETIME.format('lifetime')})?|:{_LIFETIME.format('alone')})$"
)
_MARK_LENGTH = len("byok:1d:") + 32
LONGEST_DESCRIPTION = 256
LONGEST_TEXT = LONGEST_DESCRIPTION - _MARK_LENGTH - 1
# ImportKeyMaterial, KeyMaterialDescription: [a-zA-Z0-9:/_\s.-]{0,256}
_ALLOWED_RE = re.compile(r"[a-zA-Z0-9:/_\s.-]*", re.ASCII)


def compose(
    text: str | None, fingerprint: str | None, disabled: bool = False, lifetime: timedelta | None = None
) -> str | None:
    """The KeyMaterialDescription to send, or None when it would be empty.

    Without enough room the lifetime is left out.
    """
    mark = f"byok:1{'d' if disabled else ''}:{fingerprint or ''}" if fingerprint or lifetime else ""
    timed = f"{mark}:{duration_text(lifetime)}" if lifetime else mark
    whole = f"{text} {timed}" if text and timed else timed or text or None
    if lifetime and whole and len(whole) > LONGEST_DESCRIPTION:
        return compose(text, fingerprint, disabled)
    return whole


def split(description: str | None) -> tuple[str, str | None]:
    """The user's text and the fingerprint, if there is one."""
    match = _MARK_RE.search(description or "")
    if match is None:
        return description or "", None
    return (description or "")[: match.start()], match["fingerprint"]


def lifetime(description: str | None) -> timedelta | None:
    """The valid_for of the import, if the mark contains it."""
    match = _MARK_RE.search(description or "")
    text = match and (match["lifetime"] or match["alone"])
    try:
        return parse_duration(text) if text else None
    except ValueError:
        return None


def imported_while_disabled(description: str | None) -> bool:
    match = _MARK_RE.search(description or "")
    return bool(match and match["disabled"])


def text_problem(text: str) -> str | None:
    """Why KMS does not allow this text, or why it leaves too little room for the fingerprint; None if it is valid."""
    if not _ALLOWED_RE.fullmatch(text):
        return "KMS accepts only letters, digits, white space and : / _ . -"
    if len(text) > LONGEST_TEXT:
        return f"it has {len(text)} characters; beside the fingerprint there is room for {LONGEST_TEXT}"
    return None
