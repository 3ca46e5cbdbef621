# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One function per KMS call: a connection in, plain values out.

Source of every shape: KMS API Reference, one page per operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any
from typing import Callable

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from . import clock
from .endpoint import Channel
from .errors import AnsibleKMSError
from .errors import KMSErrorHandler
from .models import Expiration
from .models import ImportParameters
from .models import Key
from .models import Material
from .pacing import Pacer
from .pacing import Turns
from .retries import kms_retry

Answer = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One API call that was answered, for the result and the report. started, finished: instants of clock.now."""

    operation: str
    request_id: str | None
    started: float
    finished: float
    outcome: str


@dataclass
class Connection:
    """A boto3 KMS client for the calls on one key: it paces, repeats, translates errors and keeps a record.

    turns: waited for before every attempt; repetitions pay, too.
    young: the key was created minutes ago, KMS may not know it everywhere yet: NotFoundException is repeated, too.
    channel: the way to the endpoint, where material may be wrapped for who is there.
    """

    client: Any
    key: str
    turns: Turns = field(default_factory=lambda: Turns(Pacer()))
    young: bool = False
    channel: Channel | None = None
    calls: list[Call] = field(default_factory=list)

    @property
    def region(self) -> str:
        return str(self.client.meta.region_name)

    def call(self, operation: str, **parameters: Any) -> Answer:
        """Make a call, repeating it after a transient failure. Raises AnsibleKMSError."""
        extra = ("NotFoundException",) if self.young else ()
        return self._translated(operation, kms_retry(self.attempt, extra), parameters)

    def call_once(self, operation: str, **parameters: Any) -> Answer:
        """The same without repetition, for a caller who has to look before he repeats."""
        return self._translated(operation, self.attempt, parameters)

    def attempt(self, operation: str, **parameters: Any) -> Answer:
        """One attempt. Raises botocore's exceptions."""
        self.turns.take(operation)
        method = getattr(self.client, _method_name(operation))
        started = clock.now()
        answer: Answer = {}
        outcome = "ConnectionFailure"
        try:
            answer = method(**parameters)
            outcome = "Success"
        except Exception as error:
            answer = getattr(error, "response", None) or {}
            outcome = answer.get("Error", {}).get("Code") or outcome
            raise
        finally:
            request_id = answer.get("ResponseMetadata", {}).get("RequestId")
            self.calls.append(Call(operation, request_id, started, clock.now(), outcome))
            self.turns.answered(operation, outcome)
        return answer

    def last_request_id(self, operation: str) -> str:
        """AWS's ID of the latest call of an operation, to look up in CloudTrail."""
        ids = (call.request_id for call in reversed(self.calls) if call.operation == operation and call.request_id)
        return next(ids, "")

    def _translated(self, operation: str, function: Callable[..., Answer], parameters: dict[str, Any]) -> Answer:
        guarded = KMSErrorHandler.common_error_handler(f"call {operation}")(function)
        try:
            answer: Answer = guarded(operation, **parameters)
        except AnsibleKMSError as error:
            error.operation = operation
            error.key = self.key
            # Without the chain: botocore's exceptions may carry parameters.
            raise error from None
        return answer


def _method_name(operation: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation).lstrip("_")


def server_time(answer: Answer) -> datetime:
    """KMS's own clock: the Date header (RFC 9110, 6.6.1), or the local clock where there is none."""
    header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(header).astimezone(timezone.utc)
    except (TypeError, ValueError):
        return datetime.now(timezone.utc)


def to_utc(instant: datetime | None) -> datetime | None:
    return instant.astimezone(timezone.utc).replace(microsecond=0) if instant else None


def _expiration(fields: Answer) -> Expiration | None:
    model = fields.get("ExpirationModel")
    return Expiration(model, to_utc(fields.get("ValidTo"))) if model else None


def describe_key(kms: Connection, key_id: str) -> Key:
    """DescribeKey: works with every identifier and in every key state."""
    answer = kms.call("DescribeKey", KeyId=key_id)
    return key_from_answer(answer, kms.calls[-1])


def key_from_answer(answer: Answer, call: Call) -> Key:
    metadata = answer["KeyMetadata"]
    multi_region = metadata.get("MultiRegionConfiguration") or {}
    return Key(
        arn=metadata["Arn"],
        key_id=metadata["KeyId"],
        account_id=metadata["AWSAccountId"],
        region=metadata["Arn"].split(":")[3],
        key_spec=metadata.get("KeySpec") or metadata.get("CustomerMasterKeySpec", ""),
        key_usage=metadata.get("KeyUsage", ""),
        key_state=metadata["KeyState"],
        origin=metadata.get("Origin", ""),
        now=server_time(answer),
        creation_date=metadata["CreationDate"].astimezone(timezone.utc),
        current_key_material_id=metadata.get("CurrentKeyMaterialId"),
        expiration=_expiration(metadata),
        multi_region_type=multi_region.get("MultiRegionKeyType"),
        primary_region=(multi_region.get("PrimaryKey") or {}).get("Region"),
        replica_regions=tuple(replica["Region"] for replica in multi_region.get("ReplicaKeys", [])),
        signing_algorithms=tuple(metadata.get("SigningAlgorithms", [])),
        mac_algorithms=tuple(metadata.get("MacAlgorithms", [])),
        round_trip_seconds=call.finished - call.started,
    )


def pages(kms: Connection, operation: str, items: str, once: bool = False, **parameters: Any) -> list[Answer]:
    """All items of an operation that answers in pages. botocore's paginators would go past pacing and retries.

    once: no failed call is repeated, for a caller who has something more urgent to do.
    """
    call = kms.call_once if once else kms.call
    found: list[Answer] = []
    marker: dict[str, str] = {}
    while True:
        answer = call(operation, **parameters, **marker)
        found.extend(answer.get(items, []))
        if not answer.get("Truncated"):
            return found
        marker = {"Marker": answer["NextMarker"]}


def list_materials(kms: Connection, arn: str, once: bool = False) -> tuple[Material, ...]:
    """ListKeyRotations with every material, oldest first, a staged one last. Symmetric keys only."""
    wanted = {"KeyId": arn, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 1000}
    return tuple(_material(entry) for entry in pages(kms, "ListKeyRotations", "Rotations", once, **wanted))


def _material(entry: Answer) -> Material:
    return Material(
        key_material_id=entry["KeyMaterialId"],
        key_material_state=entry["KeyMaterialState"],
        import_state=entry["ImportState"],
        expiration=_expiration(entry),
        description=entry.get("KeyMaterialDescription"),
        rotation_date=to_utc(entry.get("RotationDate")),
        rotation_type=entry.get("RotationType"),
    )


def get_parameters_for_import(kms: Connection, arn: str, algorithm: str, wrapping_key_spec: str) -> ImportParameters:
    answer = kms.call(
        "GetParametersForImport", KeyId=arn, WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping_key_spec
    )
    return ImportParameters(answer["ImportToken"], answer["PublicKey"], to_utc(answer.get("ParametersValidTo")))


def import_request(
    arn: str,
    token: bytes,
    blob: bytes,
    expiration: Expiration,
    import_type: str | None = None,
    key_material_id: str | None = None,
    description: str | None = None,
) -> Answer:
    """The request of ImportKeyMaterial, complete: an ExpirationModel left out would mean that it expires."""
    optional = {
        "ValidTo": expiration.valid_to,
        "ImportType": import_type,
        "KeyMaterialId": key_material_id,
        "KeyMaterialDescription": description,
    }
    request: Answer = {
        "KeyId": arn,
        "ImportToken": token,
        "EncryptedKeyMaterial": blob,
        "ExpirationModel": expiration.model,
    }
    request.update({name: value for name, value in optional.items() if value is not None})
    return request


def rotation_started(kms: Connection, arn: str) -> datetime | None:
    """When the rotation on demand that runs now was started (GetKeyRotationStatus), or None."""
    try:
        answer = kms.call("GetKeyRotationStatus", KeyId=arn)
    except AnsibleKMSError as error:
        # What the service answered for this origin before mid-2025: no status.
        if error.code == "UnsupportedOperationException":
            return None
        raise
    return to_utc(answer.get("OnDemandRotationStartDate"))


def get_public_key(kms: Connection, arn: str) -> bytes:
    answer = kms.call("GetPublicKey", KeyId=arn)
    return bytes(answer["PublicKey"])


def generate_mac(kms: Connection, arn: str, message: bytes, algorithm: str) -> bytes:
    answer = kms.call("GenerateMac", KeyId=arn, Message=message, MacAlgorithm=algorithm)
    return bytes(answer["Mac"])


def list_keys(kms: Connection) -> list[str]:
    """The ARNs of every key of the Region; ListKeys tells nothing else about them."""
    return [str(entry["KeyArn"]) for entry in pages(kms, "ListKeys", "Keys", Limit=1000)]


def list_aliases(kms: Connection) -> dict[str, list[str]]:
    """The alias names of every key of the Region, by key ID."""
    found: dict[str, list[str]] = {}
    for alias in pages(kms, "ListAliases", "Aliases", Limit=100):
        if alias.get("TargetKeyId"):
            found.setdefault(alias["TargetKeyId"], []).append(alias["AliasName"])
    return found


def get_tags(kms: Connection, arn: str, once: bool = False) -> dict[str, str]:
    """Every tag of a key (ListResourceTags)."""
    tags: dict[str, str] = boto3_tag_list_to_ansible_dict(
        pages(kms, "ListResourceTags", "Tags", once, KeyId=arn), "TagKey", "TagValue"
    )
    return tags


def get_tag(kms: Connection, arn: str, name: str) -> str | None:
    """The value of a tag, or None."""
    return get_tags(kms, arn).get(name)
