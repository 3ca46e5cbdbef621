# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The offline half of a ceremony: material is wrapped for a bundle that was requested elsewhere.

Needs Python and cryptography alone: no network, no boto3, no amazon.aws. Everything that can be checked without AWS is
checked for every key before anything is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timezone
from typing import Any

from ..key import specs
from ..key.expiry import instant
from ..key.identifiers import key_id_of
from ..key.models import LOOSE_FILE
from ..secret import bundle
from ..secret.bundle import Entry
from ..secret.check_value import same_check_value
from ..secret.claims import claims_of
from ..secret.material import Secret
from ..secret.material import check
from ..secret.material import require_cryptography
from ..secret.misplaced import misplaced
from ..secret.misplaced import misplaced_problem
from ..secret.misplaced import shown
from ..secret.sources import PLAINTEXT_OPTIONS
from ..secret.sources import given_plaintext
from ..secret.weakness import refuse_weak
from ..secret.wrapping import wrapping_key_problem
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid
from ..service.errors import unexpected
from ..service.texts import printable
from .arguments import wrap_key_material_spec

_REQUEST_AGAIN = "request it again (kms_import_parameters)"
_DIGITS_OF_SHA_256 = 64
_PER_KEY = (*PLAINTEXT_OPTIONS, "check_value", "wrapping_key_fingerprint", "allow")


@dataclass(frozen=True)
class Wrapping:
    """What became of one key: the entry as it was, and as it is to be. error: why it stays as it was."""

    entry: Entry
    wrapped: Entry | None = None
    source: str | None = None
    changed: bool = False
    error: AnsibleKMSError | None = None


def run(options: Mapping[str, Any], check_mode: bool, now: datetime | None = None) -> tuple[bool, dict[str, Any]]:
    """Whether it failed, and the result: the arguments of exit_json or fail_json."""
    try:
        return _run(options, check_mode, now or datetime.now(timezone.utc))
    except AnsibleKMSError as error:
        return True, _refused(error)
    except Exception as error:  # noqa: BLE001 - a traceback could show material
        return True, _refused(unexpected(error, "of one of the entries"))


def _refused(error: AnsibleKMSError) -> dict[str, Any]:
    message = printable(error.sentence)
    return {"changed": False, "msg": message, "kms_keys": [], "error": {"code": error.code, "message": message}}


def _run(options: Mapping[str, Any], check_mode: bool, now: datetime) -> tuple[bool, dict[str, Any]]:
    for name, _text in misplaced(wrap_key_material_spec(), options):
        raise invalid(misplaced_problem(name))
    require_cryptography()
    loose = LOOSE_FILE in (options.get("allow") or ())
    path, dest = options["path"], options["dest"]
    requested = bundle.read("path", path, loose, _REQUEST_AGAIN)
    bundle.check_writable("dest", dest)
    there = bundle.read("dest", dest, loose, "remove it, or name another file") if os.path.lexists(dest) else {}
    strangers = [arn for arn in there if arn not in requested]
    if strangers:
        raise invalid(f"dest {dest} holds other keys than path, such as {strangers[0]}; name another file")
    chosen = choose(options, requested)
    done = [_guarded(requested[arn], there.get(arn), one, now) for arn, one in chosen]
    failed = any(one.error for one in done)
    changed = not failed and any(one.changed for one in done)
    if changed and not check_mode:
        bundle.write("dest", dest, merged(requested, there, done))
    return failed, _result(options, done, failed, changed)


def choose(options: Mapping[str, Any], requested: Mapping[str, Entry]) -> list[tuple[str, Mapping[str, Any]]]:
    """The keys meant, by ARN, each with its options. Raises AnsibleKMSError."""
    entries = options.get("keys")
    top = {name: options.get(name) for name in _PER_KEY}
    if entries is None:
        named = options.get("key_id")
        if named is None and len(requested) != 1:
            raise invalid(f"path {options['path']} has {len(requested)} keys; name each in keys, with its material")
        return [(_found(named, requested) if named else next(iter(requested)), top)]
    if not entries:
        raise invalid("keys is empty; name at least one key")
    given = [name for name in PLAINTEXT_OPTIONS if top[name] is not None]
    if given:
        raise invalid(f"{given[0]} stands beside keys; give each key its own material")
    chosen: list[tuple[str, Mapping[str, Any]]] = [
        (_found(str(one["key_id"]), requested), {**top, **_set(one)}) for one in entries
    ]
    twice = [arn for number, (arn, _one) in enumerate(chosen) if arn in [other for other, _two in chosen[:number]]]
    if twice:
        raise invalid(f"keys names the key {twice[0]} twice")
    return chosen


def _set(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


def _found(arn: str, requested: Mapping[str, Entry]) -> str:
    if key_id_of(arn) is None:
        raise invalid(f"key_id {shown(arn)} is no key ARN; a bundle is valid for key ARNs, not for key IDs and aliases")
    if arn not in requested:
        raise invalid(f"the bundle has no entry of the key {arn}; request it (kms_import_parameters)")
    return arn


def _guarded(entry: Entry, there: Entry | None, options: Mapping[str, Any], now: datetime) -> Wrapping:
    try:
        return wrapping(entry, there, options, now)
    except AnsibleKMSError as error:
        return Wrapping(entry, error=error)
    except Exception as error:  # noqa: BLE001 - a traceback could show material
        return Wrapping(entry, error=unexpected(error, entry.key_arn))


def wrapping(entry: Entry, there: Entry | None, options: Mapping[str, Any], now: datetime) -> Wrapping:
    """The entry with the material that the options give, or the one that is there when it has that already.

    Raises AnsibleKMSError for everything that can be known to be wrong without AWS.
    """
    problem = entry_problem(entry, options.get("wrapping_key_fingerprint"), now)
    if problem:
        raise invalid(problem)
    given = given_plaintext(options)
    if given is None:
        raise invalid(f"the key {entry.key_arn} needs its material: {', '.join(PLAINTEXT_OPTIONS)}")
    try:
        secret = check(given.content, entry.key_spec, entry.key_arn, entry.key_arn.split(":")[3])
        refuse_weak(secret, entry.key_spec, frozenset(options.get("allow") or ()), entry.key_arn)
        _require_check_value(secret, options.get("check_value"), entry.key_arn)
    except AnsibleKMSError as error:
        raise AnsibleKMSError(f"{given.given_by}: {error.message}", code=error.code) from None
    claims = claims_of(secret, entry.key_arn, entry.key_spec)
    for one in (there, entry):
        if one is not None and one.encrypted_key_material and _same(one, entry, claims.fingerprint):
            return Wrapping(entry, one, given.source, changed=one is not there)
    blob = secret.wrapped_for(entry.public_key or b"", entry.wrapping_algorithm)
    wrapped = replace(
        entry,
        encrypted_key_material=blob,
        key_material_id=None,
        fingerprint=claims.fingerprint,
        check_value=claims.check_value,
        proof=claims.proof,
    )
    return Wrapping(entry, wrapped, given.source, changed=True)


def _same(one: Entry, entry: Entry, fingerprint: str | None) -> bool:
    """Whether the material is wrapped already, for this very request."""
    return one.import_token == entry.import_token and one.fingerprint == fingerprint


def entry_problem(entry: Entry, expected_fingerprint: str | None, now: datetime) -> str | None:
    """Why no material is wrapped for the entry, or None. expected_fingerprint: of the wrapping key, as it was told."""
    arn = entry.key_arn
    late = bundle.deadline_problem(entry.valid_to, now)
    if late:
        clock = f"this machine's clock says {now:%Y-%m-%dT%H:%M:%SZ}"
        return f"the entry of the key {arn} is {late} ({clock}); {_REQUEST_AGAIN}"
    if entry.public_key is None:
        return f"the entry of the key {arn} has no wrapping key; {_REQUEST_AGAIN}"
    problem = wrapping_key_problem(entry.public_key, entry.wrapping_key_spec)
    if problem:
        return f"the entry of the key {arn} {problem}; this is not what KMS answers; {_REQUEST_AGAIN}"
    unfit = specs.wrapping_problem(entry.key_spec, entry.wrapping_algorithm, entry.wrapping_key_spec)
    if unfit:
        return f"{entry.wrapping_algorithm} does not suit the {entry.key_spec} key {arn}: {unfit}"
    return _fingerprint_problem(entry, expected_fingerprint)


def _fingerprint_problem(entry: Entry, expected: str | None) -> str | None:
    if expected is None:
        return None
    wanted = re.sub(r"[\s:]", "", expected).lower()
    if len(wanted) != _DIGITS_OF_SHA_256 or not set(wanted) <= set("0123456789abcdef"):
        return "wrapping_key_fingerprint has to be 64 hexadecimal digits"
    found = bundle.wrapping_key_fingerprint(entry.public_key or b"")
    if found == wanted:
        return None
    # What was given is not repeated: it may be anything.
    return (
        f"the wrapping key of the key {entry.key_arn} has the fingerprint {found}, not the one given; somebody has "
        "exchanged it, or the bundle is another one; nothing was wrapped"
    )


def _require_check_value(secret: Secret, given: str | None, arn: str) -> None:
    if given is not None and not same_check_value(secret.check_value(), given, f"the key {arn}"):
        raise invalid(
            f"the material for the key {arn} has the check value {secret.check_value()}, not {given}; it is another one"
        )


def merged(requested: Mapping[str, Entry], there: Mapping[str, Entry], done: Sequence[Wrapping]) -> list[Entry]:
    """The entries of the new file, in the order of the request. What was wrapped before for this request stays."""
    new = {one.entry.key_arn: one.wrapped for one in done if one.wrapped}
    kept = {
        arn: one
        for arn, one in there.items()
        if one.encrypted_key_material and one.import_token == requested[arn].import_token
    }
    return [new.get(arn) or kept.get(arn) or one for arn, one in requested.items()]


def _result(options: Mapping[str, Any], done: Sequence[Wrapping], failed: bool, changed: bool) -> dict[str, Any]:
    entries = [_fields(one, failed) for one in done]
    if failed:
        told = " | ".join(one["error"]["message"] for one in entries if one["error"])
        message = f"nothing was written: {told}"
    else:
        message = "; ".join(
            f"{one['key_arn']}: check value {one['check_value']}, wrapping key {one['wrapping_key_fingerprint']}"
            for one in entries
        )
    flat = {name: value for name, value in entries[0].items() if name != "error"} if options.get("keys") is None else {}
    return {**flat, "changed": changed, "bundle_path": options["dest"], "kms_keys": entries, "msg": printable(message)}


def _fields(one: Wrapping, failed: bool) -> dict[str, Any]:
    wrapped, entry = one.wrapped, one.entry
    message = printable(one.error.sentence) if one.error else None
    return {
        "key_id": key_id_of(entry.key_arn),
        "key_arn": entry.key_arn,
        "key_spec": entry.key_spec,
        "check_value": wrapped.check_value if wrapped else None,
        "fingerprint": wrapped.fingerprint if wrapped else None,
        "wrapping_key_fingerprint": bundle.wrapping_key_fingerprint(entry.public_key) if entry.public_key else None,
        "wrapping_algorithm": entry.wrapping_algorithm,
        "wrapping_key_spec": entry.wrapping_key_spec,
        "valid_to": instant(entry.valid_to),
        "source": one.source,
        "plaintext_seen": one.source is not None,
        "changed": one.changed and not failed,
        "error": {"code": one.error.code, "message": message} if one.error else None,
    }
