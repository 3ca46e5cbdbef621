# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shapes that pass between the role kms_material_rotation and its action, and from one phase of a run to the next.

None of them holds material.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import TypedDict


class SignOff(TypedDict):
    """What one person checks and signs."""

    role: str
    statements: list[str]


class RoleOptions(TypedDict):
    """The variables of the role, without the keys. stage: "auto", "prepare" or "change"."""

    strategy: str
    old_key: str
    pending_window: int
    batch_size: int
    canary: bool
    report_path: str
    journal_path: str
    change_reference: str
    expected_account: str
    wait_timeout: int
    stage: str
    stage_path: str
    allow: list[str]
    request_rates: dict[str, Any]
    sign_off: list[SignOff]
    plan_sign_off: list[SignOff]


class RunFacts(TypedDict, total=False):
    """The run as a whole. started, finished: seconds since the epoch. broken: why it broke off, or an empty text.

    stage: "prepare" or "change" where a preparation is kept, otherwise empty. begun: whether there may be changes.
    """

    id: str
    started: float
    finished: float
    strategy: str
    check_mode: bool
    batch_size: int
    canary: bool
    change_reference: str
    operator: str
    broken: str
    stage: str
    request_rates: dict[str, Any]
    begun: bool


class KeysResult(TypedDict):
    """The result of a call on the keys with these indices; kms_keys is shorter when there is no account of each.

    error: then what was wrong with the call, or with the key that error.key_id names.
    """

    indices: list[int]
    msg: str
    error: dict[str, Any] | None
    kms_keys: list[dict[str, Any]]
    diff: list[dict[str, Any]]


class CanaryResult(TypedDict):
    """The canaries of the keys with these indices."""

    indices: list[int]
    canaries: list[dict[str, Any]]


class Facts(TypedDict, total=False):
    """What is known of a run. A phase adds its part: of run what it names, to attempts, and everything else whole.

    key_inputs: the options of each key that may be shown. looks: each key before the plan. journal, journal_tail: what
    an earlier run has left.
    """

    run: RunFacts
    options: RoleOptions
    key_inputs: list[dict[str, Any]]
    looks: list[dict[str, Any]]
    preflight: KeysResult
    journal: dict[str, Any]
    journal_tail: str
    taken: CanaryResult
    attempts: list[KeysResult]
    verified: KeysResult
    proved: CanaryResult
    sign_off: list[SignOff]


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What is known after several phases."""
    facts: dict[str, Any] = {"run": {}, "attempts": []}
    for part in parts:
        run = {**facts["run"], **part.get("run", {})}
        attempts = [*facts["attempts"], *part.get("attempts", [])]
        facts = {**facts, **part, "run": run, "attempts": attempts}
    return facts


def packed(part: Mapping[str, Any]) -> str:
    """The part that a phase adds, as a text: one that Ansible hands on in a variable without walking through it."""
    return base64.b64encode(zlib.compress(json.dumps(part).encode(), 1)).decode()


def unpacked(text: str) -> dict[str, Any]:
    """The part in such a text."""
    part: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return part


def pretty(document: Mapping[str, Any]) -> str:
    """A document as people read it in a file."""
    return json.dumps(document, indent=4, sort_keys=True)
