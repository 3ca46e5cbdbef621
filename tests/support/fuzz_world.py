# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in random states for the fuzzer: drawn as plain data, then built by boto3 alone, and read by boto3 alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import strategies as st
from lab import CHANGING
from lab import Lab
from materials import NEVER
from materials import material
from materials import wrapped

SYMMETRIC = "SYMMETRIC_DEFAULT"
HOME, ELSEWHERE = "us-east-1", ("eu-west-1", "ap-southeast-2")
ACCOUNT = "123456789012"
RESTORE, CUT_OFF = "byok:restore-state", "byok:cut-off"
LONG_TEXT = "a description of another tool that leaves no room for ours " * 4
# How long material lasts from its import. What expires has done so before the task begins, the rest goes on.
LASTS = {"none": None, "over": timedelta(minutes=10), "near": timedelta(hours=3), "far": timedelta(days=200)}
# Emulated seconds. Far more than what passes on a slow machine between two looks.
ROTATION, LAG = 400, 15


@dataclass(frozen=True)
class Entry:
    """One material of a key. own: imported as the module does it; lost: deleted before the task begins."""

    label: str
    own: bool = True
    lasts: str = "none"
    text: str = ""
    lost: bool = False


@dataclass(frozen=True)
class Blueprint:
    """A key as it is before the task.

    history: its permanent materials, the last one is current. rotating: the rotation to the staged one is under way.
    restore: whose seal the tag byok:restore-state has, or "forged". replicas: the labels that each one lacks.
    """

    spec: str = SYMMETRIC
    history: tuple[Entry, ...] = ()
    staged: Entry | None = None
    rotating: bool = False
    disabled: bool = False
    doomed: bool = False
    restore: str | None = None
    cut_off: bool = False
    replicas: tuple[frozenset[str], ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (*self.history, *([self.staged] if self.staged else []))

    def entry(self, label: str | None) -> Entry | None:
        return next((one for one in self.entries if one.label == label), None)


@st.composite
def blueprints(draw: st.DrawFn, replicas: bool = False) -> Blueprint:
    """Keys as they may be met; for KMS impossible ones are made possible."""
    spec = draw(st.sampled_from([SYMMETRIC] * 5 + ["HMAC_256", "RSA_2048", "ECC_NIST_P256"]))
    symmetric = spec == SYMMETRIC
    # Only a key with material can be replicated.
    empty = [] if replicas else [0]
    labels = "abc"[: draw(st.sampled_from(empty + [1, 1, 1] + ([2, 2, 3] if symmetric else [])))]
    history = tuple(draw(_entries(label, symmetric)) for label in labels)
    whole = all(not one.lost and one.lasts != "over" for one in history)
    staged = draw(st.none() | _entries("d", True)) if history and symmetric else None
    doomed = draw(_rarely())
    rotating = bool(staged and whole and staged.lasts != "over" and not doomed and draw(st.booleans()))
    if staged is not None:
        staged = replace(staged, lost=False)
    lacking = st.sets(st.sampled_from(labels + ("d" if staged and not rotating else ""))) if labels else st.just(set())
    return Blueprint(
        spec,
        history,
        staged,
        rotating,
        disabled=not rotating and draw(st.sampled_from([False, False, True])),
        doomed=doomed,
        restore=draw(st.sampled_from([None, None, None, None, "forged", *labels])),
        cut_off=draw(_rarely()),
        replicas=tuple(frozenset(draw(lacking)) for _one in range(draw(st.integers(1, 2)))) if replicas else (),
    )


@st.composite
def _entries(draw: st.DrawFn, label: str, symmetric: bool) -> Entry:
    texts = ["", "", "vault 7", LONG_TEXT] if symmetric else [""]
    text = draw(st.sampled_from(texts))
    own = text != LONG_TEXT and draw(st.booleans())
    return Entry(label, own, draw(st.sampled_from(["none", "none", "near", "far", "over"])), text, draw(_rarely()))


def _rarely() -> st.SearchStrategy[bool]:
    return st.sampled_from([False] * 5 + [True])


class VirtualTime:
    """Time for the modules without real waiting: a sleep moves the clock of KMS."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.offset = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def begin(self) -> Lab:
        """The lab, with an empty KMS whose clock is right."""
        self.offset = 0.0
        self._lab.emulator.reset()
        return self._lab

    def sleep(self, seconds: float) -> None:
        self.offset += seconds
        self._lab.emulator.config(clock_offset_seconds=self.offset)

    def time(self) -> float:
        return time.time() + self.offset

    def monotonic(self) -> float:
        return time.monotonic() + self.offset

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), timezone.utc)


@dataclass(frozen=True)
class Held:
    """One material as KMS shows it."""

    state: str
    loaded: bool
    valid_to: datetime | None
    text: str


@dataclass(frozen=True)
class View:
    """What boto3 sees of a key in one Region. materials: by ID, or under "" where KMS gives none."""

    state: str
    current: str | None
    valid_to: datetime | None
    materials: dict[str, Held]
    tags: dict[str, str]
    rotation: bool

    @property
    def loaded(self) -> set[str]:
        return {one for one, held in self.materials.items() if held.loaded}


@dataclass
class World:
    """A key that was built, and the way to look at it. ids: of the labels whose IDs KMS has told."""

    lab: Lab
    time: VirtualTime
    blueprint: Blueprint
    key_id: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def regions(self) -> tuple[str, ...]:
        return (HOME, *ELSEWHERE[: len(self.blueprint.replicas)])

    def client(self, region: str = HOME) -> Any:
        known = self.lab.__dict__.setdefault("clients", {})
        if region not in known:
            known[region] = self.lab.emulator.client(region)
        return known[region]

    def views(self) -> dict[str, View]:
        return {region: self.view(region) for region in self.regions}

    def view(self, region: str) -> View:
        client = self.client(region)
        shown = client.describe_key(KeyId=self.key_id)["KeyMetadata"]
        tags = {one["TagKey"]: one["TagValue"] for one in client.list_resource_tags(KeyId=self.key_id)["Tags"]}
        if self.blueprint.spec == SYMMETRIC:
            listed = client.list_key_rotations(KeyId=self.key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
            held = {one["KeyMaterialId"]: self._held(one) for one in listed}
            started = client.get_key_rotation_status(KeyId=self.key_id).get("OnDemandRotationStartDate") is not None
        else:
            loaded = shown["KeyState"] in ("Enabled", "Disabled")
            held, started = {"": Held("CURRENT", loaded, shown.get("ValidTo"), "")}, False
        current = shown.get("CurrentKeyMaterialId")
        return View(shown["KeyState"], current, shown.get("ValidTo"), held, tags, started)

    def _held(self, shown: dict[str, Any]) -> Held:
        ends = shown.get("ValidTo")
        loaded = shown.get("ImportState") == "IMPORTED" and (ends is None or ends > self.time.now())
        return Held(shown["KeyMaterialState"], loaded, ends, shown.get("KeyMaterialDescription") or "")

    def holds(self, label: str, key_material_id: str) -> bool:
        """Whether KMS takes these bytes again as this material: it refuses all others."""
        return self._import(Entry(label, own=False), HOME, "EXISTING_KEY_MATERIAL", key_material_id) is not None

    # -- building ------------------------------------------------------------------------------------------------------

    def build(self) -> World:
        plan = self.blueprint
        self.lab.emulator.config(rotation_seconds=0, transient_seconds=0)
        multi = {"MultiRegion": True} if plan.replicas else {}
        self.key_id = self.lab.empty_key(plan.spec, **multi)
        for number, entry in enumerate(plan.history):
            self._add(entry, first=number == 0)
            if number:
                self.client().rotate_key_on_demand(KeyId=self.key_id)
        if plan.staged:
            self._add(plan.staged, first=False)
        self._lose()
        if plan.disabled:
            self._disable()
        self._tag()
        if plan.doomed:
            self.client().schedule_key_deletion(KeyId=self.key_id, PendingWindowInDays=7)
        self.time.sleep(LASTS["over"].total_seconds() + 60)
        if plan.rotating:
            self.lab.emulator.config(rotation_seconds=ROTATION)
            self.client().rotate_key_on_demand(KeyId=self.key_id)
        self.lab.emulator.config(rotation_seconds=60)
        return self

    def _add(self, entry: Entry, first: bool) -> None:
        kind = None if first or self.blueprint.spec != SYMMETRIC else "NEW_KEY_MATERIAL"
        self.ids[entry.label] = str(self._import(entry, HOME, kind))
        for region in self.regions[1:]:
            if first:
                self.client().replicate_key(KeyId=self.key_id, ReplicaRegion=region)
            self._import(entry, region, None)

    def _import(self, entry: Entry, region: str, kind: str | None, named: str | None = None) -> str | None:
        """The ID, or None when KMS refuses the bytes."""
        spec = self.blueprint.spec
        content = material(spec, entry.label)
        options: dict[str, Any] = {"ExpirationModel": NEVER}
        if lasts := LASTS[entry.lasts]:
            options = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": self.time.now() + lasts}
        if kind:
            options["ImportType"] = kind
        if named:
            options["KeyMaterialId"] = named
        text = self._description(entry)
        if text and region == HOME and not named:
            options["KeyMaterialDescription"] = text
        try:
            answer = self.client(region).import_key_material(
                KeyId=self.key_id, **wrapped(self.client(region), self.key_id, spec, content), **options
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "IncorrectKeyMaterialException":
                raise
            return None
        return str(answer.get("KeyMaterialId", ""))

    def _description(self, entry: Entry) -> str:
        from ansible_collections.byok.aws.plugins.module_utils._kms.key import descriptions
        from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import Secret
        from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import fingerprint

        if self.blueprint.spec != SYMMETRIC or not entry.own:
            return entry.text
        mark = fingerprint(Secret(material(SYMMETRIC, entry.label)), ACCOUNT, self.key_id)
        return descriptions.compose(entry.text or None, mark, lifetime=LASTS[entry.lasts]) or ""

    def _lose(self) -> None:
        for region, lacking in zip(self.regions, (frozenset[str](), *self.blueprint.replicas)):
            for entry in self.blueprint.entries:
                if entry.lost or entry.label in lacking:
                    named = {"KeyMaterialId": self.ids[entry.label]} if self.blueprint.spec == SYMMETRIC else {}
                    self.client(region).delete_imported_key_material(KeyId=self.key_id, **named)

    def _disable(self) -> None:
        for region in self.regions:
            if self.client(region).describe_key(KeyId=self.key_id)["KeyMetadata"]["KeyState"] == "Enabled":
                self.client(region).disable_key(KeyId=self.key_id)

    def _tag(self) -> None:
        tags = {}
        if self.blueprint.restore:
            tags[RESTORE] = self._restore_value(self.blueprint.restore)
        if self.blueprint.cut_off:
            tags[CUT_OFF] = "2030-01-31T12:00:00Z operator@control"
        if tags:
            listed = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
            self.client().tag_resource(KeyId=self.key_id, Tags=listed)

    def _restore_value(self, label: str) -> str:
        """The tag as an import of this material into the Disabled key leaves it, or the words without the seal."""
        from ansible_collections.byok.aws.plugins.module_utils._kms.key.tag_values import restore_value
        from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import sealer
        from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key

        if label == "forged":
            return f"Disabled {self.time.now():%Y-%m-%dT%H:%M:%SZ} {'0' * 32}"
        arn = self.client().describe_key(KeyId=self.key_id)["KeyMetadata"]["Arn"]
        return restore_value(key(arn=arn), self.time.now(), sealer(material(self.blueprint.spec, label)))

    # -- calls ---------------------------------------------------------------------------------------------------------

    def carried_out(self, since: int) -> list[dict[str, Any]]:
        """The changing calls that KMS carried out, in order; also those whose answers were lost."""
        calls = self.lab.emulator.calls()[since:]
        return [
            one for one in calls if one["operation"] in CHANGING and "Success" in (one["outcome"], one.get("executed"))
        ]
