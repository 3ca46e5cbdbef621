# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check values against published vectors, and what is said of one that is wrong."""

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.check_value import check_value
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.check_value import require_check_value
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError

# NIST SP 800-38A has this key; OpenSSL 3 gives the values: openssl mac -cipher AES-256-CBC -macopt hexkey:... CMAC, and
# openssl enc -aes-256-ecb -K ... for the encrypted block of zeros.
AES_256 = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
AES_128 = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (AES_256, "1A0B2DF267"),
        (AES_128, "7AD386C376"),
        # openssl dgst -sha256 -mac HMAC -macopt hexkey:...
        (bytes(range(48)), "45F93E4E2D"),
        (bytes(range(28)), "5E7DCD36E8"),
    ],
)
def test_known_values(content: bytes, expected: str) -> None:
    assert check_value(content) == expected


@pytest.mark.parametrize("given", ["1A0B2DF267", "1a0b2df267", "1A0B2D", "1A0B2DF2", " 1A0B 2D "])
def test_what_is_taken(given: str) -> None:
    require_check_value(AES_256, given, "component 1")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "has to be 6, 8 or 10 hexadecimal digits"),
        ("1A0B", "has to be 6, 8 or 10 hexadecimal digits"),
        ("1A0B2DF26700", "has to be 6, 8 or 10 hexadecimal digits"),
        ("0x1A0B2D", "has to be 6, 8 or 10 hexadecimal digits"),
        ("000000", "component 1 does not have the check value 000000, but 1A0B2DF267; it was mistyped or damaged"),
        ("E568F6", "that of the encrypted block of zeros (PKCS#11, CKA_CHECK_VALUE)"),
    ],
)
def test_what_is_refused(given: str, said: str) -> None:
    with pytest.raises(AnsibleKMSError) as caught:
        require_check_value(AES_256, given, "component 1")

    assert said in str(caught.value) and AES_256.hex()[:12] not in str(caught.value)
