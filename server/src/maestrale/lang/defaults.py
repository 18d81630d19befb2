"""``task-defaults``: what they hold, and how they are folded into a task (1.17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maestrale.lang.flaw import require_syntax
from maestrale.lang.policies import check_policies, parse_policies
from maestrale.lang.rules import CLAUSES
from maestrale.lang.specs import NO_CLAUSE, NO_POLICIES, Clause, Policies
from maestrale.lang.transitions import check_clause, parse_clause
from maestrale.lang.typed import as_texts
from maestrale.lang.yaml_text import Path


@dataclass(frozen=True, slots=True)
class Defaults:
    """``safe_rerun`` None: not given."""

    policies: Policies = NO_POLICIES
    clauses: Mapping[str, Clause] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    safe_rerun: bool | None = None


NO_DEFAULTS = Defaults()


def parse_defaults(data: Mapping[str, Any], path: Path, *, direct: bool, check: bool) -> Defaults:
    """Read the section; ``direct`` workflows have no ``requires``, the others no on-clauses, so these mean nothing there."""
    if not data:
        return NO_DEFAULTS
    clauses = {key: parse_clause(data[key], (*path, key)) for key in CLAUSES if key in data} if direct else {}
    defaults = Defaults(
        policies=parse_policies(data, path),
        clauses=clauses,
        requires=() if direct else parse_requires(data.get("requires"), (*path, "requires")),
        safe_rerun=bool(data["safe-rerun"]) if "safe-rerun" in data else None,
    )
    if check:
        check_policies(data, path)
        require_syntax(data.get("safe-rerun"), (*path, "safe-rerun"))
        for key, clause in clauses.items():
            check_clause(data[key], clause, (*path, key))
    return defaults


def parse_requires(value: Any, path: Path) -> tuple[str, ...]:
    """One name or a list of names."""
    return (value,) if isinstance(value, str) else as_texts(value, path)


def fold_clause(own: Clause, default: Clause, task: str) -> Clause:
    """The default's targets, without the task itself, where the task's clause has none (L128-L130). Its publish is ignored (L112)."""
    if own.targets or not default.targets:
        return own
    targets = tuple(transition for transition in default.targets if transition.target != task)
    return Clause(targets, own.publish) if targets or own.publish else NO_CLAUSE


def fold_requires(own: tuple[str, ...], default: tuple[str, ...], task: str) -> tuple[str, ...]:
    """Both, without the task itself (L131)."""
    return tuple(name for name in dict.fromkeys((*own, *default)) if name != task)
