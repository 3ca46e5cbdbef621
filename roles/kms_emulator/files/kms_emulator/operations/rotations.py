# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rotation: on demand, its status and the list; automatic rotation is a setting that never fires."""

from __future__ import annotations

from kms_emulator import specs
from kms_emulator.errors import invalid_state
from kms_emulator.errors import limit_exceeded
from kms_emulator.errors import unsupported
from kms_emulator.errors import validation
from kms_emulator.key import EmulatedKey
from kms_emulator.metadata import everywhere
from kms_emulator.metadata import rotation_entries
from kms_emulator.metadata import rotation_status
from kms_emulator.operations.base import EMPTY
from kms_emulator.operations.base import Operation
from kms_emulator.operations.base import answer
from kms_emulator.runtime import runtime

MAX_ON_DEMAND = 25
REPLICAS_LACK_IT = (
    "Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key."
)


class RotationOperations(Operation):
    """RotateKeyOnDemand, ListKeyRotations, GetKeyRotationStatus, EnableKeyRotation, DisableKeyRotation."""

    def rotate_key_on_demand(self) -> str:
        key = self._rotatable()
        # Seen with AWS_KMS keys: a second request while one runs succeeds and adds nothing.
        if key.lineage.rotation_due is None:
            _check_readiness(key)
            with self.kms_backend.change(key):
                key.lineage.start_rotation(runtime.clock.now(), runtime.settings.rotation_seconds)
        return answer({"KeyId": key.arn})

    def list_key_rotations(self) -> str:
        key = self.visible_key()
        include_all = self.params.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
        if include_all and not key.is_symmetric:
            raise validation("Input parameter includeKeyMaterial can only be used with symmetric keys.")
        return answer(self.page(rotation_entries(key, include_all), "Rotations", 100))

    def get_key_rotation_status(self) -> str:
        # What KMS says about asymmetric and HMAC keys is not settled; here they simply do not rotate.
        return answer(rotation_status(self.visible_key()))

    def enable_key_rotation(self) -> str:
        key = self._rotatable()
        with self.kms_backend.change(key):
            key.automatic_rotation.enable(runtime.clock.now(), self.params.get("RotationPeriodInDays"))
        return EMPTY

    def disable_key_rotation(self) -> str:
        key = self.usable_key()
        # Seen with HMAC keys: success, although they do not rotate. That asymmetric keys are refused is documented.
        if specs.is_asymmetric(key.key_spec):
            raise unsupported()
        self._refuse_replica(key)
        with self.kms_backend.change(key):
            key.automatic_rotation.disable()
        return EMPTY

    def _rotatable(self) -> EmulatedKey:
        """A key whose state, then its spec, then its Region allow it."""
        key = self.usable_key()
        if not key.is_symmetric:
            raise unsupported()
        self._refuse_replica(key)
        return key

    def _refuse_replica(self, key: EmulatedKey) -> None:
        if key.is_replica:
            raise unsupported(f"{key.arn} is a multi-region replica key which is not valid for {self.operation}.")


def _check_readiness(key: EmulatedKey) -> None:
    if len(key.lineage.rotations) >= MAX_ON_DEMAND:
        raise limit_exceeded(
            "The on-demand rotations limit has been reached for the given keyId. "
            f"No more on-demand rotations can be performed for this key: {key.arn}"
        )
    if not key.is_external:
        return
    staged = key.lineage.staged
    if staged is None:
        raise invalid_state(f"No available key material pending rotation for the key: {key.arn}.")
    if not everywhere(key, staged):
        raise invalid_state(REPLICAS_LACK_IT)
