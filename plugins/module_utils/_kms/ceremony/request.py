# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The online half of a ceremony: import parameters of one key or many, kept in a bundle. Changes nothing in KMS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import timedelta
from typing import Any

from ..key import models
from ..key import specs
from ..key.expiry import instant
from ..key.expiry import parse_duration
from ..key.identifiers import key_id_problem
from ..key.models import LOOSE_FILE
from ..key.models import Key
from ..key.models import Request
from ..material.find import describe
from ..material.plan import state_refusal
from ..secret import bundle
from ..secret.bundle import Entry
from ..secret.misplaced import misplaced
from ..secret.misplaced import misplaced_problem
from ..secret.misplaced import shown
from ..secret.wrapping import wrapping_key_problem
from ..service import operations
from ..service.account import check_account
from ..service.account import check_identifier
from ..service.connection import Connection
from ..service.connections import Connect
from ..service.connections import Connections
from ..service.endpoint import require_proved
from ..service.errors import UNTRUSTED
from ..service.errors import AnsibleKMSError
from ..service.errors import error_fields
from ..service.errors import explained
from ..service.errors import invalid
from ..service.errors import refused
from ..service.errors import unexpected
from ..service.outcome import Outcome
from ..service.pacing import RunInterruptedError
from ..service.pacing import each
from ..service.pacing import interruption
from ..service.pacing import read_rates
from ..service.process import Ending
from .arguments import import_parameters_spec

_AGAIN = "remove it to have it made anew, or name another path"


@dataclass(frozen=True)
class Wanted:
    """What is asked for one key. name: what messages call it."""

    request: Request
    wrapping_algorithm: str | None
    wrapping_key_spec: str | None

    @property
    def name(self) -> str:
        return self.request.key_id


@dataclass
class ParametersRun:
    """One key's way: read, then kept or requested. No phase raises AnsibleKMSError."""

    kms: Connection
    wanted: Wanted
    key: Key | None = None
    entry: Entry | None = None
    changed: bool = False
    choice: tuple[str, str] = ("", "")
    error: dict[str, Any] | None = None
    request_ids: list[str] = field(default_factory=list)

    def fail(self, error: AnsibleKMSError) -> None:
        self.changed = False
        self.error = error_fields(error, explained(error, self.wanted.name))


def run(
    options: Mapping[str, Any], region: str | None, connect: Connect, check_mode: bool, ending: Ending | None = None
) -> Outcome:
    """Bring the bundle at path to what is asked for. Raises AnsibleKMSError for what cannot be meant."""
    for name, _text in misplaced(import_parameters_spec(), options):
        raise invalid(misplaced_problem(name))
    path, allow = options["path"], frozenset(options.get("allow") or ())
    wanted = read_wanted(options, region)
    least = _min_validity(options["min_validity"])
    bundle.check_writable("path", path)
    there = bundle.read("path", path, LOOSE_FILE in allow, _AGAIN) if os.path.lexists(path) else {}
    connections = Connections(
        connect,
        read_rates(options.get("request_rates")),
        ending,
        validate_certs=options.get("validate_certs") is True,
    )
    runs = [ParametersRun(connections.connection(one.name), one) for one in wanted]
    each(lambda one: _guarded(one, lambda: _plan(one, there, least)), runs)
    _refuse_twice(runs)
    if not check_mode:
        each(lambda one: _guarded(one, lambda: _fetch(one)), [one for one in runs if one.changed])
        _keep(path, there, runs)
    return _outcome(options, runs, connections.warnings)


def read_wanted(options: Mapping[str, Any], region: str | None) -> list[Wanted]:
    """What is asked for, in the order given. Raises AnsibleKMSError for the first that cannot be meant."""
    account = check_account(options.get("expected_account"))
    entries = options.get("keys")
    if entries is not None and not entries:
        raise invalid("keys is empty; name at least one key")
    merged = [{**options, **_given(one)} for one in entries] if entries else [dict(options)]
    found: list[Wanted] = []
    for one in merged:
        key_id = str(one["key_id"])
        problem = key_id_problem(key_id, region)
        if problem:
            raise invalid(f"key {key_id}: key_id: {problem}")
        check_identifier(key_id, account)
        name, allow = str(one.get("name") or key_id), frozenset(one.get("allow") or ())
        request = Request(name, identifier=key_id, expected_account=account, allow=allow)
        found.append(Wanted(request, one.get("wrapping_algorithm"), one.get("wrapping_key_spec")))
    return found


def _given(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


def _min_validity(text: str) -> timedelta:
    try:
        least = parse_duration(text)
    except ValueError as error:
        raise invalid(f"min_validity: {error}") from None
    if not bundle.MARGIN <= least < timedelta(hours=24):
        raise invalid(
            f"min_validity is {text}; import parameters are valid for 24h, so that it has to be less, and 15m or more"
        )
    return least


def kept(entry: Entry | None, key: Key, choice: tuple[str, str], least: timedelta) -> bool:
    """Whether what a bundle has of a key serves as it is: for this wrapping, and valid for so long."""
    if entry is None or (entry.wrapping_algorithm, entry.wrapping_key_spec) != choice:
        return False
    return entry.key_spec == key.key_spec and bundle.deadline_problem(entry.valid_to, key.now, least) is None


def wrapping_choice(wanted: Wanted, key: Key) -> tuple[str, str]:
    """WrappingAlgorithm and WrappingKeySpec. Raises AnsibleKMSError when they do not suit the key."""
    algorithm = wanted.wrapping_algorithm or specs.default_wrapping_algorithm(key.key_spec)
    wrapping_key_spec = wanted.wrapping_key_spec or "RSA_4096"
    problem = specs.wrapping_problem(key.key_spec, algorithm, wrapping_key_spec)
    if problem:
        raise invalid(
            f"wrapping_algorithm {algorithm} with {wrapping_key_spec} does not suit the {key.key_spec} key "
            f"{wanted.name}: {problem}"
        )
    return algorithm, wrapping_key_spec


def _guarded(one: ParametersRun, work: Any) -> None:
    try:
        work()
    except AnsibleKMSError as error:
        one.fail(error)
    except RunInterruptedError:
        one.fail(interruption(f"the key {one.wanted.name}", one.kms.throttle.pacer.stop))
    except Exception as error:  # noqa: BLE001 - one key stops no other
        one.fail(unexpected(error, one.wanted.name))


def _plan(one: ParametersRun, there: Mapping[str, Entry], least: timedelta) -> None:
    require_proved(one.kms.channel, one.wanted.request.allow, one.wanted.name)
    key = one.key = describe(one.kms, one.wanted.request)
    problem = state_refusal(one.wanted.request, key)
    if problem:
        raise refused(problem)
    if key.key_spec == models.SM2 or not specs.importable(key.key_spec):
        raise invalid(f"material for the {key.key_spec} key {one.wanted.name} cannot be wrapped by this collection")
    one.choice = wrapping_choice(one.wanted, key)
    one.entry = there.get(key.arn)
    one.changed = not kept(one.entry, key, one.choice, least)


def _fetch(one: ParametersRun) -> None:
    key = one.key
    if key is None:
        return
    algorithm, wrapping_key_spec = one.choice
    parameters = operations.get_parameters_for_import(one.kms, key.arn, algorithm, wrapping_key_spec)
    problem = wrapping_key_problem(parameters.public_key, wrapping_key_spec)
    if problem:
        raise AnsibleKMSError(
            f"the answer to GetParametersForImport for the key {one.wanted.name} {problem}; this is not what KMS "
            "answers; find out who answers",
            code=UNTRUSTED,
        )
    one.request_ids.append(one.kms.last_request_id("GetParametersForImport"))
    one.entry = Entry(
        key_arn=key.arn,
        key_spec=key.key_spec,
        wrapping_algorithm=algorithm,
        wrapping_key_spec=wrapping_key_spec,
        import_token=parameters.import_token,
        valid_to=parameters.valid_to,
        public_key=parameters.public_key,
        name=one.wanted.name,
    )


def _refuse_twice(runs: Sequence[ParametersRun]) -> None:
    """The same key under two identifiers: only KMS can tell."""
    seen: dict[str, str] = {}
    for one in runs:
        arn = one.key.arn if one.key else ""
        if arn in seen:
            raise invalid(f"{seen[arn]} and {one.wanted.name} are the same key {arn}; name every key once")
        if arn:
            seen[arn] = one.wanted.name


def _keep(path: str, there: Mapping[str, Entry], runs: Sequence[ParametersRun]) -> None:
    """Write the bundle if anything is new. Entries of other keys stay as long as KMS takes their tokens."""
    new = {one.entry.key_arn: one.entry for one in runs if one.changed and one.entry}
    if not new:
        return
    now = max(one.key.now for one in runs if one.key)
    others = {arn: one for arn, one in there.items() if bundle.deadline_problem(one.valid_to, now) is None}
    try:
        bundle.write("path", path, {**others, **new}.values())
    except AnsibleKMSError as error:
        for one in runs:
            if one.changed:
                one.fail(error)


def _entry_result(one: ParametersRun) -> dict[str, Any]:
    current = one.entry if one.error is None and (one.request_ids or not one.changed) else None
    public_key = current.public_key if current else None
    algorithm, wrapping_key_spec = one.choice
    return {
        "requested_key_id": one.wanted.name,
        "key_id": one.key.key_id if one.key else one.wanted.name,
        "key_arn": one.key.arn if one.key else None,
        "key_spec": one.key.key_spec if one.key else None,
        "changed": one.changed,
        "state": current.state if current else None,
        "valid_to": instant(current.valid_to) if current else None,
        "wrapping_algorithm": algorithm or None,
        "wrapping_key_spec": wrapping_key_spec or None,
        "wrapping_key_fingerprint": bundle.wrapping_key_fingerprint(public_key) if public_key else None,
        "request_ids": list(one.request_ids),
        "endpoint_url": one.kms.channel.shown if one.kms.channel else None,
        "error": one.error,
    }


def _outcome(options: Mapping[str, Any], runs: Sequence[ParametersRun], warnings: tuple[str, ...]) -> Outcome:
    entries = [_entry_result(one) for one in runs]
    failures = [one for one in entries if one["error"]]
    changed = sum(1 for one in entries if one["changed"])
    counts = f"{changed} requested, {len(entries) - changed - len(failures)} kept"
    told = f"; {len(failures)} failed: {' | '.join(one['error']['message'] for one in failures)}" if failures else ""
    flat = dict(entries[0]) if options.get("keys") is None else {}
    result = {
        **flat,
        "changed": changed > 0,
        # Not path: Ansible adds the owner and so on of a file in a field of that name.
        "bundle_path": options["path"],
        "kms_keys": entries,
        "msg": f"{shown(options['path'])}: {counts}{told}",
    }
    return Outcome(bool(failures), result, warnings)
