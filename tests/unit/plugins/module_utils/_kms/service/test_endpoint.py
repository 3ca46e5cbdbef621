# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which endpoints plaintext may be wrapped for, which are those of AWS, and what a client really does."""

from __future__ import annotations

import botocore.config
import botocore.loaders
import botocore.session
import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.service.connections import Connections
from ansible_collections.byok.aws.plugins.module_utils._kms.service.endpoint import AWS_SUFFIXES
from ansible_collections.byok.aws.plugins.module_utils._kms.service.endpoint import Channel
from ansible_collections.byok.aws.plugins.module_utils._kms.service.endpoint import channel
from ansible_collections.byok.aws.plugins.module_utils._kms.service.endpoint import require_proved
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import UNTRUSTED
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError

AWS = "https://kms.eu-central-1.amazonaws.com"
NOTHING = frozenset()


@pytest.mark.parametrize(
    "url",
    [
        AWS,
        AWS + "/",
        AWS + ":443",
        "https://KMS.eu-central-1.AmazonAWS.com",
        "https://kms.example.test:8443/kms",
        "http://127.0.0.1:5000",
        "http://127.8.9.1",
        "http://localhost:4566/",
        "http://[::1]:4566",
    ],
)
def test_endpoints_that_plaintext_may_be_wrapped_for(url):
    assert Channel(url).problem is None
    require_proved(Channel(url), NOTHING, "alias/x")


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (Channel(AWS, checked=False), "validate_certs is false"),
        (Channel("https://127.0.0.1:4566", checked=False), "validate_certs is false"),
        (Channel("http://127.0.0.1:4566", checked=False), "validate_certs is false"),
        (Channel(AWS, read_by_proxy=True), "a proxy"),
        (Channel("http://127.0.0.1:4566", read_by_proxy=True), "a proxy"),
        (Channel("http://kms.eu-central-1.amazonaws.com"), "not https"),
        (Channel("http://10.0.0.1:4566"), "not https"),
        (Channel("http://0.0.0.0:4566"), "not https"),
        (Channel("http://2130706433:4566"), "not https"),
        (Channel("http://127.0.0.1.example.test"), "not https"),
        (Channel("http://localhost.example.test"), "not https"),
        (Channel("http://127.0.0.1@example.test"), "not https"),
        (Channel("http://[::ffff:10.0.0.1]"), "not https"),
        (Channel("http://[::1"), "not https"),
        (Channel("ftp://127.0.0.1"), "not https"),
        (Channel("127.0.0.1:4566"), "not https"),
        (Channel(""), "not https"),
    ],
)
def test_endpoints_that_plaintext_must_not_be_wrapped_for(way, said):
    with pytest.raises(AnsibleKMSError) as caught:
        require_proved(way, frozenset({"loose_file", "weak_material", "plaintext_file_transfer"}), "alias/x")
    assert caught.value.code == UNTRUSTED
    assert said in caught.value.sentence and "set allow to unverified_endpoint" in caught.value.sentence
    assert caught.value.sentence.startswith("plaintext for the key alias/x ")
    require_proved(way, frozenset({"unverified_endpoint"}), "alias/x")


@pytest.mark.parametrize(
    "host",
    [
        "kms.eu-central-1.amazonaws.com",
        "KMS.us-gov-west-1.amazonaws.com",
        "kms-fips.us-east-1.amazonaws.com",
        "kms.us-east-1.api.aws",
        "kms-fips.us-east-1.api.aws",
        "kms.cn-north-1.amazonaws.com.cn",
        "kms.eusc-de-east-1.amazonaws.eu",
        "kms.us-iso-east-1.c2s.ic.gov",
        "vpce-0123456789abcdef0-abcdefgh.kms.eu-central-1.vpce.amazonaws.com",
        "vpce-0123456789abcdef0-abcdefgh-eu-central-1a.kms.eu-central-1.vpce.amazonaws.com",
        "vpce-0123456789abcdef0-abcdefgh.kms-fips.us-east-1.vpce.amazonaws.com",
    ],
)
def test_names_that_only_aws_gives(host):
    assert Channel(f"https://{host}").of_aws
    assert Channel(f"https://{host}").warning is None


@pytest.mark.parametrize(
    "host",
    [
        "kms.example.test",
        "kms.eu-central-1.amazonaws.com.example.test",
        "kms.eu-central-1.notamazonaws.com",
        "amazonaws.com",
        # What customers of AWS can have, each with a certificate that is valid.
        "abcdef1234.execute-api.eu-central-1.amazonaws.com",
        "kms-1234567890.eu-central-1.elb.amazonaws.com",
        "kms.eu-central-1.elb.amazonaws.com",
        "kms.s3.eu-central-1.amazonaws.com",
        "kms.eu-central-1.s3.amazonaws.com",
        "kms.s3.amazonaws.com",
        "ec2-203-0-113-1.eu-central-1.compute.amazonaws.com",
        "vpce-0123456789abcdef0-abcdefgh.vpce-svc-0123456789abcdef0.eu-central-1.vpce.amazonaws.com",
    ],
)
def test_other_names_are_warned_about(host):
    url = f"https://user:secret@{host}:8443/kms/?key=1"
    assert f"the endpoint https://{host}:8443/kms is not an endpoint of AWS" in Channel(url).warning
    assert "secret" not in Channel(url).warning


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000", "https://localhost:4566", "http://[::1]"])
def test_this_machine_causes_no_warning(url):
    assert Channel(url).warning is None


def test_every_suffix_that_botocore_knows_is_known():
    loader = botocore.loaders.create_loader()
    found = set()
    for partition in loader.load_data("partitions")["partitions"]:
        found |= {partition["outputs"]["dnsSuffix"], partition["outputs"]["dualStackDnsSuffix"]}
    for partition in loader.load_data("endpoints")["partitions"]:
        found |= {partition["dnsSuffix"], *(one["dnsSuffix"] for one in partition["defaults"].get("variants", []))}
    assert found <= set(AWS_SUFFIXES)


# -- real clients ------------------------------------------------------------------------------------------------------


@pytest.fixture(name="client")
def fixture_client(monkeypatch):
    """A function that makes a real client as the environment and these settings say."""
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_KMS",
        "AWS_USE_FIPS_ENDPOINT",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def make(environment, url=None, **config):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        session = botocore.session.Session()
        # With given credentials no service is asked for any, not even through a proxy.
        return session.create_client(
            "kms",
            region_name="eu-central-1",
            endpoint_url=url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=botocore.config.Config(**config),
        )

    return make


PROXY = "http://user:secret@192.0.2.1:3128"
HERE = "http://127.0.0.1:5000"
FORWARDED = {"proxy_use_forwarding_for_https": True}


@pytest.mark.parametrize(
    ("environment", "url", "config", "read"),
    [
        ({}, None, {}, False),
        ({}, HERE, {}, False),
        # A proxy for https passes on what it cannot read, unless it is told otherwise.
        ({"HTTPS_PROXY": PROXY}, None, {}, False),
        ({"HTTPS_PROXY": PROXY}, None, {"proxies_config": FORWARDED}, True),
        ({}, None, {"proxies": {"https": PROXY}}, False),
        ({}, None, {"proxies": {"https": PROXY}, "proxies_config": FORWARDED}, True),
        ({}, None, {"proxies_config": FORWARDED}, False),
        # For http it reads everything, also what is meant for this very machine.
        ({"HTTP_PROXY": PROXY}, HERE, {}, True),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1"}, HERE, {}, False),
        ({"HTTPS_PROXY": PROXY}, HERE, {}, False),
        ({}, HERE, {"proxies": {"http": PROXY}}, True),
        ({"HTTP_PROXY": PROXY}, HERE, {"proxies": {}}, False),
    ],
)
def test_proxies_that_read_what_is_sent(client, environment, url, config, read):
    made = client(environment, url, **config)
    way = channel(made, True)
    assert way.read_by_proxy is read
    assert "secret" not in str(way.problem)
    # What botocore itself will do.
    proxied = made._endpoint.http_session._proxy_config.proxy_url_for(way.url)
    forwards = url is not None or bool((config.get("proxies_config") or {}).get("proxy_use_forwarding_for_https"))
    assert read is (bool(proxied) and forwards)


@pytest.mark.parametrize(
    ("environment", "url", "wanted"),
    [
        ({}, None, AWS),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, None, "https://kms-fips.eu-central-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL_KMS": HERE}, None, HERE),
        ({"AWS_ENDPOINT_URL": "https://kms.example.test"}, None, "https://kms.example.test"),
        ({"AWS_ENDPOINT_URL_KMS": HERE}, "https://kms.example.test/", "https://kms.example.test"),
    ],
)
def test_the_endpoint_is_the_one_that_the_client_uses(client, environment, url, wanted):
    way = channel(client(environment, url), True)
    assert way.shown == wanted


def test_what_is_said_of_the_endpoints_of_a_call_is_said_once(client):
    made = {region: client({}, f"https://{region}.example.test") for region in ("eu", "us")}
    made[None] = client({}, "https://eu.example.test")
    connections = Connections(made.get, validate_certs=True)
    for region in ("eu", "us", "eu", None):
        connections.connection("alias/x", region)
    assert [text.split()[2] for text in connections.warnings] == ["https://eu.example.test", "https://us.example.test"]


@pytest.mark.parametrize("validate_certs", [False, True])
def test_a_connection_knows_whether_certificates_are_checked(client, validate_certs):
    made = client({})
    kms = Connections(lambda _region: made, validate_certs=validate_certs).connection("alias/x")
    assert (kms.channel.problem is None) is validate_certs


def test_a_gateway_that_is_told_nothing_is_not_trusted(client):
    made = client({})
    assert Connections(lambda _region: made).connection("alias/x").channel.problem
