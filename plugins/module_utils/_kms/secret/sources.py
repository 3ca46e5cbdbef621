# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where material comes from that is not wrapped yet: an option, a file, components, or a PKCS#11 token."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Union

from ..key import specs
from ..key.models import LOOSE_FILE
from ..service.errors import invalid
from .components import Component
from .components import combined
from .files import read_private_file
from .material import Held
from .material import Secret
from .material import check
from .material import decode_base64
from .material import read_file
from .material import require_cryptography
from .token import TokenRequest
from .token import exists
from .token import find_key
from .weakness import refuse_weak

# The options that give plaintext, of which one alone is given.
PLAINTEXT_OPTIONS = ("key_material", "key_material_file", "components")
UNWRAPPED_OPTIONS = (*PLAINTEXT_OPTIONS, "pkcs11")
INLINE, FILE, COMPONENTS, TOKEN = "inline", "file", "components", "pkcs11"
_LARGEST_PIN = 1024


@dataclass(frozen=True)
class Given:
    """Material that was given, before it is checked. given_by: what messages about the content call it."""

    content: bytes = field(repr=False)
    source: str
    given_by: str

    def opened(self, key_spec: str, key: str, region: str, allow: frozenset[str] | None) -> Held:
        """The material for a key. allow: what a weak one is measured by; None where it may be as it is.

        Raises AnsibleKMSError.
        """
        secret = check(self.content, key_spec, key, region)
        require_cryptography()
        if allow is not None:
            refuse_weak(secret, key_spec, allow, key)
        return secret


@dataclass(frozen=True)
class InToken:
    """A key object of a token. made: whether an object that is missing is made, or only expected to be."""

    request: TokenRequest
    made: bool
    source: str = TOKEN
    given_by: str = "pkcs11"

    def opened(self, key_spec: str, key: str, region: str, allow: frozenset[str] | None) -> Held:
        """The material for a key. Raises AnsibleKMSError."""
        del region, allow
        require_cryptography()
        if self.request.generate and not self.made and not exists(self.request):
            # What a real run would make is other material than any there is, as this.
            return Secret(os.urandom(specs.RAW_LENGTHS.get(key_spec, 32)))
        return find_key(self.request, key_spec, key)


Source = Union[Given, InToken]


def given_source(options: Mapping[str, Any], check_mode: bool = False) -> Source | None:
    """The material that the options give and that is not wrapped yet, or None. Raises AnsibleKMSError."""
    if options.get("pkcs11") is None:
        return given_plaintext(options)
    also = [name for name in PLAINTEXT_OPTIONS if options.get(name) is not None]
    if also:
        raise invalid(f"pkcs11 and {also[0]} exclude each other; give the material once")
    return InToken(_token_request(options["pkcs11"], LOOSE_FILE in (options.get("allow") or ())), not check_mode)


def _token_request(options: Mapping[str, Any], loose: bool) -> TokenRequest:
    label, text = options.get("key_label"), options.get("key_id")
    if (label is None) == (text is None):
        raise invalid("pkcs11 needs one of key_label and key_id, to name the key object")
    if options.get("pin") is not None and options.get("pin_file") is not None:
        raise invalid("pkcs11: pin and pin_file exclude each other")
    if options.get("generate") and label is None:
        raise invalid("pkcs11: generate needs key_label, under which the new key object is found again")
    pin = options.get("pin")
    if options.get("pin_file") is not None:
        pin = _pin(read_private_file("pkcs11: pin_file", options["pin_file"], loose, _LARGEST_PIN))
    try:
        key_id = bytes.fromhex(text) if text is not None else None
    except ValueError:
        raise invalid("pkcs11: key_id has to be hexadecimal digits") from None
    names = {"library": options["library"], "token_label": options["token_label"]}
    return TokenRequest(**names, pin=pin, key_label=label, key_id=key_id, generate=bool(options.get("generate")))


def _pin(content: bytes) -> str:
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise invalid("pkcs11: pin_file holds no text") from None


def given_plaintext(options: Mapping[str, Any]) -> Given | None:
    """The material that the options give in plain, or None. Raises AnsibleKMSError."""
    given = [name for name in PLAINTEXT_OPTIONS if options.get(name) is not None]
    if len(given) > 1:
        raise invalid(f"{' and '.join(given)} exclude each other; give the material once")
    loose = LOOSE_FILE in (options.get("allow") or ())
    if not given:
        return None
    if given[0] == "components":
        parts = [_component(number, one, loose) for number, one in enumerate(options["components"], start=1)]
        return Given(combined(parts), COMPONENTS, "components")
    if given[0] == "key_material":
        return Given(decode_base64("key_material", options["key_material"]), INLINE, "key_material")
    path = options["key_material_file"]
    return Given(read_file(path, loose), FILE, f"key_material_file {path}")


def _component(number: int, options: Mapping[str, Any], loose: bool) -> Component:
    text, path = options.get("key_material"), options.get("key_material_file")
    if (text is None) == (path is None):
        raise invalid(f"component {number} needs one of key_material and key_material_file")
    if text is not None:
        content, place = decode_base64(f"key_material of component {number}", text), f"component {number}"
    else:
        content, place = read_file(str(path), loose), f"component {number} (key_material_file {path})"
    return Component(content, str(options["check_value"]), place)
