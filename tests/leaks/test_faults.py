# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's real main() with faults forced upon it: no result, no output, no traceback and no log has the material.

A library that fails with its input in its message is the worst case, and stands here for all that cannot be foreseen.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import traceback
from dataclasses import dataclass
from dataclasses import field
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest
from ansible.module_utils import basic
from leaks import PlantedSecrets
from materials import b64
from materials import wrapped
from module_runner import CONNECTION
from module_runner import patch_module_args

KMS = "ansible_collections.byok.aws.plugins.module_utils._kms"
KINDS = ("SYMMETRIC_DEFAULT", "HMAC_256", "RSA_2048", "ECC_NIST_P256")


@dataclass
class Run:
    """A run of the module: everything that came out of it."""

    stdout: str
    stderr: str
    traceback: str
    logged: list[str] = field(default_factory=list)

    @property
    def result(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.stdout)
        return parsed

    def leaks(self, planted: PlantedSecrets) -> list[str]:
        places = {
            "stdout": self.stdout,
            "stderr": self.stderr,
            "the traceback": self.traceback,
            "log": str(self.logged),
        }
        return [str(sighting) for where, text in places.items() for sighting in planted.find(text, where)]


@pytest.fixture
def run(lab, monkeypatch):
    """Run the module as Ansible does, at -vvvv, with the target's system log caught."""

    def main(**options: Any) -> Run:
        module = importlib.import_module("ansible_collections.byok.aws.plugins.modules.kms_imported_material")
        arguments = {
            **CONNECTION,
            "endpoint_url": lab.emulator.url,
            "_ansible_diff": True,
            "_ansible_verbosity": 4,
            "_ansible_debug": True,
            "_ansible_remote_tmp": "/tmp",
            **options,
        }
        logged: list[str] = []
        monkeypatch.setattr(basic.AnsibleModule, "_log_to_syslog", lambda self, text: logged.append(text))
        monkeypatch.setattr(basic, "has_journal", False)
        stdout, stderr, shown = io.StringIO(), io.StringIO(), ""
        with patch_module_args(arguments), contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            try:
                module.main()
            except SystemExit:
                pass
            except BaseException:  # noqa: BLE001
                # What Python prints when a module ends with an exception, and Ansible puts into the result.
                shown = traceback.format_exc()
        return Run(stdout.getvalue(), stderr.getvalue(), shown, logged)

    return main


@pytest.fixture
def given(lab, secret):
    """An empty key of a kind, and material for it that is looked for."""

    def make(key_spec: str) -> dict[str, Any]:
        return {"key_id": lab.empty_key(key_spec), "key_material": b64(secret(key_spec, "faults"))}

    return make


@pytest.fixture
def impatient(monkeypatch):
    """Retries without their pauses."""
    connection = importlib.import_module(f"{KMS}.service.connection")
    monkeypatch.setattr(connection, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(connection, "LONGEST_DELAY", 0.002)


def patch(monkeypatch, place: str, replacement: Any) -> None:
    module, name = place.split(":")
    monkeypatch.setattr(importlib.import_module(f"{KMS}.{module}"), name, replacement)


def blabbing(kind: type[BaseException]) -> Any:
    """A function that fails with everything it was given in its message, in every form."""

    def function(*arguments: Any, **keywords: Any) -> Any:
        pieces = [*arguments, *keywords.values()]
        pieces = [getattr(piece, "plaintext", piece) for piece in pieces]
        shown = [f"{piece!r} {piece.hex()} {b64(piece)}" for piece in pieces if isinstance(piece, bytes)]
        shown += [piece for piece in pieces if isinstance(piece, str)]
        raise kind(f"cannot do that with {' '.join(shown)}")

    return function


def test_the_fault_would_show(secret, planted):
    """The control: what the faults below say does hold the material."""
    with pytest.raises(ValueError, match="cannot do that") as caught:
        blabbing(ValueError)(secret("HMAC_256", "faults"))
    assert {one.form for one in planted.find(str(caught.value), "here")} >= {"hex", "base64", "Python's repr"}


@pytest.mark.parametrize(
    ("place", "key_spec", "kind"),
    [
        *[
            ("secret.wrapping:_oaep", "SYMMETRIC_DEFAULT", kind)
            for kind in (ValueError, MemoryError, OSError, KeyError)
        ],
        ("secret.wrapping:wrap", "HMAC_256", RuntimeError),
        ("secret.wrapping:keywrap", "RSA_2048", ValueError),
        ("secret.material:fingerprint", "SYMMETRIC_DEFAULT", TypeError),
        ("secret.sources:check", "ECC_NIST_P256", RuntimeError),
        ("secret.sources:decode_base64", "SYMMETRIC_DEFAULT", RuntimeError),
        ("secret.material:_load_private_key", "ECC_NIST_P256", AssertionError),
        ("secret.material:_spec_problem", "RSA_2048", AttributeError),
        ("material.run:find_evidence", "HMAC_256", RuntimeError),
        ("secret.weakness:_raw", "HMAC_256", ValueError),
    ],
)
def test_library_fails_with_its_input_in_the_message(run, given, planted, monkeypatch, place, key_spec, kind):
    fault = blabbing(kind)
    if place == "secret.wrapping:keywrap":
        fault = type("keywrap", (), {"aes_key_wrap_with_padding": staticmethod(fault)})
    patch(monkeypatch, place, fault)
    ran = run(**given(key_spec))
    assert "cannot do that" not in ran.stdout + ran.stderr + ran.traceback
    assert ran.leaks(planted) == []
    assert ran.result["failed"] is True
    assert kind.__name__ in ran.result["msg"]


@pytest.mark.parametrize(
    "error",
    [
        lambda text: botocore.exceptions.ParamValidationError(report=f"Invalid type for parameter, value: {text}"),
        lambda text: botocore.exceptions.ConnectionClosedError(endpoint_url=f"http://{text}"),
        lambda text: botocore.exceptions.ReadTimeoutError(endpoint_url=f"http://{text}"),
        lambda text: botocore.exceptions.NoRegionError(fmt=text),
        RuntimeError,
    ],
    ids=["ParamValidationError", "ConnectionClosedError", "ReadTimeoutError", "NoRegionError", "RuntimeError"],
)
@pytest.mark.parametrize("operation", ["DescribeKey", "ImportKeyMaterial", "GetParametersForImport"])
def test_botocore_fails_with_the_material_in_the_message(run, given, planted, monkeypatch, impatient, operation, error):
    connection = importlib.import_module(f"{KMS}.service.connection")
    options = given("SYMMETRIC_DEFAULT")
    # Not as one word, which Ansible would mask.
    text = f"{options['key_material'][:30]} {options['key_material'][30:]}"
    real = connection.Connection.attempt

    def attempt(self: Any, name: str, **parameters: Any) -> Any:
        if name == operation:
            raise error(text)
        return real(self, name, **parameters)

    monkeypatch.setattr(connection.Connection, "attempt", attempt)
    ran = run(**options)
    assert ran.leaks(planted) == []
    assert ran.result["failed"] is True


@pytest.mark.parametrize("key_spec", KINDS)
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "KMSInternalException", "AccessDeniedException"])
def test_lost_and_refused_calls(run, given, lab, planted, impatient, key_spec, fault):
    what = {fault: True} if fault.startswith("drop") else {"code": fault}
    lab.emulator.faults([{"operation": "ImportKeyMaterial", "every": 1, **what}])
    ran = run(**given(key_spec))
    lab.emulator.faults([])
    assert ran.traceback == ""
    # An answer that was lost after the import is made good by a read, except where nothing can be read off a key.
    assert bool(ran.result.get("failed")) == (fault != "drop_after"), ran.result["msg"]
    assert ran.leaks(planted) == []


@pytest.mark.parametrize("key_spec", KINDS)
def test_result_and_logs_of_a_good_run(run, given, planted, key_spec):
    """boto3's own log at its most talkative shows the wrapped material, and nothing of the plaintext."""
    options = given(key_spec)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        ran = run(**options, debug_botocore_endpoint_logs=True)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert ran.result["changed"] is True
    assert "EncryptedKeyMaterial" in stream.getvalue()
    assert planted.find(stream.getvalue(), "boto3's log") == []
    assert any("Invoked with" in text for text in ran.logged)
    assert ran.leaks(planted) == []


def test_wrapped_material_and_token_are_masked(run, lab, secret, planted):
    """Neither is a secret by itself, but nobody needs them in a log. The target's log and -vvvv show no bit of them."""
    key_id = lab.empty_key()
    answer = wrapped(lab.kms, key_id, "SYMMETRIC_DEFAULT", secret("SYMMETRIC_DEFAULT", "masked"))
    masked = PlantedSecrets()
    masked.add("wrapped material", answer["EncryptedKeyMaterial"])
    masked.add("token", answer["ImportToken"])
    options = {
        "key_id": key_id,
        "encrypted_key_material": b64(answer["EncryptedKeyMaterial"]),
        "import_token": b64(answer["ImportToken"]),
    }
    ran = run(**options)
    assert ran.result["changed"] is True
    assert ran.leaks(masked) == []
    assert ran.leaks(planted) == []
    # Refused by KMS, and refused before KMS is asked.
    for spoilt in ({"key_id": lab.empty_key()}, {"import_token": options["import_token"] + "!"}):
        ran = run(**{**options, **spoilt})
        assert ran.result["failed"] is True
        assert ran.leaks(masked) == []


@pytest.mark.parametrize(
    "place",
    [
        lambda odd: {"key_id": odd, "state": "absent"},
        lambda odd: {"key_id": f"alias/{odd}", "state": "absent"},
        lambda odd: {"key_id": "alias/x", "key_material_file": odd},
        lambda odd: {"key_id": "alias/x", "key_material_file": f"/nowhere/{odd}"},
        lambda odd: {"key_id": "alias/x", "key_material_id": odd, "state": "absent"},
        lambda odd: {"key_id": "alias/x", "key_material_description": odd, "key_material": odd},
        lambda odd: {"key_id": "alias/x", "regions": [odd], "state": "absent"},
        lambda odd: {"key_id": "alias/x", "valid_to": odd},
        lambda odd: {"key_id": "alias/x", "journal_path": f"/nowhere/{odd}", "state": "absent"},
        lambda odd: {"key_id": "alias/x", "request_rates": {"ImportKeyMaterial": odd}, "state": "absent"},
        lambda odd: {"key_id": "alias/x", "profile": odd, "state": "absent"},
        lambda odd: {"keys": [{"key_id": odd}], "state": "absent"},
        lambda odd: {"keys": [{"key_id": "alias/x", "key_material_file": odd}]},
    ],
)
@pytest.mark.parametrize("form", ["base64", "PEM", "hex"])
def test_material_in_another_option_is_not_repeated(run, secret, planted, place, form):
    """The module by itself, without its plugin on the controller, which lets nothing of this come here."""
    forms = {
        "base64": b64(secret("HMAC_256", "elsewhere")),
        "hex": secret("HMAC_256", "elsewhere").hex(),
        "PEM": f"-----BEGIN PRIVATE KEY-----\n{b64(secret('ECC_NIST_P256', 'elsewhere'))}\n-----END PRIVATE KEY-----\n",
    }
    options = place(forms[form])
    if form == "hex" and ("/nowhere/" in str(options) or "key_material_id" in options):
        pytest.skip("files may be named after a hash, and material IDs are hexadecimal")

    ran = run(**options)

    assert ran.result["failed"] is True
    # What Ansible writes into the target's log is done before a module begins.
    shown = ran.stdout + ran.stderr + ran.traceback
    assert planted.find(shown, "the output") == []
    assert "profile" in options or "looks like key material" in ran.result["msg"]


def test_objects_with_material_do_not_show_it(secret, planted):
    content = secret("ECC_NIST_P256", "repr")
    names = ("material.execute", "secret.material", "key.models", "material.options")
    module = {name: importlib.import_module(f"{KMS}.{name}") for name in names}
    found = module["secret.material"].check(content, "ECC_NIST_P256", "key")
    request = {"key_id": "alias/x", "state": "present", "key_material": b64(content)}
    key_input = module["material.options"].read_input(request, "us-east-1")
    key, plan = SimpleNamespace(now=None, enabled=True), SimpleNamespace(steps=())
    executor = module["material.execute"].PlanExecutor(None, key_input.request, plan, key, found)
    for thing in (found, key_input, executor):
        assert planted.find(f"{thing!r} {thing!s} {thing:}", "its text") == []
