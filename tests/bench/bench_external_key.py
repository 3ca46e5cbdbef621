# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kms_external_key costs: API calls to create a key, to see that nothing is to be done, and to delete it.

Prints figures, asserts none of them. Run by `make bench`, which puts everything on the path.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from emulator_process import EmulatorProcess
from external_lab import ExternalLab
from external_lab import policy

OTHERS = 1000
WISHES: dict[str, dict[str, Any]] = {
    "alias": {},
    "alias, tags": {"tags": {"owner": "office"}},
    "alias, policy": {"policy": policy()},
    "alias, policy, tags, description": {"policy": policy(), "tags": {"owner": "office"}, "description": "Payments"},
}


def counted(lab: ExternalLab, **options: Any) -> str:
    """The calls of one run: how many read, how many change, and which there were."""
    before = lab.mark()
    started = time.monotonic()
    lab.done(**options)
    seconds = time.monotonic() - started
    calls = lab.calls(before)
    changing = len(lab.changing_calls(before))
    names = ", ".join(f"{number} {name}" if number > 1 else name for name, number in Counter(calls).items())
    return f"{len(calls) - changing:5} reads {changing:2} changes  {seconds:5.2f} s  ({names})"


def costs(lab: ExternalLab) -> None:
    print("API calls of kms_external_key, by what is wished (the seconds hold the look after two seconds)")
    for name, wish in WISHES.items():
        print(f"  {name}")
        alias = f"alias/{name.replace(', ', '-')}"
        for phase, options in (("create", wish), ("unchanged", wish), ("delete", {"state": "absent"})):
            print(f"    {phase:10} {counted(lab, alias=alias, **options)}")


def crowded(lab: ExternalLab) -> None:
    for number in range(OTHERS):
        lab.made(alias=f"alias/other-{number}" if number % 10 else None)
    print(f"Creation among {OTHERS} other EXTERNAL keys, 9 of 10 with an alias")
    print(f"    by alias   {counted(lab, alias='alias/new')}")
    print(f"    by token   {counted(lab, creation_token='new')}")
    print(f"    unchanged, by alias {counted(lab, alias='alias/new')}")
    print(f"    unchanged, by token {counted(lab, creation_token='new')}")


def main() -> None:
    with EmulatorProcess() as emulator:
        lab = ExternalLab(emulator, emulator.client())
        costs(lab)
        emulator.reset()
        crowded(lab)


if __name__ == "__main__":
    main()
