# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The offline half of a ceremony at -vvvv, with everything watched: the material is nowhere but in pipes."""

from __future__ import annotations

import json
from typing import Any

import leaks
import pytest
from materials import b64
from materials import check_value
from materials import create_key

REQUEST, WRAP = "byok.aws.kms_import_parameters", "byok.aws.kms_wrap_key_material"
SPECS = {"symmetric": "SYMMETRIC_DEFAULT", "hmac": "HMAC_512", "rsa": "RSA_2048", "ecc": "ECC_NIST_P384"}


def task(name: str, module: str, keywords: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {"name": name, module: options, **(keywords or {})}


@pytest.fixture(scope="module")
def seen(stage, secret, planted, emulator):
    kms = emulator.client()
    arns = {}
    for name, spec in SPECS.items():
        key_id = create_key(kms, spec)
        arns[name] = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    whole = {name: secret(spec, f"ceremony {name}") for name, spec in SPECS.items()}
    first = planted.add("ceremony component", secret("SYMMETRIC_DEFAULT", "ceremony component of"))
    second = bytes(one ^ two for one, two in zip(whole["symmetric"], first))
    planted.add("other ceremony component", second)
    setting = stage("ceremony", plain={name: b64(one) for name, one in whole.items()}, parts=[b64(first), b64(second)])
    rsa_file = setting.material_file("rsa.der", whole["rsa"])
    requested = str(setting.root / "work" / "requested.json")
    wrapped = str(setting.root / "work" / "wrapped.json")
    places = {"path": requested, "dest": wrapped}
    parts = [
        {"key_material": f"{{{{ parts.{number} }}}}", "check_value": check_value(one)}
        for number, one in enumerate((first, second))
    ]
    keys = [
        {"key_id": arns["symmetric"], "components": parts},
        {"key_id": arns["hmac"], "key_material": "{{ plain.hmac }}"},
        {"key_id": arns["rsa"], "key_material_file": rsa_file},
        {"key_id": arns["ecc"], "key_material": "{{ plain.ecc }}"},
    ]
    hmac_key, failing = arns["hmac"], {"register": "refused", "failed_when": "refused is not failed"}
    tasks = [
        task("request", REQUEST, path=requested, keys=[{"key_id": one} for one in arns.values()]),
        task("misspelt", WRAP, failing, **places, key_id=hmac_key, key_materials="{{ plain.hmac }}"),
        task("misplaced", WRAP, failing, **places, key_id=hmac_key, check_value="{{ plain.hmac }}"),
        task("for path", WRAP, failing, path="{{ plain.hmac }}", dest=wrapped, key_material="{{ plain.hmac }}"),
        task("other kind", WRAP, failing, **places, key_id=hmac_key, key_material="{{ plain.symmetric }}"),
        task(
            "wrong value",
            WRAP,
            failing,
            **places,
            key_id=hmac_key,
            key_material="{{ plain.hmac }}",
            check_value="0" * 6,
        ),
        task("check", WRAP, {"check_mode": True, "diff": True}, **places, keys=keys),
        task("wrap", WRAP, {"diff": True, "register": "result"}, **places, keys=keys),
        {"name": "show", "ansible.builtin.debug": {"var": "result"}},
        task("again", WRAP, {"diff": True}, **places, keys=keys),
        task("asynchronous", WRAP, {**failing, "async": 30, "poll": 1}, **places, keys=keys),
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
    assert results["wrap"]["changed"] is True and results["again"]["changed"] is False
    assert [one["source"] for one in results["wrap"]["kms_keys"]] == ["components", "inline", "file", "inline"]
    document = json.loads((setting.root / "work" / "wrapped.json").read_text())
    assert [one["state"] for one in document["keys"]] == ["wrapped"] * 4
    assert "temporary file" in results["asynchronous"]["msg"]
    assert "64 bytes are needed" in results["other kind"]["msg"]


def test_the_material_is_nowhere(seen, planted):
    setting, observed = seen
    assert [str(sighting) for sighting in observed.leaks(planted)] == []
    assert list((setting.root / "tmp").rglob("*payload*")) == []


@pytest.mark.skipif(not leaks.strace_works(), reason="no strace here, or it may not trace")
def test_the_material_did_go_through_pipes(seen, planted):
    """The second witness: the same search over the same trace finds in pipes what it does not find elsewhere."""
    _setting, observed = seen
    piped = {sighting.name for sighting in observed.trace.find(planted, "pipe")}
    assert {"HMAC_512 ceremony hmac", "other ceremony component"} <= piped
    assert not [name for name in piped if name.startswith("RSA_2048 ceremony")]
    assert observed.trace.find(planted, "file", "socket", "exec") == []
