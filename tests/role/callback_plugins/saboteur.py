# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a path away right before a task begins, as BYOK_SABOTAGE says: task, number, path and what to do, as JSON."""

from __future__ import annotations

import json
import os
import shutil

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: saboteur
type: notification
short_description: Takes a path away, for tests
description: Removes a path, or puts a directory there, right before a task begins for the nth time.
"""


class CallbackModule(CallbackBase):
    """Counts the beginnings of one task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "saboteur"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self.task, self.left, self.path, self.what = json.loads(os.environ["BYOK_SABOTAGE"])

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.left -= self.task in task.get_name()
        if self.left == 0:
            shutil.rmtree(self.path, ignore_errors=True)
            if self.what == "occupy":
                os.unlink(self.path)
                os.makedirs(os.path.join(self.path, "in the way"))
