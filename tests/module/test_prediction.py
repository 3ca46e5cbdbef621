# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode tells the truth: what it predicts is what a real run then does, and it only reads."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from typing import Callable

import pytest
from lab import CHANGING
from lab import Lab
from materials import KINDS
from materials import SPECS
from materials import b64
from materials import material

IN_30_DAYS = (datetime.now(timezone.utc) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")


def disabled(lab: Lab, key_id: str) -> str:
    lab.kms.disable_key(KeyId=key_id)
    return key_id


def emptied(lab: Lab, key_id: str) -> str:
    lab.kms.delete_imported_key_material(KeyId=key_id)
    return key_id


def doomed(lab: Lab, key_id: str) -> str:
    lab.kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    return key_id


def left_enabled(lab: Lab, key_id: str) -> str:
    """As a run leaves it that dies between the import and the DisableKey."""
    lab.remember_disabled(key_id)
    return key_id


def tagged(lab: Lab, key_id: str) -> str:
    """Somebody who may only tag wants the key disabled, and takes a tag that was genuine on another key."""
    other = lab.own_key()
    lab.remember_disabled(other)
    value = lab.tags(other)["byok:restore-state"]
    lab.kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "byok:restore-state", "TagValue": value}])
    return key_id


def left_tagged(lab: Lab, key_id: str) -> str:
    return disabled(lab, left_enabled(lab, key_id))


@dataclass
class Row:
    """One situation and one wish. make: the key to start with; operations: what has to be done."""

    name: str
    make: Callable[[Lab, str], str]
    operations: list[str]
    state_after: str
    options: dict[str, Any] = field(default_factory=dict)
    spec: str = "SYMMETRIC_DEFAULT"
    given: str | None = "a"
    proof: str | None = None
    skip_reason: str | None = None


IMPORT = ["ImportKeyMaterial"]
DELETE = ["DeleteImportedKeyMaterial"]
MARKED = [*DELETE, "TagResource"]
KEPT_DISABLED = ["TagResource", "ImportKeyMaterial", "DisableKey", "UntagResource"]
ABSENT: dict[str, Any] = {"state": "absent"}

ROWS = [
    *(Row(f"first import {spec}", Lab.empty_key, IMPORT, "Enabled", spec=spec) for spec in SPECS),
    *(Row(f"unchanged {spec}", Lab.own_key, [], "Enabled", spec=spec) for spec in KINDS),
    *(
        Row(f"restore {spec}", lambda lab, spec: emptied(lab, lab.own_key(spec)), IMPORT, "Enabled", spec=spec)
        for spec in KINDS
    ),
    *(
        Row(f"other tool's {spec}", Lab.foreign_key, [], "Enabled", spec=spec, proof=proof)
        for spec, proof in (("RSA_2048", "public_key"), ("ECC_NIST_P256", "public_key"), ("HMAC_256", "mac"))
    ),
    Row("other tool's symmetric", Lab.foreign_key, IMPORT, "Enabled", proof="reimport"),
    *(Row(f"new expiry {spec}", Lab.own_key, IMPORT, "Enabled", {"valid_to": IN_30_DAYS}, spec=spec) for spec in KINDS),
    Row("new text", Lab.own_key, IMPORT, "Enabled", {"key_material_description": "vault 7"}, proof="fingerprint"),
    *(
        Row(
            f"expiry on disabled {spec}",
            lambda lab, spec: disabled(lab, lab.own_key(spec)),
            KEPT_DISABLED,
            "Disabled",
            {"valid_to": IN_30_DAYS},
            spec=spec,
        )
        for spec in KINDS
    ),
    *(
        Row(f"unchanged disabled {spec}", lambda lab, spec: disabled(lab, lab.own_key(spec)), [], "Disabled", spec=spec)
        for spec in KINDS
    ),
    Row("other tool's disabled", lambda lab, spec: disabled(lab, lab.foreign_key()), KEPT_DISABLED, "Disabled"),
    Row(
        "crash before DisableKey, import pending",
        lambda lab, spec: left_enabled(lab, emptied(lab, lab.own_key())),
        ["ImportKeyMaterial", "DisableKey", "UntagResource"],
        "Disabled",
    ),
    *(
        Row(
            f"crash before DisableKey, {spec}, nothing else to do",
            lambda lab, spec: left_enabled(lab, lab.own_key(spec)),
            ["DisableKey", "UntagResource"],
            "Disabled",
            spec=spec,
        )
        for spec in KINDS[1:]
    ),
    *(
        Row(f"a stranger's tag on {spec}", lambda lab, spec: tagged(lab, lab.own_key(spec)), [], "Enabled", spec=spec)
        for spec in KINDS
    ),
    Row(
        "a stranger's tag on an emptied key",
        lambda lab, spec: tagged(lab, emptied(lab, lab.own_key())),
        IMPORT,
        "Enabled",
    ),
    Row("crash after DisableKey", lambda lab, spec: left_tagged(lab, lab.own_key()), ["UntagResource"], "Disabled"),
    Row(
        "crash before DisableKey, HMAC",
        lambda lab, spec: left_enabled(lab, lab.own_key(spec)),
        ["ImportKeyMaterial", "DisableKey", "UntagResource"],
        "Disabled",
        {"valid_to": IN_30_DAYS},
        spec="HMAC_256",
    ),
    *(Row(f"absent {spec}", Lab.own_key, DELETE, "PendingImport", ABSENT, spec=spec, given=None) for spec in KINDS),
    *(
        Row(f"absent, proved {spec}", Lab.own_key, DELETE, "PendingImport", ABSENT, spec=spec, proof=proof)
        for spec, proof in zip(KINDS, ("fingerprint", "mac", "public_key", "public_key"))
    ),
    Row("absent, other tool's, proved", Lab.foreign_key, IMPORT + DELETE, "PendingImport", ABSENT, proof="reimport"),
    *(
        Row(f"absent on empty {spec}", Lab.empty_key, [], "PendingImport", ABSENT, spec, None, None, "PendingImport")
        for spec in KINDS
    ),
    Row(
        "absent in deletion",
        lambda lab, spec: doomed(lab, lab.own_key()),
        [],
        "PendingDeletion",
        ABSENT,
        given=None,
        skip_reason="PendingDeletion",
    ),
    Row(
        "absent on disabled",
        lambda lab, spec: disabled(lab, lab.own_key()),
        DELETE,
        "PendingImport",
        ABSENT,
        given=None,
    ),
    Row(
        "cut off in deletion",
        lambda lab, spec: doomed(lab, lab.own_key()),
        DELETE,
        "PendingDeletion",
        {"state": "absent", "all_materials": True},
        given=None,
    ),
    Row("cut off", Lab.own_key, MARKED, "PendingImport", {"state": "absent", "all_materials": True}, given=None),
    Row(
        "cut off, empty",
        lambda lab, spec: emptied(lab, lab.own_key()),
        MARKED,
        "PendingImport",
        {"state": "absent", "all_materials": True},
        given=None,
        skip_reason="PendingImport",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_real_run_does_what_check_mode_predicted(lab: Lab, row: Row) -> None:
    key_id = row.make(lab, row.spec)
    options = {"key_id": key_id, **row.options}
    if row.given:
        options["key_material"] = b64(material(row.spec, row.given))
    before = lab.mark()

    predicted = lab.run(check_mode=True, **options)

    assert not predicted.get("failed"), predicted["msg"]
    assert CHANGING.isdisjoint(lab.calls(before))
    assert "GetParametersForImport" not in lab.calls(before)
    assert predicted["operations"] == row.operations
    before = lab.mark()

    result = lab.run(**options)

    assert not result.get("failed"), result["msg"]
    assert result["operations"] == row.operations
    assert lab.changing_calls(before) == row.operations
    assert result["changed"] is predicted["changed"] is bool(row.operations)
    assert result["key_state"] == predicted["key_state"] == row.state_after == lab.state(key_id)
    assert result["skip_reason"] == predicted["skip_reason"] == row.skip_reason
    assert result["expiration_model"] == predicted["expiration_model"]
    if row.proof:
        assert result["proof"] == predicted["proof"] == row.proof


@pytest.mark.parametrize("spec", SPECS)
def test_the_second_run_makes_no_import_and_fetches_no_parameters(lab: Lab, spec: str) -> None:
    key_id = lab.own_key(spec)
    before = lab.mark()

    result = lab.run(key_id=key_id, key_material=b64(material(spec)))

    assert result["changed"] is False
    assert {"ImportKeyMaterial", "GetParametersForImport"}.isdisjoint(lab.calls(before))
    # On symmetric keys the description tells whether an import found the key Disabled; on others only the tag.
    assert len(lab.calls(before)) <= (2 if spec == "SYMMETRIC_DEFAULT" else 3)
