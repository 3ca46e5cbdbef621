# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of the role kms_material_rotation, as Ansible renders it and as a browser shows it.

One ansible-playbook run renders every sample through the template module, so that what is tested is Ansible's own
templating. `python tests/report/test_report.py DIRECTORY` writes the pages, and nothing else, to look at them.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import uuid
import zlib
from datetime import datetime
from datetime import timezone
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "roles" / "kms_material_rotation" / "templates" / "report.html.j2"
SCHEMA = ROOT / "docs" / "report-schema.md"

START = datetime(2026, 11, 1, 9, 30, 0, tzinfo=timezone.utc).timestamp()
SECRETS = {
    name: f"CANARY-{name}-SECRET" for name in ("key_material", "import_token", "encrypted_key_material", "ciphertext")
}
HOSTILE = "<script>alert('x')</script>\"'&{{ 7 * 191 }}{% raw %}</title><img src=http://evil.example/x>"

SYMMETRIC = ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "encrypt", "fingerprint")
RSA = ("RSA_4096", "SIGN_VERIFY", "sign", "public_key")
HMAC = ("HMAC_256", "GENERATE_VERIFY_MAC", "mac", "mac")
NAMES = (
    "payments",
    "ledger",
    "statements",
    "card-vault",
    "onboarding",
    "archive",
    "kyc-documents",
    "settlement",
    "treasury",
    "mandates",
)


# ---------------------------------------- samples ----------------------------------------


def seeded(seed):
    return random.Random(seed)  # noqa: S311 (samples are to be the same in every run, not secret)


def iso(epoch):
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def some_uuid(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def some_id(rng):
    return hashlib.sha256(str(rng.getrandbits(64)).encode()).hexdigest()


OLD_EXPIRY, NEW_EXPIRY = "2026-11-20T00:00:00Z", "2027-02-01T00:00:00Z"


def material(ident, state="CURRENT", description=None, valid_to=NEW_EXPIRY):
    return {
        "key_material_id": ident,
        "key_material_state": state,
        "import_state": "IMPORTED",
        "expiration_model": "KEY_MATERIAL_EXPIRES",
        "valid_to": valid_to,
        "key_material_description": description,
    }


def side(current, materials, key_state="Enabled", valid_to=NEW_EXPIRY):
    expiring = [one for one in materials if one["valid_to"] and one["key_material_state"] in ("CURRENT", "NON_CURRENT")]
    return {
        "key_state": key_state,
        "current_key_material_id": current,
        "expiration_model": "KEY_MATERIAL_EXPIRES" if valid_to else None,
        "valid_to": valid_to,
        "current_expiration_model": "KEY_MATERIAL_EXPIRES" if valid_to else None,
        "current_valid_to": valid_to,
        "expiring_materials": [
            {name: one[name] for name in ("key_material_id", "key_material_state", "valid_to")} for one in expiring
        ],
        "materials": materials,
    }


def operation(rng, name, at, took, ident=None, purpose=None, outcome="succeeded", region="eu-central-1"):
    return {
        "operation": name,
        "region": region,
        "purpose": purpose,
        "started_at": iso(at),
        "started_epoch": at,
        "finished_at": iso(at + took),
        "finished_epoch": at + took,
        "outcome": outcome,
        "request_id": some_uuid(rng),
        "key_material_id": ident,
    }


def reimported_key(rng, number, kind, at, outcome="changed"):
    spec, usage, canary, proof = kind
    key_id = some_uuid(rng)
    ident = some_id(rng) if spec == "SYMMETRIC_DEFAULT" else None
    materials = [material(ident, description="custodian set A")] if spec == "SYMMETRIC_DEFAULT" else []
    if materials and number % 3 == 0:
        materials.append(material(some_id(rng), "NON_CURRENT"))
    expiry = NEW_EXPIRY if outcome == "unchanged" else OLD_EXPIRY
    earlier = [dict(item, valid_to=expiry) if item["key_material_state"] == "CURRENT" else item for item in materials]
    entry = {
        "key_id": key_id,
        "key_arn": "arn:aws:kms:eu-central-1:111122223333:key/" + key_id,
        "aliases": ["alias/" + NAMES[number % len(NAMES)] + (f"-{number:02d}" if number >= len(NAMES) else "")],
        "key_spec": spec,
        "key_usage": usage,
        "state": "reimported",
        "before": side(ident, earlier, valid_to=expiry),
        "after": side(ident, materials),
        "operations": [],
        "unavailable_seconds": 0.0,
        "unavailable_from": None,
        "unavailable_from_epoch": None,
        "unavailable_to": None,
        "unavailable_to_epoch": None,
        "regions": [],
        "replacement": None,
        "proof": {"method": proof, "verdict": "match", "material_id": ident},
        "canary": {
            "kind": canary,
            "before": "answered",
            "after": "answered, same result",
            "verdict": "passed",
            "note": None,
        },
        "outcome": outcome,
        "error": None,
        "warnings": [],
    }
    if outcome != "changed":
        return entry
    took = [0.018 + rng.random() * 0.012 for step in range(3)]
    if canary == "encrypt" and number % 2:
        entry["operations"].append(operation(rng, "ImportKeyMaterial", at, took[0], ident, "prove"))
        entry["proof"]["method"] = "reimport"
        at += took[0] + 0.004
    cut = at
    entry["operations"].append(operation(rng, "DeleteImportedKeyMaterial", at, took[1], ident, "delete"))
    at += took[1] + 0.001
    entry["operations"].append(operation(rng, "ImportKeyMaterial", at, took[2], ident, "import"))
    interrupted(entry, cut, at + took[2])
    return entry


def interrupted(entry, start, end):
    entry.update(
        unavailable_from=iso(start),
        unavailable_from_epoch=start,
        unavailable_to=iso(end) if end else None,
        unavailable_to_epoch=end,
        unavailable_seconds=round(end - start, 4) if end else None,
    )


def report(keys, strategy="reimport", check_mode=False, finished=None, **run):
    outcomes = [entry["outcome"] for entry in keys]
    spans = [entry["unavailable_seconds"] for entry in keys if entry["unavailable_seconds"] is not None]
    failed = outcomes.count("failed") + (0 if check_mode else outcomes.count("refused"))
    finished = finished or max(
        [START + 1.2]
        + [op["finished_epoch"] + 0.6 for entry in keys for op in entry["operations"] if op["finished_epoch"]]
    )
    return {
        "schema": 1,
        "collection": {"name": "byok.aws", "version": "1.0.0"},
        "run": dict(
            {
                "id": "20261101T093000Z-5f0c2a",
                "started_at": iso(START),
                "started_epoch": START,
                "finished_at": iso(finished),
                "finished_epoch": finished,
                "strategy": strategy,
                "check_mode": check_mode,
                "outcome": "planned" if check_mode else ("failed" if failed else "succeeded"),
                "region": "eu-central-1",
                "account": "111122223333",
                "host": "controller.example.com",
                "operator": "arn:aws:sts::111122223333:assumed-role/key-custodian/rotation",
                "batch_size": 10,
                "change_reference": "CHG-1042",
            },
            **run,
        ),
        "summary": {
            "keys": len(keys),
            "changed": outcomes.count("changed") + outcomes.count("planned"),
            "unchanged": outcomes.count("unchanged"),
            "failed": outcomes.count("failed"),
            "refused": outcomes.count("refused"),
            "not_started": outcomes.count("not_started"),
            "longest_unavailable_seconds": max(spans, default=0.0),
            "total_unavailable_seconds": round(sum(spans), 4),
        },
        "keys": keys,
        "sign_off": copy.deepcopy(PLAN_SIGN_OFF if check_mode else SIGN_OFF),
    }


SIGN_OFF = [
    {
        "role": "Operator",
        "statements": [
            "I ran this rotation under the change reference above, with material from the custody on record for them.",
            "Every key that this report names as failed or unusable has been healed or handed over.",
        ],
    },
    {
        "role": "Reviewer",
        "statements": [
            "I looked up a request ID of each batch in CloudTrail and found the same operation, key and principal.",
            "The time that each key was unusable is within what was agreed with the owners of the systems that use it.",
            "Custody was proved, and the canary agreed, for every key that was changed, or I noted why not.",
        ],
    },
]
PLAN_SIGN_OFF = [
    {
        "role": "Approver",
        "statements": [
            "The keys in this plan are those of the change reference, and no other.",
            "The owners of the systems that use these keys know the predicted time in which each cannot be used.",
            "The material is in custody, and the operator can reach it if an import has to be repeated.",
        ],
    },
]


def one_key():
    return report([reimported_key(seeded(1), 0, SYMMETRIC, START + 0.61)])


def three_keys():
    rng = seeded(3)
    return report(
        [reimported_key(rng, n + 1, kind, START + 0.7 + 0.4 * n) for n, kind in enumerate((SYMMETRIC, RSA, HMAC))]
    )


def sixty_keys():
    rng = seeded(60)
    keys = []
    for n in range(60):
        kind = (SYMMETRIC, SYMMETRIC, RSA, HMAC)[n % 4]
        keys.append(reimported_key(rng, n, kind, START + 1.5 + 1.02 * n, "unchanged" if n in (17, 41) else "changed"))
        if n in (17, 41):
            keys[-1]["warnings"].append("Done in an earlier run (journal); nothing was left to do.")
    return report(keys)


def on_demand():
    rng = seeded(7)
    entry = reimported_key(rng, 0, SYMMETRIC, START, "unchanged")
    old, new = entry["before"]["current_key_material_id"], some_id(rng)
    entry.update(
        state="current", outcome="changed", proof={"method": "key_material_id", "verdict": "match", "material_id": new}
    )
    entry["operations"] = [
        operation(rng, "ImportKeyMaterial", START + 1.0, 0.031, new, "stage"),
        operation(rng, "RotateKeyOnDemand", START + 1.06, 0.027, new, "rotate"),
    ]
    entry["before"] = side(old, [material(old, valid_to=OLD_EXPIRY)], valid_to=OLD_EXPIRY)
    older = material(old, "NON_CURRENT", valid_to=OLD_EXPIRY)
    entry["after"] = side(new, [older, material(new, description="custodian set B")])
    # What DescribeKey shows is the earliest of all.
    entry["after"]["valid_to"] = OLD_EXPIRY
    return report([entry], strategy="on_demand", finished=START + 95.4)


def replaced():
    """A key that has given its alias to a new one, and one whose aliases were led back."""
    rng = seeded(9)
    keys = [reimported_key(rng, number, RSA, START, "unchanged") for number in range(2)]
    for number, entry in enumerate(keys):
        new, at = some_uuid(rng), START + 1.0 + number
        names = ("CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias")
        purposes = ("create", "link", "import", "move")
        entry["operations"] = [
            operation(rng, name, at + 0.05 * step, 0.02, None, purposes[step]) for step, name in enumerate(names)
        ]
        entry["after"]["key_id"] = new
        entry.update(state="alias", outcome="changed")
        entry["replacement"] = {
            "new_key_id": new,
            "new_key_arn": "arn:aws:kms:eu-central-1:111122223333:key/" + new,
            "aliases": entry["aliases"] if number == 0 else [],
            "rolled_back": number == 1,
            "old_key_state": "Disabled" if number == 0 else "Enabled",
        }
    keys[1].update(
        outcome="failed",
        error={"code": "AccessDeniedException", "message": "The aliases were led back.", "heal_command": "ansible ..."},
    )
    return report(keys, strategy="alias")


def everywhere():
    """A key in two Regions, in the second of which it lost its material."""
    rng = seeded(8)
    whole = reimported_key(rng, 0, SYMMETRIC, START + 0.7)
    cut = START + 2.0
    whole["operations"] += [
        operation(rng, "DeleteImportedKeyMaterial", cut, 0.02, None, "delete", region="eu-west-1"),
        operation(rng, "ImportKeyMaterial", cut + 0.03, 0.02, None, "import", "failed", region="eu-west-1"),
    ]
    down = dict(whole)
    interrupted(down, cut, None)
    whole["regions"] = [
        {
            "region": region,
            "key_state_before": "Enabled",
            "key_state_after": state,
            "current_key_material_id": one["after"]["current_key_material_id"],
            "valid_to": one["after"]["valid_to"] if state == "Enabled" else None,
            "current_valid_to": one["after"]["current_valid_to"] if state == "Enabled" else None,
            **{name: value for name, value in one.items() if name.startswith("unavailable_")},
            "error": None if state == "Enabled" else "The import was denied.",
        }
        for region, state, one in (("eu-central-1", "Enabled", whole), ("eu-west-1", "PendingImport", down))
    ]
    interrupted(whole, cut, None)
    whole.update(
        outcome="failed",
        error={"code": None, "message": "eu-west-1: the import was denied", "heal_command": "heal it there"},
    )
    return report([whole])


def failed():
    rng = seeded(9)
    keys = [
        reimported_key(rng, n + 1, kind, START + 0.7 + 0.4 * n)
        for n, kind in enumerate((SYMMETRIC, RSA, HMAC, SYMMETRIC, SYMMETRIC))
    ]
    dead, lost, late, denied = keys[1:]
    cut = dead["unavailable_from_epoch"]
    dead["operations"] = dead["operations"][:1] + [
        operation(rng, "ImportKeyMaterial", cut + 0.03 + 8.1 * n, 0.05, None, "import", "failed") for n in range(15)
    ]
    interrupted(dead, cut, None)
    dead["after"] = side(None, [], "PendingImport", None)
    dead["canary"].update(after="not tried", verdict="failed", note="The key holds no material.")
    dead["outcome"] = "failed"
    dead["error"] = {
        "code": "DependencyTimeoutException",
        "message": "The material was deleted and its import failed 15 times in 120 s. The key is unusable.",
        "heal_command": f"ansible-playbook byok.aws.rotate --extra-vars @rotation.yml -e key={dead['key_arn']}",
    }
    lost["operations"][0].update(outcome="lost", request_id=None, finished_at=None, finished_epoch=None)
    lost["warnings"].append(
        "The answer to DeleteImportedKeyMaterial was lost; a fresh read showed that the deletion had happened."
    )
    late.update(outcome="not_started", operations=[], after=None, canary=None)
    late.update(
        unavailable_seconds=0.0,
        unavailable_from=None,
        unavailable_from_epoch=None,
        unavailable_to=None,
        unavailable_to_epoch=None,
    )
    denied.update(
        outcome="failed",
        after=None,
        operations=[operation(rng, "ImportKeyMaterial", START + 2.4, 0.021, None, "prove", "failed")],
    )
    denied.update(
        unavailable_seconds=0.0,
        unavailable_from=None,
        unavailable_from_epoch=None,
        unavailable_to=None,
        unavailable_to_epoch=None,
    )
    denied["proof"] = {"method": "reimport", "verdict": "mismatch", "material_id": None}
    denied["error"] = {
        "code": "IncorrectKeyMaterialException",
        "message": "The given bytes are not those that the key holds. Nothing was deleted.",
        "heal_command": None,
    }
    return report(keys)


def refused():
    rng = seeded(11)
    keys = [reimported_key(rng, n, kind, START, "not_started") for n, kind in enumerate((SYMMETRIC, RSA, HMAC))]
    for entry in keys:
        entry.update(
            after=None,
            canary={
                "kind": "none",
                "before": None,
                "after": None,
                "verdict": "skipped",
                "note": "The run stopped in preflight.",
            },
        )
    keys[1].update(outcome="refused", proof=None)
    keys[1]["error"] = {
        "code": "refused",
        "message": "Rotation on demand needs a symmetric encryption key; this one is RSA_4096. Use strategy alias.",
        "heal_command": None,
    }
    return report(keys, strategy="on_demand")


def planned():
    rng = seeded(13)
    keys = [reimported_key(rng, n + 1, kind, START + 0.7) for n, kind in enumerate((SYMMETRIC, RSA, HMAC, SYMMETRIC))]
    keys.append(reimported_key(rng, 6, SYMMETRIC, START, "unchanged"))
    keys[3]["operations"].insert(0, operation(rng, "TagResource", START, 0.02, None, "remember"))
    keys[3]["operations"].append(operation(rng, "DisableKey", START, 0.02, None, "restore"))
    keys[3]["operations"].append(operation(rng, "UntagResource", START, 0.02, None, "forget"))
    for entry in keys:
        entry.update(unavailable_from=None, unavailable_from_epoch=None, unavailable_to=None, unavailable_to_epoch=None)
        entry["canary"].update(before=None, after=None, verdict="planned")
        if entry["outcome"] == "changed":
            entry.update(outcome="planned", unavailable_seconds=0.03)
        for op in entry["operations"]:
            op.update(
                outcome="planned",
                started_at=None,
                started_epoch=None,
                finished_at=None,
                finished_epoch=None,
                request_id=None,
            )
    return report(keys, check_mode=True, change_reference=None, operator=None)


def hostile():
    """Markup, template syntax and secrets wherever something comes from outside."""
    page = failed()
    for entry in page["keys"]:
        entry["aliases"] = ["alias/" + HOSTILE, "alias/" + "long-" * 45]
        entry["warnings"].append(HOSTILE)
        entry.update(SECRETS, key_spec=HOSTILE, key_usage=HOSTILE, state=HOSTILE)
        for facts in (entry["before"], entry["after"]):
            for item in (facts or {}).get("materials", []):
                item.update(SECRETS, key_material_description=HOSTILE)
        for op in entry["operations"]:
            op.update(SECRETS, operation=op["operation"] + HOSTILE)
        if entry["canary"]:
            entry["canary"].update(SECRETS, kind=HOSTILE, before=HOSTILE, after=HOSTILE, note=HOSTILE, verdict=HOSTILE)
        if entry["proof"]:
            entry["proof"].update(SECRETS, method=HOSTILE, verdict=HOSTILE)
        if entry["error"]:
            entry["error"].update(SECRETS, code=HOSTILE, message=HOSTILE, heal_command=HOSTILE)
    page["run"].update(
        SECRETS,
        id='r"; } body { display: none } ' + HOSTILE,
        host=HOSTILE,
        operator=HOSTILE,
        change_reference=HOSTILE,
        region=HOSTILE,
    )
    page["sign_off"][0]["statements"].append(HOSTILE)
    page["sign_off"][1]["role"] = HOSTILE
    page.update(SECRETS)
    return page


SAMPLES = {
    "one": one_key,
    "three": three_keys,
    "sixty": sixty_keys,
    "on-demand": on_demand,
    "replaced": replaced,
    "failed": failed,
    "everywhere": everywhere,
    "refused": refused,
    "planned": planned,
    "hostile": hostile,
}

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.template:
        src: {template}
        dest: "{where}/{{{{ item }}}}.html"
        mode: "0600"
      loop: {names}
      vars:
        ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
        __kms_material_rotation_report: "{{{{ lookup('file', '{where}/' ~ item ~ '.json') | from_json }}}}"
"""


def render(where):
    """Write a page for every sample, all in one run of ansible-playbook."""
    for name, build in SAMPLES.items():
        (where / (name + ".json")).write_text(json.dumps(build()), encoding="utf-8")
    play = where / "render.yml"
    play.write_text(
        PLAY.format(template=json.dumps(str(TEMPLATE)), where=where, names=json.dumps(list(SAMPLES))), encoding="utf-8"
    )
    program = Path(sys.executable).parent / "ansible-playbook"
    done = subprocess.run(
        [str(program) if program.exists() else "ansible-playbook", "-i", "localhost,", "-c", "local", str(play)],
        cwd=where,
        env=dict(
            os.environ,
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    return {name: (where / (name + ".html")).read_text(encoding="utf-8") for name in SAMPLES}


# ---------------------------------------- reading ----------------------------------------


class Page(HTMLParser):
    """Is every element closed in order? And the IDs, links, text, and every attribute that could fetch something."""

    VOID = ("meta", "link", "br", "img", "col", "hr", "input")

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.links, self.fetches, self.texts, self.attributes = (
            [],
            [],
            [],
            [],
            [],
            [],
            [],
        )
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"
        self.text = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag, attrs):
        self.note(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.note(tag, attrs)

    def note(self, tag, attrs):
        names = [name for name, value in attrs]
        assert len(names) == len(set(names)), f"attribute twice in {tag}"
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name == "href":
                self.links.append(value)
            elif name in (
                "src",
                "srcset",
                "data",
                "action",
                "poster",
                "xlink:href",
                "background",
                "formaction",
            ) or name.startswith("on"):
                self.fetches.append((tag, name, value))

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)

    def count(self, tag, **wanted):
        return sum(
            1
            for name, attrs in self.attributes
            if name == tag and all(attrs.get(key.rstrip("_")) == value for key, value in wanted.items())
        )


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def pages(where):
    return render(where)


every_sample = pytest.mark.parametrize("name", list(SAMPLES))


@every_sample
def test_page_is_well_formed_and_accessible(pages, name):
    page = Page(pages[name])
    assert pages[name].startswith("<!DOCTYPE html>")
    assert page.count("html", lang="en") == 1
    assert len(page.ids) == len(set(page.ids))
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:])), "a heading level is skipped"
    assert page.tags.count("caption") == page.tags.count("table")
    assert all(attrs.get("scope") for tag, attrs in page.attributes if tag == "th")
    for tag, attrs in page.attributes:
        if tag == "svg":
            assert attrs.get("aria-hidden") == "true" or attrs.get("role") == "img"
        for ident in (attrs.get("aria-labelledby") or "").split():
            assert ident in page.ids


@every_sample
def test_page_needs_nothing_from_outside(pages, name):
    page = Page(pages[name])
    assert not page.fetches
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    style = re.search("<style>(.*?)</style>", pages[name], re.S).group(1)
    assert "@import" not in style
    assert "url(" not in style.replace("url(#hatch)", "")
    assert "default-src 'none'" in pages[name]


@every_sample
def test_page_has_every_key_call_and_verdict(pages, name):
    data = SAMPLES[name]()
    page = Page(pages[name])
    rows = page.count("th", scope="row")
    # Before and after, timeline, custody, canaries, annex; and the Regions.
    replaced_keys = len(data["keys"]) if data["run"]["strategy"] == "alias" else 0
    assert rows == 5 * len(data["keys"]) + replaced_keys + sum(len(entry["regions"]) for entry in data["keys"])
    assert page.count("svg", class_="lane") == len(data["keys"]) * (1 if data["run"]["check_mode"] else 2)
    for entry in data["keys"]:
        assert page.text.count(entry["key_id"]) >= 2
        assert entry["key_arn"] in page.text
        for op in entry["operations"]:
            assert not op["request_id"] or page.text.count(op["request_id"]) == 1
        for item in (entry["before"] if data["run"]["check_mode"] or not entry["after"] else entry["after"])[
            "materials"
        ]:
            assert item["key_material_id"] in page.text
        if entry["error"]:
            assert re.sub(r"\s+", " ", entry["error"]["message"]) in page.text
            assert (
                not entry["error"]["heal_command"] or re.sub(r"\s+", " ", entry["error"]["heal_command"]) in page.text
            )
        for warning in entry["warnings"]:
            assert warning in page.text
    for signer in data["sign_off"]:
        for statement in [signer["role"]] + signer["statements"]:
            assert statement in page.text
    assert page.text.count("Name Date Signature") == len(data["sign_off"])


def test_conclusion_is_said_in_words(pages):
    assert "All 60 keys hold the material that was asked for. 58 changed, 2 already so." in Page(pages["sixty"]).text
    assert "The key holds the material that was asked for." in Page(pages["one"]).text
    assert "It was not interrupted." in Page(pages["on-demand"]).text
    assert "0 s: not interrupted" in Page(pages["on-demand"]).text
    text = Page(pages["failed"]).text
    assert "2 of 5 keys failed." in text
    assert "1 key cannot be used at the end of this run: K2" in text
    assert "still unusable" in text
    assert "Longest ended interruption" in text
    assert "so that the run stopped before its first change" in Page(pages["refused"]).text
    text = Page(pages["planned"]).text
    assert "A run would change 4 of 5 keys and leave 1 as it is." in text
    assert "Planned: nothing was changed" in text
    assert "lookup-events" not in text
    assert "≈ 0.030 s" in text


def test_a_key_that_could_not_be_read_again_is_not_called_usable(pages):
    assert "State of the key: not known . Can it be used? not known ." in Page(pages["failed"]).text


def test_interruption_is_drawn_where_it_was(pages):
    data = three_keys()
    lanes = re.findall(r'<svg class="lane" viewBox="0 0 130.*?</svg>', pages["three"], re.S)
    length = data["run"]["finished_epoch"] - data["run"]["started_epoch"]
    for entry, lane in zip(data["keys"], lanes):
        x = float(re.search(r'class="cut strong" x="([0-9.]+)"', lane).group(1))
        assert x == pytest.approx((entry["unavailable_from_epoch"] - START) / length * 130, abs=0.02)
    open_lane = re.findall(r'<svg class="lane" viewBox="0 0 300.*?</svg>', pages["failed"], re.S)[1]
    assert 'class="arrow"' in open_lane
    assert open_lane.count("op-failed") == 15


def test_a_region_without_material_is_told(pages):
    page = Page(pages["everywhere"])
    assert "Can it be used? no (in eu-west-1)" in page.text
    assert "1 key cannot be used at the end of this run" in page.text
    assert page.text.count("in eu-west-1") == 3  # its two calls, and what needs attention
    assert "Table 1b." in page.text and "Table 1b." not in pages["three"]


def test_hostile_strings_are_text(pages):
    page = Page(pages["hostile"])
    assert "<script" not in pages["hostile"]
    assert "<img" not in pages["hostile"]
    assert "1337" not in pages["hostile"]
    assert page.text.count(HOSTILE) > 40
    style = re.search("<style>(.*?)</style>", pages["hostile"], re.S).group(1)
    assert "body { display: none }" not in style


@every_sample
def test_no_secret_in_the_page(pages, name):
    assert "CANARY-" not in pages[name]


def test_every_expression_of_the_template_is_escaped():
    """On the syntax tree, since "a if b else c | e" and "a ~ b | e" escape their last part only."""
    tree = jinja2.Environment(autoescape=True).parse(TEMPLATE.read_text(encoding="utf-8"))
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    assert len(macros) > 10

    def safe(node):
        if isinstance(node, nodes.CondExpr):
            return safe(node.expr1) and safe(node.expr2)
        if isinstance(node, nodes.Call):
            return isinstance(node.node, nodes.Name) and node.node.name in macros
        return isinstance(node, (nodes.TemplateData, nodes.Const)) or (
            isinstance(node, nodes.Filter) and node.name == "e"
        )

    found = [part for output in tree.find_all(nodes.Output) for part in output.nodes]
    assert len(found) > 300
    assert not [f"line {part.lineno}" for part in found if not safe(part)]


def documented():
    names = re.findall(r"^\| `([a-z0-9_.\[\]]+)` \|", SCHEMA.read_text(encoding="utf-8"), re.M)
    assert len(names) == len(set(names))
    return set(names)


def fields(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            below = path + "." + key if path else key
            yield below
            yield from fields(inner, below)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, path + "[]")


def test_schema_document_names_every_field_and_no_other():
    found = set()
    for name, build in SAMPLES.items():
        if name != "hostile":
            found |= set(fields(build()))
    # What stands in both is described once.
    leaves = {path if path.endswith(".key_id") else path.replace("keys[].after.", "keys[].before.") for path in found}
    assert leaves - documented() == set()
    assert documented() - leaves == set()


def test_the_page_shows_the_expiry_of_the_current_material_and_that_of_older_ones(pages):
    """Before, the one that is older afterwards was the current one."""
    before, after = re.findall(r'<ul class="facts">.*?</ul>', pages["on-demand"], re.DOTALL)
    assert on_demand()["keys"][0]["after"]["valid_to"] == OLD_EXPIRY
    assert OLD_EXPIRY in before and "older material" not in before
    own, older = after.split("older material expires")
    assert NEW_EXPIRY in own and OLD_EXPIRY not in own
    assert OLD_EXPIRY in older and "renew it, too" in older


def test_the_page_says_which_key_took_the_place_of_which(pages):
    text = " ".join(Page(pages["replaced"]).texts)
    first, second = replaced()["keys"]

    assert first["replacement"]["new_key_arn"] in text and second["replacement"]["new_key_arn"] in text
    assert "Table 1a." in text and "all led back to the old key" in text and "Disabled" in text
    assert "Table 1a." not in " ".join(Page(pages["on-demand"]).texts)


# ---------------------------------------- a browser ----------------------------------------


def chromium():
    return next(
        (found for found in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if found), None
    )


needs_chromium = pytest.mark.skipif(
    chromium() is None,
    reason="NOT SHOWN IN A BROWSER: no chromium on the PATH (Debian package chromium); the report's look is untested",
)


def browse(where, page, *options):
    profile = where / (f"profile-{uuid.uuid4().hex}")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        " --disable-component-update --disable-sync --hide-scrollbars"
    )
    try:
        done = subprocess.run(
            [chromium()] + flags.split() + [f"--user-data-dir={profile}"] + list(options) + [page.as_uri()],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    finally:
        shutil.rmtree(profile, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def drawn(path):
    """Width, height and the share of lines that are drawn on: a blank one holds one or two values, however filtered."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IHDR":
            width, height = struct.unpack(">II", data[at + 8 : at + 16])
        elif kind == b"IDAT":
            packed += data[at + 8 : at + 8 + size]
        at += 12 + size
    raw = zlib.decompress(packed)
    stride = len(raw) // height
    lines = [raw[row * stride + 1 : (row + 1) * stride] for row in range(height)]
    return width, height, sum(len(set(line)) > 2 for line in lines) / height


@needs_chromium
@pytest.mark.parametrize("name", ["one", "failed"])
def test_browser_shows_the_page(pages, where, name):
    shot = where / (name + ".png")
    browse(where, where / (name + ".html"), "--window-size=1280,1400", f"--screenshot={shot}")
    width, height, share = drawn(shot)
    assert (width, height) == (1280, 1400)
    assert 0.3 < share < 0.95, f"share of lines with something on them: {share}"


@needs_chromium
def test_browser_keeps_lanes_and_tiles(pages, where):
    page = Page(re.sub(r"^<!DOCTYPE html>", "", browse(where, where / "three.html", "--dump-dom")))
    assert page.count("svg", class_="lane") == 6
    assert sum(1 for tag, attrs in page.attributes if "tile" in (attrs.get("class") or "").split()) == 7
    assert page.count("rect", class_="cut strong") == 3


@needs_chromium
@pytest.mark.parametrize(("name", "least", "most"), [("one", 3, 5), ("sixty", 16, 34)])
def test_browser_prints_it(pages, where, name, least, most):
    paper = where / (name + ".pdf")
    browse(where, where / (name + ".html"), "--no-pdf-header-footer", f"--print-to-pdf={paper}")
    data = paper.read_bytes()
    assert data.startswith(b"%PDF-")
    sheets = max(int(count) for count in re.findall(rb"/Type /Pages\s*/Count (\d+)", data))
    assert least <= sheets <= most


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    render(target)
