# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role kms_material_rotation: what is refused before anything is read. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import ALIAS
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import REIMPORT
from ansible_collections.byok.aws.plugins.module_utils._kms.rotation.arguments import entry_spec
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import shown
from ansible_collections.byok.aws.plugins.plugin_utils.option_check import option_problem
from ansible_collections.byok.aws.plugins.plugin_utils.rotation_documents import RoleOptions

# What of a key's options may be remembered, compared and shown. Never material, wrapped or not, and never a token.
PLAIN = (
    "key_id",
    "key_material_id",
    "key_material_file",
    "key_material_description",
    "valid_to",
    "valid_for",
    "renew_before",
    "expiration_model",
    "wrapping_algorithm",
    "wrapping_key_spec",
    "regions",
    "aliases",
)
_OTHER = (
    "key_material",
    "components",
    "pkcs11",
    "encrypted_key_material",
    "import_token",
    "wait",
    "wait_timeout",
    "force",
    "lift_cut_off",
    "allow",
)
_NOT_FOR_ALIAS = ("encrypted_key_material", "import_token", "key_material_id", "regions")
_ACCOUNT_RE = re.compile(r"(?:[0-9]{12})?")
_WINDOW = range(7, 31)
_KEYS = "kms_material_rotation_keys"
_PREFIX = "kms_material_rotation_"


def read_options(given: Mapping[str, Any]) -> RoleOptions:
    """The variables of the role. Before ansible-core 2.19 a template gives numbers and truth values as text."""
    return {
        "strategy": str(given["strategy"]),
        "old_key": str(given["old_key"]),
        "pending_window": int(given["pending_window"]),
        "batch_size": int(given["batch_size"]),
        "canary": boolean(given["canary"]),
        "report_path": str(given["report_path"]),
        "journal_path": str(given["journal_path"]),
        "change_reference": str(given["change_reference"]),
        "expected_account": str(given["expected_account"]),
        "wait_timeout": int(given["wait_timeout"]),
        "stage": str(given["stage"]),
        "stage_path": str(given["stage_path"]),
        "allow": [str(one) for one in given["allow"]],
        "request_rates": dict(given["request_rates"]),
        "sign_off": list(given["sign_off"]),
        "plan_sign_off": list(given["plan_sign_off"]),
    }


def plain_inputs(keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The options of each key that may be shown."""
    return [{name: entry[name] for name in PLAIN if name in entry} for entry in keys]


def options_problem(options: RoleOptions, keys: Any) -> str | None:
    """Why a run with these variables must not begin, in one or several sentences, or None. Shows no value of a key."""
    wrong = [one for one in keys if not isinstance(one, Mapping) or "key_id" not in one]
    if wrong:
        return (
            f"Every entry of {_KEYS} has to be a dictionary with a key_id; {len(wrong)} of {len(keys)} are not. "
            "Nothing was done."
        )
    problems = [*_key_problems(options, keys), *_run_problems(options), *_path_problems(options)]
    return " ".join(problems) or _value_problem(options["strategy"], keys)


def _key_problems(options: RoleOptions, keys: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not keys:
        yield f"{_KEYS} is empty; name at least one key."
    names = {str(name) for entry in keys for name in entry}
    unknown = sorted(shown(name) for name in names - {*PLAIN, *_OTHER})
    if unknown:
        yield f"Entries of {_KEYS} have options that there are not: {', '.join(unknown)}. Nothing was done."
    suspect = misplaced_options(plain_inputs(keys))
    if suspect:
        yield (
            f"Entries of {_KEYS} hold what looks like key material in options that are not made for it: "
            f"{', '.join(suspect)}. The values are not shown. Nothing was done."
        )
    useless = sorted(names & set(_NOT_FOR_ALIAS))
    if options["strategy"] == ALIAS and useless:
        yield (
            f"The strategy alias imports plain material into keys that are yet to be made; {', '.join(useless)} cannot "
            "be said of those. Nothing was done."
        )
    if options["strategy"] != ALIAS and "aliases" in names:
        yield ("aliases says which aliases move to a new key, and goes with the strategy alias only. Nothing was done.")


def misplaced_options(key_inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the options of keys that hold what looks like key material, which nothing may repeat."""
    spec = {**entry_spec(ALIAS), **entry_spec(REIMPORT)}
    return sorted({name for key_input in key_inputs for name, _text in misplaced(spec, key_input)})


def _value_problem(strategy: str, keys: Sequence[Mapping[str, Any]]) -> str | None:
    """What Ansible would refuse in the module of the strategy."""
    problem = option_problem({"keys": {"type": "list", "options": entry_spec(strategy)}}, {"keys": keys})
    return f"An entry of {_KEYS} is wrong: {problem}. Nothing was done." if problem else None


def _run_problems(options: RoleOptions) -> Iterator[str]:
    if options["batch_size"] < 1:
        yield f"{_PREFIX}batch_size must be 1 or more."
    if not _ACCOUNT_RE.fullmatch(options["expected_account"]):
        yield f"{_PREFIX}expected_account must have 12 digits, in quotes. Nothing was done."
    if options["pending_window"] not in _WINDOW:
        yield f"{_PREFIX}pending_window must be 7 to 30 days. Nothing was done."


def _path_problems(options: RoleOptions) -> Iterator[str]:
    report, journal, stage = options["report_path"], options["journal_path"], options["stage_path"]
    if os.path.splitext(report)[1] == ".html":
        yield f"{_PREFIX}report_path names the JSON report; the HTML page is written beside it. End it in .json."
    if report and report == journal:
        yield f"{_PREFIX}report_path and {_PREFIX}journal_path must not be the same file."
    if stage and options["strategy"] != REIMPORT:
        yield (
            f"{_PREFIX}stage_path goes with the strategy reimport only, since the other strategies interrupt no key."
        )
    if not stage and options["stage"] != "auto":
        yield f"{_PREFIX}stage needs {_PREFIX}stage_path."
    if stage and stage in (report, journal):
        yield f"{_PREFIX}stage_path must not be the file of the report or of the journal."
