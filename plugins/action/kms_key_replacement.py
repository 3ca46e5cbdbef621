# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module kms_key_replacement without writing its arguments to a file, like kms_imported_material."""

from __future__ import annotations

from ansible_collections.byok.aws.plugins.action.kms_imported_material import ActionModule as MaterialAction
from ansible_collections.byok.aws.plugins.module_utils._kms.material.arguments import key_replacement_spec


class ActionModule(MaterialAction):
    """Runs the module of the same name through a pipe."""

    _module = "byok.aws.kms_key_replacement"
    _module_spec = staticmethod(key_replacement_spec)
