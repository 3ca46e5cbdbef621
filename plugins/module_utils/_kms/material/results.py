# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module returns for one key, and its diff. Nothing here has ever seen the bytes of a material."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from ..key import descriptions
from ..key.expiry import instant
from ..key.facts import expiry_fields
from ..key.facts import in_order
from ..key.facts import key_fields
from ..key.models import Evidence
from ..key.models import Expiration
from ..key.models import Key
from ..key.models import StepRecord
from ..key.models import told_steps
from ..key.transitions import UNNAMED
from ..secret.sources import COMPONENTS
from ..secret.sources import FILE
from ..secret.sources import INLINE
from ..service import connection
from ..service.errors import told
from ..service.texts import printable

_UNKNOWN = "(known after the import)"
_NEW = "(known after the creation)"


@dataclass(frozen=True)
class Replacement:
    """The key in the place of another, as it was and as it is or will be; without an ARN while it is not made.

    aliases: those that this task has moved to it, or would move. moved_before: those that an earlier run has moved.
    canary: kind, verdict and note.
    """

    before: Key | None = None
    key: Key | None = None
    moved_before: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    canary: Mapping[str, Any] | None = None
    rolled_back: bool = False


@dataclass(frozen=True)
class Result:
    """What became of one key, or in check mode would become of it."""

    requested_key_id: str
    before: Key | None = None
    after: Key | None = None
    changed: bool = False
    steps: tuple[StepRecord, ...] = ()
    evidence: Evidence | None = None
    key_material_id: str | None = None
    skip_reason: str | None = None
    unavailable_seconds: float | None = 0.0
    calls: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    regions: tuple[Result, ...] = ()
    replacement: Replacement | None = None
    endpoint_url: str | None = None
    source: str | None = None

    @property
    def plaintext_seen(self) -> bool:
        """Whether plaintext material was in this process."""
        return self.source in (INLINE, FILE, COMPONENTS)

    @property
    def operations(self) -> tuple[str, ...]:
        """The changing operations that were carried out, or in check mode would be, in order."""
        return tuple(step.operation for step in self._told)

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Those of the operations, in the same order; empty for a call of which no answer came."""
        return tuple(step.request_id or "" for step in self._told if step.sent)

    @property
    def _told(self) -> list[StepRecord]:
        if self.regions:
            return _in_order([one._told for one in self.regions])
        return told_steps(self.steps, self.error is not None)

    @property
    def region(self) -> str:
        """The Region of a key that is named by its ARN."""
        return self.requested_key_id.split(":")[3] if self.requested_key_id.startswith("arn:") else ""


def combined(key_id: str, results: Sequence[Result]) -> Result:
    """What became of one key in several Regions. The first is that of the primary key, whose facts stand for all."""
    lead = results[0]
    known = [one.unavailable_seconds for one in results if one.unavailable_seconds is not None]
    return replace(
        lead,
        requested_key_id=key_id,
        changed=any(one.changed for one in results),
        steps=tuple(_in_order([one.steps for one in results])),
        calls=tuple(sorted((call for one in results for call in one.calls), key=lambda call: float(call["started"]))),
        unavailable_seconds=max(known) if len(known) == len(results) else None,
        warnings=tuple(warning for one in results for warning in one.warnings),
        error=_combined_error(key_id, results),
        regions=tuple(results),
    )


def _in_order(parts: Sequence[Sequence[StepRecord]]) -> list[StepRecord]:
    """The steps of several Regions: as they were sent, then those that were not reached, as they would come."""
    sent = [step for part in parts for step in part if step.sent]
    left = in_order([[step for step in part if not step.sent] for part in parts], lambda step: step.operation)
    return [*sorted(sent, key=lambda step: step.started or 0.0), *left]


def _combined_error(key_id: str, results: Sequence[Result]) -> dict[str, Any] | None:
    failures = [one for one in results if one.error]
    if not failures:
        return None
    found = [(one.error or {}).get("heal_command") for one in failures]
    cures = list(dict.fromkeys(str(cure) for cure in found if cure))
    # That of a primary key that was to be rotated is for all of its Regions.
    cure = cures[0] if cures and "regions=" in cures[0] else " && ".join(cures)
    message = " | ".join(f"{one.region}: {one.error['message']}" for one in failures if one.error)
    fine = [one.region for one in results if not one.error]
    message += f"; nothing failed in {', '.join(fine)}" if fine else ""
    return {**(failures[0].error or {}), "key_id": key_id, "message": message, "heal_command": cure or None}


def entry(result: Result) -> dict[str, Any]:
    """The entry of one key in kms_keys."""
    key = result.after or result.before
    fields: dict[str, Any] = {"key_id": result.requested_key_id}
    if key is not None:
        fields.update(key_fields(key))
        fields.update(expiry_fields(key))
    fields.update(
        requested_key_id=result.requested_key_id,
        changed=result.changed,
        key_material_id=result.key_material_id or None,
        operations=list(result.operations),
        proof=result.evidence.method if result.evidence else None,
        skip_reason=result.skip_reason,
        unavailable_seconds=result.unavailable_seconds,
        request_ids=list(result.request_ids),
        cut_off=key.cut_off or None if key is not None else None,
        calls=list(result.calls),
        endpoint_url=result.endpoint_url,
        source=result.source,
        plaintext_seen=result.plaintext_seen,
        steps=[step.fields() for step in result.steps],
        warnings=list(result.warnings),
        error=result.error,
    )
    if result.replacement:
        fields.update(_replacement(result.replacement))
    if result.regions:
        fields["regions"] = [{"region": one.region, **entry(one)} for one in result.regions]
    return fields


def _replacement(one: Replacement) -> dict[str, Any]:
    return {
        "new_key_id": (one.key.key_id if one.key else "") or None,
        "new_key_arn": (one.key.arn if one.key else "") or None,
        "new_key_state": one.key.key_state if one.key else None,
        "new_key_valid_to": expiry_fields(one.key)["current_valid_to"] if one.key else None,
        "aliases": list(one.aliases),
        "canary": dict(one.canary) if one.canary else None,
        "rolled_back": one.rolled_back,
    }


def sentence(result: Result) -> str:
    """What became of the key, in one sentence."""
    if result.error:
        return told(result.error)
    if result.operations:
        return f"{result.requested_key_id}: {', '.join(result.operations)}"
    reason = f" ({result.skip_reason})" if result.skip_reason else ""
    return f"{result.requested_key_id}: nothing to do{reason}"


def summary_line(shown: Mapping[str, Any]) -> str:
    """One line about an entry of kms_keys."""
    return printable(_summary_line(shown))


def _summary_line(shown: Mapping[str, Any]) -> str:
    error = shown.get("error")
    if error:
        return f"{shown['key_id']}: FAILED: {told(error)}"
    state = f"{shown['key_id']}: {shown.get('key_state')}"
    done = ", ".join(shown.get("operations") or ())
    if not done:
        return f"{state}, {'waited for its rotation' if shown.get('changed') else 'nothing to do'}"
    seconds = shown.get("unavailable_seconds")
    outage = f", unusable for {seconds:.3f} s" if seconds else ""
    return f"{state}, {done}{outage}"


def record(result: Result) -> dict[str, Any]:
    """What a journal keeps of a key that was changed: enough to see later whether it still is as it was left."""
    kept = ("key_id", "key_arn", "key_state", "current_key_material_id", "changed", "operations", "request_ids")
    fields = entry(result)
    error = {name: fields["error"][name] for name in ("code", "message")} if fields["error"] else None
    finished = max((call["finished"] for call in result.calls), default=connection.now())
    regions = {one["region"]: one.get("key_state") for one in fields.get("regions", [])}
    return {**{name: fields.get(name) for name in kept}, "error": error, "finished": finished, "regions": regions}


def diff(result: Result) -> dict[str, Any]:
    """before and after of a key: its state and the lineage of its materials."""
    name = printable(result.requested_key_id)
    headers = {"before_header": name, "after_header": name}
    if result.regions:
        both = {one.region: diff(one) for one in result.regions}
        return {**headers, **{side: {place: one[side] for place, one in both.items()} for side in ("before", "after")}}
    before, after = _lineage(result.before), _lineage(result.after or result.before)
    if result.replacement:
        one = result.replacement
        before["new_key"] = _new_key(one.before, one.moved_before)
        after["new_key"] = _new_key(one.key, tuple(sorted({*one.moved_before, *one.aliases})))
    return {**headers, "before": before, "after": after}


def _new_key(key: Key | None, aliases: tuple[str, ...]) -> dict[str, Any] | None:
    """The key that takes the place of another, as a diff shows it."""
    return {"key_id": key.key_id or _NEW, "aliases": list(aliases), **_lineage(key)} if key else None


def _lineage(key: Key | None) -> dict[str, Any]:
    if key is None:
        return {}
    shown = {name: value for name, value in key_fields(key).items() if name not in ("key_id", "key_arn", "key_spec")}
    if key.current_key_material_id == UNNAMED:
        shown["current_key_material_id"] = _UNKNOWN
    if key.cut_off is not None:
        shown["cut_off"] = True
    if key.materials:
        shown["materials"] = [_material(one) for one in key.materials]
    return shown


def _material(one: Any) -> dict[str, Any]:
    expiration: Expiration | None = one.expiration
    return {
        "key_material_id": one.key_material_id or _UNKNOWN,
        "key_material_state": one.key_material_state,
        "import_state": one.import_state,
        "expiration_model": expiration.model if expiration else None,
        "valid_to": instant(expiration.valid_to) if expiration else None,
        "key_material_description": descriptions.split(one.description)[0],
    }
