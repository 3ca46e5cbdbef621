# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The language of the tables.

A string with ``{names}`` is a template: a name that is known stands for its value, a new one takes the value
that is seen. So IDs are learned at their first sight and must agree ever after.
"""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

SUCCESS = "Success"
EAST = "us-east-1"
WEST = "us-west-2"

PATTERNS = {
    "key": r"mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "account": r"[0-9]{12}",
    "material": r"[0-9a-f]{64}",
}

Check = Callable[["Scene"], "str | None"]


@dataclass(frozen=True)
class Row:
    """One recorded call."""

    case: str
    operation: str
    request: dict[str, Any]
    answer: Any = None
    """What a success answers, every field of it; None when there is nothing."""
    code: str = SUCCESS
    message: str = ""
    region: str = EAST
    advance: float = 0.0
    """Seconds by which the clock is put forward before the call."""


def refused(case: str, operation: str, request: dict[str, Any], code: str, message: str = "", **more: Any) -> Row:
    return Row(case, operation, request, code=code, message=message, **more)


@dataclass
class Scene:
    """What is known so far in one replay."""

    now: Callable[[], float]
    names: dict[str, str] = field(default_factory=dict)
    instants: dict[str, datetime.datetime] = field(default_factory=dict)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The answers of GetParametersForImport by the name of their case."""


def _pattern(name: str) -> str:
    return PATTERNS[re.sub(r"_?[0-9A-Z].*$", "", name)]


def match_text(template: str, text: str, scene: Scene) -> str | None:
    """A complaint, or None after learning what was new."""
    regex, new = "", []
    for part in re.split(r"({[a-zA-Z0-9_]+})", template):
        name = part[1:-1] if part.startswith("{") and part.endswith("}") and len(part) > 2 else ""
        if not name:
            regex += re.escape(part)
        elif name in scene.names:
            regex += re.escape(scene.names[name])
        else:
            regex += f"(?P<{name}>{_pattern(name)})" if name not in new else f"(?P={name})"
            new.append(name)
    found = re.fullmatch(regex, text)
    if found is None:
        return f"{text!r} is not {template!r}"
    learned = found.groupdict()
    known = set(scene.names.values()) & set(learned.values())
    scene.names.update(learned)
    return f"{known} stands for two things" if known else None


def match(expected: Any, seen: Any, scene: Scene, path: str = "") -> list[str]:
    """Everything in which the two differ."""
    if isinstance(expected, Matcher):
        complaint = expected.check(seen, scene)
    elif isinstance(expected, dict) and isinstance(seen, dict):
        return _match_members(expected, seen, scene, path)
    elif isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        pairs = enumerate(zip(expected, seen))
        return [problem for index, pair in pairs for problem in match(*pair, scene, f"{path}[{index}]")]
    elif isinstance(expected, str) and isinstance(seen, str):
        complaint = match_text(expected, seen, scene)
    else:
        complaint = None if expected == seen and type(expected) is type(seen) else f"{seen!r} is not {expected!r}"
    return [f"{path}: {complaint}"] if complaint else []


def _match_members(expected: dict[str, Any], seen: dict[str, Any], scene: Scene, path: str) -> list[str]:
    problems = [f"{path}.{name}: missing" for name in expected.keys() - seen.keys()]
    problems += [f"{path}.{name}: unexpected {seen[name]!r}" for name in seen.keys() - expected.keys()]
    for name in expected:
        if name in seen:
            problems += match(expected[name], seen[name], scene, f"{path}.{name}")
    return problems


class Matcher:
    """Something expected that is not a plain value."""

    def check(self, seen: Any, scene: Scene) -> str | None:
        raise NotImplementedError


@dataclass(frozen=True)
class Instant(Matcher):
    """A time with a name, the same wherever the name appears; ``ahead`` is where it lies from now when first seen."""

    name: str
    ahead: float = 0.0
    tolerance: float = 5.0

    def check(self, seen: Any, scene: Scene) -> str | None:
        if not isinstance(seen, datetime.datetime):
            return f"{seen!r} is not a time"
        if self.name in scene.instants:
            return None if seen == scene.instants[self.name] else f"{seen} is not {scene.instants[self.name]}"
        distance = seen.timestamp() - scene.now() - self.ahead
        scene.instants[self.name] = seen
        return None if abs(distance) <= self.tolerance else f"{seen} is {distance} s off"


@dataclass(frozen=True)
class Judged(Matcher):
    """Bytes, or anything else, that a function looks at."""

    judge: Callable[[Any, Scene], bool]
    what: str

    def check(self, seen: Any, scene: Scene) -> str | None:
        return None if self.judge(seen, scene) else f"not {self.what}: {shown(seen)}"


@dataclass(frozen=True)
class Moment:
    """In a request: a time so many seconds from now, in whole seconds, remembered under a name."""

    ahead: float
    name: str = ""


@dataclass(frozen=True)
class Material:
    """In a request: these bytes, wrapped with the parameters that a case obtained."""

    plaintext: Callable[[], bytes]
    parameters: str


def shown(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else repr(value)
