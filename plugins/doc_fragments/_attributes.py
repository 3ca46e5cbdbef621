# SPDX-FileCopyrightText: byok.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is private to the collection: it can change, or go, in any release.

from __future__ import annotations


class ModuleDocFragment:
    """Vocabulary for the attributes of modules, actions and roles."""

    # What each attribute means. Each plugin documents how far it supports it.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in check mode), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    # For a module that talks to AWS.
    ACTIONGROUP_AWS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/byok.aws.aws) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - byok.aws.aws
"""

    # For a module that only reads.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify state.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
    details:
      - This module does not modify state.
"""

    # For a module that runs where its data is and never talks to AWS.
    OFFLINE = r"""
options: {}
attributes:
  offline:
    description: Works without any connection to AWS or to another network service.
    support: full
"""

    # For a module that has an action plugin of the same name.
    ACTION = r"""
options: {}
attributes:
  action:
    description:
      - Indicates this has a corresponding action plugin, so some parts of the options can be executed on the controller.
  async:
    description: Supports being used with the C(async) keyword.
"""
