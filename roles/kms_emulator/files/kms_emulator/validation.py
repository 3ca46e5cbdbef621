# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks that KMS makes before it looks at anything: required members, enums, lengths, numbers, patterns.

They are read from the service model that botocore carries. The order of the values in the text about an enum
is the model's; AWS's own order was not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

from kms_emulator.errors import validation

# By a value of the same enum.
_LATER = {"ECC_NIST_P256": ["ECC_NIST_EDWARDS25519"], "ECDSA_SHA_256": ["ED25519_SHA_512", "ED25519_PH_SHA_512"]}


@lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("kms", "service-2"), "kms")


@lru_cache(maxsize=256)
def _input_shape(operation: str) -> Any:
    model = service_model()
    return model.operation_model(operation).input_shape if operation in model.operation_names else None


def check(operation: str, params: dict[str, Any]) -> None:
    """Refuse a request that the model does not allow."""
    shape = _input_shape(operation)
    violations = list(_structure(shape, params, "")) if shape is not None else []
    if violations:
        noun = "error" if len(violations) == 1 else "errors"
        raise validation(f"{len(violations)} validation {noun} detected: {'; '.join(violations)}")


def _structure(shape: Any, values: Any, prefix: str) -> Iterator[str]:
    if not isinstance(values, dict):
        return
    for name, member in shape.members.items():
        path = f"{prefix}{name[0].lower()}{name[1:]}"
        value = values.get(name)
        if value is not None:
            yield from _value(member, value, path)
        elif name in shape.required_members:
            yield f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _value(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _structure(shape, value, f"{path}.")
    elif shape.type_name == "list":
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from _value(shape.member, item, f"{path}.{index + 1}.member")
    else:
        shown = "Value" if shape.type_name == "blob" else f"Value '{value}'"
        for constraint in _constraints(shape, value):
            yield f"{shown} at '{path}' failed to satisfy constraint: Member must {constraint}"


def _constraints(shape: Any, value: Any) -> Iterator[str]:
    metadata = shape.metadata
    if isinstance(value, str):
        allowed = _allowed(metadata)
        if allowed and value not in allowed:
            yield f"satisfy enum value set: [{', '.join(allowed)}]"
        yield from _bounds(metadata, _length(shape, value), "have length")
        if metadata.get("pattern") and not re.fullmatch(_anchored(metadata["pattern"]), value, re.ASCII):
            yield f"satisfy regular expression pattern: {metadata['pattern']}"
    elif isinstance(value, (int, float)):
        yield from _bounds(metadata, value, "have value")


def _allowed(metadata: dict[str, Any]) -> list[str]:
    """The values of an enum, and those that older versions of botocore do not name yet beside it."""
    allowed = list(metadata.get("enum") or [])
    later = [value for sibling, values in _LATER.items() if sibling in allowed for value in values]
    return allowed + [value for value in later if value not in allowed]


def _bounds(metadata: dict[str, Any], number: float, what: str) -> Iterator[str]:
    if number < metadata.get("min", number):
        yield f"{what} greater than or equal to {metadata['min']}"
    if number > metadata.get("max", number):
        yield f"{what} less than or equal to {metadata['max']}"


def _length(shape: Any, value: str) -> int:
    """Blobs come in base64."""
    return len(value) * 3 // 4 - value[-2:].count("=") if shape.type_name == "blob" else len(value)


@lru_cache(maxsize=64)
def _anchored(pattern: str) -> str:
    return pattern.removeprefix("^").removesuffix("$")
