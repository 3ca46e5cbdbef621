# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the facts of a key that a plan needs, with as few calls as possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..key import descriptions
from ..key import models
from ..key import tag_values
from ..key.models import Key
from ..key.models import Material
from ..key.models import Request
from ..key.tag_values import Seal
from ..service import connection
from ..service import operations
from ..service.account import require_account
from ..service.errors import ACCESS_DENIED
from ..service.errors import AnsibleKMSError
from ..service.operations import require_botocore


def read_key(kms: connection.Connection, request: Request) -> Key:
    """The key, with its list of materials if the request needs it. Raises AnsibleKMSError if the key does not exist."""
    key = describe(kms, request)
    kms = for_key(kms, request, key)
    if not needs_materials(request, key):
        return key
    if request.all_materials:
        return _with_materials_if_possible(kms, key)
    require_botocore("to read and address the materials of symmetric keys")
    if key.never_imported:
        return key
    key = replace(key, materials=operations.list_materials(kms, key.arn))
    if request.state != "current" or key.staged is None:
        return key
    return replace(key, rotation_started=operations.rotation_started(kms, key.arn))


def for_key(kms: connection.Connection, request: Request, key: Key) -> connection.Connection:
    """The connection for further calls on a key that was read: they wait until KMS knows a new key everywhere."""
    return kms.for_young_key(kms.young or (request.wait and key.young))


def _with_materials_if_possible(kms: connection.Connection, key: Key) -> Key:
    """The key with its list of materials, if it can be read. A cut-off can delete without them."""
    try:
        require_botocore("to read and address the materials of symmetric keys")
        return key if key.never_imported else replace(key, materials=operations.list_materials(kms, key.arn, once=True))
    except AnsibleKMSError as error:
        return replace(key, unread=(*key.unread, ("ListKeyRotations", error.code)))


def describe(kms: connection.Connection, request: Request) -> Key:
    """The key without its materials. Waits for a new key. Raises AnsibleKMSError if the key does not exist or belongs
    to another account than the expected one."""
    key = operations.describe_patiently(kms, request.target, request.wait)
    require_account(request.key_id, key.arn, request.expected_account)
    return key


def needs_materials(request: Request, key: Key) -> bool:
    if not key.symmetric or key.origin != models.EXTERNAL or key.key_state in models.TRANSIENT_STATES:
        return False
    if request.state != "absent":
        return key.key_state not in models.DELETION_STATES
    if request.key_material_id or request.all_materials:
        return True
    return request.offered is not None and key.key_state in (models.ENABLED, models.DISABLED)


def read_tags(kms: connection.Connection, request: Request, key: Key, acts: bool, seals: tuple[Seal, ...] = ()) -> Key:
    """The key with the content of its tags: a cut-off, and the state to restore after an earlier run.

    acts: whether the plan without the tags changes anything. seals: prove that a tag is from an import of ours.
    """
    if not needs_tags(request, key, acts):
        return key
    try:
        # A cut-off does not wait for tags.
        tags = operations.get_tags(kms, key.arn, once=request.state == "absent")
    except AnsibleKMSError as error:
        if error.code != ACCESS_DENIED and request.state != "absent":
            raise
        return replace(key, unread=(*key.unread, ("ListResourceTags", error.code)))
    return with_tags(key, tags, seals)


def with_tags(key: Key, tags: Mapping[str, str], seals: tuple[Seal, ...]) -> Key:
    """The key with the content of these tags."""
    value = tags.get(models.RESTORE_STATE_TAG)
    found = tag_values.remembered(key, value, seals)
    return replace(
        key, restore_tag=value, restore_state=found.state if found else None, cut_off=tags.get(models.CUT_OFF_TAG)
    )


def needs_tags(request: Request, key: Key, acts: bool) -> bool:
    """Whether a plan needs the tags: for a cut-off if it acts, and for an unfinished import into a Disabled key.

    On symmetric keys such an import also marks the description; on other keys only the tag shows it.
    """
    if request.state == "absent":
        return request.all_materials and key.key_state not in models.DELETION_STATES
    if key.key_state in models.DELETION_STATES:
        return False
    if acts or request.lift_cut_off or not key.enabled:
        return True
    if key.symmetric and not key.replica:
        return any(_may_hide_a_crash(entry) for entry in key.materials)
    return True


def _may_hide_a_crash(entry: Material) -> bool:
    """Whether an import into a Disabled key marked this material, or had no room for the mark."""
    return descriptions.imported_while_disabled(entry.description) or descriptions.split(entry.description)[1] is None
