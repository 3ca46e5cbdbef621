# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an import and a delete do to the materials of a key, and when they are refused."""

from __future__ import annotations

from dataclasses import dataclass

from kms_emulator.errors import incorrect_material
from kms_emulator.errors import invalid_state
from kms_emulator.errors import unexpected_identifier
from kms_emulator.errors import validation
from kms_emulator.key import EmulatedKey
from kms_emulator.lineage import CURRENT
from kms_emulator.lineage import STAGED
from kms_emulator.lineage import Entry
from kms_emulator.material import material_id as identify


@dataclass(frozen=True)
class Import:
    """What ImportKeyMaterial was asked for, beside the bytes."""

    is_new: bool
    material_id: str | None
    description: str | None
    expiration_model: str
    valid_to: float | None


def import_material(key: EmulatedKey, secret: bytes, wanted: Import) -> Entry:
    """Load the material; a refusal leaves everything as it was."""
    identity = identify(key.id, secret)
    entry = _new_entry(key, identity) if wanted.is_new else _existing_entry(key, identity, wanted.material_id)
    if wanted.description is not None:
        entry.description = wanted.description
    key.copy_of(entry).load(secret, wanted.expiration_model, wanted.valid_to)
    # Seen for permanent material; that staging enables a Disabled key too is how "every import" is read here.
    key.enable_after_import()
    return entry


def _new_entry(key: EmulatedKey, identity: str) -> Entry:
    """The first material is current at once, a later one is staged."""
    staged = key.lineage.staged
    if key.lineage.find(identity) is not None:
        raise incorrect_material(
            f"Key material (id: {identity}) being imported as NEW_KEY_MATERIAL "
            f"is already associated with KMS key {key.arn}."
        )
    if staged is not None:
        raise invalid_state(
            f"New key material (id: {identity}) cannot be imported into KMS key {key.arn}, "
            f"because another key material (id: {staged.material_id}) is pending rotation."
        )
    return key.lineage.add(Entry(identity, STAGED if key.lineage.permanent else CURRENT))


def _existing_entry(key: EmulatedKey, identity: str, expected: str | None) -> Entry:
    """The entry of these bytes, if they are the ones expected.

    Not settled by any source: which material the refusal names when there are several and none was asked for
    (the current one is named here), whether the bytes of the staged material may be refreshed outside replicas
    (they may here), and the refusal of EXISTING_KEY_MATERIAL on a key that never had any.
    """
    entry = key.lineage.find(identity)
    if entry is not None and expected in (None, identity):
        return entry
    current = key.lineage.current
    if expected is None and current is None:
        raise incorrect_material()
    raise unexpected_identifier(expected or current.material_id)  # type: ignore[union-attr]


def delete_material(key: EmulatedKey, material_id: str | None) -> Entry | None:
    """Delete one material, the current one if none is named. Success even when it is not there."""
    entry = key.lineage.current if material_id is None else key.lineage.find(material_id)
    if entry is None:
        if material_id is not None:
            raise validation(f"Key material (id: {material_id}) has never been imported into KMS key {key.arn}.")
        return None
    key.copy_of(entry).clear()
    if entry.state == STAGED and not key.is_replica:
        _unstage(key, entry)
    else:
        key.follow_material()
    return entry


def _unstage(key: EmulatedKey, entry: Entry) -> None:
    """Staged material vanishes in every Region once the primary has dropped it."""
    key.lineage.entries.remove(entry)
    for each in key.regions:
        each.copies.pop(entry.material_id, None)
