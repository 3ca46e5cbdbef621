# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns BER into DER: indefinite lengths, long-winded lengths and strings in pieces."""

from __future__ import annotations

from dataclasses import dataclass

CONSTRUCTED = 0x20
INTEGER = 0x02
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
MAX_DEPTH = 16


class EncodingError(ValueError):
    """Not BER."""


@dataclass(frozen=True)
class Node:
    """One value; a constructed one has children, a primitive one has content."""

    tag: int
    content: bytes
    children: tuple[Node, ...] = ()

    def to_der(self) -> bytes:
        body = b"".join(child.to_der() for child in self.children) if self.tag & CONSTRUCTED else self.content
        return bytes([self.tag]) + _encoded_length(len(body)) + body


def parse(data: bytes) -> Node:
    """The one value that the data consist of."""
    node, end = _parse_at(data, 0, len(data), 0)
    if end != len(data):
        raise EncodingError("data after the end")
    return node


def _parse_at(data: bytes, start: int, limit: int, depth: int) -> tuple[Node, int]:
    if depth > MAX_DEPTH or start + 2 > limit:
        raise EncodingError("too deep or too short")
    tag = data[start]
    if tag & 0x1F == 0x1F:
        raise EncodingError("a tag of several bytes")
    length, body = _decoded_length(data, start + 1, limit)
    if length is None:
        return _parse_indefinite(data, tag, body, limit, depth)
    end = body + length
    if end > limit:
        raise EncodingError("longer than the data")
    if tag & CONSTRUCTED:
        return _constructed(tag, _parse_all(data, body, end, depth)), end
    return Node(tag, data[body:end]), end


def _parse_all(data: bytes, start: int, end: int, depth: int) -> list[Node]:
    children = []
    while start < end:
        child, start = _parse_at(data, start, end, depth + 1)
        children.append(child)
    return children


def _parse_indefinite(data: bytes, tag: int, start: int, limit: int, depth: int) -> tuple[Node, int]:
    if not tag & CONSTRUCTED:
        raise EncodingError("a primitive value of indefinite length")
    children = []
    while data[start : start + 2] != b"\x00\x00":
        child, start = _parse_at(data, start, limit, depth + 1)
        children.append(child)
    return _constructed(tag, children), start + 2


def _constructed(tag: int, children: list[Node]) -> Node:
    if tag == OCTET_STRING | CONSTRUCTED:
        return Node(OCTET_STRING, b"".join(child.content for child in children))
    return Node(tag, b"", tuple(children))


def _decoded_length(data: bytes, at: int, limit: int) -> tuple[int | None, int]:
    first = data[at]
    if first == 0x80:
        return None, at + 1
    if first < 0x80:
        return first, at + 1
    end = at + 1 + (first & 0x7F)
    if end > limit:
        raise EncodingError("the length is cut off")
    return int.from_bytes(data[at + 1 : end], "big"), end


def _encoded_length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits
