# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a caller calls a key to the key."""

from __future__ import annotations

import re

from kms_emulator.backend import EmulatedKmsBackend
from kms_emulator.errors import KmsError
from kms_emulator.errors import key_does_not_exist
from kms_emulator.errors import not_found
from kms_emulator.key import EmulatedKey
from kms_emulator.states import ENCRYPTING

TAKES_ALIASES = frozenset(f"DescribeKey GetPublicKey {ENCRYPTING}".split())
LAGGING = frozenset({"DescribeKey"})
"""The reads that take an alias: they see an alias where it was, while reads lag."""
WRONG_KEY = "The key ID in the request does not identify a CMK that can perform this operation."

_KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.IGNORECASE)
_ARN = re.compile(r"arn:[^:]+:kms:(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>(key|alias)/.+)")


def resolve(backend: EmulatedKmsBackend, text: str, operation: str) -> EmulatedKey:
    """The key, up to date; a refusal when there is none."""
    resource = _resource(backend, text, operation)
    if resource.startswith("alias/"):
        return _by_alias(backend, resource, operation)
    key_id = resource[4:] if resource.startswith("key/") else resource
    key = backend.live_key(key_id)
    if key is None:
        raise key_does_not_exist(backend.arn_of(f"key/{key_id}"))
    return key


def same_key(backend: EmulatedKmsBackend, one: str, other: str) -> bool:
    """Whether two names mean one key; used by fault rules, so nothing is refused."""
    return one == other or (_known_arn(backend, one) or one) == (_known_arn(backend, other) or other)


def _known_arn(backend: EmulatedKmsBackend, text: str) -> str | None:
    try:
        return resolve(backend, text, "DescribeKey").arn
    except KmsError:
        return None


def _resource(backend: EmulatedKmsBackend, text: str, operation: str) -> str:
    resource = _resource_of_arn(backend, text, operation) if text.startswith("arn:") else text
    if resource.startswith("alias/"):
        if operation not in TAKES_ALIASES:
            # Seen for the rotation and multi-Region operations; taken to hold for the others.
            raise KmsError("InvalidArnException", "Key Aliases are not supported for this operation.")
    elif not resource.startswith("key/") and not _KEY_ID.fullmatch(resource):
        raise not_found(f"Invalid keyId '{text}'")
    return resource


def _resource_of_arn(backend: EmulatedKmsBackend, text: str, operation: str) -> str:
    match = _ARN.fullmatch(text)
    if match is None:
        # No source tells how KMS words this one.
        raise KmsError("InvalidArnException", f"Invalid arn {text}")
    if match["region"] != backend.region_name:
        if operation == "Decrypt":
            raise KmsError("IncorrectKeyException", WRONG_KEY)
        raise not_found(f"Invalid arn {match['region']}")
    if match["account"] != backend.account_id:
        # Keys of other accounts are not emulated.
        raise key_does_not_exist(text)
    return match["resource"]


def _by_alias(backend: EmulatedKmsBackend, alias_name: str, operation: str) -> EmulatedKey:
    key_id = backend.alias_target(alias_name, lagging=operation in LAGGING)
    key = backend.live_key(key_id) if key_id else None
    if key is None:
        raise not_found(f"Alias {backend.arn_of(alias_name)} is not found.")
    return key
