# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of the process, and its end: nothing planted is written to, and no other process gets a signal."""

from __future__ import annotations

import http.server
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulator_process import PACKAGE_ROOT
from emulator_process import EmulatorProcess
from playbook_runner import clean_environment
from playbook_runner import run_playbook

sys.path.insert(0, str(PACKAGE_ROOT))

from kms_emulator import files

SCRIPT = PACKAGE_ROOT / "process.sh"
URL = "http://127.0.0.1:4599"
NOBODY = 65534
PATIENCE = 300
"""Seconds that any machine gets by with."""


def process_sh(*arguments: str | int | Path, script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", script, *map(str, arguments)], capture_output=True, text=True, check=False)


def shown(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def refused_start(*options: str) -> tuple[int, str]:
    """The exit status and the errors of an emulator that must not start."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}
    command = [sys.executable, "-m", "kms_emulator", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.stdout == ""
    return done.returncode, done.stderr.strip()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this user that has nothing to do with the emulator; it must live on."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        ended = process.poll()
        process.kill()
    assert ended is None, "the stranger got a signal"


class TestOwnFiles:
    """What the emulator opens for writing."""

    @pytest.fixture(params=["symlink", "dangling symlink", "hard link", "directory", "fifo", "device"])
    def trap(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        target, trap = tmp_path / "target", tmp_path / "trap"
        if request.param != "dangling symlink":
            target.write_text("precious")
        if "symlink" in request.param:
            trap.symlink_to(target)
        elif request.param == "hard link":
            trap.hardlink_to(target)
        elif request.param == "directory":
            trap.mkdir()
        elif request.param == "fifo":
            os.mkfifo(trap)
        else:
            trap = Path(os.devnull)
        return trap

    def test_traps(self, trap: Path) -> None:
        with pytest.raises(files.FileError, match=rf"^cannot write {trap}: "):
            files.open_own(trap)
        target = trap.with_name("target")
        assert not target.exists() or target.read_text() == "precious"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_a_file_of_another_user(self, tmp_path: Path) -> None:
        theirs = tmp_path / "theirs"
        theirs.touch()
        os.chown(theirs, NOBODY, NOBODY)
        with pytest.raises(files.FileError, match="not a regular file of this user"):
            files.open_own(theirs)

    def test_a_directory_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(files.FileError, match="No such file or directory"):
            files.open_own(tmp_path / "none" / "file")

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
    @pytest.mark.parametrize("old", [None, 0o666])
    def test_modes(self, tmp_path: Path, umask: int, old: int | None) -> None:
        path = tmp_path / "file"
        if old is not None:
            path.write_text("old")
            path.chmod(old)
        former = os.umask(umask)
        try:
            descriptor = files.open_own(path)
            files.empty(descriptor)
        finally:
            os.umask(former)
        os.close(descriptor)
        assert (mode(path), path.read_text()) == (0o600, "")


class TestPidFile:
    def test_what_it_says_and_for_how_long(self, tmp_path: Path) -> None:
        path = tmp_path / "pid"
        with files.pid_file(path, URL):
            assert path.read_text().splitlines() == [str(os.getpid()), files.started(os.getpid()), URL]
            assert mode(path) == 0o600
        assert not path.exists()

    def test_two_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "pid"
        with files.pid_file(path, URL):
            content = path.read_text()
            with pytest.raises(files.FileError, match=r"an emulator that runs has .* as its PID file"):
                files.pid_file(path, "http://127.0.0.1:1").__enter__()
            assert path.read_text() == content

    def test_one_that_was_left_behind(self, tmp_path: Path) -> None:
        path = tmp_path / "pid"
        path.write_text(f"1\nlong ago, and much longer than what comes now {'.' * 99}\n{URL}\n")
        with files.pid_file(path, URL):
            assert path.read_text().splitlines()[0] == str(os.getpid())

    @pytest.mark.parametrize("content", ["precious", "123\n", "a\nb\nc\n", f"1\nb\n{URL}\nd\n"])
    def test_a_file_of_something_else(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "pid"
        path.write_text(content)
        path.chmod(0o644)
        with pytest.raises(files.FileError, match="it is not a PID file of the emulator"):
            files.pid_file(path, URL).__enter__()
        assert (path.read_text(), mode(path)) == (content, 0o644)

    def test_one_that_was_put_in_its_place(self, tmp_path: Path) -> None:
        path = tmp_path / "pid"
        with files.pid_file(path, URL):
            path.unlink()
            path.write_text("another one's")
        assert path.read_text() == "another one's"


class TestStart:
    def test_nobody_else_reads_what_it_writes(self, tmp_path: Path) -> None:
        log, pid = tmp_path / "log", tmp_path / "pid"
        former = os.umask(0)
        try:
            environment = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}
            command = [sys.executable, "-m", "kms_emulator", f"--detach={log}", f"--pid-file={pid}"]
            subprocess.run(command, env=environment, capture_output=True, check=True)
        finally:
            os.umask(former)
        try:
            assert (mode(log), mode(pid)) == (0o600, 0o600)
            # What moto's other services write has the mask of the process.
            status = Path(f"/proc/{pid.read_text().split()[0]}/status").read_text()
            assert "Umask:\t0077" in status.splitlines()
        finally:
            assert process_sh("stop", pid, PATIENCE).returncode == 0

    @pytest.mark.parametrize("option", ["--pid-file", "--detach"])
    def test_a_planted_symbolic_link(self, tmp_path: Path, option: str) -> None:
        target, link = tmp_path / "target", tmp_path / "link"
        target.write_text("precious")
        link.symlink_to(target)
        assert refused_start(option, str(link)) == (2, f"kms_emulator: cannot write {link}: it is a symbolic link")
        assert target.read_text() == "precious"

    def test_a_pid_file_in_use(self, tmp_path: Path) -> None:
        pid = tmp_path / "pid"
        with EmulatorProcess("--pid-file", str(pid)) as emulator:
            content = pid.read_text()
            expected = f"kms_emulator: an emulator that runs has {pid} as its PID file"
            assert refused_start("--pid-file", str(pid)) == (2, expected)
            assert (pid.read_text(), emulator.reset()["lag_seconds"]) == (content, 0)


class TestProcessScript:
    @pytest.fixture
    def pid(self, tmp_path: Path) -> Path:
        return tmp_path / "pid"

    def name(self, pid: Path, process: int, since: str = "") -> None:
        """A PID file that names a process."""
        pid.write_text(f"{process}\n{since or files.started(process)}\n{URL}\n")

    def test_an_emulator_that_runs(self, pid: Path) -> None:
        emulator = EmulatorProcess("--pid-file", str(pid)).start()
        try:
            assert shown(process_sh("look", pid)) == (0, f"runs {emulator.url}", "")
            assert shown(process_sh("stop", pid, PATIENCE)) == (0, f"runs {emulator.url}", "")
            assert not pid.exists()
            assert shown(process_sh("look", pid)) == (0, "", "")
            assert shown(process_sh("stop", pid, PATIENCE)) == (0, "", "")
        finally:
            assert emulator.stop() == 0

    def test_an_emulator_that_does_not_end(self, pid: Path) -> None:
        with EmulatorProcess("--pid-file", str(pid)) as emulator:
            os.kill(emulator.pid, signal.SIGSTOP)
            try:
                sentence = f"Process {emulator.pid}, the emulator on {emulator.url}, did not end within 1 s."
                assert shown(process_sh("stop", pid, "1")) == (1, f"runs {emulator.url}", sentence)
                assert pid.exists()
            finally:
                os.kill(emulator.pid, signal.SIGCONT)

    def test_a_process_that_is_gone(self, pid: Path) -> None:
        with subprocess.Popen(["true"]) as process:
            process.wait()
        self.name(pid, process.pid, files.started(os.getpid()))
        assert shown(process_sh("look", pid)) == (0, f"left {pid}", "")
        assert shown(process_sh("stop", pid, PATIENCE)) == (0, f"left {pid}", "")
        assert not pid.exists()

    def test_a_recycled_process_id(self, pid: Path, stranger: subprocess.Popen[bytes]) -> None:
        since = files.started(os.getpid())
        self.name(pid, stranger.pid, since)
        assert shown(process_sh("stop", pid, PATIENCE)) == (0, f"left {pid}", "")
        assert not pid.exists()

    def test_a_recycled_process_id_of_one_that_looks_alike(self, pid: Path) -> None:
        """Its command line says kms_emulator: it started later all the same."""
        alike = ["sh", "-c", "sleep 600; :", "-m", "kms_emulator"]
        with subprocess.Popen(alike, start_new_session=True) as process:
            try:
                boot, ticks = files.started(process.pid).split()
                self.name(pid, process.pid, f"{boot} {int(ticks) - 1}")
                assert shown(process_sh("stop", pid, PATIENCE)) == (0, f"left {pid}", "")
                assert process.poll() is None
            finally:
                os.killpg(process.pid, signal.SIGKILL)

    def test_a_process_that_is_no_emulator(self, pid: Path, stranger: subprocess.Popen[bytes]) -> None:
        """A file that names it exactly, by mistake or malice."""
        self.name(pid, stranger.pid)
        assert shown(process_sh("stop", pid, PATIENCE)) == (0, f"left {pid}", "")

    @pytest.mark.parametrize(
        "content",
        [
            "{pid}\n",
            "{pid}",
            "{pid}\n{since}\n",
            "{pid} {since} {url}\n",
            "-{pid}\n{since}\n{url}\n",
            "{pid} 1\n{since}\n{url}\n",
            "0\n{since}\n{url}\n",
            "{pid}\n{since}\nhttp://attacker.example\n",
        ],
    )
    def test_a_file_of_something_else(self, pid: Path, stranger: subprocess.Popen[bytes], content: str) -> None:
        pid.write_text(content.format(pid=stranger.pid, since=files.started(stranger.pid), url=URL))
        for verb in ("look", "stop"):
            status, out, sentence = shown(process_sh(verb, pid, PATIENCE))
            assert (status, out) == (1, "")
            assert sentence.startswith(f"{pid} is not a PID file of the emulator.")
            assert pid.exists()

    @pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "fifo", "directory", "another user's"])
    def test_a_file_that_says_nothing(self, pid: Path, tmp_path: Path, kind: str) -> None:
        target = tmp_path / "target"
        if kind == "symlink":
            self.name(target, os.getpid())
        if "symlink" in kind:
            pid.symlink_to(target)
        elif kind == "fifo":
            os.mkfifo(pid)
        elif kind == "directory":
            pid.mkdir()
        elif os.geteuid() != 0:
            pytest.skip("only root can give a file away")
        else:
            self.name(pid, os.getpid())
            os.chown(pid, NOBODY, NOBODY)
        status, out, sentence = shown(process_sh("stop", pid, PATIENCE))
        assert (status, out) == (1, "")
        assert sentence.startswith(f"{pid} is not a regular file of this user")
        assert pid.is_symlink() or pid.exists()

    def test_one_with_nothing_in_it_yet(self, pid: Path) -> None:
        pid.touch()
        assert shown(process_sh("look", pid)) == (0, f"left {pid}", "")

    def test_a_home_directory_and_blanks(self, tmp_path: Path) -> None:
        (tmp_path / "a directory").mkdir()
        (tmp_path / "a directory" / "pid").touch()
        environment = {**os.environ, "HOME": str(tmp_path)}
        command = ["sh", SCRIPT, "look", "~/a directory/pid"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert shown(done) == (0, f"left {tmp_path}/a directory/pid", "")

    def test_without_proc(self, pid: Path, tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
        """Other systems than Linux have ps alone."""
        script = tmp_path / "process.sh"
        script.write_text(SCRIPT.read_text().replace("/proc/", "/nowhere/"))
        since = files._started_as_ps_says(stranger.pid)
        assert since.count(":") == 2
        self.name(pid, stranger.pid, since)
        assert shown(process_sh("stop", pid, PATIENCE, script=script)) == (0, f"left {pid}", "")
        with EmulatorProcess() as emulator:
            self.name(pid, emulator.pid, files._started_as_ps_says(emulator.pid))
            assert shown(process_sh("stop", pid, PATIENCE, script=script)) == (0, f"runs {URL}", "")


PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Stop what a log leads to
      ansible.builtin.include_role:
        name: byok.aws.kms_emulator
      vars: &stopped
        kms_emulator_state: stopped
        kms_emulator_directory: "{{ directory }}"

    - name: Plant a PID file
      ansible.builtin.copy:
        content: "{{ planted }}"
        dest: "{{ directory }}/pid"
        mode: "0600"

    - name: Stop what a PID file names
      ansible.builtin.include_role:
        name: byok.aws.kms_emulator
      vars: *stopped
"""


def test_the_role_stops_no_stranger(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    """A server that poses as the emulator names a process; so does a PID file that was left behind."""

    class Liar(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"pid": stranger.pid, "settings": {}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    directory, playbook = tmp_path / "emulator", tmp_path / "play.yml"
    directory.mkdir()
    playbook.write_text(PLAY)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar) as liar:
        threading.Thread(target=liar.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{liar.server_port}"
        (directory / "log").write_text(f"kms_emulator ready on {url}\n")
        planted = f"{stranger.pid}\n{files.started(os.getpid())}\n{url}\n"
        extra = json.dumps({"directory": str(directory), "planted": planted})
        environment = clean_environment(tmp_path)
        done = run_playbook(playbook, "--extra-vars", extra, directory=tmp_path, environment=environment)
        liar.shutdown()
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(directory.iterdir()) == []
