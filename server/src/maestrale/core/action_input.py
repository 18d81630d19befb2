"""What a task's action is given besides what its task says: the modes of the execution, and what a rerun leaves to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.core import states
from maestrale.core.adhoc import Resolved
from maestrale.core.model import Attempt, Execution, Task
from maestrale.core.ports import ActionDescriptor
from maestrale.core.turn import Turn

MODES = ("check", "diff")
"""Params of an execution that its actions and its sub-workflows take over, where they know them and nothing else is said."""

_REMAINDERS = "_remainders"


def modes_for_child(execution: Execution, spoken_for: Mapping[str, Any]) -> dict[str, Any]:
    """The modes that a sub-workflow takes over: all but those in ``spoken_for``."""
    return {name: execution.params[name] for name in MODES if name in execution.params and name not in spoken_for}


def completed(turn: Turn, task: Task, resolved: Resolved, index: int) -> Resolved:
    """The action with the input that it is really run with."""
    params = turn.snapshot.execution.params
    values = resolved.input
    modes = {name: params[name] for name in resolved.descriptor.modes if name in params and values.get(name) is None}
    remainder = task.runtime_context.get(_REMAINDERS, {}).get(str(index), {})
    if not modes and not remainder:
        return resolved
    return Resolved(resolved.descriptor, {**values, **modes, **remainder}, resolved.outputs)


def remainders(turn: Turn, task: Task) -> dict[str, Any]:
    """For the runtime context of a task that is run again: what its failed actions have left to do, where their results tell."""
    found = {}
    for attempt in turn.snapshot.attempts_of[task.id]:
        if attempt.accepted and attempt.kind == "action" and attempt.state == states.ERROR:
            descriptor = _base(turn, attempt)
            if descriptor is not None and descriptor.remainder is not None:
                left = descriptor.remainder(attempt.output.get("result"))
                if left:
                    found[str(attempt.index)] = dict(left)
    return {_REMAINDERS: found} if found else {}


def tells_remainder(turn: Turn, task: Task) -> bool:
    """Whether the task's action is one that can be repeated in part."""
    attempts = turn.snapshot.attempts_of[task.id]
    descriptor = _base(turn, attempts[-1]) if attempts and attempts[-1].kind == "action" else None
    return descriptor is not None and descriptor.remainder is not None


def _base(turn: Turn, attempt: Attempt) -> ActionDescriptor | None:
    """The action that an attempt has run, below an ad-hoc one."""
    base = attempt.runtime_context.get("base") or {}
    return turn.ports.catalogue.action(base.get("name") or attempt.name, attempt.namespace, attempt.project_id)
