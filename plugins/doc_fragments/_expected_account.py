# SPDX-FileCopyrightText: byok.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is private to the collection: it can change, or go, in any release.

from __future__ import annotations


class ModuleDocFragment:
    """The option of all modules that names the account of the keys."""

    DOCUMENTATION = r"""
options:
  expected_account:
    description:
      - The account in which the keys must be, as 12 digits. Quote it, because YAML reads it as a number otherwise.
      - The module reads a key of another account, and refuses it with the error code V(WrongAccount) before it changes anything.
      - The module refuses an ARN of another account before it calls KMS.
      - Do not set it in C(module_defaults) for C(group/byok.aws.aws); the modules of C(amazon.aws) belong to this group, too.
    type: str
"""
