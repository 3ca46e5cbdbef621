# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start the emulator behind the caller and wait until it is ready."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

READY = "kms_emulator ready on "
TIMEOUT_SECONDS = 30.0


def start(arguments: Sequence[str], log_file: Path) -> int:
    """Print the line that says where it listens; its output goes to the log file."""
    command = [sys.executable, "-m", "kms_emulator", *arguments]
    with log_file.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    ready = _ready_line(process, log_file)
    if ready is None:
        process.kill()
        print(f"kms_emulator did not start:\n{log_file.read_text(encoding='utf-8')}", file=sys.stderr)
        return 1
    print(ready, flush=True)
    return 0


def _ready_line(process: subprocess.Popen[bytes], log_file: Path) -> str | None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        for line in log_file.read_text(encoding="utf-8").splitlines():
            if line.startswith(READY):
                return line
        time.sleep(0.05)
    return None
