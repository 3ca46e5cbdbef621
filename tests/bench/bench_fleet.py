# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many keys in one task: against the limit that KMS's quotas set, against other ways, and what memory it takes.

Prints figures, asserts none of them. Run by `make bench`, which puts everything on the path. `main()` is the module's
own function in a process of its own; `the task` is ansible-playbook's, with everything that Ansible adds.
"""

from __future__ import annotations

import base64
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from typing import Callable

import boto3
from common import REGION
from common import gaps
from common import playbook
from common import shell
from emulator_process import EmulatorProcess
from lab import Lab
from materials import b64
from materials import material
from module_process import Finished
from module_process import run_process

MODULE, INFO = "kms_imported_material", "kms_imported_material_info"
SYMMETRIC = "SYMMETRIC_DEFAULT"
# No quotas: what the emulator allows is the limit.
UNLIMITED = dict.fromkeys(
    ("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial", "ListKeyRotations", "DescribeKey"),
    100_000,
)
LATENCY = 0.01
CUT, FEW, PAIRS, SINGLES, UNCHANGED, LISTED = 150, 20, 60, 5, 300, 1000
SIZES = (100, 1000, 5000)

Keys = list[dict[str, Any]]


# -- what is measured --------------------------------------------------------------------------------------------------


def fleet(lab: Lab, number: int) -> Keys:
    """Keys with material, as entries of `keys`."""
    keys = [
        {"key_id": lab.empty_key(), "key_material": b64(material(SYMMETRIC, str(position)))}
        for position in range(number)
    ]
    done = run(lab, keys=keys, wrapping_key_spec="RSA_2048", request_rates=UNLIMITED)
    print(f"  ({number} keys imported in {done.seconds:.1f} s to begin with, {done.peak_mebibytes:.0f} MiB)")
    return keys


def named(keys: Keys) -> Keys:
    """The same without their material."""
    return [{"key_id": one["key_id"]} for one in keys]


def run(lab: Lab, name: str = MODULE, **options: Any) -> Finished:
    done = run_process(name, lab.emulator.url, **options)
    if done.result.get("failed"):
        raise SystemExit(done.result["msg"])
    return done


def task(**options: Any) -> dict[str, Any]:
    return {"name": "task", f"byok.aws.{MODULE}": options}


def show(what: str, seconds: float, limit: float) -> None:
    print(f"  {what:58} {seconds:7.2f} s   limit {limit:5.1f} s   {seconds / limit:5.2f} times")


def seconds_of(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# -- delete ------------------------------------------------------------------------------------------------------------


def cut_off(lab: Lab, directory: Path) -> None:
    print(f"\nDelete of {CUT} keys, request quotas on: 15 deletions a second")
    by_main, by_task, freely = fleet(lab, CUT), fleet(lab, CUT), fleet(lab, CUT)
    lab.emulator.config(request_quotas=True)
    limit = CUT / 15
    show("main()", run(lab, keys=named(by_main), state="absent").seconds, limit)
    quotas = playbook(lab, [task(keys=named(by_task), state="absent")], directory)[0][1]
    show("the task", quotas, limit)
    lab.emulator.config(request_quotas=False)
    free = playbook(lab, [task(keys=named(freely), state="absent", request_rates=UNLIMITED)], directory)[0][1]
    others = {"a loop of tasks": loop(lab, directory), "the AWS CLI in a shell loop": cli(lab, directory)}
    print(f"  a key: {quotas / CUT:.4f} s with quotas, {free / CUT:.4f} s without, {limit / CUT:.4f} s by the quota")
    for name, each in others.items():
        factors = " / ".join(f"{each * CUT / ours:.1f}" for ours in (quotas, free, limit))
        print(f"    {name:28} {each:.4f} s ({FEW} keys, no quotas), that is {factors} times as long")


def loop(lab: Lab, directory: Path) -> float:
    """Seconds for each key of a loop."""
    ids = [one["key_id"] for one in fleet(lab, FEW)]
    return playbook(lab, [{**task(key_id="{{ item }}", state="absent"), "loop": ids}], directory)[0][1] / FEW


def cli(lab: Lab, directory: Path) -> float:
    """Seconds for each key in a shell."""
    keys = " ".join(one["key_id"] for one in fleet(lab, FEW))
    script = 'set -eu; for key in $KEYS; do aws kms delete-imported-key-material --key-id "$key"; done'
    return seconds_of(lambda: shell(lab, script, directory, KEYS=keys)) / FEW


# -- reimported --------------------------------------------------------------------------------------------------------


def pairs(lab: Lab) -> None:
    """Preparation, change window and seconds unusable, seen by the emulator's record of the calls."""
    print(f"\nreimported, {PAIRS} keys, request quotas on, {LATENCY * 1000:.0f} ms of latency")
    keys, singles = fleet(lab, PAIRS), fleet(lab, SINGLES)
    lab.emulator.config(latency_seconds=LATENCY, request_quotas=True)
    before = lab.mark()
    whole = run(lab, keys=keys, state="reimported").seconds
    calls = lab.emulator.calls()[before:]
    deletions, imports = times(calls, "DeleteImportedKeyMaterial"), times(calls, "ImportKeyMaterial")
    prepared = times(calls, "GetParametersForImport")
    show("preparation, from the first call to the first deletion", deletions[0] - calls[0]["when"], PAIRS)
    print(f"    of it from the first parameters to the last: {prepared[-1] - prepared[0]:.2f} s")
    show("change, from the first deletion to the last import", imports[-1] - deletions[0], PAIRS / 15)
    print(f"  main() as a whole: {whole:.2f} s")
    each = gaps(calls)
    before = lab.mark()
    for one in singles:
        run(lab, **one, state="reimported")
        time.sleep(1)  # another process has no knowledge of the quota that the one before has used
    alone = gaps(lab.emulator.calls()[before:])
    lab.emulator.config(latency_seconds=0, request_quotas=False)
    print(f"  seconds unusable, {len(each)} keys in one run:    {spread(each)}")
    print(f"  seconds unusable, {len(alone)} runs of one key each:   {spread(alone)}")
    most = max(each)
    print(f"    maximum against maximum: {most / max(alone):.2f} times, against median: {most / middle(alone):.2f}")


def times(calls: list[dict[str, Any]], operation: str) -> list[float]:
    return sorted(call["when"] for call in calls if call["operation"] == operation)


def middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def spread(values: list[float]) -> str:
    return f"median {middle(values):.4f}  maximum {max(values):.4f}"


# -- reading -----------------------------------------------------------------------------------------------------------


def reading(lab: Lab) -> None:
    print(f"\nReading: present unchanged on {UNCHANGED} keys, {INFO} on {LISTED}")
    keys = fleet(lab, LISTED)
    some = keys[:UNCHANGED]
    lab.emulator.config(request_quotas=True)
    for what, number, options in (
        ("present unchanged", UNCHANGED, {"keys": some}),
        ("info", LISTED, {"name": INFO}),
    ):
        before = lab.mark()
        done = run(lab, **options)
        assert not done.result["changed"] and len(done.result["kms_keys"]) == number
        show(f"{what}, {number} keys, main()", done.seconds, number / 100)
        print(f"    {(lab.mark() - before) / number:.3f} calls a key")
    lab.emulator.config(request_quotas=False)
    for latency in (0, LATENCY):
        lab.emulator.config(latency_seconds=latency)
        against_a_script(lab, latency, keys)
    lab.emulator.config(latency_seconds=0)


def against_a_script(lab: Lab, latency: float, keys: Keys) -> None:
    one, many = (calls_a_second(lab, keys[0]["key_id"], threads) for threads in (1, 16))
    print(f"  no quotas, {latency * 1000:.0f} ms of latency; the emulator allows one thread of boto3 {one:.0f} calls a")
    print(f"    second, and 16 threads {many:.0f}: {many / one:.1f} times as many")
    some = keys[:UNCHANGED]
    ours = run(lab, keys=some, request_rates=UNLIMITED).seconds
    against("present unchanged", ours, seconds_of(lambda: sequential(lab, [key["key_id"] for key in some])))
    ours = run(lab, INFO).seconds
    against("info, at its 100 ListKeyRotations a second", ours, seconds_of(lambda: sequential(lab, None)))


def against(what: str, ours: float, script: float) -> None:
    print(f"    {what:43} {ours:6.2f} s   a sequential script {script:6.2f} s, {script / ours:.2f} times as long")


def client(lab: Lab) -> Any:
    return boto3.session.Session().client(
        "kms",
        region_name=REGION,
        endpoint_url=lab.emulator.url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=boto3.session.Config(max_pool_connections=16),
    )


def sequential(lab: Lab, key_ids: list[str] | None) -> list[Any]:
    """What somebody would write with boto3 to look at keys, one after the other."""
    kms = client(lab)
    if key_ids is None:
        pages = kms.get_paginator("list_keys").paginate()
        key_ids = [one["KeyId"] for page in pages for one in page["Keys"]]
        list(kms.get_paginator("list_aliases").paginate())
    return [
        (kms.describe_key(KeyId=one), kms.list_key_rotations(KeyId=one, IncludeKeyMaterial="ALL_KEY_MATERIAL"))
        for one in key_ids
    ]


def calls_a_second(lab: Lab, key_id: str, threads: int, number: int = 640) -> float:
    kms = client(lab)
    with ThreadPoolExecutor(threads) as pool:
        seconds = seconds_of(lambda: list(pool.map(lambda _one: kms.describe_key(KeyId=key_id), range(number))))
    return number / seconds


# -- size --------------------------------------------------------------------------------------------------------------


def size(lab: Lab, directory: Path) -> None:
    print("\nMemory of the module's process at its peak, and time, without quotas")
    keys = fleet(lab, SIZES[-1])
    filed = [in_file(one, directory) for one in keys]
    ways: dict[str, Callable[[int], Finished]] = {
        "absent, check mode, no material given": lambda number: run(
            lab, keys=named(keys[:number]), state="absent", check_mode=True, request_rates=UNLIMITED
        ),
        "present unchanged, inline material": lambda number: run(lab, keys=keys[:number], request_rates=UNLIMITED),
        "present unchanged, material in files": lambda number: run(lab, keys=filed[:number], request_rates=UNLIMITED),
        "absent for real, no material given": lambda number: run(
            lab, keys=named(keys[:number]), state="absent", all_materials=True, request_rates=UNLIMITED
        ),
    }
    for name, way in ways.items():
        measured = [way(number) for number in SIZES]
        figures = "   ".join(
            f"{number:5}: {done.peak_mebibytes:4.0f} MiB {done.seconds:6.2f} s" for number, done in zip(SIZES, measured)
        )
        print(f"  {name:38} {figures}")
        print(f"    for 1,000 keys more: {slopes([done.peak_mebibytes for done in measured], 'MiB')}")
        print(f"                         {slopes([done.seconds for done in measured], 's')}")


def in_file(key: dict[str, Any], directory: Path) -> dict[str, Any]:
    """The same key with its material in a file."""
    path = directory / key["key_id"]
    path.touch(mode=0o600)
    path.write_bytes(base64.b64decode(key["key_material"]))
    return {"key_id": key["key_id"], "key_material_file": str(path)}


def slopes(values: list[float], unit: str) -> str:
    """How much 1,000 keys more add, in both ranges: the same where growth is linear."""
    lower, upper = (1000 * (values[at + 1] - values[at]) / (SIZES[at + 1] - SIZES[at]) for at in range(len(SIZES) - 1))
    return f"{lower:6.2f} {unit} up to {SIZES[1]}, {upper:6.2f} {unit} from there on ({upper / lower:.2f} times)"


def main() -> None:
    load, cores = os.getloadavg()[0], os.cpu_count()
    print(f"{cores} cores, load {load:.1f} at the start")
    with EmulatorProcess() as emulator, tempfile.TemporaryDirectory() as path:
        lab, directory = Lab(emulator, emulator.client()), Path(path)
        cut_off(lab, directory)
        emulator.reset()
        pairs(lab)
        emulator.reset()
        reading(lab)
        emulator.reset()
        size(lab, directory)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
