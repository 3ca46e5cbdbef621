# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps in files what is to be seen of a key in each Region, as the data source aws_kms_key shows it.

As a script it runs ansible-playbook first: Terraform reads a data source that waits for an import after the import.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3

FOLDER = "KEY_OBSERVER_FOLDER"


def observe(client: Any, key_arn: str, folder: Path) -> None:
    """Write the file of a key, in the form of a state of Terraform's."""
    metadata = client.describe_key(KeyId=key_arn)["KeyMetadata"]
    valid_to = metadata.get("ValidTo")
    seen = {
        "key_spec": metadata["KeySpec"],
        "key_state": metadata["KeyState"],
        "valid_to": valid_to.strftime("%Y-%m-%dT%H:%M:%SZ") if valid_to else "",
    }
    state = {
        "version": 4,
        "terraform_version": "1.5.0",
        "serial": 1,
        "lineage": "observed",
        "outputs": {name: {"value": value, "type": "string"} for name, value in seen.items()},
        "resources": [],
    }
    region = key_arn.split(":")[3]
    (folder / f"observed-{region}.json").write_text(json.dumps(state))


def main() -> int:
    request = json.loads(os.environ["BYOK_REQUEST"])
    done = subprocess.run([sys.executable, "-m", "ansible", "playbook", *sys.argv[1:]], check=False)
    if request["event"] != "destroy":
        key_arn = request["key"]
        client = boto3.client("kms", region_name=key_arn.split(":")[3], endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        observe(client, key_arn, Path(os.environ[FOLDER]))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
