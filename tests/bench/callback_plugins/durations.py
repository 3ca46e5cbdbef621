# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the seconds that each task took into the file that BYOK_DURATIONS names, and their starts into BYOK_STARTS."""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: durations
type: notification
short_description: Seconds of each task, for benchmarks
description: Writes name and seconds of each task as JSON.
"""


class CallbackModule(CallbackBase):
    """Times tasks from their start to their result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "durations"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self.started = 0.0
        self.times = []
        self.starts = []

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.started = time.perf_counter()
        self.starts.append((task.get_name(), self.started))

    def v2_runner_on_ok(self, result):
        self.times.append((result._task.get_name(), time.perf_counter() - self.started))

    def v2_playbook_on_stats(self, stats):
        with open(os.environ["BYOK_DURATIONS"], "w", encoding="utf-8") as handle:
            json.dump(self.times, handle)
        if "BYOK_STARTS" in os.environ:
            with open(os.environ["BYOK_STARTS"], "w", encoding="utf-8") as handle:
                json.dump(self.starts, handle)
