# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kms_emulator import detach
from kms_emulator import files
from kms_emulator.settings import Settings
from kms_emulator.settings import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, or start a process that does."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    try:
        settings = Settings().updated(_settings(options))
    except SettingsError as error:
        print(f"kms_emulator: {error}", file=sys.stderr)
        return 2
    # Nobody else reads what it writes, what moto's other services write included.
    os.umask(0o077)
    try:
        if options.detach:
            return detach.start(_without_detach(given), options.detach)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        return _serve(options.port, options.pid_file, settings)
    except files.FileError as error:
        print(f"kms_emulator: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        print(f"kms_emulator needs moto, flask and flask-cors: {error}", file=sys.stderr)
        return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kms_emulator", description="An AWS KMS on loopback.", allow_abbrev=False)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--pid-file", type=_path, help="says which process it is while it runs")
    parser.add_argument("--detach", type=_path, metavar="LOG_FILE", help="go to the background once it is ready")
    parser.add_argument("--config", type=_object, default={}, metavar="JSON", help="any of the settings below")
    for field in dataclasses.fields(Settings):
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(option, type=_json, metavar="VALUE", help=f"default {json.dumps(field.default)}")
    return parser


def _without_detach(words: Sequence[str]) -> list[str]:
    """The command line of the process in the background."""
    kept = list(words)
    for index in reversed([index for index, word in enumerate(kept) if word.startswith("--detach")]):
        del kept[index : index + (1 if "=" in kept[index] else 2)]
    return kept


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _json(text: str) -> Any:
    return json.loads(text)


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The single options over the collected ones."""
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Settings)}
    return {**options.config, **{name: value for name, value in given.items() if value is not None}}


def _stop(_number: int, _frame: object) -> None:
    sys.exit(0)


def _serve(port: int, pid_file: Path | None, settings: Settings) -> int:
    # Imported here so that a wrong option is answered at once.
    from kms_emulator.responses import install
    from kms_emulator.runtime import runtime
    from kms_emulator.server import create_server
    from kms_emulator.validation import service_model

    install()
    service_model()
    runtime.start_with(settings)
    server = create_server(port)
    url = f"{files.URL_BEGIN}{server.port}"
    with server, files.pid_file(pid_file, url):
        print(f"{detach.READY}{url}", flush=True)
        server.serve_forever()
    return 0
