# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin's decisions: when the pipe is used, what is refused, what does not leave the controller."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.amazon.aws.plugins.module_utils import modules as amazon_modules
from ansible_collections.byok.aws.plugins.action import kms_imported_material as plugin
from ansible_collections.byok.aws.plugins.action.kms_imported_material import ActionModule
from ansible_collections.byok.aws.plugins.action.kms_key_replacement import ActionModule as ReplacementAction
from ansible_collections.byok.aws.plugins.plugin_utils.option_check import MASK

SUDO = SimpleNamespace(name="sudo", require_tty=False, pipelining=True)
# As in ansible-core before 2.18, whose become plugins do not say whether they have pipelining.
OLD_SUDO = SimpleNamespace(name="sudo", require_tty=False)
OLD_SU = SimpleNamespace(name="su", require_tty=False)
SU = SimpleNamespace(name="su", require_tty=False, pipelining=False)
MACHINECTL = SimpleNamespace(name="machinectl", require_tty=True, pipelining=True)


class Connection:
    """A connection that remembers what its option pipelining was while the module ran."""

    transport = "local"
    has_native_async = False
    always_pipeline_modules = False

    def __init__(self, has_pipelining: bool = True, become: Any = None, option: bool | None = False) -> None:
        self.has_pipelining = has_pipelining
        self.become = become
        self.options = {} if option is None else {"pipelining": option}
        self._shell = SimpleNamespace(tmpdir=None)

    def get_option(self, name: str) -> Any:
        return self.options[name]

    def set_option(self, name: str, value: Any) -> None:
        self.options[name] = value

    def is_pipelining_enabled(self, wrap_async: bool = False) -> bool:
        return False


class Terminal(Connection):
    """ssh with -tt among its arguments."""

    transport = "ssh"

    def _is_tty_requested(self) -> bool:
        return True


@pytest.fixture
def action(monkeypatch):
    """An action on a connection; what the module would have got is in its calls, warnings in its warnings."""

    def make(
        connection: Any, asynchronous: int = 0, kind: Any = ActionModule, task: Any = None, **arguments: Any
    ) -> Any:
        task = SimpleNamespace(
            args=arguments,
            async_val=asynchronous,
            check_mode=False,
            action="byok.aws.kms_imported_material",
            environment=None,
            name="",
            no_log=False,
            **{"until": None, "retries": None, "delegate_to": None, **(task or {})},
        )
        made: Any = kind(
            task,
            connection,
            SimpleNamespace(check_mode=False, pipelining=False),
            loader=None,
            templar=None,
            shared_loader_obj=None,
        )
        made.calls, made.warnings = [], []

        def execute(self: Any, **keywords: Any) -> dict[str, Any]:
            piped = self._is_pipelining_enabled("new", keywords["wrap_async"])
            self.calls.append(
                (piped, dict(connection.options), {**keywords, "module_args": dict(keywords["module_args"])})
            )
            # As Ansible does.
            keywords["module_args"]["_ansible_check_mode"] = False
            return {"changed": True}

        monkeypatch.setattr(ActionBase, "_execute_module", execute)
        monkeypatch.setattr(made, "_display", SimpleNamespace(warning=made.warnings.append, verbosity=0))
        return made

    return make


@pytest.mark.parametrize("become", [None, SUDO, OLD_SUDO], ids=["none", "sudo", "old sudo"])
@pytest.mark.parametrize("option", [False, True, None])
@pytest.mark.parametrize("keep", [False, True])
def test_pipe_whatever_the_configuration_says(action, monkeypatch, become, option, keep):
    monkeypatch.setattr(constants, "DEFAULT_KEEP_REMOTE_FILES", keep)
    connection = Connection(become=become, option=option)
    done = action(connection, key_id="alias/x", key_material="secret")
    assert done.run(task_vars={}) == {"changed": True}
    piped, options, keywords = done.calls[0]
    assert piped is True
    assert options.get("pipelining") is not False
    assert keywords["module_name"] == "byok.aws.kms_imported_material"
    assert done.warnings == []
    # The connection is as it was, for the tasks after this one.
    assert connection.options == ({} if option is None else {"pipelining": option})


@pytest.mark.parametrize(
    ("connection", "asynchronous", "reason"),
    [
        (Connection(), 60, "async needs a file"),
        (Connection(has_pipelining=False), 0, "connection local has no pipelining"),
        (Connection(become=SU), 0, "become method su"),
        (Connection(become=OLD_SU), 0, "become method su"),
        (Connection(become=MACHINECTL), 0, "become method machinectl"),
        (Terminal(), 0, "ask for a terminal"),
    ],
)
class TestWithoutAPipe:
    def test_plaintext_is_refused(self, action, connection, asynchronous, reason):
        done = action(connection, asynchronous, key_id="alias/x", key_material="secret")
        result = done.run(task_vars={"inventory_hostname": "web1"})
        assert result["failed"] is True and done.calls == [] and done.warnings == []
        assert reason in result["msg"] and "set allow to plaintext_file_transfer" in result["msg"]
        assert "on the controller and on the target web1, because" in result["msg"]
        assert "secret" not in str(result) + str(done._task.args)

    @pytest.mark.parametrize("keep", [False, True])
    @pytest.mark.parametrize("allow", [["plaintext_file_transfer"], "loose_file,plaintext_file_transfer"])
    def test_plaintext_that_is_allowed_is_sent(
        self, action, monkeypatch, connection, asynchronous, reason, keep, allow
    ):
        monkeypatch.setattr(constants, "DEFAULT_KEEP_REMOTE_FILES", keep)
        done = action(connection, asynchronous, key_id="alias/x", key_material="secret", allow=allow)
        assert done.run(task_vars={}) == {"changed": True}
        piped, options, _keywords = done.calls[0]
        assert piped is False
        # A terminal may be needed for become's prompt then.
        assert options == {"pipelining": False}
        # What is removed afterwards was allowed; what stays is told.
        assert [("is left in a temporary file" in one, "secret" in one) for one in done.warnings] == [
            (True, False)
        ] * keep


@pytest.mark.parametrize(
    ("options", "variables", "bucket"),
    [
        ({"bucket_name": "acme-ssm"}, {}, "the S3 bucket acme-ssm"),
        ({}, {"ansible_aws_ssm_bucket_name": "acme-ssm"}, "the S3 bucket acme-ssm"),
        ({"bucket_name": None}, {}, "the S3 bucket of the connection"),
    ],
)
@pytest.mark.parametrize("transport", ["aws_ssm", "community.aws.aws_ssm", "amazon.aws.aws_ssm"])
def test_aws_ssm_puts_it_into_a_bucket(action, options, variables, bucket, transport):
    connection = Connection(has_pipelining=False)
    connection.transport, connection.options = transport, options
    done = action(connection, key_id="alias/x", key_material="secret")
    result = done.run(task_vars={"inventory_hostname": "i-1", **variables})
    assert result["failed"] is True and done.calls == []
    assert f"on the target i-1, and in {bucket} through which aws_ssm copies files" in result["msg"]


def test_a_delegated_task_names_where_it_goes(action):
    done = action(Connection(has_pipelining=False), task={"delegate_to": "vault1"}, key_id="x", key_material="secret")
    assert "on the target vault1," in done.run(task_vars={"inventory_hostname": "web1"})["msg"]


ALLOWED, NOT = ["plaintext_file_transfer"], ["loose_file", "weak_material"]


@pytest.mark.parametrize(
    ("top", "entries", "sent"),
    [
        (None, [None], False),
        (ALLOWED, [None], True),
        (None, [ALLOWED], True),
        (ALLOWED, [NOT], False),
        (ALLOWED, [[]], False),
        (NOT, [ALLOWED, None], False),
        (ALLOWED, [ALLOWED, None], True),
    ],
)
def test_every_entry_has_to_be_allowed(action, top, entries, sent):
    keys = [
        {"key_id": f"alias/{number}", "key_material": "secret", **({} if allow is None else {"allow": allow})}
        for number, allow in enumerate(entries)
    ]
    done = action(Connection(has_pipelining=False), keys=[*keys, {"key_id": "alias/y", "allow": []}], allow=top)
    assert ("failed" not in done.run(task_vars={})) is sent
    assert len(done.calls) == sent


def test_plaintext_beside_keys_is_sent_too(action):
    """An entry may use it or not: it is in what is sent."""
    done = action(
        Connection(has_pipelining=False),
        key_material="secret",
        keys=[{"key_id": "x", "key_material_file": "/x", "allow": ALLOWED}],
    )
    assert done.run(task_vars={})["failed"] is True


@pytest.mark.parametrize(
    "arguments",
    [
        {"key_material_file": "/etc/byok/material"},
        {"encrypted_key_material": "AAAA", "import_token": "AAAA"},
        {"state": "absent"},
    ],
)
def test_without_plaintext_nothing_is_refused(action, arguments):
    done = action(Connection(has_pipelining=False), key_id="alias/x", **arguments)
    assert done.run(task_vars={}) == {"changed": True}
    assert done.warnings == []


def test_option_is_restored_when_the_module_cannot_be_run(action, monkeypatch):
    connection = Connection()
    done = action(connection, key_id="alias/x", key_material="secret")

    def fail(self: Any, **keywords: Any) -> None:
        raise RuntimeError("no such host")

    monkeypatch.setattr(ActionBase, "_execute_module", fail)
    with pytest.raises(RuntimeError):
        done.run(task_vars={})
    assert connection.options == {"pipelining": False}


@pytest.mark.parametrize("name", ["key_materials", "keyMaterial", "material", "key_material_b64", "KEY_MATERIAL"])
@pytest.mark.parametrize("inside", [False, True], ids=["of the task", "of a key"])
def test_misspelt_material_stays_on_the_controller(action, name, inside):
    """Ansible shows the value of an option that it does not know, for it cannot know that it is secret."""
    arguments = {"key_id": "alias/x", name: "secret"}
    done = action(Connection(), **({"keys": [arguments]} if inside else arguments))
    result = done.run(task_vars={})
    assert result["failed"] is True
    assert f"no option {name}" in result["msg"]
    assert "secret" not in str(result)
    assert done.calls == []


@pytest.mark.parametrize(
    "keys",
    [{"key_material": "secret"}, [[{"key_material": "secret"}]], "key_material=secret", ["key_material=secret"], 5],
)
def test_keys_of_another_type_stay_on_the_controller(action, keys):
    """Ansible shows what cannot be made a dictionary."""
    done = action(Connection(), keys=keys)
    result = done.run(task_vars={})
    assert result == {"failed": True, "msg": "keys has to be a list of dictionaries; nothing was done"}
    assert done.calls == []


@pytest.mark.parametrize("keys", [None, [], [{"key_id": "alias/x", "key_material_file": "/x"}, {"key_id": "alias/y"}]])
def test_keys_without_plaintext_are_not_refused(action, keys):
    done = action(Connection(has_pipelining=False), keys=keys)
    assert done.run(task_vars={}) == {"changed": True}
    assert done.warnings == []


def test_plaintext_of_one_of_many_keys_is_enough(action):
    entries = [{"key_id": "alias/x"}, {"key_id": "alias/y", "key_material": "secret"}]
    done = action(Connection(has_pipelining=False), keys=entries)
    assert done.run(task_vars={})["failed"] is True


KINDS = {"kms_imported_material": ActionModule, "kms_key_replacement": ReplacementAction}


class CapturedError(Exception):
    """Carries what a module has told Ansible of its options."""


@pytest.mark.parametrize("name", KINDS)
def test_the_plugin_knows_the_options_that_the_module_knows(action, monkeypatch, name):
    """All of them, those of amazon.aws and their aliases included."""

    def captured(**keywords: Any) -> None:
        raise CapturedError(keywords["argument_spec"])

    monkeypatch.setitem(amazon_modules.AnsibleAWSModule.default_settings, "module_class", captured)
    module = importlib.import_module(f"ansible_collections.byok.aws.plugins.modules.{name}")
    with pytest.raises(CapturedError) as caught:
        module.main()
    (spec,) = caught.value.args
    assert KINDS[name]._spec() == spec
    for main, one in spec.items():
        for given in (main, *one.get("aliases", ())):
            done = action(Connection(), kind=KINDS[name], **{given: None})
            assert done.run(task_vars={}) == {"changed": True}, given


def test_the_module_that_replaces_keys_goes_through_the_pipe_too(action):
    done = action(Connection(), kind=ReplacementAction, key_id="alias/x", key_material="secret")
    assert done.run(task_vars={}) == {"changed": True}
    piped, _options, keywords = done.calls[0]
    assert piped is True and keywords["module_name"] == "byok.aws.kms_key_replacement"


def test_the_options_are_not_kept_for_callbacks(action):
    entry = {"key_id": "alias/x", "key_material": "secret"}
    done = action(Connection(), keys=[entry], import_token="secret")
    done.run(task_vars={})
    # The module got them.
    assert done.calls[0][2]["module_args"] == {"keys": [entry], "import_token": "secret"}
    assert done._task.args == {"keys": [{"key_id": "alias/x", "key_material": MASK}], "import_token": MASK}


@pytest.mark.parametrize("settings", [{"until": ["result is succeeded"]}, {"retries": 3}])
def test_a_task_that_is_repeated_finds_its_options(action, settings):
    """As they were, without what Ansible adds to what it hands to a module."""
    done = action(Connection(), key_id="alias/x", key_material="secret", task=settings)
    for _attempt in range(2):
        assert done.run(task_vars={}) == {"changed": True}
    assert [one[2]["module_args"] for one in done.calls] == [{"key_id": "alias/x", "key_material": "secret"}] * 2


def test_the_options_are_not_kept_when_the_module_cannot_be_run(action, monkeypatch):
    done = action(Connection(), key_id="alias/x", key_material="secret")

    def fail(self: Any, **keywords: Any) -> None:
        raise RuntimeError("no such host")

    monkeypatch.setattr(ActionBase, "_execute_module", fail)
    with pytest.raises(RuntimeError):
        done.run(task_vars={})
    assert "secret" not in str(done._task.args)


@pytest.mark.parametrize("name", ["key_matrial", "secret", "keyid"])
def test_options_of_refused_tasks_are_not_kept(action, name):
    done = action(Connection(), **{"key_id": "alias/x", name: "secret"})
    assert done.run(task_vars={})["failed"] is True
    assert "secret" not in str(done._task.args).replace(name, "")


@pytest.mark.parametrize("name", ["encrypted_key_material", "key_material_id", "key_materials"])
def test_material_that_a_new_key_cannot_take_stays_on_the_controller(action, name):
    done = action(Connection(), kind=ReplacementAction, keys=[{"key_id": "alias/x", name: "secret"}])
    result = done.run(task_vars={})
    assert result["failed"] is True and f"no option {name}" in result["msg"] and "secret" not in str(result)
    assert done.calls == []


@pytest.mark.parametrize(
    ("arguments", "in_a_worker", "protected"),
    [
        ({"key_material": "secret"}, True, True),
        ({"keys": [{"key_id": "alias/y", "key_material": "secret"}]}, True, True),
        # The plugin leaves the process of any other caller alone.
        ({"key_material": "secret"}, False, False),
        ({"key_material_file": "/etc/byok/material"}, True, False),
    ],
)
def test_only_the_process_of_a_task_with_plaintext_leaves_no_core_dump(
    action, monkeypatch, arguments, in_a_worker, protected
):
    asked = []
    monkeypatch.setattr(plugin, "without_core_dumps", lambda: asked.append(True))
    monkeypatch.setattr(plugin.multiprocessing, "parent_process", lambda: object() if in_a_worker else None)
    action(Connection(), key_id="alias/x", **arguments).run(task_vars={})
    assert bool(asked) is protected


def test_progress_is_shown_without_what_a_terminal_would_act_upon(tmp_path):
    path, shown = tmp_path / "line", []
    watcher = plugin.ProgressWatcher(str(path), shown.append)
    watcher._show_line()
    path.write_bytes(b"changing\x1b[2J: 1 of 2\xff")
    watcher._show_line()
    watcher._show_line()
    assert shown == ["changing\\x1b[2J: 1 of 2\ufffd"]


def test_a_terminal_that_is_closed_ends_no_task(tmp_path):
    path = tmp_path / "line"
    path.write_text("changing: 1 of 2")

    def closed(_line: str) -> None:
        raise OSError(5, "Input/output error")

    plugin.ProgressWatcher(str(path), closed)._show_line()


def test_a_disk_that_is_full_takes_the_progress_and_nothing_else(action, monkeypatch):
    def full(**_where: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plugin.tempfile, "mkstemp", full)
    done = action(Connection(), keys=[{"key_id": "alias/x"}])
    assert done.run(task_vars={}) == {"changed": True}
    assert done._task.environment is None


def test_a_progress_file_that_is_gone_takes_no_result_with_it(action, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))

    def cleaned(self: Any, **keywords: Any) -> dict[str, Any]:
        for path in tmp_path.iterdir():
            path.unlink()
        return {"changed": True}

    done = action(Connection(), keys=[{"key_id": "alias/x"}])
    monkeypatch.setattr(ActionBase, "_execute_module", cleaned)
    assert done.run(task_vars={}) == {"changed": True}
