# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What a module gives back to Ansible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .texts import printable


@dataclass(frozen=True)
class Outcome:
    """What a module returns: the arguments of exit_json or, when failed, of fail_json.

    msg and warnings reach a terminal as they are, and are made printable. Everything else does so as JSON or YAML.
    """

    failed: bool
    result: dict[str, Any]
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        told = {"msg": printable(str(self.result["msg"]))} if "msg" in self.result else {}
        object.__setattr__(self, "result", {**self.result, **told})
        object.__setattr__(self, "warnings", tuple(printable(one) for one in self.warnings))
