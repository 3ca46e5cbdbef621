# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module returns of a key: metadata and lineage, and never a byte of a material."""

from __future__ import annotations

import json

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.expiry import instant
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import FAILED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import SUCCEEDED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import ImportParameters
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import StepRecord
from ansible_collections.byok.aws.plugins.module_utils._kms.key.transitions import UNNAMED
from ansible_collections.byok.aws.plugins.module_utils._kms.material.execute import Wrapped
from ansible_collections.byok.aws.plugins.module_utils._kms.material.options import KeyInput
from ansible_collections.byok.aws.plugins.module_utils._kms.material.results import Result
from ansible_collections.byok.aws.plugins.module_utils._kms.material.results import diff
from ansible_collections.byok.aws.plugins.module_utils._kms.material.results import entry
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import Secret
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.sources import Given
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ARN
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import KEY_ID
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import MARK_A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import NOW
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import REGION
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import B
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import C
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import empty
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import gone
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import hmac_key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import in_days
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import key
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import leaks
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import marked
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import match
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import material
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import old
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import pending
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import staged

FIELDS = {
    "key_id",
    "key_arn",
    "key_spec",
    "key_state",
    "enabled",
    "current_key_material_id",
    "key_material_id",
    "expiration_model",
    "valid_to",
    "current_expiration_model",
    "current_valid_to",
    "expiring_materials",
    "changed",
    "operations",
    "proof",
    "skip_reason",
    "unavailable_seconds",
    "request_ids",
    "endpoint_url",
    "source",
    "plaintext_seen",
    "requested_key_id",
    "steps",
    "warnings",
    "error",
}


def test_an_entry_has_every_field_of_the_contract():
    result = Result(
        ALIAS,
        before=pending(),
        after=key(material(A, expiration=in_days(9))),
        changed=True,
        steps=(
            StepRecord("TagResource", "remember", REGION, None, "0-1-2", 1.0, 2.0, FAILED, "AccessDeniedException"),
            StepRecord("ImportKeyMaterial", "import", REGION, A, "1-2-3", 2.0, 3.5, SUCCEEDED, None, "Enabled"),
        ),
        evidence=match(),
        key_material_id=A,
        warnings=("the key has no tag",),
        calls=({"operation": "ImportKeyMaterial"},),
        endpoint_url="https://kms.eu-central-1.amazonaws.com",
        source="components",
    )
    assert entry(result) == {
        "key_id": KEY_ID,
        "key_arn": ARN,
        "key_spec": "SYMMETRIC_DEFAULT",
        "key_state": "Enabled",
        "enabled": True,
        "current_key_material_id": A,
        "key_material_id": A,
        "expiration_model": "KEY_MATERIAL_EXPIRES",
        "valid_to": "2026-12-03T12:00:00+00:00",
        "current_expiration_model": "KEY_MATERIAL_EXPIRES",
        "current_valid_to": "2026-12-03T12:00:00+00:00",
        "expiring_materials": [
            {"key_material_id": A, "key_material_state": "CURRENT", "valid_to": "2026-12-03T12:00:00+00:00"}
        ],
        "changed": True,
        "operations": ["ImportKeyMaterial"],
        "proof": "fingerprint",
        "skip_reason": None,
        "unavailable_seconds": 0.0,
        "request_ids": ["1-2-3"],
        "cut_off": None,
        "calls": [{"operation": "ImportKeyMaterial"}],
        "endpoint_url": "https://kms.eu-central-1.amazonaws.com",
        "source": "components",
        "plaintext_seen": True,
        "requested_key_id": ALIAS,
        "steps": [
            {
                "operation": "TagResource",
                "purpose": "remember",
                "region": REGION,
                "key_material_id": None,
                "request_id": "0-1-2",
                "started": 1.0,
                "finished": 2.0,
                "outcome": "failed",
                "error_code": "AccessDeniedException",
                "key_state": None,
            },
            {
                "operation": "ImportKeyMaterial",
                "purpose": "import",
                "region": REGION,
                "key_material_id": A,
                "request_id": "1-2-3",
                "started": 2.0,
                "finished": 3.5,
                "outcome": "succeeded",
                "error_code": None,
                "key_state": "Enabled",
            },
        ],
        "warnings": ["the key has no tag"],
        "error": None,
    }
    assert set(entry(result)) >= FIELDS


@pytest.mark.parametrize(
    ("after", "fields"),
    [
        (key(), {"key_state": "Enabled", "enabled": True, "valid_to": None}),
        (key(), {"expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE"}),
        (key(key_state="Disabled"), {"key_state": "Disabled", "enabled": False}),
        (pending(), {"key_state": "PendingImport", "enabled": False, "current_key_material_id": A}),
        (pending(), {"expiration_model": None, "valid_to": None}),
        (empty(), {"current_key_material_id": None}),
        (hmac_key(), {"key_spec": "HMAC_256", "current_key_material_id": None}),
        (
            # DescribeKey shows what expires first; the current material has an expiry of its own.
            key(old(A, expiration=in_days(2)), material(B, expiration=in_days(9)), staged(C, expiration=in_days(1))),
            {
                "valid_to": "2026-11-26T12:00:00+00:00",
                "current_valid_to": "2026-12-03T12:00:00+00:00",
                "expiring_materials": [
                    {
                        "key_material_id": A,
                        "key_material_state": "NON_CURRENT",
                        "valid_to": "2026-11-26T12:00:00+00:00",
                    },
                    {"key_material_id": B, "key_material_state": "CURRENT", "valid_to": "2026-12-03T12:00:00+00:00"},
                ],
            },
        ),
        (
            key(old(A, expiration=in_days(2)), material(B)),
            {"current_expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE", "current_valid_to": None},
        ),
        # What is gone, or over, expires no more.
        (key(gone(old(A)), old(B, expiration=in_days(-1)), material(C)), {"expiring_materials": []}),
        (pending(), {"current_expiration_model": None, "current_valid_to": None, "expiring_materials": []}),
        # Without the list, nothing tells the expiry of one of several.
        (
            key(current_key_material_id=A, expiration=in_days(2)),
            {"current_expiration_model": None, "current_valid_to": None, "expiring_materials": []},
        ),
        (
            hmac_key(expiration=in_days(2)),
            {"current_valid_to": "2026-11-26T12:00:00+00:00", "expiring_materials": []},
        ),
        # The name that KMS has yet to give is no name.
        (key(material(UNNAMED)), {"current_key_material_id": None}),
    ],
)
def test_fields_of_a_key(after, fields):
    found = entry(Result(ALIAS, before=empty(), after=after))
    assert {name: found[name] for name in fields} == fields


def test_a_key_that_could_not_be_read_is_what_was_asked_for():
    error = {"code": "NotFoundException", "message": "no such key"}
    found = entry(Result(ALIAS, error=error, unavailable_seconds=None))
    assert found["key_id"] == ALIAS
    assert "key_arn" not in found
    assert found["error"] == error
    assert (found["changed"], found["operations"], found["proof"], found["unavailable_seconds"]) == (
        False,
        [],
        None,
        None,
    )
    assert diff(Result(ALIAS, error=error)) == {
        "before_header": ALIAS,
        "after_header": ALIAS,
        "before": {},
        "after": {},
    }


def test_without_an_after_the_key_is_as_before():
    result = Result(ALIAS, before=key(key_state="Disabled"))
    assert entry(result)["key_state"] == "Disabled"
    assert diff(result)["after"] == diff(result)["before"] != {}


@pytest.mark.parametrize(
    ("evidence", "proof"),
    [(None, None), (Evidence(), None), (match(), "fingerprint"), (Evidence("match", "mac"), "mac")],
)
def test_the_proof_is_its_method(evidence, proof):
    assert entry(Result(ALIAS, before=key(), evidence=evidence))["proof"] == proof


def test_diff_shows_the_lineage():
    before = pending(gone(old(A, description=marked(MARK_A, "vault 7"))), material(B, expiration=in_days(9)))
    after = key(old(A, description=marked(MARK_A, "vault 8")), material(B, expiration=in_days(9)), staged())
    found = diff(Result(ALIAS, before=before, after=after))
    assert found["before_header"] == found["after_header"] == ALIAS
    assert found["before"] == {
        "key_state": "PendingImport",
        "enabled": False,
        "current_key_material_id": B,
        "expiration_model": None,
        "valid_to": None,
        "materials": [
            {
                "key_material_id": A,
                "key_material_state": "NON_CURRENT",
                "import_state": "PENDING_IMPORT",
                "expiration_model": None,
                "valid_to": None,
                "key_material_description": "vault 7",
            },
            {
                "key_material_id": B,
                "key_material_state": "CURRENT",
                "import_state": "IMPORTED",
                "expiration_model": "KEY_MATERIAL_EXPIRES",
                "valid_to": "2026-12-03T12:00:00+00:00",
                "key_material_description": "",
            },
        ],
    }
    assert [one["key_material_description"] for one in found["after"]["materials"]] == ["vault 8", "", ""]
    assert found["after"]["materials"][2]["key_material_state"] == "PENDING_ROTATION"
    assert found["after"]["valid_to"] == "2026-12-03T12:00:00+00:00"


def test_diff_of_a_first_import_says_that_the_id_is_not_known_yet():
    found = diff(Result(ALIAS, before=empty(), after=key(material(UNNAMED))))["after"]
    assert "after the import" in found["current_key_material_id"]
    assert found["current_key_material_id"] == found["materials"][0]["key_material_id"]


def test_keys_without_a_list_have_none_in_the_diff():
    assert "materials" not in diff(Result(ALIAS, before=hmac_key()))["before"]


@pytest.mark.parametrize("evidence", [match(fingerprint=MARK_A), Evidence(fingerprint=MARK_A)])
def test_fingerprints_stay_inside(evidence):
    shown = key(material(A, description=marked(MARK_A, "vault", True)))
    result = Result(ALIAS, before=shown, after=shown, evidence=evidence)
    text = json.dumps([entry(result), diff(result)])
    assert MARK_A not in text
    assert "byok:1" not in text
    assert "vault" in text


def test_everything_is_json():
    result = Result(ALIAS, before=key(), after=key(), evidence=match())
    assert json.loads(json.dumps(entry(result))) == entry(result)
    assert json.loads(json.dumps(diff(result))) == diff(result)


@pytest.mark.parametrize(("value", "text"), [(None, None), (NOW, "2026-11-24T12:00:00+00:00")])
def test_instants(value, text):
    assert instant(value) == text


SECRET = b"CANARY" + bytes(range(200, 226))


@pytest.mark.parametrize(
    "holder",
    [
        Secret(SECRET, private_key=SECRET),
        KeyInput(request(), Given(SECRET, "inline", "key_material")),
        KeyInput(request(), wrapped=Wrapped(SECRET, SECRET)),
        Wrapped(SECRET, SECRET),
        ImportParameters(SECRET, SECRET),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_whatever_holds_a_secret_does_not_print_it(holder):
    shown = f"{holder} {holder!r} {[holder]} {holder}"
    assert leaks(shown, SECRET) == []
    assert "CANARY" not in shown
