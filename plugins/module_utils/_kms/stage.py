# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A preparation that is kept for later: wrapped material and import tokens in a file, no plaintext.

Source: KMS API Reference, GetParametersForImport: a public key and its import token can be used for 24 hours.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from typing import Any

from .errors import invalid
from .files import read_private_file
from .models import Evidence
from .models import Key
from .models import Request

_SCHEMA = 1
_COLLECTION = "byok.aws"
# 10,000 keys take about 60 MB.
_LARGEST_FILE = 256 * 1024 * 1024
# A token that runs out between the deletion and the import would leave the key without its material.
MARGIN = timedelta(minutes=15)


@dataclass(frozen=True)
class Wrapped:
    """EncryptedKeyMaterial and the token it belongs to, which KMS takes until valid_to."""

    blob: bytes = field(repr=False)
    import_token: bytes = field(repr=False)
    valid_to: datetime | None = None


@dataclass(frozen=True)
class Prepared:
    """What was prepared for one key.

    proved: KMS held these very bytes then. key_material_id: which of a symmetric key's materials they are.
    """

    key_arn: str
    wrapped: Wrapped
    proved: bool
    key_material_id: str | None = None

    @property
    def evidence(self) -> Evidence:
        """What the preparation proves. A material ID stands for the same bytes for ever, and so do the other keys."""
        return Evidence("match", "prepared", self.key_material_id) if self.proved else Evidence()


def problem(prepared: Prepared | None, key: Key, path: str, request: Request) -> str | None:
    """Why the preparation cannot be used for the key, or None."""
    key_id, named = request.key_id, request.key_material_id
    if prepared is None:
        return f"{path} holds no preparation of the key {key_id} ({key.arn}); prepare it again"
    valid_to = prepared.wrapped.valid_to
    if valid_to is None or valid_to - key.now < MARGIN:
        return (
            f"the preparation of the key {key_id} in {path} is too old: its import token is refused from "
            f"{valid_to.isoformat() if valid_to else 'an unknown instant'} on, 24 hours after it was made, and "
            f"{int(MARGIN.total_seconds() // 60)} minutes have to be left; prepare it again"
        )
    if named and named != prepared.key_material_id:
        return f"{path} was prepared for other material of the key {key_id} than {named}; prepare it again"
    if prepared.key_material_id and key.material(prepared.key_material_id) is None:
        return (
            f"the key {key_id} has no material {prepared.key_material_id}, for which {path} was prepared; prepare it "
            "again"
        )
    return None


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


def read(path: str, force: bool) -> dict[str, Prepared]:
    """The preparations by key ARN. Raises AnsibleKMSError for a file that others can read or that is none."""
    content = read_private_file("stage_path", path, force, _LARGEST_FILE)
    try:
        document = json.loads(content)
        if document["collection"] != _COLLECTION or document["schema"] != _SCHEMA:
            raise ValueError
        return {one["key_arn"]: _prepared(one) for one in document["keys"]}
    except (ValueError, KeyError, TypeError):
        raise invalid(f"stage_path {path} holds no preparation of this collection; prepare again") from None


def _entry(one: Prepared) -> dict[str, Any]:
    return {
        "key_arn": one.key_arn,
        "key_material_id": one.key_material_id,
        "proved": one.proved,
        "valid_to": one.wrapped.valid_to.isoformat() if one.wrapped.valid_to else None,
        "encrypted_key_material": base64.b64encode(one.wrapped.blob).decode(),
        "import_token": base64.b64encode(one.wrapped.import_token).decode(),
    }


def _prepared(entry: Mapping[str, Any]) -> Prepared:
    wrapped = Wrapped(
        base64.b64decode(entry["encrypted_key_material"], validate=True),
        base64.b64decode(entry["import_token"], validate=True),
        datetime.fromisoformat(entry["valid_to"]) if entry["valid_to"] else None,
    )
    return Prepared(entry["key_arn"], wrapped, entry["proved"] is True, entry["key_material_id"])
