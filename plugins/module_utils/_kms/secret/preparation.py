# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A preparation that is kept for later: wrapped material and import tokens in a file, no plaintext.

A digest in each entry shows damage. It is no signature, and nothing that a file says is taken for a proof: KMS compares
the material before anything is deleted.

Source: KMS API Reference, GetParametersForImport: a public key and its import token can be used for 24 hours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from typing import NoReturn

from ..key.expiry import parse_instant
from ..key.identifiers import alias_of
from ..key.identifiers import key_id_of
from ..key.identifiers import material_id_problem
from ..key.identifiers import same_key
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Request
from ..service.errors import invalid
from .files import check_directory
from .files import owner_problem
from .files import read_private_file

_SCHEMA = 2
_COLLECTION = "byok.aws"
# 10,000 keys take about 60 MB.
_LARGEST_PREPARATION = 256 * 1024 * 1024
# ImportKeyMaterial, EncryptedKeyMaterial and ImportToken.
_LARGEST_BLOB = 6144
# A token that runs out between the deletion and the import would leave the key without its material.
MARGIN = timedelta(minutes=15)
# Clocks differ, and KMS tells its own in whole seconds.
_TOKEN_LIFETIME = timedelta(hours=24, minutes=5)


@dataclass(frozen=True)
class Wrapped:
    """EncryptedKeyMaterial and the token it belongs to, which KMS takes until valid_to."""

    blob: bytes = field(repr=False)
    import_token: bytes = field(repr=False)
    valid_to: datetime | None = None


@dataclass(frozen=True)
class Prepared:
    """What was prepared for one key.

    wrapping: WrappingAlgorithm and WrappingKeySpec of the blob. key_material_id: which of a symmetric key's materials
    it is, where that was known. name: what the caller called the key.
    """

    key_arn: str
    wrapped: Wrapped
    wrapping: tuple[str, str]
    key_material_id: str | None = None
    name: str | None = None

    @property
    def evidence(self) -> Evidence:
        """What the preparation says of its material. It proves nothing: others may have written it."""
        return Evidence(key_material_id=self.key_material_id)


def problem(prepared: Prepared | None, key: Key, path: str, request: Request) -> str | None:
    """Why the preparation cannot be used for the key, or None."""
    key_id, named = request.key_id, request.key_material_id
    if prepared is None:
        return f"{path} holds no preparation of the key {key_id} ({key.arn}); prepare it again"
    late = _deadline_problem(prepared.wrapped.valid_to, key.now)
    if late:
        return f"the preparation of the key {key_id} in {path} is {late}; prepare it again"
    if named and named != prepared.key_material_id:
        return f"{path} was prepared for other material of the key {key_id} than {named}; prepare it again"
    if prepared.key_material_id and key.material(prepared.key_material_id) is None:
        return (
            f"the key {key_id} has no material {prepared.key_material_id}, for which {path} was prepared; prepare it "
            "again"
        )
    return None


def _deadline_problem(valid_to: datetime | None, now: datetime) -> str | None:
    if valid_to is not None and valid_to - now > _TOKEN_LIFETIME:
        return (
            f"damaged or made up: no import token works until {valid_to.isoformat()}, which is over 24 hours from now"
        )
    if valid_to is not None and valid_to - now >= MARGIN:
        return None
    until = valid_to.isoformat() if valid_to else "an unknown instant"
    return (
        f"too old: its import token is refused from {until} on, 24 hours after it was made, and "
        f"{int(MARGIN.total_seconds() // 60)} minutes have to be left"
    )


def by_alias(prepared: Mapping[str, Prepared]) -> dict[str, str]:
    """The ARN of the key to which each alias led at the preparation; of a multi-Region key, in one of its Regions."""
    named = ((alias_of(one.name or ""), one.key_arn) for one in prepared.values())
    return {alias: arn for alias, arn in named if alias}


def moved_problem(aliases: Mapping[str, str], path: str, key_id: str, key: Key) -> str | None:
    """Why the name of a key stands for another one now than at the preparation, or None. aliases: those of by_alias."""
    prepared = aliases.get(alias_of(key_id) or "")
    if prepared is None or same_key(prepared, key.arn):
        return None
    return (
        f"{key_id} led to the key {prepared} when {path} was prepared, and leads to {key.arn} now; prepare it again, "
        "or name the key that was prepared by its ARN"
    )


# -- writing -----------------------------------------------------------------------------------------------------------


def write(path: str, prepared: Sequence[Prepared]) -> None:
    """Write the file as a whole, for its owner alone. Raises AnsibleKMSError."""
    content = {"schema": _SCHEMA, "collection": _COLLECTION, "keys": [_entry(one) for one in prepared]}
    try:
        # In the same directory, so that it can take the place of an older one in one step. Its mode is 0600.
        descriptor, new = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".byok-")
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except BaseException:
            os.unlink(new)
            raise
    except OSError as error:
        raise invalid(f"stage_path {path} cannot be written: {error.strerror}") from None


def check_writable(path: str) -> None:
    """Raises AnsibleKMSError when the preparation could not be kept, before it is begun."""
    directory = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise invalid(f"stage_path {path} is a directory; name a file")
    if not os.path.isdir(directory) or not os.access(directory, os.W_OK):
        raise invalid(f"stage_path {path} cannot be written: {directory} is no directory that can be written to")
    check_directory("stage_path", path)
    if os.path.lexists(path):
        owner = owner_problem("stage_path", path, os.lstat(path), os.geteuid())
        if owner:
            raise invalid(owner)


def _entry(one: Prepared) -> dict[str, str | None]:
    algorithm, wrapping_key_spec = one.wrapping
    valid_to = one.wrapped.valid_to
    entry = {
        "key_arn": one.key_arn,
        "name": one.name,
        "key_material_id": one.key_material_id,
        "valid_to": valid_to.astimezone(timezone.utc).isoformat() if valid_to else None,
        "wrapping_algorithm": algorithm,
        "wrapping_key_spec": wrapping_key_spec,
        "encrypted_key_material": base64.b64encode(one.wrapped.blob).decode(),
        "import_token": base64.b64encode(one.wrapped.import_token).decode(),
    }
    return {**entry, "digest": digest(entry)}


def digest(entry: Mapping[str, str | None]) -> str:
    """The digest of an entry: SHA-256 over all of its other fields as canonical JSON (RFC 8785).

    The names of the fields are ASCII and their values are strings or null; for those, this is the canonical form.
    """
    fields = {name: value for name, value in entry.items() if name != "digest"}
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(canonical.encode('utf-8', 'surrogatepass')).hexdigest()}"


# -- reading -----------------------------------------------------------------------------------------------------------

_NO_PREPARATION = "holds no preparation of this collection"
_FIELDS = (
    "key_arn",
    "name",
    "key_material_id",
    "valid_to",
    "wrapping_algorithm",
    "wrapping_key_spec",
    "encrypted_key_material",
    "import_token",
    "digest",
)
_MAY_BE_NULL = ("name", "key_material_id", "valid_to")


def read(path: str, loose: bool) -> dict[str, Prepared]:
    """The preparations by key ARN.

    Raises AnsibleKMSError for a file that others can read or exchange, that is none, or that is damaged.
    """
    try:
        return _read(read_private_file("stage_path", path, loose, _LARGEST_PREPARATION))
    except _DamageError as error:
        raise invalid(f"stage_path {path} {error}; prepare again") from None


class _DamageError(Exception):
    """What is wrong with a file, without a word of its content that was not checked."""


def _read(content: bytes) -> dict[str, Prepared]:
    kept: dict[str, Prepared] = {}
    for number, entry in enumerate(_entries(_parsed(content)), start=1):
        one = _prepared(entry, number)
        if one.key_arn in kept:
            raise _DamageError(f"holds two preparations of the key {one.key_arn}")
        kept[one.key_arn] = one
    return kept


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(
            content,
            object_pairs_hook=_object,
            parse_int=_small_number,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except RecursionError:
        raise _DamageError(f"{_NO_PREPARATION}: it is nested too deeply") from None
    except ValueError:
        raise _DamageError(f"{_NO_PREPARATION}: it is not JSON, or was cut short") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DamageError(f"{_NO_PREPARATION}: it gives a field twice")
    return found


def _small_number(text: str) -> int:
    # The schema is the only number; older Pythons take minutes for one of a million digits.
    return int(text[:9])


def _no_number(_text: str) -> NoReturn:
    raise _DamageError(f"{_NO_PREPARATION}: it holds a number where none belongs")


def _entries(document: Any) -> list[Any]:
    if not isinstance(document, dict) or document.get("collection") != _COLLECTION:
        raise _DamageError(_NO_PREPARATION)
    schema, entries = document.get("schema"), document.get("keys")
    numbered = isinstance(schema, int) and not isinstance(schema, bool)
    if numbered and schema == 1:
        raise _DamageError("was written by an earlier version of this collection, which kept no digests")
    if not numbered or schema != _SCHEMA:
        raise _DamageError(f"has another schema than {_SCHEMA}, the one that this version of the collection reads")
    if not isinstance(entries, list):
        raise _DamageError(_NO_PREPARATION)
    return entries


def _prepared(entry: Any, number: int) -> Prepared:
    if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
        raise _DamageError(f"is damaged: entry {number} has other fields than a preparation")
    arn = entry["key_arn"]
    known = isinstance(arn, str) and key_id_of(arn) is not None
    name = f"entry {number} ({arn})" if known else f"entry {number}"
    wrong = [
        one for one in _FIELDS if not (isinstance(entry[one], str) or (entry[one] is None and one in _MAY_BE_NULL))
    ]
    if wrong:
        raise _DamageError(f"is damaged: {wrong[0]} of {name} is no text")
    if entry["digest"] != digest(entry):
        raise _DamageError(f"is damaged, or was changed by others: {name} does not fit its digest")
    if not known:
        raise _DamageError(f"is damaged: key_arn of {name} is no ARN of a KMS key")
    return _checked(entry, name)


def _checked(entry: Mapping[str, Any], name: str) -> Prepared:
    """The entry as values. A digest that fits says nothing of who has written it."""
    named, valid_to = entry["key_material_id"], entry["valid_to"]
    if named is not None and material_id_problem(named):
        raise _DamageError(f"is damaged: key_material_id of {name} is no ID of key material")
    try:
        deadline = parse_instant(valid_to) if valid_to is not None else None
    except ValueError:
        raise _DamageError(f"is damaged: valid_to of {name} is no instant with a zone") from None
    blob, import_token = (_bytes(entry, one, name) for one in ("encrypted_key_material", "import_token"))
    wrapping = (entry["wrapping_algorithm"], entry["wrapping_key_spec"])
    return Prepared(entry["key_arn"], Wrapped(blob, import_token, deadline), wrapping, named, entry["name"])


def _bytes(entry: Mapping[str, Any], field_name: str, name: str) -> bytes:
    try:
        content = base64.b64decode(entry[field_name], validate=True)
    except ValueError:
        content = b""
    if not 0 < len(content) <= _LARGEST_BLOB:
        raise _DamageError(f"is damaged: {field_name} of {name} is no base64 of 1 to {_LARGEST_BLOB} bytes")
    return content
