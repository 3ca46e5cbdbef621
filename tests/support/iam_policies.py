# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies that README and guides show, and what they allow: IAM's evaluation logic, as far as they use it.

An operator or an element that this does not know is an error. What is not here: organisations, boundaries, session
policies and grants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = sorted((ROOT / "docs" / "docsite" / "rst").glob("*.rst"))
ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}

Statement = Mapping[str, Any]


# -- what is written --------------------------------------------------------------------------------------------------


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def fenced(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def indented(language: str, text: str) -> list[str]:
    """A guide's code blocks in a language."""
    blocks = re.findall(rf"^\.\. code-block:: {language}\n\n((?:  .*\n|\n)+)", text, re.MULTILINE)
    return [re.sub(r"^  ", "", block, flags=re.MULTILINE).strip() for block in blocks]


def policies() -> list[tuple[str, dict[str, Any]]]:
    """Every policy with where it stands."""
    found = [("README.md", block) for block in fenced("json")]
    for guide in GUIDES:
        found += [(guide.name, block) for block in indented("json", guide.read_text(encoding="utf-8"))]
    return [(name, json.loads(block)) for name, block in found]


def is_key_policy(policy: Mapping[str, Any]) -> bool:
    return any("Principal" in one for one in policy["Statement"])


def statements() -> dict[str, dict[str, Any]]:
    """Every statement by its Sid."""
    found: dict[str, dict[str, Any]] = {}
    for _name, policy in policies():
        for statement in policy["Statement"]:
            assert statement["Sid"] not in found
            found[statement["Sid"]] = statement
    return found


# -- what it means ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A call of a principal: action such as kms:Encrypt, ARN of what it is about, values by condition key."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def values(self, key: str) -> Sequence[str]:
        return [self.principal] if key == "aws:PrincipalArn" else self.context.get(key, ())


def _among(value: str, wanted: Iterable[str]) -> bool:
    return value in wanted


def _like(value: str, wanted: Iterable[str]) -> bool:
    return any(fnmatchcase(value, one) for one in wanted)


# An operator on the request's values, none when the key is not in the request, and on the policy's. From the IAM User
# Guide: for a missing key a negated operator holds, ForAllValues holds, and no other does.
_OPERATORS: dict[str, Callable[[Sequence[str], list[str]], bool]] = {
    "StringEquals": lambda values, wanted: any(_among(one, wanted) for one in values),
    "ForAnyValue:StringEquals": lambda values, wanted: any(_among(one, wanted) for one in values),
    "ForAllValues:StringEquals": lambda values, wanted: all(_among(one, wanted) for one in values),
    "ArnEquals": lambda values, wanted: any(_like(one, wanted) for one in values),
    "ArnNotEquals": lambda values, wanted: not any(_like(one, wanted) for one in values),
    "Null": lambda values, wanted: (not values) == (wanted == ["true"]),
}
OPERATORS = set(_OPERATORS)


def applies(statement: Statement, request: Request) -> bool:
    """Whether a statement is about a request; a Principal is looked at by ``allowed``."""
    assert set(statement) <= ELEMENTS, statement["Sid"]
    return (
        _like(request.action, as_list(statement["Action"]))
        and _like(request.resource, as_list(statement["Resource"]))
        and all(
            _OPERATORS[operator](request.values(key), as_list(wanted))
            for operator, tests in statement.get("Condition", {}).items()
            for key, wanted in tests.items()
        )
    )


def allowed(request: Request, of_principal: Iterable[Statement], of_key: Iterable[Statement] | None = None) -> bool:
    """Whether the IAM policies of its principal allow a request and, if it is about a key, the policy of the key does.

    The principal is of the key's account: a statement of the key's for the root user lets the IAM policies decide.
    """
    mine = [one for one in of_principal if applies(one, request)]
    keys = [one for one in of_key or () if applies(one, request)]
    if any(one["Effect"] == "Deny" for one in [*mine, *keys]):
        return False
    return bool(mine) and (of_key is None or any(one["Principal"]["AWS"].endswith(":root") for one in keys))
