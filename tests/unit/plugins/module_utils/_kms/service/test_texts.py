# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No text from AWS, and no name of a key or a file, can control a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.external_key import run as external_key_run
from ansible_collections.byok.aws.plugins.module_utils._kms.fleet import run as fleet_run
from ansible_collections.byok.aws.plugins.module_utils._kms.material.results import Result
from ansible_collections.byok.aws.plugins.module_utils._kms.material.results import diff
from ansible_collections.byok.aws.plugins.module_utils._kms.material.results import summary_line
from ansible_collections.byok.aws.plugins.module_utils._kms.service import errors
from ansible_collections.byok.aws.plugins.module_utils._kms.service.outcome import Outcome
from ansible_collections.byok.aws.plugins.module_utils._kms.service.texts import printable
from ansible_collections.byok.aws.plugins.module_utils._kms.service.texts import printable_parts
from ansible_collections.byok.aws.plugins.plugin_utils.report import report
from ansible_collections.byok.aws.plugins.plugin_utils.rotation import RotationState
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.builders import kms_error
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import entry
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import error
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import facts
from ansible_collections.byok.aws.tests.unit.plugins.module_utils._kms.runs import result

# Clears the screen, sets the title, does both in C1, and turns the rest of the line around.
EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b2J\r\n\u202eb"
TAMED = r"a\x1b[2J\x1b]0;owned\x07\x9b2J\r\n\u202eb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("alias/payments: Enabled, {'a'}; 90 %", "alias/payments: Enabled, {'a'}; 90 %"),
        ("Schlüssel für Zahlungen — 支払い — платежи 🔑", "Schlüssel für Zahlungen — 支払い — платежи 🔑"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ("\x00\x08\t\n\x0b\r\x1b\x1f", r"\x00\x08\t\n\x0b\r\x1b\x1f"),
        ("\x7f\x80\x85\x9b\x9d\x9f\xa0", "\\x7f\\x80\\x85\\x9b\\x9d\\x9f\xa0"),
        ("\u061c\u200e\u200f", r"\u061c\u200e\u200f"),
        ("\u202a\u202b\u202c\u202d\u202e", r"\u202a\u202b\u202c\u202d\u202e"),
        ("\u2066\u2067\u2068\u2069", r"\u2066\u2067\u2068\u2069"),
        ("\u2028\u2029\ufeff", r"\u2028\u2029\ufeff"),
        ("caf\udce9", r"caf\udce9"),
        (EVIL, TAMED),
        (TAMED, TAMED),
    ],
)
def test_what_a_terminal_acts_upon_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown == printable(printable(text))
    shown.encode()


def test_every_control_character_is_escaped() -> None:
    for number in [*range(0x20), *range(0x7F, 0xA0)]:
        assert printable(chr(number)).isprintable()


def test_a_document_is_escaped_as_a_whole() -> None:
    given = {EVIL: [EVIL, 1, None, True, 0.5, {"a": (EVIL,)}]}

    assert printable_parts(given) == {TAMED: [TAMED, 1, None, True, 0.5, {"a": [TAMED]}]}
    assert given == {EVIL: [EVIL, 1, None, True, 0.5, {"a": (EVIL,)}]}


def refused() -> Any:
    key = result(entry(EVIL, operations=(), error=error(EVIL)))
    return {**facts(EVIL), "preflight": key}


def failed() -> Any:
    key = entry(EVIL, error=error(EVIL), key_state="PendingImport", warnings=[f"about {EVIL}"])
    return {**facts(EVIL), "attempts": [result(key)]}


def texts_of_a_state(given: Any) -> Any:
    state = RotationState(given)
    return [state.refusals, state.plan_lines, state.progress, state.failures, state.outcome]


CHANNELS = {
    "the text of AWS": kms_error("AccessDeniedException", EVIL).sentence,
    "the text of AWS alone": kms_error("AccessDeniedException", EVIL).aws_message,
    "the code of AWS": kms_error(EVIL, "").code,
    "the name of a key": kms_error("NotFoundException", "", name=EVIL).sentence,
    "the fields of an error": errors.error_fields(kms_error(EVIL, EVIL), kms_error(EVIL, EVIL).sentence),
    "a file name": errors.invalid(f"key_material_file {EVIL} cannot be read").message,
    "a refusal": errors.refused(EVIL).sentence,
    "an outcome": [Outcome(True, {"msg": EVIL}, (EVIL,)).result, Outcome(True, {"msg": EVIL}, (EVIL,)).warnings],
    "many keys": fleet_run.outcome([Result(EVIL, error=error(EVIL)), Result(EVIL)], many=True, with_diff=False).result[
        "msg"
    ],
    "a diff": {name: text for name, text in diff(Result(EVIL)).items() if name.endswith("header")},
    "a diff of a key": {
        name: text
        for name, text in external_key_run.diff(external_key_run.KeyResult(EVIL)).items()
        if name.endswith("header")
    },
    "a line": summary_line({"key_id": EVIL, "key_state": EVIL, "operations": [EVIL]}),
    "a line of a failure": summary_line({"key_id": EVIL, "error": {"message": EVIL}}),
    "the state of a rotation that is refused": texts_of_a_state(refused()),
    "the state of a rotation that failed": texts_of_a_state(failed()),
    "the report of a refusal": report(refused(), "1.0.0", EVIL),
    "the report of a failure": report(failed(), "1.0.0", EVIL),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_is_told_is_printable(channel: str) -> None:
    told = json.dumps(CHANNELS[channel], ensure_ascii=False)

    # Of JSON the backslashes are doubled; what it escapes itself would have one.
    assert json.dumps(TAMED)[1:-1] in told
    assert told.isprintable() and "\\u00" not in told and "\\n" not in told.replace("\\\\n", "")
