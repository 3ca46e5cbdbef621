# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of kms_key_replacement. What can be refused before the first call to KMS is refused here."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from ..external_key import options as external_key_options
from ..key.models import Request
from ..key.specs import DEFAULT_WINDOW
from ..key.specs import window_problem
from ..material.options import KeyInput
from ..material.options import called
from ..material.options import merge
from ..material.options import read_inputs
from ..secret.sources import UNWRAPPED_OPTIONS
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid

LEAVE, DISABLE, DELETE = "leave", "disable", "delete"


@dataclass(frozen=True)
class ReplacementInput:
    """What the caller wants of a replacement.

    material: what is wanted of the material of the new key. aliases: those that move; None for all. old_key: what
    becomes of the key that is replaced.
    """

    material: KeyInput
    aliases: tuple[str, ...] | None = None
    old_key: str = LEAVE
    pending_window: int = DEFAULT_WINDOW
    canary: bool = True
    bypass_policy_lockout_safety_check: bool = False

    @property
    def request(self) -> Request:
        return self.material.request

    def with_request(self, request: Request) -> ReplacementInput:
        """The same with another request for the material."""
        return replace(self, material=replace(self.material, request=request))


def read_replacements(
    options: Mapping[str, Any], region: str | None, check_mode: bool = False
) -> list[ReplacementInput]:
    """The replacements of a whole task, in the order given. Raises AnsibleKMSError for the first invalid one."""
    whole = {**options, "state": "present"}
    entries = options.get("keys")
    merged = [whole] if entries is None else [merge(whole, one) for one in entries]
    for one in merged:
        problem = next(_problems(one), None)
        if problem:
            raise invalid(problem, called(one))
    key_inputs = read_inputs(whole, region, check_mode)
    return [_completed(key_input, one, region) for key_input, one in zip(key_inputs, merged)]


def _problems(options: Mapping[str, Any]) -> Iterator[str]:
    if all(options.get(name) is None for name in UNWRAPPED_OPTIONS):
        yield f"the material of the new key is needed: {', '.join(UNWRAPPED_OPTIONS)}"
    window = window_problem(options.get("pending_window"))
    if window:
        yield window
    if options.get("aliases") == []:
        yield "aliases is empty; leave it out to have every alias moved"


def _completed(key_input: KeyInput, options: Mapping[str, Any], region: str | None) -> ReplacementInput:
    window = options.get("pending_window")
    return ReplacementInput(
        key_input,
        aliases=_aliases(key_input.request.key_id, options, region),
        old_key=options.get("old_key") or LEAVE,
        pending_window=DEFAULT_WINDOW if window is None else window,
        canary=options.get("canary") is not False,
        bypass_policy_lockout_safety_check=bool(options.get("bypass_policy_lockout_safety_check")),
    )


def _aliases(key_id: str, options: Mapping[str, Any], region: str | None) -> tuple[str, ...] | None:
    given = options.get("aliases")
    if given is None:
        return None
    try:
        names = [str(external_key_options.alias_name(one, region)) for one in given]
    except AnsibleKMSError as error:
        error.key_id = key_id
        raise error from None
    return tuple(dict.fromkeys(names))
