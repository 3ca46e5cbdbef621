# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a second Region gains: the same keys cut off in one Region, and in two side by side, by the example of a fleet.

Prints figures, asserts none of them. Run by `make bench`, which puts everything on the path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from emulator_process import EmulatorProcess
from materials import create_key
from materials import import_elsewhere
from materials import material

PLAYBOOK = Path(__file__).resolve().parents[2] / "docs" / "examples" / "fleet" / "fleet.yml"
ACCOUNT = "111122223333"
REGIONS = ("eu-central-1", "eu-west-1")
KEYS = 300
RATE = 15  # deletions a second that KMS allows in an account and Region
SPEC = "SYMMETRIC_DEFAULT"


def client(emulator: EmulatorProcess, region: str) -> Any:
    """A client with credentials for the account."""
    role = f"arn:aws:iam::{ACCOUNT}:role/bench"
    own = emulator.client(service="sts").assume_role(RoleArn=role, RoleSessionName="bench")["Credentials"]
    return emulator.client(
        region,
        aws_access_key_id=own["AccessKeyId"],
        aws_secret_access_key=own["SecretAccessKey"],
        aws_session_token=own["SessionToken"],
    )


def filled(kms: Any) -> str:
    key_id = create_key(kms)
    import_elsewhere(kms, key_id, SPEC, material(SPEC))
    return key_id


def inventory(slices: dict[str, list[str]]) -> dict[str, Any]:
    """A host for each Region."""
    hosts = {
        region: {
            "fleet_account_id": ACCOUNT,
            "fleet_region": region,
            "fleet_keys": [{"key_id": key_id} for key_id in key_ids],
        }
        for region, key_ids in slices.items()
    }
    return {"fleet": {"hosts": hosts}}


def cut_off(emulator: EmulatorProcess, regions: tuple[str, ...], directory: Path) -> tuple[float, float]:
    """Cut KEYS keys off in these Regions: seconds of the whole command, and from the first deletion to the last."""
    emulator.reset()
    clients = {region: client(emulator, region) for region in regions}
    slices = {region: [filled(kms) for _key in range(KEYS // len(regions))] for region, kms in clients.items()}
    hosts = directory / "inventory.json"
    hosts.write_text(json.dumps(inventory(slices)))
    emulator.config(request_quotas=True)
    command = ["ansible-playbook", "-i", str(hosts), "-e", "fleet_state=absent", str(PLAYBOOK)]
    started = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, **emulator.environment()}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-2000:])
    deletions = [call for call in emulator.calls("DeleteImportedKeyMaterial") if call["outcome"] == "Success"]
    assert len(deletions) == KEYS
    times = [call["when"] for call in deletions]
    return seconds, max(times) - min(times)


def main() -> None:
    print(f"{KEYS} keys cut off with request quotas, by docs/examples/fleet")
    results = []
    with EmulatorProcess() as emulator, tempfile.TemporaryDirectory() as directory:
        for regions in (REGIONS[:1], REGIONS):
            results.append(cut_off(emulator, regions, Path(directory)))
            whole, deleting = results[-1]
            limit = KEYS / len(regions) / RATE
            print(
                f"  {len(regions)} Region(s)  command {whole:6.2f} s  first to last deletion {deleting:6.2f} s"
                f"  {KEYS / deleting:5.1f} deletions/s  limit {limit:5.1f} s"
            )
    (one, one_deleting), (two, two_deleting) = results
    rate, speed = one_deleting / two_deleting, one / two
    print(f"  two Regions against one: {rate:.2f} times the rate; the whole command {speed:.2f} times as fast")


if __name__ == "__main__":
    main()
