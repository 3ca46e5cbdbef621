# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare what the Makefile's commands need, all of it below .build.

    prepare.py build-dir    print where .build really is
    prepare.py venv NAME [REQUIREMENTS]
                            the virtual environment of scripts/requirements/NAME.txt, or REQUIREMENTS.txt
    prepare.py collections VENV
                            a folder of collections with only amazon.aws in it
    prepare.py tree         a copy of the checkout, and amazon.aws, where Ansible looks for collections
    prepare.py export DIR   a clean copy of the checkout in DIR
    prepare.py home         a home directory of its own for ansible-test
    prepare.py path         a search path without the shims of version managers

Everything is redone only when what it is made from has changed. Standard library only.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "scripts" / "requirements"
# Ansible splits at colons and leaves interpreters unquoted: a path with other characters gets its build elsewhere.
SAFE_PATH = re.compile(r"[A-Za-z0-9_./+@,=-]+")
NOT_SOURCES = {".build", ".git", ".venv", "__pycache__"}
# The versions of get-pip.py that ansible-test would fetch; pip comes from the interpreter instead.
GET_PIP_VERSIONS = ("23_1_2", "24_2", "25_2")
# Python compiles what it imports, and pip all that there is.
NO_COMPILE = {"install": {"no-compile": "true"}}
GET_PIP = '''\
"""Stand-in for get-pip.py: pip is installed by the copy that the interpreter has."""
import ensurepip
import glob
import os
import subprocess
import sys

packages = [word for word in sys.argv[1:] if not word.startswith("-")]
environment = {name: value for name, value in os.environ.items() if name != "GET_PIP"}


def run(*command):
    subprocess.check_call((sys.executable,) + command, env=environment, stdout=subprocess.DEVNULL)


copies = glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl"))
if not copies:
    run("-m", "ensurepip", "--default-pip")
pip = (os.path.join(copies[0], "pip"),) if copies else ("-m", "pip")
run(*pip, "install", "-q", "--disable-pip-version-check", *packages)
'''


def build_dir() -> Path:
    """Return the build directory, made on first use."""
    build = ROOT / ".build"
    if build.is_symlink() and not build.exists():
        build.unlink()
    if not build.exists():
        if SAFE_PATH.fullmatch(str(build)):
            build.mkdir(exist_ok=True)
        else:
            build.symlink_to(tempfile.mkdtemp(prefix="byok-aws-build-"))
    return build.resolve()


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process at a time prepare the same thing."""
    locks = build_dir() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command: list[str], log: Path) -> None:
    """Run a command into a log; on failure show the end of the log and give up."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SystemExit(f"{tail}\n\nprepare: failed: {' '.join(command)}\nprepare: the whole log: {log}")


def digest(*parts: str) -> str:
    """Return a hash over what something is made from."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def pip(venv: Path, command: str) -> list[str]:
    """Start a command of pip's that takes no file whose hash is not in the requirement file."""
    options = ["--disable-pip-version-check", "--no-input", "--require-hashes"]
    return [str(venv / "bin" / "python"), "-m", "pip", command, *options]


def prepare_venv(name: str, requirements_name: str = "") -> Path:
    """Make the virtual environment of a requirement file."""
    requirements = REQUIREMENTS / f"{requirements_name or name}.txt"
    builders = REQUIREMENTS / "build.txt"
    venv = build_dir() / "venvs" / name
    stamp = venv / "stamp"
    wanted = digest(sys.version, sys.executable, str(venv), builders.read_text(), requirements.read_text())
    with locked(f"venv-{name}"):
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"prepare: installing scripts/requirements/{requirements.name}", file=sys.stderr)
            log = build_dir() / "logs" / f"venv-{name}.log"
            log.unlink(missing_ok=True)
            run([sys.executable, "-m", "venv", "--clear", str(venv)], log)
            run([*pip(venv, "install"), "--no-compile", "-r", str(builders)], log)
            # An isolated build would fetch what it needs, and check no hash.
            run([*pip(venv, "install"), "--no-compile", "--no-build-isolation", "-r", str(requirements)], log)
            if name == "importer":
                # The importer finds the documentation fragments of other collections nowhere else.
                site_packages = next(venv.glob("lib/python3*/site-packages"))
                shutil.copytree(prepare_collections(venv), site_packages, dirs_exist_ok=True)
            stamp.write_text(wanted)
    return venv


def prepare_collections(venv: Path) -> Path:
    """Take amazon.aws out of the wheel of the ansible package, which holds a hundred collections."""
    requirements = REQUIREMENTS / "collections.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"  # decides which wheel it is
    collections = build_dir() / "collections" / version
    stamp = build_dir() / "collections" / f"{version}.stamp"
    wanted = digest(requirements.read_text())
    with locked(f"collections-{version}"):
        if not stamp.exists() or stamp.read_text() != wanted:
            print("prepare: fetching amazon.aws", file=sys.stderr)
            shutil.rmtree(collections, ignore_errors=True)
            options = ["--no-deps", "--ignore-requires-python", "--only-binary", ":all:", "-d", str(collections)]
            log = build_dir() / "logs" / f"collections-{version}.log"
            run([*pip(venv, "download"), *options, "-r", str(requirements)], log)
            (wheel,) = collections.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                members = [name for name in archive.namelist() if name.startswith("ansible_collections/amazon/aws/")]
                archive.extractall(collections, members)
            wheel.unlink()
            stamp.write_text(wanted)
    return collections


def sources() -> list[str]:
    """List the files of the checkout: what git tracks or would track, or everything in a plain directory."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return sorted(name for name in set(listed.split("\0")) - {""} if os.path.lexists(ROOT / name))
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files if name not in NOT_SOURCES]
    return sorted(found)


def is_current(source: Path, copy: Path) -> bool:
    """Tell whether a copy still has its source's size, time and mode."""
    if not os.path.lexists(copy):
        return False
    old, new = copy.lstat(), source.lstat()
    return (old.st_size, old.st_mtime_ns, old.st_mode) == (new.st_size, new.st_mtime_ns, new.st_mode)


def copy_sources(target: Path, manifest: Path) -> None:
    """Bring a copy of the checkout up to date and take away what the checkout no longer has."""
    names = sources()
    for name in names:
        copy = target / name
        with contextlib.suppress(FileNotFoundError):  # an editor may replace a file at any time
            if not is_current(ROOT / name, copy):
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.unlink(missing_ok=True)
                shutil.copy2(ROOT / name, copy, follow_symlinks=False)
    before = manifest.read_text().split("\0") if manifest.exists() else []
    for name in set(before) - set(names) - {""}:
        (target / name).unlink(missing_ok=True)
        for parent in (target / name).relative_to(target).parents:
            with contextlib.suppress(OSError):  # not empty, or gone already
                (target / parent).rmdir()
    manifest.write_text("\0".join(names))


def prepare_tree() -> Path:
    """Make the tree in which Ansible finds this collection and amazon.aws."""
    tree = build_dir() / "tree"
    collection = tree / "ansible_collections" / "byok" / "aws"
    collections = prepare_collections(prepare_venv("demo"))
    with locked("tree"):
        copy_sources(collection, build_dir() / "tree.manifest")
        if not (collection / ".git").exists() and shutil.which("git"):
            subprocess.run(["git", "init", "-q", collection], check=True)
        stamp = tree / "collections.stamp"
        wanted = digest(str(collections), (collections.parent / f"{collections.name}.stamp").read_text())
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(tree / "ansible_collections" / "amazon", ignore_errors=True)
            shutil.copytree(collections, tree, dirs_exist_ok=True)
            stamp.write_text(wanted)
    return collection


def export(target: Path) -> None:
    """Make a clean copy of the checkout."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        copy_sources(target, Path(scratch) / "manifest")


def pip_settings() -> configparser.RawConfigParser:
    """Collect the user's pip settings: ansible-test passes neither the home directory's nor the environment's on."""
    settings = configparser.RawConfigParser(interpolation=None)
    home = Path.home()
    settings.read([home / ".pip" / "pip.conf", home / ".config" / "pip" / "pip.conf"])
    settings.read(os.environ.get("PIP_CONFIG_FILE", os.devnull))
    if not settings.has_section("global"):
        settings.add_section("global")
    for name, value in os.environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE" and value:
            settings.set("global", name.removeprefix("PIP_").lower().replace("_", "-"), value)
    return settings


def prepare_home() -> Path:
    """Make a home directory in which ansible-test keeps its caches and finds pip."""
    home = build_dir() / "home"
    with locked("home"):
        cache = home / ".ansible" / "test" / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        for version in GET_PIP_VERSIONS:
            (cache / f"get_pip_{version}.py").write_text(GET_PIP)
        pip_conf = home / ".config" / "pip" / "pip.conf"
        pip_conf.parent.mkdir(parents=True, exist_ok=True)
        pip_conf.touch(mode=0o600)
        with pip_conf.open("w") as output:
            settings = pip_settings()
            settings.read_dict(NO_COMPILE)
            settings.write(output)
    return home


def interpreters() -> dict[str, str]:
    """Find the Pythons of this machine that start, by the name of their version."""
    found = {}
    versions = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin"))
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, versions)])
    for name in (f"python3.{minor}" for minor in range(9, 15)):
        for folder in search.split(os.pathsep):
            probe = [os.path.join(folder, name), "-c", "import sys; print(sys._base_executable)"]
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                found[name] = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.strip()
                break
    return found


def prepare_path() -> str:
    """Link the interpreters found into a folder, and put it in front of a search path without shims.

    A shim is a script that looks for the real command in the home directory or the current one: ours are others.
    """
    folder = build_dir() / "pythons"
    with locked("pythons"):
        if not folder.exists():
            fresh = Path(tempfile.mkdtemp(dir=build_dir()))
            for name, interpreter in interpreters().items():
                (fresh / name).symlink_to(interpreter)
            fresh.rename(folder)
    entries = [folder]
    for entry in map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep)):
        python = entry / "python3"
        if not python.is_file() or python.open("rb").read(2) != b"#!":
            entries.append(entry)
    return os.pathsep.join(map(str, entries))


def main(arguments: list[str]) -> int:
    """Prepare one thing and print where it is."""
    match arguments:
        case ["build-dir"]:
            print(build_dir())
        case ["venv", name, *requirements] if len(requirements) <= 1:
            print(prepare_venv(name, *requirements))
        case ["collections", venv]:
            print(prepare_collections(Path(venv)))
        case ["tree"]:
            print(prepare_tree())
        case ["export", target]:
            export(Path(target))
        case ["home"]:
            print(prepare_home())
        case ["path"]:
            print(prepare_path())
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
