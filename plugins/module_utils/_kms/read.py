# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what a plan needs to know of a key, and no more: every call counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ansible_collections.amazon.aws.plugins.module_utils.botocore import botocore_at_least

from . import api
from . import lineage
from . import models
from .errors import MISSING_LIBRARY
from .errors import AnsibleKMSError
from .models import Evidence
from .models import Key
from .models import Material
from .models import Request

# The version that brought KeyMaterialId, ImportType and the list of materials.
BOTOCORE_FLOOR = "1.38.31"
# How long after its creation a key may not be known everywhere in KMS yet.
YOUNG = timedelta(minutes=5)
_PATIENCE_READS = 3


def require_botocore(reason: str) -> None:
    if not botocore_at_least(BOTOCORE_FLOOR):
        raise AnsibleKMSError(
            f"botocore {BOTOCORE_FLOOR} or newer is needed where the module runs, {reason}", code=MISSING_LIBRARY
        )


def read_key(kms: api.Connection, request: Request) -> Key:
    """The key with its list of materials where the request needs it. Raises AnsibleKMSError when there is none."""
    key = describe(kms, request)
    kms.young = request.wait and key.now - key.creation_date < YOUNG
    if not needs_materials(request, key):
        return key
    require_botocore("to read and address the materials of symmetric keys")
    if key.never_imported:
        return key
    key = replace(key, materials=api.list_materials(kms, key.arn))
    if request.state != "current" or key.staged is None:
        return key
    return replace(key, rotation_started=api.rotation_started(kms, key.arn))


def describe(kms: api.Connection, request: Request) -> Key:
    """The key without its materials, waited for when it is new. Raises AnsibleKMSError when there is none."""
    try:
        return api.describe_key(kms, request.key_id)
    except AnsibleKMSError as error:
        if error.code != "NotFoundException" or not request.wait or not _known_elsewhere(kms, request.key_id):
            raise
    # Another part of KMS knows the key already: it is new, and worth waiting for.
    kms.young = True
    return api.describe_key(kms, request.key_id)


def _known_elsewhere(kms: api.Connection, key_id: str) -> bool:
    """Whether KMS contradicts itself about a missing key. Only DescribeKey takes aliases: no second opinion there."""
    if "alias/" in key_id:
        return False
    try:
        api.get_tag(kms, key_id, models.RESTORE_STATE_TAG)
    except AnsibleKMSError:
        return False
    return True


def needs_materials(request: Request, key: Key) -> bool:
    if not key.symmetric or key.origin != "EXTERNAL" or key.key_state in models.TRANSIENT_STATES:
        return False
    if request.state != "absent":
        return key.key_state not in models.DELETION_STATES
    if request.key_material_id or request.all_materials:
        return True
    return request.offered is not None and key.key_state in (models.ENABLED, models.DISABLED)


def read_tag(kms: api.Connection, request: Request, key: Key, evidence: Evidence) -> Key:
    """The key with what the tag of an earlier run says it has to become, where such a run is possible."""
    if not needs_tag(request, key, evidence):
        return key
    try:
        return replace(key, restore_state=api.get_tag(kms, key.arn, models.RESTORE_STATE_TAG))
    except AnsibleKMSError as error:
        if error.code != "AccessDeniedException":
            raise
    return key


def needs_tag(request: Request, key: Key, evidence: Evidence) -> bool:
    """Only an import into a Disabled key leaves the tag; where none can have happened, the call is spared.

    On symmetric keys such an import marks the description. On others state present imports into a Disabled key only for
    an expiry, or when the caller forces what cannot be proved otherwise.
    """
    if request.state == "absent" or key.never_imported or key.key_state in models.DELETION_STATES:
        return False
    if not key.enabled:
        return True
    if key.symmetric and not key.replica:
        return any(_may_hide_a_crash(entry) for entry in key.materials)
    return request.state != "present" or request.sets_expiry or request.force or evidence.verdict != "match"


def _may_hide_a_crash(entry: Material) -> bool:
    """Whether an import into a Disabled key marked this material, or could not mark it."""
    return lineage.imported_while_disabled(entry.description) or lineage.split(entry.description)[1] is None
