# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stories that broke a rule once, the smallest that showed it."""

from __future__ import annotations

from dataclasses import dataclass

import fuzz_rules
import pytest
from fuzz_tasks import Task
from fuzz_tasks import Trouble
from fuzz_world import LONG_TEXT
from fuzz_world import Blueprint
from fuzz_world import Entry

A, FOREIGN = Entry("a"), Entry("a", own=False)
STAGED = Entry("d", own=False)
FULL = (frozenset[str](),)
LAGGING = Trouble(lag=True)
IMPORT, DELETE, ROTATE = "ImportKeyMaterial", "DeleteImportedKeyMaterial", "RotateKeyOnDemand"
DISABLE, TAG, UNTAG = "DisableKey", "TagResource", "UntagResource"
LONGER = (("valid_for", "90d"),)
REFUSED = "RefusedByPlan"


@dataclass(frozen=True)
class Case:
    """do: what the run does; code: of its error; says: words of a warning."""

    name: str
    key: Blueprint
    task: Task
    do: tuple[str, ...] = ()
    code: str | None = None
    says: str = ""
    trouble: Trouble | None = None


def key(*history: Entry, **fields: object) -> Blueprint:
    return Blueprint(**{"history": history or (A,), **fields})  # type: ignore[arg-type]


CASES = [
    # Several Regions: a replica shows what is done to the primary key meanwhile.
    Case(
        "a new text everywhere",
        key(replicas=FULL),
        Task("present", "a", regions=("all",), text="vault 9"),
        (IMPORT,),
    ),
    Case(
        "a new text and a new expiry everywhere, which another material hides",
        key(Entry("a", lasts="near"), Entry("b"), replicas=FULL),
        Task("present", "b", regions=("all",), text="vault 9", expiry=LONGER),
        (IMPORT, IMPORT),
    ),
    Case(
        "the same, beside staged material that one replica lacks",
        key(Entry("a", lasts="near"), Entry("b"), staged=STAGED, replicas=(frozenset("d"),)),
        Task("present", "b", regions=("all",), text="vault 9", expiry=LONGER),
        (IMPORT, IMPORT),
    ),
    Case(
        "a new expiry everywhere, beside staged material that one replica lacks",
        key(staged=STAGED, replicas=(frozenset("d"),)),
        Task("present", "a", regions=("all",), expiry=LONGER),
        (IMPORT, IMPORT),
    ),
    Case(
        "new bytes everywhere, in place of staged ones",
        key(staged=STAGED, replicas=FULL),
        Task("current", "x", regions=("all",), force=True),
        (DELETE, IMPORT, IMPORT, ROTATE),
    ),
    Case(
        "bytes everywhere that turn out to be the current ones",
        key(FOREIGN, Entry("b", own=False), replicas=FULL),
        Task("current", "b", regions=("all",)),
        (IMPORT,),
    ),
    Case(
        "bytes everywhere that turn out to be the staged ones",
        key(FOREIGN, staged=STAGED, replicas=(frozenset("d"),)),
        Task("current", "d", regions=("all",), force=True),
        (IMPORT, IMPORT, ROTATE),
    ),
    # Nothing is deleted for bytes that turn out to be the key's already.
    Case(
        "the current bytes of another tool, forced, beside staged ones",
        key(FOREIGN, staged=STAGED),
        Task("current", "a", force=True),
        (IMPORT,),
    ),
    # A key that a crash left Enabled.
    *(
        Case(
            f"left Enabled by a crash, {spec}",
            key(spec=spec, restore="a"),
            Task("present", "a"),
            (DISABLE, UNTAG),
        )
        for spec in ("HMAC_256", "RSA_2048", "ECC_NIST_P256")
    ),
    Case("a tag that nobody can have sealed", key(spec="HMAC_256", restore="forged"), Task("present", "a")),
    # What is missing.
    Case(
        "the older one of two lost materials of another tool",
        key(Entry("a", own=False, lost=True), Entry("b", own=False, lost=True)),
        Task("present", "a"),
        (IMPORT,),
        says="stays PendingImport",
    ),
    Case(
        "the last of two lost materials of another tool",
        key(Entry("a", own=False, lost=True), Entry("b", own=False)),
        Task("present", "a"),
        (IMPORT,),
    ),
    Case(
        "left by a crash, and not the material that is missing",
        key(FOREIGN, Entry("b", own=False, lost=True), restore="a"),
        Task("present", "a"),
        (IMPORT,),
        says="stays PendingImport",
    ),
    # A rotation under way.
    Case(
        "an expiry for the material that a rotation under way puts to work",
        key(staged=Entry("d"), rotating=True),
        Task("current", "d", expiry=LONGER, text="vault 9"),
        (IMPORT,),
    ),
    *(
        Case(
            f"proved everywhere while a rotation to it is under way, {name}",
            key(staged=STAGED, rotating=True, replicas=(lacking,)),
            Task("current", "d", named="d", regions=("all",)),
            (IMPORT, IMPORT),
            says=says,
        )
        for name, lacking, says in (
            ("with a whole replica", frozenset[str](), ""),
            ("with a replica that lacks the older one", frozenset("a"), "stays PendingImport"),
        )
    ),
    Case(
        "the material that a rotation under way replaces",
        key(staged=Entry("d"), rotating=True),
        Task("current", "a"),
        code=REFUSED,
    ),
    # What KMS always refuses.
    Case("a Disabled key, forced", key(disabled=True), Task("current", "x", force=True), code=REFUSED),
    Case(
        "a Disabled key with staged material, forced",
        key(staged=STAGED, disabled=True),
        Task("current", "d", named="d", force=True),
        code=REFUSED,
    ),
    Case(
        "an older material lost, forced",
        key(Entry("a", lost=True), Entry("b"), staged=STAGED),
        Task("current", "x", force=True),
        code=REFUSED,
    ),
    Case("a replica without the bytes, forced", key(replicas=FULL), Task("current", "x", force=True), code=REFUSED),
    # Deletions.
    Case("staged material by its ID", key(staged=STAGED), Task("absent", named="d"), (DELETE,)),
    Case(
        "staged material of the primary key",
        key(staged=STAGED, replicas=FULL),
        Task("absent", named="d"),
        (DELETE,),
        says="in eu-west-1, too",
    ),
    Case("a Disabled key, while reads lag", key(disabled=True), Task("absent"), (DELETE,), trouble=LAGGING),
    Case(
        "custody in two Regions",
        key(FOREIGN, replicas=FULL),
        Task("absent", "a", regions=("all",)),
        (IMPORT, IMPORT, DELETE, DELETE),
    ),
    *(
        Case(
            f"a cut-off with material of a key that holds none, {spec}",
            Blueprint(spec),
            Task("absent", "x", all_materials=True),
            (DELETE, TAG),
        )
        for spec in ("SYMMETRIC_DEFAULT", "RSA_2048")
    ),
    # What is documented as imported every time.
    Case("no room for the fingerprint", key(Entry("a", own=False, text=LONG_TEXT)), Task("present", "a"), (IMPORT,)),
    Case(
        "a replica whose primary key shows no fingerprint",
        key(FOREIGN, replicas=FULL),
        Task("present", "a", at="eu-west-1"),
        (IMPORT,),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_story_that_broke_a_rule(virtual, case):
    story = fuzz_rules.told(virtual, case.key, case.task, case.trouble)

    assert fuzz_rules.broken(story) == []
    assert (story.result["error"] or {}).get("code") == case.code, story.result["msg"]
    assert tuple(story.result["operations"]) == case.do
    assert not case.says or any(case.says in str(one) for one in story.result["warnings"])
