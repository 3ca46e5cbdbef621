# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast the KMS emulator starts and answers. Prints figures, judges nothing.

Run it with the test support directory on PYTHONPATH, or directly: ``python tests/bench/bench_emulator.py``.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from emulator_process import EmulatorProcess

STARTS = 3
SECONDS = 3.0
THREADS = 8
FLEET = 1000


def start_seconds() -> float:
    """From the start of the process to its ready line, the median of some."""
    durations = []
    for _attempt in range(STARTS):
        started = time.perf_counter()
        with EmulatorProcess():
            durations.append(time.perf_counter() - started)
    return statistics.median(durations)


def calls_per_second(call: Callable[[], Any], threads: int) -> float:
    """How often a call is answered while so many threads make it."""

    def loop(_number: int) -> int:
        count = 0
        while time.perf_counter() < end:
            call()
            count += 1
        return count

    call()
    started = time.perf_counter()
    end = started + SECONDS
    with ThreadPoolExecutor(threads) as pool:
        counts = list(pool.map(loop, range(threads)))
    return sum(counts) / (time.perf_counter() - started)


def fleet_seconds(kms: Any, key: str, spec: str) -> float:
    """How long it takes to fetch the import parameters of a fleet, from the first wrapping key on."""
    started = time.perf_counter()
    for _attempt in range(FLEET):
        kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec=spec)
    return time.perf_counter() - started


def main() -> None:
    print(f"start                              {start_seconds():8.2f} s")
    with EmulatorProcess() as emulator:
        kms = emulator.client()
        key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        for threads in (1, THREADS):
            rate = calls_per_second(lambda: kms.describe_key(KeyId=key), threads)
            print(f"DescribeKey, {threads} thread(s)           {rate:8.0f} calls/s")
        for spec in ("RSA_2048", "RSA_4096"):
            print(f"{FLEET} GetParametersForImport {spec}{fleet_seconds(kms, key, spec):8.2f} s")


if __name__ == "__main__":
    main()
