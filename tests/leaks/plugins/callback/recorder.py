# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes down all that Ansible tells its callbacks, as the callbacks for logs and for JSON do."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: recorder
type: notification
short_description: Write every result into a file, for tests
description:
  - Appends one line of JSON for each result to the file that the variable LEAKS_RECORD of the environment names.
"""


class CallbackModule(CallbackBase):
    """Everything, unabridged."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def _record(self, result, **_options):
        # The fields of the task hold its options, as the worker that ran it has left them.
        line = {"task": result._task.get_name(), "result": result._result, "fields": result._task_fields}
        with open(os.environ["LEAKS_RECORD"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=repr) + "\n")

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_skipped = v2_runner_on_unreachable = _record
    v2_runner_on_async_poll = v2_runner_on_async_ok = v2_runner_on_async_failed = _record
    v2_runner_item_on_ok = v2_runner_item_on_failed = v2_runner_item_on_skipped = v2_on_file_diff = _record
