# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check values: a few digits by which people compare a key, or a component of one, without its bytes. Pure.

Material of 16, 24 or 32 bytes, the lengths of AES keys: the leading bytes of AES-CMAC (NIST SP 800-38B) of a block of
zeros, as ANSI X9.24-1:2017 has it for AES keys. All other material (HMAC keys of other lengths, private keys in PKCS#8
DER): the leading bytes of HMAC-SHA-256 (RFC 2104), keyed with the material, of the same block of zeros. The length
alone decides, so that a component has one before anybody knows which KMS key it is for.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from ..service.errors import invalid

try:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers import algorithms
    from cryptography.hazmat.primitives.ciphers import modes
    from cryptography.hazmat.primitives.cmac import CMAC
except ImportError:
    # material.require_cryptography() says so in a sentence before anything gets here.
    pass

AES_LENGTHS = (16, 24, 32)
ZEROS = bytes(16)
# ANSI X9.24-1:2017 shows up to five bytes of a check value of an AES key; many devices show three.
DIGITS = 10
_GIVEN_RE = re.compile(r"(?:[0-9A-F]{2}){3,5}")


def check_value(content: bytes) -> str:
    """The check value of material: 10 hexadecimal digits in capitals."""
    if len(content) in AES_LENGTHS:
        mac = CMAC(algorithms.AES(content))
        mac.update(ZEROS)
        return mac.finalize().hex()[:DIGITS].upper()
    return hmac.new(content, ZEROS, hashlib.sha256).hexdigest()[:DIGITS].upper()


def require_check_value(content: bytes, given: str, subject: str) -> None:
    """Raises AnsibleKMSError when the material is not the one that people have written this check value down for.

    given: see same_check_value. subject: what the message calls the material.
    """
    found = check_value(content)
    if not same_check_value(found, given, subject):
        wanted = _digits(given)
        raise invalid(f"{subject} does not have the check value {wanted}, but {found}; {_reason(content, wanted)}")


def same_check_value(found: str, given: str, subject: str) -> bool:
    """Whether a check value is the one that people have written down.

    given: 6 to 10 hexadecimal digits, in capitals or not, with blanks or not. Raises AnsibleKMSError for anything else.
    """
    wanted = _digits(given)
    if not _GIVEN_RE.fullmatch(wanted):
        raise invalid(f"the check_value of {subject} has to be 6, 8 or 10 hexadecimal digits")
    return hmac.compare_digest(found[: len(wanted)], wanted)


def _digits(given: str) -> str:
    return "".join(given.split()).upper()


def _reason(content: bytes, wanted: str) -> str:
    if len(content) in AES_LENGTHS and _encrypted_zeros(content).startswith(wanted):
        return (
            "the check value given is that of the encrypted block of zeros (PKCS#11, CKA_CHECK_VALUE), and that of "
            "AES-CMAC is needed"
        )
    return "it was mistyped or damaged, or is another one"


def _encrypted_zeros(content: bytes) -> str:
    """What older devices and PKCS#11 (CKA_CHECK_VALUE) take: the encrypted block of zeros."""
    # One block, and not for secrecy: this is how the value is defined.
    encryptor = Cipher(algorithms.AES(content), modes.ECB()).encryptor()  # noqa: S305
    return (encryptor.update(ZEROS) + encryptor.finalize()).hex().upper()
