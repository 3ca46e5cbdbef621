# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/prepare.py: the copy of the checkout that the gates look at, and what surrounds it."""

from __future__ import annotations

import os
import shutil
import subprocess

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
