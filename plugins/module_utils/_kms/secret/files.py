# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that nobody else may read or exchange: key material, preparations, journals.

A user who may write to a directory on the way to a file can put another file in its place, and so can the owner of
such a directory or of a symlink. Trusted are the user who runs this and root, as in OpenSSH (sshd_config(5),
StrictModes), and groups without other members.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import tempfile
from collections.abc import Container
from collections.abc import Iterator
from functools import cache

from ..service.errors import invalid

_ROOT = 0
# As many as Linux follows (path_resolution(7)).
_MOST_LINKS = 40


def read_private_file(option: str, path: str, loose: bool, largest: int) -> bytes:
    """The bytes of a file with key material, in plain or wrapped.

    Raises AnsibleKMSError when there is no such regular file, when group or others could read it and loose is off, or
    when another user could change it or put another file in its place.
    """
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise invalid(f"{option} {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise invalid(f"{option} is no path: it holds a nul byte") from None
    try:
        _check_file(option, path, os.fstat(descriptor), loose, largest)
        check_opened(option, path, descriptor)
        content = os.read(descriptor, largest)
    finally:
        os.close(descriptor)
    if not content:
        raise invalid(f"{option} {path} is empty")
    return content


def replace_file(path: str, content: str) -> None:
    """Write a file as a whole, for its owner alone. A reader finds the old one or the new one. Raises OSError."""
    # In the same directory, so that it can take the place of an older one in one step. Its mode is 0600.
    descriptor, new = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".byok-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


def _check_file(option: str, path: str, status: os.stat_result, loose: bool, largest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise invalid(f"{option} {path} is {kind}; give the path of the file that holds the material")
    if status.st_size > largest:
        raise invalid(f"{option} {path} has {status.st_size} bytes, which no key material has")
    if status.st_mode & 0o077 and not loose:
        raise invalid(
            f"{option} {path} has mode {stat.S_IMODE(status.st_mode):04o}, so that group or others can get at "
            "it; set mode 0600 (and consider the material exposed), or set allow to loose_file"
        )


def check_opened(option: str, path: str, descriptor: int) -> None:
    """Raises AnsibleKMSError when another user could change the opened file, or put another one in its place."""
    status = os.fstat(descriptor)
    problem = owner_problem(option, path, status, os.geteuid())
    if problem:
        raise invalid(problem)
    found = _check_way(option, path, path)
    if (found.st_dev, found.st_ino) != (status.st_dev, status.st_ino):
        raise invalid(f"{option} {path} was replaced while it was opened; find out by what, and run the task again")


def check_directory(option: str, path: str) -> None:
    """Raises AnsibleKMSError when another user could replace the file that is, or will be, at this path."""
    _check_way(option, path, os.path.dirname(path) or ".")


def _check_way(option: str, path: str, way: str) -> os.stat_result:
    """Judge every directory and symlink on the way, and return the status of its end. Raises AnsibleKMSError."""
    uid = os.geteuid()
    roots, groups = _roots(), private_groups(uid)
    status = os.lstat("/")
    try:
        for entry, status in _steps(way):
            if stat.S_ISLNK(status.st_mode):
                problem = owner_problem(option, path, status, uid, f"the symlink {entry} on the way to it", roots)
            elif stat.S_ISDIR(status.st_mode):
                problem = directory_problem(option, path, entry, status, uid, roots, groups)
            else:
                problem = None
            if problem:
                raise invalid(problem)
    except OSError as error:
        raise invalid(f"{option} {path} cannot be reached: {error.strerror}") from None
    return status


def _steps(way: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every directory and symlink from / on, as the kernel goes, and the end. Raises OSError."""
    current, links = "/", 0
    yield current, os.lstat(current)
    pending = os.path.join(os.getcwd(), way).split("/")[::-1]
    while pending:
        name = pending.pop()
        if name in ("", "."):
            continue
        entry = os.path.dirname(current) if name == ".." else os.path.join(current, name)
        status = os.lstat(entry)
        yield entry, status
        if not stat.S_ISLNK(status.st_mode):
            current = entry
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(entry)
        current = "/" if target.startswith("/") else current
        pending.extend(target.split("/")[::-1])


def owner_problem(
    option: str,
    path: str,
    status: os.stat_result,
    effective_uid: int,
    subject: str = "it",
    roots: Container[int] = (_ROOT,),
) -> str | None:
    """Why a file or symlink of this owner is not taken, or None.

    subject: what belongs to the owner, where that is not the file at path. roots: the user IDs that stand for root.
    """
    if status.st_uid == effective_uid or status.st_uid in roots:
        return None
    return (
        f"{option} {path} is not taken: {subject} belongs to the user with the ID {status.st_uid}, who can change it "
        f"at any time; it has to belong to the user who runs this (ID {effective_uid}) or to root"
    )


def directory_problem(
    option: str,
    path: str,
    directory: str,
    status: os.stat_result,
    effective_uid: int,
    roots: Container[int] = (_ROOT,),
    groups: Container[int] = (_ROOT,),
) -> str | None:
    """Why a file is not taken from, or written to, a path that leads through this directory, or None.

    roots: the user IDs that stand for root. groups: the IDs of groups in which nobody else is.
    """
    way_out = "use a directory that only the user who runs this, or root, can write to"
    if status.st_uid != effective_uid and status.st_uid not in roots:
        return (
            f"{option} {path} is not taken: the directory {directory} belongs to the user with the ID {status.st_uid}, "
            f"who can put another file there; {way_out}"
        )
    # In a directory with the sticky bit only the owners of a file and of the directory replace it.
    shared = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid not in groups)
    if not shared or status.st_mode & stat.S_ISVTX:
        return None
    return (
        f"{option} {path} is not taken: the directory {directory} has mode {stat.S_IMODE(status.st_mode):04o}, so that "
        f"group or others can put another file there; take that from them (chmod go-w), or {way_out}"
    )


@cache
def private_groups(uid: int) -> tuple[int, ...]:
    """The IDs of root's group and of the user's private group: named as the user, without other members."""
    try:
        user = pwd.getpwuid(uid)
        group = grp.getgrgid(user.pw_gid)
    except KeyError:
        return (_ROOT,)
    private = group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    return (_ROOT, group.gr_gid) if private else (_ROOT,)


@cache
def _roots() -> tuple[int, ...]:
    """The user IDs that stand for root: in a container with users of its own, the one of all users outside as well.

    Source: user_namespaces(7). Without that, / and /home of a rootless container would belong to a stranger.
    """
    try:
        with open("/proc/self/uid_map") as file:
            mapped = file.read().split()
        if mapped[:3] == ["0", "0", "4294967295"]:
            return (_ROOT,)
        with open("/proc/sys/kernel/overflowuid") as file:
            return (_ROOT, int(file.read()))
    except (OSError, ValueError):
        return (_ROOT,)
