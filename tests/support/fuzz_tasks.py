# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random tasks for the fuzzer, and what goes wrong while they run."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError
from fuzz_world import ELSEWHERE
from fuzz_world import HOME
from fuzz_world import SYMMETRIC
from fuzz_world import Blueprint
from fuzz_world import World
from hypothesis import strategies as st
from materials import NEVER
from materials import b64
from materials import material
from materials import wrapped

# What is said of the expiry: an option and its value; {days} stands for an instant so many days from now.
EXPIRIES: tuple[dict[str, str], ...] = (
    {},
    {"valid_for": "90d"},
    {"valid_for": "2h", "renew_before": "90m"},
    {"valid_for": "5m"},
    {"valid_to": "30 days"},
    {"expiration_model": NEVER},
)
NOBODY = "f" * 64
CHANGES = ("ImportKeyMaterial", "DeleteImportedKeyMaterial", "RotateKeyOnDemand", "DisableKey", "TagResource")
READS = ("DescribeKey", "ListKeyRotations", "ListResourceTags", "GetKeyRotationStatus", "GetPublicKey", "GenerateMac")
CODES = ("ThrottlingException", "KMSInternalException", "DependencyTimeoutException")


@dataclass(frozen=True)
class Task:
    """A task of kms_imported_material. given, named: labels; named may be "nobody"."""

    state: str = "present"
    given: str | None = None
    wrapped: bool = False
    named: str | None = None
    all_materials: bool = False
    regions: tuple[str, ...] = ()
    at: str = HOME
    expiry: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    force: bool = False
    lift: bool = False

    @property
    def lifts(self) -> bool:
        return self.lift and self.state != "absent"

    def options(self, world: World) -> dict[str, Any]:
        """The options of the module, the instants fixed now: every run of the task has the same."""
        chosen: dict[str, Any] = {"key_id": world.key_id, "state": self.state, "region": self.at}
        chosen.update({name: _instant(world.time.now(), value) for name, value in self.expiry})
        if self.given:
            chosen.update(self._material(world, self.given))
        if self.named:
            chosen["key_material_id"] = world.ids.get(self.named, NOBODY)
        if self.text is not None:
            chosen["key_material_description"] = self.text
        if self.regions:
            chosen["regions"] = list(self.regions)
        flags = {"all_materials": self.all_materials, "force": self.force, "lift_cut_off": self.lift}
        return {**chosen, **{name: True for name, value in flags.items() if value}}

    def _material(self, world: World, label: str) -> dict[str, str]:
        spec = world.blueprint.spec
        if not self.wrapped:
            return {"key_material": b64(material(spec, label))}
        try:
            place = self.regions[0] if self.regions and self.regions[0] != "all" else self.at
            made = wrapped(world.client(place), world.key_id, spec, material(spec, label))
        except ClientError:
            # KMS gives no parameters for a key that waits for its deletion.
            made = {"EncryptedKeyMaterial": bytes(512), "ImportToken": bytes(512)}
        blob, token = made["EncryptedKeyMaterial"], made["ImportToken"]
        return {
            "encrypted_key_material": base64.b64encode(blob).decode(),
            "import_token": base64.b64encode(token).decode(),
        }


def _instant(now: datetime, value: str) -> str:
    if not value.endswith(" days"):
        return value
    return (now + timedelta(days=int(value.split()[0]))).strftime("%Y-%m-%dT%H:%M:%SZ")


@st.composite
def tasks(draw: st.DrawFn, key: Blueprint) -> Task:
    """Tasks that somebody may give for this key, right or wrong."""
    symmetric = key.spec == SYMMETRIC
    state = draw(
        st.sampled_from(["present", "present", "reimported", "absent"] + ["current"] * (3 if symmetric else 1))
    )
    labels = [one.label for one in key.entries]
    given = draw(st.sampled_from([*labels, *labels, "x"]))
    if state == "absent" and draw(st.booleans()):
        given = None
    named = draw(st.sampled_from([None, None, None, None, given, *labels, "nobody"])) if symmetric else None
    expiry = draw(st.sampled_from([{}, {}, *EXPIRIES])) if state != "absent" else {}
    places = [HOME, *ELSEWHERE[: len(key.replicas)]]
    several: list[tuple[str, ...]] = [(), ("all",), ("all",), (HOME,), tuple(places)]
    sealed = state != "absent" and draw(st.sampled_from([False] * 6 + [True]))
    # KMS takes no empty text, and of wrapped material there is no fingerprint that could stand in its place.
    texts = [None, None, "vault 9", *([] if sealed else [""])]
    return Task(
        state,
        given,
        wrapped=sealed,
        named=named,
        all_materials=state == "absent" and named is None and draw(st.booleans()),
        regions=draw(st.sampled_from(several)) if key.replicas else (),
        at=draw(st.sampled_from(places)),
        expiry=tuple(expiry.items()),
        text=draw(st.sampled_from(texts)) if state != "absent" and symmetric else None,
        force=draw(st.sampled_from([False, False, True])),
        lift=state != "absent" and key.cut_off and draw(st.booleans()),
    )


@dataclass(frozen=True)
class Fault:
    """The n-th call of an operation fails, a few times: less often than a call is repeated."""

    operation: str
    how: str
    nth: int = 1
    times: int = 1

    def rule(self) -> dict[str, Any]:
        action: dict[str, Any] = {self.how: True} if self.how.startswith("drop") else {"code": self.how}
        return {"operation": self.operation, "nth": self.nth, "times": self.times, **action}


def faults() -> st.SearchStrategy[Fault]:
    """Throttles, internal errors and lost answers."""
    operations = st.sampled_from((*CHANGES, *CHANGES, "UntagResource", "GetParametersForImport", *READS))
    how = st.sampled_from((*CODES, "drop_before", "drop_after"))
    return st.builds(Fault, operations, how, st.integers(1, 3), st.integers(1, 2))


@dataclass(frozen=True)
class Trouble:
    """What the runs of the task meet. The check and the second run meet the lag alone."""

    faults: tuple[Fault, ...] = ()
    lag: bool = False


def troubles() -> st.SearchStrategy[Trouble]:
    """Some faults, a lag, or both."""
    return st.builds(Trouble, st.lists(faults(), max_size=2).map(tuple), st.booleans())
