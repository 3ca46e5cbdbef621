# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare what the sessions in gates.py need, all of it below .build. As a script: start nox with these sessions.

It makes each thing anew only when its sources change. Standard library only: it installs the rest.
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
# Ansible splits paths at colons and does not quote interpreters: a checkout at another path gets its build elsewhere.
SAFE_PATH = re.compile(r"[A-Za-z0-9_./+@,=-]+")
NOT_SOURCES = {".build", ".git", ".nox", ".venv", "__pycache__"}
# No configuration, credentials or running environment of the user reaches a test, and no test reaches AWS.
NOT_PASSED_ON = re.compile(r"(ANSIBLE|AWS|MOLECULE|PYTEST)_.*|(NOX|PYTHON[A-Z]).*|VIRTUAL_ENV")
PASSED_ON = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
    "LC_ALL": "C.UTF-8",
}
# ansible-test fetches these versions of get-pip.py when they are not in its cache; here the interpreter provides pip.
GET_PIP_VERSIONS = ("23_1_2", "24_2", "25_2")
GET_PIP = '''\
"""Stand-in for get-pip.py: the interpreter's own copy of pip installs pip."""
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
    """Return the build directory; make it on first use."""
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
    """Let one process at a time do this."""
    locks = build_dir() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def made_from(target: Path, *parts: str) -> Iterator[bool]:
    """Tell whether a target is to be made anew from these parts; remember them when nothing fails."""
    stamp = target.with_name(f"{target.name}.stamp")
    wanted = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    with locked(f"{target.parent.name}-{target.name}"):
        current = target.exists() and stamp.exists() and stamp.read_text() == wanted
        if not current:
            stamp.unlink(missing_ok=True)
        yield not current
        stamp.write_text(wanted)


def run(command: list[str], log: Path) -> None:
    """Run a command and append its output to a log; on failure show the end of the log and give up."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SystemExit(f"{tail}\n\nprepare: failed: {' '.join(command)}\nprepare: the whole log: {log}")


def pip(venv: Path, command: str) -> list[str]:
    """Start a pip command that takes no file without its hash in the requirement file."""
    options = ["--disable-pip-version-check", "--no-input", "--require-hashes"]
    return [str(venv / "bin" / "python"), "-m", "pip", command, *options]


def environment(name: str) -> Path:
    """Make the virtual environment of a requirement file, which many sessions share: nox makes one for each session."""
    interpreter = str(getattr(sys, "_base_executable", sys.executable))
    requirements = REQUIREMENTS / f"{name}.txt"
    builders = REQUIREMENTS / "build.txt"
    venv = build_dir() / "venvs" / name
    with made_from(venv, sys.version, interpreter, str(venv), builders.read_text(), requirements.read_text()) as stale:
        if stale:
            print(f"prepare: installing scripts/requirements/{requirements.name}", file=sys.stderr, flush=True)
            log = build_dir() / "logs" / f"venv-{name}.log"
            log.unlink(missing_ok=True)
            run([interpreter, "-m", "venv", "--clear", str(venv)], log)
            # Python compiles the modules that it imports; pip would compile all. An isolated build would fetch the
            # builders and check no hash.
            run([*pip(venv, "install"), "--no-compile", "-r", str(builders)], log)
            run([*pip(venv, "install"), "--no-compile", "--no-build-isolation", "-r", str(requirements)], log)
    return venv


def collections(venv: Path = Path(sys.prefix)) -> Path:
    """Take amazon.aws out of the wheel of the ansible package, which holds a hundred collections."""
    requirements = REQUIREMENTS / "collections.txt"
    # The version of Python decides which wheel it is.
    version = next((venv / "lib").glob("python3*")).name.removeprefix("python")
    target = build_dir() / "collections" / version
    with made_from(target, requirements.read_text()) as stale:
        if stale:
            print("prepare: fetching amazon.aws", file=sys.stderr, flush=True)
            shutil.rmtree(target, ignore_errors=True)
            options = ["--no-deps", "--ignore-requires-python", "--only-binary", ":all:", "-d", str(target)]
            log = build_dir() / "logs" / f"collections-{version}.log"
            run([*pip(venv, "download"), *options, "-r", str(requirements)], log)
            (wheel,) = target.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                names = archive.namelist()
                archive.extractall(target, [one for one in names if one.startswith("ansible_collections/amazon/aws/")])
            wheel.unlink()
    return target


def sources() -> list[str]:
    """List the files of the checkout: those that git tracks or would track, or all in a plain directory."""
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
    """Tell whether a copy still has the size, time and mode of its source."""
    if not os.path.lexists(copy):
        return False
    old, new = copy.lstat(), source.lstat()
    return (old.st_size, old.st_mtime_ns, old.st_mode) == (new.st_size, new.st_mtime_ns, new.st_mode)


def copy_sources(target: Path, manifest: Path) -> None:
    """Bring a copy of the checkout up to date and remove the files that the checkout no longer has."""
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


def tree(name: str = "tree", *, fresh: bool = False) -> Path:
    """Copy the checkout to a place where Ansible finds it and amazon.aws; return the place of this collection.

    The copy is a git checkout, if git is there: tools that ask git find nothing of the directories around it.
    """
    collection = build_dir() / name / "ansible_collections" / "byok" / "aws"
    amazon = collections() / "ansible_collections" / "amazon"
    with locked(name):
        if fresh:
            shutil.rmtree(collection, ignore_errors=True)
        collection.mkdir(parents=True, exist_ok=True)
        copy_sources(collection, build_dir() / f"{name}.manifest")
        if not (collection / ".git").exists() and shutil.which("git"):
            subprocess.run(["git", "init", "-q", collection], check=True)
        link = collection.parents[1] / "amazon"
        if not link.is_symlink() or link.readlink() != amazon:
            shutil.rmtree(link, ignore_errors=True)  # if it is a directory
            link.unlink(missing_ok=True)
            link.symlink_to(amazon)
    return collection


def pip_settings() -> configparser.RawConfigParser:
    """Collect the pip settings of the user, because ansible-test passes on neither their files nor the environment."""
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


def home() -> Path:
    """Make a home directory in which ansible-test keeps its caches and finds pip."""
    place = build_dir() / "home"
    with locked("home"):
        cache = place / ".ansible" / "test" / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        for version in GET_PIP_VERSIONS:
            (cache / f"get_pip_{version}.py").write_text(GET_PIP)
        if place != Path.home():
            pip_conf = place / ".config" / "pip" / "pip.conf"
            pip_conf.parent.mkdir(parents=True, exist_ok=True)
            pip_conf.touch(mode=0o600)
            settings = pip_settings()
            settings.read_dict({"install": {"no-compile": "true"}})
            with pip_conf.open("w") as output:
                settings.write(output)
    return place


def search_path() -> str:
    """Return the search path without the shims of version managers, and with the Pythons that pyenv keeps at its end.

    A shim is a script that looks for the real command in the home directory or the current one, which are others here.
    """
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    shims = [one for one in entries if (path := Path(one, "python3")).is_file() and path.open("rb").read(2) == b"#!"]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return os.pathsep.join([*(one for one in entries if one not in shims), *map(str, pyenv.glob("versions/*/bin"))])


def main(arguments: list[str]) -> None:
    """Become nox, in an environment without the settings of the user."""
    clean = {name: value for name, value in os.environ.items() if not NOT_PASSED_ON.fullmatch(name)}
    clean |= {**PASSED_ON, "PATH": search_path()}
    build = build_dir()
    (build / "logs").mkdir(exist_ok=True)
    python = str(environment("nox") / "bin" / "python")
    gates = str(ROOT / "scripts" / "gates.py")
    os.execve(python, [python, "-B", "-m", "nox", "-f", gates, "--envdir", str(build / "nox"), *arguments], clean)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
