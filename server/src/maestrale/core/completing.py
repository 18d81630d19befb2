"""From the result of an attempt to the end of its task and to what follows (3.5)."""

from __future__ import annotations

from typing import Any

from maestrale.core import ending, joins, policies, routing, starting, states
from maestrale.core.adhoc import apply_outputs
from maestrale.core.dataflow import merge_deep
from maestrale.core.lookup import SnapshotLookup
from maestrale.core.messages import ChildCompleted
from maestrale.core.model import Attempt, Task
from maestrale.core.turn import Turn
from maestrale.errors import ConflictError, MaestraleError

ITEMS_FAILED = "One or more actions had failed."
ITEMS_CANCELLED = "One or more actions was cancelled."


def take_result(turn: Turn, attempt: Attempt, state: str, value: Any) -> None:
    """An action ended. Raises ConflictError if it had already (L367), MaestraleError for what forces a failure.

    A result counts once. One that comes after its task was given up (a timeout, a retry) is recorded with the action
    and changes nothing else (L345, L346 decided: the reference lets it change the task).
    """
    if states.is_final(attempt.state):
        raise ConflictError(f"Action {attempt.id} is already completed")
    task = turn.snapshot.tasks[attempt.task_id] if attempt.task_id else None
    counts = not attempt.runtime_context.get("_abandoned")
    _load_items(turn, task)
    try:
        if task is not None and state == states.SUCCESS:
            value = _transformed(turn, task, attempt, value)
        turn.limits.check("output", {"result": value}, ending.json_size)
    except MaestraleError as error:
        turn.set_attempt(attempt, states.ERROR, output={"result": str(error)}, state_info=str(error))
        if task is not None and counts:
            _note_item(turn, task, attempt)
            raise
        return
    turn.set_attempt(attempt, state, output={"result": value}, accepted=counts)
    if task is not None and counts:
        _after_attempt(turn, task, attempt, value)


def _transformed(turn: Turn, task: Task, attempt: Attempt, value: Any) -> Any:
    outputs = attempt.runtime_context.get("outputs")
    if not outputs:
        return value
    lookup = SnapshotLookup(turn.snapshot, turn.ports.records, turn.now, task)
    return apply_outputs(outputs, value, lookup, turn.snapshot.program.options)


def take_child(turn: Turn, attempt: Attempt, message: ChildCompleted) -> None:
    """A sub-workflow ended. News from before it was revived is no news (L317)."""
    if states.is_final(attempt.state) or message.revival < attempt.runtime_context.get("_revived", 0):
        return
    output = dict(message.output or {})
    counts = not attempt.runtime_context.get("_abandoned")
    task = turn.snapshot.tasks[attempt.task_id] if attempt.task_id else None
    _load_items(turn, task)
    turn.set_attempt(attempt, message.state, output=output, accepted=counts)
    if counts and task is not None:
        _after_attempt(turn, task, attempt, output.get("result"))


def _load_items(turn: Turn, task: Task | None) -> None:
    """Have the state of the items at hand before one of them changes."""
    if task is not None and "with_items" in task.runtime_context:
        turn.snapshot.items_of(task)


def _note_item(turn: Turn, task: Task, attempt: Attempt) -> None:
    if "with_items" not in task.runtime_context:
        return
    state = turn.snapshot.items_of(task)
    if state.by_index.get(attempt.index) is attempt:
        state.done += 1
        state.running -= 1


def _after_attempt(turn: Turn, task: Task, attempt: Attempt, value: Any) -> None:
    if states.is_final(task.state):
        return
    if turn.snapshot.spec.tasks[task.name].with_items:
        _note_item(turn, task, attempt)
        if attempt.state == states.CANCELLED:
            complete(turn, task, states.CANCELLED, ITEMS_CANCELLED)
        elif starting.items_finished(turn, task):
            finish_items(turn, task)
        else:
            turn.ready("items", task.id)
        return
    info = None
    if attempt.state != states.SUCCESS and value:
        info = readable(value)
    complete(turn, task, attempt.state, info)


def readable(value: Any) -> str:
    """An error value as state_info: its ``message`` where an action of ours gives one beside the data, else its text (L232)."""
    if isinstance(value, dict) and isinstance(value.get("message"), str) and "failed_tasks" in value:
        return str(value["message"])
    return str(value)


def finish_items(turn: Turn, task: Task) -> None:
    """All items have ended (L332-L335)."""
    if states.is_final(task.state) or task.state == states.DELAYED:
        return
    found = {a.state for a in turn.snapshot.items_of(task).by_index.values()}
    if states.CANCELLED in found:
        complete(turn, task, states.CANCELLED, ITEMS_CANCELLED)
    elif states.ERROR in found:
        complete(turn, task, states.ERROR, ITEMS_FAILED)
    else:
        complete(turn, task, states.SUCCESS, None)


def complete(turn: Turn, task: Task, state: str, info: str | None) -> None:
    """The task comes to an end, unless a policy has more to say. Raises MaestraleError for what forces a failure."""
    if states.is_final(task.state):
        return
    context = {k: v for k, v in turn.snapshot.thawed(task).items() if k not in _PASSING}
    turn.set_task(task, state, info, runtime_context=context)
    turn.snapshot.refresh_inbound(task)
    _publish(turn, task)
    _drop_results(turn, task)
    policies.after_completion(turn, task)
    if states.is_final(task.state):
        follow(turn, task)


_PASSING = frozenset({"_end", "_ready", "_held"})
"""Marks of a task that waits for something; once it is complete they are void."""


def check_skip(turn: Turn, task: Task) -> None:
    """Raise EvaluationError for a publication or a condition that fails, before anything is changed: a skip is refused then."""
    publication, published = turn.snapshot.program.task(task.name).publications[states.SKIPPED], task.published
    if publication.declared:
        scope = turn.publish_scope(task)
        published = publication.branch.evaluate(scope) if publication.branch is not None else None
        if publication.global_ is not None:
            publication.global_.evaluate(scope)
    with turn.snapshot.supposing(task, states.SKIPPED, published):
        routing.next_commands(turn, task)


def skip(turn: Turn, task: Task) -> None:
    """End a failed task as SKIPPED: its publication, no policies, then what follows (L320-L322).

    What its runtime context said of policies, items and triggers is gone, as in Mistral; only what the engine itself needs stays.
    """
    context = {name: value for name, value in task.runtime_context.items() if name.startswith("_")}
    context.setdefault("_sources", [each["task_id"] for each in task.runtime_context.get("triggered_by", ())])
    if "with_items" in task.runtime_context:
        context["_with_items"] = True
    turn.set_task(task, states.SKIPPED, "Task was skipped.", runtime_context=context)
    if turn.snapshot.program.task(task.name).publications[states.SKIPPED].declared:
        turn.snapshot.refresh_inbound(task)
        _publish(turn, task)
    follow(turn, task)


def recover(turn: Turn, task: Task) -> None:
    """A task that runs while nothing runs for it takes the result that it has, else it runs again (L411)."""
    if task.state != states.RUNNING:
        return
    counted = [a for a in turn.snapshot.attempts_of[task.id] if a.accepted]
    if counted:
        last = counted[-1]
        value = last.output.get("result")
        complete(turn, task, last.state, readable(value) if last.state != states.SUCCESS and value else None)
    else:
        starting.run(turn, task)


def _publish(turn: Turn, task: Task) -> None:
    if task.state == states.CANCELLED:
        return
    publication = turn.snapshot.program.task(task.name).publications[task.state]
    if not publication.declared:
        return
    scope = turn.publish_scope(task)
    branch = publication.branch.evaluate(scope) if publication.branch is not None else None
    turn.limits.check("published", branch, ending.json_size)
    # What the branch gets stays published where an expression for a global variable fails.
    turn.touch(task, published=branch)
    globals_ = publication.global_.evaluate(scope) if publication.global_ is not None else None
    if globals_:
        turn.touch(task, published_global=globals_)
        execution = turn.snapshot.execution
        execution.set(context=merge_deep(execution.context, globals_), updated_at=turn.now)


def _drop_results(turn: Turn, task: Task) -> None:
    """``keep-result: false`` empties the results of actions (L231); the output of a sub-workflow is its own and stays."""
    if turn.snapshot.spec.tasks[task.name].keep_result:
        return
    for attempt in turn.snapshot.attempts_of[task.id]:
        if attempt.output and attempt.kind == "action":
            turn.snapshot.change_attempt(attempt, output={})


def follow(turn: Turn, task: Task, *, ignore_pause: bool = False) -> None:
    """Decide and dispatch what comes after a completed task (3.5 steps 6 to 10).

    While the execution is PAUSED it is decided and noted only, and decided again on resume.
    """
    turn.forget_timers(task)
    commands = routing.next_commands(turn, task)
    if ignore_pause:
        commands = [c for c in commands if not (c.is_command and c.name == "pause")]
    next_tasks: list[list[Any]] = [[c.name, c.event] for c in commands if not c.is_command]
    values: dict[str, Any] = {"next_tasks": next_tasks, "has_next_tasks": bool(next_tasks)}
    if task.state != states.SKIPPED:
        values["error_handled"] = task.state == states.ERROR and any(c.event == "on-error" for c in commands)
    context = {k: v for k, v in task.runtime_context.items() if k != "_follow"}
    if turn.snapshot.execution.state == states.PAUSED:
        turn.touch(task, processed=False, runtime_context={**context, "_follow": True}, **values)
        return
    turn.touch(task, processed=True, runtime_context=context, **values)
    routing.dispatch(turn, commands)
    joins.note_completed(turn, task)


def refresh_join(turn: Turn, task: Task) -> list[str] | None:
    """A waiting join learns whether it may run, or goes on waiting (3.7). Only a running execution decides.

    Gives the names of the tasks that failed it where it can't run any more.
    """
    snapshot = turn.snapshot
    if task.state != states.WAITING or snapshot.execution.state != states.RUNNING:
        return None
    if "retry" in task.runtime_context.get("_timers", {}):
        return None
    verdict = joins.decide_join(snapshot, task)
    if verdict == states.WAITING:
        return None
    found = joins.join_state(snapshot, task)
    if verdict == states.ERROR:
        return found.names(states.ERROR)
    _run_join(turn, task, found.names(states.RUNNING))
    return None


def _run_join(turn: Turn, task: Task, led: list[str]) -> None:
    snapshot = turn.snapshot
    triggers = []
    for name in led:
        source = snapshot.latest(name)
        if source is not None:
            triggers.append({"task_id": source.id, "event": joins.event_of(source, task.name)})
    context = {k: v for k, v in snapshot.thawed(task).items() if k != "_ready"} | {"triggered_by": triggers}
    snapshot.joins.pop(task.id, None)
    turn.touch(task, runtime_context=context)
    snapshot.refresh_inbound(task)
    if "retry_task_policy" in context:
        starting.go_on(turn, task)
    else:
        starting.begin(turn, task)


def fail_join(turn: Turn, task: Task, failed: list[str], text: str) -> None:
    """A join that can't run ends in ERROR without an action; its own ``on-error`` may handle that (L235, L236)."""
    snapshot = turn.snapshot
    triggers = []
    for name in failed:
        source = snapshot.latest(name)
        event = joins.NOT_TRIGGERED if source is not None else joins.IMPOSSIBLE_ROUTE
        triggers.append({"task_id": source.id if source is not None else None, "event": event})
    context = {k: v for k, v in snapshot.thawed(task).items() if k != "_ready"}
    turn.touch(task, runtime_context={**context, "triggered_by": triggers})
    snapshot.joins.pop(task.id, None)
    complete(turn, task, states.ERROR, text)
