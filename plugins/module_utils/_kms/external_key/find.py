# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the key that is meant, and read what a plan needs to know of it.

A key that exists under the alias, or is named, costs four reads. Only when a key may have to be created are
others looked at: an earlier run may have died after CreateKey, and left a key that has nothing but a tag to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from typing import Callable
from typing import TypeVar

from ..key import models
from ..key.models import Key
from ..service import connection
from ..service import operations
from ..service import waiters
from ..service.account import Identify
from ..service.account import require_account
from ..service.account import require_caller
from ..service.errors import ACCESS_DENIED
from ..service.errors import NOT_FOUND
from ..service.errors import UNSEEN
from ..service.errors import AnsibleKMSError
from ..service.errors import refused
from ..service.pacing import Throttle
from ..service.pacing import each
from . import operations as key_operations
from .models import TOKEN_TAG
from .models import ExternalKeyRequest
from .models import Found

T = TypeVar("T")


def find(kms: connection.Connection, request: ExternalKeyRequest, identify: Identify) -> Found:
    """The key that is meant, with everything that is known of it. Raises AnsibleKMSError.

    identify: tells the account of the credentials, where one is expected and no key shows it.
    """
    found = _found(kms, request)
    if found.key is None:
        require_caller(found.known, request.expected_account, identify)
        return found
    require_account(request.name, found.key.arn, request.expected_account)
    key = settled(kms, request, found.key)
    kms = for_key(kms, request, key)
    if key.in_deletion and request.present and key.symmetric and key.current_key_material_id is not None:
        # The metadata of a key in deletion do not say for certain whether its material is there.
        listed = or_none(lambda: operations.list_materials(kms, key.arn), (ACCESS_DENIED,))
        key = replace(key, materials=listed or ())
    if not request.present:
        return replace(found, key=key)
    key = enriched(kms, request, key)
    return replace(found, key=key, alias_owner=_alias_owner(kms, request, key) if request.key_id else found.alias_owner)


def for_key(kms: connection.Connection, request: ExternalKeyRequest, key: Key) -> connection.Connection:
    """The connection for further calls on a key that was read: they wait until KMS knows a new key everywhere."""
    return kms.for_young_key(kms.young or (request.wait and key.young))


def _found(kms: connection.Connection, request: ExternalKeyRequest) -> Found:
    if request.key_id:
        return Found(_named(kms, request, request.key_id))
    if request.creation_token:
        return by_token(kms, request)
    key = or_none(lambda: operations.describe_key(kms, request.name))
    return Found(key, key) if key else half_made(kms, request)


def _named(kms: connection.Connection, request: ExternalKeyRequest, key_id: str) -> Key | None:
    """The key of an identifier. With state absent it may be gone already."""
    try:
        return operations.describe_patiently(kms, key_id, request.wait and request.present)
    except AnsibleKMSError as error:
        if error.code != NOT_FOUND or request.present:
            raise
    return None


def or_none(read: Callable[[], T], codes: Sequence[str] = (NOT_FOUND,)) -> T | None:
    """What is read, or None when it is not there, or not for us."""
    try:
        return read()
    except AnsibleKMSError as error:
        if error.code not in codes:
            raise
    return None


def settled(kms: connection.Connection, request: ExternalKeyRequest, key: Key) -> Key:
    """The key once it is no longer Creating or Updating, if it is to be waited for."""
    if key.key_state not in models.TRANSIENT_STATES or not request.wait:
        return key
    seen = [key]

    def look() -> dict[str, Any]:
        seen.append(operations.describe_key(kms, key.arn))
        return {"Seen": seen[-1].key_state not in models.TRANSIENT_STATES, "Last": seen[-1].key_state}

    waiters.wait_until_seen(kms.client, look, request.name, "ready", request.wait_timeout)
    return seen[-1]


def enriched(kms: connection.Connection, request: ExternalKeyRequest, key: Key) -> Key:
    """The key with policy, tags and aliases. The caller need not be able to read what the task does not set."""
    denied = (ACCESS_DENIED,)
    return key.with_settings(
        policy=or_none(lambda: key_operations.get_policy(kms, key.arn), () if request.policy is not None else denied),
        tags=or_none(lambda: operations.get_tags(kms, key.arn), () if request.tags is not None else denied),
        aliases=or_none(lambda: key_operations.get_aliases(kms, key.arn), denied),
    )


def _alias_owner(kms: connection.Connection, request: ExternalKeyRequest, key: Key) -> Key | None:
    if request.alias is not None and request.alias in (key.settings.aliases or ()):
        return key
    return _owner(kms, request)


def _owner(kms: connection.Connection, request: ExternalKeyRequest) -> Key | None:
    """The key to which the alias of the task points."""
    alias = request.alias
    return or_none(lambda: operations.describe_key(kms, alias)) if alias else None


# -- keys that have nothing but a tag ----------------------------------------------------------------------------------


def by_token(kms: connection.Connection, request: ExternalKeyRequest) -> Found:
    """The key with the creation token, among all keys of the Region."""
    owner = _owner(kms, request)
    if owner and _token(kms, owner.arn) == request.token:
        return Found(owner, owner)
    arns = operations.list_keys(kms)
    return Found(_only(request, _matching(kms, request, arns)), owner, frozenset(arns))


def half_made(kms: connection.Connection, request: ExternalKeyRequest) -> Found:
    """What a run has left that died between CreateKey and CreateAlias: a key without an alias, with our tag.

    Keys that have an alias need not be looked at, which spares most of the calls.
    """
    names = or_none(lambda: operations.list_aliases(kms), (ACCESS_DENIED,)) or {}
    there = [key_id for key_id, aliases in names.items() if request.alias in aliases]
    if there:
        # DescribeKey has not heard of the alias yet, and KMS contradicts itself: it is new.
        owner = operations.describe_key(kms, there[0])
        return Found(owner, owner)
    arns = operations.list_keys(kms)
    nameless = [arn for arn in arns if arn.rsplit("/", 1)[-1] not in names]
    key = _only(request, [key for key in _matching(kms, request, nameless) if not key.in_deletion])
    if key is None or key.key_state in (models.PENDING_IMPORT, *models.TRANSIENT_STATES):
        return Found(key, None, frozenset(arns), _adoption(request, key))
    if not request.present:
        return Found(None)
    raise refused(
        f"the key {key.arn} was made for {request.alias} (tag {TOKEN_TAG}), is {key.key_state}, and has lost that "
        f"alias; name it with key_id to give the alias back to it, or make another key with a creation_token of its own"
    )


def _adoption(request: ExternalKeyRequest, key: Key | None) -> tuple[str, ...]:
    if key is None or not request.present:
        return ()
    return (
        f"an earlier run has created the key {key.arn} for {request.alias}, and was cut short; it is taken up again",
    )


def _only(request: ExternalKeyRequest, matching: Sequence[Key]) -> Key | None:
    if len(matching) <= 1:
        return matching[0] if matching else None
    arns = ", ".join(sorted(key.arn for key in matching))
    raise refused(
        f"several keys have the tag {TOKEN_TAG} with the value {request.token}: {arns}; say with key_id which is "
        "meant, and take the tag from the others, or schedule their deletion"
    )


def _matching(kms: connection.Connection, request: ExternalKeyRequest, arns: Sequence[str]) -> list[Key]:
    """The EXTERNAL keys with our token among some. Keys that the caller may not read are passed over."""

    def read(arn: str) -> Key | None:
        own = connection.Connection(kms.client, arn, Throttle(kms.throttle.pacer))
        key = or_none(lambda: operations.describe_key(own, arn), UNSEEN)
        return key if key and key.origin == models.EXTERNAL and _token(own, arn) == request.token else None

    return [key for key in each(read, arns) if key is not None]


def _token(kms: connection.Connection, arn: str) -> str | None:
    return (or_none(lambda: operations.get_tags(kms, arn), UNSEEN) or {}).get(TOKEN_TAG)


def made_since(kms: connection.Connection, request: ExternalKeyRequest, known: frozenset[str]) -> Key | None:
    """A key with our token that was not there when all keys were looked at."""
    later = [arn for arn in operations.list_keys(kms) if arn not in known]
    return _only(request, _matching(kms, request, later))
