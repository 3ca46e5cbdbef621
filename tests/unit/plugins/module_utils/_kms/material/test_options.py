# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From options to a request: what is refused before KMS is asked, each with a sentence that names option and key."""

from __future__ import annotations

import base64
from datetime import datetime
from datetime import timezone

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Request
from ansible_collections.byok.aws.plugins.module_utils._kms.material.execute import Wrapped
from ansible_collections.byok.aws.plugins.module_utils._kms.material.options import DEFAULT_WAIT_TIMEOUT
from ansible_collections.byok.aws.plugins.module_utils._kms.material.options import read_input
from ansible_collections.byok.aws.plugins.module_utils._kms.material.options import read_inputs
from ansible_collections.byok.aws.plugins.module_utils._kms.service.connection import client_config
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import INVALID_INPUT
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ALIAS
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ARN
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import DAY
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import KEY_ID
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import REGION
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import A
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import everything_said
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import leaks

PLAIN = bytes(range(150, 182))
MATERIAL = base64.b64encode(PLAIN).decode()
BLOB, TOKEN = b"\x01blob" * 9, b"\x02token" * 9
WRAPPED = {
    "encrypted_key_material": base64.b64encode(BLOB).decode(),
    "import_token": base64.b64encode(TOKEN).decode(),
}
# As a module hands its parameters over: everything is there, None where nothing was set.
UNSET = {
    "key_id": ALIAS,
    "state": "present",
    "key_material": None,
    "key_material_file": None,
    "encrypted_key_material": None,
    "import_token": None,
    "key_material_id": None,
    "all_materials": False,
    "key_material_description": None,
    "valid_to": None,
    "valid_for": None,
    "renew_before": None,
    "expiration_model": None,
    "wrapping_algorithm": None,
    "wrapping_key_spec": None,
    "wait": True,
    "wait_timeout": None,
    "force": False,
}
PRESENT = {**UNSET, "key_material": MATERIAL}
ABSENT = {**UNSET, "state": "absent"}
OTHER_REGION = ARN.replace(REGION, "us-east-1")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (PRESENT, {"offered": "plaintext"}),
        (ABSENT, {"state": "absent"}),
        ({**ABSENT, "key_material": MATERIAL}, {"state": "absent", "offered": "plaintext"}),
        ({**ABSENT, "key_material_id": A}, {"state": "absent", "key_material_id": A}),
        ({**ABSENT, "all_materials": True, "force": True}, {"state": "absent", "all_materials": True, "force": True}),
        ({**UNSET, **WRAPPED}, {"offered": "wrapped"}),
        ({**UNSET, **WRAPPED, "key_material_id": A}, {"offered": "wrapped", "key_material_id": A}),
        ({**PRESENT, "key_material_description": "vault 7"}, {"offered": "plaintext", "description": "vault 7"}),
        ({**PRESENT, "key_material_description": ""}, {"offered": "plaintext", "description": ""}),
        (
            {**PRESENT, "valid_to": "2030-01-31T13:00:00+01:00"},
            {"offered": "plaintext", "valid_to": datetime(2030, 1, 31, 12, tzinfo=timezone.utc)},
        ),
        (
            {**PRESENT, "valid_to": "2030-01-31T12:00:00Z", "expiration_model": "KEY_MATERIAL_EXPIRES"},
            {
                "offered": "plaintext",
                "valid_to": datetime(2030, 1, 31, 12, tzinfo=timezone.utc),
                "expiration_model": "KEY_MATERIAL_EXPIRES",
            },
        ),
        (
            {**PRESENT, "valid_for": "90d", "renew_before": "30d"},
            {"offered": "plaintext", "valid_for": 90 * DAY, "renew_before": 30 * DAY},
        ),
        (
            {**PRESENT, "expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE"},
            {"offered": "plaintext", "expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE"},
        ),
        (
            {**PRESENT, "wrapping_algorithm": "RSAES_OAEP_SHA_1", "wrapping_key_spec": "RSA_3072"},
            {"offered": "plaintext", "wrapping_algorithm": "RSAES_OAEP_SHA_1", "wrapping_key_spec": "RSA_3072"},
        ),
        ({**PRESENT, "wait": False, "wait_timeout": 5}, {"offered": "plaintext", "wait": False, "wait_timeout": 5}),
        ({**PRESENT, "wait_timeout": 0}, {"offered": "plaintext", "wait_timeout": 0}),
        ({**PRESENT, "key_id": ARN}, {"offered": "plaintext", "key_id": ARN}),
        ({**PRESENT, "key_id": KEY_ID}, {"offered": "plaintext", "key_id": KEY_ID}),
    ],
)
def test_requests(options, wanted):
    assert read_input(options, REGION).request == Request(**{"key_id": ALIAS, **wanted})


def test_defaults():
    request = read_input(PRESENT, REGION).request
    assert (request.wait, request.wait_timeout, request.force) == (True, DEFAULT_WAIT_TIMEOUT, False)
    assert DEFAULT_WAIT_TIMEOUT == 120


def content_of(key_input):
    return key_input.given.content if key_input.given else None


def test_material_travels_beside_the_request():
    key_input = read_input(PRESENT, REGION)
    assert (content_of(key_input), key_input.wrapped) == (PLAIN, None)
    assert leaks(repr(key_input), PLAIN) == []
    key_input = read_input({**UNSET, **WRAPPED}, REGION)
    assert (content_of(key_input), key_input.wrapped) == (None, Wrapped(BLOB, TOKEN))
    assert leaks(repr(key_input), BLOB) == leaks(repr(key_input), TOKEN) == []
    key_input = read_input(ABSENT, REGION)
    assert (content_of(key_input), key_input.wrapped) == (None, None)


def test_material_from_a_file(tmp_path):
    path = tmp_path / "material"
    path.write_bytes(PLAIN)
    path.chmod(0o600)
    key_input = read_input({**UNSET, "key_material_file": str(path)}, REGION)
    assert (content_of(key_input), key_input.request.offered) == (PLAIN, "plaintext")
    path.chmod(0o644)
    with pytest.raises(AnsibleKMSError, match=r"^key_material_file .* 0644"):
        read_input({**UNSET, "key_material_file": str(path)}, REGION)
    with pytest.raises(AnsibleKMSError, match="set allow to loose_file"):
        read_input({**UNSET, "key_material_file": str(path), "force": True, "allow": ["weak_material"]}, REGION)
    loose = read_input({**UNSET, "key_material_file": str(path), "allow": ["loose_file"]}, REGION)
    assert content_of(loose) == PLAIN


@pytest.mark.parametrize(
    ("top", "entry", "wanted"),
    [
        (None, None, set()),
        (["loose_file"], None, {"loose_file"}),
        (None, ["loose_file", "weak_material"], {"loose_file", "weak_material"}),
        (["loose_file"], ["weak_material"], {"weak_material"}),
        (["loose_file"], [], set()),
    ],
)
def test_an_entry_says_anew_what_is_allowed(top, entry, wanted):
    options = {**PRESENT, "key_id": None, "allow": top, "keys": [{"key_id": ALIAS, "allow": entry}]}
    assert read_inputs(options, REGION)[0].request.allow == wanted


REFUSALS = [
    # The identifier.
    ({"key_id": "payments"}, ("key_id", "alias/payments")),
    ({"key_id": "1234"}, ("key_id", "neither a key ID")),
    ({"key_id": KEY_ID + "\n"}, ("key_id", "neither a key ID")),
    ({"key_id": "alias/"}, ("key_id", "alias")),
    ({"key_id": "arn:aws:s3:::bucket"}, ("key_id", "not an ARN of a KMS key")),
    ({"key_id": OTHER_REGION}, ("key_id", "us-east-1", REGION)),
    # The material.
    ({"key_material": None}, ("state present", "key_material", "key_material_file", "encrypted_key_material")),
    ({"key_material": ""}, ("key_material", "empty")),
    ({"key_material": " \n"}, ("key_material", "empty")),
    ({"key_material": "%%%"}, ("key_material", "not base64")),
    ({"key_material": "-----BEGIN PRIVATE KEY-----\nMIIE\n"}, ("key_material", "PEM")),
    ({"key_material_file": "/nowhere/material"}, ("key_material", "key_material_file", "exclude each other")),
    ({"key_material": None, "key_material_file": "/nowhere/material"}, ("key_material_file", "/nowhere/material")),
    ({"key_material": None, "key_material_file": "/"}, ("key_material_file", "directory")),
    ({**WRAPPED}, ("key_material", "encrypted_key_material", "exclude each other")),
    (
        {"key_material_file": "/nowhere", **WRAPPED},
        ("key_material", "key_material_file", "encrypted_key_material", "exclude each other"),
    ),
    (
        {"key_material": None, "encrypted_key_material": WRAPPED["encrypted_key_material"]},
        ("encrypted_key_material", "import_token", "go together"),
    ),
    (
        {"key_material": None, "import_token": WRAPPED["import_token"]},
        ("encrypted_key_material", "import_token", "go together"),
    ),
    ({"import_token": WRAPPED["import_token"]}, ("encrypted_key_material", "import_token", "go together")),
    ({"key_material": None, **WRAPPED, "encrypted_key_material": "%"}, ("encrypted_key_material", "not base64")),
    ({"key_material": None, **WRAPPED, "import_token": "%"}, ("import_token", "not base64")),
    ({"key_material": None, **WRAPPED, "import_token": " "}, ("import_token", "empty")),
    # The material's name and text.
    ({"key_material_id": "abc"}, ("key_material_id", "64 hexadecimal")),
    ({"key_material_id": A.upper()}, ("key_material_id", "64 hexadecimal")),
    ({"key_material_id": A + "\n"}, ("key_material_id", "64 hexadecimal")),
    ({"key_material_id": ""}, ("key_material_id", "64 hexadecimal")),
    ({"key_material_description": "größer"}, ("key_material_description", "letters, digits")),
    ({"key_material_description": "a,b"}, ("key_material_description", "letters, digits")),
    ({"key_material_description": "x" * 216}, ("key_material_description", "216", "215")),
    # The expiry.
    ({"valid_to": "2030-01-31T12:00:00"}, ("valid_to", "zone")),
    ({"valid_to": "soon"}, ("valid_to", "ISO 8601")),
    ({"valid_to": ""}, ("valid_to", "ISO 8601")),
    ({"valid_for": "0d"}, ("valid_for", "longer than zero")),
    ({"valid_for": "90"}, ("valid_for", "90d or 12h")),
    ({"valid_for": ""}, ("valid_for", "90d or 12h")),
    ({"valid_for": "90d", "renew_before": "often"}, ("renew_before", "90d or 12h")),
    ({"valid_for": "90d", "renew_before": "0d"}, ("renew_before", "longer than zero")),
    ({"valid_to": "2030-01-31T12:00:00Z", "valid_for": "90d"}, ("valid_to", "valid_for", "exclude each other")),
    ({"renew_before": "30d"}, ("renew_before", "valid_for")),
    ({"renew_before": "30d", "valid_to": "2030-01-31T12:00:00Z"}, ("renew_before", "valid_for")),
    (
        {"expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE", "valid_to": "2030-01-31T12:00:00Z"},
        ("expiration_model", "valid_to", "contradict"),
    ),
    (
        {"expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE", "valid_for": "90d"},
        ("expiration_model", "valid_for", "contradict"),
    ),
    ({"expiration_model": "KEY_MATERIAL_EXPIRES"}, ("expiration_model", "valid_to", "valid_for")),
    # The rest.
    ({"all_materials": True}, ("all_materials", "absent")),
    ({"wait_timeout": -1}, ("wait_timeout", "negative")),
]
ABSENT_REFUSALS = [
    ({"valid_to": "2030-01-31T12:00:00Z"}, ("valid_to", "state absent")),
    ({"valid_for": "90d"}, ("valid_for", "state absent")),
    ({"valid_for": "90d", "renew_before": "30d"}, ("valid_for", "state absent")),
    ({"renew_before": "30d"}, ("renew_before", "state absent")),
    ({"expiration_model": "KEY_MATERIAL_DOES_NOT_EXPIRE"}, ("expiration_model", "state absent")),
    ({"key_material_description": "x"}, ("key_material_description", "state absent")),
    ({"key_material_id": A, "all_materials": True}, ("key_material_id", "all_materials", "exclude each other")),
    ({**WRAPPED}, ("wrapped", "key_material")),
    ({"key_material": MATERIAL, "key_material_file": "/nowhere"}, ("key_material_file", "exclude each other")),
    ({"import_token": WRAPPED["import_token"]}, ("import_token", "go together")),
    ({"key_material": "%"}, ("key_material", "not base64")),
    # An ID that came out empty must not become the deletion of the current material.
    ({"key_material_id": ""}, ("key_material_id", "64 hexadecimal")),
    ({"key_material_id": "current"}, ("key_material_id", "64 hexadecimal")),
    ({"key_id": "payments"}, ("key_id", "alias/payments")),
    ({"wait_timeout": -1}, ("wait_timeout", "negative")),
]
ALL_REFUSALS = [(PRESENT, *row) for row in REFUSALS] + [(ABSENT, *row) for row in ABSENT_REFUSALS]


@pytest.mark.parametrize(("base", "changes", "said"), ALL_REFUSALS)
def test_refusals(base, changes, said):
    options = {**base, **changes}
    with pytest.raises(AnsibleKMSError) as caught:
        read_input(options, REGION)
    assert caught.value.code == INVALID_INPUT
    assert caught.value.key_id == options["key_id"]
    for piece in said:
        assert piece in caught.value.sentence or piece in options["key_id"]
    everything = everything_said(caught.value)
    for secret in (PLAIN, BLOB, TOKEN):
        assert leaks(everything, secret) == []


@pytest.mark.parametrize(
    "changes", [{"valid_to": "9999-12-31T23:59:59-01:00"}, {"valid_to": "0001-01-01T00:00:00+01:00"}]
)
def test_an_instant_beyond_the_calendar_is_refused_like_any_other(changes):
    with pytest.raises(AnsibleKMSError, match="valid_to"):
        read_input({**PRESENT, **changes}, REGION)


def test_without_a_region_no_arn_is_of_another_one():
    assert read_input({**PRESENT, "key_id": OTHER_REGION}, None).request.key_id == OTHER_REGION


def test_botocore_repeats_nothing_by_itself():
    config = client_config()
    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout < 60
    assert config.read_timeout < 60
