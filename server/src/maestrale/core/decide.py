"""The decision: a snapshot and what it is told, to changes and effects.

``decide`` handles each message by a table, then takes the steps that are ready until none is left or the budget is
used up; what is left goes on with a ``Continue``. User mistakes are outcomes, not exceptions: a failing expression ends
the task and the execution in ERROR (3.12), a message that makes no sense is refused in the answer. What was ready in a
snapshot fresh from the store is found again from the records, so nothing depends on memory (invariant 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maestrale.core import completing, control, ending, policies, starting, states
from maestrale.core import messages as m
from maestrale.core.creation import NewExecution, create
from maestrale.core.model import Attempt, Task
from maestrale.core.snapshot import Snapshot
from maestrale.core.turn import Limits, Ports, Turn
from maestrale.errors import InvalidActionError, MaestraleError, NotFoundError, RequestError

__all__ = ["Decision", "Limits", "NewExecution", "Ports", "create", "decide"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, in order, and which messages (by position) were refused with which error."""

    effects: list[m.Effect] = field(default_factory=list)
    refused: dict[int, MaestraleError] = field(default_factory=dict)
    unfinished: bool = False


def decide(
    snapshot: Snapshot, messages: Sequence[m.Message], ports: Ports, now: datetime, limits: Limits, budget: int = 1000,
) -> Decision:
    """Change the snapshot by all messages together, in order; see the module.

    ``budget`` bounds the steps (a task's start, a result, an item) of this decision; a decision that ran out has
    ``unfinished`` set and tells itself to continue.
    """
    turn = Turn(snapshot, ports, now, limits, budget, effects=snapshot.launch_effects)
    snapshot.launch_effects = []
    if snapshot.needs_scan:
        _scan(turn)
    refused: dict[int, MaestraleError] = {}
    for position, message in enumerate(messages):
        try:
            _HANDLERS[type(message)](turn, message)
        except MaestraleError as error:
            refused[position] = error
    unfinished = _take_steps(turn)
    if unfinished:
        turn.emit(m.Tell(snapshot.execution.id, m.Continue()))
    turn.effects.extend(turn.wakes.values())
    return Decision(turn.effects, refused, unfinished)


# ---- steps


def _take_steps(turn: Turn) -> bool:
    """Until nothing is ready; True if the budget ended it. Joins are looked at when all else has been done, so that branches
    which end together are counted together.
    """
    pending = turn.snapshot.pending
    while True:
        while pending:
            if turn.budget <= 0:
                return True
            turn.budget -= 1
            name, ident, *arguments = pending.popleft()
            _step(turn, name, ident, arguments)
        if turn.joins_due:
            due, turn.joins_due = turn.joins_due, {}
            for ident in due:
                _guarded(turn, turn.snapshot.tasks[ident], _RUN_TEXT, completing.refresh_join, turn, turn.snapshot.tasks[ident])
            continue
        ending.complete_if_done(turn)
        if not _fail_stuck_joins(turn):
            return False


_RUN_TEXT = "Failed to run task [error={error}, wf={wf}, task={task}]:\n{detail}"
_COMPLETE_TEXT = "Failed to complete task [error={error}, wf={wf}, task={task}]:\n{detail}"
_RESULT_TEXT = "Failed to handle action completion [error={error}, wf={wf}, task={task}, action={action}]:\n{detail}"


def _guarded(turn: Turn, task: Task | None, text: str, do: Callable[..., None], *arguments: Any, action: str = "") -> None:
    """Do it; a domain error in it is a forced failure of the task (3.12)."""
    try:
        do(*arguments)
    except MaestraleError as error:
        if task is None:
            raise
        ending.force_failure(turn, task, text.format(
            error=error, wf=turn.snapshot.execution.workflow_name, task=task.name, action=action,
            detail=f"{type(error).__name__}: {error}"))


def _step(turn: Turn, name: str, ident: str, arguments: Sequence[Any]) -> None:
    snapshot = turn.snapshot
    if name == "result":
        attempt = snapshot.attempts[ident]
        task = snapshot.tasks[attempt.task_id] if attempt.task_id else None
        if not states.is_final(attempt.state):
            _guarded(turn, task, _RESULT_TEXT, completing.take_result, turn, attempt, *arguments, action=attempt.name)
        return
    task = snapshot.tasks[ident]
    do, text = _STEPS[name]
    _guarded(turn, task, text, do, turn, task, *arguments)


def _continue(turn: Turn, task: Task) -> None:
    if task.state == states.DELAYED:
        starting.go_on(turn, task)
    elif task.state == states.WAITING:
        turn.joins_due[task.id] = None


_STEPS: dict[str, tuple[Callable[..., None], str]] = {
    "start": (starting.start, _RUN_TEXT),
    "start-held": (starting.start_without_policies, _RUN_TEXT),
    "rerun": (control.run_again, _RUN_TEXT),
    "continue": (_continue, _RUN_TEXT),
    "items": (starting.continue_items, _RUN_TEXT),
    "items-done": (completing.finish_items, _COMPLETE_TEXT),
    "complete": (completing.complete, _COMPLETE_TEXT),
    "follow": (control.follow_after_pause, _COMPLETE_TEXT),
}


def _fail_stuck_joins(turn: Turn) -> bool:
    """A running execution in which only joins are left waits for itself, through a cycle: say so and fail them (H05)."""
    snapshot = turn.snapshot
    if snapshot.execution.state != states.RUNNING or not snapshot.unfinished or snapshot.execution.runtime.get("backlog"):
        return False
    left = [snapshot.tasks[i] for i in snapshot.unfinished]
    if any(t.state != states.WAITING or t.runtime_context.get("_timers") for t in left):
        return False
    stuck = min(left, key=lambda t: t.ordinal)
    text = f"Failed by tasks: the join waits for itself through a cycle of tasks, so it can never run [task_name={stuck.name}]"
    _guarded(turn, stuck, _COMPLETE_TEXT, completing.fail_join, turn, stuck, [], text)
    return True


def _scan(turn: Turn) -> None:
    """Find again what was ready when the records were stored."""
    snapshot = turn.snapshot
    snapshot.needs_scan = False
    for ident in sorted(snapshot.unfinished, key=lambda i: snapshot.tasks[i].ordinal):
        task = snapshot.tasks[ident]
        if task.state == states.IDLE and not task.runtime_context.get("_held"):
            turn.ready("start", ident)
        elif task.state == states.WAITING:
            turn.joins_due[ident] = None
        elif task.state == states.DELAYED and task.runtime_context.get("_ready"):
            turn.ready("continue", ident)
        elif task.state == states.RUNNING:
            _scan_running(turn, task)


def _scan_running(turn: Turn, task: Task) -> None:
    snapshot = turn.snapshot
    if "with_items" in task.runtime_context:
        turn.ready("items", task.id)
        return
    attempts = [a for a in snapshot.attempts_of[task.id] if not a.runtime_context.get("_abandoned")]
    live = [a for a in attempts if not states.is_final(a.state)]
    counted = [a for a in attempts if a.accepted]
    if live:
        return
    if counted:
        last = counted[-1]
        value = last.output.get("result")
        info = completing.readable(value) if last.state != states.SUCCESS and value else None
        turn.ready("complete", task.id, last.state, info)
    else:
        turn.ready("rerun", task.id)


# ---- messages


def _attempt(turn: Turn, ident: str) -> Attempt:
    attempt = turn.snapshot.attempts.get(ident)
    if attempt is None:
        raise NotFoundError(f"ActionExecution not found [id={ident}]")
    return attempt


def _task(turn: Turn, ident: str) -> Task:
    task = turn.snapshot.tasks.get(ident)
    if task is None:
        raise NotFoundError(f"TaskExecution not found [id={ident}]")
    return task


def _action_completed(turn: Turn, message: m.ActionCompleted) -> None:
    attempt = _attempt(turn, message.attempt_id)
    task = turn.snapshot.tasks[attempt.task_id] if attempt.task_id else None
    if states.is_final(attempt.state):
        completing.take_result(turn, attempt, message.state, message.value)
    turn.budget -= 1
    _guarded(turn, task, _RESULT_TEXT, completing.take_result, turn, attempt, message.state, message.value,
             action=attempt.name)


def _action_updated(turn: Turn, message: m.ActionUpdated) -> None:
    attempt = _attempt(turn, message.attempt_id)
    if message.state == states.PAUSED:
        if attempt.is_sync:
            raise InvalidActionError("Transition to the PAUSED state is only supported for asynchronous action execution.")
        control.pause_attempt(turn, attempt)
    elif message.state == states.RUNNING:
        control.resume_attempt(turn, attempt)
    else:
        raise RequestError(f"Invalid state transition from {attempt.state} to {message.state}.")


def _action_lost(turn: Turn, message: m.ActionLost) -> None:
    attempt = turn.snapshot.attempts.get(message.attempt_id)
    if attempt is None or states.is_final(attempt.state):
        return
    _action_completed(turn, m.ActionCompleted(attempt.id, states.ERROR, message.reason))


def _child_completed(turn: Turn, message: m.ChildCompleted) -> None:
    attempt = _attempt(turn, message.attempt_id)
    task = turn.snapshot.tasks[attempt.task_id] if attempt.task_id else None
    turn.budget -= 1
    _guarded(turn, task, _RESULT_TEXT, completing.take_child, turn, attempt, message.state, dict(message.output or {}),
             action=attempt.name)


def _child_paused(turn: Turn, message: m.ChildPaused) -> None:
    attempt = _attempt(turn, message.attempt_id)
    if attempt.state == states.RUNNING:
        control.pause_attempt(turn, attempt)


def _child_resumed(turn: Turn, message: m.ChildResumed) -> None:
    attempt = _attempt(turn, message.attempt_id)
    if attempt.state == states.PAUSED:
        control.resume_attempt(turn, attempt)


def _timer_fired(turn: Turn, message: m.TimerFired) -> None:
    task = turn.snapshot.tasks.get(message.task_id)
    if task is None or task.runtime_context.get("_timers", {}).get(message.purpose) != message.token:
        return
    turn.touch(task, runtime_context={
        **task.runtime_context,
        "_timers": {k: v for k, v in task.runtime_context["_timers"].items() if k != message.purpose}})
    if states.is_final(task.state):
        return
    over = states.is_final(turn.snapshot.execution.state)
    if message.purpose == "timeout":
        _guarded(turn, task, _COMPLETE_TEXT, _time_out, turn, task)
    elif message.purpose == "wait-after" and task.state == states.DELAYED:
        state, info = task.runtime_context.get("_end") or (states.SUCCESS, None)
        _guarded(turn, task, _COMPLETE_TEXT, completing.complete, turn, task, state, info)
    elif message.purpose in ("wait-before", "retry") and not over:
        turn.ready("continue", task.id)


def _time_out(turn: Turn, task: Task) -> None:
    text = policies.timeout_text(turn, task)
    turn.cancel_attempts(task)
    for attempt in turn.snapshot.attempts_of[task.id]:
        if not states.is_final(attempt.state) and not attempt.runtime_context.get("_abandoned"):
            turn.snapshot.change_attempt(attempt, runtime_context={**attempt.runtime_context, "_abandoned": True})
    completing.complete(turn, task, states.ERROR, text)


def _pause(turn: Turn, message: m.Pause) -> None:
    ending.pause(turn, message.message)


def _resume(turn: Turn, message: m.Resume) -> None:
    control.resume(turn, message.env)


def _stop(turn: Turn, message: m.Stop) -> None:
    state = turn.snapshot.execution.state
    if states.is_final(state) and not (message.state == state == states.SUCCESS):
        if message.state == states.SUCCESS:
            turn.set_execution(states.SUCCESS)
        return
    if message.state == states.ERROR and state == states.PAUSED:
        return
    if message.state == states.SUCCESS and state == states.PAUSED:
        turn.set_execution(states.SUCCESS)
    ending.stop(turn, message.state, message.message)


def _update_env(turn: Turn, message: m.UpdateEnv) -> None:
    if turn.snapshot.execution.task_execution_id:
        control.merge_env(turn, message.env)
    else:
        control.update_env(turn, message.env)


def _describe(turn: Turn, message: m.Describe) -> None:
    turn.snapshot.execution.set(description=message.description, updated_at=turn.now)


def _rerun(turn: Turn, message: m.Rerun) -> None:
    control.rerun(turn, _task(turn, message.task_id), reset=message.reset, env=message.env)


def _skip(turn: Turn, message: m.Skip) -> None:
    task = _task(turn, message.task_id)
    control.check_repeatable(turn, task)
    _guarded(turn, task, _COMPLETE_TEXT, control.skip, turn, task, message.env)


def _child_revived(turn: Turn, message: m.ChildRevived) -> None:
    control.revive_child(turn, _attempt(turn, message.attempt_id))


def _nothing(turn: Turn, message: m.Continue) -> None:
    del turn, message


_HANDLERS: dict[type[Any], Callable[..., None]] = {
    m.ActionCompleted: _action_completed,
    m.ActionUpdated: _action_updated,
    m.ActionLost: _action_lost,
    m.ChildCompleted: _child_completed,
    m.ChildPaused: _child_paused,
    m.ChildResumed: _child_resumed,
    m.ChildRevived: _child_revived,
    m.TimerFired: _timer_fired,
    m.Pause: _pause,
    m.Resume: _resume,
    m.Stop: _stop,
    m.UpdateEnv: _update_env,
    m.Describe: _describe,
    m.Rerun: _rerun,
    m.Skip: _skip,
    m.Continue: _nothing,
}
