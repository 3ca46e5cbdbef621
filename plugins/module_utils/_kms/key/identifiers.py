# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of key identifiers before the first call to KMS. Pure.

Source: KMS Developer Guide, "Key identifiers (KeyId)"; recorded answers for identifiers of another Region.
"""

from __future__ import annotations

import re

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_MULTI_REGION = r"mrk-[0-9a-fA-F]{32}"
_KEY_ID = rf"(?:{_UUID}|{_MULTI_REGION})"
# Such as eu-central-1, us-gov-west-1 or eusc-de-east-1.
_REGION_RE = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+")
# A key ID among other words.
KEY_ID_INSIDE_RE = re.compile(rf"\b{_UUID}\b|\b{_MULTI_REGION}\b")
_ALIAS = r"alias/[a-zA-Z0-9/_-]+"
_KEY_ID_RE = re.compile(_KEY_ID)
_ALIAS_RE = re.compile(_ALIAS)
_RESOURCE = rf"(?:key/(?P<key_id>{_KEY_ID})|{_ALIAS})"
_ARN_RE = re.compile(rf"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):(?P<account>\d{{12}}):{_RESOURCE}")
_MATERIAL_ID_RE = re.compile(r"[0-9a-f]{64}")


def is_region(name: str) -> bool:
    """Whether this has the form of a Region's name."""
    return _REGION_RE.fullmatch(name) is not None


def key_id_problem(key_id: str, region: str | None) -> str | None:
    """Why this cannot be the identifier of a key in the Region of the client, or None."""
    if key_id.startswith("arn:"):
        return _arn_problem(key_id, region)
    if key_id.startswith("alias/"):
        return None if _ALIAS_RE.fullmatch(key_id) else "an alias name has only letters, digits and / _ - after alias/"
    if _KEY_ID_RE.fullmatch(key_id):
        return None
    if re.fullmatch(r"[a-zA-Z/_-][a-zA-Z0-9/_-]*", key_id):
        return f"it is not a key ID; if it is an alias, write alias/{key_id}"
    return "it is neither a key ID, a key ARN, an alias name (alias/...) nor an alias ARN"


def _arn_problem(arn: str, region: str | None) -> str | None:
    match = _ARN_RE.fullmatch(arn)
    if match is None:
        return "it is not an ARN of a KMS key or alias"
    if region and match["region"] != region:
        return (
            f"the ARN names the Region {match['region']}, but the connection goes to {region}; "
            f"set region to {match['region']}"
        )
    return None


def arn_account(key_id: str) -> str | None:
    """The account that an ARN names, or None for anything else."""
    match = _ARN_RE.fullmatch(key_id)
    return match["account"] if match else None


def key_id_of(arn: str) -> str | None:
    """The key ID in a key ARN, or None for anything else."""
    match = _ARN_RE.fullmatch(arn)
    return match["key_id"] if match else None


def alias_of(key_id: str) -> str | None:
    """The alias in an alias name or alias ARN, or None for anything else. Only aliases can move to another key."""
    name = key_id.split(":", 5)[-1] if key_id.startswith("arn:") else key_id
    return name if name.startswith("alias/") else None


def same_key(arn: str, other: str) -> bool:
    """Whether two ARNs name one key. Only related multi-Region keys share account and key ID."""
    return arn.split(":")[4:] == other.split(":")[4:]


def arn_in(arn: str, region: str) -> str:
    """The ARN of the related multi-Region key in another Region: they share account and key ID."""
    parts = arn.split(":")
    return ":".join([*parts[:3], region, *parts[4:]])


def material_id_problem(key_material_id: str) -> str | None:
    if _MATERIAL_ID_RE.fullmatch(key_material_id):
        return None
    return "a key material ID has 64 hexadecimal digits in lower case"
