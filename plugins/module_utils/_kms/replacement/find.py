# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what a replacement needs to know: the key that is named, and the other of the two, if an earlier run made it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any
from typing import Callable

from ..external_key import find as external_key_find
from ..external_key.models import TOKEN_TAG
from ..key import models
from ..key.models import Request
from ..material.find import for_key
from ..material.find import read_key
from ..service import connection
from ..service import operations
from ..service.errors import NOT_FOUND
from ..service.errors import UNSEEN
from ..service.errors import AnsibleKMSError
from ..service.errors import refused
from ..service.pacing import Throttle
from ..service.pacing import each
from .plan import REPLACED_BY
from .plan import Party
from .plan import replaced_id


def read_party(kms: connection.Connection, request: Request, refusal: Callable[[models.Key], str | None]) -> Party:
    """The key of a request with its tags and aliases. Raises AnsibleKMSError, also for what refusal says of it."""
    key = read_key(kms, request)
    problem = refusal(key)
    if problem:
        raise refused(problem)
    kms = for_key(kms, request, key)
    return Party(key, operations.get_tags(kms, key.arn), _aliases(kms, key.arn))


def _aliases(kms: connection.Connection, arn: str) -> dict[str, datetime | None]:
    found: list[Any] = operations.pages(kms, "ListAliases", "Aliases", KeyId=arn, Limit=100)
    return {one["AliasName"]: one.get("CreationDate") for one in sorted(found, key=lambda one: str(one["AliasName"]))}


def successor(
    kms: connection.Connection, request: Request, named: Party, refusal: Callable[[models.Key], str | None]
) -> Party | None:
    """The key that a tag says was made to replace this one. One that is on its way out was given up."""
    arn = named.tags.get(REPLACED_BY)
    if arn is None:
        return None
    # It may be seconds old, and that KMS does not know it yet must not lead to another one.
    try:
        found = read_party(kms.for_young_key(request.wait), request.of(arn), refusal)
    except AnsibleKMSError as error:
        if error.code != NOT_FOUND:
            raise
        raise refused(
            f"the tag {REPLACED_BY} of the key {named.key.arn} names {arn}, which does not exist; if KMS has deleted "
            "it, remove the tag, and run the task again"
        ) from None
    return None if found.key.key_state in models.DELETION_STATES else found


def predecessor(
    kms: connection.Connection, request: Request, key_id: str, refusal: Callable[[models.Key], str | None]
) -> Party | None:
    """The key that was replaced; None when KMS has deleted it meanwhile."""
    try:
        return read_party(kms.for_young_key(False), request.of(key_id), refusal)
    except AnsibleKMSError as error:
        if error.code != NOT_FOUND:
            raise
        return None


@dataclass
class KeyCreator:
    """The replacements among the keys of the Region, by the key that each replaces.

    They are looked for once in a call, and only when a key may have to be made: an earlier run may have died after
    CreateKey. That costs one DescribeKey for every key, and one ListResourceTags for each of origin EXTERNAL.
    """

    kms: connection.Connection
    _found: dict[str, list[str]] | None = None
    _known: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def replacements_of(self, key_id: str) -> tuple[str, ...]:
        """ARNs. Raises AnsibleKMSError."""
        with self._lock:
            if self._found is None:
                self._found = self._look()
            return tuple(self._found.get(key_id, ()))

    @property
    def known(self) -> frozenset[str]:
        """The keys that need not be looked at again."""
        with self._lock:
            return frozenset(self._known)

    def add(self, arn: str) -> None:
        """A key that this call has made."""
        with self._lock:
            self._known.add(arn)

    def _look(self) -> dict[str, list[str]]:
        arns = operations.list_keys(self.kms)
        self._known.update(arns)
        found: dict[str, list[str]] = {}
        for arn, replaced in zip(arns, each(self._replaced_by, arns)):
            if replaced:
                found.setdefault(replaced, []).append(arn)
        return found

    def _replaced_by(self, arn: str) -> str | None:
        """The ID of the key that this one replaces. Keys that the caller may not read are passed over."""
        own = connection.Connection(self.kms.client, arn, Throttle(self.kms.throttle.pacer))
        key = external_key_find.or_none(lambda: operations.describe_key(own, arn), UNSEEN)
        if key is None or key.origin != models.EXTERNAL or key.in_deletion:
            return None
        tags = external_key_find.or_none(lambda: operations.get_tags(own, arn), UNSEEN) or {}
        return replaced_id(tags.get(TOKEN_TAG))
