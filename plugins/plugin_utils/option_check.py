# Copyright: byok.aws contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options checked on the controller as Ansible checks them on the target, with messages that name options alone.

Ansible's own messages repeat the value that is wrong, and an option that it does not know it stores with its value.
Either may be key material.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from itertools import chain
from typing import Any
from typing import Callable

from ansible.module_utils.common.validation import check_type_bool
from ansible.module_utils.common.validation import check_type_dict
from ansible.module_utils.common.validation import check_type_int
from ansible.module_utils.common.validation import check_type_list
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import misplaced
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import misplaced_problem
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import named_options
from ansible_collections.byok.aws.plugins.module_utils._kms.secret.misplaced import shown

Spec = Mapping[str, Any]
Options = Mapping[Any, Any]

# What Ansible puts in the place of a value.
MASK = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def _check_text(value: Any) -> None:
    if isinstance(value, (list, tuple, set, Mapping, bytes)):
        raise TypeError


# What raises TypeError or ValueError for a value of another type, and how a message calls the type.
_TYPES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "str": (_check_text, "a text"),
    "path": (_check_text, "a path"),
    "bool": (check_type_bool, "true or false"),
    "int": (check_type_int, "a whole number"),
    "list": (check_type_list, "a list"),
    "dict": (check_type_dict, "a dictionary"),
}


def option_problem(spec: Spec, options: Options) -> str | None:
    """Why Ansible, or the module, would refuse these options of a task, or None.

    spec: an argument spec as Ansible knows it. Lists of dictionaries with a spec of their own have to be just that.
    """
    return next(
        chain(
            _other_shapes(spec, options),
            _unknown(spec, options),
            (misplaced_problem(name) for name, _text in misplaced(spec, options)),
            _wrong(spec, options),
        ),
        None,
    )


def masked(spec: Spec, options: Options) -> dict[Any, Any]:
    """The options of a task that has no problem, without what is secret."""
    known = named_options(spec)
    without = {name: MASK if known[name].get("no_log") is True else value for name, value in options.items()}
    within = {name: [masked(inner, one) for one in entries] for name, inner, entries in _lists(spec, options)}
    alone = {name: within[name][0] for name in within if known[name].get("type") == "dict"}
    return {**without, **within, **alone}


def _lists(spec: Spec, options: Options) -> Iterator[tuple[str, Spec, Any]]:
    """The options that hold dictionaries with a spec of their own, with that and the dictionaries."""
    known = named_options(spec)
    for name, value in options.items():
        inner = known.get(name, {}).get("options")
        if inner and value is not None:
            alone = known[name].get("type") == "dict" and isinstance(value, Mapping)
            yield name, inner, [value] if alone else value


def _other_shapes(spec: Spec, options: Options) -> Iterator[str]:
    for name, inner, value in _lists(spec, options):
        if not (isinstance(value, list) and all(isinstance(one, Mapping) for one in value)):
            kind = named_options(spec)[name].get("type")
            yield f"{name} has to be a {'dictionary' if kind == 'dict' else 'list of dictionaries'}"
            continue
        for one in value:
            yield from (f"in {name}, {problem}" for problem in _other_shapes(inner, one))


def _unknown(spec: Spec, options: Options) -> Iterator[str]:
    """One sentence about every option that is not known; those of the task first."""
    names = list(dict.fromkeys(_unknown_names(spec, options)))
    if names:
        yield f"there is no option {' and no option '.join(names)}"


def _unknown_names(spec: Spec, options: Options) -> Iterator[str]:
    yield from sorted({shown(name) for name in options if name not in named_options(spec)})
    for outer, inner, entries in _lists(spec, options):
        yield from sorted({f"{name} in {outer}" for one in entries for name in _unknown_names(inner, one)})


def _wrong(spec: Spec, options: Options) -> Iterator[str]:
    """Values of another type, or that are none of the choices."""
    known = named_options(spec)
    for name, value in options.items():
        if value is not None and "options" not in known[name]:
            problem = _value_problem(known[name], value)
            if problem:
                yield f"{name} has to be {problem}"
    for name, inner, entries in _lists(spec, options):
        for one in entries:
            yield from (f"in {name}, {problem}" for problem in _wrong(inner, one))


def _value_problem(one: Mapping[str, Any], value: Any) -> str | None:
    """What the value of an option would have to be, or None."""
    check, called = _TYPES[one.get("type", "str")]
    if not isinstance(value, (str, int, float, list, tuple, Mapping)):
        # A text in a vault, which is decrypted by this.
        value = str(value)
    try:
        checked = check(value)
    except (TypeError, ValueError):
        return called
    choices = [str(choice) for choice in one.get("choices") or ()]
    if one.get("type") == "list":
        element = {"type": one.get("elements", "str"), "choices": choices}
        problem = next((found for found in (_value_problem(element, each) for each in checked) if found), None)
        return f"a list, each of it {problem}" if problem else None
    return f"one of {', '.join(choices)}" if choices and str(value) not in choices else None
