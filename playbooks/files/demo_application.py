# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application in the demo: it uses KMS keys through boto3, and knows nothing of this collection.

demo_application.py prepare DIRECTORY   create the keys, and files with random material for them
demo_application.py use DIRECTORY       encrypt, compute a MAC or sign with every key; keep the answers in DIRECTORY
demo_application.py prove DIRECTORY     decrypt or verify what is kept, with the keys as they are now

Region, credentials and endpoint come from the environment. Every command prints one JSON object, by alias: whether it
worked, and what KMS said. Nothing that is printed is secret.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any
from typing import Callable

import boto3
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa

# alias: key spec, key usage
KEYS = {
    "alias/demo-payments": ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    "alias/demo-webhooks": ("HMAC_256", "GENERATE_VERIFY_MAC"),
    "alias/demo-invoices": ("RSA_2048", "SIGN_VERIFY"),
    "alias/demo-sessions": ("ECC_NIST_P256", "SIGN_VERIFY"),
}
MESSAGE = b"the record that has to outlive every mishap"


def new_material(key_spec: str) -> bytes:
    """Random bytes, or a new private key in PKCS#8 DER."""
    if not key_spec.startswith(("RSA", "ECC")):
        return os.urandom(32)
    private: Any = ec.generate_private_key(ec.SECP256R1())
    if key_spec.startswith("RSA"):
        private = rsa.generate_private_key(65537, 2048)
    encoded: bytes = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded


def write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else can ever read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        output.write(content)


def prepare(kms: Any, directory: Path) -> dict[str, Any]:
    """Create the keys and their aliases, and material for them; one file more holds material of no key."""
    made = {}
    for alias, (key_spec, key_usage) in KEYS.items():
        metadata = kms.create_key(Origin="EXTERNAL", KeySpec=key_spec, KeyUsage=key_usage)["KeyMetadata"]
        kms.create_alias(AliasName=alias, TargetKeyId=metadata["KeyId"])
        write_private(directory / f"{alias.split('/')[1]}.bin", new_material(key_spec))
        made[alias] = {"spec": key_spec, "state": metadata["KeyState"]}
    write_private(directory / "stranger.bin", os.urandom(32))
    return made


def algorithm(alias: str) -> dict[str, Any]:
    """What Sign and Verify need beside the key and the message."""
    name = "RSASSA_PSS_SHA_256" if KEYS[alias][0].startswith("RSA") else "ECDSA_SHA_256"
    return {"SigningAlgorithm": name, "MessageType": "RAW"}


def use_one(kms: Any, alias: str) -> tuple[str, bytes]:
    """Use a key as its usage says; return what was done and KMS's answer."""
    usage = KEYS[alias][1]
    if usage == "ENCRYPT_DECRYPT":
        return "encrypted a record", kms.encrypt(KeyId=alias, Plaintext=MESSAGE)["CiphertextBlob"]
    if usage == "GENERATE_VERIFY_MAC":
        return "computed a MAC", kms.generate_mac(KeyId=alias, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]
    return "signed a record", kms.sign(KeyId=alias, Message=MESSAGE, **algorithm(alias))["Signature"]


def prove_one(kms: Any, alias: str, kept: bytes) -> str:
    """Decrypt or verify what was kept; return what that showed."""
    usage = KEYS[alias][1]
    if usage == "ENCRYPT_DECRYPT":
        plaintext = kms.decrypt(KeyId=alias, CiphertextBlob=kept)["Plaintext"]
        return "the old ciphertext decrypts" if plaintext == MESSAGE else "the old ciphertext gives other bytes"
    if usage == "GENERATE_VERIFY_MAC":
        kms.verify_mac(KeyId=alias, Message=MESSAGE, Mac=kept, MacAlgorithm="HMAC_SHA_256")
        return "the old MAC verifies"
    kms.verify(KeyId=alias, Message=MESSAGE, Signature=kept, **algorithm(alias))
    return "the old signature verifies"


def each(act: Callable[[str], str]) -> dict[str, Any]:
    """Do the same with every key; a refusal by KMS is an answer, too."""
    answers = {}
    for alias in KEYS:
        try:
            answers[alias] = {"works": True, "said": act(alias)}
        except ClientError as error:
            answers[alias] = {"works": False, "said": error.response["Error"]["Code"]}
    return answers


def use(kms: Any, directory: Path) -> dict[str, Any]:
    """Use every key and keep the answers."""
    kept = {}

    def act(alias: str) -> str:
        said, answer = use_one(kms, alias)
        kept[alias] = base64.b64encode(answer).decode()
        return said

    answers = each(act)
    if kept:
        (directory / "kept.json").write_text(json.dumps(kept), encoding="ascii")
    return answers


def prove(kms: Any, directory: Path) -> dict[str, Any]:
    """Decrypt or verify the answers that were kept."""
    kept = json.loads((directory / "kept.json").read_text(encoding="ascii"))
    return each(lambda alias: prove_one(kms, alias, base64.b64decode(kept[alias])))


def main() -> None:
    """Carry one command out and print what came of it."""
    command, directory = sys.argv[1:]
    act = {"prepare": prepare, "use": use, "prove": prove}[command]
    print(json.dumps(act(boto3.client("kms", region_name=os.environ.get("AWS_REGION")), Path(directory))))


if __name__ == "__main__":
    main()
