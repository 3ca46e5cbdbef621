# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module kms_rotation_step as kms_imported_material is run: without its arguments ever lying in a file."""

from __future__ import annotations

from ansible_collections.byok.aws.plugins.action.kms_imported_material import ActionModule as MaterialAction
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import MACHINE_MADE
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import rotation_step_spec


class ActionModule(MaterialAction):
    """The module of the same name, through a pipe."""

    _module = "byok.aws.kms_rotation_step"
    _module_spec = staticmethod(rotation_step_spec)

    def _options_of_users(self):
        return {name: value for name, value in self._task.args.items() if name not in MACHINE_MADE}
