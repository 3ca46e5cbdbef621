# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting over a look of our own; botocore's pauses are counted, not slept."""

from __future__ import annotations

import botocore.session
import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import TIMEOUT
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.plugins.module_utils._kms.service.waiters import wait_until_seen
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import kms_error


@pytest.fixture(name="client", scope="module")
def fixture_client():
    """A real client, of which only the metadata is used."""
    session = botocore.session.Session()
    return session.create_client("kms", "eu-central-1", aws_access_key_id="testing", aws_secret_access_key="testing")


@pytest.fixture(name="slept")
def fixture_slept(monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


class Looks:
    """Shows these states in turn, the last one for ever; Enabled is what is waited for."""

    def __init__(self, *states, hopeless=()):
        self.states = list(states)
        self.hopeless = hopeless
        self.count = 0

    def __call__(self):
        state = self.states[min(self.count, len(self.states) - 1)]
        self.count += 1
        return {"Seen": state == "Enabled", "Last": state, "Hopeless": state in self.hopeless}


@pytest.mark.parametrize(
    ("states", "looks"),
    [
        (["Enabled"], 1),
        (["PendingImport", "Enabled"], 2),
        (["PendingImport", "Disabled", "PendingImport", "Enabled"], 4),
    ],
)
def test_looks_until_the_change_is_seen(client, slept, states, looks):
    look = Looks(*states)
    assert wait_until_seen(client, look, ALIAS, "Enabled", 60) is None
    assert look.count == looks
    assert slept == [1] * (looks - 1)


@pytest.mark.parametrize(
    ("timeout", "delay", "looks"), [(0, 1, 1), (1, 1, 2), (5, 1, 6), (60, 3, 21), (10, 3, 5), (2, 3, 2)]
)
def test_timeout_says_what_was_seen_last(client, slept, timeout, delay, looks):
    look = Looks("Creating", "PendingImport")
    with pytest.raises(AnsibleKMSError) as caught:
        wait_until_seen(client, look, ALIAS, "Enabled, expiring tomorrow", timeout, delay)
    assert caught.value.code == TIMEOUT
    assert ALIAS in caught.value.sentence
    assert "Enabled, expiring tomorrow" in caught.value.sentence
    assert f"within {timeout} seconds" in caught.value.sentence
    assert caught.value.sentence.endswith("last seen: " + ("Creating" if looks == 1 else "PendingImport"))
    assert look.count == looks
    assert slept == [delay] * (looks - 1)
    # The full time is waited.
    assert sum(slept) >= timeout


def test_what_is_hopeless_is_not_waited_for(client, slept):
    look = Looks("PendingImport", "PendingDeletion", hopeless=("PendingDeletion",))
    with pytest.raises(
        AnsibleKMSError, match=r"will not happen without a new change.*last seen: PendingDeletion"
    ) as caught:
        wait_until_seen(client, look, ALIAS, "Enabled", 60)
    assert caught.value.code == TIMEOUT
    assert look.count == 2


def test_a_look_without_words_for_it(client, slept):
    with pytest.raises(AnsibleKMSError, match="last seen: nothing"):
        wait_until_seen(client, lambda: {"Seen": False}, ALIAS, "Enabled", 0)


def test_a_failing_look_fails_as_itself(client, slept):
    denied = kms_error("AccessDeniedException")

    def look():
        raise denied

    with pytest.raises(AnsibleKMSError) as caught:
        wait_until_seen(client, look, ALIAS, "Enabled", 60)
    assert caught.value is denied
    assert slept == []
