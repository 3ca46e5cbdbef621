# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults on demand: rules that say which call fails, and how."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

ACTIONS = ("code", "drop_before", "drop_after", "delay_seconds", "delay_after_seconds")
MEMBERS = frozenset({"operation", "nth", "every", "key_id", "times", "message", *ACTIONS})


class FaultError(ValueError):
    """A rule that makes no sense."""


@dataclass
class FaultRule:
    """One rule, and how often it matched and fired."""

    operation: str | None = None
    key_id: str | None = None
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    code: str | None = None
    message: str | None = None
    drop_before: bool = False
    drop_after: bool = False
    delay_seconds: float = 0.0
    delay_after_seconds: float = 0.0
    matched: int = 0
    fired: int = 0

    @classmethod
    def from_dict(cls, members: dict[str, Any]) -> FaultRule:
        """Check a rule as it came in."""
        _check_members(members)
        _check_counts(members)
        return cls(**members)

    def fires(self) -> bool:
        """Count one matching call and say whether the rule strikes."""
        self.matched += 1
        if self.times is not None and self.fired >= self.times:
            return False
        due = self._due()
        self.fired += due
        return due

    def _due(self) -> bool:
        if self.nth is not None:
            return self.nth <= self.matched < self.nth + (self.times or 1)
        return self.matched % (self.every or 1) == 0


def _check_members(members: dict[str, Any]) -> None:
    unknown = sorted(set(members) - MEMBERS)
    if unknown:
        raise FaultError(f"unknown member {', '.join(unknown)} in a fault rule")
    chosen = [action for action in ACTIONS if members.get(action)]
    if len(chosen) != 1:
        raise FaultError(f"a fault rule needs exactly one of {', '.join(ACTIONS)}; this one has {chosen or 'none'}")


def _check_counts(members: dict[str, Any]) -> None:
    if members.get("nth") is not None and members.get("every") is not None:
        raise FaultError("a fault rule has nth or every, not both")
    for name in ("nth", "every", "times"):
        value = members.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise FaultError(f"{name} must be a whole number above 0, not {value!r}")


@dataclass(frozen=True)
class Fault:
    """What strikes one call."""

    code: str | None = None
    message: str | None = None
    drop_before: bool = False
    drop_after: bool = False
    delay_before: float = 0.0
    delay_after: float = 0.0


NO_FAULT = Fault()


class FaultBook:
    """The rules in force."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()

    def configure(self, rules: Iterable[dict[str, Any]]) -> None:
        """Replace all rules."""
        parsed = [FaultRule.from_dict(rule) for rule in rules]
        with self._lock:
            self._rules = parsed

    def strike(self, operation: str, is_key: Callable[[str], bool]) -> Fault:
        """What happens to this call: delays add up, the first rule that fails the call decides how."""
        if not self._rules:
            return NO_FAULT
        with self._lock:
            fired = [rule for rule in self._rules if _matches(rule, operation, is_key) and rule.fires()]
        return _combined(fired)


def _matches(rule: FaultRule, operation: str, is_key: Callable[[str], bool]) -> bool:
    if rule.operation is not None and rule.operation != operation:
        return False
    return rule.key_id is None or is_key(rule.key_id)


def _combined(fired: list[FaultRule]) -> Fault:
    if not fired:
        return NO_FAULT
    failing = next((rule for rule in fired if rule.code or rule.drop_before or rule.drop_after), None)
    return Fault(
        code=failing.code if failing else None,
        message=failing.message if failing else None,
        drop_before=bool(failing and failing.drop_before),
        drop_after=bool(failing and failing.drop_after),
        delay_before=sum(rule.delay_seconds for rule in fired),
        delay_after=sum(rule.delay_after_seconds for rule in fired),
    )
