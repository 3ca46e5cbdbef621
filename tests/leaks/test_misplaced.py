# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key material in the wrong option: real playbooks at every verbosity, with and without no_log, show nothing of it.

A callback stores all that it is told: results with their invocation, and the fields of the tasks.
"""

from __future__ import annotations

from typing import Any

import materials
import pytest
from materials import b64
from materials import create_key

IMPORT, REPLACE = "byok.aws.kms_imported_material", "byok.aws.kms_key_replacement"
SYMMETRIC = "SYMMETRIC_DEFAULT"
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"

# Where material lands by mistake: module, options.
PLACES: list[tuple[str, dict[str, Any]]] = [
    (IMPORT, {"key_id": KEY, "key_material_file": "{{ odd }}"}),
    (IMPORT, {"key_id": KEY, "key_material_file": "/etc/byok/{{ forms.base64 }}"}),
    (IMPORT, {"key_id": KEY, "state": "{{ odd }}"}),
    (IMPORT, {"key_id": "{{ odd }}", "state": "absent"}),
    (IMPORT, {"key_id": "alias/{{ odd }}", "state": "absent"}),
    (IMPORT, {"key_id": KEY, "state": "absent", "key_material_id": "{{ odd }}"}),
    (IMPORT, {"key_id": KEY, "key_matrial": "{{ odd }}"}),
    (IMPORT, {"key_id": KEY, "secret": "{{ odd }}"}),
    (IMPORT, {"key_id": KEY, "state": "absent", "wait_timeout": "{{ odd }}"}),
    (IMPORT, {"key_id": KEY, "state": "absent", "force": "{{ odd }}"}),
    (IMPORT, {"key_id": KEY, "allow": ["{{ odd }}"]}),
    (IMPORT, {"key_id": KEY, "regions": ["{{ odd }}"]}),
    (IMPORT, {"key_id": KEY, "key_material_description": "{{ odd }}"}),
    (IMPORT, {"key_id": KEY, "request_rates": {"ImportKeyMaterial": "{{ odd }}"}}),
    (IMPORT, {"key_id": KEY, "valid_to": "{{ odd }}"}),
    (IMPORT, {"key_id": KEY, "stage": "{{ odd }}", "stage_path": "/tmp/stage"}),
    (IMPORT, {"key_id": KEY, "journal_path": "{{ odd }}", "state": "absent"}),
    (IMPORT, {"key_id": KEY, "profile": "{{ odd }}", "state": "absent"}),
    (IMPORT, {"key_id": KEY, "validate_certs": "{{ odd }}", "state": "absent"}),
    (IMPORT, {"key_id": KEY, "endpoint_url": "https://{{ odd }}", "state": "absent"}),
    (IMPORT, {"key_id": KEY, "key_material": ["{{ odd }}"]}),
    (IMPORT, {"key_id": KEY, "key_material": {"key_material": "{{ odd }}"}}),
    (IMPORT, {"keys": "{{ odd }}"}),
    (IMPORT, {"keys": ["{{ odd }}"]}),
    (IMPORT, {"keys": [{"key_id": "{{ odd }}"}], "state": "absent"}),
    (IMPORT, {"keys": [{"key_id": KEY, "key_material_file": "{{ odd }}"}]}),
    (IMPORT, {"keys": [{"key_id": KEY, "state": "{{ odd }}"}]}),
    (IMPORT, {"keys": [{"key_id": KEY, "key_matrial": "{{ odd }}"}]}),
    (REPLACE, {"key_id": KEY, "key_material_file": "{{ odd }}"}),
    (REPLACE, {"key_id": KEY, "old_key": "{{ odd }}"}),
    (REPLACE, {"key_id": KEY, "aliases": ["{{ odd }}"]}),
    (REPLACE, {"key_id": KEY, "pending_window": "{{ odd }}"}),
    (REPLACE, {"key_id": KEY, "import_token": "{{ odd }}"}),
]


@pytest.fixture(scope="module")
def odd(secret) -> dict[str, str]:
    """Key material in the forms that people have."""
    pem = materials.private_key("ECC_NIST_P256", "planted misplaced").private_bytes(
        materials.serialization.Encoding.PEM,
        materials.serialization.PrivateFormat.PKCS8,
        materials.serialization.NoEncryption(),
    )
    secret("ECC_NIST_P256", "misplaced")
    return {
        "base64": b64(secret(SYMMETRIC, "misplaced")),
        "PEM": pem.decode(),
        "hex": secret("HMAC_384", "misplaced").hex(),
    }


def tasks(form: str, hidden: bool) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{number} {form} {hidden}",
            module: {**options, "region": "us-east-1"},
            "vars": {"odd": f"{{{{ forms['{form}'] }}}}"},
            "register": f"result_{number}",
            "ignore_errors": True,
            "no_log": hidden,
        }
        for number, (module, options) in enumerate(PLACES)
    ]


@pytest.mark.parametrize("verbosity", range(5))
def test_material_in_another_option_is_shown_by_nothing(stage, planted, odd, emulator, verbosity):
    setting = stage("misplaced", forms=odd)
    play = tasks("base64", hidden=False) + tasks("base64", hidden=True)
    if verbosity in (0, 4):
        play += tasks("PEM", hidden=False) + tasks("hex", hidden=False)
    before = len(emulator.calls())

    seen = setting.play(play, verbosity=verbosity, environment={"AWS_REGION": "us-east-1"})

    assert [str(sighting) for sighting in seen.leaks(planted)] == []
    assert planted.find_in_tree(setting.root / "work") == []
    # Every task has failed, and the callback was told of it.
    assert f"ignored={len(play)}" in seen.stdout, seen.stdout[-3000:] + seen.stderr[-3000:]
    results = setting.results()
    assert len(results) == len(play)
    # Nothing was sent anywhere: the plugin on the controller has refused it.
    assert len(emulator.calls()) == before
    assert not any("invocation" in result for result in results.values())


def test_a_sentence_names_the_option(stage, odd):
    setting = stage("named", forms=odd)
    setting.play(tasks("base64", hidden=False), verbosity=0)
    said = {name.split()[0]: str(result["msg"]) for name, result in setting.results().items()}
    for number, (_module, options) in enumerate(PLACES):
        entry = options["keys"][0] if isinstance(options.get("keys"), list) else {}
        entry = entry if isinstance(entry, dict) else {}
        names = [name for name, value in {**options, **entry}.items() if "{{" in str(value)]
        assert any(name in said[str(number)] for name in names), (options, said[str(number)])
        assert said[str(number)].endswith("nothing was done")


def test_material_as_the_name_of_an_option(stage, planted, odd):
    """As key_material AAAA= in the old style of writing options becomes."""
    setting = stage("name", forms=odd)
    play = [
        {"name": "name", IMPORT: "{{ {'key_id': '" + KEY + "', forms.base64: 'x'} }}", "ignore_errors": True},
        {"name": "rate", IMPORT: {"key_id": KEY, "request_rates": "{{ {forms.base64: 1} }}"}, "ignore_errors": True},
    ]

    seen = setting.play(play)

    assert [str(sighting) for sighting in seen.leaks(planted)] == []
    assert "ignored=2" in seen.stdout


def test_the_options_of_a_task_that_went_well_are_not_kept_either(stage, secret, planted, emulator):
    """Ansible hands the options of a task, with their values, to every callback."""
    keys = [create_key(emulator.client()) for _number in range(2)]
    setting = stage("kept", plain=b64(secret(SYMMETRIC, "kept")))
    entry = {"key_material": "{{ plain }}"}
    play = [
        {"name": "one", IMPORT: {"key_id": keys[0], **entry, "region": "us-east-1"}},
        {"name": "many", IMPORT: {"keys": [{"key_id": keys[1], **entry}], "region": "us-east-1"}},
    ]

    seen = setting.play(play)

    assert seen.status == 0, seen.stdout[-3000:] + seen.stderr[-3000:]
    assert [str(sighting) for sighting in seen.leaks(planted)] == []
    record = (setting.root / "work" / "record.jsonl").read_text()
    assert planted.find(record, "record") == []
    assert record.count("VALUE_SPECIFIED_IN_NO_LOG_PARAMETER") >= 2
