# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A preparation that is kept: what it proves, when it is refused, and what stands in its file."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms import stage
from ansible_collections.byok.aws.plugins.module_utils._kms.errors import AnsibleKMSError
from ansible_collections.byok.aws.plugins.module_utils._kms.models import Evidence
from ansible_collections.byok.aws.plugins.module_utils._kms.models import Key
from ansible_collections.byok.aws.plugins.module_utils._kms.models import Material
from ansible_collections.byok.aws.plugins.module_utils._kms.models import Request
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms import builders

ID = "a" * 64
OTHER = "b" * 64
KEY: Key = builders.key(materials=(Material(ID, "CURRENT", "IMPORTED"),))


def prepared(minutes: float | None, **other: object) -> stage.Prepared:
    valid_to = KEY.now + timedelta(minutes=minutes) if minutes is not None else None
    plain = stage.Prepared(KEY.arn, stage.Wrapped(b"blob", b"token", valid_to), True, ID)
    return replace(plain, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "request_", "said"),
    [
        (prepared(24 * 60), Request("k"), None),
        (prepared(15), Request("k"), None),
        (prepared(15), Request("k", key_material_id=ID), None),
        (prepared(24 * 60, proved=False, key_material_id=None), Request("k"), None),
        (prepared(14.9), Request("k"), "too old"),
        (prepared(-60), Request("k"), "too old"),
        (prepared(None), Request("k"), "too old"),
        (None, Request("k"), "holds no preparation of the key k"),
        (prepared(60), Request("k", key_material_id=OTHER), f"other material of the key k than {OTHER}"),
        (prepared(60, key_material_id=OTHER), Request("k"), f"has no material {OTHER}"),
    ],
)
def test_when_it_is_refused(one: stage.Prepared | None, request_: Request, said: str | None) -> None:
    problem = stage.problem(one, KEY, "/stage", request_)

    assert (problem is None) if said is None else said in str(problem)


def test_only_what_was_proved_is_evidence() -> None:
    assert prepared(60).evidence == Evidence("match", "prepared", ID)
    assert prepared(60, proved=False).evidence == Evidence()


def test_what_is_written_is_read_again_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "stage"
    path.write_text("older")
    path.chmod(0o644)
    kept = [prepared(60), prepared(60, key_arn="arn:other", key_material_id=None, proved=False)]

    stage.write(str(path), kept)

    assert stage.read(str(path), force=False) == {KEY.arn: kept[0], "arn:other": kept[1]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["stage"]


def test_a_failed_write_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stage"
    stage.write(str(path), [prepared(60)])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage.os, "fsync", full)
    with pytest.raises(AnsibleKMSError, match="No space left on device"):
        stage.write(str(path), [])

    assert len(stage.read(str(path), force=False)) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["stage"]


def test_nothing_of_the_blobs_is_in_a_repr() -> None:
    assert "blob" not in repr(prepared(60)) and "token'" not in repr(prepared(60))
