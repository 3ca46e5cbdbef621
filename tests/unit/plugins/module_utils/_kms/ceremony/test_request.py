# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The online half of a ceremony: when import parameters are kept, and what cannot be meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony import request
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Request
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.bundle import Entry
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms import builders

KEY = builders.key()
CHOICE = ("RSAES_OAEP_SHA_256", "RSA_4096")
FOUR = timedelta(hours=4)
ENTRY = Entry(KEY.arn, KEY.key_spec, *CHOICE, b"token", KEY.now + FOUR, b"public")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (ENTRY, True),
        (replace(ENTRY, encrypted_key_material=b"blob"), True),
        (replace(ENTRY, valid_to=KEY.now + FOUR - timedelta(seconds=1)), False),
        (replace(ENTRY, valid_to=KEY.now + timedelta(hours=30)), False),
        (replace(ENTRY, valid_to=None), False),
        (replace(ENTRY, wrapping_algorithm="RSAES_OAEP_SHA_1"), False),
        (replace(ENTRY, wrapping_key_spec="RSA_3072"), False),
        (replace(ENTRY, key_spec="HMAC_256"), False),
        (None, False),
    ],
)
def test_what_is_kept(entry: Entry | None, expected: bool) -> None:
    assert request.kept(entry, KEY, CHOICE, FOUR) is expected


@pytest.mark.parametrize(
    ("key_spec", "algorithm", "wrapping_key_spec", "expected"),
    [
        ("SYMMETRIC_DEFAULT", None, None, CHOICE),
        ("RSA_2048", None, None, ("RSA_AES_KEY_WRAP_SHA_256", "RSA_4096")),
        ("ECC_NIST_P256", "RSAES_OAEP_SHA_1", "RSA_2048", ("RSAES_OAEP_SHA_1", "RSA_2048")),
        ("RSA_2048", "RSAES_OAEP_SHA_256", None, None),
        ("ECC_NIST_P521", "RSAES_OAEP_SHA_256", "RSA_2048", None),
    ],
)
def test_the_wrapping(key_spec: str, algorithm: Any, wrapping_key_spec: Any, expected: Any) -> None:
    wanted = request.Wanted(Request("k"), algorithm, wrapping_key_spec)
    key = replace(KEY, key_spec=key_spec)
    if expected is None:
        with pytest.raises(AnsibleKMSError, match="does not suit"):
            request.wrapping_choice(wanted, key)
    else:
        assert request.wrapping_choice(wanted, key) == expected
