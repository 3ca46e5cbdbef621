# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Amazon Resource Names of keys and aliases."""

from __future__ import annotations

from moto.utilities.utils import get_partition


def arn(region: str, account_id: str, resource: str) -> str:
    """The ARN of ``key/ID`` or ``alias/NAME`` in the partition of a Region."""
    return f"arn:{get_partition(region)}:kms:{region}:{account_id}:{resource}"
