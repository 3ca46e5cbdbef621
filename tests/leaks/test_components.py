# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Components at -vvvv, with everything watched: neither they nor what they make is anywhere but in pipes."""

from __future__ import annotations

from typing import Any

import leaks
import pytest
from materials import b64
from materials import check_value
from materials import create_key
from materials import import_elsewhere
from materials import material

IMPORT, REPLACE = "byok.aws.kms_imported_material", "byok.aws.kms_key_replacement"
SPECS = {"symmetric": "SYMMETRIC_DEFAULT", "hmac": "HMAC_512", "ecc": "ECC_NIST_P384"}


def task(name: str, module: str, keywords: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {"name": name, module: options, **(keywords or {})}


def refused(name: str, **options: Any) -> dict[str, Any]:
    return task(name, IMPORT, {"register": "refused", "failed_when": "refused is not failed"}, **options)


def given(name: str) -> list[dict[str, str]]:
    return [
        {"key_material": f"{{{{ parts.{name}.{one} }}}}", "check_value": f"{{{{ values.{name}.{one} }}}}"}
        for one in ("first", "second")
    ]


def spoilt(**fields: Any) -> list[dict[str, Any]]:
    first, second = given("symmetric")
    return [{**first, **fields}, second]


@pytest.fixture(scope="module")
def seen(stage, secret, planted, emulator):
    kms = emulator.client()
    parts: dict[str, dict[str, bytes]] = {}
    for name, spec in SPECS.items():
        whole = secret(spec, f"of components {name}")
        first = planted.add(f"component of {name}", leaks_material(len(whole), name))
        second = planted.add(f"other component of {name}", bytes(one ^ two for one, two in zip(whole, first)))
        parts[name] = {"first": first, "second": second}
        kms.create_alias(AliasName=f"alias/parted-{name}", TargetKeyId=create_key(kms, spec))
    old = create_key(kms, "HMAC_512")
    import_elsewhere(kms, old, "HMAC_512", material("HMAC_512", "of the old key"))
    kms.create_alias(AliasName="alias/parted-old", TargetKeyId=old)
    setting = stage(
        "components",
        parts={name: {which: b64(one) for which, one in both.items()} for name, both in parts.items()},
        values={name: {which: check_value(one) for which, one in both.items()} for name, both in parts.items()},
    )
    files = [
        {"key_material_file": setting.material_file(f"{which}.bin", one), "check_value": check_value(one)}
        for which, one in parts["ecc"].items()
    ]
    key = {"key_id": "alias/parted-symmetric"}
    tasks = [
        refused("wrong value", **key, components=spoilt(check_value="000000")),
        refused("misspelt", **key, components=spoilt(key_matrial="{{ parts.symmetric.first }}")),
        refused("wrong option", **key, components=spoilt(check_value="{{ parts.symmetric.first }}")),
        refused("no list", **key, components="{{ parts.symmetric.first }}"),
        refused("twice", keys=[{**key, "components": [*given("symmetric"), given("symmetric")[0]]}]),
        task("check", IMPORT, {"check_mode": True, "diff": True}, **key, components=given("symmetric")),
        task("one", IMPORT, {"diff": True, "register": "result"}, **key, components=given("symmetric")),
        {"name": "show", "ansible.builtin.debug": {"var": "result"}},
        task(
            "many",
            IMPORT,
            {"diff": True},
            keys=[
                {"key_id": "alias/parted-hmac", "components": given("hmac")},
                {"key_id": "alias/parted-ecc", "components": files},
            ],
        ),
        task("replace", REPLACE, {"diff": True}, key_id="alias/parted-old", components=given("hmac")),
    ]
    observed = setting.play(
        tasks,
        traced=leaks.strace_works(),
        module_defaults={
            "group/byok.aws.aws": {"region": "us-east-1", "access_key": "AKIAPLANTED", "secret_key": "of-the-group"}
        },
    )
    return setting, observed


def leaks_material(length: int, name: str) -> bytes:
    """Bytes of this length that are new in every run of the tests."""
    content = b""
    while len(content) < length:
        content += material("HMAC_512", f"component {name} {len(content)}")
    return content[:length]


def test_the_play_did_what_it_should(seen):
    setting, observed = seen
    assert observed.status == 0, observed.stdout[-3000:] + observed.stderr[-3000:]
    results = setting.results()
    assert results["one"]["operations"] == ["ImportKeyMaterial"]
    assert [one["source"] for one in results["many"]["kms_keys"]] == ["components"] * 2
    assert results["replace"]["operations"][-1] == "UpdateAlias"
    assert "does not have the check value" in results["wrong value"]["msg"]
    assert "no option key_matrial in components" in results["misspelt"]["msg"]


def test_the_material_is_nowhere(seen, planted):
    setting, observed = seen
    assert [str(sighting) for sighting in observed.leaks(planted)] == []
    assert [path for path in observed.watcher.seen | observed.watcher.missed if "/ansible-tmp-" in path] == []
    assert list((setting.root / "tmp").rglob("*payload*")) == []


@pytest.mark.skipif(not leaks.strace_works(), reason="no strace here, or it may not trace")
def test_the_components_did_go_through_pipes(seen, planted):
    """The second witness: the same search over the same trace finds in pipes what it does not find elsewhere."""
    _setting, observed = seen
    piped = {sighting.name for sighting in observed.trace.find(planted, "pipe")}
    assert {"component of symmetric", "other component of hmac"} <= piped
    assert "component of ecc" not in piped and "SYMMETRIC_DEFAULT of components symmetric" not in piped
    assert observed.trace.find(planted, "file", "socket", "exec") == []
