# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP server: KMS and the control paths directly, everything else through moto's own server."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from werkzeug.serving import BaseWSGIServer
from werkzeug.serving import WSGIRequestHandler
from werkzeug.serving import make_server

from kms_emulator import control
from kms_emulator import visitors
from kms_emulator.runtime import runtime
from kms_emulator.service import Answer
from kms_emulator.service import Call
from kms_emulator.service import ConnectionDroppedError
from kms_emulator.service import handle

LOOPBACK = "127.0.0.1"
TARGET_PREFIX = "TrentService."
DEFAULT_REGION = "us-east-1"
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}

_CREDENTIAL = re.compile(r"Credential=(?P<access_key>[^/,\s]+)/[^/]+/(?P<region>[^/]+)/")


class MotoApplication:
    """moto's server, brought up at the first request for another service than KMS."""

    def __init__(self) -> None:
        self._application: Any = None
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if visitors.is_shut(environ["PATH_INFO"]):
            return _shut(start_response)

        def without_cors(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, visitors.without_cors(headers), *more)

        answer: Iterable[bytes] = self._started()(environ, without_cors)
        return answer

    def _started(self) -> Any:
        with self._lock:
            if self._application is None:
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication
                from moto.moto_server.werkzeug_app import create_backend_app

                self._application = DomainDispatcherApplication(create_backend_app)
        return self._application


def _shut(start_response: Any) -> Iterable[bytes]:
    body = json.dumps({"error": "the emulator keeps this part of moto's own API shut"}).encode()
    start_response("403 Forbidden", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


class RequestHandler(WSGIRequestHandler):
    """One connection, kept open between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        refusal = visitors.refusal(self.path, self.headers.raw_items())
        target = self.headers.get("X-Amz-Target", "")
        if refusal is not None:
            self._refuse(refusal)
        elif target.startswith(TARGET_PREFIX):
            self._answer_kms(target[len(TARGET_PREFIX) :])
        elif self.path.startswith(control.PREFIX):
            self._answer_control()
        else:
            super().run_wsgi()

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Requests are not logged; the log of calls is at GET /kms-emulator/calls."""
        if type == "error":
            super().log(type, message, *args)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header of every answer shows the emulated clock."""
        return super().date_time_string(runtime.clock.now() if timestamp is None else timestamp)

    def _answer_kms(self, operation: str) -> None:
        account, region = _caller(self.headers.get("Authorization", ""), self.headers.get("X-Moto-Account-Id"))
        try:
            answer = handle(Call(operation, account, region, self._body()))
        except ConnectionDroppedError:
            self._drop()
        except Exception as error:  # noqa: BLE001 - a bug must not look like a dropped connection
            self._send_bug(error)
        else:
            self._send(answer)

    def _answer_control(self) -> None:
        status, members = control.answer(self.command, self.path.split("?")[0], self._body())
        self._send(Answer(status, json.dumps(members).encode(), ""), "application/json")

    def _refuse(self, reason: str) -> None:
        """Answer and close: what is left of the request is not read, so nothing may be taken for a further one."""
        self.close_connection = True
        self._send(Answer(403, json.dumps({"error": reason}).encode(), ""), "application/json")

    def _send_bug(self, error: Exception) -> None:
        self.log_error("unexpected %s: %s", type(error).__name__, error)
        text = f"the emulator failed: {type(error).__name__}: {error}"
        body = json.dumps({"__type": "KMSInternalException", "message": text})
        self._send(Answer(500, body.encode(), ""))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, answer: Answer, content_type: str = "application/x-amz-json-1.1") -> None:
        """Head and body in one write."""
        closing = "Connection: close\r\n" if self.close_connection else ""
        head = (
            f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}\r\n"
            f"Date: {self.date_time_string()}\r\nContent-Type: {content_type}\r\n"
            f"x-amzn-RequestId: {answer.request_id}\r\nContent-Length: {len(answer.body)}\r\n{closing}\r\n"
        )
        self.wfile.write(head.encode("latin-1") + answer.body)

    def _drop(self) -> None:
        """Close the connection; the caller sees it end without an answer."""
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _caller(authorization: str, account_header: str | None) -> tuple[str, str]:
    """Account and Region: KMS has the Region from the signature alone."""
    match = _CREDENTIAL.search(authorization)
    region = match["region"] if match else DEFAULT_REGION
    if account_header:
        return account_header, region
    return _account(match["access_key"] if match else ""), region


def _account(access_key: str) -> str:
    """moto's rule: the environment, then the owner of the access key, then the default account."""
    if "MOTO_ACCOUNT_ID" in os.environ:
        return os.environ["MOTO_ACCOUNT_ID"]
    if "moto.iam.models" not in sys.modules:
        return DEFAULT_ACCOUNT_ID
    return _owner(access_key)


@lru_cache(maxsize=1024)
def _owner(access_key: str) -> str:
    from moto.iam.models import get_account_id_from

    return str(get_account_id_from(access_key))


def create_server(port: int) -> BaseWSGIServer:
    """A server on loopback; port 0 picks one."""
    return make_server(LOOPBACK, port, MotoApplication(), threaded=True, request_handler=RequestHandler)
