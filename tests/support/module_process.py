# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module's real main() in a process of its own, and say what that took: seconds, and memory at its peak.

Run as a script it is that process: it reads the name and the arguments of the module from its standard input.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from module_runner import CONNECTION
from module_runner import patch_module_args

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Finished:
    """result: what Ansible gets. seconds: of main() alone. peak: bytes, of the whole process."""

    result: dict[str, Any]
    seconds: float
    peak: int

    @property
    def peak_mebibytes(self) -> float:
        return self.peak / MEBIBYTE


def run_process(name: str, url: str, check_mode: bool = False, **options: Any) -> Finished:
    """Run byok.aws.<name> against the KMS at that address."""
    arguments = {**CONNECTION, "endpoint_url": url, **options}
    given = {**arguments, "_ansible_check_mode": check_mode, "_ansible_remote_tmp": "/tmp"}
    measured, writer = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, __file__, name, str(writer)],
            input=json.dumps(given),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            pass_fds=[writer],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    with os.fdopen(measured) as figures:
        seconds, peak = json.loads(figures.read())
    return Finished(json.loads(done.stdout), seconds, peak)


def _peak() -> int:
    """The most memory that this process has had, in bytes. Unlike ru_maxrss, not what its parent had before it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this kernel does not tell the peak of the memory")


def main() -> None:
    name, descriptor = sys.argv[1:]
    module = importlib.import_module(f"ansible_collections.byok.aws.plugins.modules.{name}")
    with patch_module_args(json.load(sys.stdin)):
        started = time.perf_counter()
        try:
            module.main()
        finally:
            seconds = time.perf_counter() - started
            with os.fdopen(int(descriptor), "w") as figures:
                json.dump([seconds, _peak()], figures)


if __name__ == "__main__":
    main()
