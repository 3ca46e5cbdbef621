# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module kms_imported_material without writing its arguments to a file, and show its progress.

By default Ansible writes a module and its arguments to a temporary file. This plugin sends them through a pipe to the
interpreter (pipelining) if the connection supports that, also when the configuration turns pipelining off.

Ansible shows the output of a module only after its end. On this machine, the module writes its progress to a file in
the meantime, and this plugin shows it.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
from contextlib import contextmanager
from contextlib import nullcontext
from contextlib import suppress

from ansible import constants
from ansible.module_utils.common.validation import check_type_list
from ansible.plugins.action import ActionBase
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import PLAINTEXT_FILE_TRANSFER
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import imported_material_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.service.process import without_core_dumps
from ansible_collections.byok.aws.plugins.module_utils._kms.service.progress import ENVIRONMENT
from ansible_collections.byok.aws.plugins.module_utils._kms.service.texts import printable
from ansible_collections.byok.aws.plugins.plugin_utils.option_check import masked
from ansible_collections.byok.aws.plugins.plugin_utils.option_check import option_problem

# How often the progress is shown, in seconds.
_SHOW_EVERY = 5.0


class ProgressWatcher:
    """Shows the line in a file at regular intervals, if it is a new one. every: seconds."""

    def __init__(self, path, show, every=_SHOW_EVERY):
        self._path = path
        self._show = show
        self._every = every
        self._shown = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()

    def _watch(self):
        while not self._over.wait(self._every):
            self._show_line()

    def _show_line(self):
        # Progress is optional: a missing file and a closed terminal are not errors.
        with suppress(OSError):
            with open(self._path, errors="replace") as file:
                line = printable(file.read())
            if line and line != self._shown:
                self._shown = line
                self._show(line)


def _allowed(whole, entry):
    """The option allow of an entry, which replaces the option of the task."""
    own = entry.get("allow")
    return check_type_list((whole.get("allow") or []) if own is None else own)


def _holds_plaintext(options):
    """Whether the options of one key hold plaintext, whole or as components, or the PIN of a token."""
    if (options.get("pkcs11") or {}).get("pin"):
        return True
    return any(one.get("key_material") for one in (options, *(options.get("components") or [])))


class ActionModule(ActionBase):
    """Runs the module of the same name through a pipe."""

    _module = "byok.aws.kms_imported_material"
    _module_spec = staticmethod(imported_material_spec)
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        del tmp
        spec = self._spec()
        problem = option_problem(spec, self._options_of_users())
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        obstacle = self._obstacle(wrap_async)
        if obstacle and not problem:
            problem = self._transfer_problem(obstacle, task_vars or {})
        if problem:
            self._forget({})
            return {**result, "failed": True, "msg": printable(f"{problem}; nothing was done")}
        if self._given() and multiprocessing.parent_process() is not None:
            # Only in the process that Ansible starts for this task, never in the process of the user.
            without_core_dumps()
        try:
            with nullcontext() if obstacle else self._pipelining(), self._progress():
                # A copy: Ansible adds its own settings, which are not valid options when the task is repeated.
                done = self._execute_module(
                    module_name=self._module,
                    module_args=dict(self._task.args),
                    task_vars=task_vars,
                    wrap_async=wrap_async,
                )
            result.update(done)
            self._summarize(result)
        finally:
            self._forget(masked(spec, self._task.args))
        return result

    def _options_of_users(self):
        """The options in which a user may have put what does not belong there."""
        return self._task.args

    @classmethod
    def _spec(cls):
        """The argument spec of the module, as amazon.aws completes it."""
        # Not needed, and mostly not there, where material is wrapped offline.
        from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

        return {**aws_argument_spec(), **cls._module_spec()}

    def _forget(self, options):
        """Replace the options of the task, which callbacks also get. A task that may be repeated still needs them."""
        if not (getattr(self._task, "until", None) or getattr(self._task, "retries", None)):
            self._task.args = options

    @contextmanager
    def _progress(self):
        """Let the module write its progress to a file, if it runs on this machine as the same user."""
        if not self._task.args.get("keys") or self._connection.transport != "local" or self._connection.become:
            yield
            return
        try:
            descriptor, path = tempfile.mkstemp(prefix="progress-", dir=constants.DEFAULT_LOCAL_TMP)
        except OSError:
            # For example a full disk.
            yield
            return
        os.close(descriptor)
        self._task.environment = [*(self._task.environment or []), {ENVIRONMENT: path}]
        try:
            with ProgressWatcher(
                path, lambda line: self._display.display(f"{self._task.name or self._task.action}: {line}", stderr=True)
            ):
                yield
        finally:
            with suppress(OSError):
                os.unlink(path)

    def _summarize(self, result):
        """With -v, show one line for each of many keys; with -vv and more, show everything."""
        if self._task.args.get("keys") is None or self._display.verbosity != 1 or self._task.no_log:
            return
        from ansible_collections.byok.aws.plugins.module_utils._kms.material.results import summary_line

        result["_ansible_verbose_override"] = True
        for wanted, entry in zip(self._task.args["keys"], result.get("kms_keys") or []):
            self._display.v(summary_line({**entry, "key_id": wanted.get("key_id", entry["key_id"])}))

    def _given(self):
        """The options of the task and of each of its keys, if they hold plaintext."""
        return [one for one in (self._task.args, *(self._task.args.get("keys") or [])) if _holds_plaintext(one)]

    def _transfer_problem(self, obstacle, task_vars):
        """Why plaintext must not be sent without a pipe, or None. If it is allowed, a warning names files that stay."""
        whole, given = self._task.args, self._given()
        stays = constants.DEFAULT_KEEP_REMOTE_FILES
        places = f"{'left in' if stays else 'written to'} a temporary file on {self._places(task_vars)}"
        if all(PLAINTEXT_FILE_TRANSFER in _allowed(whole, one) for one in given):
            if given and stays:
                # Through the display, because the result of the asynchronous job replaces this result.
                self._display.warning(f"the plaintext in key_material is {places}, as keep_remote_files says")
            return None
        return (
            f"the plaintext in key_material would be {places}, because {obstacle}; use key_material_file with a file "
            "on the target, or a way that has pipelining, or set allow to plaintext_file_transfer"
        )

    def _places(self, task_vars):
        """Where the payload is written without a pipe."""
        target = self._task.delegate_to or task_vars.get("inventory_hostname") or "of this task"
        places = f"the controller and on the target {target}"
        if not self._connection.transport.endswith("aws_ssm"):
            return places
        try:
            bucket = self._connection.get_option("bucket_name")
        except KeyError:
            bucket = task_vars.get("ansible_aws_ssm_bucket_name")
        return f"{places}, and in the S3 bucket {bucket or 'of the connection'} through which aws_ssm copies files"

    def _obstacle(self, wrap_async):
        """Why the payload cannot go through a pipe, or None."""
        if wrap_async:
            return "a task with async needs a file"
        if not self._connection.has_pipelining:
            return f"the connection {self._connection.transport} has no pipelining"
        # A terminal would treat the payload as keyboard input.
        wants_terminal = getattr(self._connection, "_is_tty_requested", None)
        if wants_terminal and wants_terminal():
            return f"the arguments of the connection {self._connection.transport} ask for a terminal"
        become = self._connection.become
        # su reads the payload as its password; only since 2.19 does it say so itself.
        if become and (become.require_tty or not getattr(become, "pipelining", become.name != "su")):
            return f"the become method {become.name} has no pipelining"
        return None

    def _is_pipelining_enabled(self, module_style, wrap_async=False):
        """Override Ansible's decision: the settings pipelining and keep_remote_files must not turn off the pipe."""
        if module_style == "new" and not self._obstacle(wrap_async):
            return True
        return super()._is_pipelining_enabled(module_style, wrap_async)

    @contextmanager
    def _pipelining(self):
        """Set pipelining on the connection: otherwise local uses a terminal for the password prompt of become."""
        try:
            before = self._connection.get_option("pipelining")
        except KeyError:
            yield
            return
        self._connection.set_option("pipelining", True)
        try:
            yield
        finally:
            self._connection.set_option("pipelining", before)
