# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the emulator writes, its PID file and its log: nobody else reads them, nobody else planted them."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODE = 0o600
OPENING = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
URL_BEGIN = "http://127.0.0.1:"


class FileError(Exception):
    """A file that cannot be written, or must not be; a sentence."""


def open_own(path: Path, flags: int = 0) -> int:
    """A descriptor of a regular file of ours, new or old, for reading and writing.

    Raises FileError for a symbolic link, anything that is no regular file, a file of another user or with a second
    name: it may be a trap, or a file that something else needs.
    """
    try:
        descriptor = os.open(path, OPENING | flags, MODE)
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise FileError(f"cannot write {path}: {reason}") from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
        os.close(descriptor)
        raise FileError(f"cannot write {path}: it is not a regular file of this user with one name")
    return descriptor


def empty(descriptor: int) -> None:
    """Nothing in it any more, and nobody else to read what will be: whatever the umask and the old mode."""
    os.fchmod(descriptor, MODE)
    os.ftruncate(descriptor, 0)


@contextmanager
def pid_file(path: Path | None, url: str) -> Iterator[None]:
    """Says which process is the emulator, since when, and where it listens; there and locked as long as it runs."""
    if path is None:
        yield
        return
    descriptor = _locked(path)
    try:
        _write(descriptor, path, url)
        yield
    finally:
        if _is_at(path, descriptor):
            path.unlink()
        os.close(descriptor)


def started(pid: int) -> str:
    """What tells a process from every later one with the same ID; ``process.sh`` finds the same words.

    The boot, and the clock ticks from then on, where Linux shows them; otherwise the time that ps prints.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        after_the_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        return f"{boot.strip()} {after_the_name.split()[19]}"
    except OSError:
        return _started_as_ps_says(pid)


def _started_as_ps_says(pid: int) -> str:
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], env=environment, capture_output=True, check=False)
    return " ".join(shown.stdout.decode("ascii", errors="replace").split())


def _locked(path: Path) -> int:
    """The PID file, which no other emulator holds, and which is none of something else."""
    while True:
        descriptor = open_own(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _check_content(descriptor, path)
            if _is_at(path, descriptor):
                return descriptor
            # An emulator that ended has just taken it away.
            os.close(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            raise FileError(f"an emulator that runs has {path} as its PID file") from None
        except OSError as error:
            os.close(descriptor)
            raise FileError(f"cannot lock {path}: {error.strerror}") from None
        except FileError:
            os.close(descriptor)
            raise


def _check_content(descriptor: int, path: Path) -> None:
    """An emulator that was killed leaves its PID file behind; everything else stays as it is."""
    content = os.pread(descriptor, 4096, 0)
    lines = content.decode("ascii", errors="replace").splitlines()
    if content and not (len(lines) == 3 and lines[0].isdigit() and lines[2].startswith(URL_BEGIN)):
        raise FileError(f"cannot write {path}: it is not a PID file of the emulator")


def _write(descriptor: int, path: Path, url: str) -> None:
    text = f"{os.getpid()}\n{started(os.getpid())}\n{url}\n".encode("ascii")
    try:
        empty(descriptor)
        written = os.pwrite(descriptor, text, 0)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None
    if written < len(text):
        raise FileError(f"cannot write {path}: the disk is full")


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
