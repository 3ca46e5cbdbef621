# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which requests are answered: those of programs on this machine, not those of web pages in its browser.

The emulator checks no signature. A page that a browser shows may send requests to loopback all the same: from its own
site (the browser then names that site as the origin), or from a name that its DNS server points to 127.0.0.1 in the
meantime (DNS rebinding; the browser then names it as the host).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
OWN_SITE = ("same-origin", "none")
"""Values of Sec-Fetch-Site: a request of the emulator's own page, or of an address that the user typed."""

MOTO_API = "/moto-api"
OPEN_MOTO_API = re.compile(r"/moto-api/(reset|reset-auth|seed|config|state-manager/[a-z-]+|static/[a-z0-9/-]+)")
"""The rest of moto's own API is shut: a recorder that writes requests to files, and a dashboard that shows everything
and runs scripts of other sites."""


def refusal(target: str, headers: Iterable[tuple[str, str]]) -> str | None:
    """Why a request is not answered, by its target and header fields; None if it is."""
    hosts, origins, sites = _fields(headers)
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
        return f"the emulator answers to the hosts 127.0.0.1 and localhost only, not to {hosts or 'none'}"
    if not target.startswith("/"):
        return "the emulator is no proxy: the target of a request must be a path"
    foreign = [origin for origin in origins if origin.lower() != f"http://{hosts[0].lower()}"]
    if foreign:
        return f"the emulator answers to no web page of another origin: {foreign}"
    if any(site not in OWN_SITE for site in sites):
        return f"the emulator answers to no web page of another site: {sites}"
    return None


def _fields(headers: Iterable[tuple[str, str]]) -> tuple[list[str], list[str], list[str]]:
    """The values of Host, Origin and Sec-Fetch-Site, in one pass: every request comes by here."""
    found: dict[str, list[str]] = {"host": [], "origin": [], "sec-fetch-site": []}
    for name, value in headers:
        values = found.get(name.lower())
        if values is not None:
            values.append(value.strip(" \t"))
    return found["host"], found["origin"], found["sec-fetch-site"]


def is_shut(path: str) -> bool:
    """Whether a path, decoded, is one of moto's own API that the emulator keeps shut."""
    return path.startswith(MOTO_API) and OPEN_MOTO_API.fullmatch(path) is None


def without_cors(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The header fields of an answer without those that open it to web pages; moto adds them for all origins."""
    return [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
