# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kms_key_replacement at -vvvv, with everything watched while it runs: the new material is nowhere but in pipes."""

from __future__ import annotations

from typing import Any

import leaks
import pytest
from materials import b64
from materials import create_key
from materials import import_elsewhere
from materials import material

MODULE = "byok.aws.kms_key_replacement"
SPECS = {"symmetric": "SYMMETRIC_DEFAULT", "hmac": "HMAC_512", "rsa": "RSA_2048", "ecc": "ECC_NIST_P384"}


def task(name: str, keywords: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {"name": name, MODULE: options, **(keywords or {})}


def refused(name: str, **options: Any) -> dict[str, Any]:
    return task(name, {"register": "refused", "failed_when": "refused is not failed"}, **options)


def entry(name: str) -> dict[str, str]:
    return {"key_id": f"alias/replaced-{name}", "key_material": f"{{{{ plain.{name} }}}}"}


@pytest.fixture(scope="module")
def seen(stage, secret, emulator):
    kms = emulator.client()
    for name, spec in SPECS.items():
        key_id = create_key(kms, spec)
        import_elsewhere(kms, key_id, spec, material(spec, "of the old key"))
        kms.create_alias(AliasName=f"alias/replaced-{name}", TargetKeyId=key_id)
    from_file = secret("HMAC_512", "replacement, from a file")
    setting = stage(
        "replacement",
        plain={name: b64(secret(spec, f"replacement {name}")) for name, spec in SPECS.items()},
        odd={
            "short": b64(secret("SYMMETRIC_DEFAULT", "replacement, cut off")[:-1]),
            "misspelt": b64(secret("SYMMETRIC_DEFAULT", "replacement, misspelt")),
        },
    )
    path = setting.material_file("hmac.bin", from_file)
    emulator.faults([{"operation": "UpdateAlias", "nth": 1, "times": 1, "code": "AccessDeniedException"}])
    tasks = [
        refused("short", key_id="alias/replaced-symmetric", key_material="{{ odd.short }}"),
        refused("misspelt", key_id="alias/replaced-symmetric", key_materials="{{ odd.misspelt }}"),
        task("check", {"check_mode": True, "diff": True}, **entry("symmetric")),
        refused("rolled back", **entry("symmetric")),
        task("one", {"diff": True, "register": "result"}, **entry("symmetric")),
        {"name": "show", "ansible.builtin.debug": {"var": "result"}},
        task("again", {"diff": True}, **entry("symmetric")),
        task("many", {"diff": True}, keys=[entry(name) for name in ("hmac", "rsa", "ecc")], old_key="disable"),
        task("file", key_id="alias/replaced-hmac", key_material_file=path),
    ]
    observed = setting.play(
        tasks,
        traced=leaks.strace_works(),
        module_defaults={
            "group/byok.aws.aws": {"region": "us-east-1", "access_key": "AKIAPLANTED", "secret_key": "of-the-group"}
        },
    )
    return setting, observed


def test_the_play_did_what_it_should(seen):
    setting, observed = seen
    assert observed.status == 0, observed.stdout[-3000:] + observed.stderr[-3000:]
    results = setting.results()
    whole = ["CreateKey", "TagResource", "ImportKeyMaterial", "UpdateAlias"]
    assert results["check"]["operations"] == whole
    assert results["one"]["operations"] == ["UpdateAlias"] and results["again"]["changed"] is False
    assert [one["operations"] for one in results["many"]["kms_keys"]] == [[*whole, "DisableKey"]] * 3
    assert results["file"]["operations"] == whole


def test_the_material_is_nowhere(seen, planted):
    setting, observed = seen
    assert [str(sighting) for sighting in observed.leaks(planted)] == []
    assert [path for path in observed.watcher.seen | observed.watcher.missed if "/ansible-tmp-" in path] == []
    assert list((setting.root / "tmp").rglob("*payload*")) == []


@pytest.mark.skipif(not leaks.strace_works(), reason="no strace here, or it may not trace")
def test_the_material_did_go_through_pipes(seen, planted):
    """The second witness: the same search over the same trace finds in pipes what it does not find elsewhere."""
    _setting, observed = seen
    piped = {sighting.name for sighting in observed.trace.find(planted, "pipe")}
    assert {"SYMMETRIC_DEFAULT replacement symmetric", "HMAC_512 replacement hmac"} <= piped
    assert "HMAC_512 replacement, from a file" not in piped
    assert observed.trace.find(planted, "file", "socket", "exec") == []
