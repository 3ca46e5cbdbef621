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
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import warm

FOLDER = "KEY_OBSERVER_FOLDER"


def described(url: str, key_arn: str) -> dict[str, Any]:
    """The metadata of a key. Without boto3, the import of which would take longer than all else here."""
    region = key_arn.split(":")[3]
    connection = HTTPConnection(urlsplit(url).netloc)
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "TrentService.DescribeKey",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=testing/20300101/{region}/kms/aws4_request",
    }
    connection.request("POST", "/", json.dumps({"KeyId": key_arn}), headers)
    answer = connection.getresponse()
    content: dict[str, Any] = json.load(answer)
    assert answer.status == 200, content
    metadata: dict[str, Any] = content["KeyMetadata"]
    return metadata


def observe(url: str, key_arn: str, folder: Path) -> None:
    """Write the file of a key, in the form of a state of Terraform's."""
    metadata = described(url, key_arn)
    valid_to = metadata.get("ValidTo")
    seen = {
        "key_spec": metadata["KeySpec"],
        "key_state": metadata["KeyState"],
        "valid_to": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(valid_to)) if valid_to else "",
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
    status = run_playbook(sys.argv[1:])
    if request["event"] != "destroy":
        observe(os.environ["AWS_ENDPOINT_URL"], request["key"], Path(os.environ[FOLDER]))
    return status


def run_playbook(arguments: list[str]) -> int:
    processes = warm.told(os.environ)
    if processes is None:
        return subprocess.run([sys.executable, "-m", "ansible", "playbook", *arguments], check=False).returncode
    return processes.run_playbook(arguments, os.getcwd(), os.environ)


if __name__ == "__main__":
    sys.exit(main())
