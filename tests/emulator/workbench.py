# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys for the tests: created, filled, and looked at through boto3."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from datetime import timezone
from typing import Any

from botocore.exceptions import ClientError
from conformance.crypto import pkcs8
from conformance.crypto import wrap
from emulator_process import EmulatorProcess

EAST = "us-east-1"
WEST = "us-west-2"
A, B, C = (letter * 32 for letter in (b"A", b"B", b"C"))
NEVER = "KEY_MATERIAL_DOES_NOT_EXPIRE"
EXPIRES = "KEY_MATERIAL_EXPIRES"
NEW = "NEW_KEY_MATERIAL"
EXISTING = "EXISTING_KEY_MATERIAL"
LENGTHS = {"SYMMETRIC_DEFAULT": 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}


_clients: dict[tuple[str, str], Any] = {}


def _client(emulator: EmulatorProcess, region: str) -> Any:
    """One client for all tests: making one takes longer than most tests."""
    if (emulator.url, region) not in _clients:
        _clients[emulator.url, region] = emulator.client(region)
    return _clients[emulator.url, region]


class Workbench:
    """A client of one Region, and what tests do with it all the time."""

    def __init__(self, emulator: EmulatorProcess, region: str = EAST) -> None:
        self.emulator = emulator
        self.region = region
        self.kms = _client(emulator, region)
        self.offset = 0.0

    def in_region(self, region: str) -> Workbench:
        return Workbench(self.emulator, region)

    def create(self, spec: str = "SYMMETRIC_DEFAULT", usage: str | None = None, **options: Any) -> str:
        """An EXTERNAL key; its ID."""
        options.setdefault("Origin", "EXTERNAL")
        key = self.kms.create_key(KeySpec=spec, KeyUsage=usage or default_usage(spec), **options)
        return str(key["KeyMetadata"]["KeyId"])

    def parameters(self, key: str, algorithm: str = "", spec: str = "RSA_2048") -> dict[str, Any]:
        algorithm = algorithm or default_algorithm(self.metadata(key)["KeySpec"])
        wrapping = {"WrappingAlgorithm": algorithm, "WrappingKeySpec": spec}
        return {**self.kms.get_parameters_for_import(KeyId=key, **wrapping), **wrapping}

    def load(self, key: str, plaintext: bytes, parameters: dict[str, Any] | None = None, **options: Any) -> Any:
        """Import material, for ever if nothing else is said; the ID of it."""
        parameters = parameters or self.parameters(key)
        if "ValidTo" not in options:
            options.setdefault("ExpirationModel", NEVER)
        answer = self.kms.import_key_material(
            KeyId=key,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=wrap(plaintext, parameters["PublicKey"], parameters["WrappingAlgorithm"]),
            **options,
        )
        return answer.get("KeyMaterialId")

    def filled(self, spec: str = "SYMMETRIC_DEFAULT", usage: str | None = None, **options: Any) -> str:
        """A key with its first material in it."""
        key = self.create(spec, usage, **options)
        self.load(key, first_material(spec), self.parameters(key, spec=roomy(spec)))
        return key

    def metadata(self, key: str) -> dict[str, Any]:
        return dict(self.kms.describe_key(KeyId=key)["KeyMetadata"])

    def state(self, key: str) -> str:
        return str(self.metadata(key)["KeyState"])

    def rotations(self, key: str) -> list[dict[str, Any]]:
        return list(self.kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"])

    def states(self, key: str) -> list[tuple[str, str]]:
        """Material and import state of every material."""
        return [(entry["KeyMaterialState"], entry["ImportState"]) for entry in self.rotations(key)]

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self.offset += seconds
        self.emulator.config(clock_offset_seconds=self.offset)

    def now(self) -> float:
        return time.time() + self.offset

    def at(self, seconds: float) -> datetime:
        """A time so far from now, in whole seconds."""
        return datetime.fromtimestamp(int(self.now() + seconds), timezone.utc)

    def replicate(self, key: str, region: str = WEST) -> Workbench:
        """A replica that is past Creating."""
        self.kms.replicate_key(KeyId=key, ReplicaRegion=region)
        self.advance(5)
        return self.in_region(region)


def default_usage(spec: str) -> str:
    if spec.startswith("HMAC"):
        return "GENERATE_VERIFY_MAC"
    return "ENCRYPT_DECRYPT" if spec == "SYMMETRIC_DEFAULT" else "SIGN_VERIFY"


def default_algorithm(spec: str) -> str:
    return "RSA_AES_KEY_WRAP_SHA_256" if spec.startswith("RSA") else "RSAES_OAEP_SHA_256"


def roomy(spec: str) -> str:
    """The smallest wrapping key that takes material of this spec."""
    return "RSA_3072" if spec in ("ECC_NIST_P521", "ECC_NIST_EDWARDS25519") else "RSA_2048"


def first_material(spec: str) -> bytes:
    return b"A" * LENGTHS[spec] if spec in LENGTHS else pkcs8(spec, 0)


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """The code and the text of a call that fails."""
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError("the call was not refused")
