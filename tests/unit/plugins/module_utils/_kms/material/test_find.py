# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of a key, and which calls are spared."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key import tag_values
from ansible_collections.byok.aws.plugins.module_utils._kms.material import find
from ansible_collections.byok.aws.plugins.module_utils._kms.service import operations
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import MISSING_LIBRARY
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ARN
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import FakeConnection
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import kms_error
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import marked
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_key

STATES = ("Enabled", "Disabled", "PendingImport", "PendingDeletion", "PendingReplicaDeletion", "Creating", "Updating")


@pytest.mark.parametrize(
    ("wanted", "needing"),
    [
        # The list decides what is there to prove, to renew or to restore.
        ({"state": "present"}, {"Enabled", "Disabled", "PendingImport"}),
        # A plain deletion asks DescribeKey alone.
        ({"state": "absent"}, set()),
        # The proof before a deletion needs the fingerprints.
        ({"state": "absent", "offered": "plaintext"}, {"Enabled", "Disabled"}),
        # These look into every key that can still hold material.
        (
            {"state": "absent", "key_material_id": A},
            {"Enabled", "Disabled", "PendingImport", "PendingDeletion", "PendingReplicaDeletion"},
        ),
        (
            {"state": "absent", "all_materials": True},
            {"Enabled", "Disabled", "PendingImport", "PendingDeletion", "PendingReplicaDeletion"},
        ),
    ],
)
def test_needs_materials(wanted, needing):
    found = {state for state in STATES if find.needs_materials(request(**wanted), key(key_state=state))}
    assert found == needing


@pytest.mark.parametrize("wanted", [{"state": "present"}, {"state": "absent", "all_materials": True}])
@pytest.mark.parametrize("other", [hmac_key(), rsa_key(), key(origin="AWS_KMS")])
def test_no_other_key_has_a_list(wanted, other):
    assert find.needs_materials(request(**wanted), other) is False


DISABLED_MARK = material(description=marked(MARK_A, disabled=True))


@pytest.mark.parametrize(
    ("wanted", "found", "acts", "needed"),
    [
        # Nothing is disabled again in state absent, and a deletion needs no mark of a cut-off.
        ({"state": "absent"}, key(DISABLED_MARK), True, False),
        ({"state": "absent"}, key(key_state="Disabled"), True, False),
        # A cut-off leaves its mark once, where KMS takes a tag.
        ({"state": "absent", "all_materials": True}, key(), True, True),
        ({"state": "absent", "all_materials": True}, key(key_state="PendingDeletion"), True, False),
        # Nothing can be imported.
        ({}, key(key_state="PendingDeletion"), False, False),
        ({}, key(key_state="PendingReplicaDeletion"), False, False),
        # Every plan that acts has to know of a cut-off; a first import, too.
        ({}, empty(), True, True),
        ({}, key(material(description=marked(MARK_A))), True, True),
        # Not Enabled: the tag may wait for its end.
        ({}, key(key_state="Disabled"), False, True),
        ({}, pending(), True, True),
        ({}, hmac_key(key_state="Disabled"), False, True),
        # Enabled and symmetric, nothing to do: the mark in the description tells.
        ({}, key(material(description=marked(MARK_A))), False, False),
        ({"lift_cut_off": True}, key(material(description=marked(MARK_A))), False, True),
        ({}, key(DISABLED_MARK), False, True),
        # No mark, or none that could be set: an import may have been made all the same.
        ({}, key(material()), False, True),
        # Another spec: nothing but the tag tells.
        ({}, hmac_key(), False, True),
        ({}, rsa_key(), False, True),
    ],
)
def test_needs_tags(wanted, found, acts, needed):
    assert find.needs_tags(request(**wanted), found, acts) is needed


def seal_of(content):
    return lambda context: hashlib.sha256(content + context.encode()).hexdigest()[:32]


OURS = tag_values.restore_value(key(), NOW - DAY, seal_of(b"a"))


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({}, {}),
        ({"team": "Disabled"}, {}),
        ({"team": "x", "byok:restore-state": OURS}, {"restore_tag": OURS, "restore_state": "Disabled"}),
        # Who may only tag cannot have a key disabled.
        ({"byok:restore-state": "Disabled"}, {"restore_tag": "Disabled"}),
        ({"byok:cut-off": "2026-01-01 by x"}, {"cut_off": "2026-01-01 by x"}),
    ],
)
def test_the_tags_are_read_with_the_arn(tags, found):
    listed = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
    kms = FakeConnection(ListResourceTags={"Tags": listed, "Truncated": False})
    read_key = find.read_tags(kms, request(), key(key_state="Disabled"), True, (seal_of(b"b"), seal_of(b"a")))
    assert read_key == key(key_state="Disabled", **found)
    assert kms.made == [("ListResourceTags", {"KeyId": ARN})]


def test_the_tags_are_not_read_in_vain():
    kms = FakeConnection()
    recognised = key(material(description=marked(MARK_A)))
    assert find.read_tags(kms, request(), recognised, False) == recognised
    assert kms.made == []


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "AccessDeniedException"),
        ({"state": "absent", "all_materials": True}, "AccessDeniedException"),
        # A cut-off waits for nothing.
        ({"state": "absent", "all_materials": True}, "KMSInternalException"),
    ],
)
def test_tags_that_cannot_be_read_are_noted(wanted, code):
    kms = FakeConnection(ListResourceTags=kms_error(code))
    found = find.read_tags(kms, request(**wanted), key(key_state="Disabled"), True)
    assert found == key(key_state="Disabled", unread=(("ListResourceTags", code),))


def test_any_other_failure_of_the_tags_is_a_failure():
    kms = FakeConnection(ListResourceTags=kms_error("KMSInternalException"))
    with pytest.raises(AnsibleKMSError):
        find.read_tags(kms, request(), key(key_state="Disabled"), True)


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSInternalException"])
def test_a_cut_off_does_without_the_list(code):
    kms = FakeConnection(ListKeyRotations=kms_error(code))
    found = find._with_materials_if_possible(kms, key())
    assert found == key(unread=(("ListKeyRotations", code),))


def test_an_old_botocore_is_told_only_where_the_list_is_needed(monkeypatch):
    monkeypatch.setattr(operations, "botocore_at_least", lambda version: False)
    with pytest.raises(AnsibleKMSError, match=r"botocore 1\.38\.31 or newer") as caught:
        operations.require_botocore("to test")
    assert caught.value.code == MISSING_LIBRARY
    monkeypatch.setattr(operations, "botocore_at_least", lambda version: True)
    assert operations.require_botocore("to test") is None
