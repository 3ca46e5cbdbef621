# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Terraform module for imported key material: the real binary, against an emulated KMS, seen through boto3."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from materials import create_key
from materials import import_elsewhere
from materials import material

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NOTHING, CHANGES = 0, 2  # of plan -detailed-exitcode
SYMMETRIC = "SYMMETRIC_DEFAULT"
REPLACED = {"upkeep": ["delete", "create"]}
IMPORT, DELETE, ROTATE = "ImportKeyMaterial", "DeleteImportedKeyMaterial", "RotateKeyOnDemand"


def squeezed(text: str) -> str:
    """Without the frames and line breaks that Terraform puts into what it shows."""
    return " ".join(text.replace("│", " ").split())


def instant(days: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def days_left(project: Any) -> float:
    left: timedelta = project.metadata()["ValidTo"] - datetime.now(timezone.utc)
    return left.total_seconds() / 86400


def failing(project: Any, *arguments: str) -> str:
    done = project.run(*(arguments or ("apply", "-auto-approve")), "-input=false", "-no-color")
    assert done.returncode == 1, done.stdout
    return squeezed(done.stdout + done.stderr)


def test_formatted(terraform):
    for folder in ("docs/terraform", "docs/examples/terraform_outputs", "tests/terraform"):
        done = subprocess.run(
            [terraform, "fmt", "-check", "-diff", "-recursive", folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_initialised_valid_and_tested(project):
    module = project.work / "imported_key_material"
    shutil.copy(HERE / "live.tftest.hcl", module / "tests")
    variables = {
        "key_arn": project.key_arn,
        "material_version": "1",
        "key_material_file": project.settings["file"],
        "ansible_playbook": project.settings["ansible_playbook"],
    }
    environment = {**project.environment, **{f"TF_VAR_{name}": value for name, value in variables.items()}}

    for command in (["init", "-input=false"], ["validate"], ["test", "-no-color"]):
        done = subprocess.run(
            [project.terraform, *command], cwd=module, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    assert re.search(r"Success! (\d+) passed, 0 failed", done.stdout)
    assert project.changing_calls() == [IMPORT, DELETE]


@pytest.mark.parametrize("way", ["file", "env", "lookup"])
def test_created_unchanged_and_destroyed(project, way):
    project.settings["account"] = "123456789012"
    project.give(way, material(SYMMETRIC))

    project.apply()

    assert project.changing_calls() == [IMPORT]
    assert project.state() == "Enabled"
    assert project.plan() == NOTHING
    assert project.changing_calls() == [IMPORT]

    project.destroy()

    assert project.changing_calls() == [IMPORT, DELETE]
    assert project.state() == "PendingImport"


@pytest.mark.parametrize("key_spec", ["HMAC_256", "RSA_2048", "ECC_NIST_P256"])
def test_keys_of_other_specs(project, key_spec):
    project.with_key(key_spec)
    project.give("file", material(key_spec))

    project.apply()

    assert project.state() == "Enabled"
    assert project.plan() == NOTHING
    # Such a key keeps its one material for life.
    project.give("file", material(key_spec, "b"), "new")
    project.settings["version"] = "2"
    assert f"the {key_spec} key {project.key_arn} keeps its one material for life" in failing(project)


def test_material_that_is_there_already_is_adopted(project):
    import_elsewhere(project.kms, project.key_id, SYMMETRIC, material(SYMMETRIC))

    project.apply()

    assert DELETE not in project.changing_calls() and ROTATE not in project.changing_calls()
    assert project.plan() == NOTHING


def test_a_new_version_is_rotated_to(project):
    project.apply()
    old = project.metadata()["CurrentKeyMaterialId"]
    encrypted = project.kms.encrypt(KeyId=project.key_id, Plaintext=b"old data")["CiphertextBlob"]
    before = project.mark()
    project.give("file", material(SYMMETRIC, "b"), "new")

    assert project.plan() == NOTHING  # a path may change as it likes: the version says what is meant
    project.settings["version"] = "2"
    planned = project.planned()
    project.apply()

    assert planned["version"] == ["delete", "create"]
    assert "life" not in planned
    assert project.changing_calls(before) == [IMPORT, ROTATE]
    assert project.metadata()["CurrentKeyMaterialId"] != old
    assert project.kms.decrypt(CiphertextBlob=encrypted)["Plaintext"] == b"old data"
    assert project.plan() == NOTHING


def test_what_uses_the_key_is_not_replaced_by_a_new_version(project):
    project.apply()
    project.settings["version"] = "2"

    project.run("plan", "-out=saved.plan", "-input=false")
    shown = json.loads(project.run("show", "-json", "saved.plan").stdout)

    assert shown["output_changes"]["key_arn"]["after_unknown"] is False
    assert shown["output_changes"]["key_arn"]["actions"] == ["no-op"]


def test_there_is_no_way_back_to_the_first_version(project):
    project.apply()
    project.give("file", material(SYMMETRIC, "b"), "new")
    project.apply(version="2")
    current = project.metadata()["CurrentKeyMaterialId"]
    project.give("file", material(SYMMETRIC))
    project.settings["version"] = "1"

    said = failing(project)

    assert "Material version 1 is imported" in said and "KMS never rotates back" in said
    assert project.metadata()["CurrentKeyMaterialId"] == current


@pytest.mark.parametrize(("strategy", "calls"), [("present", []), ("reimport", [IMPORT, DELETE, IMPORT])])
def test_versions_of_the_same_bytes(project, strategy, calls):
    project.apply(strategy=strategy)
    first = project.changing_calls()
    before = project.mark()

    project.apply(version="2")

    assert first == [IMPORT]
    assert project.changing_calls(before) == calls
    assert project.state() == "Enabled"
    assert project.plan() == NOTHING


@pytest.mark.parametrize("how", ["deleted", "expired"])
def test_material_that_was_lost_is_seen_and_healed(project, how):
    project.apply(valid_to=instant(1))
    assert project.plan() == NOTHING
    if how == "deleted":
        project.kms.delete_imported_key_material(KeyId=project.key_id)
    else:
        project.emulator.config(clock_offset_seconds=2 * 86400)
        project.settings["valid_to"] = instant(30)
    assert project.state() == "PendingImport"

    assert project.plan() == CHANGES
    planned = project.planned()
    assert project.state() == "PendingImport"
    project.apply()

    assert planned == REPLACED
    assert project.state() == "Enabled"
    # Nothing is left over of the healing, not even in the very next plan.
    assert project.plan() == NOTHING


def test_a_key_that_was_cut_off_stays_so_until_that_is_lifted(project):
    project.apply()
    project.kms.delete_imported_key_material(KeyId=project.key_id)
    project.kms.tag_resource(KeyId=project.key_id, Tags=[{"TagKey": "byok:cut-off", "TagValue": "in the test"}])

    assert "was cut off on purpose" in failing(project)
    assert project.state() == "PendingImport"
    project.apply(lift_cut_off=True)

    assert project.state() == "Enabled"
    assert project.kms.list_resource_tags(KeyId=project.key_id)["Tags"] == []


def test_expired_material_does_not_come_back_without_another_expiry(project):
    project.apply(valid_to=instant(1))
    project.emulator.config(clock_offset_seconds=2 * 86400)

    assert project.planned() == REPLACED
    assert "ValidTo" in failing(project) or "valid_to" in failing(project)
    assert project.state() == "PendingImport"

    project.apply(valid_to=instant(30))
    assert project.state() == "Enabled"
    assert project.plan() == NOTHING


def test_a_key_that_lacks_other_material_as_well_is_no_success(project):
    project.apply()
    old = project.metadata()["CurrentKeyMaterialId"]
    project.give("file", material(SYMMETRIC, "b"), "new")
    project.apply(version="2")
    project.kms.delete_imported_key_material(KeyId=project.key_id, KeyMaterialId=old)

    assert project.planned() == REPLACED
    assert "it lacks material that was current before" in failing(project)
    # The next plan still says so, until it is whole.
    assert project.plan() == CHANGES
    import_elsewhere(project.kms, project.key_id, SYMMETRIC, material(SYMMETRIC), ImportType="EXISTING_KEY_MATERIAL")
    project.apply()
    assert project.plan() == NOTHING


def test_older_material_that_expires_is_named_and_not_left_to_itself(project):
    """Terraform leads to the bytes of one version; the expiry of another takes the key down all the same."""
    project.apply(valid_for_days=90)
    old = project.metadata()["CurrentKeyMaterialId"]
    project.give("file", material(SYMMETRIC, "b"), "new")
    applied = project.apply(version="2")
    assert old in squeezed(applied) and "The whole key becomes PendingImport then" in squeezed(applied)
    assert project.plan() == NOTHING

    def let_the_older_one_expire_in(days):
        until = datetime.now(timezone.utc) + timedelta(days=days)
        expiry = {"ImportType": "EXISTING_KEY_MATERIAL", "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": until}
        import_elsewhere(project.kms, project.key_id, SYMMETRIC, material(SYMMETRIC), **expiry)

    let_the_older_one_expire_in(10)
    assert project.planned() == REPLACED
    assert old in failing(project) and 9 < days_left(project) < 11
    let_the_older_one_expire_in(80)
    project.apply()
    assert project.plan() == NOTHING


def test_an_expiry_is_changed_and_renewed_without_an_interruption(project):
    project.apply(valid_to=instant(10))
    before = project.mark()

    assert project.plan() == NOTHING
    project.apply(valid_to=instant(20))
    assert project.changing_calls(before) == [IMPORT]
    assert 19 < days_left(project) < 21

    del project.settings["valid_to"]
    project.apply(valid_for_days=30)
    assert 19 < days_left(project) < 21  # more than a third of 30 days is left
    assert project.plan() == NOTHING

    project.apply(valid_for_days=90)
    assert 89 < days_left(project) < 91
    assert project.plan() == NOTHING


def test_an_expiry_that_is_due_is_renewed_by_the_next_apply(project):
    project.apply(valid_to=instant(10))
    del project.settings["valid_to"]
    project.apply(valid_for_days=60, renew_before_days=5)
    assert 9 < days_left(project) < 11 and project.plan() == NOTHING

    import_elsewhere(
        project.kms,
        project.key_id,
        SYMMETRIC,
        material(SYMMETRIC),
        ImportType="EXISTING_KEY_MATERIAL",
        ExpirationModel="KEY_MATERIAL_EXPIRES",
        ValidTo=datetime.now(timezone.utc) + timedelta(days=4),
    )

    assert project.planned() == REPLACED
    project.apply()
    assert 59 < days_left(project) < 61
    assert project.plan() == NOTHING


def test_an_expiry_is_taken_away(project):
    project.apply(valid_to=instant(10))
    del project.settings["valid_to"]

    project.apply(expiration_model="KEY_MATERIAL_DOES_NOT_EXPIRE", description="payments 2030")

    assert project.metadata()["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    rotations = project.kms.list_key_rotations(KeyId=project.key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert rotations["Rotations"][0]["KeyMaterialDescription"].startswith("payments 2030")
    assert project.plan() == NOTHING


def test_wrong_material_fails_in_one_sentence_and_is_tried_again(project):
    import_elsewhere(project.kms, project.key_id, SYMMETRIC, material(SYMMETRIC))
    project.give("file", material(SYMMETRIC, "b"))
    before = project.mark()

    said = failing(project)

    assert f"the material is not the one that belongs to the key {project.key_arn}" in said
    assert "Traceback" not in said and '"calls"' not in said
    assert project.changing_calls(before) == []
    assert "tainted" in project.run("show", "-no-color").stdout
    assert project.planned()["version"] == ["delete", "create"]

    project.give("file", material(SYMMETRIC))
    project.apply()
    assert project.plan() == NOTHING


def test_what_is_refused_for_the_sake_of_the_material_can_be_allowed(project):
    project.give("file", material(SYMMETRIC))
    Path(project.settings["file"]).chmod(0o640)

    assert "set allow to loose_file" in failing(project)
    assert project.metadata()["KeyState"] == "PendingImport"
    project.apply(allow=["loose_file"])

    assert project.metadata()["KeyState"] == "Enabled"
    # A change of it alone is no reason to do anything.
    project.settings["allow"] = []
    assert project.plan() == NOTHING


def test_an_empty_environment_variable_is_named(project):
    project.give("env", material(SYMMETRIC))
    del project.environment["PAYMENTS_MATERIAL"]

    said = failing(project)

    assert "The environment variable PAYMENTS_MATERIAL is empty or not set" in said
    assert project.state() == "PendingImport"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"file": None}, "Say in exactly one of"),
        ({"env": "PAYMENTS"}, "Say in exactly one of"),
        ({"file": None, "env": "TF_VAR_payments"}, "must not begin with TF_"),
        ({"file": None, "env": "c2VjcmV0IG1hdGVyaWFs=="}, "the name of an environment variable"),
        ({"file": None, "lookup": "c2VjcmV0IG1hdGVyaWFs"}, "Material itself must not stand in a configuration"),
        ({"file": None, "lookup": "{{ lookup('env', 'A') }}"}, "without {{ }}"),
        ({"key_arn": "alias/payments"}, "has to be the ARN of a key"),
        ({"connection": {"secret_key": "made up"}}, "Credentials would lie in the state"),
        ({"account": "12345678901"}, "expected_account has to have 12 digits"),
        ({"account": "999999999999"}, "of a key in another account"),
        ({"strategy": "alias"}, "strategy has to be"),
        ({"valid_to": "tomorrow"}, "valid_to has to be an instant"),
        ({"valid_for_days": 365}, "a whole number from 1 to 364"),
        ({"valid_to": "2030-01-31T12:00:00Z", "valid_for_days": 3}, "not both"),
        ({"expiration_model": "NEVER"}, "expiration_model has to be"),
        ({"allow": ["everything"]}, "allow takes loose_file"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_plan(project, settings, said):
    project.settings.update(settings)
    project.settings = {name: value for name, value in project.settings.items() if value is not None}

    assert said in failing(project, "plan")
    assert project.changing_calls() == []


def test_material_stays_when_told_so(project):
    project.apply(delete=False)
    before = project.mark()

    project.destroy()

    assert project.changing_calls(before) == []
    assert project.state() == "Enabled"


@pytest.mark.parametrize(("settings", "deletions"), [({}, 1), ({"delete_all": True}, 2)])
def test_what_a_destroy_deletes_of_several_materials(project, settings, deletions):
    project.apply(**settings)
    project.give("file", material(SYMMETRIC, "b"), "new")
    project.apply(version="2")
    before = project.mark()

    project.destroy()

    assert project.changing_calls(before) == [DELETE] * deletions
    assert project.state() == "PendingImport"


def test_destroying_needs_neither_the_material_nor_the_key(project):
    project.apply()
    (project.root / "input" / "material").unlink()
    project.kms.schedule_key_deletion(KeyId=project.key_id, PendingWindowInDays=7)

    project.destroy()

    assert project.changing_calls() == [IMPORT]
    assert project.state() == "PendingDeletion"


def test_a_key_that_is_gone_is_no_obstacle(project):
    project.apply()
    project.emulator.faults([{"operation": "DescribeKey", "every": 1, "code": "NotFoundException"}])
    project.observed = False

    project.destroy()

    assert project.changing_calls() == [IMPORT]


def test_a_failed_deletion_is_no_success(project):
    project.apply()
    project.emulator.faults([{"operation": DELETE, "every": 1, "code": "AccessDeniedException"}])

    said = failing(project, "destroy", "-auto-approve")

    assert "AccessDeniedException" in said
    assert "terraform_data.life" in project.run("state", "list").stdout
    project.emulator.faults([])
    project.destroy()
    assert project.state() == "PendingImport"


def test_another_key_gets_the_material_and_the_old_one_loses_it(project):
    project.apply()
    old = project.key_id
    project.key_id = create_key(project.kms)

    project.apply(key_arn=project.key_arn, version="7")

    assert project.state() == "Enabled"
    assert project.kms.describe_key(KeyId=old)["KeyMetadata"]["KeyState"] == "PendingImport"
    assert project.plan() == NOTHING


def test_the_primary_key_and_its_replicas(project):
    project.emulator.config(transient_seconds=0)
    project.key_id = create_key(project.kms, MultiRegion=True)
    project.apply(key_arn=project.key_arn, regions=["all"])
    project.kms.replicate_key(KeyId=project.key_id, ReplicaRegion="eu-west-1")
    replica = project.emulator.client("eu-west-1")
    import_elsewhere(replica, project.key_id, SYMMETRIC, material(SYMMETRIC))
    encrypted = project.kms.encrypt(KeyId=project.key_id, Plaintext=b"old data")["CiphertextBlob"]
    old = project.metadata()["CurrentKeyMaterialId"]
    project.give("file", material(SYMMETRIC, "b"), "new")

    project.apply(version="2")

    current = project.metadata()["CurrentKeyMaterialId"]
    described = replica.describe_key(KeyId=project.key_id)["KeyMetadata"]
    assert current != old and described["CurrentKeyMaterialId"] == current
    assert described["KeyState"] == "Enabled"
    assert replica.decrypt(CiphertextBlob=encrypted, KeyId=project.key_id)["Plaintext"] == b"old data"
    assert project.plan() == NOTHING
