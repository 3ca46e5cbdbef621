# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Split knowledge: material in two or more components of one length, each useless without the others. Pure.

Source: NIST SP 800-57 Part 2 Rev. 1 (split knowledge); ANSI X9.24-1 (key components and their check values). The
material is the exclusive or of all components, made in memory once each has proved to be the one that was written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from ..service.errors import invalid
from .check_value import require_check_value
from .material import require_cryptography

FEWEST = 2


@dataclass(frozen=True)
class Component:
    """One component. place: what messages call it."""

    content: bytes = field(repr=False)
    check_value: str
    place: str


def combined(components: Sequence[Component]) -> bytes:
    """The material. Raises AnsibleKMSError when a component is not the one of its check value, or does not fit."""
    require_cryptography()
    if len(components) < FEWEST:
        raise invalid(f"components has {len(components)} of them; split knowledge takes {FEWEST} or more")
    for one in components:
        require_check_value(one.content, one.check_value, one.place)
    lengths = {len(one.content) for one in components}
    if len(lengths) > 1:
        told = ", ".join(f"{one.place} has {len(one.content)} bytes" for one in components)
        raise invalid(f"components of one key have one length: {told}")
    _require_parts(components)
    return exclusive_or([one.content for one in components])


def _require_parts(components: Sequence[Component]) -> None:
    """No component is without effect: otherwise the holders of all others would have the key."""
    seen: dict[bytes, str] = {}
    for one in components:
        if not any(one.content):
            raise invalid(f"{one.place} is all zeros and adds nothing; make the components anew")
        if one.content in seen:
            raise invalid(
                f"{seen[one.content]} and {one.place} are the same bytes, which cancel each other; give each component "
                "once"
            )
        seen[one.content] = one.place


def exclusive_or(parts: Sequence[bytes]) -> bytes:
    """The exclusive or of parts of one length."""
    number = 0
    for part in parts:
        number ^= int.from_bytes(part, "big")
    return number.to_bytes(len(parts[0]), "big")
