# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.identifiers import alias_of
from ansible_collections.byok.aws.plugins.module_utils._kms.key.identifiers import arn_account
from ansible_collections.byok.aws.plugins.module_utils._kms.key.identifiers import key_id_problem
from ansible_collections.byok.aws.plugins.module_utils._kms.key.identifiers import material_id_problem
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ACCOUNT
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import ARN
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import KEY_ID
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import REGION

MRK = "mrk-" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "key_id",
    [
        KEY_ID,
        KEY_ID.upper(),
        MRK,
        ARN,
        f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{MRK}",
        f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/payments",
        f"arn:aws-cn:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}",
        f"arn:aws-us-gov:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}",
        "alias/payments",
        "alias/team_a/payments-2030",
        "alias/aws/s3",
    ],
)
def test_what_kms_takes_is_taken(key_id):
    assert key_id_problem(key_id, REGION) is None


@pytest.mark.parametrize(
    ("key_id", "said"),
    [
        ("payments", "write alias/payments"),
        ("team/payments", "write alias/team/payments"),
        ("mrk-1234", "write alias/mrk-1234"),
        (KEY_ID[:-1], "neither a key ID"),
        (KEY_ID + "0", "neither a key ID"),
        (KEY_ID + "\n", "neither a key ID"),
        (" " + KEY_ID, "neither a key ID"),
        ("", "neither a key ID"),
        ("12345678", "neither a key ID"),
        ("ключ", "neither a key ID"),
        ("alias/", "letters, digits"),
        ("alias/pay ments", "letters, digits"),
        ("alias/pay:ments", "letters, digits"),
        ("alias/payments\n", "letters, digits"),
        ("arn:", "not an ARN of a KMS key"),
        (f"arn:aws:s3:{REGION}:{ACCOUNT}:key/{KEY_ID}", "not an ARN of a KMS key"),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/payments", "not an ARN of a KMS key"),
        (f"arn:aws:kms:{REGION}:1234:key/{KEY_ID}", "not an ARN of a KMS key"),
        (f"arn:aws:kms::{ACCOUNT}:key/{KEY_ID}", "not an ARN of a KMS key"),
        (ARN + "\n", "not an ARN of a KMS key"),
    ],
)
def test_what_cannot_be_a_key_is_told(key_id, said):
    assert said in str(key_id_problem(key_id, REGION))


@pytest.mark.parametrize("resource", [f"key/{KEY_ID}", f"key/{MRK}", "alias/payments"])
def test_arn_of_another_region_names_both_regions_and_the_way_out(resource):
    problem = str(key_id_problem(f"arn:aws:kms:us-east-1:{ACCOUNT}:{resource}", REGION))
    assert "us-east-1" in problem
    assert REGION in problem
    assert "set region to us-east-1" in problem


def test_without_a_known_region_every_region_is_taken():
    assert key_id_problem(f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{KEY_ID}", None) is None


@pytest.mark.parametrize(
    ("key_id", "account"),
    [
        (ARN, ACCOUNT),
        (f"arn:aws:kms:{REGION}:444455556666:alias/payments", "444455556666"),
        (KEY_ID, None),
        ("alias/payments", None),
        ("arn:aws:s3:::bucket", None),
    ],
)
def test_account_of_an_arn(key_id, account):
    assert arn_account(key_id) == account


@pytest.mark.parametrize(
    ("key_material_id", "valid"),
    [
        ("0123456789abcdef" * 4, True),
        ("a" * 63, False),
        ("a" * 65, False),
        ("A" * 64, False),
        ("g" * 64, False),
        ("a" * 64 + "\n", False),
        ("", False),
    ],
)
def test_key_material_id_has_64_digits(key_material_id, valid):
    problem = material_id_problem(key_material_id)
    assert (problem is None) is valid
    assert valid or "64 hexadecimal digits" in str(problem)


@pytest.mark.parametrize(
    ("key_id", "alias"),
    [
        ("alias/payments", "alias/payments"),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/team/payments", "alias/team/payments"),
        (ARN, None),
        (KEY_ID, None),
        ("", None),
    ],
)
def test_only_an_alias_can_lead_to_another_key(key_id, alias):
    assert alias_of(key_id) == alias
