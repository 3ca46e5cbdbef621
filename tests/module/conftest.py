# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: one emulator for the session, emptied for every test, and the module's real main() against it."""

from __future__ import annotations

import pytest
from emulator_process import EmulatorProcess
from external_lab import ExternalLab
from lab import Lab
from replacement_lab import ReplacementLab
from tally import counter
from tally import summarize


@pytest.fixture(scope="session")
def _emulator():
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture
def lab(_emulator, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"):
        monkeypatch.delenv(name, raising=False)
    _emulator.reset()
    _emulator.config(rotation_seconds=1)
    return Lab(_emulator, _emulator.client())


@pytest.fixture
def without_pauses(monkeypatch):
    """Retries and waiters without their pauses."""
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import connection
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import waiters

    monkeypatch.setattr(connection, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(connection, "LONGEST_DELAY", 0.002)
    monkeypatch.setattr(waiters, "STATE_DELAY", 0.05)


@pytest.fixture
def impatient(without_pauses, monkeypatch):
    """The quotas of KMS out of the way, too: hundreds of repetitions at their pace would take an hour.

    A bucket without spacing holds for every operation, whichever table its rate comes from.
    """
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import pacing

    monkeypatch.setattr(pacing.Bucket, "_spacing", 0.0)


@pytest.fixture
def quick(lab, impatient, monkeypatch):
    """A lab in which a rotation takes no time."""
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import waiters

    monkeypatch.setattr(waiters, "ROTATION_DELAY", 0.1)
    lab.emulator.config(rotation_seconds=0.3)
    return lab


@pytest.fixture
def xlab(lab, impatient, monkeypatch):
    """A lab for the keys themselves, in which nothing takes long."""
    from ansible_collections.byok.aws.plugins.module_utils._kms.external_key import execute as external_key_execute

    monkeypatch.setattr(external_key_execute, "SECOND_LOOK", 0.01)
    lab.emulator.config(transient_seconds=0.2)
    return ExternalLab(lab.emulator, lab.kms)


@pytest.fixture
def rlab(lab, impatient, monkeypatch):
    """A lab for keys that are replaced, in which nothing takes long."""
    from ansible_collections.byok.aws.plugins.module_utils._kms.canary import run as canary
    from ansible_collections.byok.aws.plugins.module_utils._kms.external_key import execute as external_key_execute

    monkeypatch.setattr(external_key_execute, "SECOND_LOOK", 0.01)
    monkeypatch.setattr(canary, "PAUSE", 0.01)
    return ReplacementLab(lab.emulator, lab.kms)


@pytest.fixture
def tally(request):
    """Count a point that was tried and ended well; the sums are printed at the end."""
    return counter(request)


def pytest_terminal_summary(terminalreporter):
    summarize(terminalreporter, "that ended well")
