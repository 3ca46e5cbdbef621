# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the scenarios side by side, and looks for every material after each."""

from __future__ import annotations

import collections
import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from emulator_process import EmulatorProcess
from lab import Lab

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stage import Stage

_TALLY: collections.Counter[str] = collections.Counter()


class Emulators:
    """Hands out emulators, to one scenario at a time, emptied for each."""

    def __init__(self):
        self._all = contextlib.ExitStack()
        self._idle = []

    @contextlib.contextmanager
    def one(self):
        emulator = self._idle.pop() if self._idle else self._all.enter_context(EmulatorProcess())
        emulator.reset()
        emulator.config(rotation_seconds=0)
        # After a failure something that was started may still be at work: nobody else gets this one.
        yield emulator
        self._idle.append(emulator)

    def close(self):
        self._all.close()


def _play(scenario, directory, emulators):
    with emulators.one() as emulator:
        stage = Stage(directory, Lab(emulator, emulator.client()), tally=lambda name: _TALLY.update([name]))
        scenario(stage)
        assert not stage.leaks()


@pytest.fixture(scope="module")
def running(request, tmp_path_factory):
    """The scenarios that were asked for, started in their order, as futures by name."""
    names = [item.callspec.params["name"] for item in request.session.items if item.module is request.module]
    scenarios = request.module.SCENARIOS
    emulators = Emulators()
    with contextlib.closing(emulators), ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield {
            name: pool.submit(_play, scenarios[name], tmp_path_factory.mktemp(name[:24]), emulators) for name in names
        }


def pytest_terminal_summary(terminalreporter):
    for name, number in sorted(_TALLY.items()):
        terminalreporter.write_line(f"{name}, after which all ended well: {number}")
