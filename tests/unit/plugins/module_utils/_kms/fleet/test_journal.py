# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is noted of each key, on disks that are full and in places where no journal belongs."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any
from typing import Callable

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.fleet import journal
from ansible_collections.byok.aws.plugins.module_utils._kms.fleet.journal import Journal
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError
from ansible_collections.byok.aws.plugins.module_utils._kms.service.process import Ending

CHANGED = {"key_id": "alias/a", "operations": ["DeleteImportedKeyMaterial"]}
FULL = os.strerror(errno.ENOSPC)


class Disk:
    """A disk with room for so many more bytes. meanwhile: what happens when it is full, before that is known."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, meanwhile: Callable[[], Any] = lambda: None) -> None:
        self.room = room
        self._meanwhile = meanwhile
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor: int, content: bytes) -> int:
        if self.room == 0:
            self._meanwhile()
            raise OSError(errno.ENOSPC, FULL)
        written = self._write(descriptor, content[: self.room])
        self.room -= written
        return written


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_journal_keeps_lines_of_several_calls(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for number in range(2):
        journal = Journal(str(path))
        journal.write({"number": number})
        journal.close()
        journal.close()
        assert journal.warnings == ()

    assert [line["number"] for line in lines(path)] == [0, 1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_journal_keeps_nothing() -> None:
    journal = Journal(None)
    journal.write(CHANGED)
    journal.close()

    assert journal.warnings == ()


@pytest.mark.parametrize("room", [0, 1, 30])
def test_a_full_disk_ends_the_run_and_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    path, ending = tmp_path / "journal", Ending()
    journal = Journal(str(path), ending)
    journal.write({"number": 0})
    disk = Disk(monkeypatch, room)

    journal.write(CHANGED)
    journal.write({**CHANGED, "key_id": "alias/untouched", "operations": []})

    assert lines(path) == [{"number": 0}]
    assert ending.is_set() and ending.reason == f"journal_path {path} could not be written ({FULL})"
    (warning,) = journal.warnings
    assert warning == (
        f"journal_path {path} could not be written ({FULL}); it lacks the keys alias/a, which were changed; the result "
        "has every key"
    )
    disk.room = 1000
    journal.write({"number": 1})
    assert [line["number"] for line in lines(path)] == [0, 1]


def test_a_disk_that_takes_a_line_in_parts_gets_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, ending = tmp_path / "journal", Ending()
    journal = Journal(str(path), ending)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:7]))

    journal.write(CHANGED)

    assert lines(path) == [CHANGED] and not ending.is_set()


def test_many_lost_keys_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(str(tmp_path / "journal"))
    Disk(monkeypatch, 0)

    for number in range(8):
        journal.write({**CHANGED, "key_id": f"k{number}"})

    assert "it lacks the keys k0, k1, k2, k3, k4 and 3 more, which were changed" in journal.warnings[0]


def test_what_another_process_has_written_meanwhile_is_never_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    first, second = Journal(str(path)), Journal(str(path))

    def other() -> None:
        monkeypatch.undo()
        second.write({"number": 2})

    Disk(monkeypatch, 10, other)
    first.write(CHANGED)
    first.write({"number": 3})

    half, *whole = path.read_text().splitlines()
    assert CHANGED["key_id"] not in half and [json.loads(line)["number"] for line in whole] == [2, 3]


def test_half_a_line_that_a_killed_run_has_left_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text('{"number": 0}\n{"numb')
    path.chmod(0o600)
    journal = Journal(str(path))

    journal.write({"number": 1})
    journal.write({"number": 2})

    text = path.read_text().splitlines()
    assert text[1] == '{"numb' and [json.loads(text[one])["number"] for one in (0, 2, 3)] == [0, 1, 2]


def test_a_disk_that_is_full_at_the_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(str(tmp_path / "journal"))
    journal.write(CHANGED)
    close = os.close

    def failing(descriptor: int) -> None:
        close(descriptor)
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "close", failing)
    journal.close()

    assert os.strerror(errno.EDQUOT) in journal.warnings[0]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    target = path.with_name("target")
    target.write_text("kept")
    path.symlink_to(target)


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


UNFIT: list[tuple[Callable[[Path], None], str]] = [
    (fifo, "is not a regular file; name a file"),
    (link, "is a symbolic link; name the file that it leads to"),
    (dangling, "is a symbolic link; name the file that it leads to"),
    (Path.mkdir, "is a directory; name a file"),
]


@pytest.mark.parametrize(("make", "said"), UNFIT)
def test_what_is_no_file_is_refused_untouched_and_without_waiting(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "journal"
    make(path)
    before = {one.name: one.lstat() for one in tmp_path.iterdir()}

    for refuse in (Journal, journal.refuse_unfit):
        with pytest.raises(AnsibleKMSError, match=said) as refused:
            refuse(str(path))
        assert refused.value.code == "InvalidInput" and str(path) in refused.value.sentence

    assert {one.name: one.lstat() for one in tmp_path.iterdir()} == before


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it belong to another user than the one who runs this."""
    if os.geteuid() == 0:
        os.chown(path, 4711, 4711)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)


@pytest.mark.parametrize("whose", ["journal", "."])
def test_what_another_user_could_change_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    path = place / "journal"
    path.write_text("kept")
    give_away(place / whose, monkeypatch)

    for refuse in (Journal, journal.refuse_unfit):
        with pytest.raises(AnsibleKMSError, match="belongs to the user with the ID") as refused:
            refuse(str(path))
        assert refused.value.sentence.startswith(f"journal_path {path} is not taken")

    assert path.read_text() == "kept"


@pytest.mark.parametrize(("mode", "taken"), [(0o777, False), (0o1777, True), (0o755, True)])
@pytest.mark.parametrize("exists", [True, False])
def test_a_directory_that_others_may_write_to_needs_the_sticky_bit(
    tmp_path: Path, mode: int, taken: bool, exists: bool
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    path = place / "journal"
    if exists:
        path.touch(mode=0o600)
    place.chmod(mode)

    for take in (journal.refuse_unfit, Journal):
        if taken:
            take(str(path))
            continue
        with pytest.raises(AnsibleKMSError, match="group or others can put another file there"):
            take(str(path))

    assert path.exists() is (taken or exists)


def test_a_file_that_is_exchanged_while_it_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "journal", tmp_path / "other"
    path.touch(mode=0o600)
    other.touch(mode=0o600)
    opened = os.open

    def exchanging(name: str, *arguments: Any) -> int:
        descriptor = opened(name, *arguments)
        other.replace(path)
        return descriptor

    monkeypatch.setattr(os, "open", exchanging)
    with pytest.raises(AnsibleKMSError, match="was replaced while it was opened"):
        Journal(str(path))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/dev/full", "is not a regular file"),
        ("/dev/null", "is not a regular file"),
        ("/nowhere/at/all", "cannot be written: No such file or directory"),
        ("/etc/passwd/journal", "cannot be written: Not a directory"),
        ("a\0b", "holds a nul byte"),
        ("/tmp/" + "x" * 300, "cannot be written: File name too long"),
    ],
)
def test_what_can_be_no_journal_is_refused(path: str, said: str) -> None:
    with pytest.raises(AnsibleKMSError, match=said):
        Journal(path)


def test_what_is_not_there_yet_is_fit(tmp_path: Path) -> None:
    journal.refuse_unfit(str(tmp_path / "journal"))
    journal.refuse_unfit(str(tmp_path / "not" / "yet" / "journal"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("make", "said"), [(fifo, "not a regular file"), (link, "Too many levels of symbolic links")])
def test_what_takes_the_place_of_the_file_at_the_last_moment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "journal"
    make(path)
    monkeypatch.setattr(journal, "refuse_unfit", lambda _path: None)

    with pytest.raises(AnsibleKMSError, match=said):
        Journal(str(path))
