"""How an execution pauses and ends, whoever asks for it: a command, a rule, a failure or the API (3.9-3.14)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from maestrale.core import joins, output, states
from maestrale.core.messages import ChildCompleted, ChildPaused, Pause, Stop, Tell
from maestrale.core.model import Attempt, Task
from maestrale.core.snapshot import Snapshot
from maestrale.core.turn import Turn
from maestrale.errors import MaestraleError


def json_size(value: Any) -> int:
    """Bytes of the value's JSON text."""
    try:
        return len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except TypeError:
        return len(json.dumps(value, default=str))


def running_children(turn: Turn) -> list[Attempt]:
    """Sub-workflows that have not ended, as far as this execution knows."""
    return [a for a in turn.snapshot.attempts.values() if a.kind == "workflow" and not states.is_final(a.state)]


def info_text(message: Any) -> str | None:
    """What a message looks like as state_info: a mapping and what is empty as JSON, all else as its text (L092)."""
    if message is None or isinstance(message, str):
        return message
    return json.dumps(message) if isinstance(message, dict) or not message else str(message)


def pause(turn: Turn, message: Any, *, asked: bool = False) -> None:
    """RUNNING to PAUSED, with the children first and the parent after it (L287, L294, L295).

    ``asked``: the parent wanted it. Raises WorkflowError for an execution that has ended.
    """
    execution = turn.snapshot.execution
    if execution.state == states.PAUSED:
        return
    message = info_text(message)
    turn.set_execution(states.PAUSED, message)
    for child in running_children(turn):
        if child.state == states.RUNNING:
            turn.emit(Tell(child.id, Pause(message, from_parent=True)))
    if execution.parent_execution_id:
        turn.emit(Tell(execution.parent_execution_id, ChildPaused(execution.id, asked=asked)))


def finish(turn: Turn, state: str, info: str | None, result: Mapping[str, Any]) -> None:
    """Put the execution into a final state with its output, and let the parent know."""
    execution = turn.snapshot.execution
    turn.set_execution(state, info, output=dict(result))
    if execution.parent_execution_id:
        revival = execution.runtime.get("revived", 0)
        turn.emit(Tell(execution.parent_execution_id, ChildCompleted(execution.id, state, execution.output, revival)))


def stop(turn: Turn, state: str, message: Any) -> None:
    """End the execution at once as SUCCESS, ERROR or CANCELLED (3.14). Raises EvaluationError for SUCCESS only.

    A message of a command may be any value (L092).
    """
    if state == states.SUCCESS:
        finish(turn, state, info_text(message), _checked_output(turn))
    elif state == states.ERROR:
        fail(turn, message)
    else:
        _cancel(turn, message)


def fail(turn: Turn, message: Any) -> None:
    """End as ERROR; the output says why (L266, L300). A message that is too long for it is cut."""
    result, info = output.error_output(turn, message)
    limit = turn.limits.field_size_kb * 1024
    if 0 <= limit < json_size(result):
        text = str(result.get("result"))
        excess = json_size(result) - limit
        result = {**result, "result": text[: max(0, len(text) - excess)]}
        if json_size(result) > limit:
            result = {"result": text[:limit // 8]}
    finish(turn, states.ERROR, info_text(info), result)


def _cancel(turn: Turn, message: str | None) -> None:
    """End as CANCELLED. Running actions and children are stopped, delays are off; what has been done is completed still."""
    snapshot = turn.snapshot
    finish(turn, states.CANCELLED, message, {"result": message})
    for child in running_children(turn):
        turn.emit(Tell(child.id, Stop(states.CANCELLED, message)))
    for task in sorted((snapshot.tasks[i] for i in snapshot.unfinished), key=lambda t: t.ordinal):
        for attempt in snapshot.attempts_of[task.id]:
            turn.cancel_attempt(attempt)
        for purpose in ("wait-before", "retry", "timeout"):
            turn.forget_timer(task, purpose)


def _checked_output(turn: Turn) -> dict[str, Any]:
    result = output.success_output(turn)
    turn.limits.check("output", result, json_size)
    return result


def force_failure(turn: Turn, task: Task, text: str) -> None:
    """Task and execution end in ERROR at once; on-clauses and policies don't apply (3.12)."""
    turn.set_task(task, states.ERROR, text, processed=False)
    turn.forget_timers(task)
    joins.note_completed(turn, task)
    if turn.snapshot.execution.state == states.RUNNING:
        fail(turn, text)


def no_such_target(snapshot: Snapshot) -> str:
    """Why a reverse workflow can't run (L361)."""
    return f"Invalid task name [wf_spec={snapshot.spec.name}, task_name={snapshot.execution.params.get('task_name')}]"


def end_without_target(turn: Turn) -> None:
    """End a sub-workflow that has nothing to run, as its target doesn't exist.

    Mistral leaves such an execution RUNNING for ever. Here it is RUNNING at first, too, and ends once it is told to continue, which the
    engine does with every execution that nothing would wake.
    """
    if turn.snapshot.execution.state == states.RUNNING and is_targetless(turn.snapshot):
        fail(turn, no_such_target(turn.snapshot))


def is_targetless(snapshot: Snapshot) -> bool:
    """Whether an execution has nothing to run, and never had; see ``creation.create_without_tasks``."""
    return bool(snapshot.execution.runtime.get("targetless")) and not snapshot.tasks


def complete_if_done(turn: Turn) -> None:
    """End a running execution that has nothing incomplete left (3.9)."""
    snapshot = turn.snapshot
    execution = snapshot.execution
    if execution.state != states.RUNNING or snapshot.unfinished or execution.runtime.get("backlog") or is_targetless(snapshot):
        return
    state = output.verdict(snapshot)
    if state == states.CANCELLED:
        text = output.cancelled_text(snapshot)
        finish(turn, state, text, {"result": text})
    elif state == states.ERROR:
        fail(turn, output.failure_report(snapshot))
    else:
        try:
            finish(turn, state, None, _checked_output(turn))
        except MaestraleError as error:
            fail(turn, f"Failed to check and complete [wf_ex_id={execution.id}, wf_name={execution.workflow_name}]: {error}")
