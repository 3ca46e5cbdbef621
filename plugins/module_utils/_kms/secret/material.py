# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one door for secrets: load material, check it against the key spec, fingerprint it.

Plaintext leaves this module only as a Secret, which wraps and proves itself. No message here ever holds a byte of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Callable
from typing import Protocol

from ..key import models
from ..key import specs
from ..service.errors import MISSING_LIBRARY
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid
from . import wrapping
from .check_value import check_value
from .files import read_private_file

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.cmac import CMAC
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

# A PKCS#8 RSA_4096 key in PEM has 3.3 kB; whatever is far longer is no key.
_LARGEST_MATERIAL = 64 * 1024
_AES_LENGTHS = (16, 32)


class Held(Protocol):
    """Material that can be imported, wherever its bytes are: they need not be here to be wrapped and proved."""

    def wrapped_for(self, public_key: bytes, algorithm: str) -> bytes: ...

    def mac(self, message: bytes, digest: str) -> bytes: ...

    def fingerprint(self, account_id: str, key_id: str) -> str | None: ...

    def fingerprints(self, account_id: str, key_id: str) -> tuple[str, ...]: ...

    def seal(self, context: str) -> str: ...

    def check_value(self) -> str | None: ...

    def public_key(self) -> bytes: ...

    @property
    def reads_every_mark(self) -> bool: ...


@dataclass(frozen=True)
class Secret:
    """Plaintext material in the form that KMS takes. Its repr shows nothing of it."""

    plaintext: bytes = field(repr=False)
    private_key: Any = field(repr=False, default=None)

    def wrapped_for(self, public_key: bytes, algorithm: str) -> bytes:
        """EncryptedKeyMaterial under the public key (DER SubjectPublicKeyInfo) of GetParametersForImport."""
        return wrapping.wrap(self.plaintext, public_key, algorithm)

    def mac(self, message: bytes, digest: str) -> bytes:
        """HMAC (RFC 2104) of a message, as GenerateMac answers it. digest: a name that hashlib knows."""
        return hmac.new(self.plaintext, message, getattr(hashlib, digest)).digest()

    def fingerprint(self, account_id: str, key_id: str) -> str:
        """Which material of a key this is, for its description: see fingerprint."""
        return fingerprint(self, account_id, key_id)

    def fingerprints(self, account_id: str, key_id: str) -> tuple[str, ...]:
        """Every form in which a description may tell that it is this material: ours, and that of a token."""
        ours = self.fingerprint(account_id, key_id)
        return (ours, cmac_fingerprint(self, account_id, key_id)) if len(self.plaintext) in _AES_LENGTHS else (ours,)

    @property
    def reads_every_mark(self) -> bool:
        """Whether a description with another fingerprint is one of another material."""
        return True

    def check_value(self) -> str:
        """The check value that people compare: see check_value."""
        return check_value(self.plaintext)

    def seal(self, context: str) -> str:
        """What only a holder of this material can make of a context: see sealer."""
        return sealer(self.plaintext)(context)

    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo (RFC 5280) of the private key, as GetPublicKey answers it."""
        encoded: bytes = self.private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return encoded


def require_cryptography() -> None:
    if not HAS_CRYPTOGRAPHY:
        raise AnsibleKMSError(
            "the Python library cryptography is needed where the module runs; install it there", code=MISSING_LIBRARY
        )


def decode_base64(option: str, text: str) -> bytes:
    """The bytes of a base64 option (RFC 4648, line breaks allowed). Raises AnsibleKMSError without their content."""
    compact = "".join(text.split())
    if not compact:
        raise invalid(f"{option} is empty")
    if compact.startswith("-----BEGIN"):
        raise invalid(
            f"{option} holds PEM text, not base64; encode the whole text with b64encode, or use key_material_file"
        )
    try:
        content = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    # Older Pythons take surplus padding.
    if base64.b64encode(content).decode() != compact:
        raise invalid(f"{option} is not base64; encode the bytes with the b64encode filter")
    return content


def read_file(path: str, loose: bool) -> bytes:
    """The bytes of key_material_file, read where the module runs. Raises AnsibleKMSError."""
    return read_private_file("key_material_file", path, loose, _LARGEST_MATERIAL)


def check(content: bytes, key_spec: str, key: str, region: str = "") -> Secret:
    """Material for the key spec, in the form that KMS takes; private keys become PKCS#8 DER (RFC 5208).

    Raises AnsibleKMSError with the problem and how to fix it.
    """
    if key_spec in specs.RAW_LENGTHS:
        return _check_raw(content, key_spec, key, region)
    if not specs.importable(key_spec):
        raise invalid(f"KMS does not import material for the key spec {key_spec} of the key {key}")
    if key_spec == models.SM2:
        raise invalid(
            f"material for the SM2 key {key} cannot be wrapped here; wrap it with a tool that knows SM2PKE and give it "
            "as encrypted_key_material with its import_token"
        )
    require_cryptography()
    return _check_private_key(content, key_spec, key)


def _check_raw(content: bytes, key_spec: str, key: str, region: str) -> Secret:
    expected = specs.RAW_LENGTHS[key_spec]
    if key_spec == models.SYMMETRIC and region.startswith("cn-"):
        expected = specs.CHINA_SYMMETRIC_LENGTH
    if len(content) == expected:
        return Secret(content)
    hint = _length_hint(content, expected)
    raise invalid(
        f"the material for the {key_spec} key {key} has {len(content)} bytes; {expected} bytes are needed{hint}"
    )


def _length_hint(content: bytes, expected: int) -> str:
    """The usual mistakes, recognised by length and shape."""
    if content.startswith(b"-----BEGIN"):
        return "; it is PEM text, but this key takes raw bytes"
    if len(content) == expected + 1 and content.endswith(b"\n"):
        return "; the last byte is a line break that a text tool added"
    if len(content) == expected * 8:
        return f"; {expected * 8} bits are {expected} bytes, not {expected * 8} bytes"
    stripped = content.strip()
    if len(stripped) == expected * 2 and all(byte in b"0123456789abcdefABCDEF" for byte in stripped):
        return "; it is hexadecimal text, decode it to raw bytes first"
    if len(stripped) == len(base64.b64encode(bytes(expected))) and stripped.isascii():
        return "; it looks like base64 text, decode it once more"
    return ""


def _check_private_key(content: bytes, key_spec: str, key: str) -> Secret:
    private_key = _load_private_key(content, key_spec, key)
    problem = _spec_problem(private_key, key_spec)
    if problem:
        raise invalid(f"the material does not fit the {key_spec} key {key}: {problem}")
    # KMS identifies the key, not its encoding: PKCS#1, SEC 1 and PEM are converted without loss.
    plaintext = private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Secret(plaintext, private_key)


def _load_private_key(content: bytes, key_spec: str, key: str) -> Any:
    pem = content.lstrip().startswith(b"-----BEGIN")
    loader = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    try:
        return loader(content, password=None)
    except TypeError:
        raise invalid(
            f"the private key for the {key_spec} key {key} is encrypted; decrypt it first, "
            "for example with openssl pkey"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        # from None: the library's text may quote the input.
        raise invalid(f"the material for the {key_spec} key {key} {_private_key_hint(content, pem)}") from None


def _private_key_hint(content: bytes, pem: bool) -> str:
    if b"ENCRYPTED" in content[:2048] and pem:
        return "is an encrypted private key; decrypt it first, for example with openssl pkey"
    if pem and b"PRIVATE KEY" not in content:
        return "is PEM, but holds no private key; give the private key"
    if _is_public_key(content, pem):
        return "is a public key; give the private key"
    if len(content) >= 2 and content[:1] == b"\x30" and content[1:2] == b"\x80":
        return "is BER with an indefinite length; convert it with openssl pkey -inform DER -outform DER"
    return "is not an unencrypted PKCS#8 private key; convert it with openssl pkcs8 -topk8 -nocrypt -outform DER"


def _is_public_key(content: bytes, pem: bool) -> bool:
    loader = serialization.load_pem_public_key if pem else serialization.load_der_public_key
    try:
        loader(content)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _spec_problem(private_key: Any, key_spec: str) -> str | None:
    found, name = _describe(private_key)
    if key_spec in specs.RSA_BITS:
        wanted: tuple[str, object] = ("an RSA key", specs.RSA_BITS[key_spec])
        text = f"an RSA key of {specs.RSA_BITS[key_spec]} bits"
    elif key_spec in specs.CURVES:
        wanted = ("an elliptic curve key", specs.CURVES[key_spec])
        text = f"an elliptic curve key on {specs.CURVES[key_spec]}"
    else:
        wanted = ("an Ed25519 key", None)
        text = "an Ed25519 key"
    if (found, name) == wanted:
        return None
    detail = f" ({name})" if name else ""
    return f"it is {found}{detail}, but {text} is needed"


def _describe(private_key: Any) -> tuple[str, object]:
    if isinstance(private_key, rsa.RSAPrivateKey):
        return "an RSA key", private_key.key_size
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return "an elliptic curve key", private_key.curve.name
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return "an Ed25519 key", None
    return "a private key of another kind", None


def sealer(content: bytes) -> Callable[[str], str]:
    """Makes 32 hexadecimal digits of a context that only those can make who have this content (HKDF, RFC 5869)."""
    require_cryptography()

    def seal(context: str) -> str:
        return HKDF(algorithm=hashes.SHA256(), length=16, salt=None, info=context.encode()).derive(content).hex()

    return seal


def fingerprint(secret: Secret, account_id: str, key_id: str) -> str:
    """A fingerprint of material for one KMS key: 32 hexadecimal digits.

    HKDF-SHA-256 (RFC 5869) keyed with the material itself, bound to the account and the key ID. It is no bare hash:
    the same bytes in two keys give two fingerprints, and it holds in every Region of a multi-Region key.
    """
    require_cryptography()
    context = f"byok.aws fingerprint 1\0{account_id}\0{key_id}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=16, salt=None, info=context).derive(secret.plaintext).hex()


def fingerprint_context(account_id: str, key_id: str) -> bytes:
    """What the fingerprint of a token is made of: the KMS key that the material is for."""
    return f"byok.aws fingerprint 2\0{account_id}\0{key_id}".encode()


def cmac_fingerprint(secret: Secret, account_id: str, key_id: str) -> str:
    """The fingerprint that a token can make, too: AES-CMAC (NIST SP 800-38B) of fingerprint_context, in hexadecimal."""
    require_cryptography()
    mac = CMAC(AES(secret.plaintext))
    mac.update(fingerprint_context(account_id, key_id))
    return mac.finalize().hex()
