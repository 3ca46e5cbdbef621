# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts the KMS emulator for tests and talks to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

_MAIN = Path(__file__).with_name("emulator_main.py")
PACKAGE_ROOT = Path(__file__).resolve().parents[2] / "roles" / "kms_emulator" / "files"
READY = "kms_emulator ready on "


class EmulatorProcess:
    """An emulator of one's own, in a process of its own.

    Use it as a context manager, or call ``start`` and ``stop``.
    """

    def __init__(self, *options: str, python: str = sys.executable, start_timeout: float = 300.0) -> None:
        self.url = ""
        self._options = options
        self._python = python
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[str] | None = None
        self._session: Any = None
        self._session_lock = threading.Lock()

    def __enter__(self) -> EmulatorProcess:
        return self.start()

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> EmulatorProcess:
        """Start it and wait until it says that it is ready."""
        # By this word of its command line the role knows an emulator.
        command = [self._python, "-X", "kms_emulator", str(_MAIN), "--port", "0", *self._options]
        self._process = subprocess.Popen(
            command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self._first_line()
        if not line.startswith(READY):
            self._process.kill()
            errors = self._process.communicate()[1]
            raise RuntimeError(f"the emulator did not start: {line!r} {errors}")
        self.url = line[len(READY) :].strip()
        threading.Thread(target=self._drain, daemon=True).start()
        return self

    def stop(self) -> int:
        """End it as an operator would, and return its exit status."""
        process = self._process
        if process is None:
            return 0
        process.terminate()
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        self._process = None
        return status

    def reset(self) -> dict[str, Any]:
        """No keys, no faults, no calls, the settings it was started with."""
        return self._control("POST", "reset", {})

    def config(self, **settings: Any) -> dict[str, Any]:
        """Change settings."""
        return self._control("POST", "config", settings)

    def faults(self, rules: list[dict[str, Any]]) -> None:
        """Replace the fault rules."""
        self._control("POST", "faults", {"rules": rules})

    def calls(self, operation: str | None = None) -> list[dict[str, Any]]:
        """Every call since the start or the last reset, or those of one operation."""
        calls: list[dict[str, Any]] = self._control("GET", "calls")["calls"]
        return [call for call in calls if operation in (None, call["operation"])]

    def client(self, region: str = "us-east-1", service: str = "kms", **options: Any) -> Any:
        """A boto3 client with made-up credentials that does not retry."""
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=options.pop("max_pool_connections", 32),
            **options.pop("config", {}),
        )
        credentials = {
            "aws_access_key_id": "testing",
            "aws_secret_access_key": "testing",
            "aws_session_token": "testing",
        }
        with self._session_lock:
            if self._session is None:
                self._session = boto3.session.Session()
            return self._session.client(
                service, region_name=region, endpoint_url=self.url, config=config, **{**credentials, **options}
            )

    def environment(self, region: str = "us-east-1") -> dict[str, str]:
        """Variables that send any AWS tool to this emulator."""
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_SESSION_TOKEN": "testing",
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_ENDPOINT_URL_KMS": self.url,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _control(self, method: str, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - our own URL
            f"{self.url}/kms-emulator/{name}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with _OPENER.open(request, timeout=300) as response:
                parsed: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None
        return parsed

    def _first_line(self) -> str:
        """The first line of output, or what there is when the time is up."""
        assert self._process is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(self._start_timeout, self._process.kill)
        watchdog.start()
        try:
            return self._process.stdout.readline()
        finally:
            watchdog.cancel()

    def _drain(self) -> None:
        """Keep the pipe for errors from filling up."""
        process = self._process
        if process is not None and process.stderr is not None:
            try:
                for line in process.stderr:
                    sys.stderr.write(line)
            except ValueError:
                pass


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
