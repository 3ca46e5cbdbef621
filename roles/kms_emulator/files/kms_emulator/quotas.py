# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Request quotas: one token bucket per account, Region and operation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from kms_emulator.settings import RequestQuotas

DEFAULT_RATES: dict[str, float] = {
    operation: rate
    for rate, operations in {
        1.0: "GetParametersForImport",
        5.0: "RotateKeyOnDemand CreateKey ReplicateKey CancelKeyDeletion EnableKey DisableKey CreateAlias "
        "UpdateAlias UpdateKeyDescription UntagResource UpdatePrimaryRegion GetKeyLastUsage",
        10.0: "TagResource",
        15.0: "ImportKeyMaterial DeleteImportedKeyMaterial ScheduleKeyDeletion PutKeyPolicy DeleteAlias "
        "EnableKeyRotation",
        100.0: "ListKeyRotations",
        500.0: "ListKeys ListAliases",
        1000.0: "GetKeyRotationStatus GetKeyPolicy",
        2000.0: "DescribeKey GetPublicKey ListResourceTags",
    }.items()
    for operation in operations.split()
}


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class QuotaBook:
    """Counts calls against the rates in force; a bucket holds what one second allows, and at least one call."""

    def __init__(self, now: Callable[[], float]) -> None:
        """now: tells the time in seconds."""
        self._now = now
        self._rates: dict[str, float] = {}
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}
        self._lock = threading.Lock()

    def configure(self, quotas: RequestQuotas) -> None:
        """Start afresh with these rates."""
        with self._lock:
            if isinstance(quotas, dict):
                self._rates = {operation: float(rate) for operation, rate in quotas.items()}
            else:
                self._rates = dict(DEFAULT_RATES) if quotas else {}
            self._buckets.clear()

    def allows(self, account_id: str, region: str, operation: str) -> bool:
        """Take one token, or say that there is none."""
        rate = self._rates.get(operation)
        if rate is None:
            return True
        with self._lock:
            bucket = self._filled((account_id, region, operation), rate)
            if bucket.tokens < 1.0:
                return False
            bucket.tokens -= 1.0
            return True

    def _filled(self, name: tuple[str, str, str], rate: float) -> _Bucket:
        now = self._now()
        capacity = max(1.0, rate)
        bucket = self._buckets.setdefault(name, _Bucket(capacity, now))
        bucket.tokens = min(capacity, bucket.tokens + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        return bucket
