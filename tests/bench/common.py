# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmarks share: real runs of ansible-playbook with the time of each task, other clients, and the calls."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from lab import Lab

HERE = Path(__file__).resolve().parent
REGION = "us-east-1"


def playbook(lab: Lab, tasks: list[dict[str, Any]], directory: Path) -> list[tuple[str, float]]:
    """Run tasks with a real ansible-playbook; the name and the seconds of each."""
    defaults = {
        "region": REGION,
        "access_key": "testing",
        "secret_key": "testing",
        "endpoint_url": lab.emulator.url,
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/byok.aws.aws": defaults},
        "tasks": tasks,
    }
    book, times = directory / "play.json", directory / "times.json"
    book.write_text(json.dumps([play]))
    environment = {
        **os.environ,
        "BYOK_STARTS": str(directory / "starts.json"),
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "durations",
        "BYOK_DURATIONS": str(times),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }
    done = subprocess.run(["ansible-playbook", str(book)], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-2000:])
    return list(json.loads(times.read_text()))


def shell(lab: Lab, script: str, directory: Path, **variables: str) -> None:
    """Run a shell script that has the AWS CLI and this emulator."""
    environment = {
        **os.environ,
        "PATH": os.environ.get("BYOK_AWSCLI_VENV", "") + "/bin:" + os.environ["PATH"],
        "AWS_ENDPOINT_URL_KMS": lab.emulator.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        **variables,
    }
    subprocess.run(["bash", "-c", script], cwd=directory, env=environment, check=True, stdout=subprocess.DEVNULL)


def gaps(calls: list[dict[str, Any]]) -> list[float]:
    """Seconds from each deletion that KMS carried out until the import that ended it."""
    open_since: dict[str, float] = {}
    found = []
    for call in calls:
        key = call.get("arn") or call["key"]
        if call["operation"] == "DeleteImportedKeyMaterial":
            open_since[key] = call["when"]
        elif call["operation"] == "ImportKeyMaterial" and key in open_since:
            found.append(call["when"] - open_since.pop(key))
    return found


def round_trip(lab: Lab, key_id: str) -> float:
    """The median of some calls, in seconds."""
    samples = []
    for _sample in range(20):
        started = time.perf_counter()
        lab.kms.describe_key(KeyId=key_id)
        samples.append(time.perf_counter() - started)
    return statistics.median(samples)
