# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material that is a key object in a PKCS#11 token: the token wraps it and proves it, and its bytes stay inside.

Source: OASIS PKCS #11 Specification 3.1 (C_WrapKey, CKM_RSA_PKCS_OAEP, CKM_AES_CMAC, CKM_SHA256_HMAC).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from ..key import models
from ..key import specs
from ..service.errors import MISSING_LIBRARY
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid
from . import check_value
from . import material

try:
    import pkcs11
    from pkcs11 import exceptions as token_errors
    from pkcs11.util.rsa import decode_rsa_public_key

    HAS_PKCS11 = True
except ImportError:
    HAS_PKCS11 = False

try:
    from cryptography.hazmat.primitives import serialization
except ImportError:
    # material.require_cryptography() says so in a sentence before anything gets here.
    pass


@dataclass(frozen=True)
class TokenRequest:
    """Which key object of which token is meant. generate: make it when there is none under that label."""

    library: str
    token_label: str
    pin: str | None = field(default=None, repr=False)
    key_label: str | None = None
    key_id: bytes | None = None
    generate: bool = False

    @property
    def name(self) -> str:
        """The key object, in a message."""
        object_name = self.key_label if self.key_label is not None else (self.key_id or b"").hex()
        return f"the key object {object_name} of the token {self.token_label}"


class Token:
    """A session with one token: it does one thing at a time, and counts wrong PINs.

    Keys of one task may be in the same token: it is opened once, and a PIN that was wrong is not tried a second time.
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.lock = threading.RLock()

    @contextmanager
    def working(self, doing: str) -> Iterator[Any]:
        """The session, for one piece of work. Raises AnsibleKMSError with the token's own reason (CKR code)."""
        with self.lock:
            try:
                yield self.session
            except token_errors.PKCS11Error as error:
                raise invalid(f"{doing} failed in the token ({_reason(error)})") from None


_HMAC_TYPES = ("GENERIC_SECRET", "SHA224_HMAC", "SHA256_HMAC", "SHA384_HMAC", "SHA512_HMAC")

_OPENED: dict[tuple[str, str], Token | AnsibleKMSError] = {}
_OPENING = threading.Lock()


def require_pkcs11() -> None:
    """Raises AnsibleKMSError without the library that speaks to tokens."""
    if not HAS_PKCS11:
        raise AnsibleKMSError(
            f"the option pkcs11 needs the Python library python-pkcs11 where the module runs ({sys.executable})",
            code=MISSING_LIBRARY,
        )


def open_token(request: TokenRequest) -> Token:
    """The token, opened at its first use. Raises AnsibleKMSError; for a token that failed to open, the same again."""
    require_pkcs11()
    place = (request.library, request.token_label)
    with _OPENING:
        if place not in _OPENED:
            try:
                _OPENED[place] = Token(_session(request))
            except AnsibleKMSError as error:
                _OPENED[place] = error
        found = _OPENED[place]
    if isinstance(found, AnsibleKMSError):
        raise AnsibleKMSError(found.message, code=found.code)
    return found


def _session(request: TokenRequest) -> Any:
    label = request.token_label
    try:
        tokens = [one for one in pkcs11.lib(request.library).get_tokens() if one.label.rstrip() == label]
    except (token_errors.PKCS11Error, RuntimeError, OSError) as error:
        raise invalid(f"the library {request.library} cannot be used ({_reason(error)})") from None
    if len(tokens) != 1:
        found = "no token" if not tokens else f"{len(tokens)} tokens"
        raise invalid(f"{request.library} shows {found} with the label {label}; name one that is there once")
    pin: dict[str, Any] = {"user_pin": request.pin} if request.pin else {}
    try:
        return tokens[0].open(rw=request.generate, **pin)
    except (token_errors.PinIncorrect, token_errors.PinInvalid, token_errors.PinLenRange):
        raise invalid(
            f"the token {label} refused the PIN; it was tried once only, since tokens lock themselves"
        ) from None
    except token_errors.PinLocked:
        raise invalid(f"the PIN of the token {label} is locked; its security officer has to set a new one") from None
    except token_errors.PKCS11Error as error:
        raise invalid(f"the token {label} cannot be opened ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    """The name of the token's answer, such as KeyUnextractable; no text of a library, which could quote its input."""
    return type(error).__name__


@dataclass(frozen=True)
class TokenKey:
    """A secret key object, which does what a Secret does without showing its bytes."""

    request: TokenRequest
    token: Token
    handle: Any = field(repr=False)
    key_spec: str

    def wrapped_for(self, public_key: bytes, algorithm: str) -> bytes:
        """EncryptedKeyMaterial under the public key (DER SubjectPublicKeyInfo) of GetParametersForImport (C_WrapKey).

        Raises AnsibleKMSError where the token cannot do that.
        """
        digest, mask = _oaep(algorithm)
        with self.token.working(f"wrapping {self.request.name}") as session:
            wrapping_key = session.create_object(_wrapping_key(public_key))
            try:
                blob: bytes = wrapping_key.wrap_key(
                    self.handle, mechanism=pkcs11.Mechanism.RSA_PKCS_OAEP, mechanism_param=(digest, mask, None)
                )
            except (token_errors.KeyUnextractable, token_errors.KeyNotWrappable):
                raise invalid(f"{self.request.name} must not leave the token (CKA_EXTRACTABLE is false)") from None
            except (token_errors.ArgumentsBad, token_errors.MechanismParamInvalid, token_errors.MechanismInvalid):
                raise invalid(_hash_refused(self.request, algorithm)) from None
            finally:
                wrapping_key.destroy()
        return blob

    def mac(self, message: bytes, digest: str) -> bytes:
        """HMAC (RFC 2104) of a message, computed in the token, as GenerateMac answers it."""
        mechanism = getattr(pkcs11.Mechanism, f"{digest.upper()}_HMAC")
        with self.token.working(f"a MAC with {self.request.name}"):
            return bytes(self.handle.sign(message, mechanism=mechanism))

    def fingerprint(self, account_id: str, key_id: str) -> str | None:
        """Which material of a key this is: material.cmac_fingerprint, computed in the token. None where it refuses."""
        return self._cmac(material.fingerprint_context(account_id, key_id))

    def fingerprints(self, account_id: str, key_id: str) -> tuple[str, ...]:
        """Every form in which a description may tell that it is this material."""
        own = self.fingerprint(account_id, key_id)
        return (own,) if own else ()

    @property
    def reads_every_mark(self) -> bool:
        """Whether a description with another fingerprint is one of another material: not that which bytes left."""
        return False

    def public_key(self) -> bytes:
        """Raises AnsibleKMSError: find_key takes no private keys."""
        raise invalid(f"{self.request.name} is no private key")

    def seal(self, context: str) -> str:
        """What only a holder of this material can make of a context; empty where the token refuses."""
        if self.key_spec in specs.HMAC_HASHES:
            return self.mac(context.encode(), specs.HMAC_HASHES[self.key_spec])[:16].hex()
        return self._cmac(context.encode()) or ""

    def check_value(self) -> str | None:
        """See check_value.check_value. None where a token cannot compute it: AES-CMAC with an HMAC key."""
        if self.key_spec == models.SYMMETRIC:
            found = self._cmac(check_value.ZEROS)
        elif specs.RAW_LENGTHS[self.key_spec] not in check_value.AES_LENGTHS:
            found = self.mac(check_value.ZEROS, "sha256").hex()
        else:
            found = None
        return found[: check_value.DIGITS].upper() if found else None

    def _cmac(self, message: bytes) -> str | None:
        try:
            with self.token.lock:
                return bytes(self.handle.sign(message, mechanism=pkcs11.Mechanism.AES_CMAC)).hex()
        except token_errors.PKCS11Error:
            # CKA_SIGN is false, or the token has no CMAC: KMS itself has to compare, as with wrapped material.
            return None


def find_key(request: TokenRequest, key_spec: str, key: str) -> TokenKey:
    """The key object for a KMS key of this spec, made when that is asked for. Raises AnsibleKMSError."""
    if key_spec not in specs.RAW_LENGTHS:
        raise invalid(
            f"the {key_spec} key {key} takes a private key, which tokens wrap in ways that KMS does not take; "
            "wrap it with the tool of the token's maker, and give it as encrypted_key_material with its import_token"
        )
    token = open_token(request)
    with token.working(f"looking for {request.name}") as session:
        found = list(session.get_objects(_template(request)))
        if not found and request.generate:
            found = [_generated(session, request, key_spec)]
    if len(found) != 1:
        number = "is not there" if not found else f"is there {len(found)} times"
        raise invalid(f"{request.name} {number}; name one that is there once, or set generate to make it")
    problem = _problem(found[0], key_spec)
    if problem:
        raise invalid(f"{request.name} does not fit the {key_spec} key {key}: {problem}")
    return TokenKey(request, token, found[0], key_spec)


def exists(request: TokenRequest) -> bool:
    """Whether there is a key object of that name. Raises AnsibleKMSError."""
    with open_token(request).working(f"looking for {request.name}") as session:
        return any(True for _one in session.get_objects(_template(request)))


def _template(request: TokenRequest) -> dict[Any, Any]:
    template: dict[Any, Any] = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY}
    if request.key_label is not None:
        template[pkcs11.Attribute.LABEL] = request.key_label
    if request.key_id is not None:
        template[pkcs11.Attribute.ID] = request.key_id
    return template


def _generated(session: Any, request: TokenRequest, key_spec: str) -> Any:
    """A new key object: sensitive, extractable under a wrapping key, and able to prove itself (C_GenerateKey)."""
    bits = specs.RAW_LENGTHS[key_spec] * 8
    aes = key_spec == models.SYMMETRIC
    attributes = {
        pkcs11.Attribute.SENSITIVE: True,
        pkcs11.Attribute.EXTRACTABLE: True,
        pkcs11.Attribute.SIGN: True,
        pkcs11.Attribute.VERIFY: True,
    }
    return session.generate_key(
        pkcs11.KeyType.AES if aes else pkcs11.KeyType.GENERIC_SECRET,
        bits,
        mechanism=pkcs11.Mechanism.AES_KEY_GEN if aes else pkcs11.Mechanism.GENERIC_SECRET_KEY_GEN,
        label=request.key_label,
        id=request.key_id or os.urandom(8),
        store=True,
        template=attributes,
    )


def _problem(handle: Any, key_spec: str) -> str | None:
    """Why this object cannot be the material of a KMS key of this spec, or None."""
    kind = handle[pkcs11.Attribute.KEY_TYPE]
    name = getattr(kind, "name", str(kind))
    if name not in (("AES",) if key_spec == models.SYMMETRIC else _HMAC_TYPES):
        return f"it is of the type {name}"
    length, expected = handle[pkcs11.Attribute.VALUE_LEN], specs.RAW_LENGTHS[key_spec]
    if length != expected:
        return f"it has {length} bytes; {expected} bytes are needed"
    if not handle[pkcs11.Attribute.EXTRACTABLE]:
        return "it must not leave the token (CKA_EXTRACTABLE is false)"
    return None


def _wrapping_key(public_key: bytes) -> dict[Any, Any]:
    """The template of KMS's public key as an object that goes with the session and only wraps."""
    loaded = serialization.load_der_public_key(public_key)
    encoded = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    template: dict[Any, Any] = decode_rsa_public_key(encoded, pkcs11.MechanismFlag.WRAP)
    template[pkcs11.Attribute.TOKEN] = False
    return template


def _oaep(algorithm: str) -> tuple[Any, Any]:
    """Hash and mask generation function; KMS wants the same hash in both."""
    if algorithm.endswith("SHA_256"):
        return pkcs11.Mechanism.SHA256, pkcs11.MGF.SHA256
    return pkcs11.Mechanism.SHA_1, pkcs11.MGF.SHA1


def _hash_refused(request: TokenRequest, algorithm: str) -> str:
    hint = "; set wrapping_algorithm to RSAES_OAEP_SHA_1 if SHA-1 is what you mean to use" if "256" in algorithm else ""
    return f"the token {request.token_label} does not wrap with {algorithm}{hint}"
