# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module call has finished, for those who go on from there."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..secret.files import check_directory
from ..secret.files import check_opened
from ..secret.files import owner_problem
from ..service.errors import invalid
from ..service.process import Ending

_OPTION = "journal_path"
# O_NONBLOCK and O_NOCTTY: opening must not wait, nor take a terminal, should the file be replaced at the last moment.
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
# So many keys are named in a warning.
_NAMED = 5


class Journal:
    """A line of JSON for each key as soon as it is finished, so that it outlives a task that is killed.

    Once a line cannot be written the run is asked to end: what is in hand is finished, and no other key is begun.
    """

    def __init__(self, path: str | None, ending: Ending | None = None) -> None:
        """path: None for no journal. Raises AnsibleKMSError when it is no file that can be written."""
        self._path = path
        self._ending = ending or Ending()
        self._lock = threading.Lock()
        self._failure: str | None = None
        self._lost: list[str] = []
        self._descriptor = None if path is None else _opened(path)

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a line."""
        if self._descriptor is None:
            return
        with self._lock:
            try:
                _append(self._descriptor, json.dumps(record).encode())
            except OSError as error:
                self._failed(error)
                if record.get("operations"):
                    self._lost.append(str(record["key_id"]))

    def close(self) -> None:
        if self._descriptor is None:
            return
        try:
            os.close(self._descriptor)
        except OSError as error:
            # Network file systems may say only now that the disk is full.
            self._failed(error)
        self._descriptor = None

    def _failed(self, error: OSError) -> None:
        self._failure = self._failure or error.strerror or "unknown error"
        self._ending.set(f"{_OPTION} {self._path} could not be written ({self._failure})")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader of the journal has to know."""
        if self._failure is None:
            return ()
        more = f" and {len(self._lost) - _NAMED} more" if len(self._lost) > _NAMED else ""
        lost = f"; it lacks the keys {', '.join(self._lost[:_NAMED])}{more}, which were changed" if self._lost else ""
        return (f"{_OPTION} {self._path} could not be written ({self._failure}){lost}; the result has every key",)


def refuse_unfit(path: str) -> None:
    """Raises AnsibleKMSError for what is there and may hold no journal, or could be exchanged by other users."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise invalid(f"{_OPTION} {path} cannot be written: {error.strerror}") from None
    except ValueError:
        raise invalid(f"{_OPTION} is no path: it holds a nul byte") from None
    else:
        _refuse_kind(path, status)
        problem = owner_problem(_OPTION, path, status, os.geteuid())
        if problem:
            raise invalid(problem)
    if os.path.isdir(os.path.dirname(path) or "."):
        check_directory(_OPTION, path)


def _refuse_kind(path: str, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise invalid(f"{_OPTION} {path} is a symbolic link; name the file that it leads to")
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise invalid(f"{_OPTION} {path} is {kind}; name a file, which need not exist")


def _opened(path: str) -> int:
    refuse_unfit(path)
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise invalid(f"{_OPTION} {path} cannot be written: {error.strerror}") from None
    try:
        _refuse_kind(path, os.fstat(descriptor))
        check_opened(_OPTION, path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _append(descriptor: int, line: bytes) -> None:
    """Append a line so that the file stays lines, whatever is or was cut short. Raises OSError.

    Half a line, which a full disk or a killed process of another time has left, is ended first.
    """
    size = os.fstat(descriptor).st_size
    ended = size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
    whole = (b"" if ended else b"\n") + line + b"\n"
    written = 0
    try:
        while written < len(whole):
            count = os.write(descriptor, whole[written:])
            if count == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            written += count
    except OSError:
        _take_back(descriptor, size, written)
        raise


def _take_back(descriptor: int, size: int, written: int) -> None:
    """Remove the part of a line that was written, unless another process has added its own to it meanwhile."""
    with suppress(OSError):
        if written and os.fstat(descriptor).st_size == size + written:
            os.ftruncate(descriptor, size)
