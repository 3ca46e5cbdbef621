# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which key each name of a rotation stands for: it is resolved once, before the plan. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any


def pins(names: Sequence[str], looks: Sequence[Mapping[str, Any]]) -> list[str]:
    """What every call from the plan on is given for each name: the ARN that the first look has found.

    A name that the look could not resolve stays, and so do several names of one key; those the module refuses.
    """
    arns = [str(look.get("key_arn") or "") for look in looks]
    arns += [""] * (len(names) - len(arns))
    counted = Counter(arns)
    return [arn if arn and counted[arn] == 1 else name for name, arn in zip(names, arns)]
