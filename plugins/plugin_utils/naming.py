# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which key each name of a rotation stands for. An alias can lead to another key from one call to the next, and from
one run to the next; so it is resolved once, before the plan, and compared with what an earlier run had. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ansible_collections.byok.aws.plugins.module_utils._kms.key.identifiers import alias_of
from ansible_collections.byok.aws.plugins.module_utils._kms.key.identifiers import same_key


def unresolved_problem(name: str, pin: str, look: Mapping[str, Any]) -> str | None:
    """Why a key must not be changed under an alias that was not resolved before its plan, or None."""
    if alias_of(name) is None or pin != name:
        return None
    note = look.get("note") or "another name leads to the same key"
    return f"{name} could not be resolved before the plan ({note}), and may lead to another key later; run it again"


def moved(journal: Mapping[str, Any], names: Sequence[str], arns: Sequence[str | None]) -> dict[int, str]:
    """What is to be said of each alias that leads to another key than in an unfinished journal, by index.

    arns: the keys that are planned now, as far as they could be read.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for record in journal.get("keys") or []:
        alias = alias_of(str(record.get("key_id")))
        if alias:
            found[alias] = record
    told = {}
    for index, (name, arn) in enumerate(zip(names, arns)):
        record = found.get(alias_of(name) or "", {})
        earlier = str(record.get("key_arn") or "")
        if arn and earlier and not same_key(arn, earlier):
            told[index] = (
                f"{name} leads to the key {arn} now; in the rotation of {journal.get('updated_at')}, which was not "
                f"finished, it stood for {earlier} ({record.get('status')})"
            )
    return told
