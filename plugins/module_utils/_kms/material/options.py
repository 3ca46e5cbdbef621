# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the options of a module into requests, and refuse invalid ones before the first call to KMS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Callable
from typing import TypeVar

from ..key import descriptions
from ..key.expiry import parse_duration
from ..key.expiry import parse_instant
from ..key.identifiers import is_region
from ..key.identifiers import key_id_problem
from ..key.identifiers import material_id_problem
from ..key.models import EXPIRES
from ..key.models import LOOSE_FILE
from ..key.models import NEVER
from ..key.models import Key
from ..key.models import Request
from ..secret import preparation
from ..secret.bundle import WRAPPED
from ..secret.material import decode_base64
from ..secret.preparation import Prepared
from ..secret.preparation import Wrapped
from ..secret.sources import UNWRAPPED_OPTIONS
from ..secret.sources import Source
from ..secret.sources import given_source
from ..service import account
from ..service.errors import AnsibleKMSError
from ..service.errors import invalid

T = TypeVar("T")

# In place of the names of Regions.
ALL_REGIONS = "all"

DEFAULT_WAIT_TIMEOUT = 120
# A rotation took up to 460 seconds on AWS.
ROTATION_WAIT_TIMEOUT = 600
_MATERIAL_OPTIONS = (*UNWRAPPED_OPTIONS, "encrypted_key_material")


@dataclass(frozen=True)
class KeyInput:
    """A request and its material: a source that is not opened yet, or wrapped material."""

    request: Request
    given: Source | None = None
    wrapped: Wrapped | None = field(default=None, repr=False)

    @property
    def source(self) -> str | None:
        """The kind of what the material comes from, None without material."""
        if self.given is not None:
            return self.given.source
        return WRAPPED if self.wrapped or self.request.offered else None


# The mode of a PreparationFile that was read from bundle_path.
BUNDLE = "bundle"

# An entry that sets one option of a group inherits no other option of this group from the task.
_GROUPS = (
    (*_MATERIAL_OPTIONS, "import_token"),
    ("valid_to", "valid_for", "renew_before", "expiration_model"),
    ("key_material_id", "all_materials"),
)


@dataclass(frozen=True)
class PreparationFile:
    """The file of a preparation: with mode "prepare" the run writes it, with "change" it was read.

    A bundle that was wrapped elsewhere is read in the mode "bundle".

    prepared: the entries by key ARN. aliases: the ARN to which each alias pointed at the preparation.
    """

    mode: str
    path: str
    prepared: Mapping[str, Prepared] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def moved_problem(self, key_id: str, key: Key) -> str | None:
        """Why the name of a key now means another key than at the preparation, or None."""
        return preparation.moved_problem(self.aliases, self.path, key_id, key)


def read_preparation(options: Mapping[str, Any]) -> PreparationFile | None:
    """The options stage and stage_path, or bundle_path. Raises AnsibleKMSError."""
    if options.get("bundle_path") is not None:
        found = preparation.read_bundle(options["bundle_path"], LOOSE_FILE in allowed(options))
        return PreparationFile(BUNDLE, options["bundle_path"], found, preparation.by_alias(found))
    mode, path = options.get("stage"), options.get("stage_path")
    if mode is None or path is None:
        # The argument spec requires both or none.
        return None
    if mode == "prepare":
        preparation.check_writable(path)
        return PreparationFile(mode, path)
    prepared = preparation.read(path, LOOSE_FILE in allowed(options))
    return PreparationFile(mode, path, prepared, preparation.by_alias(prepared))


def keys_of_bundle(options: Mapping[str, Any], kept: PreparationFile | None) -> Mapping[str, Any]:
    """The options, with every key of a bundle where no key is named."""
    if kept is None or kept.mode != BUNDLE or not (options.get("key_id") is None and options.get("keys") is None):
        return options
    return {**options, "keys": [{"key_id": arn} for arn in kept.prepared]}


def allowed(options: Mapping[str, Any]) -> frozenset[str]:
    """The option allow."""
    return frozenset(options.get("allow") or ())


def read_inputs(options: Mapping[str, Any], region: str | None, check_mode: bool = False) -> list[KeyInput]:
    """The requests of a task, in order. Raises AnsibleKMSError for the first invalid one."""
    account.check_account(options.get("expected_account"))
    entries = options.get("keys")
    if entries is None:
        return [read_input(options, region, check_mode)]
    if not entries:
        raise invalid("keys is empty; name at least one key")
    merged = [merge(options, one) for one in entries]
    _check_twice([str(one["key_id"]) for one in merged])
    return [read_input(one, region, check_mode) for one in merged]


def merge(options: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of keys, completed from the top level."""
    given = {name: value for name, value in entry.items() if value is not None}
    hidden = {name for group in _GROUPS if any(name in given for name in group) for name in group}
    inherited = {name: value for name, value in options.items() if name not in hidden and name != "keys"}
    return {**inherited, **given}


def _check_twice(key_ids: list[str]) -> None:
    seen: set[str] = set()
    for key_id in key_ids:
        bare = key_id.rsplit(":key/", 1)[-1]
        if bare in seen:
            raise invalid(f"keys names the key {key_id} twice")
        seen.add(bare)


def read_input(options: Mapping[str, Any], region: str | None, check_mode: bool = False) -> KeyInput:
    """The request in the options of one key. Raises AnsibleKMSError that names the option and the key."""
    key_id = called(options)
    try:
        return _read_input(options, key_id, region, check_mode)
    except AnsibleKMSError as error:
        error.key_id = key_id
        raise error from None


def called(options: Mapping[str, Any]) -> str:
    """The name of a key in messages."""
    return str(options.get("name") or options["key_id"])


def _read_input(options: Mapping[str, Any], key_id: str, region: str | None, check_mode: bool) -> KeyInput:
    problem = key_id_problem(str(options["key_id"]), region)
    if problem:
        raise invalid(f"key_id: {problem}")
    account.check_identifier(str(options["key_id"]), options.get("expected_account"))
    _check_preparation(options)
    _check_combinations(options)
    if options.get("bundle_path") is not None:
        return KeyInput(_request(options, key_id, "wrapped"))
    if options.get("stage") == "change":
        # The prepared material is used; the plaintext is not read.
        return KeyInput(_request(options, key_id, "prepared"))
    given, wrapped = given_source(options, check_mode), _wrapped(options)
    if given is not None:
        return KeyInput(_request(options, key_id, "plaintext"), given)
    return KeyInput(_request(options, key_id, "wrapped" if wrapped else None), None, wrapped)


def _check_preparation(options: Mapping[str, Any]) -> None:
    mode, state = options.get("stage"), options["state"]
    if mode == "prepare" and state != "reimported":
        raise invalid(f"stage prepare goes with state reimported only, not with {state}")
    if mode == "change" and state not in ("reimported", "present"):
        raise invalid(f"stage change goes with the states reimported and present only, not with {state}")
    if mode == "prepare" and options.get("encrypted_key_material") is not None:
        raise invalid(f"stage prepare wraps the material itself; give {', '.join(UNWRAPPED_OPTIONS)}")


def _given(options: Mapping[str, Any], *names: str) -> list[str]:
    return [name for name in names if options.get(name) is not None]


def _check_combinations(options: Mapping[str, Any]) -> None:
    state = options["state"]
    material = _given(options, *_MATERIAL_OPTIONS)
    if len(material) > 1:
        raise invalid(f"{' and '.join(material)} exclude each other; give the material once")
    if len(_given(options, "encrypted_key_material", "import_token")) == 1:
        raise invalid(
            "encrypted_key_material and import_token go together; both come from one set of import parameters"
        )
    if options.get("bundle_path") is not None:
        _check_bundle(options, material)
    elif state != "absent" and not material and options.get("stage") != "change":
        raise invalid(f"state {state} needs the material: {', '.join(UNWRAPPED_OPTIONS)} or encrypted_key_material")
    if state == "absent":
        _check_absent(options)
    _check_expiry(options)


def _check_bundle(options: Mapping[str, Any], material: list[str]) -> None:
    if material:
        raise invalid(f"bundle_path and {material[0]} exclude each other; give the material once")
    if options.get("stage") is not None:
        raise invalid("bundle_path and stage exclude each other; a bundle is wrapped already")
    if options["state"] == "absent":
        raise invalid("bundle_path goes with the states present, current and reimported, not with absent")


def _check_absent(options: Mapping[str, Any]) -> None:
    if options.get("lift_cut_off"):
        raise invalid("lift_cut_off allows an import; it has no meaning with state absent")
    useless = _given(options, "valid_to", "valid_for", "renew_before", "expiration_model", "key_material_description")
    if useless:
        raise invalid(f"{useless[0]} is an option for an import; it has no meaning with state absent")
    if options.get("key_material_id") is not None and options.get("all_materials"):
        raise invalid("key_material_id and all_materials exclude each other")
    if options.get("encrypted_key_material"):
        raise invalid(
            f"wrapped material cannot be compared before a deletion; give {', '.join(UNWRAPPED_OPTIONS)}, or none"
        )


def _check_expiry(options: Mapping[str, Any]) -> None:
    expiry = _given(options, "valid_to", "valid_for")
    if len(expiry) > 1:
        raise invalid("valid_to and valid_for exclude each other")
    if options.get("renew_before") is not None and options.get("valid_for") is None:
        raise invalid("renew_before needs valid_for")
    if options.get("expiration_model") == NEVER and expiry:
        raise invalid(f"expiration_model {NEVER} and {expiry[0]} contradict each other")
    if options.get("expiration_model") == EXPIRES and not expiry:
        raise invalid(f"expiration_model {EXPIRES} needs valid_to or valid_for")
    if options.get("all_materials") and options["state"] != "absent":
        raise invalid("all_materials goes with state absent only")


def _wrapped(options: Mapping[str, Any]) -> Wrapped | None:
    if options.get("encrypted_key_material") is None:
        return None
    blob = decode_base64("encrypted_key_material", options["encrypted_key_material"])
    return Wrapped(blob, decode_base64("import_token", options["import_token"]))


def _request(options: Mapping[str, Any], key_id: str, offered: str | None) -> Request:
    named = options.get("key_material_id")
    if named is not None and material_id_problem(named):
        raise invalid(f"key_material_id: {material_id_problem(named)}")
    text = options.get("key_material_description")
    if text and descriptions.text_problem(text):
        raise invalid(f"key_material_description: {descriptions.text_problem(text)}")
    timeout = options.get("wait_timeout")
    if timeout is not None and timeout < 0:
        raise invalid("wait_timeout cannot be negative")
    plain: dict[str, Any] = {
        name: options.get(name)
        for name in ("key_material_id", "expiration_model", "wrapping_algorithm", "wrapping_key_spec")
    }
    return Request(
        key_id=key_id,
        expected_account=options.get("expected_account"),
        identifier=str(options["key_id"]) if key_id != options["key_id"] else None,
        state=options["state"],
        offered=offered,
        preparation=options.get("stage"),
        all_materials=bool(options.get("all_materials")),
        description=text,
        valid_to=_parsed(options, "valid_to", parse_instant),
        valid_for=_parsed(options, "valid_for", parse_duration),
        renew_before=_parsed(options, "renew_before", parse_duration),
        wait=options.get("wait") is not False,
        wait_timeout=_default_timeout(options["state"]) if timeout is None else timeout,
        force=bool(options.get("force")),
        allow=allowed(options),
        regions=_regions(options),
        lift_cut_off=bool(options.get("lift_cut_off")),
        **plain,
    )


def _regions(options: Mapping[str, Any]) -> tuple[str, ...]:
    regions = tuple(options.get("regions") or ())
    if len(set(regions)) < len(regions):
        raise invalid("regions names a Region twice")
    if ALL_REGIONS in regions and len(regions) > 1:
        raise invalid(f"regions: {ALL_REGIONS} must be the only element")
    wrong = [region for region in regions if region != ALL_REGIONS and not is_region(region)]
    if wrong:
        raise invalid(f"regions: {wrong[0]} is not a Region such as eu-central-1, nor the word all")
    return regions


def _default_timeout(state: str) -> int:
    return ROTATION_WAIT_TIMEOUT if state == "current" else DEFAULT_WAIT_TIMEOUT


def _parsed(options: Mapping[str, Any], name: str, parse: Callable[[str], T]) -> T | None:
    text = options.get(name)
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise invalid(f"{name}: {error}") from None
