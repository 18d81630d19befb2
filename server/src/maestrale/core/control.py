"""What people and other executions ask for: pause, resume, stop, rerun, skip, and news of children (3.13-3.17)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.core import completing, ending, policies, routing, starting, states
from maestrale.core.dataflow import merge_deep
from maestrale.core.messages import ChildResumed, ChildRevived, Resume, Tell, UpdateEnv
from maestrale.core.model import Attempt, Task
from maestrale.core.turn import Turn
from maestrale.errors import NotAllowedError, RequestError, WorkflowError


def update_env(turn: Turn, env: Mapping[str, Any]) -> None:
    """Merge into the stored environment; children get it too (L297). Raises NotAllowedError while it runs."""
    execution = turn.snapshot.execution
    if execution.state not in (states.IDLE, states.PAUSED, states.ERROR):
        raise NotAllowedError("Updating env to workflow execution is only permitted if it is in IDLE, PAUSED, or ERROR state.")
    merge_env(turn, env)


def merge_env(turn: Turn, env: Mapping[str, Any] | None) -> None:
    """Merge without looking at the state (L292)."""
    if not env:
        return
    execution = turn.snapshot.execution
    if execution.task_execution_id:
        execution.set(runtime={**execution.runtime, "env": merge_deep(execution.runtime.get("env") or {}, env)})
    params_env = merge_deep(execution.params.get("env") or {}, env)
    execution.set(params={**execution.params, "env": params_env}, updated_at=turn.now)
    for child in ending.running_children(turn):
        turn.emit(Tell(child.id, UpdateEnv(env)))


def resume(turn: Turn, env: Mapping[str, Any] | None) -> None:
    """PAUSED or IDLE to RUNNING; any other state is left as it is (L290-L293)."""
    execution = turn.snapshot.execution
    if execution.state not in (states.PAUSED, states.IDLE):
        return
    merge_env(turn, env)
    for child in ending.running_children(turn):
        if child.state == states.PAUSED:
            turn.emit(Tell(child.id, Resume(None)))
    turn.set_execution(states.RUNNING)
    if execution.parent_execution_id:
        turn.emit(Tell(execution.parent_execution_id, ChildResumed(execution.id)))
    _go_on_after_pause(turn)


def _go_on_after_pause(turn: Turn) -> None:
    snapshot = turn.snapshot
    held = [t for t in snapshot.tasks.values() if t.state == states.IDLE]
    waiting = [t for t in snapshot.tasks.values()
               if states.is_final(t.state) and not t.processed and t.next_tasks is not None]
    routing.dispatch(turn, routing.take_backlog(turn))
    for task in waiting:
        turn.ready("follow", task.id)
    for task in held:
        turn.ready("start-held", task.id)


def follow_after_pause(turn: Turn, task: Task) -> None:
    """Transitions of a task that completed during the pause, decided again; a ``pause`` among them is ignored (3.13)."""
    if task.processed or not states.is_final(task.state):
        return
    if turn.snapshot.execution.state != states.RUNNING:
        return
    completing.follow(turn, task, ignore_pause=True)


def pause_attempt(turn: Turn, attempt: Attempt) -> None:
    """An asynchronous action, or a child, was paused: so are its task and the execution (L368, L295)."""
    turn.set_attempt(attempt, states.PAUSED)
    task = turn.snapshot.tasks[attempt.task_id] if attempt.task_id else None
    if task is None:
        return
    if task.state == states.RUNNING:
        turn.set_task(task, states.PAUSED)
    if turn.snapshot.execution.state == states.RUNNING:
        ending.pause(turn, None)


def resume_attempt(turn: Turn, attempt: Attempt) -> None:
    """It runs again: so does its task, and the execution unless another task of it is paused (L369, L296)."""
    turn.set_attempt(attempt, states.RUNNING)
    snapshot = turn.snapshot
    task = snapshot.tasks[attempt.task_id] if attempt.task_id else None
    if task is None:
        return
    if task.state == states.PAUSED:
        turn.set_task(task, states.RUNNING)
    others = any(snapshot.tasks[i].state == states.PAUSED for i in snapshot.unfinished)
    if snapshot.execution.state == states.PAUSED and not others:
        resume(turn, None)


def revive_child(turn: Turn, attempt: Attempt) -> None:
    """A task inside an ended child is repeated, so this execution and the child's task run again (L317)."""
    revive(turn)
    if states.is_final(attempt.state):
        attempt.state = states.RUNNING
        turn.snapshot.change_attempt(attempt, state=states.RUNNING, accepted=False, updated_at=turn.now)
    task = turn.snapshot.tasks[attempt.task_id] if attempt.task_id else None
    if task is not None and states.is_final(task.state):
        turn.set_task(task, states.RUNNING, processed=False, next_tasks=None, has_next_tasks=False, error_handled=False)
        turn.snapshot.items.pop(task.id, None)


def revive(turn: Turn) -> None:
    """An ended execution runs again, and its ancestors with it (L312). Raises WorkflowError from SUCCESS."""
    execution = turn.snapshot.execution
    if execution.state == states.RUNNING:
        return
    turn.set_execution(states.RUNNING)
    if execution.parent_execution_id:
        turn.emit(Tell(execution.parent_execution_id, ChildRevived(execution.id)))


def check_repeatable(turn: Turn, task: Task) -> None:
    """Raise RequestError or WorkflowError where a task can be neither rerun nor skipped (L308, L311)."""
    if task.state != states.ERROR:
        raise RequestError("The current task execution must be in ERROR for rerun. Only updating task to rerun is supported.")
    execution = turn.snapshot.execution
    if execution.state == states.SUCCESS:
        raise WorkflowError(
            f"Can't change workflow execution state from SUCCESS to RUNNING. "
            f"[workflow={execution.workflow_name}, execution_id={execution.id}]")


def rerun(turn: Turn, task: Task, *, reset: bool, env: Mapping[str, Any] | None) -> None:
    """Run a failed task again (3.15). Raises RequestError or WorkflowError where that can't be done."""
    check_repeatable(turn, task)
    spec = turn.snapshot.spec.tasks[task.name]
    if not reset and not spec.with_items:
        raise RequestError("Only with-items task has the option to not reset.")
    if turn.snapshot.execution.state == states.PAUSED:
        return
    merge_env(turn, env)
    revive(turn)
    policies.withdraw_attempts(turn, task, keep_successes=not reset)
    triggered = {k: v for k, v in task.runtime_context.items() if k == "triggered_by"}
    turn.snapshot.forget_contexts(task)
    turn.set_task(task, states.RUNNING, runtime_context=triggered, started_at=turn.now, processed=False,
                  next_tasks=None, has_next_tasks=False, error_handled=False)
    turn.ready("rerun", task.id)


def run_again(turn: Turn, task: Task) -> None:
    """The step behind ``rerun``: before-policies, then the work."""
    if task.state != states.RUNNING:
        return
    policies.before_start(turn, task)
    if task.state == states.RUNNING:
        starting.run(turn, task)


def skip(turn: Turn, task: Task, env: Mapping[str, Any] | None) -> None:
    """Skip a failed task that ``check_repeatable`` let through (3.16)."""
    merge_env(turn, env)
    revive(turn)
    completing.skip(turn, task)
