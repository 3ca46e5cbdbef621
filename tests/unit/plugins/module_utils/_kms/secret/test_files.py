# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose files are taken, and from where: nobody else can have put them there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.byok.aws.plugins.module_utils._kms.secret import files
from ansible_collections.byok.aws.plugins.module_utils._kms.service.errors import AnsibleKMSError

ME, STRANGER, GROUP = 1000, 1001, 2000
SetOwner = Callable[[Path, int], None]


def status(mode: int, uid: int, gid: int = GROUP) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("uid", "effective_uid", "said"),
    [
        (ME, ME, None),
        (0, ME, None),
        (0, 0, None),
        (STRANGER, ME, "belongs to the user with the ID 1001"),
        (STRANGER, 0, "belongs to the user with the ID 1001"),
        (65534, ME, "belongs to the user with the ID 65534"),
    ],
)
def test_whose_files_are_taken(uid: int, effective_uid: int, said: str | None) -> None:
    problem = files.owner_problem("journal_path", "/a/b", status(0o100600, uid), effective_uid)

    assert (problem is None) if said is None else (said in str(problem) and "journal_path /a/b" in str(problem))


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "said"),
    [
        (0o755, ME, GROUP, None),
        (0o700, 0, 0, None),
        (0o1777, 0, 0, None),
        (0o1770, ME, GROUP, None),
        # Nobody else is in root's group, and in the user's own.
        (0o775, 0, 0, None),
        (0o770, ME, ME, None),
        (0o775, ME, GROUP, "has mode 0775"),
        (0o757, 0, 0, "has mode 0757"),
        (0o777, ME, ME, "has mode 0777"),
        (0o755, STRANGER, ME, "belongs to the user with the ID 1001"),
        (0o1777, STRANGER, ME, "belongs to the user with the ID 1001"),
    ],
)
def test_which_directories_a_way_may_lead_through(mode: int, uid: int, gid: int, said: str | None) -> None:
    found = status(0o040000 | mode, uid, gid)
    problem = files.directory_problem("journal_path", "/a/b", "/a", found, ME, groups=(0, ME))

    assert (problem is None) if said is None else (said in str(problem) and "the directory /a " in str(problem))


def test_only_a_group_without_other_members_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    def groups(name: str, members: list[str]) -> tuple[int, ...]:
        monkeypatch.setattr(files.grp, "getgrgid", lambda _gid: files.grp.struct_group((name, "x", GROUP, members)))
        user = ("anna", "x", ME, GROUP, "", "/", "")
        monkeypatch.setattr(files.pwd, "getpwuid", lambda _uid: files.pwd.struct_passwd(user))
        files.private_groups.cache_clear()
        return files.private_groups(ME)

    assert groups("anna", []) == groups("anna", ["anna"]) == (0, GROUP)
    assert groups("staff", []) == groups("anna", ["anna", "bert"]) == (0,)

    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(files.pwd, "getpwuid", unknown)
    files.private_groups.cache_clear()
    assert files.private_groups(ME) == (0,)
    files.private_groups.cache_clear()


# -- real files --------------------------------------------------------------------------------------------------------


@pytest.fixture(name="set_owner")
def fixture_set_owner(monkeypatch: pytest.MonkeyPatch) -> SetOwner:
    """Let a path seem to belong to a user. Only root could change its owner."""
    owners: dict[int, int] = {}
    lstat, fstat = os.lstat, os.fstat

    def changed(found: os.stat_result) -> os.stat_result:
        return os.stat_result([*found[:4], owners.get(found.st_ino, found.st_uid), *found[5:10]])

    monkeypatch.setattr(files.os, "lstat", lambda path: changed(lstat(path)))
    monkeypatch.setattr(files.os, "fstat", lambda descriptor: changed(fstat(descriptor)))

    def set_owner(path: Path, uid: int) -> None:
        owners[lstat(path).st_ino] = uid

    return set_owner


@pytest.fixture(name="tree")
def fixture_tree(tmp_path: Path) -> Path:
    """As Kubernetes mounts a secret: secret/name -> ..data/name, ..data -> ..2020; beside it a link to that."""
    data = tmp_path / "secret" / "..2020"
    data.mkdir(parents=True)
    (data / "name").write_bytes(b"content")
    (data / "name").chmod(0o600)
    (tmp_path / "secret" / "..data").symlink_to("..2020")
    (tmp_path / "secret" / "name").symlink_to("..data/name")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "link").symlink_to(tmp_path / "secret" / "name")
    return tmp_path


def read(path: Path, loose: bool = False) -> bytes:
    return files.read_private_file("key_material_file", str(path), loose, 100)


def stranger_uid() -> int:
    return os.geteuid() + 1001


@pytest.mark.parametrize("way", ["secret/..2020/name", "secret/name", "links/link", "links/../secret/name"])
def test_a_file_of_ones_own_is_read_through_every_link(tree: Path, way: str) -> None:
    (tree / "secret").chmod(0o1777)

    assert read(tree / way) == b"content"


def test_a_mounted_secret_of_root_is_read(tree: Path, set_owner: SetOwner) -> None:
    for name in ("secret", "secret/..data", "secret/name", "secret/..2020", "secret/..2020/name"):
        set_owner(tree / name, 0)

    assert read(tree / "secret/name") == b"content"


@pytest.mark.parametrize("loose", [False, True])
@pytest.mark.parametrize(
    ("owned", "named"),
    [
        ("secret/..2020/name", "it belongs to"),
        ("secret/..2020", "the directory {}/secret/..2020 belongs to"),
        ("secret", "the directory {}/secret belongs to"),
        ("links", "the directory {}/links belongs to"),
        ("links/link", "the symlink {}/links/link on the way to it belongs to"),
        ("secret/..data", "the symlink {}/secret/..data on the way to it belongs to"),
    ],
)
def test_what_a_stranger_owns_on_the_way_is_refused(
    tree: Path, set_owner: SetOwner, owned: str, named: str, loose: bool
) -> None:
    set_owner(tree / owned, stranger_uid())

    with pytest.raises(AnsibleKMSError) as caught:
        read(tree / "links/link", loose)

    said = str(caught.value)
    assert named.format(tree) in said and str(stranger_uid()) in said
    assert f"key_material_file {tree}/links/link is not taken" in said


@pytest.mark.parametrize("directory", [".", "links", "secret", "secret/..2020"])
def test_what_strangers_can_write_to_on_the_way_is_refused(tree: Path, directory: str) -> None:
    (tree / directory).chmod(0o777)

    with pytest.raises(AnsibleKMSError, match="has mode 0777"):
        read(tree / "links/link")

    (tree / directory).chmod(0o1777)
    assert read(tree / "links/link") == b"content"


def test_directories_off_the_way_do_not_matter(tree: Path, set_owner: SetOwner) -> None:
    (tree / "links").chmod(0o777)
    set_owner(tree / "links", stranger_uid())

    assert read(tree / "secret/name") == b"content"


def test_a_relative_path_is_judged_from_the_root_on(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "secret")
    assert read(Path("name")) == b"content"
    tree.chmod(0o777)

    with pytest.raises(AnsibleKMSError, match="has mode 0777"):
        read(Path("name"))


def test_a_file_that_was_replaced_meanwhile_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tree / "secret/..2020/name"
    monkeypatch.setattr(files, "owner_problem", lambda *_arguments: os.replace(tree / "other", path))
    (tree / "other").write_bytes(b"content")
    (tree / "other").chmod(0o600)

    with pytest.raises(AnsibleKMSError, match="was replaced while it was opened"):
        read(path)


def test_a_container_sees_the_root_outside_as_another_user(
    tree: Path, set_owner: SetOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = stranger_uid()
    set_owner(tree / "secret", outside)
    set_owner(tree / "secret/..data", outside)
    monkeypatch.setattr(files, "_roots", lambda: (0, outside))
    assert read(tree / "secret/name") == b"content"
    set_owner(tree / "secret/..2020/name", outside)

    # Whose file it is cannot be seen in there.
    with pytest.raises(AnsibleKMSError, match="it belongs to"):
        read(tree / "secret/name")


def test_where_a_file_may_be_written(tree: Path, set_owner: SetOwner) -> None:
    files.check_directory("journal_path", str(tree / "new"))
    (tree / "links").chmod(0o777)
    with pytest.raises(AnsibleKMSError, match="links has mode 0777"):
        files.check_directory("journal_path", str(tree / "links" / "new"))
    with pytest.raises(AnsibleKMSError, match=r"journal_path .* cannot be reached: No such file"):
        files.check_directory("journal_path", str(tree / "nowhere" / "new"))
    set_owner(tree, stranger_uid())
    with pytest.raises(AnsibleKMSError, match="belongs to the user with the ID"):
        files.check_directory("journal_path", str(tree / "new"))
