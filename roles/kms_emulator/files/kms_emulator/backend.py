# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""moto's KMS backend of one account and Region, with the emulator's keys in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from moto.kms import urls
from moto.kms.models import Key
from moto.kms.models import KmsBackend

from kms_emulator import crypto
from kms_emulator import material
from kms_emulator import specs
from kms_emulator.aliases import Alias
from kms_emulator.aliases import AliasBook
from kms_emulator.arns import arn
from kms_emulator.errors import key_does_not_exist
from kms_emulator.key import EmulatedKey
from kms_emulator.lineage import CURRENT
from kms_emulator.lineage import STAGED
from kms_emulator.lineage import Entry
from kms_emulator.runtime import runtime
from kms_emulator.timeline import settle


@dataclass
class Account:
    """What the Regions of an account share. One lock suffices: multi-Region keys change in several at once."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    material_owners: dict[str, str] = field(default_factory=dict)
    """From the ID of a material to that of its key: a ciphertext names its material only."""
    backends: dict[str, EmulatedKmsBackend] = field(default_factory=dict)
    """By Region."""


@dataclass(frozen=True)
class _View:
    """What readers saw until a change; ``key`` is None when there was no key yet."""

    changed_at: float
    key: EmulatedKey | None
    tags: list[dict[str, str]] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)


_accounts: dict[str, Account] = {}


class EmulatedKmsBackend(KmsBackend):
    """Keys, aliases and tags of one account and Region."""

    def __init__(self, region_name: str, account_id: str | None = None) -> None:
        super().__init__(region_name, account_id)
        self.account = _accounts.setdefault(self.account_id, Account())
        self.account.backends[region_name] = self
        self.alias_book = AliasBook()
        self._views: dict[str, list[_View]] = {}

    @property
    def _url_module(self) -> Any:
        """moto derives it from the name of the module, which is not moto's here."""
        return urls

    @property
    def lock(self) -> threading.RLock:
        return self.account.lock

    def arn_of(self, resource: str) -> str:
        """The ARN of something in this account and Region."""
        return arn(self.region_name, self.account_id, resource)

    # -- keys ---------------------------------------------------------------------------------------------------

    def create_key(
        self,
        policy: str | None,
        key_usage: str,
        key_spec: str,
        description: str,
        tags: list[dict[str, str]] | None,
        multi_region: bool = False,
        origin: str = "AWS_KMS",
    ) -> Key:
        """moto's signature, which its other services call too."""
        creation = {
            "policy": policy,
            "key_usage": key_usage or specs.ENCRYPT_DECRYPT,
            "key_spec": key_spec or specs.SYMMETRIC,
            "description": description,
            "multi_region": multi_region,
            "origin": origin,
        }
        return self.add_key(creation, tags)

    def add_key(self, creation: dict[str, Any], tags: list[dict[str, str]] | None) -> EmulatedKey:
        key = EmulatedKey(self.account_id, self.region_name, creation, runtime.clock.now())  # type: ignore[abstract]
        self._views[key.id] = [_View(runtime.clock.now(), None)] if runtime.settings.lag_seconds else []
        self.keys[key.id] = key
        if tags:
            self.tagger.tag_resource(key.id, tags)
        if not key.is_external and not creation.get("key_id"):
            self.stage_generated(key).state = CURRENT
        return key

    def stage_generated(self, key: EmulatedKey) -> Entry:
        """Fresh material for a key of origin AWS_KMS, in all its Regions."""
        secret = material.generated(key.key_spec)
        entry = key.lineage.add(Entry(material.material_id(key.id, secret), STAGED))
        self.own(key, entry)
        for each in key.regions:
            each.copy_of(entry).load(secret, None, None)
        return entry

    def own(self, key: EmulatedKey, entry: Entry) -> None:
        self.account.material_owners[entry.material_id] = key.id

    def forget(self, key: EmulatedKey) -> None:
        """The end of a key, in whichever Region of the account it lies."""
        home = self.account.backends[key.region]
        home.delete_key(key.id)
        home.alias_book.remove_all_of(key.id)
        home._views.pop(key.id, None)

    def live_key(self, key_id: str) -> EmulatedKey | None:
        """The key as it is, everything that was due having happened."""
        key = self.keys.get(key_id)
        if key is None:
            return None
        settle(key, runtime.clock.now(), self)  # type: ignore[arg-type]
        return self.keys.get(key_id)  # type: ignore[return-value]

    def live_keys(self) -> list[EmulatedKey]:
        found = (self.live_key(key_id) for key_id in list(self.keys))
        return [key for key in found if key is not None]

    def describe_key(self, key_id: str) -> Key:
        key = self.live_key(self.any_id_to_key_id(key_id))
        if key is None:
            raise key_does_not_exist(key_id)
        return key

    # -- aliases: moto's methods, which its other services call too ---------------------------------------------

    def create_alias(self, target_key_id: str, alias_name: str) -> Any:
        key_id = self.get_key_id(target_key_id)
        return self.alias_book.add(alias_name, self.arn_of(alias_name), key_id, runtime.clock.now())

    def update_alias(self, target_key_id: str, alias_name: str) -> Any:
        return self.alias_book.move(alias_name, self.get_key_id(target_key_id), runtime.clock.now())

    def delete_alias(self, alias_name: str) -> None:
        self.alias_book.remove(alias_name)

    def alias_exists(self, alias_name: str) -> bool:
        return alias_name in self.alias_book

    def get_key_id_from_alias(self, alias_name: str) -> str | None:
        return self.alias_book.target(alias_name) or self._generate_default_keys(alias_name)

    def alias_target(self, alias_name: str, lagging: bool = False) -> str | None:
        """The key behind an alias, or behind the one that readers still see."""
        if not lagging or not runtime.settings.lag_seconds:
            return self.get_key_id_from_alias(alias_name)
        shown = self.visible_aliases(self.live_keys())
        return next((alias.target_key_id for alias in shown if alias.alias_name == alias_name), None)

    def visible_aliases(self, keys: list[EmulatedKey]) -> list[Alias]:
        """The aliases of some keys, as readers see them."""
        live = self.alias_book.by_key()
        shown: list[Alias] = []
        for key in keys:
            view = self._view(key)
            shown += live.get(key.id, []) if view is None else view.aliases
        return shown

    # -- eventual consistency -----------------------------------------------------------------------------------

    @contextmanager
    def change(self, key: EmulatedKey) -> Iterator[None]:
        """Around everything that changes a key."""
        self.remember(key)
        try:
            yield
        finally:
            key.touch()

    def remember(self, key: EmulatedKey, at: float | None = None) -> None:
        """Keep what readers see of a key and its relatives; ``at`` is when the change was due, if it came late."""
        if not runtime.settings.lag_seconds:
            return
        changed_at = runtime.clock.now() if at is None else at
        for each in key.regions:
            home = self.account.backends[each.region]
            view = _View(changed_at, each.frozen(), home.tags_of(each), home.alias_book.of(each.id))
            home._views.setdefault(each.id, []).append(view)

    def visible(self, key: EmulatedKey) -> EmulatedKey | None:
        """The key as readers see it: some time ago, if reads lag; None if they see no key yet."""
        view = self._view(key)
        return key if view is None else view.key

    def visible_tags(self, key: EmulatedKey) -> list[dict[str, str]]:
        """The tags of a key, as readers see them."""
        view = self._view(key)
        return self.tags_of(key) if view is None else view.tags

    def tags_of(self, key: EmulatedKey) -> list[dict[str, str]]:
        return list(self.tagger.list_tags_for_resource(key.id)["Tags"])

    def _view(self, key: EmulatedKey) -> _View | None:
        """What readers still see of a key; None if they are up to date."""
        lag = runtime.settings.lag_seconds
        views = self._views.get(key.id)
        if not lag or not views:
            return None
        horizon = runtime.clock.now() - lag
        while views and views[0].changed_at <= horizon:
            views.pop(0)
        return views[0] if views else None

    # -- cryptography, for moto's other services ----------------------------------------------------------------

    def encrypt(self, key_id: str, plaintext: bytes, encryption_context: dict[str, str]) -> tuple[bytes, str]:
        key = self.describe_key(key_id)
        return crypto.seal(key, plaintext, encryption_context), key.arn  # type: ignore[arg-type]
