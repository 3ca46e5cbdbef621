# SPDX-FileCopyrightText: byok.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is private to the collection: it can change, or go, in any release.

from __future__ import annotations


class ModuleDocFragment:
    """The option of the modules that act on keys, by which a task cannot reach another account than the one meant."""

    DOCUMENTATION = r"""
options:
  expected_account:
    description:
      - The account in which the keys have to be, as 12 digits. Quote it, since YAML takes it for a number otherwise.
      - A key of another account is refused with the error code V(WrongAccount), after it was read and before anything is changed.
      - An ARN of another account is refused before KMS is asked.
      - Not for C(module_defaults) of C(group/byok.aws.aws), to which the modules of C(amazon.aws) belong as well.
    type: str
"""
