# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module's real main() in this process, as Ansible would: arguments in, JSON out."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from ansible.module_utils import basic
from ansible.module_utils.common import warnings as ansible_warnings

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core before 2.18

    @contextlib.contextmanager
    def patch_module_args(args: dict[str, Any]) -> Iterator[None]:
        before = basic._ANSIBLE_ARGS
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = before


# botocore reads its models from JSON for every session: most of the time of a run, and the same every time.
_LOADER = botocore.loaders.create_loader()
botocore.session.create_loader = lambda *_search_path: _LOADER
# A session is the same for the same credentials, and to make one takes as long as three calls.
boto3.session.Session = functools.cache(boto3.session.Session)  # type: ignore[misc]

# A module's arguments and its output are the process's own, and some tests run side by side.
_ALONE = threading.Lock()

CONNECTION = {"region": "us-east-1", "access_key": "testing", "secret_key": "testing-secret"}


@contextlib.contextmanager
def _prints_into(output: io.StringIO) -> Iterator[None]:
    """Take what a module prints. Its result even where sys.stdout is another's, as pytest's is beside a thread."""
    basic.print = functools.partial(print, file=output)  # type: ignore[attr-defined]
    beside = threading.current_thread() is not threading.main_thread()
    try:
        with contextlib.nullcontext() if beside else contextlib.redirect_stdout(output):
            yield
    finally:
        del basic.print  # type: ignore[attr-defined]


def run_module(name: str, options: dict[str, Any], check_mode: bool = False, diff: bool = False) -> dict[str, Any]:
    """The result of byok.aws.<name> as Ansible gets it, "failed" set when it failed. Its output is under "_stdout"."""
    module = importlib.import_module(f"ansible_collections.byok.aws.plugins.modules.{name}")
    args = {**options, "_ansible_check_mode": check_mode, "_ansible_diff": diff, "_ansible_remote_tmp": "/tmp"}
    # Ansible keeps warnings for as long as a process lives, which is usually one module.
    ansible_warnings._global_warnings.clear()
    output = io.StringIO()
    with _ALONE, patch_module_args(args), _prints_into(output), contextlib.suppress(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(output.getvalue())
    result["_stdout"] = output.getvalue()
    return result
