# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a rotation on the host that it runs on: journal, report and preparation."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from typing import TypedDict

from ..secret.files import replace_file
from ..service.errors import invalid

# An ID of a run, which a path is made of.
_RUN_ID_RE = re.compile(r"[A-Za-z0-9-]{1,64}")
_NOTHING_DONE = "Nothing was done; name another file, or remove it"


class FoundFiles(TypedDict):
    """What an earlier run has left.

    journal: its content, or None. tail: what the module noted of each key after the journal was last written.
    prepared: whether there is a preparation.
    """

    journal: dict[str, Any] | None
    tail: str
    prepared: bool


def find(journal_path: str | None, report_path: str | None, stage_path: str | None) -> FoundFiles:
    """Look at the files. Raises AnsibleKMSError for what cannot be one of them, before anything else is done."""
    problems = [*_kind_problems(journal_path, report_path), *_directory_problems(journal_path, report_path, stage_path)]
    if problems:
        raise invalid(" | ".join(problems))
    journal = _read_journal(journal_path) if journal_path else None
    return {
        "journal": journal,
        "tail": _read_tail(f"{journal_path}.{journal['id']}") if journal else "",
        "prepared": bool(stage_path) and os.path.exists(str(stage_path)),
    }


def _kind_problems(journal_path: str | None, report_path: str | None) -> Iterator[str]:
    """A FIFO would be waited for without end, and a link would lead to a journal that nobody has named.

    A report is only written, and takes the place of a link.
    """
    for path in filter(None, (report_path, journal_path)):
        with suppress(FileNotFoundError, NotADirectoryError):
            mode = os.lstat(path).st_mode
            if not stat.S_ISREG(mode) and (path == journal_path or not stat.S_ISLNK(mode)):
                yield f"{path} is no regular file, in which the report or the journal can be kept. {_NOTHING_DONE}"


def _directory_problems(*paths: str | None) -> Iterator[str]:
    for directory in dict.fromkeys(os.path.dirname(path) or "." for path in paths if path):
        if not os.path.isdir(directory) or not os.access(directory, os.W_OK):
            yield (
                f"{directory} is no directory in which the report, the journal or the preparation can be written. "
                "Nothing was done"
            )


def _read_journal(path: str) -> dict[str, Any] | None:
    try:
        content = json.loads(_read(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise invalid(f"the journal {path} cannot be read: {error.strerror}. {_NOTHING_DONE}") from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not _is_journal(content):
        raise invalid(f"{path} is not a journal of this role. {_NOTHING_DONE}")
    return content


def _is_journal(content: Mapping[str, Any]) -> bool:
    return content.get("collection") == "byok.aws" and bool(_RUN_ID_RE.fullmatch(str(content.get("id"))))


def _read_tail(path: str) -> str:
    """Of a run that was killed. Of any other there is none."""
    with suppress(OSError):
        return _read(path)
    return ""


def _read(path: str) -> str:
    """Raises OSError. Never waits, as a FIFO would, and follows no link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(files: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Write or remove each file, and return why those could not be written that could not, by path.

    After a failure nothing is removed any more.
    """
    unwritten: dict[str, str] = {}
    for one in files:
        try:
            if one["state"] != "absent":
                replace_file(one["path"], one["content"])
            elif not unwritten:
                _remove(one["path"])
        except (OSError, ValueError) as error:
            unwritten[one["path"]] = getattr(error, "strerror", None) or str(error)
    return unwritten


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
