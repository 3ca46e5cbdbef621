# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search itself finds what it has to find: otherwise all other tests here would pass for nothing."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import textwrap
import time
import zipfile

import pytest
from cryptography.hazmat.primitives import serialization
from leaks import PlantedSecrets
from leaks import Processes
from leaks import Trace
from leaks import Watcher
from leaks import observe
from leaks import strace_works
from materials import material
from materials import private_key

SECRET = os.urandom(32)
SPECS = ("RSA_2048", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519")
FORMS = {
    "raw": lambda secret: secret,
    "hex": lambda secret: secret.hex(),
    "capital hex": lambda secret: secret.hex().upper(),
    "openssl's hex": lambda secret: secret.hex(":"),
    "hexdump": lambda secret: secret.hex(" "),
    "base64": base64.b64encode,
    "base64 for URLs": base64.urlsafe_b64encode,
    "base64, second alignment": lambda secret: base64.b64encode(b"x" + secret + b"yz"),
    "base64, third alignment": lambda secret: base64.b64encode(b"xy" + secret + b"z"),
    "base64 in short lines": lambda secret: "\n".join(textwrap.wrap(base64.b64encode(secret).decode(), 24)),
    "base64 twice": lambda secret: base64.b64encode(base64.b64encode(secret)),
    "base64 of a text with base64": lambda secret: base64.b64encode(b'{"k": "' + base64.b64encode(secret) + b'"}'),
    "repr": repr,
    "repr in JSON": lambda secret: json.dumps({"msg": repr(secret)}),
    "exception": lambda secret: str(ValueError(f"cannot take {secret!r}")),
    "shell escapes": lambda secret: "".join(f"\\x{byte:02x}" for byte in secret),
    "numbers": lambda secret: list(secret).__repr__(),
    "one number": lambda secret: str(int.from_bytes(secret, "big")),
    "latin-1": lambda secret: secret.decode("latin-1"),
    "latin-1 in JSON": lambda secret: json.dumps(secret.decode("latin-1")),
    "surrogates in JSON": lambda secret: json.dumps(secret.decode("utf-8", "surrogateescape")),
    "the first half": lambda secret: secret[:16].hex(),
    "the second half": lambda secret: secret[16:].hex(),
}


@pytest.fixture
def known():
    planted = PlantedSecrets()
    planted.add("secret", SECRET)
    return planted


@pytest.mark.parametrize("form", FORMS)
def test_form_is_found(known, form):
    shown = FORMS[form](SECRET)
    around = b"before " + (shown if isinstance(shown, bytes) else shown.encode()) + b" after"
    assert known.find(around, "here")


def test_other_bytes_are_not_found(known):
    other = os.urandom(32)
    for form in FORMS.values():
        assert known.find(form(other), "here") == []


def test_sighting_does_not_repeat_the_secret(known):
    shown = str(known.find(SECRET.hex(), "here")[0])
    assert shown == "secret as hex in here"


@pytest.mark.parametrize("spec", SPECS)
def test_private_key_is_found_in_every_encoding(spec):
    planted = PlantedSecrets()
    planted.add(spec, material(spec))
    key = private_key(spec)
    pkcs8, legacy = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
    plain = serialization.NoEncryption()
    for encoding in (serialization.Encoding.DER, serialization.Encoding.PEM):
        for container in (pkcs8,) if spec.endswith("25519") else (pkcs8, legacy):
            encoded = key.private_bytes(encoding, container, plain)
            assert planted.find(encoded, "here"), (encoding, container)
            assert planted.find(base64.b64encode(encoded), "here"), (encoding, container)
        assert planted.find(key.private_bytes(serialization.Encoding.DER, pkcs8, plain).hex(), "here")


@pytest.mark.parametrize("spec", SPECS)
def test_public_key_is_not_a_secret(spec):
    planted = PlantedSecrets()
    planted.add(spec, material(spec))
    public = private_key(spec).public_key()
    for encoding in (serialization.Encoding.DER, serialization.Encoding.PEM):
        encoded = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert planted.find(encoded, "here") == []
        assert planted.find(base64.b64encode(encoded), "here") == []


def test_tree_is_searched_with_names_and_archives(known, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / f"{SECRET.hex()}.txt").write_text("nothing")
    with zipfile.ZipFile(tmp_path / "payload.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("args.json", base64.b64encode(SECRET))
    places = " ".join(sighting.where for sighting in known.find_in_tree(tmp_path))
    assert "the name of" in places
    assert "payload.zip!args.json" in places


# -- the watcher -------------------------------------------------------------------------------------------------------

# Again and again until the standard input is closed: whether it is seen in time is up to the machine.
SHORT_LIVED = """
import os, select, sys
secret = bytes.fromhex(sys.stdin.buffer.raw.readline().decode())
folder = os.path.join(sys.argv[1], "a", "b")
while not select.select([sys.stdin], [], [], 0)[0]:
    os.makedirs(folder)
    path = os.path.join(folder, "file")
    with open(path, "wb") as file:
        file.write(secret)
    os.rename(path, path + ".moved")
    os.unlink(path + ".moved")
    os.removedirs(folder)
    os.makedirs(sys.argv[1], exist_ok=True)
"""
REWRITTEN = """
import os, sys
secret = bytes.fromhex(sys.stdin.readline())
path = os.path.join(sys.argv[1], "file")
with open(path, "wb") as file:
    file.write(b"nothing")
with open(path, "r+b") as file:
    file.write(secret)
sys.stdin.read()
os.unlink(path)
"""
HARMLESS = "import os, sys; open(os.path.join(sys.argv[1], 'file'), 'w').write('nothing')"


PATIENCE = 300  # seconds until a test that waits for something fails


def wait_until(ready):
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, "it was never seen"
        time.sleep(0.01)


def run(script, root, until=lambda: True):
    """Run a script that has the secret in its first line of input, and close its input when this is so."""
    command = [sys.executable, "-I", "-c", script, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        process.stdin.write(SECRET.hex().encode() + b"\n")
        process.stdin.flush()
        wait_until(until)
    assert process.returncode == 0


def has_read(watcher):
    """Whether a watcher that searches at its end has the secret to search."""
    return any(SECRET in content or SECRET.hex().encode() in content for content in list(watcher._contents))


@pytest.mark.parametrize("script", [SHORT_LIVED, REWRITTEN], ids=["short-lived", "rewritten"])
def test_watcher_catches_what_is_gone_a_moment_later(known, tmp_path, script):
    root = tmp_path / "root"
    root.mkdir()
    (root / "keep").touch()
    with Watcher(known, root) as watcher:
        run(script, root, until=lambda: has_read(watcher))
    assert [path.name for path in root.iterdir()] == ["keep"]
    assert watcher.sightings
    assert not watcher.overflowed


def test_watcher_says_what_it_missed(known, tmp_path):
    with Watcher(known, tmp_path) as watcher:
        for number in range(200):
            (tmp_path / f"file{number}").write_bytes(SECRET)
            (tmp_path / f"file{number}").unlink()
    caught = {sighting.where for sighting in watcher.sightings}
    assert {str(tmp_path / f"file{number}") for number in range(200)} <= caught | watcher.missed


def test_watcher_catches_what_stays_and_what_never_was_closed(known, tmp_path):
    with Watcher(known, tmp_path) as watcher:
        with (tmp_path / "open").open("wb") as file:
            file.write(SECRET)
            file.flush()
            wait_until(lambda: has_read(watcher))
            os.unlink(file.name)
        (tmp_path / "stays").write_text(SECRET.hex())
    assert {os.path.basename(sighting.where) for sighting in watcher.sightings} == {"open", "stays"}


def test_watcher_sees_nothing_where_nothing_is(known, tmp_path):
    with Watcher(known, tmp_path) as watcher:
        run(HARMLESS, tmp_path)
    assert watcher.files("file")
    assert watcher.sightings == set()


def test_command_lines_and_environments_are_read(known):
    idle = [sys.executable, "-I", "-c", "import sys; sys.stdin.read()"]
    cases = (
        ([*idle, SECRET.hex()], {}, SECRET.hex().encode()),
        (idle, {"MATERIAL": base64.b64encode(SECRET).decode()}, base64.b64encode(SECRET)),
    )
    with Processes(known) as processes:
        for command, environment, shown in cases:
            with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment):
                wait_until(lambda: any(shown in content for content in list(processes._seen)))  # noqa: B023
    assert {sighting.where for sighting in processes.sightings} == {
        "the cmdline of a process",
        "the environ of a process",
    }


# -- strace ------------------------------------------------------------------------------------------------------------

WRITES_ALL_OVER = """
import os, socket, subprocess, sys
secret = sys.argv[1]
path = sys.argv[2]
with open(path, "w") as file:
    # In two pieces, neither of which is long enough.
    file.write(secret[:12]); file.flush()
    file.write(secret[12:44])
os.unlink(path)
one, other = socket.socketpair()
one.send(secret.encode())
reader, writer = os.pipe()
os.write(writer, secret.encode())
"""


@pytest.mark.skipif(not strace_works(), reason="no strace here, or it may not trace")
def test_trace_tells_files_sockets_pipes_and_arguments_apart(known, tmp_path):
    trace = Trace(tmp_path / "trace")
    script = tmp_path / "script.py"
    script.write_text(WRITES_ALL_OVER)
    command = [sys.executable, "-I", str(script), SECRET.hex(), str(tmp_path / "gone")]
    subprocess.run(trace.command(command), check=True, timeout=PATIENCE)
    trace.read()
    for kind in ("file", "socket", "pipe", "exec"):
        assert trace.find(known, kind), kind
    assert {sighting.where for sighting in trace.find(known, "file")} == {
        f"what was written to the file {tmp_path / 'gone'}"
    }


@pytest.mark.skipif(not strace_works(), reason="no strace here, or it may not trace")
def test_trace_of_a_harmless_command_is_empty(known, tmp_path):
    seen = observe(
        [sys.executable, "-I", "-c", HARMLESS, str(tmp_path)],
        known,
        [tmp_path],
        {},
        tmp_path,
        trace=tmp_path / "trace",
    )
    assert seen.status == 0
    assert seen.leaks(known) == []
    assert any(kind == "file" for kind, _name in seen.trace.written)
