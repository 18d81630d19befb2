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

from maestrale.core import completing, control, ending, policies, scan, starting, states
from maestrale.core import messages as m
from maestrale.core.creation import NewExecution, create
from maestrale.core.model import Attempt, Task
from maestrale.core.snapshot import Snapshot
from maestrale.core.turn import HandledFailure, Limits, Ports, Turn
from maestrale.errors import ConflictError, InvalidActionError, MaestraleError, NotFoundError, RequestError

__all__ = ["Decision", "Limits", "NewExecution", "Ports", "create", "decide"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, in order, and which messages (by position) were refused with which error.

    ``unfinished``: there is more to do, the decision tells itself to continue. ``faults``: exceptions that are none of the
    domain; what they struck has ended in ERROR (L286), they are here to be logged.
    """

    effects: list[m.Effect] = field(default_factory=list)
    refused: dict[int, MaestraleError] = field(default_factory=dict)
    unfinished: bool = False
    faults: list[Exception] = field(default_factory=list)


def decide(
    snapshot: Snapshot, messages: Sequence[m.Message], ports: Ports, now: datetime, limits: Limits, budget: int = 1000,
) -> Decision:
    """Change the snapshot by all messages together, in order; see the module.

    ``budget`` bounds the steps (a task's start, a result, an item) of this decision.
    """
    turn = Turn(snapshot, ports, now, limits, budget, effects=snapshot.launch_effects)
    snapshot.launch_effects = []
    refused: dict[int, MaestraleError] = {}
    if snapshot.needs_scan:
        scan.find_ready(turn)
    for position, message in enumerate(messages):
        try:
            _HANDLERS[type(message)](turn, message)
        except MaestraleError as error:
            refused[position] = error
        _take_settled(turn)
    unfinished = _take_steps(turn)
    if unfinished:
        turn.emit(m.Tell(snapshot.execution.id, m.Continue()))
    turn.effects.extend(turn.wakes.values())
    return Decision(turn.effects, refused, unfinished, turn.faults)


# ---- steps


def _take_steps(turn: Turn) -> bool:
    """Until nothing is ready; True if there is more to do in another decision.

    Joins are looked at when all else has been done, so that branches which end together are counted together.
    """
    snapshot = turn.snapshot
    while not turn.put_off:
        if snapshot.needs_scan:
            scan.find_ready(turn)
        if snapshot.pending or snapshot.joins_due:
            if turn.budget <= 0:
                return True
            before = snapshot.changes
            _take_step(turn)
            _take_settled(turn)
            # A step that changed nothing costs nothing, so that any budget gets on from any snapshot.
            turn.budget -= snapshot.changes != before
            continue
        ending.complete_if_done(turn)
        if not _fail_stuck_joins(turn):
            return False
    snapshot.needs_scan = True
    return True


def _take_step(turn: Turn) -> None:
    snapshot = turn.snapshot
    if snapshot.pending:
        name, ident = snapshot.pending.popleft()
        do, text = _STEPS[name]
        _guarded(turn, snapshot.tasks[ident], text, do)
    else:
        _guarded(turn, snapshot.next_join_due(), _RUN_TEXT, _join)


def _take_settled(turn: Turn) -> None:
    """Results of actions that were run here and now."""
    while turn.settled:
        attempt, state, value = turn.settled.popleft()
        turn.budget -= 1
        if not states.is_final(attempt.state):
            _guarded_result(turn, attempt, completing.take_result, state, value)


_RUN_TEXT = "Failed to run task [error={error}, wf={wf}, task={task}]:\n{detail}"
_COMPLETE_TEXT = "Failed to complete task [error={error}, wf={wf}, task={task}]:\n{detail}"
_RESULT_TEXT = "Failed to handle action completion [error={error}, wf={wf}, task={task}, action={action}]:\n{detail}"


def _guarded(turn: Turn, task: Task, text: str, do: Callable[..., None], *arguments: Any, action: str = "") -> None:
    """Do it with the task; an error in it is a forced failure of the task (3.12), whatever it is (L286)."""
    try:
        try:
            do(turn, task, *arguments)
        except HandledFailure as failure:
            completing.complete(turn, task, states.ERROR, str(failure))
    except Exception as error:  # noqa: BLE001 - an unexpected one must not leave the task hanging; it is handed on
        if not isinstance(error, MaestraleError):
            turn.faults.append(error)
        ending.force_failure(turn, task, text.format(
            error=error, wf=turn.snapshot.execution.workflow_name, task=task.name, action=action,
            detail=f"{type(error).__name__}: {error}"))


def _guarded_result(turn: Turn, attempt: Attempt, do: Callable[..., None], *arguments: Any) -> None:
    """Take a result; an error in what follows from it is a forced failure of the task."""
    if attempt.task_id is None:
        do(turn, attempt, *arguments)
        return

    def take(turn: Turn, _task: Task) -> None:
        do(turn, attempt, *arguments)

    _guarded(turn, turn.snapshot.tasks[attempt.task_id], _RESULT_TEXT, take, action=attempt.name)


def _join(turn: Turn, task: Task) -> None:
    """Run a join whose branches have come together; one that can't run any more ends."""
    failed = completing.refresh_join(turn, task)
    if failed is not None:
        _guarded(turn, task, _COMPLETE_TEXT, completing.fail_join, failed, f"Failed by tasks: {failed}")


def _continue(turn: Turn, task: Task) -> None:
    """A delay is over, or doesn't count any more. Nothing is started in an execution that has ended."""
    if states.is_final(turn.snapshot.execution.state):
        return
    if task.state == states.WAITING:
        turn.snapshot.join_due(task)
    elif task.state == states.DELAYED:
        end = task.runtime_context.get("_end")
        if end:
            completing.complete(turn, task, *end)
        else:
            starting.go_on(turn, task)


def _items(turn: Turn, task: Task) -> None:
    if starting.continue_items(turn, task):
        _guarded(turn, task, _COMPLETE_TEXT, completing.finish_items)


_STEPS: dict[str, tuple[Callable[..., None], str]] = {
    "start": (starting.start, _RUN_TEXT),
    "start-held": (starting.start_without_policies, _RUN_TEXT),
    "rerun": (starting.run_again, _RUN_TEXT),
    "continue": (_continue, _RUN_TEXT),
    "items": (_items, _RUN_TEXT),
    "recover": (completing.recover, _COMPLETE_TEXT),
    "follow": (control.follow_after_pause, _COMPLETE_TEXT),
}


def _fail_stuck_joins(turn: Turn) -> bool:
    """A running execution in which only joins are left waits for itself, through a cycle: say so and fail them (H05)."""
    snapshot = turn.snapshot
    if snapshot.execution.state != states.RUNNING or not snapshot.unfinished or snapshot.execution.runtime.get("backlog"):
        return False
    if len(snapshot.waiting) < len(snapshot.unfinished):
        return False
    left = [snapshot.tasks[i] for i in snapshot.waiting]
    if any(t.runtime_context.get("_timers") for t in left):
        return False
    stuck = min(left, key=lambda t: t.ordinal)
    text = f"Failed by tasks: the join waits for itself through a cycle of tasks, so it can never run [task_name={stuck.name}]"
    _guarded(turn, stuck, _COMPLETE_TEXT, completing.fail_join, [], text)
    return True


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
    if states.is_final(attempt.state):
        raise ConflictError(f"Action {attempt.id} is already completed")
    turn.budget -= 1
    if message.from_outside:
        turn.cancel_attempt(attempt)
    _guarded_result(turn, attempt, completing.take_result, message.state, message.value)


def _action_updated(turn: Turn, message: m.ActionUpdated) -> None:
    attempt = _attempt(turn, message.attempt_id)
    if message.state == states.PAUSED:
        if attempt.is_sync:
            raise InvalidActionError("Transition to the PAUSED state is only supported for asynchronous action execution.")
        if attempt.state != states.PAUSED:
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
    turn.budget -= 1
    attempt = _attempt(turn, message.attempt_id)
    # The news that it was revived may come after the news that it ended again.
    control.revive_child(turn, attempt, message.revival)
    _guarded_result(turn, attempt, completing.take_child, message)


def _child_paused(turn: Turn, message: m.ChildPaused) -> None:
    control.child_paused(turn, _attempt(turn, message.attempt_id), message)


def _child_resumed(turn: Turn, message: m.ChildResumed) -> None:
    attempt = _attempt(turn, message.attempt_id)
    if attempt.state == states.PAUSED:
        control.resume_attempt(turn, attempt, asked=message.asked)


def _timer_fired(turn: Turn, message: m.TimerFired) -> None:
    task = turn.snapshot.tasks.get(message.task_id)
    if task is None or task.runtime_context.get("_timers", {}).get(message.purpose) != message.token:
        return
    context = {
        **task.runtime_context,
        "_timers": {k: v for k, v in task.runtime_context["_timers"].items() if k != message.purpose}}
    if states.is_final(task.state):
        turn.touch(task, runtime_context=context)
    elif message.purpose == "timeout":
        turn.touch(task, runtime_context=context)
        _guarded(turn, task, _COMPLETE_TEXT, _time_out)
    elif message.purpose == "wait-after":
        turn.touch(task, runtime_context=context)
        if task.state == states.DELAYED:
            state, info = context.get("_end") or (states.SUCCESS, None)
            _guarded(turn, task, _COMPLETE_TEXT, completing.complete, state, info)
    else:
        turn.touch(task, runtime_context={**context, "_ready": True})
        turn.ready("continue", task.id)


def _time_out(turn: Turn, task: Task) -> None:
    text = policies.timeout_text(turn, task)
    for attempt in turn.snapshot.attempts_of[task.id]:
        if not states.is_final(attempt.state):
            policies.abandon(turn, attempt)
    completing.complete(turn, task, states.ERROR, text)


def _pause(turn: Turn, message: m.Pause) -> None:
    ending.pause(turn, message.message, asked=message.from_parent)


def _resume(turn: Turn, message: m.Resume) -> None:
    if turn.snapshot.execution.state == states.PAUSED:
        control.resume(turn, message.env, asked=message.from_parent)
        turn.put_off = not message.from_parent


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
    control.update_env(turn, message.env)


def _env_changed(turn: Turn, message: m.EnvChanged) -> None:
    control.take_env(turn, message.env)


def _describe(turn: Turn, message: m.Describe) -> None:
    turn.snapshot.execution.set(description=message.description, updated_at=turn.now)


def _rerun(turn: Turn, message: m.Rerun) -> None:
    control.rerun(turn, _task(turn, message.task_id), reset=message.reset, env=message.env)
    turn.put_off = True


def _skip(turn: Turn, message: m.Skip) -> None:
    task = _task(turn, message.task_id)
    control.check_repeatable(turn, task)
    completing.check_skip(turn, task)
    _guarded(turn, task, _COMPLETE_TEXT, control.skip, message.env)


def _child_revived(turn: Turn, message: m.ChildRevived) -> None:
    control.revive_child(turn, _attempt(turn, message.attempt_id), message.revival)


def _go_on(turn: Turn, message: m.Continue) -> None:
    del message
    ending.end_without_target(turn)


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
    m.EnvChanged: _env_changed,
    m.Describe: _describe,
    m.Rerun: _rerun,
    m.Skip: _skip,
    m.Continue: _go_on,
}
