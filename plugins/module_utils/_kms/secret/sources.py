# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where plaintext material comes from: an option, a file, or components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..key.models import LOOSE_FILE
from ..service.errors import invalid
from .components import Component
from .components import combined
from .material import decode_base64
from .material import read_file

# The options that give plaintext, of which one alone is given.
PLAINTEXT_OPTIONS = ("key_material", "key_material_file", "components")
INLINE, FILE, COMPONENTS = "inline", "file", "components"


@dataclass(frozen=True)
class Given:
    """Material that was given, before it is checked. given_by: what messages about the content call it."""

    content: bytes = field(repr=False)
    source: str
    given_by: str


def given_plaintext(options: Mapping[str, Any]) -> Given | None:
    """The material that the options give in plain, or None. Raises AnsibleKMSError."""
    given = [name for name in PLAINTEXT_OPTIONS if options.get(name) is not None]
    if len(given) > 1:
        raise invalid(f"{' and '.join(given)} exclude each other; give the material once")
    loose = LOOSE_FILE in (options.get("allow") or ())
    if not given:
        return None
    if given[0] == "components":
        parts = [_component(number, one, loose) for number, one in enumerate(options["components"], start=1)]
        return Given(combined(parts), COMPONENTS, "components")
    if given[0] == "key_material":
        return Given(decode_base64("key_material", options["key_material"]), INLINE, "key_material")
    path = options["key_material_file"]
    return Given(read_file(path, loose), FILE, f"key_material_file {path}")


def _component(number: int, options: Mapping[str, Any], loose: bool) -> Component:
    text, path = options.get("key_material"), options.get("key_material_file")
    if (text is None) == (path is None):
        raise invalid(f"component {number} needs one of key_material and key_material_file")
    if text is not None:
        content, place = decode_base64(f"key_material of component {number}", text), f"component {number}"
    else:
        content, place = read_file(str(path), loose), f"component {number} (key_material_file {path})"
    return Component(content, str(options["check_value"]), place)
