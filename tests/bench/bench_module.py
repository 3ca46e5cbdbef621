# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module costs: API calls, the time of a task, and how long a key is unusable.

Prints figures, asserts none of them. Run by `make bench`, which puts everything on the path.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any
from typing import Callable

from common import gaps
from common import playbook
from common import round_trip
from common import shell
from emulator_process import EmulatorProcess
from lab import Lab
from materials import KINDS
from materials import b64
from materials import material

LATENCY = 0.02
KEYS = 20
ROUNDS = 9


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
        found = gaps(lab.emulator.calls()[before:])
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
    shell(lab, SCRIPT, directory, KEY=key_id)


def main() -> None:
    with EmulatorProcess() as emulator, tempfile.TemporaryDirectory() as directory:
        emulator.config(rotation_seconds=1)
        lab = Lab(emulator, emulator.client())
        api_calls(lab)
        task_time(lab, Path(directory))
        unusable(lab, Path(directory))


if __name__ == "__main__":
    main()
