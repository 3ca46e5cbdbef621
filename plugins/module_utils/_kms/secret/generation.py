# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New key material of the right kind for a key spec, into one file or into components. No file is ever overwritten."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..key import models
from ..key import specs
from ..service.errors import invalid
from .check_value import check_value
from .components import FEWEST
from .components import exclusive_or
from .files import check_directory
from .material import Secret
from .material import check
from .material import read_file
from .material import require_cryptography
from .weakness import refuse_weak

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.asymmetric import rsa
except ImportError:
    # material.require_cryptography() says so in a sentence before anything gets here.
    pass

# FIPS 186-5, A.1.1; what every library and KMS itself uses.
_PUBLIC_EXPONENT = 65537


@dataclass(frozen=True)
class Made:
    """What became of the files. check_values: those of the components. secret: None in check mode for new material."""

    changed: bool
    secret: Secret | None = None
    check_values: tuple[str, ...] = ()


def make(paths: Sequence[str], key_spec: str, key: str, region: str, check_mode: bool) -> Made:
    """Material in the file, or as components in two files or more; the one that is there, or new one.

    key: what messages call the key. Raises AnsibleKMSError.
    """
    require_cryptography()
    if key_spec == models.SM2 or not specs.importable(key_spec):
        raise invalid(f"material for the key spec {key_spec} of {key} cannot be made here")
    _check_paths(paths)
    there = [path for path in paths if os.path.lexists(path)]
    if there and len(there) < len(paths):
        missing = next(path for path in paths if path not in there)
        raise invalid(f"{there[0]} is there and {missing} is not; nothing is overwritten")
    if there:
        parts = [read_file(path, False) for path in paths]
        return _made(parts, key_spec, key, region, changed=False)
    if check_mode:
        return Made(True)
    parts = _parts(_generate(key_spec, region), len(paths))
    made = _made(parts, key_spec, key, region, changed=True)
    _write(paths, parts)
    return made


def _check_paths(paths: Sequence[str]) -> None:
    if len({os.path.realpath(path) for path in paths}) < len(paths):
        raise invalid("components names a file twice; each component needs a file of its own")
    for path in paths:
        if os.path.isdir(path) or not os.path.isdir(os.path.dirname(path) or "."):
            raise invalid(f"{path} is no path of a file in a directory that is there")
        check_directory("the file", path)


def _made(parts: Sequence[bytes], key_spec: str, key: str, region: str, changed: bool) -> Made:
    if len({len(one) for one in parts}) > 1:
        raise invalid(f"the components for {key} have different lengths; they are not those of one key")
    secret = check(exclusive_or(parts), key_spec, key, region)
    refuse_weak(secret, key_spec, frozenset(), key)
    values = tuple(check_value(one) for one in parts) if len(parts) >= FEWEST else ()
    return Made(changed, secret, values)


def _generate(key_spec: str, region: str) -> bytes:
    """Random bytes (getrandom(2)), or a private key in PKCS#8 DER."""
    if key_spec in specs.RAW_LENGTHS:
        china = key_spec == models.SYMMETRIC and region.startswith("cn-")
        return os.urandom(specs.CHINA_SYMMETRIC_LENGTH if china else specs.RAW_LENGTHS[key_spec])
    if key_spec in specs.RSA_BITS:
        key = rsa.generate_private_key(_PUBLIC_EXPONENT, specs.RSA_BITS[key_spec])
        return _encoded(key)
    if key_spec == specs.ED25519:
        return _encoded(ed25519.Ed25519PrivateKey.generate())
    curves = {one.name: one for one in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1, ec.SECP256K1)}
    return _encoded(ec.generate_private_key(curves[specs.CURVES[key_spec]]()))


def _encoded(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _parts(content: bytes, number: int) -> list[bytes]:
    """The content itself, or components of it: all but the last are random."""
    random = [os.urandom(len(content)) for _number in range(number - 1)]
    return [*random, exclusive_or([content, *random])]


def _write(paths: Sequence[str], parts: Sequence[bytes]) -> None:
    """Every file, or none. Raises AnsibleKMSError."""
    written: list[str] = []
    try:
        for path, part in zip(paths, parts):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            written.append(path)
            with os.fdopen(descriptor, "wb") as file:
                file.write(part)
                file.flush()
                os.fsync(file.fileno())
    except BaseException as error:
        for path in written:
            with suppress(OSError):
                os.unlink(path)
        if not isinstance(error, OSError):
            raise
        place = error.filename or written[-1]
        raise invalid(f"{place} cannot be written: {error.strerror}; no file was left") from None
