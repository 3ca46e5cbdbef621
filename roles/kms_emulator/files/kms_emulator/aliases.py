# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The aliases of one account and Region. Where moto keeps them has changed between its versions."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

from moto.kms import models

# Since 5.2 moto has aliases as resources of its CloudFormation, which asks them how to be moved and deleted, and
# sets attributes of its own on them.
_MotoAlias: Any = getattr(models, "Alias", object)


class Alias(_MotoAlias):  # type: ignore[misc]
    """A name for a key."""

    def __init__(self, name: str, arn: str, key_id: str, now: float) -> None:
        self.alias_name = name
        self.alias_arn = arn
        self.target_key_id = key_id
        self.created = now
        self.updated = now

    def moved(self, key_id: str, now: float) -> Alias:
        """The same name for another key; this one stays as it is, for readers that lag."""
        other = copy.copy(self)
        other.target_key_id = key_id
        other.updated = now
        return other


class AliasBook:
    """All aliases by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Alias] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def target(self, name: str) -> str | None:
        alias = self._by_name.get(name)
        return alias.target_key_id if alias else None

    def add(self, name: str, arn: str, key_id: str, now: float) -> Alias:
        alias = self._by_name[name] = Alias(name, arn, key_id, now)
        return alias

    def move(self, name: str, key_id: str, now: float) -> Alias:
        alias = self._by_name[name] = self._by_name[name].moved(key_id, now)
        return alias

    def remove(self, name: str) -> None:
        self._by_name.pop(name, None)

    def remove_all_of(self, key_id: str) -> None:
        for alias in self.of(key_id):
            self.remove(alias.alias_name)

    def of(self, key_id: str) -> list[Alias]:
        return [alias for alias in self._by_name.values() if alias.target_key_id == key_id]

    def by_key(self) -> dict[str, list[Alias]]:
        grouped: dict[str, list[Alias]] = defaultdict(list)
        for alias in self._by_name.values():
            grouped[alias.target_key_id].append(alias)
        return grouped
