# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New key material for a key spec, or for a key that is there. Only for the latter is KMS asked anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..key.identifiers import key_id_problem
from ..key.models import Key
from ..key.models import Request
from ..material.find import describe
from ..material.plan import state_refusal
from ..secret.components import FEWEST
from ..secret.generation import Made
from ..secret.generation import make
from ..secret.misplaced import misplaced
from ..secret.misplaced import misplaced_problem
from ..service.account import check_account
from ..service.account import check_identifier
from ..service.connections import Connect
from ..service.connections import Connections
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid
from ..service.errors import refused
from ..service.errors import unexpected
from ..service.outcome import Outcome
from ..service.pacing import told_when_interrupted
from ..service.process import Ending
from .arguments import key_material_spec


def run(
    options: Mapping[str, Any], region: str | None, connect: Connect, check_mode: bool, ending: Ending | None = None
) -> Outcome:
    """Make the files, or see that they are there. Raises AnsibleKMSError."""
    for name, _text in misplaced(key_material_spec(), options):
        raise invalid(misplaced_problem(name))
    paths = options.get("component_files") or [options["key_material_file"]]
    if options.get("component_files") is not None and len(paths) < FEWEST:
        raise invalid(f"component_files has {len(paths)} of them; split knowledge takes {FEWEST} or more")
    key: Key | None = None
    warnings: tuple[str, ...] = ()
    if options.get("key_id") is not None:
        connections = Connections(connect, ending=ending, validate_certs=options.get("validate_certs") is True)
        key, warnings = _described(options, region, connections), connections.warnings
    key_spec = key.key_spec if key else options["key_spec"]
    name = f"the key {options['key_id']}" if key else "the key"
    try:
        made = make(paths, key_spec, name, key.region if key else region or "", check_mode)
    except AnsibleKMSError:
        raise
    except Exception as error:  # noqa: BLE001 - a traceback could show material
        raise unexpected(error, name) from None
    return Outcome(False, _result(paths, key_spec, key, made), warnings)


def _described(options: Mapping[str, Any], region: str | None, connections: Connections) -> Key:
    key_id, account = str(options["key_id"]), check_account(options.get("expected_account"))
    problem = key_id_problem(key_id, region)
    if problem:
        raise invalid(f"key_id: {problem}")
    check_identifier(key_id, account)
    request = Request(key_id, expected_account=account)
    with told_when_interrupted(f"the key {key_id}", connections.pacer.stop):
        key = describe(connections.connection(key_id), request)
    refusal = state_refusal(request, key)
    if refusal:
        raise refused(refusal)
    return key


def _result(paths: list[str], key_spec: str, key: Key | None, made: Made) -> dict[str, Any]:
    secret, values = made.secret, made.check_values
    files = [
        {"key_material_file": path, "check_value": values[number] if values else None}
        for number, path in enumerate(paths)
    ]
    value = secret.check_value() if secret else None
    return {
        "changed": made.changed,
        "key_spec": key_spec,
        "key_id": key.key_id if key else None,
        "key_arn": key.arn if key else None,
        "check_value": value,
        "fingerprint": secret.fingerprint(key.account_id, key.key_id) if secret and key else None,
        "key_material_file": paths[0] if len(paths) == 1 else None,
        "components": files if len(paths) > 1 else [],
        "msg": f"{', '.join(paths)}: {_told(made, value)}",
    }


def _told(made: Made, value: str | None) -> str:
    if value is None:
        return "material would be made"
    return f"{'made' if made.changed else 'there already'}, check value {value}"
