# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Material in components: what they make, and when they are refused."""

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.check_value import check_value
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.components import Component
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.components import combined
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError

A, B, C = bytes(range(32)), bytes(range(100, 132)), bytes([7, 0] * 16)


def part(content: bytes, number: int, value: str | None = None) -> Component:
    return Component(content, value or check_value(content), f"component {number}")


def parts(*contents: bytes) -> list[Component]:
    return [part(content, number) for number, content in enumerate(contents, start=1)]


@pytest.mark.parametrize("contents", [(A, B), (B, A), (A, B, C), (C, A, B), (A[:28], B[:28])])
def test_the_material_is_their_exclusive_or(contents: tuple[bytes, ...]) -> None:
    expected = bytes(len(contents[0]))
    for content in contents:
        expected = bytes(one ^ other for one, other in zip(expected, content))

    assert combined(parts(*contents)) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "components has 0 of them"),
        (parts(A), "components has 1 of them; split knowledge takes 2 or more"),
        (parts(A, B[:24]), "one length: component 1 has 32 bytes, component 2 has 24 bytes"),
        (parts(A, bytes(32)), "component 2 is all zeros"),
        (parts(A, B, A), "component 1 and component 3 are the same bytes"),
        # Its check value comes first: a wrong one explains the rest.
        ([part(A, 1), part(B[:24], 2, "00000000")], "component 2 does not have the check value 00000000"),
        ([part(A, 1, check_value(B)), part(B, 2)], f"component 1 does not have the check value {check_value(B)}"),
    ],
)
def test_what_is_refused(given: list[Component], said: str) -> None:
    with pytest.raises(AnsibleKMSError) as caught:
        combined(given)

    assert said in str(caught.value)


def test_a_component_shows_nothing_of_itself() -> None:
    assert repr(A) not in repr(part(A, 1)) and "content" not in repr(part(A, 1))
