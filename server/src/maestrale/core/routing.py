"""Which tasks follow, and how commands are put to work (1.11, 1.12, 3.6).

``next_commands`` evaluates the on-clauses of a completed task; ``dispatch`` puts commands to work in Mistral's
order. Reverse workflows have their own ``ready_tasks``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maestrale.core import ending, joins, policies, states
from maestrale.core.dataflow import stored
from maestrale.core.model import Task
from maestrale.core.snapshot import Snapshot
from maestrale.core.turn import Turn
from maestrale.expr import Scope


@dataclass(frozen=True, slots=True)
class Command:
    """Run a task, or an engine command. ``source`` is the id of the task that it follows, None at the start.

    ``at_once``: it comes from the backlog, where Mistral forgets that a join waits (H21).
    """

    name: str
    event: str | None = None
    source: str | None = None
    message: Any = None
    is_command: bool = False
    at_once: bool = False

    def as_stored(self) -> dict[str, Any]:
        """The form in which it waits in the backlog."""
        return {"name": self.name, "event": self.event, "source": self.source, "message": self.message,
                "is_command": self.is_command}


_CLAUSES = {
    states.SUCCESS: ("on-success", "on-complete"),
    states.ERROR: ("on-error", "on-complete"),
}


def _clause_commands(turn: Turn, task: Task, clause: str, scope: Scope) -> list[Command]:
    found = []
    for transition in turn.snapshot.program.task(task.name).transitions[clause]:
        if transition.condition is not None and not transition.condition.evaluate(scope):
            continue
        parameters = {} if transition.parameters is None else transition.parameters.evaluate(scope)
        message = parameters.get("msg") if transition.is_command else None
        found.append(Command(transition.target, clause, task.id, message, transition.is_command))
    return found


def next_commands(turn: Turn, task: Task) -> list[Command]:
    """What follows a completed task, in written order (L083-L086). Raises EvaluationError."""
    if turn.snapshot.spec.type == "reverse":
        return [Command(name, None, task.id) for name in _ready_after(turn, task)]
    scope = turn.transition_scope(task)
    if task.state == states.SKIPPED:
        return _clause_commands(turn, task, "on-skip", scope) or _clause_commands(turn, task, "on-success", scope)
    return [c for clause in _CLAUSES.get(task.state, ()) for c in _clause_commands(turn, task, clause, scope)]


# ---- reverse workflows


def ready_tasks(turn: Turn) -> list[str]:
    """Tasks without execution, needed for the target, whose requirements all succeeded, in written order (L360)."""
    needed = _needed(turn)
    return [name for name in turn.snapshot.spec.tasks if name in needed and _is_ready(turn, name)]


def _ready_after(turn: Turn, task: Task) -> list[str]:
    """Which tasks one completed requirement made ready."""
    if task.state != states.SUCCESS:
        return []
    needed = _needed(turn)
    return [name for name in turn.snapshot.spec.outbound.get(task.name, ()) if name in needed and _is_ready(turn, name)]


def _needed(turn: Turn) -> frozenset[str]:
    snapshot = turn.snapshot
    if snapshot.needed is None:
        stack, seen = [str(snapshot.execution.params.get("task_name"))], set[str]()
        while stack:
            name = stack.pop()
            if name not in seen and name in snapshot.spec.tasks:
                seen.add(name)
                stack.extend(snapshot.spec.tasks[name].requires)
        snapshot.needed = frozenset(seen)
    return snapshot.needed


def _is_ready(turn: Turn, name: str) -> bool:
    """``required`` is how many of a task's requirements, in written order, are known to have succeeded; that doesn't change."""
    snapshot = turn.snapshot
    if snapshot.latest(name) is not None:
        return False
    requires = snapshot.spec.tasks[name].requires
    position = snapshot.required.get(name, 0)
    while position < len(requires):
        task = snapshot.latest(requires[position])
        if task is None or task.state != states.SUCCESS:
            break
        position += 1
    snapshot.required[name] = position
    return position == len(requires)


# ---- dispatching


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
        tasks = [c for c in tasks if c.at_once or specs[c.name].join is None] + sorted(
            (c for c in tasks if not c.at_once and specs[c.name].join is not None), key=lambda c: c.name)
    for each in tasks:
        if each.at_once:
            _create_and_start(turn, each)
        else:
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
    return [Command(**entry, at_once=not entry["is_command"]) for entry in stored]


def _state_command(turn: Turn, command: Command, behind: list[Command]) -> None:
    if command.name == "pause":
        ending.pause(turn, command.message)
        _to_backlog(turn, behind)
    elif command.name == "fail":
        ending.stop(turn, states.ERROR, command.message)
    else:
        ending.stop(turn, states.SUCCESS, command.message)


def run_task(turn: Turn, command: Command) -> None:
    """Create the task's execution and queue its start; a join has one execution and waits (L248, L249)."""
    if turn.snapshot.spec.tasks[command.name].join is not None:
        _trigger_join(turn, command)
    else:
        _create_and_start(turn, command)


def _create_and_start(turn: Turn, command: Command) -> None:
    context: dict[str, Any] = {}
    if command.source is not None:
        context["triggered_by"] = [{"task_id": command.source, "event": command.event}]
    task = _create_task(turn, command.name, states.IDLE, None, context, unique_key=None)
    turn.ready("start", task.id)


def _create_task(
    turn: Turn, name: str, state: str, info: str | None, context: dict[str, Any], *, unique_key: str | None,
) -> Task:
    snapshot = turn.snapshot
    spec = snapshot.spec.tasks[name]
    again = snapshot.latest(name) is not None
    ident, ordinal = snapshot.new_id("task")
    task = Task(
        id=ident, created_at=turn.now, updated_at=turn.now, execution_id=snapshot.execution.id, ordinal=ordinal,
        project_id=snapshot.execution.project_id, name=name, type=spec.type, state=state, state_info=info,
        unique_key=unique_key, tags=list(spec.tags), published={}, runtime_context=context)
    snapshot.add_task(task)
    if again:
        joins.note_revived(turn, name)
    else:
        joins.note_started(turn, name)
    return task


def _trigger_join(turn: Turn, command: Command) -> None:
    """A join that already ran is put back to WAITING and runs again, as in Mistral (L243, H20).

    What failed in it doesn't count any more. Of ``with-items`` only the items that didn't succeed are run again.
    """
    snapshot, name = turn.snapshot, command.name
    task = snapshot.join_rows.get(name)
    if task is None:
        key = f"join-task-{snapshot.execution.id}-{name}"
        task = _create_task(turn, name, states.WAITING, joins.WAITING_TEXT, _seen_of_skipped(snapshot, command), unique_key=key)
    elif task.state in (states.RUNNING, states.PAUSED) or states.is_final(task.state):
        snapshot.freeze_followers(task)
        if states.is_final(task.state):
            policies.withdraw_attempts(turn, task, keep_successes=True)
        turn.set_task(task, states.WAITING, joins.WAITING_TEXT)
        snapshot.items.pop(task.id, None)
        snapshot.joins.pop(task.id, None)
        joins.note_revived(turn, name)
    snapshot.join_due(task)


def _seen_of_skipped(snapshot: Snapshot, command: Command) -> dict[str, Any]:
    """What a join sees of a skipped task: nothing, unless that is what called it into being (L245)."""
    source = snapshot.tasks.get(command.source or "")
    if source is None or source.state != states.SKIPPED:
        return {}
    return {"_seen": stored(snapshot.outbound(source))}
