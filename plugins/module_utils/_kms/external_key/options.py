# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of kms_external_key. Everything that can be refused before the first call to KMS is refused here.

Source of the limits: KMS API Reference, CreateKey, CreateAlias, ScheduleKeyDeletion and TagResource.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.text.converters import to_native

from ..key.identifiers import is_region
from ..key.identifiers import key_id_problem
from ..key.models import SM2
from ..key.specs import MOST_TAGS
from ..key.specs import USAGES
from ..key.specs import window_problem
from ..service.account import check_account
from ..service.account import check_identifier
from ..service.errors import invalid
from .models import OWN_TAGS
from .models import ExternalKeyRequest
from .plan import own_free

NOT_IMPORTABLE = ("ML_DSA_", "ML_KEM_")
_LONGEST_ALIAS, _LONGEST_DESCRIPTION, _LONGEST_POLICY, _LONGEST_TOKEN = 256, 8192, 32768, 256
# One tag is the collection's own.
_MOST_OF_TASK = MOST_TAGS - 1


def read_input(options: Mapping[str, Any], region: str | None) -> ExternalKeyRequest:
    """The request that the options express. Raises AnsibleKMSError (InvalidInput) with a sentence."""
    alias = alias_name(options.get("alias"), region)
    policy = _policy(options.get("policy"))
    tags = _tags(options.get("tags"))
    request = ExternalKeyRequest(
        key_id=options.get("key_id"),
        alias=alias,
        creation_token=options.get("creation_token"),
        state=options["state"],
        description=options.get("description"),
        policy=policy,
        tags=tags,
        purge_tags=options["purge_tags"],
        enabled=options.get("enabled"),
        key_spec=options.get("key_spec"),
        key_usage=options.get("key_usage"),
        multi_region=options.get("multi_region"),
        replica_regions=tuple(dict.fromkeys(options.get("replica_regions") or ())),
        pending_window=options.get("pending_window"),
        bypass_policy_lockout_safety_check=options["bypass_policy_lockout_safety_check"],
        move_alias=options["move_alias"],
        wait=options["wait"],
        wait_timeout=options["wait_timeout"],
        expected_account=check_account(options.get("expected_account")),
    )
    problem = next(_problems(request, region), None)
    if problem:
        raise invalid(problem)
    for identifier in (request.key_id, options.get("alias")):
        check_identifier(identifier or "", request.expected_account)
    return request


def _problems(request: ExternalKeyRequest, region: str | None) -> Iterator[str]:
    yield from _identity_problems(request, region)
    yield from _spec_problems(request, region)
    yield from _region_problems(request, region)
    yield from _tag_problems(request)
    window = window_problem(request.pending_window)
    if window:
        yield window
    if request.description is not None and len(request.description) > _LONGEST_DESCRIPTION:
        yield f"description has {len(request.description)} characters; KMS takes {_LONGEST_DESCRIPTION}"


def _identity_problems(request: ExternalKeyRequest, region: str | None) -> Iterator[str]:
    if not (request.key_id or request.alias or request.creation_token):
        yield "one of key_id, alias and creation_token is needed: by it the key is recognised"
    if request.key_id and request.creation_token:
        yield "key_id and creation_token exclude each other: each says which key is meant"
    problem = key_id_problem(request.key_id, region) if request.key_id else None
    if problem:
        yield f"key_id {request.key_id}: {problem}"
    if request.move_alias and not (request.alias and (request.key_id or request.creation_token)):
        yield "move_alias needs alias, and key_id or creation_token: the key that the alias is to point to"
    if request.creation_token is not None and not 0 < len(request.creation_token) <= _LONGEST_TOKEN:
        yield f"creation_token has to have 1 to {_LONGEST_TOKEN} characters: it becomes the value of a tag"


def alias_name(alias: str | None, region: str | None) -> str | None:
    """The alias name, with alias/, in what was given: with or without it, as amazon.aws.kms_key takes it, or an ARN."""
    if alias is None:
        return None
    whole = alias.startswith(("alias/", "arn:")) or key_id_problem(alias, None) is None
    name = alias if whole else f"alias/{alias}"
    problem = key_id_problem(name, region)
    name = name.split(":", 5)[5] if name.startswith("arn:") and not problem else name
    if problem is None and not name.startswith("alias/"):
        problem = "it names a key, not an alias; give it as key_id"
    if name.startswith("alias/aws/"):
        problem = "names with alias/aws/ belong to AWS"
    if len(name) > _LONGEST_ALIAS:
        problem = f"it has {len(name)} characters; KMS takes {_LONGEST_ALIAS}"
    if problem:
        raise invalid(f"alias {alias}: {problem}")
    return name


def _spec_problems(request: ExternalKeyRequest, region: str | None) -> Iterator[str]:
    spec, usage = request.key_spec, request.key_usage
    if spec is None:
        return
    if spec.startswith(NOT_IMPORTABLE):
        yield (
            f"key_spec {spec}: KMS takes no imported material for it, and refuses such keys of origin EXTERNAL; make a "
            "key of origin AWS_KMS, or choose another spec"
        )
    if spec not in USAGES:
        yield f"key_spec {spec} is none that KMS imports material for; there are {', '.join(USAGES)}"
    if spec == SM2 and region and not region.startswith("cn-"):
        yield f"key_spec {SM2} exists in the China Regions only, not in {region}"
    if usage is not None and usage not in USAGES.get(spec, (usage,)):
        yield f"key_usage {usage} does not fit key_spec {spec}, which is for {' or '.join(USAGES[spec])}"


def _region_problems(request: ExternalKeyRequest, region: str | None) -> Iterator[str]:
    if request.replica_regions and not request.multi_region:
        yield "replica_regions needs multi_region: true; only multi-Region keys have replicas"
    for one in request.replica_regions:
        if not is_region(one):
            yield f"replica_regions: {one} is not the name of a Region"
        if one == region:
            yield f"replica_regions: {one} is the Region of the primary key, which is no replica; leave it out"


def _tags(tags: Mapping[str, Any] | None) -> dict[str, str] | None:
    return None if tags is None else {str(name): to_native(value) for name, value in tags.items()}


def _tag_problems(request: ExternalKeyRequest) -> Iterator[str]:
    tags = own_free(request.tags or {})
    if len(tags) > _MOST_OF_TASK:
        yield (
            f"tags: there are {len(tags)}; KMS takes {MOST_TAGS}, one of which ({OWN_TAGS}...) is the collection's own"
        )
    for name, value in tags.items():
        if name.lower().startswith("aws:"):
            yield f"tags: {name}: names that begin with aws: belong to AWS"
        if not 0 < len(name) <= 128 or len(value) > 256:
            yield f"tags: {name[:20]}: a name has 1 to 128 characters, and a value at most 256"


def _policy(policy: str | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    if len(policy) > _LONGEST_POLICY:
        raise invalid(f"policy has {len(policy)} characters; KMS takes {_LONGEST_POLICY}")
    try:
        document = json.loads(policy)
    except ValueError as error:
        raise invalid(f"policy is not JSON: {error}") from None
    if not isinstance(document, dict) or not _statements(document):
        raise invalid("policy is no key policy: it has to be a JSON object with Version and a list Statement")
    missing = [one for one in _statements(document) if not {"Effect", "Principal", "Action"} <= _elements(one)]
    if missing:
        name = missing[0].get("Sid", "without a Sid") if isinstance(missing[0], dict) else missing[0]
        raise invalid(f"policy: the statement {name} needs Effect, Principal and Action, as every one of a key policy")
    return document


def _statements(document: Mapping[str, Any]) -> list[Any]:
    statements = document.get("Statement") or []
    return statements if isinstance(statements, list) else [statements]


def _elements(statement: Any) -> set[str]:
    """The elements of a statement; NotPrincipal and NotAction stand for what they negate."""
    names: Iterable[str] = statement if isinstance(statement, dict) else ()
    return {name[3:] if name in ("NotPrincipal", "NotAction") else name for name in names}
