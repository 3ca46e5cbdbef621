# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of the endpoint: material is wrapped only for an endpoint that is proved to be KMS.

Material is wrapped with the public key from the answer to GetParametersForImport, so the sender of this answer can
unwrap it. Only the certificate of the endpoint (RFC 8446) proves that the sender is KMS.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult
from urllib.parse import urlsplit

from ..key.models import UNVERIFIED_ENDPOINT
from .errors import UNTRUSTED
from .errors import AnsibleKMSError

try:
    from botocore.utils import get_environ_proxies
except ImportError:
    # AnsibleAWSModule says so in a sentence before anything gets here.
    pass

# The DNS suffixes of every partition, for IPv4 and for dual stack (botocore's partitions.json and endpoints.json).
AWS_SUFFIXES = (
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
)
# KMS itself or a VPC endpoint for it. Resources of customers, such as load balancers and buckets, have names with the
# same suffixes.
_KMS_HOST_RE = re.compile(
    r"(?:vpce-[a-z0-9-]+\.)?kms(?:-fips)?\.[a-z]+(?:-[a-z]+)+-[0-9]+\.(?:vpce\.)?(?P<suffix>[a-z0-9.-]+)"
)


@dataclass(frozen=True)
class Channel:
    """The connection to an endpoint.

    url: as the client uses it. checked: whether the client validates certificates. read_by_proxy: whether a proxy can
    read and change the traffic.
    """

    url: str
    checked: bool = True
    read_by_proxy: bool = False

    @property
    def shown(self) -> str:
        """The URL without credentials."""
        parts = _split(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    @property
    def loopback(self) -> bool:
        host = _split(self.url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def of_aws(self) -> bool:
        """Whether the host has a name that only AWS can assign, to KMS."""
        match = _KMS_HOST_RE.fullmatch(_split(self.url).hostname or "")
        return match is not None and match["suffix"] in AWS_SUFFIXES

    @property
    def problem(self) -> str | None:
        """Why the endpoint is not proved to be KMS, or None."""
        scheme = _split(self.url).scheme
        if not self.checked:
            return "validate_certs is false, so no certificate proves that it is KMS"
        if self.read_by_proxy:
            return "a proxy reads the traffic and could change it"
        if scheme == "https" or (scheme == "http" and self.loopback):
            return None
        return "it is not https, so no certificate proves that it is KMS"

    @property
    def warning(self) -> str | None:
        """A warning when the endpoint is neither in AWS nor on this machine."""
        if self.of_aws or self.loopback:
            return None
        return f"the endpoint {self.shown} is not an endpoint of AWS; changes there do not happen in AWS"


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # For example an unclosed bracket: then it is neither https, nor loopback, nor AWS.
        return urlsplit("")


def channel(client: Any, validate_certs: bool) -> Channel:
    """The channel of a boto3 client that was made with this validate_certs."""
    url = str(client.meta.endpoint_url)
    return Channel(url, validate_certs, _read_by_proxy(client.meta.config, url))


def _read_by_proxy(config: Any, url: str) -> bool:
    """Whether botocore sends readable requests to a proxy, instead of a tunnel through it (CONNECT)."""
    proxies = get_environ_proxies(url) if config.proxies is None else config.proxies
    scheme = _split(url).scheme
    if not proxies.get(scheme):
        return False
    return scheme != "https" or bool((config.proxies_config or {}).get("proxy_use_forwarding_for_https"))


def require_proved(way: Channel | None, allow: frozenset[str], key_id: str) -> None:
    """Raises AnsibleKMSError when plaintext must not be wrapped for this endpoint."""
    if way is None or way.problem is None or UNVERIFIED_ENDPOINT in allow:
        return
    raise AnsibleKMSError(
        f"plaintext for the key {key_id} is not wrapped for {way.shown}: {way.problem}; use https with a certificate "
        "that is checked (aws_ca_bundle for your own CA), wrap the material elsewhere, or set allow to "
        "unverified_endpoint",
        code=UNTRUSTED,
    )
