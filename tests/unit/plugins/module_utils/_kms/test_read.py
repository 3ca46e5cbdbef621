# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of a key, and which calls are spared."""

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms import read
from ansible_collections.byok.aws.plugins.module_utils._kms.errors import MISSING_LIBRARY
from ansible_collections.byok.aws.plugins.module_utils._kms.errors import AnsibleKMSError
from ansible_collections.byok.aws.plugins.module_utils._kms.models import NO_EVIDENCE
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ARN
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import FakeConnection
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import kms_error
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import marked
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import match
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import mismatch
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import rsa_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import unknown

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
    found = {state for state in STATES if read.needs_materials(request(**wanted), key(key_state=state))}
    assert found == needing


@pytest.mark.parametrize("wanted", [{"state": "present"}, {"state": "absent", "all_materials": True}])
@pytest.mark.parametrize("other", [hmac_key(), rsa_key(), key(origin="AWS_KMS")])
def test_no_other_key_has_a_list(wanted, other):
    assert read.needs_materials(request(**wanted), other) is False


DISABLED_MARK = material(description=marked(MARK_A, disabled=True))


@pytest.mark.parametrize(
    ("wanted", "found", "evidence", "needed"),
    [
        # Nothing is disabled again in state absent.
        ({"state": "absent"}, key(DISABLED_MARK), NO_EVIDENCE, False),
        ({"state": "absent"}, key(key_state="Disabled"), NO_EVIDENCE, False),
        # No import was ever begun, or none is possible.
        ({}, empty(), NO_EVIDENCE, False),
        ({}, key(key_state="PendingDeletion"), NO_EVIDENCE, False),
        ({}, key(key_state="PendingReplicaDeletion"), NO_EVIDENCE, False),
        # Not Enabled: the tag may wait for its end.
        ({}, key(key_state="Disabled"), match(), True),
        ({}, pending(), match(), True),
        ({}, hmac_key(key_state="Disabled"), unknown(), True),
        ({}, hmac_key(key_state="PendingImport"), unknown(), True),
        # Enabled and symmetric: the mark tells.
        ({}, key(material(description=marked(MARK_A))), match(), False),
        ({}, key(DISABLED_MARK), match(), True),
        # No mark, or none that could be set: an import may have been made all the same.
        ({}, key(material()), match(None, "key_material_id"), True),
        ({"force": True}, hmac_key(), match(None, "mac"), True),
        ({}, key(DISABLED_MARK), mismatch(), True),
        # Enabled, another spec: only an expiry, or the want of a proof, can have led to an import.
        ({}, hmac_key(), match(None, "mac"), False),
        ({}, rsa_key(), match(None, "public_key"), False),
        ({}, hmac_key(), unknown(), True),
        ({"valid_for": DAY}, hmac_key(), match(None, "mac"), True),
        ({"expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE"}, rsa_key(), match(None, "public_key"), True),
    ],
)
def test_needs_tag(wanted, found, evidence, needed):
    assert read.needs_tag(request(**wanted), found, evidence) is needed


@pytest.mark.parametrize(
    ("tags", "remembered"),
    [
        ([], None),
        ([{"TagKey": "team", "TagValue": "Disabled"}], None),
        ([{"TagKey": "team", "TagValue": "x"}, {"TagKey": "byok:restore-state", "TagValue": "Disabled"}], "Disabled"),
    ],
)
def test_the_tag_is_read_with_the_arn(tags, remembered):
    kms = FakeConnection(ListResourceTags={"Tags": tags, "Truncated": False})
    found = read.read_tag(kms, request(), key(key_state="Disabled"), match())
    assert found == key(key_state="Disabled", restore_state=remembered)
    assert kms.made == [("ListResourceTags", {"KeyId": ARN})]


def test_the_tag_is_not_read_in_vain():
    kms = FakeConnection()
    recognised = key(material(description=marked(MARK_A)))
    assert read.read_tag(kms, request(), recognised, match()) == recognised
    assert kms.made == []


def test_who_may_not_read_tags_is_served_all_the_same():
    kms = FakeConnection(ListResourceTags=kms_error("AccessDeniedException"))
    assert read.read_tag(kms, request(), key(key_state="Disabled"), match()) == key(key_state="Disabled")


def test_any_other_failure_of_the_tag_is_a_failure():
    kms = FakeConnection(ListResourceTags=kms_error("KMSInternalException"))
    with pytest.raises(AnsibleKMSError):
        read.read_tag(kms, request(), key(key_state="Disabled"), match())


def test_an_old_botocore_is_told_only_where_the_list_is_needed(monkeypatch):
    monkeypatch.setattr(read, "botocore_at_least", lambda version: False)
    with pytest.raises(AnsibleKMSError, match=r"botocore 1\.38\.31 or newer") as caught:
        read.require_botocore("to test")
    assert caught.value.code == MISSING_LIBRARY
    monkeypatch.setattr(read, "botocore_at_least", lambda version: True)
    assert read.require_botocore("to test") is None
