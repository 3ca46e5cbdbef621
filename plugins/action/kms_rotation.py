# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One phase of the role kms_material_rotation: what has to be done is decided here, on the controller.

What a phase needs of the host that the role runs for, its files and KMS, is a step of the module kms_rotation_step.
That goes through its own action plugin, so that connection, become, environment and the pipe for plaintext are as in
any task.
"""

from __future__ import annotations

import secrets
import time

from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.byok.aws.plugins.module_utils._kms.service.texts import printable
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import merged
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import packed
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import unpacked
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_options import options_problem
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_options import read_options
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import KeysChangedError
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import PhaseResult
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import Reporter
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import Rotation
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import RunStart
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_phases import plan
from ansible_collections.byok.aws.plugins.plugin_utils.version import collection_version
from ansible_collections.byok.aws.plugins.plugin_utils.version import controller_name

_STEP = "byok.aws.kms_rotation_step"
_OWN = ("phase", "options", "keys", "run", "batch", "broken")
_KEYS_CHANGED = "kms_material_rotation_keys has other keys than when the run was planned"


def _new_run_id(now):
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{secrets.token_hex(3)}"


class ActionModule(ActionBase):
    """A phase of a rotation."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        del tmp
        self._variables = task_vars
        # What a step found out about the interpreter there is kept for the tasks that follow.
        self._facts = {}
        try:
            found = self._phase()
        finally:
            # Callbacks are given the arguments of a task as well, and some are key material.
            self._task.args = {"phase": self._task.args.get("phase")}
        result.update(found.told, changed=found.changed, problem=printable(found.problem), part=packed(found.part))
        if self._facts:
            result["ansible_facts"] = self._facts
        if not self._task.no_log:
            result.update(_details(found.part))
        return result

    def _phase(self):
        arguments = self._task.args
        phase, keys = arguments["phase"], arguments.get("keys") or []
        if phase == "plan":
            return self._plan(arguments["options"], keys)
        facts = merged(unpacked(part) for part in arguments["run"])
        rotation = Rotation(facts, keys, self._execute, time.time)
        try:
            return self._later(rotation, phase)
        except KeysChangedError:
            return PhaseResult({"run": {"broken": _KEYS_CHANGED}}, {"stopped": True, "progress": _KEYS_CHANGED})

    def _plan(self, given, keys):
        options = read_options(given)
        problem = options_problem(options, keys)
        if problem:
            return PhaseResult({}, {}, problem=problem)
        now = time.time()
        return plan(options, keys, RunStart(_new_run_id(now), now, bool(self._task.check_mode)), self._execute)

    def _later(self, rotation, phase):
        if phase == "prepare":
            return rotation.prepare()
        if phase == "begin":
            return rotation.begin()
        if phase == "batch":
            return rotation.change_batch(int(self._task.args["batch"]))
        if phase == "verify":
            return rotation.verify()
        reporter = Reporter(collection_version(), controller_name(), self._render)
        return rotation.finish(reporter, self._task.args.get("broken") or "")

    def _render(self, report):
        """The page of the report, as Ansible's own templating makes it."""
        template = self._find_needle("templates", "report.html.j2")
        lookup = self._shared_loader_obj.lookup_loader.get(
            "ansible.builtin.template", loader=self._loader, templar=self._templar
        )
        # Names and descriptions in it are from others, and are no templates.
        variables = {**self._variables, "__kms_material_rotation_report": wrap_var(report)}
        (page,) = lookup.run([template], variables=variables)
        return str(page)

    def _execute(self, step):
        """Carry out a step. A failure of any kind is a result with a message: the phase has to go on from it."""
        task = self._task.copy()
        task.name = step.label
        task.check_mode, task.diff = step.check_mode, True
        task.args = {name: value for name, value in self._task.args.items() if name not in _OWN}
        task.args.update((name, value) for name, value in step.options.items() if value is not None)
        action = self._shared_loader_obj.action_loader.get(
            _STEP,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        try:
            answer = action.run(task_vars=self._variables)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a task that takes too long gets one that is no Exception
            return {"msg": printable(str(error))}
        self._facts.update(answer.get("ansible_facts") or {})
        return {"msg": answer.get("msg")} if answer.get("failed") else answer


def _details(part):
    """What the module returned of each key, for who looks for a fault."""
    calls = [part.get("preflight"), *part.get("attempts", []), part.get("verified")]
    found = [one for one in calls if one]
    return {
        "kms_keys": [entry for one in found for entry in one["kms_keys"]],
        "diff": [entry for one in found for entry in one["diff"]],
    }
