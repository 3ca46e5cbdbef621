# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is answered: programs of this machine, and no web page. Everything goes through raw sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from emulator_process import EmulatorProcess
from workbench import Workbench

KMS = "POST / X-Amz-Target: TrentService.CreateKey"
CONTROL = "POST /kms-emulator/reset"
OTHERS = "GET /bucket"
MOTO = "POST /moto-api/reset"
WAYS_IN = (KMS, CONTROL, OTHERS, MOTO)

Answer = tuple[int, dict[str, str], bytes]


def send(emulator: EmulatorProcess, request: bytes) -> list[Answer]:
    """Every answer to what is sent, until the emulator closes the connection or has nothing more to say."""
    address = ("127.0.0.1", int(emulator.url.rsplit(":", 1)[1]))
    with socket.create_connection(address, timeout=300) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return list(answers(stream))


def answers(stream: Any) -> Iterator[Answer]:
    while True:
        line = stream.readline()
        if not line:
            return
        status = int(line.split()[1])
        fields: dict[str, str] = {}
        for raw in iter(stream.readline, b"\r\n"):
            name, value = raw.decode("latin-1").split(":", 1)
            fields[name.lower()] = value.strip()
        yield status, fields, stream.read(int(fields.get("content-length", 0)))


def request(emulator: EmulatorProcess, way: str, *fields: str, body: bytes = b"{}") -> bytes:
    """A request; HOST in a field stands for where the emulator really is."""
    method, target, *more = way.split(" ", 2)
    head = [f"{method} {target} HTTP/1.1", *more, *fields, f"Content-Length: {len(body)}"]
    text = "\r\n".join(head).replace("PORT", emulator.url.rsplit(":", 1)[1])
    return f"{text}\r\n\r\n".encode("latin-1") + body


def only_answer(emulator: EmulatorProcess, way: str, *fields: str, body: bytes = b"{}") -> Answer:
    (answer,) = send(emulator, request(emulator, way, *fields, body=body))
    return answer


def is_refused(answer: Answer) -> bool:
    status, fields, body = answer
    return status == 403 and fields["connection"] == "close" and "the emulator" in json.loads(body)["error"]


@pytest.fixture
def key(bench: Workbench) -> str:
    """A key that a reset would take away."""
    return bench.create()


class TestHost:
    @pytest.mark.parametrize("way", WAYS_IN)
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1:PORT",
            "localhost:PORT",
            "127.0.0.1",
            "localhost",
            "LocalHost:PORT",
            "127.0.0.1:8080",
            " 127.0.0.1 ",
        ],
    )
    def test_this_machine(self, emulator: EmulatorProcess, way: str, host: str) -> None:
        """Any port: a tunnel or a container may lead here from another one."""
        assert only_answer(emulator, way, f"Host: {host}")[0] in (200, 404)

    @pytest.mark.parametrize("way", WAYS_IN)
    @pytest.mark.parametrize(
        "fields",
        [
            ["Host: attacker.example:PORT"],
            ["Host: 127.0.0.1.attacker.example:PORT"],
            ["Host: localhost.attacker.example:PORT"],
            ["Host: attacker.example#127.0.0.1:PORT"],
            ["Host: 127.0.0.1@attacker.example"],
            ["Host: kms.us-east-1.amazonaws.com"],
            ["Host: 10.0.0.1:PORT"],
            ["Host: [::1]:PORT"],
            ["Host: 127.0.0.1:PORT/path"],
            ["Host: 127.0.0.1:PORT\r\n attacker.example"],
            ["Host: "],
            [],
            ["Host: 127.0.0.1:PORT", "Host: attacker.example"],
            ["Host: attacker.example", "X-Forwarded-Host: 127.0.0.1"],
        ],
        ids=str,
    )
    def test_any_other(self, bench: Workbench, key: str, way: str, fields: list[str]) -> None:
        assert is_refused(only_answer(bench.emulator, way, *fields))
        assert [each["KeyId"] for each in bench.kms.list_keys()["Keys"]] == [key]

    def test_no_proxy(self, emulator: EmulatorProcess) -> None:
        """A target with a host of its own would count for more than the Host field."""
        for way in ("GET http://attacker.example/", "GET http://127.0.0.1:PORT/", "OPTIONS *"):
            assert is_refused(only_answer(emulator, way, "Host: 127.0.0.1:PORT"))


class TestOrigin:
    @pytest.mark.parametrize("way", WAYS_IN)
    @pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT"])
    def test_its_own(self, emulator: EmulatorProcess, way: str, host: str) -> None:
        fields = (f"Host: {host}", f"Origin: http://{host}", "Sec-Fetch-Site: same-origin")
        assert only_answer(emulator, way, *fields)[0] in (200, 404)

    @pytest.mark.parametrize("way", WAYS_IN)
    @pytest.mark.parametrize(
        "field",
        [
            "Origin: https://attacker.example",
            "Origin: null",
            "Origin: ",
            "Origin: http://127.0.0.1:3000",
            "Origin: http://localhost:PORT",
            "Origin: https://127.0.0.1:PORT",
            "Origin: http://127.0.0.1:PORT.attacker.example",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
        ],
    )
    def test_any_other(self, bench: Workbench, key: str, way: str, field: str) -> None:
        """A page of another server on this machine is a foreign one, too."""
        assert is_refused(only_answer(bench.emulator, way, "Host: 127.0.0.1:PORT", field))
        assert [each["KeyId"] for each in bench.kms.list_keys()["Keys"]] == [key]

    @pytest.mark.parametrize("target", ["/", "/kms-emulator/faults", "/bucket", "/moto-api/reset"])
    def test_a_preflight_request(self, emulator: EmulatorProcess, target: str) -> None:
        fields = (
            "Origin: https://attacker.example",
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: x-amz-target",
        )
        assert is_refused(only_answer(emulator, f"OPTIONS {target}", "Host: 127.0.0.1:PORT", *fields))


class TestAnswers:
    @pytest.mark.parametrize("method", ["GET", "OPTIONS"])
    @pytest.mark.parametrize("target", ["/", "/kms-emulator/status", "/bucket", "/moto-api/reset", "/moto-api/"])
    @pytest.mark.parametrize("origin", [[], ["Origin: http://127.0.0.1:PORT"]], ids=["no origin", "its own"])
    def test_nothing_opens_them_to_web_pages(
        self, emulator: EmulatorProcess, method: str, target: str, origin: list[str]
    ) -> None:
        _status, fields, _body = only_answer(emulator, f"{method} {target}", "Host: 127.0.0.1:PORT", *origin)
        assert not [name for name in fields if name.startswith("access-control-")]

    def test_a_bucket_that_allows_web_pages(self, emulator: EmulatorProcess) -> None:
        bucket = emulator.client(service="s3")
        bucket.create_bucket(Bucket="open")
        rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
        bucket.put_bucket_cors(Bucket="open", CORSConfiguration={"CORSRules": [rule]})
        bucket.put_object(Bucket="open", Key="key", Body=b"body", ACL="public-read")
        own = ("Host: 127.0.0.1:PORT", "Origin: http://127.0.0.1:PORT")
        status, fields, _body = only_answer(emulator, "GET /open/key", *own)
        assert status == 200
        assert not [name for name in fields if name.startswith("access-control-")]

    def test_nothing_behind_a_refused_request_is_carried_out(self, bench: Workbench, key: str) -> None:
        """Its body is not read: it must not be taken for a request of its own."""
        hidden = request(bench.emulator, CONTROL, "Host: 127.0.0.1:PORT")
        whole = request(bench.emulator, KMS, "Host: attacker.example", "Content-Type: text/plain", body=hidden)
        (refused,) = send(bench.emulator, whole + hidden)
        assert is_refused(refused)
        assert [each["KeyId"] for each in bench.kms.list_keys()["Keys"]] == [key]

    def test_a_further_request_on_the_same_connection(self, emulator: EmulatorProcess) -> None:
        ask = request(emulator, "GET /kms-emulator/status", "Host: localhost:PORT", body=b"")
        foreign = request(emulator, "GET /kms-emulator/status", "Host: attacker.example", body=b"")
        statuses = [status for status, _fields, _body in send(emulator, ask + ask + foreign + ask)]
        assert statuses == [200, 200, 403]


class TestMotosOwnApi:
    @pytest.mark.parametrize(
        "way",
        [
            "GET /moto-api",
            "GET /moto-api/",
            "GET /moto-api/data.json",
            "GET /moto-api/lib.js",
            "POST /moto-api/proxy/passthrough",
            "POST /moto-api/recorder/start-recording",
            "POST /moto-api/recorder/upload-recording",
            "POST /moto-api/recorder/replay-recording",
            "GET /moto-api/recorder/download-recording",
            "POST //moto-api/recorder/start-recording",
            "POST /moto-api/%72ecorder/start-recording",
            "POST /%6doto-api/recorder/start-recording",
            "POST /moto-api//recorder/start-recording",
            "POST /moto-api/./recorder/start-recording",
            "POST /moto-api/config/../recorder/start-recording",
            "POST /moto-api/static/../recorder/start-recording",
        ],
    )
    def test_what_is_shut(self, emulator: EmulatorProcess, way: str) -> None:
        status, _fields, body = only_answer(emulator, way, "Host: 127.0.0.1:PORT")
        assert (status, json.loads(body)) == (403, {"error": "the emulator keeps this part of moto's own API shut"})

    def test_what_is_open(self, bench: Workbench, key: str) -> None:
        """moto's server mode resets through it; a test may configure it and slow transitions down."""
        assert only_answer(bench.emulator, "GET /moto-api/config", "Host: 127.0.0.1:PORT")[0] in (200, 201)
        transition = b'{"model_name": "a", "transition": {"progression": "immediate"}}'
        way = "POST /moto-api/state-manager/set-transition"
        assert only_answer(bench.emulator, way, "Host: 127.0.0.1:PORT", body=transition)[0] == 201
        assert bench.kms.list_keys()["Keys"] != []
        assert only_answer(bench.emulator, MOTO, "Host: 127.0.0.1:PORT")[0] == 200
        assert bench.kms.list_keys()["Keys"] == []
