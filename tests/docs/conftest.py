# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: one emulator for the session."""

from __future__ import annotations

import pytest
from emulator_process import EmulatorProcess


@pytest.fixture(scope="session")
def emulator():
    with EmulatorProcess("--rotation-seconds", "0.5") as process:
        yield process
