# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A token that was kept has to live long enough at the moment of the deletion, which may come long after the plan."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.key.models import Plan
from ansible_collections.byok.aws.plugins.module_utils._kms.material import execute
from ansible_collections.byok.aws.plugins.module_utils._kms.material.execute import PlanExecutor
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.material import Secret
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.preparation import Wrapped
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms import builders

SECRET = Secret(b"made up")


@pytest.mark.parametrize(
    ("left", "wall", "monotonic", "secret", "refused"),
    [
        (15, 0, 0, None, False),
        (15, 10, 10, None, False),
        (15, 10.1, 0, None, True),
        # A wall clock that was put back, and a computer that slept.
        (15, -60, 10.1, None, True),
        (15, 60, 0, None, True),
        (None, 60, 60, None, False),
        # With the plaintext the token is renewed.
        (15, 60, 60, SECRET, False),
    ],
)
def test_how_long_a_kept_token_has_to_live(
    monkeypatch: pytest.MonkeyPatch,
    left: float | None,
    wall: float,
    monotonic: float,
    secret: Secret | None,
    refused: bool,
) -> None:
    key = builders.key()
    wrapped = Wrapped(b"blob", b"token", key.now + timedelta(minutes=left) if left is not None else None)
    executor = PlanExecutor(None, builders.request(), Plan(), key, secret, wrapped)  # type: ignore[arg-type]
    _key_now, begun, begun_monotonic = executor._planned
    clock = SimpleNamespace(time=lambda: begun + wall * 60, monotonic=lambda: begun_monotonic + monotonic * 60)
    monkeypatch.setattr(execute, "time", clock)

    if refused:
        with pytest.raises(AnsibleKMSError, match="too old by now"):
            executor._check_deadline()
    else:
        executor._check_deadline()
