# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module costs: API calls, the time of a task, and how long a key is unusable.

Prints figures, asserts none of them. Run by `make bench`, which puts everything on the path.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from emulator_process import EmulatorProcess
from lab import Lab
from materials import KINDS
from materials import b64
from materials import material

HERE = Path(__file__).resolve().parent
LATENCY = 0.02
KEYS = 20
ROUNDS = 9


def playbook(lab: Lab, tasks: list[dict[str, Any]], directory: Path) -> list[tuple[str, float]]:
    """Run tasks with a real ansible-playbook; the name and the seconds of each."""
    defaults = {
        "region": "us-east-1",
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


def api_calls(lab: Lab) -> None:
    print("API calls of one run, by kind of key")
    print(f"  {'':34}" + "".join(f"{kind:>20}" for kind in KINDS))
    rows: dict[str, tuple[Callable[[str], str], dict[str, Any]]] = {
        "absent, material loaded": (lab.own_key, {"state": "absent"}),
        "absent, nothing there": (lab.empty_key, {"state": "absent"}),
        "present, first import": (lab.empty_key, {}),
        "present, unchanged": (lab.own_key, {}),
        "present, other tool's, proved once": (lab.foreign_key, {}),
        "present, new expiry": (lab.own_key, {"valid_for": "30d"}),
        "reimported": (lab.own_key, {"state": "reimported"}),
    }
    for name, (make, options) in rows.items():
        counts = [str(calls_of(lab, make, kind, options)) for kind in KINDS]
        print(f"  {name:34}" + "".join(f"{count:>20}" for count in counts))
    key_id = lab.own_key()
    before = lab.mark()
    lab.run(key_id=key_id, key_material=b64(material(KINDS[0], "b")), state="current")
    print(f"  {'current, stage and rotate':34}{len(lab.calls(before)):>20}  (with the looks at a rotation of 1 s)")


def calls_of(lab: Lab, make: Callable[[str], str], kind: str, options: dict[str, Any]) -> int:
    key_id = make(kind)
    before = lab.mark()
    given = {} if options.get("state") == "absent" else {"key_material": b64(material(kind))}
    lab.run(key_id=key_id, **given, **options)
    return len(lab.calls(before))


def task_time(lab: Lab, directory: Path) -> None:
    key_id = lab.own_key()
    ours = {
        "name": "ours",
        "byok.aws.kms_imported_material": {"key_id": key_id, "key_material": b64(material(KINDS[0]))},
    }
    theirs = {"name": "theirs", "amazon.aws.kms_key_info": {"key_id": key_id}}
    # The first of each builds the payload.
    times = playbook(lab, [ours, theirs] * (ROUNDS + 1), directory)[2:]
    median = {who: statistics.median(seconds for name, seconds in times if name == who) for who in ("ours", "theirs")}
    print(f"\nTime of one task, median of {ROUNDS}, in one run")
    print(f"  kms_imported_material, present and unchanged  {median['ours']:.3f} s")
    print(f"  amazon.aws.kms_key_info, the same key         {median['theirs']:.3f} s")
    print(f"  ratio                                         {median['ours'] / median['theirs']:.2f}")


def gaps(lab: Lab, since: int) -> list[float]:
    """Seconds from each deletion that KMS carried out until the import that ended it."""
    open_since: dict[str, float] = {}
    found = []
    for call in lab.emulator.calls()[since:]:
        key = call.get("arn") or call["key"]
        if call["operation"] == "DeleteImportedKeyMaterial":
            open_since[key] = call["when"]
        elif call["operation"] == "ImportKeyMaterial" and key in open_since:
            found.append(call["when"] - open_since.pop(key))
    return found


def round_trip(lab: Lab, key_id: str) -> float:
    samples = []
    for _sample in range(20):
        started = time.perf_counter()
        lab.kms.describe_key(KeyId=key_id)
        samples.append(time.perf_counter() - started)
    return statistics.median(samples)


def unusable(lab: Lab, directory: Path) -> None:
    key_ids = [lab.own_key() for _sample in range(KEYS)]
    secret = b64(material(KINDS[0]))
    lab.emulator.config(latency_seconds=LATENCY)
    trip = round_trip(lab, key_ids[0])

    def task(key_id: str, **options: Any) -> dict[str, Any]:
        return {"name": "task", "byok.aws.kms_imported_material": {"key_id": key_id, **options}}

    ways: dict[str, Callable[[], Any]] = {
        "state: reimported": lambda: playbook(
            lab, [task(key_id, state="reimported", key_material=secret) for key_id in key_ids], directory
        ),
        "two tasks, absent and present": lambda: playbook(
            lab,
            [one for key_id in key_ids for one in (task(key_id, state="absent"), task(key_id, key_material=secret))],
            directory,
        ),
        "AWS CLI and openssl, scripted": lambda: [cli(lab, key_id, directory) for key_id in key_ids],
    }
    print(f"\nSeconds unusable per key, {KEYS} keys, {LATENCY * 1000:.0f} ms of latency (a round trip: {trip:.3f} s)")
    medians = {}
    for name, way in ways.items():
        before = lab.mark()
        way()
        found = gaps(lab, before)
        medians[name] = statistics.median(found)
        print(f"  {name:32} median {medians[name]:.3f}  maximum {max(found):.3f}  ({len(found)} keys)")
    ours, *others = medians.values()
    factors = ", ".join(f"{other / ours:.0f}" for other in others)
    print(f"  ours in round trips: {ours / trip:.2f}; the others take {factors} times as long")
    lab.emulator.config(latency_seconds=0)


SCRIPT = """
set -eu
parameters=$(aws kms get-parameters-for-import --key-id "$KEY" --wrapping-algorithm RSAES_OAEP_SHA_256 \
  --wrapping-key-spec RSA_2048 --output text --query '[ImportToken,PublicKey]')
printf %s "$parameters" | cut -f1 | base64 -d > token
printf %s "$parameters" | cut -f2 | base64 -d > public
openssl pkeyutl -encrypt -in material -out blob -inkey public -keyform DER -pubin \
  -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
aws kms delete-imported-key-material --key-id "$KEY"
aws kms import-key-material --key-id "$KEY" --encrypted-key-material fileb://blob --import-token fileb://token \
  --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE
"""


def cli(lab: Lab, key_id: str, directory: Path) -> None:
    (directory / "material").write_bytes(material(KINDS[0]))
    environment = {
        **os.environ,
        "PATH": os.environ.get("BYOK_AWSCLI_VENV", "") + "/bin:" + os.environ["PATH"],
        "KEY": key_id,
        "AWS_ENDPOINT_URL_KMS": lab.emulator.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    subprocess.run(["bash", "-c", SCRIPT], cwd=directory, env=environment, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    with EmulatorProcess() as emulator, tempfile.TemporaryDirectory() as directory:
        emulator.config(rotation_seconds=1)
        lab = Lab(emulator, emulator.client())
        api_calls(lab)
        task_time(lab, Path(directory))
        unusable(lab, Path(directory))


if __name__ == "__main__":
    main()
