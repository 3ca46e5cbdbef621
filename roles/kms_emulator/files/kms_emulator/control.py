# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control paths under ``/kms-emulator/``."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from typing import Any

from moto.core.base_backend import BackendDict

from kms_emulator import __version__
from kms_emulator.faults import FaultError
from kms_emulator.runtime import runtime
from kms_emulator.settings import SettingsError

PREFIX = "/kms-emulator/"


def answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the body of a control request."""
    handler = _HANDLERS.get((method, path[len(PREFIX) :].rstrip("/")))
    if handler is None:
        paths = ", ".join(f"{verb} {PREFIX}{name}" for verb, name in _HANDLERS)
        return 404, {"error": f"there is no {method} {path}; there are {paths}"}
    try:
        return 200, handler(_parsed(body))
    except (FaultError, SettingsError, TypeError, ValueError) as error:
        return 400, {"error": str(error)}


def _parsed(body: bytes) -> dict[str, Any]:
    parsed = json.loads(body) if body else {}
    if not isinstance(parsed, dict):
        raise SettingsError("the body must be a JSON object")
    return parsed


def _reset(_body: dict[str, Any]) -> dict[str, Any]:
    """No keys, no faults, an empty log, the settings of the command line; moto's other services start afresh too."""
    BackendDict.reset()
    runtime.reset()
    return _settings()


def _config(body: dict[str, Any]) -> dict[str, Any]:
    runtime.configure(body)
    return _settings()


def _settings() -> dict[str, Any]:
    return dataclasses.asdict(runtime.settings)


def _status(_body: dict[str, Any]) -> dict[str, Any]:
    return {"version": __version__, "pid": os.getpid(), "now": runtime.clock.now(), "settings": _settings()}


def _faults(body: dict[str, Any]) -> dict[str, Any]:
    rules = body.get("rules", [])
    runtime.faults.configure(rules)
    return {"rules": len(rules)}


def _calls(_body: dict[str, Any]) -> dict[str, Any]:
    return {"calls": runtime.calls.as_list()}


_HANDLERS: dict[tuple[str, str], Callable[[dict[str, Any]], dict[str, Any]]] = {
    ("POST", "reset"): _reset,
    ("POST", "config"): _config,
    ("GET", "status"): _status,
    ("POST", "faults"): _faults,
    ("GET", "calls"): _calls,
}
