# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example of a fleet over accounts and Regions: one story of real runs, seen through independent clients.

Between Ansible and the emulator stands a gate. It holds the first call of every account and Region until all have made
one, so that work side by side is seen to be so however slow the machine is, and it sees the temporary credentials.
"""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import playbook_runner
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from emulator_process import EmulatorProcess
from materials import create_key
from materials import material
from materials import private_key

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "fleet"
HOSTS = yaml.safe_load((EXAMPLE / "inventory.yml").read_text(encoding="utf-8"))["fleet"]["hosts"]
SPECS = {".bin": "SYMMETRIC_DEFAULT", ".pem": "ECC_NIST_P256"}
# What the first run finds: a key that is not there, a host whose role cannot be assumed, and one without keys.
WITHOUT_A_KEY = "payments-eu-west-1"
BROKEN = "broken"
EMPTY = "empty"
PATIENCE = 60
CREDENTIAL_RE = re.compile(r"Credential=([^/]+)/[^/]+/([^/]+)/")


class Gate(ThreadingHTTPServer):
    """Passes requests on, the first of every account and Region only once all of them are there."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.target = target.split("//")[1]
        self.access_keys: set[str] = set()
        self.secrets: set[str] = set()
        self.expect(1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def expect(self, callers: int) -> None:
        """Hold the first call of each of so many."""
        self.seen: set[tuple[str, str]] = set()
        self.barrier = threading.Barrier(callers)

    def enter(self, headers: Any) -> None:
        caller = CREDENTIAL_RE.search(headers["Authorization"]).groups()
        if "X-Amz-Target" not in headers:
            return  # STS
        self.access_keys.add(caller[0])
        self.secrets.add(headers["X-Amz-Security-Token"])
        if caller in self.seen:
            return
        self.seen.add(caller)
        try:
            self.barrier.wait(PATIENCE)
        except threading.BrokenBarrierError:
            pass  # what was not side by side shows in the log of calls

    def leave(self, body: bytes) -> None:
        self.secrets.update(re.findall(r"<SecretAccessKey>(.*?)<", body.decode("utf-8", "replace")))


class Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def do_POST(self) -> None:
        self.server.enter(self.headers)
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        connection = http.client.HTTPConnection(self.server.target)
        connection.request("POST", self.path, sent, dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        self.server.leave(body)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        connection.close()


@dataclass
class Run:
    """One run of ansible-playbook, and what the emulator saw of it."""

    status: int
    output: str
    calls: list[dict[str, Any]]
    states: dict[tuple[str, str], str]

    def changed(self) -> list[tuple[str, str]]:
        return sorted(
            (call["operation"], call["account"])
            for call in self.calls
            if call["outcome"] == "Success" and call["operation"] in ("ImportKeyMaterial", "DeleteImportedKeyMaterial")
        )

    def summary(self) -> dict[str, list[str]]:
        """The lines of the table: account, Region, done, failed, and the words of what went wrong."""
        (table,) = re.findall(r'"msg": \[\n\s*"host .*\n((?:\s*".*\n)*)', self.output)
        rows = [line.strip(' ",').split() for line in table.splitlines()]
        return {row[0]: row[1:] for row in rows}

    def failed(self) -> set[str]:
        return set(re.findall(r"^(\S+) +: .*failed=[1-9]", self.output, re.MULTILINE))


@dataclass
class Fleet:
    """The example in a place of its own, with its keys in the emulator and its material in files."""

    emulator: EmulatorProcess
    root: Path
    gate: Gate
    runs: dict[str, Run] = field(default_factory=dict)

    def client(self, host: str) -> Any:
        """An independent client with credentials of its own for the account of a host."""
        role = f"arn:aws:iam::{HOSTS[host]['fleet_account_id']}:role/reader"
        sts = self.emulator.client(service="sts")
        own = sts.assume_role(RoleArn=role, RoleSessionName="reader")["Credentials"]
        return self.emulator.client(
            HOSTS[host]["fleet_region"],
            aws_access_key_id=own["AccessKeyId"],
            aws_secret_access_key=own["SecretAccessKey"],
            aws_session_token=own["SessionToken"],
        )

    def prepare(self) -> None:
        shutil.copytree(EXAMPLE, self.root / "fleet")
        for host, slice_of in HOSTS.items():
            folder = self.root / "byok" / host
            folder.mkdir(parents=True, mode=0o700)
            for number, key in enumerate(slice_of["fleet_keys"]):
                if (host, number) != (WITHOUT_A_KEY, 0):
                    self.create(host, key)
                path = folder / Path(key["key_material_file"]).name
                path.touch(mode=0o600)
                path.write_bytes(content(path.suffix, host + path.name))

    def create(self, host: str, key: dict[str, str]) -> None:
        kms = self.client(host)
        key_id = create_key(kms, SPECS[Path(key["key_material_file"]).suffix])
        kms.create_alias(AliasName=key["key_id"], TargetKeyId=key_id)

    def states(self) -> dict[tuple[str, str], str]:
        """The state of every key that is there."""
        found = {}
        for host in HOSTS:
            kms = self.client(host)
            for alias in kms.list_aliases()["Aliases"]:
                key = kms.describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
                found[host, alias["AliasName"]] = key["KeyState"] + " " + key.get("ExpirationModel", "")
        return found

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = playbook_runner.clean_environment(
            self.root, AWS_ENDPOINT_URL_KMS=self.gate.url, AWS_ENDPOINT_URL_STS=self.gate.url
        )
        materials = "fleet_materials=" + str(self.root / "byok") + "/{{ inventory_hostname }}"
        options = ["-i", "inventory.yml", "--forks", "5", "-e", materials, *arguments]
        return playbook_runner.run_playbook(playbook, *options, directory=self.root / "fleet", environment=environment)

    def run(self, name: str, *arguments: str, playbook: str = "fleet.yml", slices: tuple[str, ...] = ("all",)) -> None:
        """Run it, as one process or as one for each slice at the same time."""
        before = len(self.emulator.calls())
        self.gate.expect(len(HOSTS))
        with ThreadPoolExecutor(len(slices)) as pool:
            done = list(pool.map(lambda one: self.play(playbook, "--limit", one, *arguments), slices))
        calls = self.emulator.calls()[before:]
        states = self.states()
        for one, process in zip(slices, done):
            key = name if len(slices) == 1 else f"{name} {one}"
            self.runs[key] = Run(process.returncode, process.stdout + process.stderr, calls, states)


def content(suffix: str, label: str) -> bytes:
    if suffix == ".bin":
        return material(SPECS[suffix], label)
    encoded: bytes = private_key(SPECS[suffix], label).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded


SLICES = ("payments-eu-central-1", "payments-eu-west-1:invoices-eu-central-1")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with EmulatorProcess() as emulator:
        gate = Gate(emulator.url)
        threading.Thread(target=gate.serve_forever, daemon=True).start()
        story = Fleet(emulator, tmp_path_factory.mktemp("fleet"), gate)
        try:
            story.prepare()
            tell(story)
            yield story
        finally:
            gate.shutdown()
            gate.server_close()


def tell(story: Fleet) -> None:
    emulator = story.emulator
    others = {BROKEN: {"fleet_role_arn": "none", "fleet_keys": [{}] * 3}, EMPTY: {"fleet_keys": []}}
    hosts = {name: {**HOSTS[WITHOUT_A_KEY], **more} for name, more in others.items()}
    (story.root / "others.yml").write_text(yaml.safe_dump({"fleet": {"hosts": hosts}}))
    emulator.config(request_quotas=True)
    story.run("first", "-i", str(story.root / "others.yml"))
    story.create(WITHOUT_A_KEY, HOSTS[WITHOUT_A_KEY]["fleet_keys"][0])
    story.run("again", "-vvv")
    story.run("discovered", playbook="discover.yml")
    story.run("planned", "--check", "-e", "fleet_state=absent")
    story.run("paired", "-e", "fleet_state=reimported")
    # What each account and Region has to delete is all that one bucket allows.
    emulator.config(request_quotas={"DeleteImportedKeyMaterial": 3})
    story.run("cut off", "-e", "fleet_state=absent", slices=SLICES)


def keys_of(host: str) -> list[tuple[str, str]]:
    return [(host, key["key_id"]) for key in HOSTS[host]["fleet_keys"]]


ALL = sorted(key for host in HOSTS for key in keys_of(host))
MISSING = keys_of(WITHOUT_A_KEY)[0]


def pair(host: str) -> tuple[str, str]:
    return HOSTS[host]["fleet_account_id"], HOSTS[host]["fleet_region"]


def intervals(run: Run) -> dict[tuple[str, str], tuple[float, float]]:
    """When the first and the last call of each account and Region came in."""
    times: dict[tuple[str, str], list[float]] = {}
    for call in run.calls:
        times.setdefault((call["account"], call["region"]), []).append(call["when"])
    return {caller: (min(when), max(when)) for caller, when in times.items()}


def test_the_inventory_has_two_regions_of_an_account_and_two_accounts_in_a_region():
    pairs = [pair(host) for host in HOSTS]
    assert len(set(pairs)) == len(pairs) == 3
    assert len({account for account, _region in pairs}) == len({region for _account, region in pairs}) == 2


def test_a_failure_stops_no_other_key_and_no_other_host(fleet):
    run = fleet.runs["first"]
    assert run.status != 0
    assert run.failed() == {WITHOUT_A_KEY, BROKEN}
    assert set(run.states) == set(ALL) - {MISSING}
    assert set(run.states.values()) == {"Enabled KEY_MATERIAL_EXPIRES"}


def test_the_summary_counts_by_account_and_region(fleet):
    table = fleet.runs["first"].summary()
    assert set(table) == {*HOSTS, BROKEN, EMPTY}
    for host in HOSTS:
        done, failed = ("2", "1") if host == WITHOUT_A_KEY else ("3", "0")
        assert table[host][:4] == [*pair(host), done, failed]
    assert MISSING[1] in " ".join(table[WITHOUT_A_KEY])
    assert table[EMPTY][2:] == ["0", "0"]
    assert table[BROKEN][2:4] == ["0", "3"]
    assert len(table[BROKEN]) > 4


def test_regions_and_accounts_work_side_by_side(fleet):
    found = intervals(fleet.runs["first"])
    assert set(found) == {pair(host) for host in HOSTS}
    assert max(first for first, _last in found.values()) < min(last for _first, last in found.values())


def test_the_next_run_heals_what_was_missing_and_changes_nothing_else(fleet):
    run = fleet.runs["again"]
    assert (run.status, run.failed()) == (0, set())
    assert run.changed() == [("ImportKeyMaterial", HOSTS[WITHOUT_A_KEY]["fleet_account_id"])]
    assert run.states == dict.fromkeys(ALL, "Enabled KEY_MATERIAL_EXPIRES")


def test_the_slices_are_found_in_kms(fleet):
    assert fleet.runs["discovered"].status == 0, fleet.runs["discovered"].output
    for host, slice_of in HOSTS.items():
        found = yaml.safe_load((fleet.root / "fleet" / "host_vars" / f"{host}.yml").read_text())
        assert by_name(found["fleet_keys"]) == by_name(slice_of["fleet_keys"])


def by_name(keys: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(keys, key=lambda key: key["key_id"])


def test_pairs_leave_every_key_as_it_was(fleet):
    run = fleet.runs["paired"]
    assert run.status == 0, run.output
    assert len([call for call in run.changed() if call[0] == "DeleteImportedKeyMaterial"]) == len(ALL)
    assert run.states == dict.fromkeys(ALL, "Enabled KEY_MATERIAL_EXPIRES")


def test_check_mode_only_looks(fleet):
    run = fleet.runs["planned"]
    assert run.status == 0, run.output
    assert run.changed() == []
    assert [row[2:] for row in run.summary().values()] == [["3", "0"]] * 3
    assert set(intervals(run)) == {pair(host) for host in HOSTS}


def test_slices_cut_off_their_part_and_tell_of_it(fleet):
    runs = [fleet.runs[f"cut off {one}"] for one in SLICES]
    for one, run in zip(SLICES, runs):
        assert run.status == 0, run.output
        assert set(run.summary()) == set(one.split(":"))
        assert all(row[2:] == ["3", "0"] for row in run.summary().values())
    assert runs[0].states == dict.fromkeys(ALL, "PendingImport ")
    assert len(runs[0].changed()) == len(ALL)


def test_each_account_and_region_has_a_bucket_of_its_own(fleet):
    """Nine deletions at once, three from each bucket: with one bucket for all, some would be throttled."""
    calls = [call for call in fleet.runs[f"cut off {SLICES[0]}"].calls if call["operation"].startswith("Delete")]
    assert [call["outcome"] for call in calls] == ["Success"] * len(ALL)
    per_pair = Counter((call["account"], call["region"]) for call in calls)
    assert per_pair == dict.fromkeys(map(pair, HOSTS), 3)


def test_only_temporary_credentials_reach_kms_and_none_are_shown(fleet):
    assert "testing" not in fleet.gate.access_keys
    assert len(fleet.gate.access_keys) == len(HOSTS) * 6
    # A secret key and a session token each, and the secret key of the host without keys.
    assert len(fleet.gate.secrets) == len(HOSTS) * 6 * 2 + 1
    for name, run in fleet.runs.items():
        # An access key ID is no secret; amazon.aws shows it with -vvv.
        shown = fleet.gate.secrets if name == "again" else fleet.gate.secrets | fleet.gate.access_keys
        assert [secret for secret in shown if secret in run.output] == []
