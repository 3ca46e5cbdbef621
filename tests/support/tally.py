# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Count what a test tried besides itself, such as crash points; the sums stand at the end of the output.

The counts travel with the reports of the tests, and so from the workers of pytest-xdist to the process that sums up.
"""

from __future__ import annotations

import collections
from typing import Any
from typing import Callable

_KEY = "tally"


def counter(request: Any) -> Callable[[str], None]:
    """For a fixture: a function that counts a point of this name, which was tried and ended well."""
    return lambda name: request.node.user_properties.append((_KEY, name))


def summarize(terminalreporter: Any, what: str) -> None:
    """For pytest_terminal_summary: write the sums, each after its name and these words."""
    calls = [
        one for reports in terminalreporter.stats.values() for one in reports if getattr(one, "when", "") == "call"
    ]
    found = collections.Counter(name for one in calls for key, name in one.user_properties if key == _KEY)
    for name, number in sorted(found.items()):
        terminalreporter.write_line(f"{name} {what}: {number}")
