# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed run says of the key: what was done, in which state it is, and never what is not so."""

from __future__ import annotations

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import SUCCEEDED
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Plan
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import StepRecord
from ansible_collections.byok.aws.plugins.module_utils._kms.material import run as material_run
from ansible_collections.byok.aws.plugins.module_utils._kms.material.execute import PlanExecutor
from ansible_collections.byok.aws.plugins.module_utils._kms.service import errors
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms import builders

CODES = (*sorted(errors._ADVICE), errors.REFUSED, errors.TIMEOUT, errors.INTERRUPTED, errors.UNEXPECTED)
PAIR = ["ImportKeyMaterial", "DeleteImportedKeyMaterial"]


def executor(key: Key, done: list[str]) -> PlanExecutor:
    plan = Plan(after=builders.key())
    steps = [StepRecord(one, "", key.region, outcome=SUCCEEDED) for one in done]
    return PlanExecutor(None, builders.request(), plan, key, steps=steps, known=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", CODES)
def test_after_a_deletion_no_message_says_that_nothing_was_changed(code: str) -> None:
    error = builders.kms_error(code, "AWS says so.", "ImportKeyMaterial")

    found = material_run._error(builders.request(), error, executor(builders.pending(), PAIR))

    message, heal = found["message"], found["heal_command"]
    assert "nothing was" not in message and "unchanged" not in message
    assert message.endswith("; done: ImportKeyMaterial, DeleteImportedKeyMaterial; the key is now PendingImport")
    assert (found["key_id"], heal is not None) == (builders.request().key_id, True)
    assert errors.told(found) == f"{message}; to heal it: {heal}"


@pytest.mark.parametrize("code", ["InvalidCiphertextException", "IncorrectKeyMaterialException"])
def test_a_refused_first_import_changed_nothing(code: str) -> None:
    error = builders.kms_error(code, "", "ImportKeyMaterial")

    message = material_run._error(builders.request(), error, executor(builders.key(), []))["message"]

    assert "; nothing was changed; the key is now Enabled" in message
