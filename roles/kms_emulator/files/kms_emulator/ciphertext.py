# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The blob of a symmetric key: it starts as AWS's does and names the material that made it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kms_emulator.errors import invalid_ciphertext

BY_ENCRYPT = bytes.fromhex("0102020078")
BY_DATA_KEY = bytes.fromhex("0102030078")
ID_END = 5 + 32
NONCE_END = ID_END + 12


@dataclass(frozen=True)
class Blob:
    """A parsed blob."""

    header: bytes
    material_id: str
    nonce: bytes
    sealed: bytes


def parse(blob: bytes) -> Blob:
    if blob[:5] not in (BY_ENCRYPT, BY_DATA_KEY) or len(blob) <= NONCE_END + 16:
        raise invalid_ciphertext()
    return Blob(blob[:ID_END], blob[5:ID_END].hex(), blob[ID_END:NONCE_END], blob[NONCE_END:])


def seal(secret: bytes, material_id: str, plaintext: bytes, context: dict[str, str], prefix: bytes) -> bytes:
    header = prefix + bytes.fromhex(material_id)
    nonce = os.urandom(12)
    return header + nonce + AESGCM(secret).encrypt(nonce, plaintext, header + _bound(context))


def unseal(secret: bytes, blob: Blob, context: dict[str, str]) -> bytes:
    try:
        return AESGCM(secret).decrypt(blob.nonce, blob.sealed, blob.header + _bound(context))
    except InvalidTag:
        raise invalid_ciphertext() from None


def _bound(context: dict[str, str]) -> bytes:
    return json.dumps(context, sort_keys=True).encode()
