"""What people and other executions ask for: pause, resume, stop, rerun, skip, and news of children (3.13-3.17)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.core import action_input, completing, ending, joins, policies, routing, states
from maestrale.core.dataflow import merge_deep
from maestrale.core.messages import ChildPaused, ChildResumed, ChildRevived, EnvChanged, Resume, Tell
from maestrale.core.model import Attempt, Task
from maestrale.core.turn import Turn
from maestrale.errors import InvalidStateTransitionError, NotAllowedError, RequestError, WorkflowError

# ---- environment


def update_env(turn: Turn, env: Mapping[str, Any]) -> None:
    """Merge into the stored environment (L297). Raises NotAllowedError while the execution runs."""
    execution = turn.snapshot.execution
    if execution.state not in (states.IDLE, states.PAUSED, states.ERROR):
        raise NotAllowedError("Updating env to workflow execution is only permitted if it is in IDLE, PAUSED, or ERROR state.")
    merge_env(turn, env)


def merge_env(turn: Turn, env: Mapping[str, Any] | None) -> None:
    """Merge without looking at the state (L292). Children use the root's environment, their own params change nothing (L160)."""
    if not env:
        return
    execution = turn.snapshot.execution
    merged = merge_deep(execution.params.get("env") or {}, env)
    execution.set(params={**execution.params, "env": merged}, updated_at=turn.now)
    if execution.task_execution_id is None:
        _tell_children(turn, env)


def take_env(turn: Turn, env: Mapping[str, Any]) -> None:
    """The root's environment has changed."""
    execution = turn.snapshot.execution
    execution.set(runtime={**execution.runtime, "env": merge_deep(execution.runtime.get("env") or {}, env)}, updated_at=turn.now)
    _tell_children(turn, env)


def _tell_children(turn: Turn, env: Mapping[str, Any]) -> None:
    """Also those that have ended: a task of theirs may be run again."""
    for attempt in turn.snapshot.attempts.values():
        if attempt.kind == "workflow":
            turn.emit(Tell(attempt.id, EnvChanged(env)))


# ---- pause and resume


def resume(turn: Turn, env: Mapping[str, Any] | None, *, asked: bool = False) -> None:
    """PAUSED to RUNNING; any other state is left as it is (L290-L293). ``asked``: the parent wanted it."""
    execution = turn.snapshot.execution
    if execution.state != states.PAUSED:
        return
    merge_env(turn, env)
    for child in ending.running_children(turn):
        turn.emit(Tell(child.id, Resume(from_parent=True)))
    turn.set_execution(states.RUNNING)
    if execution.parent_execution_id:
        turn.emit(Tell(execution.parent_execution_id, ChildResumed(execution.id, asked=asked)))
    _go_on(turn)


def _go_on(turn: Turn) -> None:
    """A stopped execution runs again: the backlog, and all that the records call for."""
    routing.dispatch(turn, routing.take_backlog(turn))
    turn.snapshot.needs_scan = True


def follow_after_pause(turn: Turn, task: Task) -> None:
    """Transitions of a task that completed during the pause, decided again; a ``pause`` among them is ignored (3.13)."""
    if task.runtime_context.get("_follow") and turn.snapshot.execution.state == states.RUNNING:
        completing.follow(turn, task, ignore_pause=True)


def pause_attempt(turn: Turn, attempt: Attempt) -> None:
    """An asynchronous action, or a child on its own, was paused: so are its task and the execution (L368, L295)."""
    _mark_paused(turn, attempt)
    if turn.snapshot.execution.state == states.RUNNING:
        ending.pause(turn, None)


def _mark_paused(turn: Turn, attempt: Attempt) -> None:
    turn.set_attempt(attempt, states.PAUSED)
    task = turn.snapshot.tasks[attempt.task_id] if attempt.task_id else None
    if task is not None and task.state == states.RUNNING:
        turn.set_task(task, states.PAUSED)


def resume_attempt(turn: Turn, attempt: Attempt, *, asked: bool = False) -> None:
    """It runs again: so does its task, and the execution unless another task of it is paused (L369, L296).

    Raises InvalidStateTransitionError for one that has ended. ``asked``: this execution has resumed the child itself.
    """
    if states.is_final(attempt.state):
        raise InvalidStateTransitionError(f"Invalid state transition from {attempt.state} to {states.RUNNING}.")
    if attempt.state != states.PAUSED:
        return
    turn.set_attempt(attempt, states.RUNNING)
    snapshot = turn.snapshot
    task = snapshot.tasks[attempt.task_id] if attempt.task_id else None
    if task is None:
        return
    others = any(a.state == states.PAUSED for a in snapshot.attempts_of[task.id])
    if task.state == states.PAUSED and not others:
        turn.set_task(task, states.RUNNING)
        if "with_items" in task.runtime_context:
            turn.ready("items", task.id)
    if not asked and not any(snapshot.tasks[i].state == states.PAUSED for i in snapshot.unfinished):
        resume(turn, None)


def child_paused(turn: Turn, attempt: Attempt, message: ChildPaused) -> None:
    """A child is paused. If this execution had it paused and runs again meanwhile, the child does too."""
    if attempt.state != states.RUNNING:
        return
    if not message.asked:
        pause_attempt(turn, attempt)
        return
    _mark_paused(turn, attempt)
    if turn.snapshot.execution.state == states.RUNNING:
        turn.emit(Tell(attempt.id, Resume(from_parent=True)))


# ---- running again

NOTHING_LEFT = "The result of the task doesn't tell on which hosts it failed, so only the whole task can be run again, with reset."
_REVIVABLE = (states.RUNNING, states.PAUSED, states.ERROR, states.CANCELLED)


def revive_child(turn: Turn, attempt: Attempt, revival: int) -> None:
    """A task inside an ended child is repeated, so this execution and the child's task run again (L317).

    Raises WorkflowError if this execution has ended in SUCCESS.
    """
    snapshot = turn.snapshot
    if revival <= attempt.runtime_context.get("_revived", 0):
        return
    context = {**attempt.runtime_context, "_revived": revival}
    task = snapshot.tasks[attempt.task_id] if attempt.task_id else None
    if states.is_final(attempt.state) and not (attempt.accepted and task is not None and task.state in _REVIVABLE):
        context["_abandoned"] = True
    if task is None or context.get("_abandoned"):
        snapshot.change_attempt(attempt, state=states.RUNNING, runtime_context=context, updated_at=turn.now)
        return
    revive(turn)
    snapshot.change_attempt(attempt, state=states.RUNNING, accepted=False, runtime_context=context, updated_at=turn.now)
    if states.is_final(task.state):
        _reopen(turn, task, task.runtime_context)
    snapshot.items.pop(task.id, None)


def revive(turn: Turn) -> None:
    """An ended execution runs again, and its ancestors with it (L312). Raises WorkflowError from SUCCESS.

    From now on also tasks that had ended by a forced failure count as processed (L225).
    """
    execution = turn.snapshot.execution
    if not states.is_final(execution.state):
        return
    turn.set_execution(states.RUNNING)
    for task in turn.snapshot.tasks.values():
        if states.is_final(task.state) and not task.processed and not task.runtime_context.get("_follow"):
            turn.touch(task, processed=True)
    revival = execution.runtime.get("revived", 0) + 1
    execution.set(runtime={**execution.runtime, "revived": revival})
    if execution.parent_execution_id:
        turn.emit(Tell(execution.parent_execution_id, ChildRevived(execution.id, revival)))
    _go_on(turn)


def _reopen(turn: Turn, task: Task, context: Mapping[str, Any]) -> None:
    """A final task is RUNNING again; what followed it stays as it was."""
    snapshot = turn.snapshot
    snapshot.freeze_followers(task)
    turn.set_task(task, states.RUNNING, runtime_context=dict(context), started_at=turn.now, processed=False,
                  next_tasks=None, has_next_tasks=False, error_handled=False)
    snapshot.refresh_inbound(task)
    snapshot.index_follower(task)
    joins.note_revived(turn, task.name)


def check_repeatable(turn: Turn, task: Task, *, reset: bool = True) -> None:
    """Raise RequestError or WorkflowError where a task can be neither rerun nor skipped (L308, L310, L311)."""
    if task.state != states.ERROR:
        raise RequestError("The current task execution must be in ERROR for rerun. Only updating task to rerun is supported.")
    if not reset and not turn.snapshot.spec.tasks[task.name].with_items and not action_input.remainders(turn, task):
        is_known = action_input.tells_remainder(turn, task)
        raise RequestError(NOTHING_LEFT if is_known else "Only with-items task has the option to not reset.")
    execution = turn.snapshot.execution
    if execution.state == states.SUCCESS:
        raise WorkflowError(
            f"Can't change workflow execution state from SUCCESS to RUNNING. "
            f"[workflow={execution.workflow_name}, execution_id={execution.id}]")


def rerun(turn: Turn, task: Task, *, reset: bool, env: Mapping[str, Any] | None) -> None:
    """Run a failed task again (3.15). Raises RequestError or WorkflowError where that can't be done."""
    check_repeatable(turn, task, reset=reset)
    if turn.snapshot.execution.state == states.PAUSED:
        return
    merge_env(turn, env)
    revive(turn)
    remainders = {} if reset else action_input.remainders(turn, task)
    policies.withdraw_attempts(turn, task, keep_successes=not reset)
    kept = {k: v for k, v in turn.snapshot.thawed(task).items() if k in ("triggered_by", "_seen")} | remainders
    _reopen(turn, task, {**kept, "_rerun": True})
    turn.ready("rerun", task.id)


def skip(turn: Turn, task: Task, env: Mapping[str, Any] | None) -> None:
    """Skip a failed task that ``check_repeatable`` let through (3.16). In a paused execution nothing happens."""
    if turn.snapshot.execution.state == states.PAUSED:
        return
    merge_env(turn, env)
    revive(turn)
    turn.snapshot.freeze_followers(task)
    joins.note_revived(turn, task.name)
    completing.skip(turn, task)
