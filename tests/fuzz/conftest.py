# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One emulator for the session, time that nobody waits for, and how much is tried."""

from __future__ import annotations

import pytest
from emulator_process import EmulatorProcess
from fuzz_world import VirtualTime
from hypothesis import HealthCheck
from hypothesis import settings
from lab import Lab

COMMON = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
settings.register_profile("short", derandomize=True, **COMMON)
settings.register_profile("long", derandomize=False, **COMMON)


def pytest_addoption(parser):
    parser.addoption("--fuzz-examples", type=int, default=0, help="how many stories each test of the long run tries")


def pytest_configure(config):
    settings.load_profile("long" if config.getoption("--fuzz-examples") else "short")


@pytest.fixture
def examples(request):
    """How many stories a test tries: so many in the short run, or as many as asked for."""
    return lambda short: request.config.getoption("--fuzz-examples") or short


@pytest.fixture(scope="session")
def _emulator():
    with EmulatorProcess() as emulator:
        yield emulator


@pytest.fixture
def lab(_emulator, monkeypatch):
    return Lab(_emulator, _emulator.client())


@pytest.fixture
def virtual(lab, monkeypatch):
    """The modules' clock and sleep, which move the clock of KMS on, and no quotas."""
    import botocore.waiter
    from ansible_collections.amazon.aws.plugins.module_utils import cloud
    from ansible_collections.byok.aws.plugins.module_utils._kms.material import execute
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import pacing
    from ansible_collections.byok.aws.plugins.module_utils._kms.service import waiters

    time = VirtualTime(lab)
    for module in (execute, botocore.waiter, cloud):
        monkeypatch.setattr(module, "time", time)
    monkeypatch.setattr(pacing.Bucket, "_spacing", 0.0)
    monkeypatch.setattr(waiters, "STATE_DELAY", 5)
    monkeypatch.setattr(waiters, "ROTATION_DELAY", 200)
    return time
