# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-playbook and its modules in processes forked from one that has imported everything already.

To start Python, import Ansible and boto3, and pack and compile each module is nine tenths of what a short playbook
costs, and is the same every time. A forked process has an environment, a directory, descriptors and a session of its
own, like one that is started anew. Tests of processes (signals, leaks, settings of Ansible's) start them anew.

As a script this is the process to fork from, which ends with its standard input; or it runs a command that finds in
BYOK_TEST_PYTHON what to give to Ansible as ansible_python_interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import hashlib
import importlib
import json
import marshal
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LARGEST = 1 << 20  # bytes of a request
ENVIRONMENT = "BYOK_TEST_WARM"
# Settings of Ansible's that are read where they are used, and not when it is imported.
LATE = ("ANSIBLE_REMOTE_TMP",)

# Stands where the interpreter of a module does. It leaves everything but a program to the real one.
CLIENT = """\
#!{python} -SIE
import _socket
import array
import marshal
import os
import sys

arguments = sys.argv[1:]
if arguments[:1] and arguments[0].startswith("-"):
    os.execv({python!r}, [{python!r}, *arguments])
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect({path!r})
request = marshal.dumps((arguments, os.getcwd(), dict(os.environ)))
server.sendmsg([request], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
sys.exit(int(server.recv(16) or 255))
"""


# -- for the tests -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Warm:
    """Where processes are forked.

    playbooks: the socket of the process for ansible-playbook. interpreter: what stands for the one of modules.
    """

    playbooks: str
    interpreter: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables that tell another process of this."""
        return {ENVIRONMENT: json.dumps([self.playbooks, self.interpreter])}

    def run_playbook(
        self,
        arguments: Sequence[str],
        directory: str | Path,
        environment: Mapping[str, str],
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> int:
        """Run ansible-playbook to its end, and return its exit status. Its output goes to these descriptors."""
        line = [*arguments, f"--extra-vars=ansible_python_interpreter={self.interpreter}"]
        request = marshal.dumps((line, str(directory), dict(environment)))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server, open(os.devnull) as stdin:
            server.connect(self.playbooks)
            outputs = [1 if stdout is None else stdout, 2 if stderr is None else stderr]
            socket.send_fds(server, [request], [stdin.fileno(), *outputs])
            return int(server.recv(16) or 255)


def told(environment: Mapping[str, str]) -> Warm | None:
    """What another process has told of, if any."""
    return Warm(*json.loads(environment[ENVIRONMENT])) if ENVIRONMENT in environment else None


def prepared(environment: Mapping[str, str]) -> Warm:
    """For runs of ansible-playbook in such an environment, until this process ends."""
    names = {name for name in environment if name.startswith("ANSIBLE_")} - set(LATE)
    with _STARTING:
        return _started(tuple(sorted((name, environment[name]) for name in names)))


_STARTING = threading.Lock()


@functools.cache
def _started(settings: tuple[tuple[str, str], ...]) -> Warm:
    return Warm(str(_server("playbook", **dict(settings))), str(_interpreter()))


@functools.cache
def _interpreter() -> Path:
    path = _server("module")
    client = path.with_name("python")
    client.write_text(CLIENT.format(python=sys.executable, path=str(path)))
    client.chmod(0o700)
    return client


def _server(kind: str, **settings: str) -> Path:
    """The socket of a process to fork from, which is there until this one ends."""
    folder = Path(tempfile.mkdtemp(prefix="byok-warm-"))
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, __file__, kind, str(folder / "socket")],
        env={**kept, **settings, "HOME": str(folder)},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )

    def stop() -> None:
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return folder / "socket"


# -- the process to fork from ------------------------------------------------------------------------------------------


def _serve(path: str, run: Callable[[list[str]], object]) -> None:
    """Answer requests until the standard input is closed, each in processes of its own."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(path)
        server.listen(128)
        gc.freeze()  # what is never looked at stays shared
        print("ready", flush=True)
        while server in select.select([server, 0], [], [])[0]:
            connection, _address = server.accept()
            request, descriptors, _flags, _sender = socket.recv_fds(connection, LARGEST, 3)
            if request and os.fork() == 0:
                server.close()
                _attend(connection, request, descriptors, run)
            connection.close()
            for descriptor in descriptors:
                os.close(descriptor)
            _reap(os.WNOHANG)
    _reap(0)


def _reap(options: int) -> None:
    """Take the status of those that have ended, and with it the time that they took."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


def _attend(
    connection: socket.socket, request: bytes, descriptors: list[int], run: Callable[[list[str]], object]
) -> None:
    """Run what was asked for in a child, and send its exit status. A closed connection ends it."""
    child = os.fork()
    if child == 0:
        connection.close()
        arguments, directory, environment = marshal.loads(request)  # noqa: S302 - from these tests
        _become(directory, environment, descriptors)
        os._exit(_status_of(run, arguments))
    for descriptor in descriptors:
        os.close(descriptor)
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, connection], [], [])[0]:
        os.killpg(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        connection.send(str(status).encode())
    os._exit(0)


def _become(directory: str, environment: dict[str, str], descriptors: list[int]) -> None:
    """Be a process of its own, as far as it can see."""
    os.setsid()
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    atexit._clear()


def _status_of(run: Callable[[list[str]], object], arguments: list[str]) -> int:
    """What the interpreter does around a program."""
    status: object = 0
    try:
        run(arguments)
    except SystemExit as caught:
        status = caught.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    if status is not None and not isinstance(status, int):
        os.write(2, f"{status}\n".encode())
        return 1
    return int(status or 0)


def _playbooks() -> Callable[[list[str]], object]:
    """Import what ansible-playbook does, and keep the modules that it packs."""
    from ansible import constants
    from ansible.cli.playbook import PlaybookCLI

    for name in (
        "executor.task_executor",
        "plugins.action.normal",
        "plugins.callback.default",
        "plugins.connection.local",
        "plugins.shell.sh",
        "plugins.strategy.linear",
    ):
        importlib.import_module(f"ansible.{name}")
    packed = Path(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache")
    packed.mkdir()

    def run(arguments: list[str]) -> None:
        # Each has a temporary directory of its own, in which is what all share: the packed modules.
        folder = tempfile.mkdtemp(prefix=f"ansible-local-{os.getpid()}", dir=packed.parents[1])
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        Path(folder, packed.name).symlink_to(packed)
        constants.DEFAULT_LOCAL_TMP = folder
        PlaybookCLI.cli_executor(["ansible-playbook", *arguments])

    return run


def _modules() -> Callable[[list[str]], object]:
    """Import what a module does, and keep what its files are compiled to."""
    import zipimport

    import boto3
    import botocore.loaders
    import botocore.session

    importlib.import_module("ansible.module_utils.basic")
    with contextlib.suppress(ImportError):  # ansible-core before 2.19
        importlib.import_module("ansible.module_utils._internal._ansiballz._loader")
    # botocore reads its models from JSON for every session, and they are the same for all.
    loader = botocore.loaders.create_loader()
    botocore.session.create_loader = lambda *_search_path: loader
    boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="x").client("kms", region_name="us-east-1")
    compiling = zipimport._compile_source  # type: ignore[attr-defined]
    folder = Path(os.environ["HOME"])

    def compiled(pathname: str, source: bytes) -> types.CodeType:
        kept = folder / hashlib.sha256(source).hexdigest()
        try:
            code: types.CodeType = marshal.loads(kept.read_bytes())  # noqa: S302 - from this very function
        except FileNotFoundError:
            code = compiling(pathname, source)
            fresh = kept.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(marshal.dumps(code))
            fresh.rename(kept)
        return code

    zipimport._compile_source = compiled  # type: ignore[attr-defined]
    return _run_program


def _run_program(arguments: list[str]) -> None:
    """As `python FILE` or, with the program in the standard input, `python`."""
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    main = types.ModuleType("__main__")
    if arguments:
        main.__file__ = arguments[0]
        source = Path(arguments[0]).read_bytes()
    else:
        source = sys.stdin.buffer.read()
    sys.argv = arguments or [""]
    sys.modules["__main__"] = main
    exec(compile(source, arguments[0] if arguments else "<stdin>", "exec"), main.__dict__)  # noqa: S102


def _run_command(command: list[str]) -> int:
    return subprocess.run(command, env={**os.environ, "BYOK_TEST_PYTHON": str(_interpreter())}, check=False).returncode


if __name__ == "__main__":
    sys.path.pop(0)
    kinds = {"playbook": _playbooks, "module": _modules}
    if sys.argv[1] in kinds:
        _serve(sys.argv[2], kinds[sys.argv[1]]())
    else:
        sys.exit(_run_command(sys.argv[1:]))
