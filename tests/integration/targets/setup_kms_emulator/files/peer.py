# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An independent view of KMS for the tests, and their material: boto3 and cryptography, nothing of ours.

peer.py create KEY_SPEC ALIAS [ORIGIN]  create a key with an alias
peer.py material KEY_SPEC FILE          write random material, readable by nobody else
peer.py read KEY                        print state, expiry and materials
peer.py replacements KEY                print the key of an alias, and the keys that say that they replace a key
peer.py use KEY FILE                    encrypt, compute a MAC or sign; keep the answer in FILE
peer.py prove KEY FILE                  decrypt or verify what FILE keeps; exit status 1 with KMS's code if that fails

Region, credentials and endpoint come from the environment; the answers are JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa

MESSAGE = b"what was written before"
USAGES = {"S": "ENCRYPT_DECRYPT", "H": "GENERATE_VERIFY_MAC", "R": "SIGN_VERIFY", "E": "SIGN_VERIFY"}
ALGORITHMS = {
    "HMAC_256": {"MacAlgorithm": "HMAC_SHA_256"},
    "RSA_2048": {"SigningAlgorithm": "RSASSA_PSS_SHA_256"},
    "ECC_NIST_P256": {"SigningAlgorithm": "ECDSA_SHA_256"},
}


def create(kms: Any, key_spec: str, alias: str, origin: str = "EXTERNAL") -> dict[str, Any]:
    """Create a key with an alias."""
    answer = kms.create_key(Origin=origin, KeySpec=key_spec, KeyUsage=USAGES[key_spec[0]])["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=answer["KeyId"])
    return {"key_id": answer["KeyId"], "arn": answer["Arn"], "key_state": answer["KeyState"]}


def material(_kms: Any, key_spec: str, path: str) -> dict[str, Any]:
    """Write random bytes, or a new private key in PKCS#8 DER."""
    content = os.urandom(32)
    if key_spec.startswith(("RSA", "ECC")):
        private: Any = ec.generate_private_key(ec.SECP256R1())
        if key_spec.startswith("RSA"):
            private = rsa.generate_private_key(65537, 2048)
        content = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        output.write(content)
    return {"path": path}


def read(kms: Any, key: str) -> dict[str, Any]:
    """What KMS says about a key."""
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    materials = []
    if metadata["KeySpec"] == "SYMMETRIC_DEFAULT":
        listed = kms.list_key_rotations(KeyId=metadata["Arn"], IncludeKeyMaterial="ALL_KEY_MATERIAL")
        materials = [
            {"id": one["KeyMaterialId"], "state": one["ImportState"], "description": one.get("KeyMaterialDescription")}
            for one in listed["Rotations"]
        ]
    valid_to = metadata.get("ValidTo")
    return {
        "key_state": metadata["KeyState"],
        "expiration_model": metadata.get("ExpirationModel"),
        "valid_to": int(valid_to.timestamp()) if valid_to else None,
        "current": metadata.get("CurrentKeyMaterialId"),
        "materials": materials,
    }


def replacements(kms: Any, key: str) -> dict[str, Any]:
    """Where an alias leads, and every key whose tag says that it was made to replace another one."""
    found = {}
    for one in kms.get_paginator("list_keys").paginate().build_full_result()["Keys"]:
        tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=one["KeyId"])["Tags"]}
        if tags.get("byok:creation-token", "").startswith("replaces:"):
            found[one["KeyId"]] = tags["byok:creation-token"][len("replaces:") :]
    return {"key_id": kms.describe_key(KeyId=key)["KeyMetadata"]["KeyId"], "replaced": found}


def use(kms: Any, key: str, path: str) -> dict[str, Any]:
    """Use a key as its usage says, and keep the answer."""
    key_spec = kms.describe_key(KeyId=key)["KeyMetadata"]["KeySpec"]
    algorithm = ALGORITHMS.get(key_spec, {})
    if key_spec == "SYMMETRIC_DEFAULT":
        answer = kms.encrypt(KeyId=key, Plaintext=MESSAGE)["CiphertextBlob"]
    elif key_spec.startswith("HMAC"):
        answer = kms.generate_mac(KeyId=key, Message=MESSAGE, **algorithm)["Mac"]
    else:
        answer = kms.sign(KeyId=key, Message=MESSAGE, **algorithm)["Signature"]
    Path(path).write_bytes(answer)
    return {"works": True}


def prove(kms: Any, key: str, path: str) -> dict[str, Any]:
    """Decrypt or verify what was kept."""
    key_spec = kms.describe_key(KeyId=key)["KeyMetadata"]["KeySpec"]
    algorithm = ALGORITHMS.get(key_spec, {})
    kept = Path(path).read_bytes()
    if key_spec == "SYMMETRIC_DEFAULT":
        return {"works": kms.decrypt(KeyId=key, CiphertextBlob=kept)["Plaintext"] == MESSAGE}
    if key_spec.startswith("HMAC"):
        return {"works": kms.verify_mac(KeyId=key, Message=MESSAGE, Mac=kept, **algorithm)["MacValid"]}
    return {"works": kms.verify(KeyId=key, Message=MESSAGE, Signature=kept, **algorithm)["SignatureValid"]}


def main() -> None:
    """Carry one command out."""
    command, *arguments = sys.argv[1:]
    commands: dict[str, Any] = {
        "create": create,
        "material": material,
        "read": read,
        "replacements": replacements,
        "use": use,
        "prove": prove,
    }
    try:
        print(json.dumps(commands[command](boto3.client("kms", region_name=os.environ.get("AWS_REGION")), *arguments)))
    except ClientError as error:
        sys.exit(error.response["Error"]["Code"])


if __name__ == "__main__":
    main()
