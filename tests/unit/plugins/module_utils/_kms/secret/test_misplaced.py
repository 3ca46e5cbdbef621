# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be key material by its looks, and what people and AWS name things, which must never be taken for it."""

from __future__ import annotations

import base64
import hashlib
import textwrap

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import imported_material_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import resembles_material
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import shown
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import encoded
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import private_key

UUID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MATERIAL_ID = hashlib.sha256(b"a material").hexdigest()


def random_bytes(length, number=0):
    """Like random bytes, but the same in every run."""
    return hashlib.shake_256(b"%d %d" % (length, number)).digest(length)


def b64(content):
    return base64.b64encode(content).decode()


FORMS = {
    "base64": b64,
    "base64 with a line break": lambda secret: b64(secret) + "\n",
    "base64 in lines": lambda secret: "\n".join(textwrap.wrap(b64(secret), 16)),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret).decode(),
    "base64 twice": lambda secret: b64(b64(secret).encode()),
    "base64 behind a name": lambda secret: f"material: {b64(secret)}",
    "base64 behind an equals sign": lambda secret: f"material={b64(secret)}",
    "base64 in a path": lambda secret: f"/etc/byok/{b64(secret)}",
    "base64 as an alias": lambda secret: f"alias/{b64(secret)}",
    "hex": bytes.hex,
    "hex in capitals": lambda secret: secret.hex().upper(),
    "hex with a prefix": lambda secret: "0x" + secret.hex(),
    "hex with colons": lambda secret: secret.hex(":"),
    "hex with blanks": lambda secret: secret.hex(" "),
    "hex behind a name": lambda secret: f"material {secret.hex()}",
    "a number": lambda secret: str(int.from_bytes(secret, "big")),
    "bytes read as Latin-1": lambda secret: (b"\x00\x1f\x9f" + secret).decode("latin-1"),
    "bytes read as UTF-8": lambda secret: (b"\xff\xff\xff" + secret).decode("utf-8", "surrogateescape"),
}


@pytest.mark.parametrize("length", [16, 28, 32, 64])
@pytest.mark.parametrize("form", FORMS)
def test_material_is_recognised(form, length):
    for number in range(20):
        assert resembles_material(FORMS[form](random_bytes(length, number)))


@pytest.mark.parametrize("form", ["base64", "base64 with a line break", "hex", "hex with colons", "a number"])
def test_material_without_padding_is_recognised(form):
    """48 bytes of an HMAC_384 key have base64 that only its looks tell from a name."""
    for number in range(200):
        assert resembles_material(FORMS[form](random_bytes(48, number)))


@pytest.mark.parametrize("spec", ["RSA_2048", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519"])
def test_private_keys_are_recognised(spec):
    key = private_key(spec)
    assert resembles_material(encoded(key, "PEM").decode())
    assert resembles_material(" ".join(encoded(key, "PEM").decode().splitlines()))
    assert resembles_material(b64(encoded(key)))
    assert resembles_material(b64(encoded(key, "PEM")))
    assert resembles_material(encoded(key).hex())


@pytest.mark.parametrize(
    "name",
    [
        "",
        "present",
        "true",
        "120",
        "90d",
        "2030-01-31T12:00:00+00:00",
        "eu-central-1",
        UUID,
        "mrk-1234abcd12ab34cd56ef1234567890ab",
        f"arn:aws:kms:eu-central-1:111122223333:key/{UUID}",
        "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        "arn:aws:kms:eu-central-1:111122223333:alias/customers/acme/payments",
        "alias/payments",
        "alias/prod-payments-2024-eu-central-1",
        "alias/customers/acme/paymentsproduction",
        "alias/k8s-eu1-v2-db7-key3",
        "alias/aws2gcp4me/v1/x9/q3",
        "alias/CRM_EU_PROD_2024_DB01_KEY02",
        "alias/terraform-20240101000000000000000001",
        "/etc/byok/payments.bin",
        "/etc/byok/materials/payments",
        "/etc/byok/PaymentsMaterial",
        "/home/alice/BYOK/materials/payments2024",
        "/opt/k8s/eu1/v2/db7/key3",
        "/var/lib/awx/projects/byok/stage.json",
        "/run/secrets/..2024_01_01_10_00_00.1234567890/material",
        "/nix/store/0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p-cacert-3.90/etc/ssl/certs/ca-bundle.crt",
        "/tmp/pytest-of-root/pytest-12/test_what_is_refused_for_the_s0/stage/input/material",
        f"/etc/byok/{MATERIAL_ID}.bin",
        f"/etc/byok/{MATERIAL_ID}",
        f"/etc/byok/{UUID}",
        "~/keys/x",
        "~alice/keys/payments",
        "./files/PaymentsKeyMaterial2",
        "C:\\Users\\Bob\\Keys",
        "AWSAdministratorAccess-123456789012",
        "MyCompanyProductionAdministratorAccess",
        "AKIAIOSFODNN7EXAMPLE",
        "https://vpce-0a1b2c3d4e5f6a7b8-x7k2m9p4.kms.eu-central-1.vpce.amazonaws.com",
        "https://kms.eu-central-1.amazonaws.com",
        "http://127.0.0.1:4566/",
        "KEY_MATERIAL_DOES_NOT_EXPIRE",
        "RSA_AES_KEY_WRAP_SHA_256",
        "GetParametersForImport",
        "GenerateDataKeyPairWithoutPlaintext",
        "vault item payments 2030",
        "HSM export 7: ceremony A-12, Q3 2030",
        "to be or not to be 1 2 3 go on a b c d e f g",
        "schöne Grüße aus Köln, \u03b1\u03b2\u03b3",
        # Messages escape it.
        "a\x1b[2J\x9b2J\u202e\nb",
    ],
)
def test_names_are_not_taken_for_material(name):
    assert not resembles_material(name)
    assert shown(name) == name


def test_what_may_be_material_is_not_shown():
    assert b64(random_bytes(32)) not in shown(b64(random_bytes(32)))
    assert shown(None) == "None"


SECRET = b64(random_bytes(32))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, []),
        ({"key_id": None, "wait": True, "wait_timeout": 600, "regions": ["eu-central-1"], "keys": []}, []),
        # What is masked may be anything.
        ({"key_material": SECRET, "encrypted_key_material": SECRET, "import_token": SECRET}, []),
        ({"keys": [{"key_id": UUID, "key_material": SECRET}]}, []),
        # Options that are none are the business of others.
        ({"key_matrial": SECRET}, []),
        ({"key_id": SECRET, "state": SECRET}, ["key_id", "state"]),
        ({"regions": ["eu-central-1", SECRET]}, ["regions"]),
        ({"request_rates": {SECRET: 1}}, ["request_rates"]),
        ({"request_rates": {"ImportKeyMaterial": SECRET}}, ["request_rates"]),
        ({"keys": [{"key_id": UUID}, {"key_id": SECRET, "valid_to": SECRET}]}, ["key_id in keys", "valid_to in keys"]),
        ({"wait_timeout": int(random_bytes(32).hex(), 16)}, ["wait_timeout"]),
        # Material IDs are hexadecimal, too, and a description may have one in it.
        ({"key_material_id": MATERIAL_ID}, []),
        ({"keys": [{"key_id": UUID, "key_material_id": MATERIAL_ID}]}, []),
        ({"key_material_id": SECRET}, ["key_material_id"]),
        ({"key_material_id": MATERIAL_ID[:32]}, ["key_material_id"]),
        ({"key_material_description": f"after {MATERIAL_ID}"}, []),
        ({"key_material_description": MATERIAL_ID}, ["key_material_description"]),
        ({"key_material_description": f"after {MATERIAL_ID[1:]}"}, ["key_material_description"]),
        ({"key_id": MATERIAL_ID}, ["key_id"]),
        ({"key_id": f"alias/{MATERIAL_ID}"}, ["key_id"]),
    ],
)
def test_options_that_hold_material(options, names):
    assert [name for name, _text in misplaced(imported_material_spec(), options)] == names
