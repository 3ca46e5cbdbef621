# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/requirements: every package has a version and the hashes of its files, and pip takes nothing else."""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from pathlib import Path

import gates
import prepare
import pytest

LOCKS = sorted(prepare.REQUIREMENTS.glob("*.txt"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
SHA256 = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def pins(text: str) -> dict[str, set[str]]:
    """The versions of each package, by its name as the package index knows it (PEP 503)."""
    found: dict[str, set[str]] = {}
    for name, version in PIN.findall(text):
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), set()).add(version)
    return found


def named(path: Path) -> dict[str, set[str]]:
    """What a file names, and those that it includes."""
    text = path.read_text()
    included = re.findall(r"^-r (\S+)$", text, re.MULTILINE)
    return pins("\n".join([text, *((path.parent / name).read_text() for name in included)]))


def test_every_file_is_locked():
    sources = {path.stem for path in prepare.REQUIREMENTS.glob("*.in")}
    assert sources - {path.stem for path in LOCKS} == {"matrix-common"}
    assert {path.stem for path in LOCKS} <= sources
    assert {path.stem for path in LOCKS} == set(gates.LOCKS)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_package_has_a_version_and_hashes(path):
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    requirements = [one for one in re.split(r"(?<!\\)\n", text) if one]
    assert requirements
    for requirement in requirements:
        assert PIN.match(requirement), requirement
        assert SHA256.search(requirement), requirement
        rest = SHA256.sub("", requirement)
        assert not re.search("--|://|@", rest), "a version and hashes, and no place to take it from"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_what_was_asked_for(path):
    locked = pins(path.read_text())
    assert {
        name: versions for name, versions in named(path.with_suffix(".in")).items() if locked.get(name) != versions
    } == {}


def test_the_tests_run_with_what_the_demo_runs_with():
    demo, main = (pins((prepare.REQUIREMENTS / f"{name}.txt").read_text()) for name in ("demo", "main"))
    assert {name: versions for name, versions in demo.items() if main[name] != versions} == {}


# -- pip ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel of the ansible package, with next to nothing in it, in the one place where pip looks."""
    path = tmp_path / "links" / "ansible-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ansible_collections/amazon/aws/galaxy.yml", "name: aws")
        archive.writestr("ansible-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ansible\nVersion: 1.0\n")
        archive.writestr("ansible-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("ansible-1.0.dist-info/RECORD", "")
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(path.parent),
        "PIP_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "REQUIREMENTS", tmp_path)
    return path


def require(folder: Path, *options: str) -> None:
    (folder / "collections.txt").write_text(" ".join(["ansible==1.0", *options]) + "\n")


def test_a_wheel_with_the_hash_is_taken(wheel, tmp_path):
    require(tmp_path, f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}")

    collections = prepare.collections(Path(sys.prefix))

    assert (collections / "ansible_collections" / "amazon" / "aws" / "galaxy.yml").exists()


@pytest.mark.parametrize("options", [[], [f"--hash=sha256:{'0' * 64}"]], ids=["no hash", "another hash"])
def test_a_wheel_without_the_hash_is_not(wheel, tmp_path, options):
    require(tmp_path, *options)

    with pytest.raises(SystemExit, match=r"DO NOT MATCH THE HASHES|Hashes are required"):
        prepare.collections(Path(sys.prefix))

    assert not list((tmp_path / ".build").rglob("galaxy.yml"))


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """What is run instead of being run, with requirement files that say little."""
    run = []
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(prepare, "run", lambda command, log: run.append(command))
    (tmp_path / ".build" / "venvs" / "demo").mkdir(parents=True)
    for name in ("build", "demo"):
        (tmp_path / f"{name}.txt").write_text(f"{name}==1\n")
    return run


def test_an_environment_takes_nothing_without_a_hash_and_builds_with_nothing_else(commands, tmp_path):
    prepare.environment("demo")

    made, builders, installed = commands
    assert made[1:4] == ["-m", "venv", "--clear"]
    for command, name in ((builders, "build"), (installed, "demo")):
        assert "--require-hashes" in command
        assert command[-2:] == ["-r", str(tmp_path / f"{name}.txt")]
    assert "--no-build-isolation" in installed


@pytest.mark.parametrize("name", ["build", "demo"])
def test_an_environment_is_made_anew_when_what_it_is_made_from_changes(commands, tmp_path, name):
    prepare.environment("demo")
    prepare.environment("demo")
    assert len(commands) == 3

    (tmp_path / f"{name}.txt").write_text("another==2\n")
    prepare.environment("demo")

    assert len(commands) == 6


def test_an_environment_whose_installation_failed_is_made_anew(commands, tmp_path, monkeypatch):
    record = prepare.run

    def fail(command, log):
        record(command, log)
        raise SystemExit("no network")

    prepare.environment("demo")
    (tmp_path / "demo.txt").write_text("another==2\n")
    monkeypatch.setattr(prepare, "run", fail)
    with pytest.raises(SystemExit):
        prepare.environment("demo")
    (tmp_path / "demo.txt").write_text("demo==1\n")
    monkeypatch.setattr(prepare, "run", record)

    prepare.environment("demo")

    assert len(commands) == 3 + 1 + 3
