# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file format of a bundle: what goes between the machine that talks to KMS and the one that has the material.

An entry is for one key, by its ARN. It is "requested" (public key, import token, deadline) until the material is
wrapped for it, and "wrapped" then. A preparation is a bundle that was requested and wrapped at once. No entry ever
holds plaintext. docs/bundle-format.md describes the file.

A digest in each entry shows damage. It is no signature, and nothing that a file says is taken for a proof: KMS compares
the material before anything is deleted.

Source: KMS API Reference, GetParametersForImport: a public key and its import token can be used for 24 hours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from typing import NoReturn

from ..key import specs
from ..key.expiry import parse_instant
from ..key.identifiers import key_id_of
from ..key.identifiers import material_id_problem
from ..service.errors import invalid
from .files import check_directory
from .files import owner_problem
from .files import read_private_file
from .files import replace_file

REQUESTED, WRAPPED = "requested", "wrapped"
SCHEMA = 2
_COLLECTION = "byok.aws"
# 10,000 keys take about 80 MB.
_LARGEST_BUNDLE = 256 * 1024 * 1024
# ImportKeyMaterial, EncryptedKeyMaterial and ImportToken; a public key has 4096 bytes at most.
_LARGEST_BLOB = 6144
# A token that runs out between the deletion and the import would leave the key without its material.
MARGIN = timedelta(minutes=15)
# Clocks differ, and KMS tells its own in whole seconds.
_TOKEN_LIFETIME = timedelta(hours=24, minutes=5)


@dataclass(frozen=True)
class Entry:
    """What a bundle has of one key. The names are those of the file, where bytes are base64.

    name: what the caller called the key. key_material_id: which of a symmetric key's materials it is, where that was
    known. public_key: the wrapping key (DER SubjectPublicKeyInfo). fingerprint, check_value, proof: what the one who
    wrapped says of the material (secret/claims.py). None of it is a proof: others may have written the file.
    """

    key_arn: str
    key_spec: str
    wrapping_algorithm: str
    wrapping_key_spec: str
    import_token: bytes = field(repr=False)
    valid_to: datetime | None = None
    public_key: bytes | None = field(default=None, repr=False)
    encrypted_key_material: bytes | None = field(default=None, repr=False)
    name: str | None = None
    key_material_id: str | None = None
    fingerprint: str | None = None
    check_value: str | None = None
    proof: bytes | None = field(default=None, repr=False)

    @property
    def state(self) -> str:
        return REQUESTED if self.encrypted_key_material is None else WRAPPED


def deadline_problem(valid_to: datetime | None, now: datetime, least: timedelta = MARGIN) -> str | None:
    """Why an import token with this deadline is of no use, or None. least: what has to be left of it."""
    if valid_to is not None and valid_to - now > _TOKEN_LIFETIME:
        return (
            f"damaged or made up: no import token works until {valid_to.isoformat()}, which is over 24 hours from now"
        )
    if valid_to is not None and valid_to - now >= least:
        return None
    until = valid_to.isoformat() if valid_to else "an unknown instant"
    return (
        f"too old: its import token is refused from {until} on, 24 hours after it was made, and "
        f"{int(least.total_seconds() // 60)} minutes have to be left"
    )


def wrapping_key_fingerprint(public_key: bytes) -> str:
    """The fingerprint of a wrapping key that people compare: SHA-256 of its DER SubjectPublicKeyInfo, 64 hex digits."""
    return hashlib.sha256(public_key).hexdigest()


# -- writing -----------------------------------------------------------------------------------------------------------


def write(option: str, path: str, entries: Iterable[Entry]) -> None:
    """Write the file as a whole, for its owner alone. Raises AnsibleKMSError."""
    content = {"schema": SCHEMA, "collection": _COLLECTION, "keys": [_document(one) for one in entries]}
    try:
        replace_file(path, json.dumps(content, indent=1))
    except OSError as error:
        raise invalid(f"{option} {path} cannot be written: {error.strerror}") from None


def check_writable(option: str, path: str) -> None:
    """Raises AnsibleKMSError when a bundle could not be kept there, before the work for it is begun."""
    directory = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise invalid(f"{option} {path} is a directory; name a file")
    if not os.path.isdir(directory) or not os.access(directory, os.W_OK):
        raise invalid(f"{option} {path} cannot be written: {directory} is no directory that can be written to")
    check_directory(option, path)
    if os.path.lexists(path):
        owner = owner_problem(option, path, os.lstat(path), os.geteuid())
        if owner:
            raise invalid(owner)


def _document(one: Entry) -> dict[str, str | None]:
    fields = {
        "state": one.state,
        "key_arn": one.key_arn,
        "name": one.name,
        "key_spec": one.key_spec,
        "key_material_id": one.key_material_id,
        "valid_to": one.valid_to.astimezone(timezone.utc).isoformat() if one.valid_to else None,
        "wrapping_algorithm": one.wrapping_algorithm,
        "wrapping_key_spec": one.wrapping_key_spec,
        "check_value": one.check_value,
        "fingerprint": one.fingerprint,
        "public_key": _text(one.public_key),
        "import_token": _text(one.import_token),
        "encrypted_key_material": _text(one.encrypted_key_material),
        "proof": _text(one.proof),
    }
    return {**fields, "digest": digest(fields)}


def _text(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def digest(entry: Mapping[str, str | None]) -> str:
    """The digest of an entry: SHA-256 over all of its other fields as canonical JSON (RFC 8785).

    The names of the fields are ASCII and their values are strings or null; for those, this is the canonical form.
    """
    fields = {name: value for name, value in entry.items() if name != "digest"}
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(canonical.encode('utf-8', 'surrogatepass')).hexdigest()}"


# -- reading -----------------------------------------------------------------------------------------------------------

_NO_BUNDLE = "holds no bundle of this collection"
_TEXTS = ("state", "key_arn", "key_spec", "wrapping_algorithm", "wrapping_key_spec", "import_token", "digest")
_MAY_BE_NULL = (
    "name",
    "key_material_id",
    "valid_to",
    "check_value",
    "fingerprint",
    "public_key",
    "encrypted_key_material",
    "proof",
)
_FIELDS = frozenset((*_TEXTS, *_MAY_BE_NULL))
_PATTERNS = {"check_value": re.compile("[0-9A-F]{10}"), "fingerprint": re.compile("[0-9a-f]{32}")}
_CHOICES = {
    "state": (REQUESTED, WRAPPED),
    "wrapping_algorithm": specs.WRAPPING_ALGORITHMS,
    "wrapping_key_spec": specs.WRAPPING_KEY_SPECS,
}


def read(option: str, path: str, loose: bool, again: str) -> dict[str, Entry]:
    """The entries by key ARN, in the order of the file. again: what to do about a file that is refused.

    Raises AnsibleKMSError for a file that others can read or exchange, that is none, or that is damaged.
    """
    try:
        return _read(read_private_file(option, path, loose, _LARGEST_BUNDLE))
    except _DamageError as error:
        raise invalid(f"{option} {path} {error}; {again}") from None


class _DamageError(Exception):
    """What is wrong with a file, without a word of its content that was not checked."""


def _read(content: bytes) -> dict[str, Entry]:
    kept: dict[str, Entry] = {}
    for number, entry in enumerate(_entries(_parsed(content)), start=1):
        one = _entry(entry, number)
        if one.key_arn in kept:
            raise _DamageError(f"holds two entries of the key {one.key_arn}")
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
        raise _DamageError(f"{_NO_BUNDLE}: it is nested too deeply") from None
    except ValueError:
        raise _DamageError(f"{_NO_BUNDLE}: it is not JSON, or was cut short") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DamageError(f"{_NO_BUNDLE}: it gives a field twice")
    return found


def _small_number(text: str) -> int:
    # The schema is the only number; older Pythons take minutes for one of a million digits.
    return int(text[:9])


def _no_number(_text: str) -> NoReturn:
    raise _DamageError(f"{_NO_BUNDLE}: it holds a number where none belongs")


def _entries(document: Any) -> list[Any]:
    if not isinstance(document, dict) or document.get("collection") != _COLLECTION:
        raise _DamageError(_NO_BUNDLE)
    schema, entries = document.get("schema"), document.get("keys")
    numbered = isinstance(schema, int) and not isinstance(schema, bool)
    if numbered and schema == 1:
        raise _DamageError("was written by an earlier version of this collection, which kept no digests")
    if not numbered or schema != SCHEMA:
        raise _DamageError(f"has another schema than {SCHEMA}, the one that this version of the collection reads")
    if not isinstance(entries, list):
        raise _DamageError(_NO_BUNDLE)
    return entries


def _entry(entry: Any, number: int) -> Entry:
    if not isinstance(entry, dict) or set(entry) != _FIELDS:
        raise _DamageError(f"is damaged: entry {number} has other fields than a bundle has")
    arn = entry["key_arn"]
    known = isinstance(arn, str) and key_id_of(arn) is not None
    name = f"entry {number} ({arn})" if known else f"entry {number}"
    wrong = [one for one in _TEXTS if not isinstance(entry[one], str)]
    wrong += [one for one in _MAY_BE_NULL if not (entry[one] is None or isinstance(entry[one], str))]
    if wrong:
        raise _DamageError(f"is damaged: {wrong[0]} of {name} is no text")
    if entry["digest"] != digest(entry):
        raise _DamageError(f"is damaged, or was changed by others: {name} does not fit its digest")
    if not known:
        raise _DamageError(f"is damaged: key_arn of {name} is no ARN of a KMS key")
    return _checked(entry, name)


def _checked(entry: Mapping[str, Any], name: str) -> Entry:
    """The entry as values. A digest that fits says nothing of who has written it."""
    _check_texts(entry, name)
    blob = _bytes(entry, "encrypted_key_material", name)
    one = Entry(
        key_arn=entry["key_arn"],
        key_spec=entry["key_spec"],
        wrapping_algorithm=entry["wrapping_algorithm"],
        wrapping_key_spec=entry["wrapping_key_spec"],
        import_token=_bytes(entry, "import_token", name) or b"",
        valid_to=_deadline(entry["valid_to"], name),
        public_key=_bytes(entry, "public_key", name),
        encrypted_key_material=blob,
        name=entry["name"],
        key_material_id=entry["key_material_id"],
        fingerprint=entry["fingerprint"],
        check_value=entry["check_value"],
        proof=_bytes(entry, "proof", name),
    )
    if one.state != entry["state"] or (one.state == REQUESTED and one.public_key is None):
        raise _DamageError(f"is damaged: state of {name} does not fit what it has")
    return one


def _check_texts(entry: Mapping[str, Any], name: str) -> None:
    named = entry["key_material_id"]
    if named is not None and material_id_problem(named):
        raise _DamageError(f"is damaged: key_material_id of {name} is no ID of key material")
    for one, choices in _CHOICES.items():
        if entry[one] not in choices:
            raise _DamageError(f"is damaged: {one} of {name} is none of {', '.join(choices)}")
    if not specs.importable(entry["key_spec"]):
        raise _DamageError(f"is damaged: key_spec of {name} is none for which KMS imports material")
    for one, pattern in _PATTERNS.items():
        if entry[one] is not None and not pattern.fullmatch(entry[one]):
            raise _DamageError(f"is damaged: {one} of {name} is not what it should be")


def _deadline(text: str | None, name: str) -> datetime | None:
    try:
        return parse_instant(text) if text is not None else None
    except ValueError:
        raise _DamageError(f"is damaged: valid_to of {name} is no instant with a zone") from None


def _bytes(entry: Mapping[str, Any], field_name: str, name: str) -> bytes | None:
    if entry[field_name] is None:
        return None
    try:
        content = base64.b64decode(entry[field_name], validate=True)
    except ValueError:
        content = b""
    if not 0 < len(content) <= _LARGEST_BLOB:
        raise _DamageError(f"is damaged: {field_name} of {name} is no base64 of 1 to {_LARGEST_BLOB} bytes")
    return content
