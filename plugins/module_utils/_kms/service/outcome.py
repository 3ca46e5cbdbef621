# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module from the options that Ansible gives it to the result that Ansible gets back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Callable

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from .connection import client_config
from .connection import impatient_config
from .errors import AnsibleKMSError
from .process import Ending
from .process import attended
from .texts import printable


@dataclass(frozen=True)
class Outcome:
    """What a module returns: the arguments of exit_json or, when failed, of fail_json.

    msg and warnings are made printable, because they reach a terminal unchanged. All else is shown as JSON or YAML.
    """

    failed: bool
    result: dict[str, Any]
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        message = {"msg": printable(str(self.result["msg"]))} if "msg" in self.result else {}
        object.__setattr__(self, "result", {**self.result, **message})
        object.__setattr__(self, "warnings", tuple(printable(one) for one in self.warnings))


@dataclass(frozen=True)
class ModuleCall:
    """What one task asks of a module, and the clients with which the module reaches AWS.

    ending: a request to end the run arrives here.
    """

    module: Any
    ending: Ending

    @property
    def options(self) -> Mapping[str, Any]:
        options: Mapping[str, Any] = self.module.params
        return options

    @property
    def region(self) -> str | None:
        """The Region of the connection, or None when the task names none."""
        region: str | None = self.module.region
        return region

    @property
    def check_mode(self) -> bool:
        return bool(self.module.check_mode)

    @property
    def with_diff(self) -> bool:
        return bool(self.module._diff)

    def connect(self, region: str | None = None) -> Any:
        """A boto3 client for KMS in a Region, or in the Region of the connection."""
        return self.module.client("kms", region=region or self.region, config=client_config())

    def identify(self) -> str:
        """The account of the credentials, from STS. Raises botocore's exceptions."""
        return str(self.identity()["Account"])

    def identity(self, timeout: int | None = None) -> Mapping[str, Any]:
        """Whose the credentials are, from STS: Account, Arn and UserId. Raises botocore's exceptions.

        timeout: how many seconds STS is waited for where that is not the usual time.
        """
        config = client_config() if timeout is None else impatient_config(timeout)
        answer: Mapping[str, Any] = self.module.client("sts", config=config).get_caller_identity()
        return answer


# Sees a module before its work, to mask what its options must not show.
Prepare = Callable[[Any], None]


def run_module(
    argument_spec: Mapping[str, Any],
    work: Callable[[ModuleCall], Outcome],
    prepare: Prepare = lambda _module: None,
    **constraints: Any,
) -> None:
    """The main function of every module: read the options, do the work, and exit with its outcome.

    Signals ask the work to end and do not end the process. An AnsibleKMSError that leaves the work fails the module.
    constraints: further arguments of AnsibleAWSModule, such as mutually_exclusive.
    """
    with attended() as ending:
        module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True, **constraints)
        prepare(module)
        try:
            outcome = work(ModuleCall(module, ending))
        except AnsibleKMSError as error:
            outcome = _failure(error)
        for warning in outcome.warnings:
            module.warn(warning)
        if outcome.failed:
            module.fail_json(**outcome.result)
        module.exit_json(**outcome.result)


def _failure(error: AnsibleKMSError) -> Outcome:
    return Outcome(True, {"msg": error.sentence, "error": {"code": error.code, "message": error.sentence}})
