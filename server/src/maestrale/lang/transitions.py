"""On-clauses: the forms of 1.11 become targets and a publish section.

Written as Mistral reads them, so a one-key mapping directly under a clause gives nothing (L079) and one under
``next`` loses its condition (L080).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.errors import InvalidModelError
from maestrale.lang.flaw import Flaw, require, require_syntax
from maestrale.lang.inline import parse_command
from maestrale.lang.rules import SCOPES_SCHEMA
from maestrale.lang.schema import shown
from maestrale.lang.specs import NO_CLAUSE, Clause, PublishSpec, Transition
from maestrale.lang.yaml_text import Path


def parse_clause(data: Any, path: Path) -> Clause:
    """The clause as written, before ``task-defaults``. Raises Flaw for targets that can't be read."""
    if not data:
        return NO_CLAUSE
    if not isinstance(data, Mapping):
        return Clause(_targets(data, path))
    return Clause(_targets(data.get("next"), (*path, "next")), _publish(data.get("publish"), (*path, "publish")))


def _targets(data: Any, path: Path) -> tuple[Transition, ...]:
    if not data:
        return ()
    if isinstance(data, str):
        return (_transition(data, None, path),)
    if isinstance(data, Mapping):
        return tuple(_transition(key, None, (*path, key)) for key in data)
    if not isinstance(data, list):
        raise Flaw(f"Invalid DSL: {shown(data)} is not valid under any of the given schemas", path)
    found = []
    for index, item in enumerate(data):
        if isinstance(item, Mapping) and item:
            target, condition = next(iter(item.items()))
            found.append(_transition(target, condition, (*path, index, target)))
        else:
            found.append(_transition(item, None, (*path, index)))
    return tuple(found)


def _transition(text: Any, condition: Any, path: Path) -> Transition:
    """One target. A condition that isn't text is never looked at, and an empty one is none."""
    if not isinstance(text, str):
        raise Flaw(f"Invalid DSL: {shown(text)} is not of type 'string'", path)
    try:
        command = parse_command(text)
    except InvalidModelError as error:
        raise Flaw(str(error), path) from None
    return Transition(command.name, condition if isinstance(condition, str) and condition else None, command.parameters)


def _publish(data: Any, path: Path) -> PublishSpec | None:
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise Flaw(f"Invalid DSL: {shown(data)} is not of type 'object'", path)
    if not any(scope in data for scope in ("branch", "global", "atomic")):
        raise Flaw("Either 'branch', 'global' or 'atomic' must be specified", path)
    return PublishSpec(_variables(data, "branch", path), _variables(data, "global", path), _variables(data, "atomic", path))


def _variables(data: Mapping[str, Any], scope: str, path: Path) -> Mapping[str, Any] | None:
    variables = data.get(scope)
    if variables is not None and not isinstance(variables, Mapping):
        raise Flaw(f"Invalid DSL: {shown(variables)} is not of type 'object'", (*path, scope))
    return variables


def target_path(data: Any, index: int, path: Path) -> Path:
    """Where the clause names its target of that index."""
    if isinstance(data, Mapping):
        return target_path(data.get("next"), index, (*path, "next"))
    return (*path, index) if isinstance(data, list) else path


def check_clause(data: Any, clause: Clause, path: Path) -> None:
    """Raise a Flaw for syntax errors in conditions and published values (L055). Parameters are not looked at, as in Mistral."""
    if isinstance(data, Mapping) and "publish" in data:
        require(SCOPES_SCHEMA, data["publish"], (*path, "publish"), "publish")
    for index, transition in enumerate(clause.targets):
        require_syntax(transition.condition, target_path(data, index, path))
    publish = clause.publish or PublishSpec()
    for scope, variables in (("branch", publish.branch), ("global", publish.global_), ("atomic", publish.atomic)):
        for name, value in (variables or {}).items():
            require_syntax(value, (*path, "publish", scope, name))
