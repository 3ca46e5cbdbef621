# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All operations in one response class, and its way into moto."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.kms import models

from kms_emulator.backend import EmulatedKmsBackend
from kms_emulator.errors import KmsError
from kms_emulator.identifiers import resolve
from kms_emulator.operations.cryptography import CryptoOperations
from kms_emulator.operations.imports import ImportOperations
from kms_emulator.operations.keys import KeyOperations
from kms_emulator.operations.regions import RegionOperations
from kms_emulator.operations.rotations import RotationOperations
from kms_emulator.operations.tags import AliasOperations
from kms_emulator.operations.tags import TagOperations
from kms_emulator.validation import check
from kms_emulator.validation import service_model


class EmulatedKmsResponse(
    KeyOperations,
    TagOperations,
    AliasOperations,
    ImportOperations,
    RotationOperations,
    RegionOperations,
    CryptoOperations,
):
    """moto's response class; grants and the list of policies are moto's own."""

    def __init__(self, operation: str, params: dict[str, Any], account_id: str, region: str) -> None:
        super().__init__()
        self.operation = operation
        self.params = params
        self.current_account = account_id
        self.region = region

    def run(self) -> str:
        """Carry the operation out; the answer's body."""
        check(self.operation, self.params)
        method: Callable[[], Any] = getattr(self, _method_name(self.operation))
        return str(method() or "")

    def _validate_key_id(self, key_id: str) -> None:
        """Used by what is moto's own."""
        resolve(self.kms_backend, key_id, "DescribeKey")

    _validate_cmk_id = _validate_key_id


@lru_cache(maxsize=256)
def _method_name(operation: str) -> str:
    name = camelcase_to_underscores(operation)
    known = operation in service_model().operation_names and hasattr(EmulatedKmsResponse, name)
    if not known:
        raise KmsError("UnknownOperationException", f"The emulator has no operation {operation}.")
    return name


def install() -> None:
    """Make moto use the emulator's keys, for its other services too.

    moto generates an RSA key for every KMS key, whatever its spec; the emulator's keys have materials instead.
    """
    models.kms_backends.backend = EmulatedKmsBackend
    models.kms_backends.clear()
    models.generate_private_key = lambda _spec: None  # type: ignore


def backend_of(account_id: str, region: str) -> EmulatedKmsBackend:
    """The backend of an account and Region."""
    try:
        return models.kms_backends[account_id][region]  # type: ignore[return-value]
    except KeyError:
        raise KmsError("UnrecognizedClientException", f"The emulator has no Region {region}.") from None
