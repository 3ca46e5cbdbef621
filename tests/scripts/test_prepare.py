# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/prepare.py: the copy of the checkout that the gates look at, and what surrounds it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import prepare
import pytest


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small git checkout that prepare takes for its own."""
    root = tmp_path / "checkout"
    (root / "plugins" / "modules").mkdir(parents=True)
    (root / "plugins" / "modules" / "one.py").write_text("one")
    (root / "galaxy.yml").write_text("name: aws")
    (root / ".gitignore").write_text("/.build\n*.log\n")
    (root / "noise.log").write_text("ignored")
    subprocess.run(["git", "init", "-q", root], check=True)
    monkeypatch.setattr(prepare, "ROOT", root)
    return root


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_sources_are_what_git_would_track(checkout):
    assert prepare.sources() == [".gitignore", "galaxy.yml", "plugins/modules/one.py"]


def test_sources_without_git_are_all_files_but_the_build(checkout):
    shutil.rmtree(checkout / ".git")
    (checkout / ".build").mkdir()
    (checkout / ".build" / "big").write_text("")
    assert prepare.sources() == [".gitignore", "galaxy.yml", "noise.log", "plugins/modules/one.py"]


def test_sources_leave_out_a_tracked_file_that_was_deleted(checkout):
    subprocess.run(["git", "-C", checkout, "add", "."], check=True)
    (checkout / "galaxy.yml").unlink()
    assert "galaxy.yml" not in prepare.sources()


def test_copy_follows_changes_and_deletions_and_keeps_what_tests_wrote(checkout, tmp_path):
    target, manifest = tmp_path / "copy", tmp_path / "manifest"
    prepare.copy_sources(target, manifest)
    assert files_below(target) == prepare.sources()
    (target / "output.xml").write_text("written by a test")
    (checkout / "galaxy.yml").write_text("name: other")
    (checkout / "plugins" / "modules" / "one.py").unlink()
    (checkout / "new.yml").write_text("new")
    prepare.copy_sources(target, manifest)
    assert files_below(target) == [".gitignore", "galaxy.yml", "new.yml", "output.xml"]
    assert (target / "galaxy.yml").read_text() == "name: other"
    assert not (target / "plugins").exists()


def test_copy_leaves_unchanged_files_alone(checkout, tmp_path):
    target, manifest = tmp_path / "copy", tmp_path / "manifest"
    prepare.copy_sources(target, manifest)
    before = (target / "galaxy.yml").stat()
    prepare.copy_sources(target, manifest)
    assert (target / "galaxy.yml").stat().st_ino == before.st_ino


def test_copy_keeps_modes_and_symlinks(checkout, tmp_path):
    (checkout / "run").write_text("#!/bin/sh\n")
    (checkout / "run").chmod(0o755)
    (checkout / "link").symlink_to("run")
    prepare.copy_sources(tmp_path / "copy", tmp_path / "manifest")
    assert os.access(tmp_path / "copy" / "run", os.X_OK)
    assert os.readlink(tmp_path / "copy" / "link") == "run"


def test_build_is_in_the_checkout(checkout):
    assert prepare.build_dir() == checkout / ".build"
    assert (checkout / ".build").is_dir()


def test_build_of_a_checkout_with_a_space_in_its_path_is_elsewhere(tmp_path, monkeypatch):
    root = tmp_path / "my checkout"
    root.mkdir()
    monkeypatch.setattr(prepare, "ROOT", root)
    build = prepare.build_dir()
    try:
        assert prepare.SAFE_PATH.fullmatch(str(build))
        assert prepare.build_dir() == build
        build.rmdir()
        again = prepare.build_dir()
        assert again.is_dir()
    finally:
        shutil.rmtree((root / ".build").resolve(), ignore_errors=True)


def test_pip_settings_of_the_user_reach_ansible_test(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    (tmp_path / ".config" / "pip").mkdir(parents=True)
    (tmp_path / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://one.example/simple\ntimeout = 5\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "https://two.example/simple%20x")
    settings = prepare.pip_settings()
    assert dict(settings["global"]) == {"index-url": "https://two.example/simple%20x", "timeout": "5"}


def test_failure_shows_the_end_of_the_log(tmp_path):
    with pytest.raises(SystemExit) as failure:
        prepare.run(["sh", "-c", "echo because of this; exit 3"], tmp_path / "logs" / "step.log")
    assert "because of this" in str(failure.value)
    assert str(tmp_path / "logs" / "step.log") in str(failure.value)


# -- the tree, and what commands run in -------------------------------------------------------------------------------


@pytest.fixture
def amazon(checkout, monkeypatch):
    """A checkout for which amazon.aws is there already."""
    place = prepare.build_dir() / "collections" / "3.11"
    (place / "ansible_collections" / "amazon" / "aws").mkdir(parents=True)
    monkeypatch.setattr(prepare, "collections", lambda: place)
    return place / "ansible_collections" / "amazon"


def test_the_tree_has_this_collection_and_amazon_aws(checkout, amazon):
    collection = prepare.tree()
    assert collection == prepare.build_dir() / "tree" / "ansible_collections" / "byok" / "aws"
    assert (collection / "galaxy.yml").read_text() == "name: aws"
    assert (collection.parents[1] / "amazon").resolve() == amazon


def test_git_finds_the_files_of_the_tree_and_not_those_around_it(checkout, amazon):
    command = ["git", "-C", prepare.tree(), "ls-files", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert listed.split() == prepare.sources()


def test_a_fresh_tree_has_nothing_that_a_test_wrote(checkout, amazon):
    (prepare.tree("clean") / "output.xml").write_text("written by a test")
    assert (prepare.tree("clean") / "output.xml").exists()
    assert not (prepare.tree("clean", fresh=True) / "output.xml").exists()
    assert (prepare.tree("clean") / "galaxy.yml").exists()


def test_the_search_path_has_no_shims_but_the_pythons_of_pyenv(tmp_path, monkeypatch):
    for name, content in (("shims", "#!/bin/sh\n"), ("real", "\x7fELF"), ("pyenv/versions/3.12.1/bin", "\x7fELF")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "python3").write_text(content)
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("shims", "real", "other", "absent")))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    names = [str(Path(one).relative_to(tmp_path)) for one in prepare.search_path().split(os.pathsep)]
    assert names == ["real", "other", "absent", "pyenv/versions/3.12.1/bin"]


def test_nox_starts_without_settings_of_the_user(checkout, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(prepare, "environment", lambda name: tmp_path / name)
    monkeypatch.setattr(os, "execve", lambda *arguments: started.append(arguments))
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "ANSIBLE_CONFIG", "PYTHONPATH", "NOXSESSION", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "of the user")
    monkeypatch.setenv("PIP_INDEX_URL", "https://two.example/simple")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the user")
    monkeypatch.setenv("PYTHON", "python3.12")

    prepare.main(["--sessions", "units"])

    ((program, command, environment),) = started
    assert program == str(tmp_path / "nox" / "bin" / "python")
    assert command[-2:] == ["--sessions", "units"]
    assert [name for name, value in environment.items() if value == "of the user"] == []
    assert environment.items() >= {**prepare.PASSED_ON, "PIP_INDEX_URL": "https://two.example/simple"}.items()
