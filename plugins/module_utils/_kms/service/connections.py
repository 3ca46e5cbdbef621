# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections to KMS in one account: each Region gets a client and a pacer when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from typing import Callable
from typing import Optional

from .connection import Connection
from .endpoint import channel
from .pacing import Pacer
from .pacing import Throttle
from .process import Ending

# Makes a boto3 client for KMS in a Region, or in the one that the caller has configured.
Connect = Callable[[Optional[str]], Any]


class Connections:
    """Creates connections. Quotas apply per Region; a request to end applies to all Regions.

    validate_certs: whether the clients of connect validate certificates.
    """

    def __init__(
        self,
        connect: Connect,
        rates: Mapping[str, float] | None = None,
        ending: Ending | None = None,
        validate_certs: bool = False,
    ) -> None:
        self._connect = connect
        self._validate_certs = validate_certs
        self._rates = rates
        self._lock = threading.Lock()
        home = connect(None)
        self.region = str(home.meta.region_name)
        self.pacer = Pacer(rates, ending)
        self._known: dict[str, tuple[Any, Pacer]] = {self.region: (home, self.pacer)}

    def connection(self, key_id: str, region: str | None = None) -> Connection:
        """A connection for the calls on one key."""
        # boto3's default session is not thread-safe.
        with self._lock:
            place = region or self.region
            if place not in self._known:
                self._known[place] = (self._connect(place), Pacer(self._rates, self.pacer.stop))
            client, pacer = self._known[place]
        return Connection(client, key_id, Throttle(pacer), channel=channel(client, self._validate_certs))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings about the endpoints, each once."""
        ways = [channel(client, self._validate_certs) for client, _pacer in self._known.values()]
        return tuple(dict.fromkeys(way.warning for way in ways if way.warning))
