# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for replacing a key: who is the old one and who is the new one, and which calls are left. Pure.

A replacement is recognised by two tags. CreateKey itself gives the new key the creation token "replaces:" and the ID of
the old one; then the old key gets the ARN of the new one. So whatever breaks off, the next run finds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime

from ..external_key.models import TOKEN_TAG
from ..external_key.models import ExternalKeyRequest
from ..external_key.models import KeyStep
from ..external_key.plan import own_free
from ..key import lifetimes
from ..key import models
from ..key.identifiers import alias_of
from ..key.models import Evidence
from ..key.models import Key
from ..key.models import Plan
from ..key.models import Request
from ..key.models import Step
from ..key.models import StepRecord
from ..key.models import blank_key
from ..key.outage import planned
from ..key.specs import MOST_TAGS
from ..material.plan import state_refusal
from .options import DELETE
from .options import DISABLE
from .options import LEAVE
from .options import ReplacementInput

REPLACED_BY = "byok:replaced-by"
_REPLACES = "replaces:"
BY_HAND = "the guide on the keys themselves, under 'A key in the place of another', says how it is done by hand"


@dataclass(frozen=True)
class Party:
    """One of the two keys, as it was read. aliases: when each was created, as far as KMS says."""

    key: Key
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, datetime | None] = field(default_factory=dict)

    @property
    def predecessor(self) -> str | None:
        """The ID of the key that this one was made to replace."""
        return replaced_id(self.tags.get(TOKEN_TAG))


@dataclass(frozen=True)
class Pair:
    """old: None when KMS has deleted it. new: None when it is not made yet."""

    old: Party | None
    new: Party | None = None


@dataclass(frozen=True)
class ReplacementPlan:
    """The calls in order: on the new key and on the old one.

    returning: aliases that an earlier run has moved, and that go back, too, when this one finds the new key wanting.
    """

    creates: bool = False
    remembers: bool = False
    imports: tuple[Step, ...] = ()
    moves: tuple[str, ...] = ()
    returning: tuple[str, ...] = ()
    disposal: KeyStep | None = None
    refusal: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def operations(self) -> tuple[str, ...]:
        return (
            *(["CreateKey"] if self.creates else []),
            *(["TagResource"] if self.remembers else []),
            *(step.operation for step in self.imports),
            *("UpdateAlias" for _alias in self.moves),
            *([self.disposal.operation] if self.disposal else []),
        )

    def records(self, new: Key) -> tuple[StepRecord, ...]:
        """The calls as a result tells of them before they are made. new: the new key as it is, or as it is made."""
        region = new.region
        return (
            *([KeyStep("CreateKey").record(region)] if self.creates else []),
            *([KeyStep("TagResource", purpose="link").record(region)] if self.remembers else []),
            *planned(new, self.imports),
            *(KeyStep("UpdateAlias").record(region) for _alias in self.moves),
            *([self.disposal.record(region)] if self.disposal else []),
        )


def token(old_id: str) -> str:
    """The creation token of a key's replacement."""
    return f"{_REPLACES}{old_id}"


def replaced_id(creation_token: str | None) -> str | None:
    """The key that a creation token says was replaced, or None for any other token."""
    given = creation_token or ""
    return given[len(_REPLACES) :] if given.startswith(_REPLACES) else None


def blank(old: Key) -> Key:
    """The new key as CreateKey will make it, as far as it matters for the import."""
    return blank_key(old.account_id, old.region, old.key_spec, old.key_usage, old.now)


def new_key_request(key_input: ReplacementInput, old: Party, model: Key) -> ExternalKeyRequest:
    """What kms_external_key would be asked for: a key like the old one. model: that one with description and policy."""
    tags = {name: value for name, value in own_free(old.tags).items() if not name.lower().startswith("aws:")}
    return ExternalKeyRequest(
        creation_token=token(old.key.key_id),
        description=model.description or None,
        policy=model.settings.policy,
        tags=tags,
        key_spec=old.key.key_spec,
        key_usage=old.key.key_usage,
        bypass_policy_lockout_safety_check=key_input.bypass_policy_lockout_safety_check,
        wait=key_input.request.wait,
        wait_timeout=key_input.request.wait_timeout,
    )


# -- refusals ----------------------------------------------------------------------------------------------------------


def first_refusal(key_input: ReplacementInput, key: Key) -> str | None:
    """What can be said of a key before its tags and aliases are read."""
    name = key_input.request.key_id
    if key.origin == models.EXTERNAL and key.multi_region_type is not None:
        return (
            f"the key {name} is a multi-Region key: a replacement needs replicas in the same Regions, and the material "
            f"in each, before the alias of any Region can move, which this module does not do; {BY_HAND}"
        )
    if key.key_state in models.DELETION_STATES:
        # Of a key that was replaced, that may be as it should be.
        return None
    return state_refusal(key_input.request, key)


def refusal_for(key_input: ReplacementInput, pair: Pair, known: Evidence) -> str | None:
    """Why there is no replacement. known: whether the material given is the one of the old key."""
    old, new, name = pair.old, pair.new, key_input.request.key_id
    moved = _moved_problem(key_input, pair)
    if moved or old is None:
        return moved
    if new is None and old.key.key_state in models.DELETION_STATES:
        return state_refusal(key_input.request, old.key)
    if known.verdict == "match":
        return (
            f"the material given is the one that the key {name} has already, and a replacement is for new material; to "
            "delete and import the same bytes there is state reimported of byok.aws.kms_imported_material (strategy "
            "reimport of the role)"
        )
    marked = next((one for one in (old, new) if one is not None and models.CUT_OFF_TAG in one.tags), None)
    if marked is not None and not key_input.request.lift_cut_off:
        mark = marked.tags[models.CUT_OFF_TAG]
        return (
            f"the key {marked.key.arn} was cut off on purpose (tag {models.CUT_OFF_TAG}: {mark}); no alias of {name} "
            "is moved to a new key before lift_cut_off allows it, if those who cut it off agree"
        )
    if REPLACED_BY not in old.tags and len(old.tags) >= MOST_TAGS:
        return (
            f"the key {old.key.arn} has {len(old.tags)} tags, and KMS takes no more; remove one, since the tag "
            f"{REPLACED_BY} is needed to find the new key again after a crash"
        )
    return _alias_refusal(key_input, old, new)


def _moved_problem(key_input: ReplacementInput, pair: Pair) -> str | None:
    """Why an alias that was resolved before this task stands for another key now."""
    alias = alias_of(key_input.request.key_id) if key_input.request.identifier else None
    parties = [one for one in (pair.old, pair.new) if one]
    if alias is None or any(alias in one.aliases for one in parties):
        return None
    arns = " nor to ".join(one.key.arn for one in parties)
    return f"{alias} does not lead to {arns}, which it stood for; see where it leads now, and plan the replacement anew"


def _alias_refusal(key_input: ReplacementInput, old: Party, new: Party | None) -> str | None:
    name = key_input.request.key_id
    there = {*old.aliases, *(new.aliases if new else ())}
    foreign = [alias for alias in key_input.aliases or () if alias not in there]
    if foreign:
        return (
            f"{' and '.join(foreign)} {_do(foreign)} not lead to the key {name} ({old.key.arn}); name its own aliases"
        )
    if key_input.aliases is None and not movable(old, new) and not (new and new.aliases):
        return (
            f"the key {name} has no alias, so that there is nothing to move to a new key; its users name it by "
            "its key ID, and has to be told another; give it an alias first"
        )
    left = [alias for alias in old.aliases if alias not in _moves(key_input, old, new)]
    if key_input.old_key != LEAVE and left and _disposal(key_input, old.key):
        return (
            f"old_key is {key_input.old_key}, but {', '.join(left)} would go on leading to the old key {old.key.arn}; "
            f"have {'it' if len(left) == 1 else 'them'} moved, too (aliases), or leave the old key"
        )
    return None


def _do(names: Sequence[str]) -> str:
    return "does" if len(names) == 1 else "do"


def expiry_of_new(key_input: ReplacementInput, pair: Pair) -> tuple[Request, str | None]:
    """The request for the material of the new key, with the expiry that the old one's has; or why that is not known."""
    request, old, new = key_input.request, pair.old, pair.new
    if old is None or old.key.key_state in models.DELETION_STATES:
        return request, None
    if new is None or (new.key.key_state == models.PENDING_IMPORT and not new.key.materials):
        settled, unsaid = lifetimes.for_new(request, old.key)
        # Of a key without material nothing is taken away; make_replacement_plan says so.
        return settled, unsaid if old.key.key_state != models.PENDING_IMPORT else None
    return request, lifetimes.lasting_problem(request, old.key, new.key) if _moves(key_input, old, new) else None


def new_key_refusal(key_input: ReplacementInput, pair: Pair, plan: Plan, after: Key) -> str | None:
    """Why nothing can be gone on with on a new key that is there already."""
    name, new = key_input.request.key_id, pair.new.key if pair.new else after
    if plan.refusal:
        return (
            f"an earlier run has begun to replace the key {name} by {new.arn}, which has other material than the one "
            "given; give that material to have it finished; for a replacement with this material, schedule the "
            f"deletion of {new.arn} first (byok.aws.kms_external_key with state absent)"
        )
    if pair.old and _moves(key_input, pair.old, pair.new) and after.key_state != models.ENABLED:
        return (
            f"the key {new.arn}, which is to take the place of {name}, is {after.key_state}, and no alias is moved to "
            "it; enable it first (byok.aws.kms_external_key with enabled: true)"
        )
    return None


# -- the plan ----------------------------------------------------------------------------------------------------------


def make_replacement_plan(key_input: ReplacementInput, pair: Pair, imports: Plan) -> ReplacementPlan:
    """The plan for two keys of which nothing speaks against it. imports: the plan for the material of the new one."""
    old, new = pair.old, pair.new
    if old is None:
        return ReplacementPlan(imports=imports.steps, warnings=imports.warnings)
    moves = _moves(key_input, old, new)
    disposal = _disposal(key_input, old.key)
    return ReplacementPlan(
        creates=new is None,
        remembers=_remembers(old, new),
        imports=imports.steps if new else first_import(imports.steps),
        moves=moves,
        returning=_returning(key_input, new) if moves else (),
        disposal=disposal,
        warnings=imports.warnings
        + _warnings(key_input, old.key, moves, disposal)
        + _unseen_expiry(key_input, old.key, imports),
    )


def first_import(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The import into a key that has just been made, which KMS does not tell from an empty one that had material."""
    return tuple(replace(step, purpose="import") if step.purpose == "restore" else step for step in steps)


def movable(old: Party, new: Party | None) -> tuple[str, ...]:
    """All aliases of the old key. What was given to it after its replacement was made is meant for it."""
    if new is None:
        return tuple(old.aliases)
    made = new.key.creation_date
    return tuple(name for name, created in old.aliases.items() if created is None or created <= made)


def _moves(key_input: ReplacementInput, old: Party, new: Party | None) -> tuple[str, ...]:
    if key_input.aliases is None:
        return movable(old, new)
    return tuple(name for name in key_input.aliases if name in old.aliases)


def _returning(key_input: ReplacementInput, new: Party | None) -> tuple[str, ...]:
    """The aliases on the new key that must have come from the old one."""
    if new is None:
        return ()
    if key_input.aliases is not None:
        return tuple(name for name in key_input.aliases if name in new.aliases)
    made = new.key.creation_date
    return tuple(name for name, created in new.aliases.items() if created is not None and created <= made)


def _remembers(old: Party, new: Party | None) -> bool:
    if old.key.key_state in models.DELETION_STATES:
        return False
    return new is None or old.tags.get(REPLACED_BY) != new.key.arn


def _disposal(key_input: ReplacementInput, old: Key) -> KeyStep | None:
    if old.key_state in models.DELETION_STATES:
        return None
    if key_input.old_key == DELETE:
        return KeyStep("ScheduleKeyDeletion", {"PendingWindowInDays": key_input.pending_window})
    # KMS disables no key that is PendingImport, with which nothing can be done anyway.
    return KeyStep("DisableKey") if key_input.old_key == DISABLE and old.key_state == models.ENABLED else None


def disposed(old: Key, disposal: KeyStep | None) -> Key:
    """The old key afterwards."""
    if disposal is None:
        return old
    return replace(old, key_state=models.DISABLED if disposal.operation == "DisableKey" else models.PENDING_DELETION)


def _unseen_expiry(key_input: ReplacementInput, old: Key, imports: Plan) -> tuple[str, ...]:
    lasting = [step for step in imports.steps if step.expiration == models.DOES_NOT_EXPIRE]
    if not lasting or key_input.request.sets_expiry or old.never_imported or old.key_state != models.PENDING_IMPORT:
        return ()
    said = (
        f"the key {key_input.request.key_id} ({old.arn}) holds no material, so that it cannot be seen whether that "
        "expires; the material of the new key does not; say otherwise with valid_for or valid_to"
    )
    return (said,)


def _warnings(key_input: ReplacementInput, old: Key, moves: Sequence[str], disposal: KeyStep | None) -> tuple[str, ...]:
    name = f"{key_input.request.key_id} ({old.arn})"
    said: list[str] = []
    if moves and key_input.old_key == LEAVE:
        said.append(
            f"the old key of {name} is left as it is, {old.key_state}, and can be used by its key ID: what it has "
            "encrypted or signed still needs it; old_key says what else can become of it"
        )
    if moves and old.key_state == models.DISABLED:
        said.append(f"the key {name} is Disabled; the key that takes its place is Enabled")
    if disposal and disposal.operation == "ScheduleKeyDeletion":
        said.append(
            f"the old key of {name} is deleted in {key_input.pending_window} days, and with it what only it can "
            "decrypt; until then byok.aws.kms_external_key with its key ID cancels that"
        )
    if key_input.old_key == DISABLE and old.key_state == models.PENDING_IMPORT:
        said.append(f"the old key of {name} is PendingImport: KMS cannot disable it, and nothing can be done with it")
    return tuple(said)
