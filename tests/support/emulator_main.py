# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m kms_emulator`` with wrapping keys from a file: to make them takes as long as many a test does."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kms_emulator.cli import main
from kms_emulator.runtime import runtime
from kms_emulator.wrapping_keys import POOL_SIZES
from kms_emulator.wrapping_keys import WrappingKeyPool
from kms_emulator.wrapping_keys import generate

KEPT = Path(__file__).resolve().parents[2] / "tests" / "output" / "wrapping_keys.json"


def kept(path: Path = KEPT) -> dict[int, list[rsa.RSAPrivateKey]]:
    """By size in bits the keys that one emulator after the other uses, made by the first."""
    path.parent.mkdir(exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        texts = file.read()
        if not texts:
            sizes = [int(spec[4:]) for spec, number in POOL_SIZES.items() for _one in range(number)]
            texts = json.dumps([_written(generate(size)) for size in sizes])
            file.write(texts)
    keys: dict[int, list[rsa.RSAPrivateKey]] = {}
    for text in json.loads(texts):
        key = _read(text)
        keys.setdefault(key.key_size, []).append(key)
    return keys


def _written(key: rsa.RSAPrivateKey) -> str:
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded.decode()


def _read(text: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(text.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


if __name__ == "__main__":
    keys = kept()
    runtime.wrapping_keys = WrappingKeyPool(lambda size: keys[size].pop() if keys.get(size) else generate(size))
    sys.exit(main())
