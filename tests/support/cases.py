# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strategies on keys in every condition, and a check by an independent client that a key holds the right bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Callable

from lab import Lab

SYMMETRIC = "SYMMETRIC_DEFAULT"
MESSAGE = b"from before the crash"


@dataclass
class Case:
    """A strategy on a key in some condition. calls: how many changing calls a whole run makes."""

    name: str
    spec: str
    options: dict[str, Any]
    calls: int
    disabled: bool = False
    foreign: bool = False
    empty: bool = False
    given: str = "a"

    @property
    def state_after(self) -> str:
        if self.options.get("state") == "absent":
            return "PendingImport"
        return "Disabled" if self.disabled else "Enabled"


def prepare(lab: Lab, case: Case) -> tuple[str, Callable[[], None]]:
    """The key, and a check with an independent client that it holds the right bytes."""
    make = lab.empty_key if case.empty else lab.foreign_key if case.foreign else lab.own_key
    key_id = make(case.spec)
    check = (lambda: None) if case.empty else proof(lab, key_id, case.spec)
    if case.disabled:
        lab.kms.disable_key(KeyId=key_id)
    return key_id, check


def proof(lab: Lab, key_id: str, spec: str) -> Callable[[], None]:
    if spec == SYMMETRIC:
        blob = lab.kms.encrypt(KeyId=key_id, Plaintext=MESSAGE)["CiphertextBlob"]
        return lambda: _same(lab.kms.decrypt(CiphertextBlob=blob)["Plaintext"], MESSAGE)
    if spec.startswith("HMAC"):
        request = {"KeyId": key_id, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
        mac = lab.kms.generate_mac(**request)["Mac"]
        return lambda: _same(lab.kms.generate_mac(**request)["Mac"], mac)
    public = lab.kms.get_public_key(KeyId=key_id)["PublicKey"]
    return lambda: _same(lab.kms.get_public_key(KeyId=key_id)["PublicKey"], public)


def _same(one: bytes, other: bytes) -> None:
    assert one == other
