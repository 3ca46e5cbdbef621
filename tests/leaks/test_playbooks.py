# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real playbooks at -vvvv, with everything watched while they run: the material is nowhere but in pipes.

Material comes from variables here. What Ansible itself shows of a playbook is beyond a module's reach: material written
literally into a playbook (its errors quote lines), or into the items of a loop (its results name the item), and
ANSIBLE_DEBUG, which prints every argument of every task.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import leaks
import materials
import pytest
from materials import b64
from materials import create_key

MODULE = "byok.aws.kms_imported_material"
SYMMETRIC = "SYMMETRIC_DEFAULT"
MODULE_FILE = Path(__file__).parents[2] / "plugins" / "modules" / "kms_imported_material.py"
WARNING = "the plaintext in key_material is left in a temporary file"
ALLOWED = {"allow": ["plaintext_file_transfer"]}


def task(name: str, module: str = MODULE, keywords: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return {"name": name, module: options, **(keywords or {})}


def refused(name: str, **options: Any) -> dict[str, Any]:
    """A task that has to fail, after which the play goes on."""
    return task(name, keywords={"register": "refused", "failed_when": "refused is not failed"}, **options)


def warned(seen: leaks.Observation) -> bool:
    return WARNING in re.sub(r"\s+", " ", seen.stdout + seen.stderr)


def went_through_the_pipe(seen: leaks.Observation) -> bool:
    """Ansible did not even make the directory in which it puts a module on the target.

    Other files may come and go too fast for the watcher on a busy machine; the trace of the long play misses none.
    """
    assert [path for path in seen.watcher.seen | seen.watcher.missed if "/ansible-tmp-" in path] == []
    return not seen.watcher.overflowed


# -- the long play: every kind of material, every kind of task ---------------------------------------------------------


@pytest.fixture(scope="module")
def long(stage, secret, emulator, planted):
    kms = emulator.client()
    inline = {
        "symmetric": secret(SYMMETRIC, "inline"),
        "hmac": secret("HMAC_512", "inline"),
        "rsa": secret("RSA_2048", "inline"),
        "ecc": secret("ECC_NIST_P384", "inline"),
    }
    specs = {"symmetric": SYMMETRIC, "hmac": "HMAC_512", "rsa": "RSA_2048", "ecc": "ECC_NIST_P384"}
    from_file = secret(SYMMETRIC, "from a file")
    elsewhere = secret(SYMMETRIC, "wrapped elsewhere")
    pem = materials.private_key("RSA_3072", "planted as PEM").private_bytes(
        materials.serialization.Encoding.PEM,
        materials.serialization.PrivateFormat.PKCS8,
        materials.serialization.NoEncryption(),
    )
    secret("RSA_3072", "as PEM")
    keys = {name: create_key(kms, spec) for name, spec in specs.items()}
    keys.update({name: create_key(kms) for name in ("file", "wrapped", "wrong")})
    keys["pem"] = create_key(kms, "RSA_3072")
    wrapped = materials.wrapped(kms, keys["wrapped"], SYMMETRIC, elsewhere)
    masked = leaks.PlantedSecrets()
    masked.add("wrapped material", wrapped["EncryptedKeyMaterial"])
    masked.add("import token", wrapped["ImportToken"])
    setting = stage(
        "long",
        keys=keys,
        plain={name: b64(content) for name, content in inline.items()},
        odd={
            "short": b64(secret(SYMMETRIC, "cut off")[:-1]),
            "other": b64(secret(SYMMETRIC, "other bytes")),
            "garbage": b64(secret(SYMMETRIC, "not base64")) + "!",
            "hex": b64(secret(SYMMETRIC, "as hex").hex().encode()),
            "line": b64(secret(SYMMETRIC, "with a line break") + b"\n"),
            "misspelt": b64(secret(SYMMETRIC, "in a misspelt option")),
            "pem": materials.private_key("RSA_3072", "planted as PEM")
            .private_bytes(
                materials.serialization.Encoding.PEM,
                materials.serialization.PrivateFormat.TraditionalOpenSSL,
                materials.serialization.NoEncryption(),
            )
            .decode(),
        },
        wrapped={name: b64(content) for name, content in wrapped.items()},
    )
    setting.variables["files"] = {
        "raw": setting.material_file("material.bin", from_file),
        "pem": setting.material_file("material.pem", pem),
        "shared": setting.material_file("shared.bin", from_file),
    }
    os.chmod(setting.variables["files"]["shared"], 0o644)
    many = ("rsa", "ecc")
    given = {"key_id": "{{ keys.symmetric }}", "key_material": "{{ plain.symmetric }}"}
    checked = {"check_mode": True, "diff": True, "register": "checked"}
    tasks = [
        task("check", keywords=checked, **given),
        task("import", keywords={"diff": True, "register": "result"}, debug_botocore_endpoint_logs=True, **given),
        task("show", module="ansible.builtin.debug", var="result"),
        task("show all", module="ansible.builtin.debug", msg="{{ [checked, result] | to_nice_json }}"),
        task("fact", module="ansible.builtin.set_fact", result="{{ result }}", cacheable=True),
        task("again", keywords={"diff": True}, **given),
        task(
            "loop",
            keywords={"loop": ["hmac"], "register": "looped", "diff": True},
            key_id="{{ keys[item] }}",
            key_material="{{ plain[item] }}",
        ),
        task(
            "many",
            keywords={"register": "many", "diff": True},
            keys=[{"key_id": f"{{{{ keys.{name} }}}}", "key_material": f"{{{{ plain.{name} }}}}"} for name in many],
        ),
        task("show loop", module="ansible.builtin.debug", msg="{{ [looped, many] }}"),
        task("file", key_id="{{ keys.file }}", key_material_file="{{ files.raw }}"),
        task("PEM file", key_id="{{ keys.pem }}", key_material_file="{{ files.pem }}"),
        task(
            "wrapped",
            key_id="{{ keys.wrapped }}",
            encrypted_key_material="{{ wrapped.EncryptedKeyMaterial }}",
            import_token="{{ wrapped.ImportToken }}",
        ),
        task("absent", state="absent", **given),
        refused("too short", key_id="{{ keys.wrong }}", key_material="{{ odd.short }}"),
        refused("not base64", key_id="{{ keys.wrong }}", key_material="{{ odd.garbage }}"),
        refused("hex", key_id="{{ keys.wrong }}", key_material="{{ odd.hex }}"),
        refused("line break", key_id="{{ keys.wrong }}", key_material="{{ odd.line }}"),
        refused("PEM text", key_id="{{ keys.pem }}", key_material="{{ odd.pem }}"),
        refused("PEM text in base64", key_id="{{ keys.wrong }}", key_material="{{ odd.pem | b64encode }}"),
        refused("list", key_id="{{ keys.wrong }}", key_material=["{{ odd.short }}"], wait_timeout="soon"),
        refused("nested list", keys=[[{"key_id": "{{ keys.wrong }}", "key_material": "{{ odd.misspelt }}"}]]),
        refused("misspelt", key_id="{{ keys.wrong }}", key_materials="{{ odd.misspelt }}"),
        refused("shared file", key_id="{{ keys.wrong }}", key_material_file="{{ files.shared }}"),
        task("fails", key_id="{{ keys.file }}", key_material="{{ odd.other }}"),
    ]
    seen = setting.play(
        tasks,
        traced=leaks.strace_works(),
        settings={
            "ANSIBLE_CALLBACKS_ENABLED": "recorder,ansible.builtin.junit,ansible.builtin.tree",
            "ANSIBLE_CALLBACK_TREE_DIR": str(setting.root / "work" / "results"),
            "JUNIT_OUTPUT_DIR": str(setting.root / "work" / "junit"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(setting.root / "work" / "facts"),
            "ANSIBLE_RETRY_FILES_ENABLED": "true",
            "ANSIBLE_RETRY_FILES_SAVE_PATH": str(setting.root / "work"),
            "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true",
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        },
        # Region and credentials from the group: the action plugin has to hand them on.
        module_defaults={
            "group/byok.aws.aws": {"region": "us-east-1", "access_key": "AKIAPLANTED", "secret_key": "of-the-group"}
        },
    )
    return setting, seen, masked


def test_long_play_did_what_it_should(long, emulator):
    setting, seen, _masked = long
    results = setting.results()
    assert seen.status == 2, seen.stdout[-3000:] + seen.stderr[-3000:]
    assert results["check"]["operations"] == ["ImportKeyMaterial"]
    assert results["import"]["operations"] == ["ImportKeyMaterial"]
    # What amazon.aws makes of the log of botocore's end points: names of operations, of https end points only.
    assert "resource_actions" in results["import"]
    assert results["again"]["changed"] is False
    assert [one["changed"] for one in results["loop"]["results"]] == [True]
    assert [one["operations"] for one in results["many"]["kms_keys"]] == [["ImportKeyMaterial"]] * 2
    assert all(results[name]["changed"] for name in ("file", "PEM file", "wrapped", "absent"))
    kms = emulator.client()
    states = {
        name: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for name, key in setting.variables["keys"].items()
    }
    assert {name for name, state in states.items() if state == "PendingImport"} == {"symmetric", "wrong"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("too short", "has 31 bytes"),
        ("not base64", "is not base64"),
        ("hex", "hexadecimal text"),
        ("line break", "line break"),
        ("PEM text", "holds PEM text"),
        ("PEM text in base64", "it is PEM text"),
        ("list", "key_material has to be a text"),
        ("nested list", "list of dictionaries"),
        ("misspelt", "no option key_materials"),
        ("shared file", "has mode 0644"),
        ("fails", "is not the one that belongs to the key"),
    ],
)
def test_failing_task_says_why(long, name, message):
    result = long[0].results()[name]
    assert message in str(result["msg"])


def test_long_play_leaks_nothing(long, planted):
    _setting, seen, _masked = long
    assert [str(sighting) for sighting in seen.leaks(planted)] == []
    assert went_through_the_pipe(seen)


def test_results_are_searched_too(long, planted):
    """The files of the callbacks, of the fact cache, of the log and of the retry were there to be searched."""
    work = long[0].root / "work"
    for place in ("record.jsonl", "ansible.log", "play.retry", "results/localhost", "facts/*localhost", "junit/*.xml"):
        assert [path.stat().st_size > 0 for path in work.glob(place)] == [True], place
    assert "ImportKeyMaterial" in (work / "record.jsonl").read_text()
    assert planted.find_in_tree(work) == []


def test_wrapped_material_and_token_are_masked(long):
    setting, seen, masked = long
    assert masked.find(seen.stdout, "stdout") + masked.find(seen.stderr, "stderr") == []
    for name in ("home", "tmp", "work"):
        assert masked.find_in_tree(setting.root / name) == []
    assert seen.watcher.sightings == set()


def test_module_on_the_target_is_unpacked_without_arguments(long):
    """AnsiballZ unpacks the module below TMPDIR (the watcher looks into the archive), and puts no arguments there."""
    _setting, seen, _masked = long
    payloads = [path for path in seen.watcher.files("_payload_") if path.endswith(".zip")]
    assert payloads


def test_nothing_of_the_payload_is_left(long):
    setting, _seen, _masked = long
    assert list((setting.root / "tmp").rglob("*payload*")) == []
    assert [path for path in (setting.root / "home").rglob("*") if path.is_file()] == []


@pytest.mark.skipif(not leaks.strace_works(), reason="no strace here, or it may not trace")
def test_material_did_go_through_pipes(long, planted):
    """The second witness: the same search over the same trace finds in pipes what it does not find elsewhere."""
    setting, seen, masked = long
    piped = {sighting.name for sighting in seen.trace.find(planted, "pipe")}
    assert {f"{SYMMETRIC} inline", "HMAC_512 inline", "RSA_2048 inline (d)", f"{SYMMETRIC} other bytes"} <= piped
    assert f"{SYMMETRIC} wrapped elsewhere" not in piped
    # Wrapped material goes to KMS, plaintext does not: the sockets are in the trace, and were searched.
    assert {sighting.name for sighting in seen.trace.find(masked, "socket")} == {"wrapped material", "import token"}
    assert seen.trace.find(planted, "file", "socket", "exec") == []
    assert b"kms_imported_material.py" in seen.trace.written["file", str(setting.root / "work" / "ansible.log")]


def test_material_from_a_file_never_reached_the_controller(long, planted):
    _setting, seen, _masked = long
    if seen.trace:
        piped = {sighting.name for sighting in seen.trace.find(planted, "pipe")}
        assert f"{SYMMETRIC} from a file" not in piped


def test_emulator_was_told_only_wrapped_material(long, emulator, planted):
    calls = emulator.calls()
    assert len([call for call in calls if call["operation"] == "ImportKeyMaterial"]) >= 7
    assert planted.find(repr(calls), "the list of calls") == []


# -- settings that would put the payload into a file -------------------------------------------------------------------


@pytest.fixture
def short(stage, secret, emulator, request):
    """A stage with an empty key, and options that import material into it; the material's name is the test's."""
    name = request.node.name
    return stage("short", key=create_key(emulator.client()), plain=b64(secret(SYMMETRIC, name))), {
        "key_id": "{{ key }}",
        "key_material": "{{ plain }}",
        "region": "us-east-1",
    }


def succeeded(setting: Any, seen: leaks.Observation) -> dict[str, Any]:
    assert seen.status == 0, seen.stdout[-3000:] + seen.stderr[-3000:]
    result: dict[str, Any] = setting.results()["import"]
    assert result["operations"] == ["ImportKeyMaterial"], result
    return result


def test_keep_remote_files_keeps_no_material(short, planted):
    setting, options = short
    seen = setting.play(
        [task("import", keywords={"register": "result"}, **options)],
        settings={"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_STDOUT_CALLBACK": "oneline"},
    )
    succeeded(setting, seen)
    assert seen.leaks(planted) == []
    assert went_through_the_pipe(seen)
    assert not warned(seen)


SUDO = """#!/bin/sh
# Behaves as sudo does with a password: prompt, read one line of the standard input, run.
while [ $# -gt 0 ]; do
    case $1 in
        -p) prompt=$2; shift 2 ;;
        -u) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
if [ -n "$prompt" ]; then
    printf '%s' "$prompt" >&2
    read -r password
    [ "$password" = open-sesame ] || { echo 'Sorry, try again.' >&2; exit 1; }
fi
exec "$@"
"""


def test_become_with_sudo_goes_through_the_pipe(short, planted):
    setting, options = short
    sudo = setting.root / "input" / "sudo"
    sudo.write_text(SUDO)
    sudo.chmod(0o755)
    setting.variables.update(
        ansible_become_exe=str(sudo), ansible_become_user="somebody-else", ansible_become_password="open-sesame"
    )
    seen = setting.play([task("import", **options)], become=True, become_method="sudo")
    succeeded(setting, seen)
    assert "BECOME-SUCCESS" in seen.stdout
    assert seen.leaks(planted) == []
    assert went_through_the_pipe(seen)
    assert not warned(seen)


def passwordless_sudo() -> bool:
    sudo = shutil.which("sudo")
    return bool(sudo) and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not passwordless_sudo(), reason="no sudo here that works without a password")
def test_become_with_the_real_sudo(short, planted):
    setting, options = short
    seen = setting.play(
        [task("import", **options, endpoint_url=setting.emulator.url, access_key="testing", secret_key="testing")],
        become=True,
        settings={"ANSIBLE_BECOME_ALLOW_SAME_USER": "true"},
    )
    succeeded(setting, seen)
    assert seen.leaks(planted) == []


# -- where it cannot be helped: it is refused, or allowed, and then the watcher sees it -------------------------------


def caught(seen: leaks.Observation, name: str) -> list[str]:
    """The files in which the watcher saw the material."""
    return sorted({sighting.where for sighting in seen.watcher.sightings if sighting.name.endswith(name)})


def test_watcher_catches_the_same_module_without_the_pipe(short, planted, request):
    """The control: the same module under another name, without its action plugin, writes its arguments into a file."""
    setting, options = short
    library = setting.root / "input" / "library"
    library.mkdir()
    shutil.copy(MODULE_FILE, library / "plain_import.py")
    seen = setting.play(
        [task("import", module="plain_import", **options)],
        settings={"ANSIBLE_LIBRARY": str(library)},
        traced=leaks.strace_works(),
    )
    succeeded(setting, seen)
    if seen.trace:
        assert seen.trace.find(planted, "file")
    files = caught(seen, request.node.name)
    assert any("AnsiballZ_plain_import.py" in path for path in files), files
    # The file was gone when the play was over.
    assert planted.find_in_tree(setting.root / "home") == []
    assert not warned(seen)


def test_async_is_refused(short, planted, emulator):
    setting, options = short
    seen = setting.play([task("import", keywords={"async": 60, "poll": 1}, **options)])
    assert seen.status == 2
    assert (
        "on the controller and on the target localhost, because a task with async needs a file"
        in (setting.results()["import"]["msg"])
    )
    assert seen.leaks(planted) == []
    assert went_through_the_pipe(seen)
    state = emulator.client().describe_key(KeyId=setting.variables["key"])["KeyMetadata"]["KeyState"]
    assert state == "PendingImport"


def test_async_that_is_allowed(short, planted, request):
    setting, options = short
    seen = setting.play([task("import", keywords={"async": 60, "poll": 1}, **options, **ALLOWED)])
    succeeded(setting, seen)
    assert not warned(seen)
    assert any("AnsiballZ_kms_imported_material.py" in path for path in caught(seen, request.node.name))
    # Nowhere else, though: not in the file with the job's result, and not in the output.
    assert planted.find(seen.stdout + seen.stderr, "output") == []
    assert all("/.ansible/tmp/" in path for path in caught(seen, request.node.name))
    assert (
        list((setting.root / "home" / ".ansible_async").iterdir()) == []
        or planted.find_in_tree(setting.root / "home" / ".ansible_async") == []
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="su asks everybody but root for a password")
def test_su_that_is_allowed(short, request):
    setting, options = short
    seen = setting.play(
        [task("import", **options, **ALLOWED)],
        become=True,
        become_method="su",
        # -m keeps the environment, in which the emulator's address is.
        settings={"ANSIBLE_BECOME_ALLOW_SAME_USER": "true", "ANSIBLE_BECOME_FLAGS": "-m"},
    )
    succeeded(setting, seen)
    assert not warned(seen)
    assert caught(seen, request.node.name)


def test_material_files_stay_as_private_as_they_were(long):
    for name in ("raw", "pem"):
        assert stat.S_IMODE(os.stat(long[0].variables["files"][name]).st_mode) == 0o600
