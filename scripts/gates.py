# SPDX-FileCopyrightText: byok.aws maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nox sessions behind `make`: the gates of `make test` and what else the Makefile names.

The gates of a run with several share the environments and the copy of the checkout that prepare.py makes.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import nox
from nox.command import CommandFailed

sys.path.insert(0, str(Path(__file__).resolve().parent))  # nox loads this file from anywhere

import prepare

NOXFILE = Path(__file__).resolve()
TIMEOUT = 2700  # seconds; on a machine of its own the slowest gate needs a tenth of it
SEARCH_PATH = os.environ.get("PATH", os.defpath)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
# The lines of a gate's log that a passing gate shows: the closing lines of pytest, and checks that were not possible.
TELLING = re.compile(
    r"^(=+ .*\b(passed|failed|skipped|error|no tests ran)\b.* =+|\d+ (passed|skipped)\b.*|NOTE: .*"
    r"|replayed .*|.* that ended well: \d+.*|.* tried.*)$"
)
# antsibull-nox says this without failing. Such a tool has checked nothing.
NOTHING = r"^nox > .*\bSkip.*$"
# galaxy-importer logs these without failing. It looks for ansible-lint on a path that is unset.
COMPLAINT = r"^(?!.*(?:ansible-lint not found|Did not find a doc)).*\b(?:ERROR|WARNING|CRITICAL)\b.*$"

nox.options.sessions = ["test"]
nox.options.reuse_venv = "yes"
nox.options.allow_parallel = True
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
# Who stops a run stops its gates: nox does so after Ctrl-C only.
signal.signal(signal.SIGTERM, signal.default_int_handler)

Body = Callable[[nox.Session], None]


def gate(title: str, *tags: str) -> Callable[[Body], Body]:
    """Register a session; those with the tag "test" or "quick" are parts of these runs, in the order of this file."""

    def register(body: Body) -> Body:
        name = body.__name__.replace("_", "-")

        def session_function(session: nox.Session) -> None:
            with told(name, title) if session.parallel else contextlib.nullcontext():
                body(session)

        session_function.__doc__ = title
        nox.session(python=False, name=name, tags=tags)(session_function)
        return body

    return register


@contextlib.contextmanager
def told(name: str, title: str) -> Iterator[None]:
    """Send the output of a gate to its log; tell how it ended, what it took, and the lines that matter."""
    log = logs() / f"{name}.log"
    screen, status, started = os.dup(1), "FAILED", time.monotonic()
    with log.open("wb") as output:
        redirect(output.fileno())
    signal.signal(signal.SIGALRM, lambda _number, _frame: stop_group())
    signal.alarm(TIMEOUT)
    try:
        yield
        status = "passed"
    finally:
        signal.alarm(0)
        redirect(screen)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds, cpu = time.monotonic() - started, usage.ru_utime + usage.ru_stime
        lines = [ESCAPES.sub("", line) for line in log.read_text(errors="replace").splitlines()]
        shown = lines[-60:] if status == "FAILED" else [line for line in lines if TELLING.match(line)]
        print("\n".join(f"    {line}" for line in shown or lines[-1:]))
        print(f"=== {name}: {title}: {status} in {seconds:.0f} s ({cpu:.0f} s of CPU); all of it: {log}", flush=True)
        with (logs() / "summary").open("a") as summary:
            summary.write(f"    {seconds:5.0f} s  {cpu:5.0f} s CPU  {status:6} {name}: {title}\n")


def logs() -> Path:
    """Return the directory of the logs."""
    return prepare.build_dir() / "logs"


def redirect(descriptor: int) -> None:
    """Send the output of this process and its children elsewhere."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def stop_group() -> None:
    """End all that this gate started, but not the gate itself, which reports its failure."""
    print(f"Stopped after {TIMEOUT} seconds.", flush=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)


def nox_command(noxfile: Path, *arguments: str) -> list[str]:
    """Start nox once more."""
    build = str(prepare.build_dir() / "nox")
    return [sys.executable, "-B", "-m", "nox", "-f", str(noxfile), "--envdir", build, *arguments]


def together(session: nox.Session, tag: str) -> None:
    """Run the gates of a tag two at a time, all of them even when one fails, and sum up."""
    summary, started = logs() / "summary", time.monotonic()
    summary.write_text("")
    try:
        session.run(*nox_command(NOXFILE, "--parallel", "2", "--tags", tag), terminate_timeout=10)
    finally:
        ended = {line.split()[6].rstrip(":"): line for line in summary.read_text().splitlines()}
        cpu = sum(int(line.split()[2]) for line in ended.values())
        print(f"\n=== Summary: {time.monotonic() - started:.0f} s, {cpu} s of CPU ({cpu / 60:.1f} minutes)")
        gates = [name for name, function in nox.registry.get().items() if tag in function.tags]
        print("\n".join(ended[name] for name in gates if name in ended))
        failed = [name for name in gates if " passed " not in ended.get(name, "")]
        print(f"\nFAILED: {', '.join(failed)}" if failed else "\nAll gates passed.", flush=True)


def enter(session: nox.Session, name: str = "main") -> Path:
    """Go to the copy of the checkout, with the commands of an environment first; return the environment."""
    venv, collection = prepare.environment(name), prepare.tree()
    home = str(prepare.home())
    os.environ |= {
        "PATH": os.pathsep.join([str(venv / "bin"), SEARCH_PATH]),
        "HOME": home,
        "ANSIBLE_HOME": f"{home}/.ansible",
        "ANSIBLE_ASYNC_DIR": f"{home}/.ansible_async",
        "ANSIBLE_COLLECTIONS_PATH": str(collection.parents[2]),
    }
    session.chdir(collection)
    return venv


def require(session: nox.Session, what: str, *patterns: str) -> None:
    """Fail a gate that has nothing to check."""
    if not any(any(Path().glob(pattern)) for pattern in patterns):
        session.error(f"There are no {what}.")


def run_all(session: nox.Session, *commands: list[str]) -> None:
    """Run commands one after the other, all of them even when one fails."""
    failed = []
    for command in commands:
        try:
            session.run(*command)
        except CommandFailed:
            failed.append(command[0])
    if failed:
        session.error(f"failed: {', '.join(failed)}")


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run tests in the copy of the checkout."""
    enter(session)
    python_path = str(Path.cwd().parents[2])
    cache = f"cache_dir={prepare.build_dir() / 'pytest-cache'}"
    session.run(
        "python", "-m", "pytest", "-o", cache, "-ra", *arguments, *session.posargs, env={"PYTHONPATH": python_path}
    )


def ansible_test(session: nox.Session, command: str, *arguments: str) -> None:
    """Run a command of ansible-test; these share an environment below tests/output, hence one at a time."""
    with prepare.locked("ansible-test"):
        session.run("ansible-test", command, "--venv", "--color", "no", *arguments, *session.posargs)


def antsibull(session: nox.Session, *names: str, environment: str = "main", complaint: str = "") -> None:
    """Run sessions of noxfile.py on a clean copy of the checkout, all of them in one of our environments.

    A session that skipped something for want of files has failed, and so has one that tells of a complaint.
    """
    venv = prepare.environment(environment)
    for name in names:
        link = prepare.build_dir() / "nox" / name
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(venv)
    place = f"clean-{names[0]}"
    with prepare.locked(f"gate-{place}"):
        noxfile = prepare.tree(place, fresh=True) / "noxfile.py"
        # In CI the formatters check and change nothing.
        settings = {"CI": "true", "HOME": str(prepare.home())}
        output = str(session.run(*nox_command(noxfile, "-R", "--sessions", *names), silent=True, env=settings))
    print(output, flush=True)
    if complaints := re.findall(f"{NOTHING}|{complaint}" if complaint else NOTHING, output, re.MULTILINE):
        session.error("\n".join(complaints))


def system_command(command: str, package: str) -> bool:
    """Have a command of Debian that some checks use, or say that it is missing.

    package: one name, or several.
    """
    install = ["apt-get", "install", "-qq", "-y", "-o", "DPkg::Lock::Timeout=180", *package.split()]
    if not shutil.which(command) and os.geteuid() == 0 and shutil.which("apt-get"):
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        if subprocess.run(install, check=False).returncode:
            subprocess.run(["apt-get", "update", "-qq"], check=False)
            subprocess.run(install, check=False)
    if not shutil.which(command):
        print(
            f"NOTE: {command} is not installed (Debian package {package}): the checks that need it are skipped.",
            flush=True,
        )
    return shutil.which(command) is not None


def other_clients() -> None:
    """Provide what some tests compare with our own code."""
    system_command("openssl", "openssl")
    os.environ["BYOK_AWSCLI_VENV"] = str(prepare.environment("awscli"))


def tokens() -> None:
    """Provide two PKCS#11 tokens without hardware, SoftHSM and NSS behind p11-kit."""
    for command, package in (
        ("softhsm2-util", "softhsm2"),
        ("certutil", "libnss3-tools"),
        ("p11-kit", "p11-kit p11-kit-modules"),
    ):
        system_command(command, package)


# -- the gates, the longest first -------------------------------------------------------------------------------------


@gate("the modules against the emulator", "test")
def module(session: nox.Session) -> None:
    tokens()
    pytest(session, "tests/module", "-n", "2", "--dist", "worksteal")


@gate("ansible-test sanity, nothing ignored", "test")
def sanity(session: nox.Session) -> None:
    enter(session, "demo")
    system_command("shellcheck", "shellcheck")
    ansible_test(session, "sanity")


@gate("ansible-test units", "test")
def units(session: nox.Session) -> None:
    enter(session, "demo")
    require(session, "unit tests (tests/unit)", "tests/unit/**/test_*.py")
    # The Python that runs this; `make matrix` takes every other.
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    ansible_test(session, "units", "--requirements", "--python", version)


@gate("the Terraform modules, by the real binary, against the emulator", "test")
def terraform(session: nox.Session) -> None:
    if not shutil.which("terraform"):
        print("NOTE: terraform is not on the PATH: the tests that run the Terraform modules are skipped.", flush=True)
    pytest(session, "tests/terraform")


@gate("the emulator against the known behaviour of AWS", "test")
def emulator(session: nox.Session) -> None:
    other_clients()
    pytest(session, "tests/emulator")


@gate("the rotation role against the emulator", "test")
def role(session: nox.Session) -> None:
    pytest(session, "tests/role", "-n", "2", "--dist", "loadgroup")


@gate("random tasks on random keys, the same at every run; `make fuzz` tries new ones", "test")
def fuzz(session: nox.Session) -> None:
    pytest(session, "tests/fuzz")


@gate("no secret in any output, file or process", "test")
def leaks(session: nox.Session) -> None:
    tokens()
    pytest(session, "tests/leaks")


@gate("ansible-test integration against the emulator", "test")
def integration(session: nox.Session) -> None:
    enter(session, "demo")
    require(session, "integration targets (tests/integration/targets)", "tests/integration/targets/kms_*/")
    system_command("ssh-keygen", "openssh-client")  # ansible-test makes a key, though nothing here uses it
    ansible_test(session, "integration", "--requirements")


@gate("the examples of the documentation, carried out", "test")
def examples(session: nox.Session) -> None:
    other_clients()
    tokens()
    pytest(session, "tests/docs")


@gate("the rotation report, read as text and in a browser", "test")
def report(session: nox.Session) -> None:
    system_command("chromium", "chromium")
    pytest(session, "tests/report")


@gate("the roles, by molecule, against the emulator", "test")
def molecule(session: nox.Session) -> None:
    enter(session)
    require(session, "molecule scenarios (extensions/molecule)", "extensions/molecule/*/converge.yml")
    with socket.create_server(("127.0.0.1", 0)) as free:  # for the emulator that all scenarios share
        port = str(free.getsockname()[1])
    command = ["python", "tests/support/warm.py", "molecule", "test", "--all", "--report", *session.posargs]
    with prepare.locked("molecule"):
        session.run(*command, env={"BYOK_EMULATOR_PORT": port, "NO_COLOR": "1"})


@gate("build the tarball and check it as Galaxy does", "test")
def importer(session: nox.Session) -> None:
    venv = prepare.environment("importer")
    # The importer finds the documentation fragments of other collections nowhere else.
    link = next(venv.glob("lib/python3*/site-packages")) / "ansible_collections"
    link.unlink(missing_ok=True)
    link.symlink_to(prepare.collections() / "ansible_collections")
    antsibull(session, "build-import-check", environment="importer", complaint=COMPLAINT)


@gate("documentation, references and changelog", "test", "quick")
def docs(session: nox.Session) -> None:
    antsibull(session, "docs-check")
    enter(session)
    session.run("antsibull-changelog", "lint")


@gate("ansible-lint, production profile", "test")
def ansible_lint(session: nox.Session) -> None:
    antsibull(session, "ansible-lint")


@gate("formats, ruff, yamllint, licences, extra checks, shellcheck, workflows, execution environment", "test", "quick")
def lint(session: nox.Session) -> None:
    enter(session)
    require(session, "workflows", ".github/workflows/*.yml")
    schema = ["check-jsonschema", "--no-cache", "--builtin-schema"]
    commands = [
        [*schema, "vendor.github-workflows", *map(str, Path().glob(".github/workflows/*.yml"))],
        [*schema, "vendor.github-issue-forms", *map(str, Path().glob(".github/ISSUE_TEMPLATE/[!c]*.yml"))],
        [*schema, "vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"],
        [*schema, "vendor.renovate", ".github/renovate.json"],
        ["zizmor", "--offline", "--no-progress", "--pedantic", ".github/workflows"],
        ["ansible-builder", "introspect", "--sanitize", str(Path.cwd().parents[2])],
    ]
    if system_command("shellcheck", "shellcheck"):
        commands.append(["shellcheck", "-x", ".ci/run", "scripts/nox"])
    ignored = list(map(str, Path().glob("tests/sanity/ignore*")))
    run_all(session, *commands)
    if ignored:
        session.error(f"This collection has no ignore files: {', '.join(ignored)}")
    names = ("formatters", "codeqa", "yamllint", "antsibull-nox-config", "license-check", "extra-checks")
    antsibull(session, *names)


@gate("mypy --strict of the core and of the project's own tools", "test", "quick")
def types(session: nox.Session) -> None:
    enter(session)
    strict = ["mypy", "--cache-dir", str(prepare.build_dir() / "mypy"), "--strict"]
    untyped = [
        "--namespace-packages",
        "--explicit-package-bases",
        "--ignore-missing-imports",
        "--follow-imports=silent",
    ]
    core = "ansible_collections.byok.aws.plugins.module_utils._kms"
    os.environ["MYPYPATH"] = os.pathsep.join([str(Path.cwd().parents[2]), "scripts"])
    run_all(
        session,
        [*strict, *untyped, "--allow-untyped-calls", "--package", core],
        [*strict, "noxfile.py", *map(str, Path().glob("scripts/*.py"))],
    )


@gate("the project's own tools", "test", "quick")
def scripts(session: nox.Session) -> None:
    pytest(session, "tests/scripts")


@gate("install the tarball; load every plugin, role and playbook", "test")
def installed(session: nox.Session) -> None:
    place = prepare.build_dir() / "installed"
    shutil.rmtree(place, ignore_errors=True)
    clean = prepare.tree("artifact", fresh=True)
    enter(session, "demo")
    session.chdir(prepare.build_dir())
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join([str(place), str(prepare.collections())])
    session.run("ansible-galaxy", "collection", "build", "--output-path", str(place), str(clean))
    (tarball,) = map(str, place.glob("byok-aws-*.tar.gz"))
    session.run("ansible-galaxy", "collection", "install", "--offline", "--collections-path", str(place), tarball)
    session.run("python", str(clean / "scripts" / "check_artifact.py"), str(place), tarball)


# -- more for `make quick`: the parts that `make test` has within others ----------------------------------------------


@gate("the unit tests, by pytest alone", "quick")
def tables(session: nox.Session) -> None:
    pytest(session, "-q", "tests/unit")


@gate("the modules against the emulator, each strategy once", "quick")
def smoke(session: nox.Session) -> None:
    names = ("absent", "canary", "current", "info", "present", "reimported", "stage")
    pytest(session, "-q", *(f"tests/module/test_{name}.py" for name in names))


# -- the rest of the Makefile -----------------------------------------------------------------------------------------


@nox.session(python=False)
def test(session: nox.Session) -> None:
    """Check everything that has to hold."""
    together(session, "test")


@nox.session(python=False)
def quick(session: nox.Session) -> None:
    """Check what a minute suffices for."""
    together(session, "quick")


@gate("the collection at work, on an emulated KMS")
def demo(session: nox.Session) -> None:
    enter(session, "demo")
    place = prepare.build_dir() / "demo"
    place.mkdir(exist_ok=True)
    report_path = f'{{"demo_report_path": "{place}/report.json"}}'
    # The story without the housekeeping: playbooks/callback_plugins/byok_demo.py.
    quiet = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false"}
    command = ["ansible-playbook", "byok.aws.demo", "--extra-vars", report_path, *session.posargs]
    session.run(*command, env={"ANSIBLE_STDOUT_CALLBACK": "byok_demo", **quiet}, log=False)


@gate("how long things take")
def bench(session: nox.Session) -> None:
    other_clients()
    enter(session, "demo")
    require(session, "benchmarks (tests/bench)", "tests/bench/bench_*.py")
    os.environ["PYTHONPATH"] = str(Path.cwd().parents[2])
    run_all(session, *(["python", str(one), *session.posargs] for one in sorted(Path().glob("tests/bench/bench_*.py"))))


@gate("ansible-test units on every Python that modules may meet, the oldest being 3.9")
def targets(session: nox.Session) -> None:
    enter(session, "demo")
    ansible_test(session, "units", "--requirements")


# ansible-core, with the oldest and the newest Python that it supports as a controller.
PAIRS = {"2.17": ("3.10", "3.12"), "2.18": ("3.11", "3.13"), "2.19": ("3.11", "3.13"), "2.20": ("3.12", "3.14")}
PAIRS["2.21"] = PAIRS["2.20"]


@nox.session
@nox.parametrize("python,core", [(python, core) for core, pythons in PAIRS.items() for python in pythons])
def matrix(session: nox.Session, core: str) -> None:
    """Run the unit and module tests on a supported ansible-core, if there is such a Python."""
    if session.posargs and core not in session.posargs:
        session.skip("not asked for")
    install(session, f"matrix-{core}")
    other_versions(session, "tests/unit", "tests/module")


@nox.session
def newest(session: nox.Session) -> None:
    """Run the tests with the newest ansible-core, AWS SDK and moto, whatever they are today."""
    install(session, "main")
    session.install("--upgrade", "ansible-core", "boto3", "botocore", "cryptography", "moto")
    other_versions(session, "tests/unit", "tests/module", "tests/emulator", "tests/role", *session.posargs)


def install(session: nox.Session, name: str) -> None:
    """Install a requirement file in the environment that nox made for a session."""
    for one in ("build", name):
        session.install("--require-hashes", "--no-build-isolation", "-r", str(prepare.REQUIREMENTS / f"{one}.txt"))


def other_versions(session: nox.Session, *arguments: str) -> None:
    """Run tests in the environment that nox made for a session."""
    venv = Path(session.virtualenv.location)
    path = os.pathsep.join([str(prepare.collections(venv)), str(prepare.tree().parents[2])])
    session.chdir(prepare.tree())
    cache = f"cache_dir={prepare.build_dir() / 'pytest-cache'}"
    command = ["python", "-m", "pytest", "--import-mode=importlib", "-o", cache, "-q", "-ra"]
    session.run(*command, *arguments, env={"PYTHONPATH": path, "ANSIBLE_COLLECTIONS_PATH": path})


# The requirement files, with the oldest Python of each and further constraints.
LOCKS: dict[str, list[str]] = {
    "nox": ["3.11"],
    "lock": ["3.11"],
    "build": ["3.10"],
    "demo": ["3.11"],
    "awscli": ["3.11"],
    "main": ["3.11", "--constraints", "demo.txt"],
    "importer": ["3.11", "--constraints", "build.txt"],
    "collections": ["3.11", "--no-deps"],
    **{f"matrix-{core}": [pythons[0]] for core, pythons in PAIRS.items()},
}


@nox.session(python=False)
def tree(session: nox.Session) -> None:
    """Copy the checkout to the place where the tests run, and print where that is."""
    session.log(str(prepare.tree()))


@nox.session(python=False)
def lock(session: nox.Session) -> None:
    """Write the requirement files anew, with the hashes of all files of each version, for every Python and machine.

    Each version stays for as long as it fits; with --upgrade the newest that fit are taken, with -P certifi the newest
    of one package.
    """
    uv = str(prepare.environment("lock") / "bin" / "uv")
    session.chdir(prepare.REQUIREMENTS)
    for name, (python, *constraints) in LOCKS.items():
        options = ["--universal", "--generate-hashes", "--python-version", python, *constraints]
        command = [uv, "pip", "compile", "--quiet", *options, "--output-file", f"{name}.txt", f"{name}.in"]
        session.run(*command, *session.posargs, env={"UV_CACHE_DIR": str(prepare.build_dir() / "uv-cache")})
