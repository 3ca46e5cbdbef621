# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every key, every task and every trouble: the rules of the fuzzer. Each broken one is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from typing import Any

from fuzz_tasks import Task
from fuzz_tasks import Trouble
from fuzz_world import CUT_OFF
from fuzz_world import HOME
from fuzz_world import LAG
from fuzz_world import LONG_TEXT
from fuzz_world import SYMMETRIC
from fuzz_world import Blueprint
from fuzz_world import View
from fuzz_world import VirtualTime
from fuzz_world import World
from lab import CHANGING
from materials import b64
from materials import material

TAGS = {"TagResource", "UntagResource"}
DELETION_STATES = ("PendingDeletion", "PendingReplicaDeletion")
# By this KMS says that these are not the bytes, where nothing but an import can tell.
NOT_THE_BYTES = "IncorrectKeyMaterialException"


@dataclass
class Story:
    """A task carried out on a key: the check, the run, and the run again, and what boto3 saw between them."""

    world: World
    task: Task
    trouble: Trouble
    options: dict[str, Any] = field(default_factory=dict)
    before: dict[str, View] = field(default_factory=dict)
    after: dict[str, View] = field(default_factory=dict)
    at_last: dict[str, View] = field(default_factory=dict)
    predicted: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    again: dict[str, Any] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    done_again: list[dict[str, Any]] = field(default_factory=list)

    def tell(self) -> Story:
        """Carry it out."""
        world, emulator = self.world, self.world.lab.emulator
        self.options = self.task.options(world)
        self.before = world.views()
        emulator.config(lag_seconds=LAG if self.trouble.lag else 0)
        mark = world.lab.mark()
        self.predicted = world.lab.run(check_mode=True, **self.options)
        self.checked = world.lab.calls(mark)
        emulator.faults([one.rule() for one in self.trouble.faults])
        mark = world.lab.mark()
        self.result = world.lab.run(**self.options)
        self.done = world.carried_out(mark)
        emulator.faults([])
        self.after = self._settled()
        mark = world.lab.mark()
        self.again = world.lab.run(**self.options)
        self.done_again = world.carried_out(mark)
        self.at_last = self._settled()
        return self

    def _settled(self) -> dict[str, View]:
        lag = self.trouble.lag
        if lag:
            self.world.lab.emulator.config(lag_seconds=0)
        seen = self.world.views()
        if lag:
            self.world.lab.emulator.config(lag_seconds=LAG)
        return seen

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def meant(self) -> tuple[str, ...]:
        """The Regions that the task is about."""
        wanted = self.task.regions
        return self.world.regions if "all" in wanted else tuple(wanted) or (self.task.at,)

    @property
    def lost_answers(self) -> bool:
        return any(one.how == "drop_after" for one in self.trouble.faults)

    @property
    def uncertain(self) -> bool:
        """Whether reading cannot tell which of the key's materials the bytes are, so that KMS has to be asked."""
        if self.task.wrapped or self.world.blueprint.spec != SYMMETRIC:
            return True
        return any(not one.own for one in self.world.blueprint.entries)

    @property
    def secret(self) -> str:
        return b64(material(self.world.blueprint.spec, self.task.given or "x"))

    def target(self) -> str | None:
        """The ID of the material that the task is about, as far as that can be said; "" where there is none."""
        if self.world.blueprint.spec != SYMMETRIC:
            return ""
        # Wrapped material shows nothing of itself: it is the one that the task names.
        told = self.task.named if self.task.wrapped and self.task.named in self.world.ids else self.task.given
        known = self.world.ids.get(told or "")
        return known or self.after[self.meant[0]].current


def told(virtual: VirtualTime, key: Blueprint, task: Task, trouble: Trouble | None = None) -> Story:
    """The story of one task on one key, in a KMS of its own."""
    world = World(virtual.begin(), virtual, key).build()
    return Story(world, task, trouble or Trouble()).tell()


def broken(story: Story) -> list[str]:
    """The rules that the story breaks."""
    rules = (_honest, _only_reads, _predicts, _tells, _keeps, _stays_cut_off, _stays_disabled, _holds, _warns, _silent)
    return [f"{rule.__name__.strip('_')}: {sentence}" for rule in rules for sentence in rule(story)]


def _honest(story: Story) -> Iterator[str]:
    """No traceback, no secret, no contradiction in a result."""
    for name in ("predicted", "result", "again"):
        result = getattr(story, name)
        said = result["_stdout"]
        if "Traceback" in said or "unexpected" in result["msg"] or "exception" in result:
            yield f"{name} ends with {result['msg']}"
        if story.secret in said:
            yield f"{name} shows the material"
        if result.get("changed") and "nothing to do" in result["msg"]:
            yield f"{name} says changed and {result['msg']}"
        if result.get("failed") and not (result.get("error") or {}).get("code"):
            yield f"{name} failed without a code: {result['msg']}"


def _only_reads(story: Story) -> Iterator[str]:
    asked = [one for one in story.checked if one in CHANGING or one == "GetParametersForImport"]
    if asked:
        yield f"check mode called {asked}"


def _predicts(story: Story) -> Iterator[str]:
    """Check mode tells what the run does, but for what KMS alone knows of bytes that cannot be recognised."""
    predicted, result = story.predicted, story.result
    if predicted.get("failed"):
        if not story.failed:
            yield f"check mode failed ({predicted['msg']}), the run did {result['operations']}"
        elif predicted["error"]["code"] != result["error"]["code"]:
            yield f"check mode failed with {predicted['msg']}, the run with {result['msg']}"
        return
    if story.failed:
        # With force a mismatch of the fingerprints is left to KMS, too.
        unsure = story.uncertain or story.task.force
        if not (unsure and result["error"]["code"] in (NOT_THE_BYTES, "RefusedByPlan")):
            yield f"check mode promised {predicted['operations']}, the run failed: {result['msg']}"
        return
    if story.uncertain and predicted["operations"] != result["operations"] and _took_another_way(story):
        return
    if story.task.all_materials and story.trouble != Trouble():
        # A cut-off waits for no list and no tag, and deletes again what it sees come back, or a read that lags shows.
        return
    # Which one of several materials the bytes are, and so what is missing in the end, KMS alone knows.
    several = sum(not one.own for one in story.world.blueprint.entries) > 1
    for name in ("operations", "changed", "skip_reason", "key_state"):
        if predicted[name] != result[name] and not (several and _as_far_as_known(story, name)):
            yield f"check mode said {name} {predicted[name]}, the run {result[name]}"


def _as_far_as_known(story: Story, name: str) -> bool:
    """A key that turned out to miss another material is not Enabled, and so it is not disabled either."""
    if story.result["key_state"] != "PendingImport":
        return False
    predicted, done = story.predicted["operations"], story.result["operations"]
    left_out = predicted[len(done) :] if predicted[: len(done)] == done else ["another"]
    return name == "key_state" or (name == "operations" and left_out == ["DisableKey", "UntagResource"])


def _took_another_way(story: Story) -> bool:
    """KMS said which material the bytes are when it was asked to stage them."""
    return story.task.state == "current" and story.world.blueprint.entry(story.task.given) is not None


def _tells(story: Story) -> Iterator[str]:
    """The result names the calls that KMS carried out, in their order."""
    for name, done in (("result", story.done), ("again", story.done_again)):
        result = getattr(story, name)
        told, did = result.get("operations", []), [one["operation"] for one in done]
        if story.lost_answers and name == "result":
            if set(did) - set(told):
                yield f"{name} tells {told}, KMS did {did}"
            continue
        if told != did:
            yield f"{name} tells {told}, KMS did {did}"
        elif result.get("request_ids", []) != [one["request_id"] for one in done]:
            yield f"{name} does not name the requests of {did} in their order"
        if did and not result["changed"] and not story.task.all_materials:
            yield f"{name} says changed false, KMS did {did}"


def _keeps(story: Story) -> Iterator[str]:
    """What a failed or refused task does not lose, and what one that was refused leaves alone."""
    if story.failed and not story.done and story.before != story.after and not story.world.blueprint.rotating:
        yield f"nothing was done, and the key changed from {story.before} to {story.after}"
    if story.task.state == "absent":
        return
    for region, view in story.before.items():
        lost = view.loaded - story.after[region].loaded
        replaced = story.task.state == "current" and story.task.force and not story.failed
        if lost and not (replaced and all(view.materials[one].state.startswith("PENDING_") for one in lost)):
            yield f"{sorted(lost)} is lost in {region}"


def _stays_cut_off(story: Story) -> Iterator[str]:
    if not story.world.blueprint.cut_off or story.task.lifts:
        return
    if CUT_OFF not in story.after[HOME].tags and story.before[HOME].tags.get(CUT_OFF):
        yield "the mark of the cut-off is gone"
    for region in story.before if story.task.at == HOME else ():
        if HOME in story.meant and region == HOME and story.after[region].loaded - story.before[region].loaded:
            yield f"a cut-off key took material in {region}"


def _stays_disabled(story: Story) -> Iterator[str]:
    """An import enables a key; in the end a Disabled one is Disabled, and an Enabled one is not disabled."""
    for region, view in story.before.items():
        after = story.after[region].state
        if view.state == "Disabled" and story.task.state != "absent" and after != "Disabled":
            yield f"the Disabled key is {after} in {region}"
        genuine = story.world.blueprint.restore in (story.task.given, story.world.blueprint.restore and "?")
        if view.state == "Enabled" and after == "Disabled" and not genuine:
            yield f"the Enabled key is Disabled in {region}"


def _holds(story: Story) -> Iterator[str]:
    """What was promised is what KMS holds."""
    if story.failed or _left_alone(story):
        return
    state = story.after[story.meant[0]].state
    if story.result["key_state"] != state and not story.task.regions:
        yield f"the result says {story.result['key_state']}, the key is {state}"
    if story.task.state == "absent":
        yield from _absent(story)
    else:
        yield from _there(story)
    if story.task.state == "current":
        view = story.after[HOME]
        if view.current and story.target() != view.current:
            yield f"{story.task.given} ({story.target()}) is not current, {view.current} is"


def _warns(story: Story) -> Iterator[str]:
    """That a key stays PendingImport is said of the keys that do."""
    if story.failed or story.task.state == "absent" or story.task.regions or _left_alone(story):
        return
    stays = story.after[story.meant[0]].state == "PendingImport"
    if stays != any("stays PendingImport" in str(one) for one in story.result.get("warnings", [])):
        yield f"the key {'stays' if stays else 'does not stay'} PendingImport, the warnings: {story.result['warnings']}"


def _left_alone(story: Story) -> bool:
    """A Disabled key whose material cannot be proved is left alone, with a warning."""
    return any("nothing was done" in str(one) for one in story.result.get("warnings", []))


def _absent(story: Story) -> Iterator[str]:
    task = story.task
    for region in story.meant:
        before, view = story.before[region], story.after[region]
        if task.all_materials and view.loaded:
            yield f"{sorted(view.loaded)} is still there in {region} after the cut-off"
        if task.all_materials and CUT_OFF not in view.tags and view.state == "PendingImport":
            yield f"the key has no mark of the cut-off in {region}"
        gone = story.world.ids.get(task.named or "") if task.named else before.current
        if before.state not in ("PendingImport", *DELETION_STATES) and gone in view.loaded:
            yield f"{gone} is still there in {region}"


def _there(story: Story) -> Iterator[str]:
    for region in story.meant:
        view, target = story.after[region], story.target() or ""
        held = view.materials.get(target)
        if held is None or not (held.loaded or (target == "" and view.state in ("Enabled", "Disabled"))):
            yield f"{story.task.given} ({target}) is not loaded in {region}"
            continue
        yield from _lasts(story, region, held.valid_to)
        text = story.task.text
        if (
            text is not None
            and region == HOME
            and not (held.text == text or held.text.startswith((f"{text} byok:1", "byok:1")))
        ):
            yield f"the description is {held.text!r}, not {text!r}"


def _lasts(story: Story, region: str, valid_to: datetime | None) -> Iterator[str]:
    asked = dict(story.task.expiry)
    if "expiration_model" in asked and valid_to is not None:
        yield f"it expires {valid_to} in {region}"
    if "valid_to" in asked:
        wanted = datetime.fromisoformat(story.options["valid_to"].replace("Z", "+00:00"))
        if valid_to != wanted:
            yield f"it expires {valid_to} in {region}, not {wanted}"
    if "valid_for" in asked:
        longest = {"90d": timedelta(days=90), "2h": timedelta(hours=2), "5m": timedelta(minutes=5)}[asked["valid_for"]]
        left = valid_to - story.world.time.now() if valid_to else None
        if left is None or left > longest + timedelta(minutes=5):
            yield f"it expires {valid_to} in {region}, not within {asked['valid_for']}"


def _silent(story: Story) -> Iterator[str]:
    """The second run changes nothing, and a run after a failure does not make it worse."""
    if story.failed:
        possible = not story.predicted.get("failed") and not story.uncertain and not story.task.force
        if possible and story.again.get("failed"):
            yield f"the run after the failure failed, too: {story.again['msg']}"
        return
    if story.again.get("failed"):
        # What brought back older material would interrupt the key the next time, which has to be said on purpose.
        if story.task.state != "reimported" or story.again["error"]["code"] != "RefusedByPlan":
            yield f"the second run failed: {story.again['msg']}"
    elif story.again["changed"] and not _documented(story):
        yield f"the second run did {story.again['operations']}"


def _documented(story: Story) -> bool:
    """What the documentation of the module names as not idempotent."""
    operations = set(story.again["operations"])
    if story.trouble.lag and operations & TAGS and operations <= TAGS | {"DeleteImportedKeyMaterial"}:
        # Nobody waits until a tag shows; a cut-off sends its deletions anyway.
        return True
    if story.task.all_materials and story.before[HOME].state in DELETION_STATES:
        # Nothing shows whether a key that waits for its deletion still holds its one material.
        return story.world.blueprint.spec != SYMMETRIC
    if story.task.state == "reimported" or (story.task.wrapped and not story.task.named):
        return True
    hmac = story.world.blueprint.spec.startswith("HMAC")
    if hmac and story.task.force and any(story.after[one].state == "Disabled" for one in story.meant):
        return True
    entry = story.world.blueprint.entry(story.task.given)
    if story.world.blueprint.spec != SYMMETRIC or entry is None or entry.own:
        return False
    return entry.text == LONG_TEXT or HOME not in story.meant
