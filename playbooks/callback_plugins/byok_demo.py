# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show what a demonstration has to say, and nothing of what it does to get there.

Prints the name and message of every debug task, every diff, every warning and every failure. `make demo` switches it
on; without it the playbook runs under any other output plugin.
"""

from __future__ import annotations

from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = r"""
name: byok_demo
type: stdout
short_description: The story of a demonstration
description:
  - Prints the messages of debug tasks, diffs, warnings and failures.
  - Private to the demonstration of this collection.
version_added: 1.0.0
author:
  - byok.aws maintainers (@byok-aws)
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""


class CallbackModule(Default):
    """The default output without its housekeeping."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "byok_demo"

    def v2_runner_on_ok(self, result):
        name, action, outcome = _parts(result)
        if action == "ansible.builtin.debug":
            self._display.display(f"\n{name}", color="bright blue")
            message = outcome.get("msg", "")
            lines = message if isinstance(message, list) else [message]
            self._display.display("\n".join(str(line) for line in lines).rstrip("\n"))
        elif outcome.get("warnings"):
            self._display.display(f"\n{name}", color="bright blue")
            self._handle_warnings(outcome)

    def v2_on_file_diff(self, result):
        _name, _action, outcome = _parts(result)
        shown = self._get_diff(outcome["diff"]) if outcome.get("diff") and outcome.get("changed") else ""
        if shown:
            self._display.display("")
            self._display.display(shown.rstrip("\n"))

    # What succeeds as expected is told by the debug tasks.
    def v2_playbook_on_task_start(self, task, is_conditional):
        pass

    def v2_runner_item_on_ok(self, result):
        pass

    def v2_runner_on_skipped(self, result):
        pass

    def v2_runner_item_on_skipped(self, result):
        pass

    def v2_playbook_on_include(self, included_file):
        pass

    def v2_playbook_on_play_start(self, play):
        self._play = play

    def v2_playbook_on_stats(self, stats):
        pass


def _parts(result):
    """Name and action of a task, and its result; ansible-core 2.19 named the attributes anew."""
    task = getattr(result, "task", None) or result._task
    outcome = result.result if hasattr(result, "result") else result._result
    return task.get_name().split(" : ")[-1], task.action, outcome
