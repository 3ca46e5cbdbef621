# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags and aliases."""

from __future__ import annotations

import re
from typing import Any

from moto.kms.utils import RESERVED_ALIASES

from kms_emulator import specs
from kms_emulator.aliases import Alias
from kms_emulator.errors import KmsError
from kms_emulator.errors import limit_exceeded
from kms_emulator.errors import validation
from kms_emulator.identifiers import resolve
from kms_emulator.key import EmulatedKey
from kms_emulator.operations.base import EMPTY
from kms_emulator.operations.base import Operation
from kms_emulator.operations.base import answer

MAX_TAGS = 50
MAX_ALIASES = 50
ALIAS_PREFIX = (
    'Alias must start with the prefix "alias/". '
    "Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)


def check_tags(tags: list[dict[str, str]], present: list[dict[str, str]]) -> None:
    """What KMS refuses about tags."""
    names = [tag["TagKey"] for tag in tags]
    if any(name.lower().startswith("aws:") for name in names):
        raise KmsError("TagException", "Tags beginning with aws: are reserved")
    if len(set(names)) < len(names):
        raise KmsError("TagException", "Duplicate tag keys")
    if len({*names, *(tag["TagKey"] for tag in present)}) > MAX_TAGS:
        raise KmsError("TagException", "Too many tags")


class TagOperations(Operation):
    """Tags, kept by moto's tagging service."""

    def tag_resource(self) -> str:
        key = self.usable_key()
        tags = self.params.get("Tags") or []
        check_tags(tags, self.kms_backend.tags_of(key))
        with self.kms_backend.change(key):
            self.kms_backend.tagger.tag_resource(key.id, tags)
        return EMPTY

    def untag_resource(self) -> str:
        key = self.usable_key()
        with self.kms_backend.change(key):
            self.kms_backend.tagger.untag_resource_using_names(key.id, self.params.get("TagKeys") or [])
        return EMPTY

    def list_resource_tags(self) -> str:
        key = self.visible_key()
        return answer(self.page(self.kms_backend.visible_tags(key), "Tags", 50))


class AliasOperations(Operation):
    """Aliases, kept by moto's keys."""

    def create_alias(self) -> str:
        name = _checked_alias(self.params["AliasName"])
        key = self.usable_key("TargetKeyId")
        if self.kms_backend.alias_exists(name):
            arn = self.kms_backend.arn_of(name)
            raise KmsError("AlreadyExistsException", f"An alias with the name {arn} already exists")
        if len(self.kms_backend.alias_book.of(key.id)) >= MAX_ALIASES:
            # The limit is documented; the text is not.
            raise limit_exceeded(f"{key.arn} has {MAX_ALIASES} aliases.")
        with self.kms_backend.change(key):
            self.kms_backend.create_alias(key.id, name)
        return EMPTY

    def update_alias(self) -> str:
        name = _checked_alias(self.params["AliasName"])
        key = self.usable_key("TargetKeyId")
        former = self._owner(name)
        if (specs.kind(former.key_spec), former.key_usage) != (specs.kind(key.key_spec), key.key_usage):
            # That both must be alike, in this sense, is documented; the text is not.
            raise validation("The current and the new KMS key of an alias must have the same type and key usage.")
        with self.kms_backend.change(former), self.kms_backend.change(key):
            self.kms_backend.update_alias(key.id, name)
        return EMPTY

    def delete_alias(self) -> str:
        owner = self._owner(_checked_alias(self.params["AliasName"]))
        with self.kms_backend.change(owner):
            self.kms_backend.delete_alias(self.params["AliasName"])
        return EMPTY

    def list_aliases(self) -> str:
        named = self.params.get("KeyId")
        keys = [self.find_key()] if named else self.kms_backend.live_keys()
        found = sorted(self.kms_backend.visible_aliases(keys), key=lambda alias: alias.alias_name)
        return answer(self.page([_shown(alias) for alias in found], "Aliases", 50))

    def _owner(self, name: str) -> EmulatedKey:
        self.resolved = resolve(self.kms_backend, name, "DescribeKey")
        return self.resolved


def _checked_alias(name: str) -> str:
    if not name.startswith("alias/"):
        raise validation(ALIAS_PREFIX)
    if name in RESERVED_ALIASES or name.startswith("alias/aws/"):
        raise KmsError("NotAuthorizedException")
    if ":" in name or not re.fullmatch(r"[a-zA-Z0-9/_-]+", name):
        raise validation(f"{name} contains invalid characters for an alias")
    return name


def _shown(alias: Alias) -> dict[str, Any]:
    return {
        "AliasName": alias.alias_name,
        "AliasArn": alias.alias_arn,
        "TargetKeyId": alias.target_key_id,
        "CreationDate": round(alias.created, 3),
        "LastUpdatedDate": round(alias.updated, 3),
    }
