# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""moto's CloudFormation on keys and aliases of the emulator.

moto's own reader of templates needs packages that the emulator does not: here the resources are made, changed and
deleted as that reader does it, in a process in which the emulator has taken moto's place.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from emulator_process import PACKAGE_ROOT

moto_models = pytest.importorskip("moto.kms.models")

WHERE = {"account_id": "123456789012", "region_name": "us-east-1"}

BEGIN = f"""
import json
from kms_emulator.responses import backend_of, install
install()
from moto.kms import models
where = {WHERE!r}
backend = backend_of(where["account_id"], where["region_name"])

def resource(made):
    # What moto's reader of templates notes on a resource.
    made.cf_resource_type, made.logical_resource_id = "type", "Logical"
    return made

def names(key_id):
    return [alias.alias_name for alias in backend.alias_book.of(key_id)]
"""

ALIAS = """
def template(key):
    return {"Properties": {"AliasName": "alias/stack", "TargetKeyId": key.arn}}

old, new = (backend.add_key({"key_usage": "ENCRYPT_DECRYPT", "key_spec": "SYMMETRIC_DEFAULT"}, None) for _ in "ab")
made = resource(models.Alias.create_from_cloudformation_json("", template(old), **where))
seen = [[names(old.id), names(new.id), made.physical_resource_id]]
moved = resource(models.Alias.update_from_cloudformation_json(made, "", template(new), **where))
seen.append([names(old.id), names(new.id), moved.physical_resource_id])
moved.delete(**where)
seen.append([names(old.id), names(new.id), moved.logical_resource_id])
print(json.dumps(seen))
"""

KEY = """
template = {"Properties": {"KeyPolicy": "{}", "EnableKeyRotation": True, "Enabled": False, "Tags": []}}
key = resource(models.Key.create_from_cloudformation_json("", template, **where))
print(json.dumps([key.state, key.key_rotation_status, names(key.id)]))
key.delete(**where)
assert backend.live_keys() == []
"""


def printed(script: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not hasattr(moto_models, "Alias"), reason="this moto has no aliases in CloudFormation")
def test_an_alias_is_made_moved_and_deleted() -> None:
    assert printed(ALIAS) == [
        [["alias/stack"], [], "alias/stack"],
        [[], ["alias/stack"], "alias/stack"],
        [[], [], "Logical"],
    ]


def test_a_key_is_made_and_deleted() -> None:
    assert printed(KEY) == ["Disabled", True, []]
