# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key material in an option that is not made for it, known by its looks: no message and no log may repeat it. Pure.

Ansible masks the values of options that it knows to be secret. What lands in another one, it shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ..key.identifiers import KEY_ID_INSIDE_RE

# Base64 (RFC 4648, both alphabets) of 16 bytes has 22 characters before its padding.
_BASE64_RE = re.compile(r"[A-Za-z0-9+/_-]{22,}=*")
# What bytes that were read as a text have many of, and texts next to none.
_RAW_RE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_RAW = 3
_HEX_RE = re.compile(r"[0-9A-Fa-f]{32,}")
_HEX_PAIRS_RE = re.compile(r"(?:[0-9A-Fa-f]{2}[: ]){15,}[0-9A-Fa-f]{2}")
# What AWS itself makes of such digits, beside key IDs: the IDs of materials.
_MATERIAL_ID_INSIDE_RE = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_PATH_RE = re.compile(r"(?:~[a-z0-9_-]*|\.{1,2})?/")
# The pieces that names are made of.
_PIECE_RE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# How long these are on the average in a name. Of a million texts in base64 of 48 random bytes a few come that far; that
# of 28, 32 and 64 bytes is known by its padding.
_NAME_LIKE = 3.5
_SHORT_PART = 12
_SHORT_WORD = 20

# Settings for botocore, among them the credentials of proxies.
_OTHER_SECRETS = ("aws_config",)


def resembles_material(text: str) -> bool:
    """Whether a text may be key material: PEM, base64 of 16 bytes or more, 32 hexadecimal digits or more, or raw bytes.

    Key IDs, ARNs, paths and other names are told from that by how they are put together.
    """
    if "-----BEGIN" in text or len(_RAW_RE.findall(text)) >= _RAW:
        return True
    text = KEY_ID_INSIDE_RE.sub("", text).strip()
    if _PATH_RE.match(text) and "\n" not in text:
        return _path_resembles_material(text)
    if _HEX_RE.search(text) or _HEX_PAIRS_RE.search(text):
        return True
    words = text.split()
    # Lines that a text tool has broken are of one length.
    broken = len({len(word) for word in words[:-1]}) == 1 and len(words[0]) > 7
    runs = _BASE64_RE.findall("".join(words) if broken else text)
    return any(not _is_name(run, run.startswith("alias/")) for run in runs)


def _path_resembles_material(path: str) -> bool:
    """One of 64 texts in base64 begins as a path does. Files may be named after a hash."""
    runs = _BASE64_RE.findall(_HEX_RE.sub("", path))
    return any(run.endswith("=") or not (set(path) & set("-_.") or _is_name(run, True)) for run in runs)


def _is_name(run: str, parted: bool) -> bool:
    """Whether a run of characters that base64 has is a name that people gave. parted: it is a path or an alias."""
    if run.endswith("="):
        return False
    pieces = _PIECE_RE.findall(run)
    if sum(map(len, pieces)) >= _NAME_LIKE * len(pieces):
        return True
    if parted and all(len(part) <= _SHORT_PART for part in run.split("/")):
        return True
    # Of the two alphabets only that for URLs has these, and many names do.
    joined = "+" not in run and ("-" in run or "_" in run)
    return joined and all(len(word) <= _SHORT_WORD for word in re.split("[-_/]", run))


def shown(text: Any) -> str:
    """A text for a message, or in its place that it is not shown."""
    return "(not shown, since it looks like key material)" if resembles_material(str(text)) else str(text)


def misplaced_problem(name: str) -> str:
    """The sentence for an option of this name."""
    return (
        f"{name} holds what looks like key material (it is not shown); material belongs in key_material, or in a file "
        "that key_material_file names"
    )


def named_options(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an argument spec by each of their names, aliases included."""
    return {name: one for main, one in spec.items() for name in (main, *one.get("aliases", ()))}


def misplaced(spec: Mapping[str, Any], options: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """What may be key material in options that are not masked: the name of each, and the text.

    spec: an argument spec as Ansible knows it. Options that it does not have are not looked at.
    """
    known = named_options(spec)
    for name, value in options.items():
        one = known.get(name)
        if one is None or one.get("no_log") is True or name in _OTHER_SECRETS:
            continue
        for inner, text in _texts(one, value):
            if text not in map(str, one.get("choices") or ()) and _is_misplaced(inner or name, text):
                yield f"{inner} in {name}" if inner else name, text


def _is_misplaced(name: str, text: str) -> bool:
    if name == "wrapping_key_fingerprint":
        # As people write it down: in groups.
        text = re.sub(r"[\s:]", "", text)
    if name in ("key_material_id", "wrapping_key_fingerprint"):
        return not _MATERIAL_ID_INSIDE_RE.fullmatch(text) and resembles_material(text)
    if name == "key_material_description" and not _MATERIAL_ID_INSIDE_RE.fullmatch(text.strip()):
        text = _MATERIAL_ID_INSIDE_RE.sub("", text)
    return resembles_material(text)


def _texts(one: Mapping[str, Any], value: Any) -> Iterator[tuple[str, str]]:
    """Every text in the value of an option, with the name of the suboption that it belongs to."""
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(one, each)
    elif isinstance(value, Mapping) and "options" in one:
        yield from misplaced(one["options"], value)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield "", str(key)
            yield from _texts(one, each)
    elif value is not None and not isinstance(value, bool):
        yield "", str(value)
