# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module kms_wrap_key_material without its arguments ever lying in a file. Needs no amazon.aws."""

from __future__ import annotations

from ansible_collections.byok.aws.plugins.action.kms_imported_material import ActionModule as MaterialAction
from ansible_collections.byok.aws.plugins.module_utils._kms.ceremony.arguments import wrap_key_material_spec


class ActionModule(MaterialAction):
    """The module of the same name, through a pipe."""

    _module = "byok.aws.kms_wrap_key_material"
    _module_spec = staticmethod(wrap_key_material_spec)

    @classmethod
    def _spec(cls):
        return cls._module_spec()

    def _summarize(self, result):
        """The sentence of the module says all that there is."""
