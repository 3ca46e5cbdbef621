# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What those who wrapped material say of it, so that those who import it without plaintext recognise it. Pure.

None of it tells anything of the bytes, and none of it is believed where it counts: KMS compares the material at an
import before anything is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

from ..key import specs
from .material import Held


@dataclass(frozen=True)
class Claims:
    """fingerprint: as the description of a symmetric key keeps it, for every key spec. proof: what KMS itself answers
    for a key with this material: its public key (GetPublicKey), or the MAC of mac_message (GenerateMac); None for a
    symmetric key.
    """

    fingerprint: str | None = None
    check_value: str | None = None
    proof: bytes | None = field(default=None, repr=False)


NO_CLAIMS = Claims()


def claims_of(secret: Held, key_arn: str, key_spec: str) -> Claims:
    """What can be said of material for a key."""
    account_id, key_id = key_arn.split(":")[4], key_arn.rpartition("/")[2]
    return Claims(secret.fingerprint(account_id, key_id), secret.check_value(), _proof(secret, key_arn, key_spec))


def _proof(secret: Held, key_arn: str, key_spec: str) -> bytes | None:
    if key_spec not in specs.RAW_LENGTHS:
        return secret.public_key()
    digest = specs.HMAC_HASHES.get(key_spec)
    return secret.mac(mac_message(key_arn), digest) if digest else None


def mac_message(key_arn: str) -> bytes:
    """The message whose MAC shows which material an HMAC key has. Nothing else is ever authenticated with it."""
    return f"byok.aws proof 1\0{key_arn}".encode()
