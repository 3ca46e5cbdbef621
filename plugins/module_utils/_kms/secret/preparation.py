# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A preparation that is kept for later: wrapped material and import tokens in a bundle, no plaintext."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime

from ..key.identifiers import alias_of
from ..key.identifiers import same_key
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Request
from ..service.errors import invalid
from . import bundle
from .bundle import Entry
from .bundle import deadline_problem
from .claims import NO_CLAIMS
from .claims import Claims


@dataclass(frozen=True)
class Wrapped:
    """EncryptedKeyMaterial and the token it belongs to, which KMS takes until valid_to.

    public_key: the one it is wrapped for (DER SubjectPublicKeyInfo), where that is known.
    """

    blob: bytes = field(repr=False)
    import_token: bytes = field(repr=False)
    valid_to: datetime | None = None
    public_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Prepared:
    """What was prepared for one key.

    wrapping: WrappingAlgorithm and WrappingKeySpec of the blob. key_material_id: which of a symmetric key's materials
    it is, where that was known. name: what the caller called the key. claims: what was said of the material.
    """

    key_arn: str
    key_spec: str
    wrapped: Wrapped
    wrapping: tuple[str, str]
    key_material_id: str | None = None
    name: str | None = None
    claims: Claims = NO_CLAIMS

    @property
    def evidence(self) -> Evidence:
        """What the preparation says of its material. It proves nothing: others may have written it."""
        return Evidence(key_material_id=self.key_material_id)


def problem(prepared: Prepared | None, key: Key, path: str, request: Request) -> str | None:
    """Why the preparation cannot be used for the key, or None."""
    key_id, named = request.key_id, request.key_material_id
    if prepared is None:
        return f"{path} holds no preparation of the key {key_id} ({key.arn}); prepare it again"
    late = deadline_problem(prepared.wrapped.valid_to, key.now)
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


def bundle_problem(prepared: Prepared | None, key: Key, path: str, request: Request) -> str | None:
    """Why what a bundle has of the key cannot be imported, or None."""
    key_id = request.key_id
    if prepared is None:
        return f"bundle_path {path} has no entry of the key {key_id} ({key.arn})"
    if not prepared.wrapped.blob:
        return f"bundle_path {path} has no wrapped material for the key {key_id}; wrap it (kms_wrap_key_material)"
    if prepared.key_spec != key.key_spec:
        return f"bundle_path {path} says that the key {key_id} is {prepared.key_spec}, and it is {key.key_spec}"
    late = deadline_problem(prepared.wrapped.valid_to, key.now)
    if late:
        return (
            f"what bundle_path {path} has of the key {key_id} is {late}; request and wrap it again "
            "(kms_import_parameters, kms_wrap_key_material)"
        )
    return None


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


def write(path: str, prepared: Sequence[Prepared]) -> None:
    """Write the file as a whole, for its owner alone. Raises AnsibleKMSError."""
    bundle.write("stage_path", path, [_entry(one) for one in prepared])


def check_writable(path: str) -> None:
    """Raises AnsibleKMSError when the preparation could not be kept, before it is begun."""
    bundle.check_writable("stage_path", path)


def read_bundle(path: str, loose: bool) -> dict[str, Prepared]:
    """What a bundle has, by key ARN; the blob of an entry that is not wrapped yet is empty. Raises AnsibleKMSError."""
    entries = bundle.read("bundle_path", path, loose, "make it again")
    if not entries:
        raise invalid(f"bundle_path {path} has no key")
    return {arn: _prepared(one) for arn, one in entries.items()}


def read(path: str, loose: bool) -> dict[str, Prepared]:
    """The preparations by key ARN.

    Raises AnsibleKMSError for a file that others can read or exchange, that is none, that is damaged, or in which the
    material of a key is not wrapped yet.
    """
    entries = bundle.read("stage_path", path, loose, "prepare again")
    waiting = [one.key_arn for one in entries.values() if one.encrypted_key_material is None]
    if waiting:
        raise invalid(
            f"stage_path {path} has no wrapped material for {', '.join(waiting)}; wrap it first (kms_wrap_key_material)"
        )
    return {arn: _prepared(one) for arn, one in entries.items()}


def _entry(one: Prepared) -> Entry:
    algorithm, wrapping_key_spec = one.wrapping
    return Entry(
        key_arn=one.key_arn,
        key_spec=one.key_spec,
        wrapping_algorithm=algorithm,
        wrapping_key_spec=wrapping_key_spec,
        import_token=one.wrapped.import_token,
        valid_to=one.wrapped.valid_to,
        public_key=one.wrapped.public_key,
        encrypted_key_material=one.wrapped.blob,
        name=one.name,
        key_material_id=one.key_material_id,
        fingerprint=one.claims.fingerprint,
        check_value=one.claims.check_value,
        proof=one.claims.proof,
    )


def _prepared(one: Entry) -> Prepared:
    return Prepared(
        one.key_arn,
        one.key_spec,
        Wrapped(one.encrypted_key_material or b"", one.import_token, one.valid_to, one.public_key),
        (one.wrapping_algorithm, one.wrapping_key_spec),
        one.key_material_id,
        one.name,
        Claims(one.fingerprint, one.check_value, one.proof),
    )
