# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start the emulator behind the caller and wait until it is ready."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from kms_emulator import files

READY = "kms_emulator ready on "
TIMEOUT_SECONDS = 30.0
LOG_READ = 64 * 1024


def start(arguments: Sequence[str], log_file: Path) -> int:
    """Print the line that says where it listens; its output goes to the log file."""
    command = [sys.executable, "-m", "kms_emulator", *arguments]
    log = files.open_own(log_file, os.O_APPEND)
    try:
        files.empty(log)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        ready = _ready_line(process, log)
        if ready is None:
            process.kill()
            print(f"kms_emulator did not start:\n{_content(log)}", file=sys.stderr)
            return 1
    finally:
        os.close(log)
    print(ready, flush=True)
    return 0


def _ready_line(process: subprocess.Popen[bytes], log: int) -> str | None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        for line in _content(log).splitlines():
            if line.startswith(READY):
                return line
        time.sleep(0.05)
    return None


def _content(log: int) -> str:
    """What the process has written so far; its place in the file stays where it is."""
    return os.pread(log, LOG_READ, 0).decode("utf-8", errors="replace")
