# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens at -vvvv, with everything watched: the PIN is in pipes only, and the material is in the token only."""

from __future__ import annotations

import os
from typing import Any

import leaks
import pytest
import tokens
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.token import TokenRequest
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.token import find_key
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from materials import create_key

pytest.importorskip("pkcs11")

IMPORT = "byok.aws.kms_imported_material"
SPECS = {"symmetric": "SYMMETRIC_DEFAULT", "hmac": "HMAC_384"}
SHA_1 = "RSAES_OAEP_SHA_1"


def task(name: str, keywords: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {"name": name, IMPORT: {"wrapping_algorithm": SHA_1, **options}, **(keywords or {})}


def refused(name: str, **options: Any) -> dict[str, Any]:
    return task(name, {"register": "refused", "failed_when": "refused is not failed"}, **options)


def plaintext(lab: tokens.Lab, label: str, spec: str) -> bytes:
    """What the token holds, by a wrapping key of ours."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    found = find_key(TokenRequest(**lab.options(key_label=label)), spec, "alias/k")
    digest = hashes.SHA1()  # noqa: S303
    return key.decrypt(found.wrapped_for(public, SHA_1), padding.OAEP(padding.MGF1(digest), digest, None))


@pytest.fixture(scope="module")
def seen(stage, planted, emulator, tmp_path_factory):
    lab = tokens.softhsm(tmp_path_factory.mktemp("softhsm"))
    if lab is None:
        pytest.skip("SoftHSM is not installed")
    planted.add("PIN", tokens.PIN.encode())
    kms = emulator.client()
    for name, spec in SPECS.items():
        kms.create_alias(AliasName=f"alias/token-{name}", TargetKeyId=create_key(kms, spec))
    setting = stage("pkcs11", pin=tokens.PIN)
    place = {"library": lab.library, "token_label": lab.token_label, "pin": "{{ pin }}", "generate": True}
    key = {"key_id": "alias/token-symmetric"}
    made = {**place, "key_label": "symmetric"}
    tasks = [
        refused("misspelt", **key, pkcs11={**made, "pinn": "{{ pin }}"}),
        refused("no label", **key, pkcs11=place),
        refused("no library", **key, pkcs11={**made, "library": "/nowhere.so"}),
        task("check", {"check_mode": True, "diff": True}, **key, pkcs11=made),
        task("one", {"diff": True, "register": "result"}, **key, pkcs11=made),
        {"name": "show", "ansible.builtin.debug": {"var": "result"}},
        task("again", {"diff": True}, state="reimported", **key, pkcs11=made),
        task("many", {}, keys=[{"key_id": "alias/token-hmac", "pkcs11": {**place, "key_label": "hmac"}}]),
    ]
    for one in tasks:
        one["environment"] = {"SOFTHSM2_CONF": os.environ["SOFTHSM2_CONF"]}
    observed = setting.play(
        tasks,
        traced=leaks.strace_works(),
        module_defaults={
            "group/byok.aws.aws": {"region": "us-east-1", "access_key": "AKIAPLANTED", "secret_key": "of-the-group"}
        },
    )
    assert observed.status == 0, observed.stdout[-3000:] + observed.stderr[-3000:]
    for name, spec in SPECS.items():
        planted.add(f"{name} of the token", plaintext(lab, name, spec))
    return setting, observed


def test_the_play_did_what_it_should(seen):
    setting, observed = seen
    assert observed.status == 0, observed.stdout[-3000:] + observed.stderr[-3000:]
    results = setting.results()
    assert results["one"]["operations"] == ["ImportKeyMaterial"]
    assert results["again"]["operations"][-1] == "ImportKeyMaterial"
    assert [one["plaintext_seen"] for one in results["many"]["kms_keys"]] == [False]
    assert "no option pinn in pkcs11" in results["misspelt"]["msg"]


def test_neither_pin_nor_material_is_anywhere(seen, planted):
    setting, observed = seen
    assert [str(sighting) for sighting in observed.leaks(planted)] == []
    assert list((setting.root / "tmp").rglob("*payload*")) == []


@pytest.mark.skipif(not leaks.strace_works(), reason="no strace here, or it may not trace")
def test_the_pin_went_through_pipes_and_the_material_nowhere(seen, planted):
    """The second witness: the same search over the same trace finds the PIN in pipes."""
    _setting, observed = seen
    piped = {sighting.name for sighting in observed.trace.find(planted, "pipe")}
    assert "PIN" in piped and not {name for name in piped if name.endswith("of the token")}
    assert observed.trace.find(planted, "file", "socket", "exec") == []
