# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a rotation that need the host it runs for: each is one process there, whatever it asks of KMS.

Nothing is decided here. Which keys a step is about, and what follows from its result, is decided on the controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from typing import Callable

from ..canary.run import CanaryRequest
from ..canary.run import visit_all
from ..fleet import run as fleet_run
from ..replacement import run as replacement_run
from ..service.errors import AnsibleKMSError
from ..service.outcome import ModuleCall
from ..service.outcome import Outcome
from ..service.pacing import read_rates
from . import files
from .arguments import ALIAS
from .arguments import CHANGE
from .arguments import PLAN
from .arguments import TAKE_CANARIES
from .arguments import VERIFY
from .arguments import WRITE
from .arguments import module_options
from .names import pins

Answer = dict[str, Any]
# How long a key is asked for its canary again that has just got its material back, in seconds.
_PATIENCE = 30
_IDENTITY_TIMEOUT = 5


def work(call: ModuleCall) -> Outcome:
    """One step: first its files are written, and unless that failed, KMS is asked. Keys are verified in any case."""
    # Each of them says itself whether it is carried out in check mode.
    unwritten = files.write(call.options["files"] or [])
    done = {} if unwritten and call.options["step"] != VERIFY else _STEPS[call.options["step"]](call)
    return Outcome(False, {"changed": False, "unwritten": unwritten, **done})


def _plan(call: ModuleCall) -> Answer:
    options = call.options
    found = files.find(options["journal_path"], options["report_path"], options["stage_path"])
    stage = options["stage"] or ("change" if found["prepared"] else "prepare") if options["stage_path"] else None
    names = [str(entry["key_id"]) for entry in options["keys"]]
    account = options["expected_account"]
    looks = _visit(call, [CanaryRequest(name, take=False, expected_account=account) for name in names])
    entries = [
        {**entry, "key_id": pin, "name": name} for entry, pin, name in zip(options["keys"], pins(names, looks), names)
    ]
    planned = _material(call, {**options, "keys": entries, "stage": stage}, check_mode=True)
    return {"files": found, "operator": _operator(call), "stage": stage or "", "looks": looks, **planned}


def _operator(call: ModuleCall) -> str:
    """The ARN of who makes the calls, or an empty text when STS cannot be asked."""
    if not call.options["identify"]:
        return ""
    try:
        return str(call.identity(_IDENTITY_TIMEOUT)["Arn"])
    except Exception:  # noqa: BLE001 - for the report alone; what is wrong with the credentials is told by KMS
        return ""


def _canary(call: ModuleCall) -> Answer:
    return {"canaries": _canaries(call)}


def _canaries(call: ModuleCall) -> list[dict[str, Any]]:
    account = call.options["expected_account"]
    wanted = [
        CanaryRequest(**one, patience=_PATIENCE, expected_account=account, with_aliases=False)
        for one in call.options["canaries"] or []
    ]
    return _visit(call, wanted) if wanted else []


def _visit(call: ModuleCall, wanted: Sequence[CanaryRequest]) -> list[dict[str, Any]]:
    return visit_all(call.connect(), wanted, call.region, call.ending, _rates(call))


def _rates(call: ModuleCall) -> dict[str, float]:
    """The quotas of the account. Those that are none refuse the keys in the plan."""
    with suppress(AnsibleKMSError):
        return read_rates(call.options["request_rates"])
    return {}


def _change(call: ModuleCall) -> Answer:
    return _material(call, call.options, call.check_mode)


def _verify(call: ModuleCall) -> Answer:
    """Read what is left to do, and prove the canaries."""
    seen = _material(call, call.options, check_mode=True)
    return {**seen, "canaries": _canaries(call), "changed": False}


def _write(_call: ModuleCall) -> Answer:
    return {}


def _material(call: ModuleCall, options: Mapping[str, Any], check_mode: bool) -> Answer:
    """The result of the module of the strategy, and in "failed_keys" whether it would have failed."""
    if not options["keys"]:
        return {"keys_failed": False, "msg": "", "kms_keys": [], "diff": []}
    run = replacement_run.run if options["strategy"] == ALIAS else fleet_run.run
    outcome = run(module_options(options), call.region, call.connect, check_mode, True, call.ending)
    kept = ("changed", "msg", "kms_keys", "diff", "error")
    result = {name: outcome.result[name] for name in kept if name in outcome.result}
    return {**result, "keys_failed": outcome.failed}


_STEPS: dict[str, Callable[[ModuleCall], Answer]] = {
    PLAN: _plan,
    TAKE_CANARIES: _canary,
    CHANGE: _change,
    VERIFY: _verify,
    WRITE: _write,
}
