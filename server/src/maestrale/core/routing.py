"""Which tasks follow, and how commands are put to work (1.11, 1.12, 3.6).

``next_commands`` evaluates the on-clauses of a completed task; ``dispatch`` puts commands to work in Mistral's
order. Reverse workflows have their own ``ready_tasks``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maestrale.core import ending, joins, states
from maestrale.core.model import Task
from maestrale.core.program import CompiledTransition
from maestrale.core.turn import Turn
from maestrale.expr import Scope


@dataclass(frozen=True, slots=True)
class Command:
    """Run a task, or an engine command. ``source`` is the id of the task that it follows, None at the start."""

    name: str
    event: str | None = None
    source: str | None = None
    message: str | None = None
    is_command: bool = False

    def as_stored(self) -> dict[str, Any]:
        """The form in which it waits in the backlog."""
        return {"name": self.name, "event": self.event, "source": self.source, "message": self.message,
                "is_command": self.is_command}


_CLAUSES = {
    states.SUCCESS: ("on-success", "on-complete"),
    states.ERROR: ("on-error", "on-complete"),
}


def _message_text(transition: CompiledTransition, scope: Scope) -> str | None:
    """The message of a command: a mapping as JSON, all else as text (L092)."""
    if transition.message is None:
        return None
    value = transition.message.evaluate(scope)
    if value is None:
        return None
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _clause_commands(turn: Turn, task: Task, clause: str, scope: Scope) -> list[Command]:
    found = []
    for transition in turn.snapshot.program.task(task.name).transitions[clause]:
        if transition.condition is not None and not transition.condition.evaluate(scope):
            continue
        message = _message_text(transition, scope) if transition.is_command else None
        found.append(Command(transition.target, clause, task.id, message, transition.is_command))
    return found


def next_commands(turn: Turn, task: Task) -> list[Command]:
    """What follows a completed task, in written order (L083-L086). Raises EvaluationError."""
    if turn.snapshot.spec.type == "reverse":
        return []
    scope = turn.transition_scope(task)
    if task.state == states.SKIPPED:
        return _clause_commands(turn, task, "on-skip", scope) or _clause_commands(turn, task, "on-success", scope)
    return [c for clause in _CLAUSES.get(task.state, ()) for c in _clause_commands(turn, task, clause, scope)]


def ready_tasks(turn: Turn) -> list[str]:
    """Reverse: tasks without execution, needed for the target, whose requirements all succeeded (L360)."""
    snapshot = turn.snapshot
    wanted: list[str] = []
    stack, seen = [snapshot.execution.params["task_name"]], set()
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        wanted.append(name)
        stack.extend(snapshot.spec.tasks[name].requires)
    order = {name: i for i, name in enumerate(snapshot.spec.tasks)}

    def is_ready(name: str) -> bool:
        if snapshot.latest(name) is not None:
            return False
        required = (snapshot.latest(r) for r in snapshot.spec.tasks[name].requires)
        return all(t is not None and t.state == states.SUCCESS for t in required)

    return sorted((name for name in wanted if is_ready(name)), key=lambda name: order[name])


def ready_after(turn: Turn, task: Task) -> list[str]:
    """Reverse: which tasks one completed requirement made ready."""
    if task.state != states.SUCCESS:
        return []
    dependants = set(turn.snapshot.spec.outbound.get(task.name, ()))
    return [name for name in ready_tasks(turn) if name in dependants]


def arrange(commands: Sequence[Command]) -> tuple[list[Command], Command | None, list[Command]]:
    """Mistral's order (3.6): tasks to start, the state command that counts, what waits behind a ``pause``."""
    useful = [c for c in commands if not (c.is_command and c.name == "noop")]
    for position, command in enumerate(useful):
        if command.is_command:
            behind = useful[position + 1:] if command.name == "pause" else []
            return useful[:position], command, behind
    return useful, None, []


def dispatch(turn: Turn, commands: Sequence[Command]) -> None:
    """Put commands to work. Nothing happens in a completed execution; in a paused one they wait in the backlog."""
    execution = turn.snapshot.execution
    if states.is_final(execution.state) or not commands:
        return
    if execution.state == states.PAUSED:
        _to_backlog(turn, commands)
        return
    tasks, command, behind = arrange(commands)
    if command is None:
        specs = turn.snapshot.spec.tasks
        tasks = [c for c in tasks if specs[c.name].join is None] + sorted(
            (c for c in tasks if specs[c.name].join is not None), key=lambda c: c.name)
    for each in tasks:
        run_task(turn, each)
    if command is not None:
        _state_command(turn, command, behind)


def _to_backlog(turn: Turn, commands: Sequence[Command]) -> None:
    execution = turn.snapshot.execution
    backlog = [*execution.runtime.get("backlog", ()), *(c.as_stored() for c in commands)]
    execution.set(runtime={**execution.runtime, "backlog": backlog})


def take_backlog(turn: Turn) -> list[Command]:
    """The commands that waited for resume; the backlog is empty afterwards."""
    execution = turn.snapshot.execution
    stored = execution.runtime.get("backlog") or []
    if stored:
        execution.set(runtime={k: v for k, v in execution.runtime.items() if k != "backlog"})
    return [Command(**entry) for entry in stored]


def _state_command(turn: Turn, command: Command, behind: list[Command]) -> None:
    if command.name == "pause":
        ending.pause(turn, command.message)
        _to_backlog(turn, behind)
    elif command.name == "fail":
        ending.stop(turn, states.ERROR, command.message)
    else:
        ending.stop(turn, states.SUCCESS, command.message)


def run_task(turn: Turn, command: Command) -> Task:
    """Create the task's execution and queue its start; a join has one execution and waits (L248, L249)."""
    trigger = [] if command.source is None else [{"task_id": command.source, "event": command.event}]
    if turn.snapshot.spec.tasks[command.name].join is not None:
        return _trigger_join(turn, command.name)
    context = {"triggered_by": trigger} if trigger else {}
    task = create_task(turn, command.name, states.IDLE, None, context)
    turn.ready("start", task.id)
    return task


def create_task(turn: Turn, name: str, state: str, info: str | None, runtime_context: dict[str, Any]) -> Task:
    """A new task execution, not started yet."""
    snapshot = turn.snapshot
    spec = snapshot.spec.tasks[name]
    ident, ordinal = snapshot.new_id("task")
    is_join = spec.join is not None
    task = Task(
        id=ident, created_at=turn.now, updated_at=turn.now, execution_id=snapshot.execution.id, ordinal=ordinal,
        project_id=snapshot.execution.project_id, name=name, type=spec.type, state=state, state_info=info,
        unique_key=f"join-task-{snapshot.execution.id}-{name}" if is_join else None,
        tags=list(spec.tags), runtime_context=runtime_context)
    snapshot.add_task(task)
    joins.note_started(turn, name)
    return task


def _trigger_join(turn: Turn, name: str) -> Task:
    """A join that already ran is put back to WAITING and runs again, as in Mistral (L243, H20)."""
    snapshot = turn.snapshot
    task = snapshot.latest(name)
    if task is None:
        task = create_task(turn, name, states.WAITING, joins.WAITING_TEXT, {})
    elif task.state == states.RUNNING or states.is_final(task.state):
        context = {**task.runtime_context, "_again": True}
        turn.set_task(task, states.WAITING, joins.WAITING_TEXT, runtime_context=context, processed=False)
        snapshot.joins.pop(task.id, None)
    turn.joins_due[task.id] = None
    return task
