# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else, who leads an alias to another key right before a task begins."""

from __future__ import annotations

import json
import os

import boto3
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: interloper
type: notification
short_description: Leads an alias to another key
description: Calls UpdateAlias as BYOK_INTERLOPER says, once, before the task that it names.
"""


class CallbackModule(CallbackBase):
    """Acts when the task is about to start, and lets it start after that."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "interloper"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self.wanted = json.loads(os.environ["BYOK_INTERLOPER"])

    def v2_playbook_on_task_start(self, task, is_conditional):
        if self.wanted and task.get_name().endswith(self.wanted["task"]):
            boto3.client("kms").update_alias(AliasName=self.wanted["alias"], TargetKeyId=self.wanted["key_id"])
            self.wanted = None
