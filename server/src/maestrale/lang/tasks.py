"""A task: from its mapping and the defaults of its workflow to a ``TaskSpec`` (1.8, 1.17)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.errors import InvalidModelError
from maestrale.lang.defaults import Defaults, fold_clause, fold_requires, parse_requires
from maestrale.lang.flaw import Flaw, require_syntax
from maestrale.lang.inline import Command, parse_command
from maestrale.lang.items import parse_items
from maestrale.lang.policies import check_policies, fold_policies, parse_policies
from maestrale.lang.schema import shown
from maestrale.lang.specs import ALL, EMPTY, NO_CLAUSE, Clause, TaskSpec
from maestrale.lang.transitions import check_clause, parse_clause
from maestrale.lang.typed import as_description, as_mapping, as_text, as_texts, merged
from maestrale.lang.yaml_text import Path

MAX_NAME = 255
MAX_JOIN_NAME = 208
"""A join's name has to leave room in its unique key (L013)."""

PUBLISH_KEYS = ("publish", "publish-on-error", "publish-on-skip")


def parse_task(name: str, data: Mapping[str, Any], defaults: Defaults, path: Path, *, direct: bool, check: bool) -> TaskSpec:
    """Build one task. ``data`` is the author's mapping with ``name``, ``version`` and ``type`` added.

    ``check`` looks at the syntax of expressions where Mistral does (L055, L056). Raises Flaw.
    """
    key = "workflow" if "workflow" in data and "action" not in data else "action"
    command = read_command(data.get(key, "std.noop"), (*path, key))
    if check:
        _check_expressions(data, key, command, path)
    own = parse_policies(data, path)
    clauses = _clauses(name, data, defaults, path, check=check) if direct else {}
    join = _join(data.get("join"), (*path, "join")) if direct else None
    _check_name(name, join, path)
    return TaskSpec(
        name=name,
        action=command.name if key == "action" else None,
        workflow=command.name if key == "workflow" else None,
        input=_input(data.get("input"), command, (*path, "input")),
        with_items=parse_items(data["with-items"], data, (*path, "with-items")) if "with-items" in data else EMPTY,
        description=as_description(data.get("description")),
        tags=as_texts(data.get("tags"), (*path, "tags")),
        publish=as_mapping(data.get("publish"), (*path, "publish")),
        publish_on_error=as_mapping(data.get("publish-on-error"), (*path, "publish-on-error")),
        publish_on_skip=as_mapping(data.get("publish-on-skip"), (*path, "publish-on-skip")),
        on_success=clauses.get("on-success", NO_CLAUSE),
        on_error=clauses.get("on-error", NO_CLAUSE),
        on_complete=clauses.get("on-complete", NO_CLAUSE),
        on_skip=clauses.get("on-skip", NO_CLAUSE),
        policies=fold_policies(own, defaults.policies),
        own_timeout=own.timeout,
        join=join,
        requires=() if direct else fold_requires(parse_requires(data.get("requires"), (*path, "requires")), defaults.requires, name),
        keep_result=bool(data.get("keep-result", True)),
        safe_rerun=bool(data.get("safe-rerun", defaults.safe_rerun)),
        target=as_text(data["target"], (*path, "target")) if data.get("target") is not None else None,
        raw=data,
    )


def read_command(value: Any, path: Path) -> Command:
    """A command string, or a Flaw."""
    try:
        return parse_command(as_text(value, path))
    except InvalidModelError as error:
        raise Flaw(str(error), path, "expected a name, then key=value parameters") from None


def _clauses(name: str, data: Mapping[str, Any], defaults: Defaults, path: Path, *, check: bool) -> dict[str, Clause]:
    found = {}
    for key in ("on-success", "on-error", "on-complete", "on-skip"):
        own = NO_CLAUSE
        if key in data:
            own = parse_clause(data[key], (*path, key))
            if check:
                check_clause(data[key], own, (*path, key))
        default = defaults.clauses.get(key)
        clause = own if default is None else fold_clause(own, default, name)
        if clause is not NO_CLAUSE:
            found[key] = clause
    return found


def _input(value: Any, command: Command, path: Path) -> Mapping[str, Any] | str:
    if isinstance(value, str):
        if command.parameters:
            text = "'input' as an expression can't be combined with inline parameters"
            raise Flaw(f"{text} {shown(dict(command.parameters))}", path, "write all parameters in one of the two places")
        return value
    return merged(as_mapping(value, path), command.parameters)


def _join(value: Any, path: Path) -> int | None:
    """``all`` is ALL, ``one`` is 1, and 0 is no join (L052)."""
    if value is None:
        return None
    if value == "all":
        return ALL
    if value == "one":
        return 1
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        raise Flaw(f"Invalid DSL: {shown(value)} is not valid under any of the given schemas", path)
    return int(value) or None


def _check_name(name: str, join: int | None, path: Path) -> None:
    if len(name) > MAX_NAME:
        raise Flaw(f"The length of a {name!r} task name must not exceed {MAX_NAME} symbols", path)
    if join is not None and len(name) > MAX_JOIN_NAME:
        raise Flaw(f"The length of a {name!r} join task name must not exceed {MAX_JOIN_NAME} symbols", path)


def _check_expressions(data: Mapping[str, Any], key: str, command: Command, path: Path) -> None:
    """The places whose syntax Mistral checks; nested values, names and ``target`` are not among them (L056)."""
    for name, value in command.parameters.items():
        require_syntax(value, (*path, key, name))
    for section in ("input", *PUBLISH_KEYS):
        value = data.get(section)
        if isinstance(value, Mapping):
            for name, item in value.items():
                require_syntax(item, (*path, section, name))
        else:
            require_syntax(value, (*path, section))
    items = data.get("with-items", ())
    for text in items if isinstance(items, list) else [items]:
        require_syntax(text, (*path, "with-items"))
    for single in ("keep-result", "safe-rerun"):
        require_syntax(data.get(single), (*path, single))
    check_policies(data, path)
