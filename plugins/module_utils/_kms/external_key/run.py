# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_external_key from its options to its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timezone
from typing import Any
from typing import Callable

from ..key.expiry import instant
from ..key.models import ENABLED
from ..key.models import Key
from ..key.models import StepRecord
from ..key.models import carried_out
from ..key.models import told_steps
from ..service import connection
from ..service.account import Identify
from ..service.errors import ACCESS_DENIED
from ..service.errors import INTERRUPTED
from ..service.errors import AnsibleKMSError
from ..service.errors import error_fields
from ..service.errors import explained
from ..service.errors import refused
from ..service.errors import told
from ..service.errors import unexpected
from ..service.outcome import Outcome
from ..service.pacing import Pacer
from ..service.pacing import RunInterruptedError
from ..service.pacing import Throttle
from ..service.pacing import interruption
from ..service.process import Ending
from ..service.texts import printable
from . import find
from .execute import KeyExecutor
from .models import ExternalKeyRequest
from .models import KeyPlan
from .options import read_input
from .plan import make_plan

# What an operation needs beside the permission that has its name.
_ALSO: dict[str, str] = {
    "CreateKey": (
        "it is granted by IAM policies only, on the resource *; tags need kms:TagResource as well, and multi_region "
        "iam:CreateServiceLinkedRole"
    ),
    "CreateAlias": "it is needed on the alias, by an IAM policy, and on the key",
    "UpdateAlias": "it is needed on the alias, by an IAM policy, on the key that it leaves, and on the one it comes to",
    "ReplicateKey": (
        "it is needed on the primary key, and in the Region of the replica kms:CreateKey, with tags kms:TagResource"
    ),
    "ListKeys": (
        "it is needed, on the resource *, before a key is created: an earlier run may have created it already"
    ),
}
_POLICY_HINT = (
    "the policy is malformed, names a principal that does not exist, or would lock the caller out; see "
    "bypass_policy_lockout_safety_check for the last"
)


@dataclass(frozen=True)
class KeyResult:
    """What became of the key, or in check mode would become of it."""

    name: str
    before: Key | None = None
    after: Key | None = None
    steps: tuple[StepRecord, ...] = ()
    new_replica_regions: tuple[str, ...] = ()
    moved_from: str | None = None
    skip_reason: str | None = None
    warnings: tuple[str, ...] = ()
    error: dict[str, Any] | None = None

    @property
    def operations(self) -> tuple[str, ...]:
        """The changing operations that were carried out, or would be, in order."""
        return tuple(step.operation for step in told_steps(self.steps, self.error is not None))

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Those of the operations, in the same order."""
        return tuple(step.request_id or "" for step in carried_out(self.steps))


def run(
    options: Mapping[str, Any],
    region: str | None,
    connect: Callable[[str | None], Any],
    check_mode: bool,
    with_diff: bool = False,
    ending: Ending | None = None,
    identify: Identify = lambda: None,
) -> Outcome:
    """Everything is validated before the connection is made, everything is planned before anything is changed.

    identify: asks STS for the account of the credentials.
    """
    name = str(options.get("key_id") or options.get("alias") or options.get("creation_token"))
    try:
        request = read_input(options, region)
    except AnsibleKMSError as error:
        return outcome(KeyResult(name, error=_error(error, request=None)), with_diff)
    kms = connection.Connection(connect(None), request.name, Throttle(Pacer(stop=ending)))
    return outcome(_managed(kms, request, connect, check_mode, identify), with_diff)


def _managed(
    kms: connection.Connection,
    request: ExternalKeyRequest,
    connect: Callable[[str | None], Any],
    check_mode: bool,
    identify: Identify,
) -> KeyResult:
    result = KeyResult(request.name)
    executor: KeyExecutor | None = None
    try:
        found = find.find(kms, request, identify)
        result = replace(result, before=found.key, after=found.key)
        plan = make_plan(request, found, datetime.now(timezone.utc), kms.region)
        if plan.refusal:
            raise refused(plan.refusal)
        result = _predicted(result, plan, kms.region)
        if check_mode or not plan.steps:
            return result
        known = find.for_key(kms, request, found.key) if found.key else kms
        executor = KeyExecutor(known, request, found, plan, connect)
        executor.run()
    except AnsibleKMSError as error:
        return _executed(replace(result, error=_error(error, request, executor)), executor)
    except RunInterruptedError:
        interrupted = interruption(f"the key {request.name}", kms.throttle.pacer.stop)
        return _executed(replace(result, error=_error(interrupted, request, executor)), executor)
    except Exception as error:  # noqa: BLE001 - never a traceback
        return _executed(replace(result, error=_error(unexpected(error, request.name), request, executor)), executor)
    return _executed(result, executor)


def _predicted(result: KeyResult, plan: KeyPlan, region: str) -> KeyResult:
    after = plan.after
    before = result.before
    known = before.replica_regions if before else ()
    return replace(
        result,
        after=after,
        steps=tuple(step.record(region) for step in plan.steps),
        moved_from=plan.moved_from,
        skip_reason=plan.skip_reason,
        warnings=plan.warnings + _material_warning(result.name, after, known),
        new_replica_regions=_new_regions(after, known),
    )


def _new_regions(after: Key | None, before: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(region for region in sorted(after.replica_regions) if region not in before) if after else ()


def _material_warning(name: str, after: Key | None, before: tuple[str, ...]) -> tuple[str, ...]:
    fresh = _new_regions(after, before)
    if not fresh:
        return ()
    said = (
        f"the replicas of the key {name} in {', '.join(fresh)} have no material: KMS copies its ID, not its bytes; "
        "import the same material in each of these Regions (byok.aws.kms_imported_material)"
    )
    return (said,)


def _executed(result: KeyResult, executor: KeyExecutor | None) -> KeyResult:
    if executor is None:
        return replace(result, steps=(), after=result.before, new_replica_regions=(), moved_from=None)
    moved = result.moved_from if "UpdateAlias" in executor.done else None
    later = tuple(one for one in executor.plan.warnings if one not in result.warnings)
    return replace(
        result,
        after=executor.key,
        steps=(*executor.records, *(step.record(executor.kms.region) for step in executor.left)),
        new_replica_regions=tuple(sorted(executor.replicated)),
        moved_from=moved,
        warnings=result.warnings + later + tuple(executor.warnings),
    )


def advised(error: AnsibleKMSError, key_id: str | None) -> str:
    """The sentence of an error, with what is peculiar to the operation."""
    sentence = explained(error, key_id)
    if error.code == ACCESS_DENIED and error.operation in _ALSO:
        sentence += f"; {_ALSO[error.operation]}"
    if error.code == "MalformedPolicyDocumentException":
        sentence += f"; {_POLICY_HINT}"
    return sentence


def _error(
    error: AnsibleKMSError, request: ExternalKeyRequest | None, executor: KeyExecutor | None = None
) -> dict[str, Any]:
    sentence = advised(error, request.key_id if request else None)
    if executor is not None and executor.done:
        arn = f" on the key {executor.key.arn}" if executor.key else ""
        again = "" if error.code == INTERRUPTED else "; run the task again, it goes on from there"
        sentence += f"; done until then{arn}: {', '.join(executor.done)}{again}"
    return error_fields(error, sentence, request.name if request else None)


# -- results -----------------------------------------------------------------------------------------------------------


def outcome(result: KeyResult, with_diff: bool) -> Outcome:
    shown = entry(result)
    # The list of warnings at the top level is Ansible's own, which the module fills otherwise.
    flat = {name: value for name, value in shown.items() if name != "warnings"}
    returned = {**flat, "msg": sentence(result), "kms_keys": [shown]}
    if with_diff:
        returned["diff"] = diff(result)
    return Outcome(result.error is not None, returned, result.warnings)


def entry(result: KeyResult) -> dict[str, Any]:
    return {
        "key_id": None,
        **key_fields(result.after or result.before),
        "changed": bool(result.operations),
        "operations": list(result.operations),
        "new_replica_regions": list(result.new_replica_regions),
        "moved_from_key_arn": result.moved_from,
        "skip_reason": result.skip_reason,
        "request_ids": list(result.request_ids),
        "requested_key_id": result.name,
        "steps": [step.fields() for step in result.steps],
        "warnings": list(result.warnings),
        "error": result.error,
    }


def key_fields(key: Key | None) -> dict[str, Any]:
    if key is None:
        return {}
    settings = key.settings
    return {
        "key_id": key.key_id or None,
        "key_arn": key.arn or None,
        "key_spec": key.key_spec,
        "key_usage": key.key_usage,
        "key_state": key.key_state,
        "enabled": key.key_state == ENABLED,
        "origin": key.origin,
        "description": key.description,
        "creation_date": instant(key.creation_date.replace(microsecond=0)) if key.arn else None,
        "aliases": None if settings.aliases is None else list(settings.aliases),
        "tags": None if settings.tags is None else dict(settings.tags),
        "policy": None if settings.policy is None else dict(settings.policy),
        "multi_region": key.multi_region_type is not None,
        "multi_region_key_type": key.multi_region_type,
        "primary_region": key.primary_region,
        "replica_regions": sorted(key.replica_regions),
        "deletion_date": instant(key.deletion_date),
    }


def sentence(result: KeyResult) -> str:
    """What became of the key, in one sentence."""
    if result.error:
        return told(result.error)
    if not result.operations:
        reason = f" ({result.skip_reason})" if result.skip_reason else ""
        return f"{result.name}: nothing to do{reason}"
    said = f"{result.name}: {', '.join(result.operations)}"
    if result.new_replica_regions:
        said += f"; import the material in {', '.join(result.new_replica_regions)}, too"
    return said


_FIXED = ("key_id", "key_arn", "creation_date", "origin", "multi_region")


def diff(result: KeyResult) -> dict[str, Any]:
    """before and after: metadata, policy, tags, aliases."""
    return {
        "before_header": printable(result.name),
        "after_header": printable(result.name),
        "before": _shown(result.before),
        "after": _shown(result.after or result.before),
    }


def _shown(key: Key | None) -> dict[str, Any]:
    return {name: value for name, value in key_fields(key).items() if name not in _FIXED}
