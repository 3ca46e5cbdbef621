# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look for a secret everywhere: in bytes, in texts, in trees, in whatever a command writes while it runs.

``PlantedSecrets`` knows the secrets in the forms in which one comes out by accident. ``Watcher`` reads every file that
turns up below some directories, also one that is gone a moment later. ``Processes`` reads command lines and
environments.
``Trace`` is a second witness, independent of both: every write and every exec of a command and its children, by strace.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import io
import json
import os
import re
import select
import shutil
import signal
import stat
import struct
import subprocess
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.hazmat.primitives.serialization import load_der_private_key

# Sixteen bytes are half of the shortest key, and too many to turn up by chance.
WINDOW = 16
# Of a long secret, this many windows are looked for, spread over its length.
WINDOWS = 3
# Base64 of fifteen bytes; short enough that one line of PEM, or a line break in the middle, leaves a whole one.
BASE64_WINDOW = 20
LARGEST_FILE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Sighting:
    """A secret that was found: which, in what form, where. Holds nothing of the secret itself."""

    name: str
    form: str
    where: str

    def __str__(self) -> str:
        return f"{self.name} as {self.form} in {self.where}"


class PlantedSecrets:
    """The secrets to look for."""

    def __init__(self) -> None:
        self._patterns: dict[bytes, tuple[str, str]] = {}

    def add(self, name: str, secret: bytes) -> bytes:
        """A secret: raw bytes, or a private key in DER, of which only what is not public counts. Returns it."""
        if len(secret) < WINDOW:
            raise ValueError(f"{name} is too short to be recognised")
        for part_name, part in secret_parts(secret).items():
            for form, pattern in forms(part):
                self._patterns.setdefault(pattern, (f"{name}{part_name}", form))
        return secret

    def find(self, content: bytes | str, where: str) -> list[Sighting]:
        """Every secret in the content, each form once; of a zip archive also what is packed in it."""
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        hits = {label for pattern, label in self._patterns.items() if pattern in data}
        found = [Sighting(name, form, where) for name, form in sorted(hits)]
        if data[:4] == b"PK\x03\x04":
            for member, packed in _unpacked(data):
                found += self.find(packed, f"{where}!{member}")
        return found

    def find_in_tree(self, root: Path) -> list[Sighting]:
        """Every secret in the files below a directory, and in their names."""
        found: list[Sighting] = []
        for folder, directories, files in os.walk(root):
            for name in directories + files:
                found += self.find(os.fsencode(name), f"the name of {folder}/{name}")
            for name in files:
                found += self.find(_content(Path(folder, name)), f"{folder}/{name}")
        return found


def secret_parts(secret: bytes) -> dict[str, bytes]:
    """What is secret of a secret: a private key also holds its public key, which anybody may see."""
    try:
        key: Any = load_der_private_key(secret, password=None)
    except ValueError:
        return {"": secret}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        return {f" ({name})": _bytes(getattr(numbers, name)) for name in ("d", "p", "q")}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.key_size + 7) // 8
        return {" (scalar)": key.private_numbers().private_value.to_bytes(size, "big")}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {" (seed)": key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())}
    raise ValueError("a private key of another kind")


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """The forms in which bytes come out by accident: (name of the form, what to look for)."""
    for window in _windows(secret, WINDOW):
        yield from _byte_forms(window)
    yield "decimal number", str(int.from_bytes(secret, "big")).encode()
    for name, text in _base64_forms(secret):
        for piece in _windows(text, BASE64_WINDOW):
            yield name, piece
    for inner in range(3):
        for outer in range(3):
            # Such as PEM in base64. The pieces are shorter than its lines.
            for piece in _windows(_aligned(_aligned(secret, inner), outer), BASE64_WINDOW):
                yield "base64 of base64", piece


def _byte_forms(window: bytes) -> Iterator[tuple[str, bytes]]:
    shown = repr(window)[2:-1]
    yield "raw bytes", window
    yield "hex", window.hex().encode()
    yield "hex in capitals", window.hex().upper().encode()
    yield "hex with colons", window.hex(":").encode()
    yield "hex with colons in capitals", window.hex(":").upper().encode()
    yield "hex with blanks", window.hex(" ").encode()
    yield "escaped hex", "".join(f"\\x{byte:02x}" for byte in window).encode()
    yield "Python's repr", shown.encode()
    yield "Python's repr in JSON", json.dumps(shown)[1:-1].encode()
    yield "list of numbers", ", ".join(map(str, window)).encode()
    for encoding, errors in (("latin-1", "strict"), ("utf-8", "surrogateescape")):
        text = (_whole(window) if encoding == "utf-8" else window).decode(encoding, errors)
        yield f"{encoding} text", text.encode("utf-8", "surrogatepass")
        yield f"{encoding} text in JSON", json.dumps(text)[1:-1].encode()


def _whole(window: bytes) -> bytes:
    """The window without the bytes at its edges that UTF-8 (RFC 3629) may read together with bytes outside it."""
    start = 0
    while start < 3 and 0x80 <= window[start] < 0xC0:
        start += 1
    leads = [index for index in range(len(window) - 3, len(window)) if window[index] >= 0xC0]
    return window[start : leads[0] if leads else len(window)]


def _base64_forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    for alignment in range(3):
        text = _aligned(secret, alignment)
        yield "base64", text
        yield "base64 for URLs", text.translate(bytes.maketrans(b"+/", b"-_"))


def _aligned(secret: bytes, alignment: int) -> bytes:
    """Base64 of a secret somewhere in what is encoded, without the characters in which its neighbours have a part."""
    encoded = base64.b64encode(b"\0" * alignment + secret)
    start = -(-8 * alignment // 6)
    return encoded[start : 8 * (alignment + len(secret)) // 6]


def _windows(secret: bytes, size: int) -> list[bytes]:
    starts = list(range(0, max(len(secret) - size, 0) + 1, size))
    if len(starts) > WINDOWS:
        starts = [starts[index * (len(starts) - 1) // (WINDOWS - 1)] for index in range(WINDOWS)]
    return [secret[start : start + size] for start in starts]


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield member, archive.read(member)
    except (zipfile.BadZipFile, OSError, ValueError):
        # Caught while it was being written.
        return


def _content(path: Path) -> bytes:
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("rb") as file:
                return file.read(LARGEST_FILE)
    except OSError:
        pass
    return b""


# -- inotify(7) --------------------------------------------------------------------------------------------------------

_MODIFY, _CLOSE_WRITE, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x8, 0x80, 0x100, 0x200
_OVERFLOW, _DIRECTORY = 0x4000, 0x40000000
_HEADER = struct.Struct("iIII")


@lru_cache(maxsize=1)
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


class Watcher:
    """Reads every file that is written below the roots while the block runs.

    A new file is opened at once and kept open, so that its content can be read when it has been deleted. missed: files
    that were gone before they could be opened. overflowed: the kernel lost track, and so nothing is proved.
    """

    def __init__(self, planted: PlantedSecrets, *roots: Path) -> None:
        self.sightings: set[Sighting] = set()
        self.seen: set[str] = set()
        self.missed: set[str] = set()
        self.overflowed = False
        self._planted = planted
        self._roots = roots
        self._directories: dict[int, str] = {}
        self._open: dict[str, list[int]] = defaultdict(list)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._events_of = -1
        # Reading must keep up with what is watched, so searching is for the end: content, and every place it was in.
        self._contents: dict[bytes, set[str]] = defaultdict(set)

    def __enter__(self) -> Watcher:
        self._events_of = _libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._events_of < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        for root in self._roots:
            self._add(str(root))
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for path in list(self._open):
            self._read(path, for_the_last_time=True)
        os.close(self._events_of)
        for content, places in self._contents.items():
            found = self._planted.find(content, "")
            self.sightings.update(replace(one, where=place + one.where) for one in found for place in places)
        self._contents.clear()
        for root in self._roots:
            self.sightings.update(self._planted.find_in_tree(root))

    def files(self, part: str) -> list[str]:
        """The files seen whose path has this in it."""
        return sorted(path for path in self.seen if part in path)

    def _watch(self) -> None:
        while True:
            ended = self._ended.is_set()
            if select.select([self._events_of], [], [], 0.05)[0]:
                for path, mask in self._events():
                    self._event(path, mask)
            elif ended:
                return

    def _events(self) -> Iterator[tuple[str, int]]:
        buffer = os.read(self._events_of, 1 << 20)
        offset = 0
        while offset < len(buffer):
            watch, mask, _cookie, length = _HEADER.unpack_from(buffer, offset)
            name = buffer[offset + _HEADER.size : offset + _HEADER.size + length].rstrip(b"\0")
            offset += _HEADER.size + length
            yield os.path.join(self._directories.get(watch, ""), os.fsdecode(name)), mask

    def _event(self, path: str, mask: int) -> None:
        if mask & _OVERFLOW:
            self.overflowed = True
        elif mask & _DIRECTORY:
            if mask & (_CREATE | _MOVED_TO):
                self._add(path)
        elif mask & (_CREATE | _MOVED_TO):
            self._take(path)
        elif mask & _CLOSE_WRITE:
            self._read(path)
        elif mask & _DELETE:
            self._read(path, for_the_last_time=True)

    def _add(self, directory: str) -> None:
        """Watch a directory, and take what came into it before it was watched."""
        wanted = _MODIFY | _CLOSE_WRITE | _MOVED_TO | _CREATE | _DELETE
        watch = _libc().inotify_add_watch(self._events_of, os.fsencode(directory), wanted)
        if watch < 0:
            self.missed.add(f"{directory}/")
            return
        self._directories[watch] = directory
        try:
            entries = list(os.scandir(directory))
        except OSError:
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self._add(entry.path)
            else:
                self._take(entry.path)

    def _take(self, path: str) -> None:
        self.seen.add(path)
        self._contents[os.fsencode(path)].add(f"the name {path}")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            self.missed.add(path)
            return
        except OSError:
            # A socket or a symbolic link has no content; a file of another user's is in the trace.
            return
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            self._open[path].append(descriptor)
            self._read(path)
        else:
            os.close(descriptor)

    def _read(self, path: str, for_the_last_time: bool = False) -> None:
        """Read what is in a file now; there may be several that had the name one after the other."""
        descriptors = self._open.get(path, [])
        for descriptor in descriptors:
            size = min(os.fstat(descriptor).st_size, LARGEST_FILE)
            self._contents[os.pread(descriptor, size, 0)].add(path)
        if for_the_last_time:
            for descriptor in descriptors:
                os.close(descriptor)
            self._open.pop(path, None)


# -- /proc -------------------------------------------------------------------------------------------------------------


class Processes:
    """Reads the command line and the environment of every process that starts while the block runs, again and again."""

    def __init__(self, planted: PlantedSecrets, interval: float = 0.02) -> None:
        self.sightings: set[Sighting] = set()
        self._planted = planted
        self._interval = interval
        self._seen: dict[bytes, str] = {}
        self._before = {name for name in os.listdir("/proc") if name.isdigit()}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for content, kind in self._seen.items():
            self.sightings.update(self._planted.find(content, f"the {kind} of a process"))

    def _sample(self) -> None:
        while not self._ended.wait(self._interval):
            for process in os.listdir("/proc"):
                if process.isdigit() and process not in self._before:
                    for kind in ("cmdline", "environ"):
                        self._look(process, kind)

    def _look(self, process: str, kind: str) -> None:
        try:
            with open(f"/proc/{process}/{kind}", "rb") as file:
                content = file.read()
        except OSError:
            # Gone already, or another user's.
            return
        self._seen.setdefault(content, kind)


# -- strace(1) ---------------------------------------------------------------------------------------------------------

_TRACED = "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,execve"
_CALL_RE = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?:(?P<number>\d+)<(?P<target>.*?)>, )?(?P<rest>.*)$")
_STRING_RE = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_ESCAPED_RE = re.compile(r"(?:\\x[0-9a-f]{2})+")


def strace_works() -> bool:
    """Whether strace is here and may trace, which some containers forbid."""
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, "true"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


@dataclass
class Trace:
    """What strace saw: bytes by the kind of target (file, socket, pipe) and its name, and every exec."""

    path: Path
    written: dict[tuple[str, str], bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    executed: bytearray = field(default_factory=bytearray)
    _found: dict[tuple[int, str], list[Sighting]] = field(default_factory=dict)

    def command(self, command: Sequence[str]) -> list[str]:
        """The command with strace around it."""
        options = ["-f", "-qq", "-yy", "-xx", "-v", "-s", "8388608", "--seccomp-bpf", "-e", "signal=none"]
        return ["strace", *options, "-e", f"trace={_TRACED}", "-o", str(self.path), "--", *command]

    def read(self) -> Trace:
        with self.path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                match = _CALL_RE.match(line)
                if match:
                    self._call(match)
        return self

    def _call(self, match: re.Match[str]) -> None:
        content = b"\n".join(_decoded(piece) for piece in _STRING_RE.findall(match["rest"]))
        if match["call"] == "execve":
            self.executed += content + b"\n"
        elif match["target"] is not None:
            target = _ESCAPED_RE.sub(lambda escaped: _decoded(escaped[0]).decode("utf-8", "replace"), match["target"])
            name = target if target.startswith("/") else f"{match['pid']} {target}"
            self.written[_kind(target), name] += content

    def find(self, planted: PlantedSecrets, *kinds: str) -> list[Sighting]:
        """Every secret written to targets of these kinds; of kind "exec", those in arguments and environments."""
        return [sighting for kind in kinds for sighting in self._find(planted, kind)]

    def _find(self, planted: PlantedSecrets, kind: str) -> list[Sighting]:
        known = self._found.get((id(planted), kind))
        if known is not None:
            return known
        found: list[Sighting] = []
        if kind == "exec":
            found += planted.find(bytes(self.executed), "the arguments or the environment of an exec")
        harmless: set[bytes] = set()
        for name, content in ((name, content) for (of, name), content in self.written.items() if of == kind):
            digest = hashlib.sha256(content).digest()
            if digest not in harmless:
                hits = planted.find(bytes(content), f"what was written to the {kind} {name}")
                found += hits
                if not hits:
                    harmless.add(digest)
        return self._found.setdefault((id(planted), kind), found)


def _decoded(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _kind(target: str) -> str:
    if target.startswith("/"):
        return "file"
    return "pipe" if target.startswith("pipe:") else "socket"


# -- all together ------------------------------------------------------------------------------------------------------


@dataclass
class Observation:
    """A command that has run, with everything that was seen of it."""

    status: int
    stdout: str
    stderr: str
    watcher: Watcher
    processes: Processes
    trace: Trace | None

    def leaks(self, planted: PlantedSecrets) -> list[Sighting]:
        """Every sighting of a secret where none belongs. A pipe is where the payload belongs."""
        found = planted.find(self.stdout, "stdout") + planted.find(self.stderr, "stderr")
        found += self.watcher.sightings | self.processes.sightings
        if self.trace:
            found += self.trace.find(planted, "file", "socket", "exec")
        return found


def observe(
    command: Sequence[str],
    planted: PlantedSecrets,
    roots: Sequence[Path],
    environment: dict[str, str],
    directory: Path,
    trace: Path | None = None,
    timeout: float = 1200,
) -> Observation:
    """Run a command and watch it: files below the roots, processes and, with a path for it, a trace."""
    tracer = Trace(trace) if trace else None
    line = tracer.command(command) if tracer else list(command)
    with Watcher(planted, *roots) as watcher, Processes(planted) as processes:
        # A session of its own, so that after a time-out nothing of it runs on.
        process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=directory,
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
    output = (stdout.decode("utf-8", "surrogateescape"), stderr.decode("utf-8", "surrogateescape"))
    return Observation(process.returncode, *output, watcher, processes, tracer.read() if tracer else None)
