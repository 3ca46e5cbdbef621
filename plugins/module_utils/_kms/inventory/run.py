# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory of EXTERNAL keys and their material: listed, read, and reconciled with the clock."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from typing import Any

from ..key import descriptions
from ..key import lifetimes
from ..key import models
from ..key.expiry import duration_text
from ..key.expiry import instant
from ..key.expiry import parse_duration
from ..key.facts import expiry_fields
from ..key.facts import key_fields
from ..key.identifiers import key_id_of
from ..key.identifiers import key_id_problem
from ..key.models import Key
from ..key.models import Material
from ..service import connection
from ..service import operations
from ..service.account import Identify
from ..service.account import check_account
from ..service.account import check_identifier
from ..service.account import require_account
from ..service.account import require_caller
from ..service.errors import ACCESS_DENIED
from ..service.errors import INVALID_INPUT
from ..service.errors import UNSEEN
from ..service.errors import WRONG_ACCOUNT
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid
from ..service.pacing import Pacer
from ..service.pacing import Throttle
from ..service.pacing import each
from ..service.pacing import told_when_interrupted

# With these codes one key is an entry with an error, and the task does not fail.
_LISTED_CODES = (*UNSEEN, INVALID_INPUT, WRONG_ACCOUNT)


@dataclass
class ListedKey:
    """One key of the inventory: its facts, or the reason why it could not be read."""

    requested: str
    key: Key | None = None
    error: dict[str, Any] | None = None
    aliases: list[str] = field(default_factory=list)

    @property
    def external(self) -> bool:
        return self.key is None or self.key.origin == models.EXTERNAL

    @property
    def key_id(self) -> str:
        """From KMS; for a key that could not be read, from its ARN, or the identifier in the request."""
        return self.key.key_id if self.key else key_id_of(self.requested) or self.requested


@dataclass(frozen=True)
class Account:
    """The expected account of the keys. identify: asks for the account of the credentials when no key shows it."""

    expected: str | None = None
    identify: Identify = lambda: None


def survey(client: Any, key_ids: list[str] | None, pacer: Pacer, account: Account = Account()) -> list[ListedKey]:
    """The named keys, in order, or every EXTERNAL key of the Region. Raises AnsibleKMSError."""
    check_account(account.expected)
    with told_when_interrupted("the look at every key", pacer.stop):
        return _survey(client, key_ids, pacer, account)


def _survey(client: Any, key_ids: list[str] | None, pacer: Pacer, account: Account) -> list[ListedKey]:
    for key_id in key_ids or []:
        problem = key_id_problem(key_id, str(client.meta.region_name))
        if problem:
            raise invalid(f"key_ids: {key_id}: {problem}")
    listing = connection.Connection(client, "all keys", Throttle(pacer))
    names = _listed(listing, account) if key_ids is None else key_ids
    aliases = _aliases(listing)

    def read(key_id: str) -> ListedKey:
        return _read(connection.Connection(client, key_id, Throttle(pacer)), key_id, account.expected)

    found = each(read, names)
    for one in found:
        one.aliases = aliases.get(one.key_id, [])
    return [one for one in found if key_ids is not None or one.external]


def _listed(kms: connection.Connection, account: Account) -> list[str]:
    arns = operations.list_keys(kms)
    require_caller(arns, account.expected, account.identify)
    return arns


def _aliases(kms: connection.Connection) -> dict[str, list[str]]:
    try:
        return operations.list_aliases(kms)
    except AnsibleKMSError as error:
        # The aliases are optional: without the permission the keys are listed without them.
        if error.code != ACCESS_DENIED:
            raise
    return {}


def _read(kms: connection.Connection, key_id: str, expected_account: str | None) -> ListedKey:
    found = ListedKey(key_id)
    try:
        check_identifier(key_id, expected_account)
        key = operations.describe_key(kms, key_id)
        require_account(key_id, key.arn, expected_account)
        found.key = key
        if not found.external:
            raise invalid(f"the key {key_id} has the origin {found.key.origin}; it has no imported material")
        if found.key.symmetric and not found.key.never_imported:
            found.key = replace(found.key, materials=operations.list_materials(kms, found.key.arn))
    except AnsibleKMSError as error:
        if error.code not in _LISTED_CODES:
            raise
        found.error = {"code": error.code, "message": error.sentence, "operation": error.operation}
    return found


def read_within(text: str | None) -> timedelta | None:
    """The option expiring_within. Raises AnsibleKMSError that names it."""
    try:
        return parse_duration(text) if text is not None else None
    except ValueError as error:
        raise invalid(f"expiring_within: {error}") from None


def expires_within(found: ListedKey, within: timedelta) -> bool:
    """Whether a material has expired or expires within that time. A key that could not be read counts as one."""
    if found.error is not None or found.key is None:
        return True
    soonest = next_expiry(found.key)
    return soonest is not None and soonest - found.key.now <= within


def next_expiry(key: Key) -> datetime | None:
    """The earliest instant at which KMS deletes, or deleted, a permanent material."""
    instants = [entry.expiration.valid_to for entry in key.materials if entry.permanent and entry.expiration]
    if not key.materials and key.expiration:
        instants = [key.expiration.valid_to]
    return min((one for one in instants if one is not None), default=None)


def entry(found: ListedKey) -> dict[str, Any]:
    """One key as kms_imported_material_info returns it."""
    key = found.key
    shown: dict[str, Any] = {"key_id": found.key_id, "aliases": found.aliases, "error": found.error}
    if key is None:
        # ListKeys returned the ARN, and nothing else is known.
        return {**shown, "key_arn": found.requested} if key_id_of(found.requested) else shown
    soonest = next_expiry(key)
    shown.update(key_fields(key))
    shown.update(expiry_fields(key))
    shown.update(
        key_usage=key.key_usage,
        origin=key.origin,
        creation_date=instant(key.creation_date),
        multi_region=key.multi_region_type is not None,
        multi_region_key_type=key.multi_region_type,
        replica_regions=list(key.replica_regions),
        usable=key.enabled,
        seconds_to_expiry=int((soonest - key.now).total_seconds()) if soonest else None,
        materials=[_material(one, key.now) for one in key.materials],
        missing_key_material_ids=[one.key_material_id for one in key.missing],
        pending_key_material_id=key.staged.key_material_id if key.staged else None,
        rotations_left=key.rotations_left,
    )
    return shown


def _material(one: Material, now: datetime) -> dict[str, Any]:
    until, lifetime = one.expiration.valid_to if one.expiration else None, lifetimes.lifetime(one, now)
    return {
        "key_material_id": one.key_material_id,
        "key_material_state": one.key_material_state,
        "import_state": models.IMPORTED if one.loaded(now) else models.NOT_IMPORTED,
        "expired": _outdated(one, now),
        "expiration_model": one.expiration.model if one.expiration else None,
        "valid_to": instant(until),
        "seconds_to_expiry": int((until - now).total_seconds()) if until else None,
        "valid_for": duration_text(lifetime) if lifetime else None,
        "key_material_description": descriptions.split(one.description)[0],
        "rotation_date": instant(one.rotation_date),
    }


def warnings(found: list[ListedKey]) -> list[str]:
    """A warning for each key about which two answers of KMS disagree."""
    return [
        f"ListKeyRotations still shows material of the key {one.key.key_id} as IMPORTED although its valid_to is past; "
        "it is reported as PENDING_IMPORT, in accordance with DescribeKey and the clock"
        for one in found
        if one.key and any(_outdated(entry, one.key.now) for entry in one.key.materials)
    ]


def _outdated(one: Material, now: datetime) -> bool:
    # After an expiry the list still shows IMPORTED; DescribeKey and the clock are right.
    return one.import_state == models.IMPORTED and not one.loaded(now)
