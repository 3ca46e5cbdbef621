# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: an emulator for the session, and a stage on it, emptied for every scenario and searched after it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from emulator_process import EmulatorProcess
from lab import Lab
from tally import counter
from tally import summarize

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stage import Stage


class Emulators:
    """An emulator, and another one after a failure: something that was started may still be at work on the first."""

    def __init__(self):
        self._current = None

    def fresh(self):
        if self._current is None:
            self._current = EmulatorProcess().start()
        self._current.reset()
        self._current.config(rotation_seconds=0)
        return self._current

    def drop(self):
        if self._current is not None:
            self._current.stop()
        self._current = None


@pytest.fixture(scope="session")
def _emulators():
    emulators = Emulators()
    yield emulators
    emulators.drop()


@pytest.fixture
def play(request, tmp_path, _emulators):
    """A function that plays a scenario, and looks for every material afterwards."""

    def playing(scenario):
        emulator = _emulators.fresh()
        stage = Stage(tmp_path, Lab(emulator, emulator.client()), tally=counter(request))
        try:
            scenario(stage)
            assert not stage.leaks()
        except BaseException:
            _emulators.drop()
            raise

    return playing


def pytest_terminal_summary(terminalreporter):
    summarize(terminalreporter, "after which all ended well")
