# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process: start, ready line, loopback, signals, options, and moto's other services."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from emulator_process import PACKAGE_ROOT
from emulator_process import EmulatorProcess

READY = re.compile(r"kms_emulator ready on http://127\.0\.0\.1:([0-9]+)\n")
PATIENCE = 300
"""Seconds until a test fails that waits for something; on an idle machine it takes one."""


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "kms_emulator", *options]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}


def status(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/kms-emulator/status", timeout=PATIENCE) as response:
        parsed: dict[str, Any] = json.load(response)
    return parsed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_gone(pid: int) -> bool:
    for _attempt in range(PATIENCE * 20):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_start_and_sigterm(tmp_path: Path) -> None:
    pid_file, port = tmp_path / "pid", free_port()
    options = ("--port", str(port), "--pid-file", str(pid_file), "--rotation-seconds", "7")
    with subprocess.Popen(command(*options), env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"kms_emulator ready on http://127.0.0.1:{port}\n"
        assert pid_file.read_text().splitlines()[::2] == [str(process.pid), f"http://127.0.0.1:{port}"]
        assert status(port)["settings"]["rotation_seconds"] == 7.0
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read() == ""
    assert not pid_file.exists()


def test_loopback_only(emulator: EmulatorProcess) -> None:
    """Nothing listens on the machine's other addresses."""
    port = int(emulator.url.rsplit(":", 1)[1])
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    for address in {str(address) for address in addresses if not str(address).startswith("127.")}:
        with pytest.raises(OSError, match=r"refused|timed out"):
            socket.create_connection((address, port), timeout=2)
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert [each for each in listening if each.endswith(f":{port:04X}")] != []
    assert f"00000000:{port:04X}" not in listening


def test_config_of_the_command_line_survives_a_reset() -> None:
    config = json.dumps({"request_quotas": {"ListKeys": 3}, "lag_seconds": 1})
    with EmulatorProcess("--config", config, "--lag-seconds", "2") as emulator:
        emulator.config(lag_seconds=0, request_quotas=False)
        settings = emulator.reset()
    assert (settings["request_quotas"], settings["lag_seconds"]) == ({"ListKeys": 3}, 2.0)


@pytest.mark.parametrize("options", [["--config", '{"typo": 1}'], ["--lag-seconds", "-1"], ["--port", "x"]])
def test_wrong_options(options: list[str]) -> None:
    done = subprocess.run(command(*options), env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "kms_emulator" in done.stderr


def test_a_port_that_is_taken(emulator: EmulatorProcess) -> None:
    port = emulator.url.rsplit(":", 1)[1]
    with pytest.raises(RuntimeError, match="did not start"):
        EmulatorProcess("--port", port).start()


class TestDetach:
    def test_start_behind_the_caller(self, tmp_path: Path) -> None:
        log, pid_file = tmp_path / "log", tmp_path / "pid"
        options = (f"--detach={log}", "--pid-file", str(pid_file))
        done = subprocess.run(command(*options), env=environment(), capture_output=True, text=True, check=True)
        ready = READY.fullmatch(done.stdout)
        assert ready is not None
        pid = int(pid_file.read_text().splitlines()[0])
        assert status(int(ready[1]))["pid"] == pid
        assert log.read_text() == done.stdout
        os.kill(pid, signal.SIGTERM)
        assert wait_until_gone(pid)
        assert not pid_file.exists()

    def test_a_start_that_fails(self, tmp_path: Path, emulator: EmulatorProcess) -> None:
        options = ("--detach", str(tmp_path / "log"), "--port", emulator.url.rsplit(":", 1)[1])
        done = subprocess.run(command(*options), env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "did not start" in done.stderr
        assert "in use" in done.stderr


class TestOtherServices:
    def test_they_answer(self, emulator: EmulatorProcess) -> None:
        assert emulator.client(service="sts").get_caller_identity()["Account"] == "123456789012"
        bucket = emulator.client(service="s3")
        bucket.create_bucket(Bucket="bucket")
        bucket.put_object(Bucket="bucket", Key="key", Body=b"body")
        assert bucket.get_object(Bucket="bucket", Key="key")["Body"].read() == b"body"

    def test_they_share_the_keys(self, emulator: EmulatorProcess) -> None:
        """An encrypted volume has moto create the default key of its service, with the emulator's own backend."""
        volume = emulator.client(service="ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=True)
        kms = emulator.client()
        metadata = kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]
        assert (metadata["Arn"], metadata["KeyState"]) == (volume["KmsKeyId"], "Enabled")
        blob = kms.encrypt(KeyId=volume["KmsKeyId"], Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_another_account(emulator: EmulatorProcess) -> None:
    """moto's header chooses the account; keys of one are unknown in the other."""
    ours, theirs = emulator.client(), emulator.client()
    theirs.meta.events.register(
        "before-sign.kms", lambda request, **_more: request.headers.add_header("x-moto-account-id", "111122223333")
    )
    key = theirs.create_key()["KeyMetadata"]
    assert key["AWSAccountId"] == "111122223333"
    assert ours.list_keys()["Keys"] == []
    assert len(theirs.list_keys()["Keys"]) == 1
