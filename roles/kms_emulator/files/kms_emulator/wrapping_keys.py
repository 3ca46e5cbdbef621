# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bounded pool of wrapping keys, handed out in turn and filled in the background.

AWS makes a wrapping key for every call. Making an RSA_4096 key takes up to a second here, so that a fleet of
a thousand keys would wait a quarter of an hour for what it does not look at.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

POOL_SIZES = {"RSA_2048": 4, "RSA_3072": 3, "RSA_4096": 3}


@dataclass(frozen=True)
class WrappingKey:
    """One RSA key pair, known to import tokens by its number."""

    number: int
    private: rsa.RSAPrivateKey
    public_der: bytes


def generate(size: int) -> rsa.RSAPrivateKey:
    """A new key of so many bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


class WrappingKeyPool:
    """Hands out wrapping keys; the first of a kind is made on demand, the rest in a thread behind it."""

    def __init__(self, make: Callable[[int], rsa.RSAPrivateKey] = generate) -> None:
        """make: where keys come from, by their size in bits."""
        self._new_private = make
        self._lock = threading.Lock()
        self._making = {spec: threading.Lock() for spec in POOL_SIZES}
        self._pools: dict[str, list[WrappingKey]] = {spec: [] for spec in POOL_SIZES}
        self._turns = {spec: itertools.count() for spec in POOL_SIZES}
        self._by_number: dict[int, WrappingKey] = {}
        self._filling: set[str] = set()

    def next_key(self, spec: str) -> WrappingKey:
        """The key whose turn it is."""
        if not self._pools[spec]:
            with self._making[spec]:
                if not self._pools[spec]:
                    self._make(spec)
        self._fill_in_background(spec)
        pool = self._pools[spec]
        return pool[next(self._turns[spec]) % len(pool)]

    def by_number(self, number: int) -> WrappingKey | None:
        return self._by_number.get(number)

    def _fill_in_background(self, spec: str) -> None:
        with self._lock:
            if spec in self._filling:
                return
            self._filling.add(spec)
        threading.Thread(target=self._fill, args=(spec,), name=f"wrapping-{spec}", daemon=True).start()

    def _fill(self, spec: str) -> None:
        while len(self._pools[spec]) < POOL_SIZES[spec]:
            self._make(spec)

    def _make(self, spec: str) -> None:
        private = self._new_private(int(spec[4:]))
        public_der = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        with self._lock:
            key = WrappingKey(len(self._by_number), private, public_der)
            self._by_number[key.number] = key
            self._pools[spec].append(key)
