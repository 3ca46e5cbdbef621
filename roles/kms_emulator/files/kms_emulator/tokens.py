# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import tokens: sealed, bound to one key, good for 24 hours and for any number of imports."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kms_emulator.errors import expired_import_token
from kms_emulator.errors import invalid_import_token

LIFETIME_SECONDS = 24 * 60 * 60
NONCE_LENGTH = 12


@dataclass(frozen=True)
class ImportToken:
    """What a token says to the service that issued it."""

    key_arn: str
    wrapping_key: int
    algorithm: str
    valid_to: float


class TokenSealer:
    """Issues tokens and opens them again; nobody else can do either."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))

    def seal(self, token: ImportToken) -> bytes:
        nonce = os.urandom(NONCE_LENGTH)
        return nonce + self._cipher.encrypt(nonce, json.dumps(token.__dict__).encode(), None)

    def open(self, sealed: bytes, key_arn: str, now: float) -> ImportToken:
        """The token, if it is ours, for this key and still valid."""
        try:
            opened = self._cipher.decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], None)
        except (InvalidTag, ValueError):
            raise invalid_import_token() from None
        token = ImportToken(**json.loads(opened))
        if token.key_arn != key_arn:
            raise invalid_import_token()
        if now >= token.valid_to:
            raise expired_import_token()
        return token
