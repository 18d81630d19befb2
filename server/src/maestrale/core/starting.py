"""Putting a task to work: from its name and input to attempts (3.3, 3.4, 3.18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from maestrale.core import action_input, adhoc, children, ending, policies, states
from maestrale.core.dataflow import merge_deep
from maestrale.core.derived import ItemsState
from maestrale.core.messages import RunAction
from maestrale.core.model import Attempt, Task
from maestrale.core.ports import ActionDescriptor, Result
from maestrale.core.program import TaskProgram
from maestrale.core.turn import HandledFailure, Turn
from maestrale.errors import (
    ActionError,
    EvaluationError,
    InputError,
    InvalidActionError,
    MaestraleError,
    SizeLimitExceededError,
)
from maestrale.expr import Scope


def start(turn: Turn, task: Task) -> None:
    """First run of a task: before-policies, then the work (L229). Nothing is started in a cancelled execution."""
    if task.state == states.IDLE and turn.snapshot.execution.state != states.CANCELLED:
        begin(turn, task)


def begin(turn: Turn, task: Task) -> None:
    """Before-policies, then the work; also for a join whose branches have come together."""
    turn.set_task(task, states.RUNNING, started_at=task.started_at or turn.now)
    policies.before_start(turn, task)
    if task.state == states.RUNNING:
        run(turn, task)


def start_without_policies(turn: Turn, task: Task) -> None:
    """A task that was held goes on after resume; its before-policies are not run again (L291)."""
    if task.state != states.IDLE or turn.snapshot.execution.state != states.RUNNING:
        return
    turn.set_task(task, states.RUNNING, started_at=task.started_at or turn.now,
                  runtime_context={k: v for k, v in task.runtime_context.items() if k != "_held"})
    run(turn, task)


def run_again(turn: Turn, task: Task) -> None:
    """The step behind a rerun: before-policies, then the work."""
    if task.state != states.RUNNING or not task.runtime_context.get("_rerun"):
        return
    turn.touch(task, runtime_context={k: v for k, v in task.runtime_context.items() if k != "_rerun"})
    policies.before_start(turn, task)
    if task.state == states.RUNNING:
        run(turn, task)


def go_on(turn: Turn, task: Task) -> None:
    """A delay is over: run with a fresh inbound context, without the policies that hold (3.4)."""
    context = {k: v for k, v in task.runtime_context.items() if k != "_ready"}
    was_retry = "retry_task_policy" in context
    turn.set_task(task, states.RUNNING, runtime_context=context, started_at=task.started_at or turn.now)
    turn.snapshot.refresh_inbound(task)
    if was_retry:
        policies.arm_timeout(turn, task)
    run(turn, task)


def run(turn: Turn, task: Task) -> None:
    """Schedule the work of a RUNNING task. Raises MaestraleError for what forces a failure, HandledFailure for others."""
    program = turn.snapshot.program.task(task.name)
    if program.spec.with_items:
        begin_items(turn, task)
    else:
        values = _evaluate_input(task, program, turn.start_scope(task))
        _launch(turn, task, program, values, None, 0)


# ---- with-items


def begin_items(turn: Turn, task: Task) -> None:
    """Evaluate the lists; as many items as may run are started by a step of their own (L335, L336)."""
    rows = _item_rows(turn, task)
    capacity = task.runtime_context.get("concurrency") or None
    turn.touch(task, runtime_context={
        **task.runtime_context, "with_items": {"count": len(rows), "capacity": capacity}})
    turn.snapshot.items.pop(task.id, None)
    turn.snapshot.items_of(task).rows = rows
    turn.ready("items", task.id)


def _item_rows(turn: Turn, task: Task) -> list[dict[str, Any]]:
    program = turn.snapshot.program.task(task.name)
    scope = turn.start_scope(task)
    values = {name: template.evaluate(scope) for name, template in program.items.items()}
    shown = {name: value for name, value in values.items() if isinstance(value, Iterable)}
    if len(shown) < len(values):
        raise InputError(f"Wrong input format for: {shown}. Iterable type is expected for each value.")
    lists = {name: list(value) for name, value in values.items()}
    if len({len(each) for each in lists.values()}) > 1:
        raise InputError(f"Wrong input format for: {values}. All arrays must have the same length.")
    names = list(lists)
    return [dict(zip(names, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def continue_items(turn: Turn, task: Task) -> bool:
    """Start further items while there is capacity; queue itself again where the budget ended it. True if all have ended.

    A step starts at least one, so that any budget comes to an end. Nothing is started in a cancelled execution.
    """
    if task.state != states.RUNNING or "with_items" not in task.runtime_context:
        return False
    program = turn.snapshot.program.task(task.name)
    state = turn.snapshot.items_of(task)
    if turn.snapshot.execution.state != states.CANCELLED:
        _prepare_items(turn, task, program, state)
    while state.prepared:
        index, values = state.prepared.popleft()
        state.by_index[index] = _launch(turn, task, program, values, (state.rows or [])[index], index)
        state.running += 1
        turn.budget -= 1
        if turn.budget <= 0 and state.prepared:
            turn.ready("items", task.id)
            return False
    return items_finished(turn, task)


def _prepare_items(turn: Turn, task: Task, program: TaskProgram, state: ItemsState) -> None:
    """Evaluate the inputs of all items that may start now, before any of them does: one that fails stops all."""
    if state.rows is None:
        state.rows = _item_rows(turn, task)
    capacity = task.runtime_context["with_items"].get("capacity")
    while state.cursor < len(state.rows) and (not capacity or state.running + len(state.prepared) < capacity):
        index = state.cursor
        if index not in state.by_index:
            scope = turn.item_scope(task, state.rows[index])
            state.prepared.append((index, _evaluate_input(task, program, scope)))
        state.cursor += 1


def items_finished(turn: Turn, task: Task) -> bool:
    """Whether every item has ended."""
    count: int = task.runtime_context["with_items"]["count"]
    return turn.snapshot.items_of(task).done >= count


# ---- one attempt


def _evaluate_input(task: Task, program: TaskProgram, scope: Scope) -> dict[str, Any]:
    value = program.input.evaluate(scope)
    if not isinstance(value, Mapping):
        raise InputError(f"Wrong dynamic input for task: {task.name}. Dict type is expected. "
                         f"Actual type: {type(value)}. Actual value: {value}")
    return dict(value)


def _launch(
    turn: Turn, task: Task, program: TaskProgram, values: dict[str, Any], item: Mapping[str, Any] | None, index: int,
) -> Attempt:
    """Start one attempt. Inside with-items an unknown action or a failing name is a handled failure (L283)."""
    try:
        # The variables of an item are not visible in the name (L123).
        name = program.name.evaluate(turn.start_scope(task))
        if program.spec.workflow is None:
            descriptor = _find_action(turn, name or "std.noop")
            values = _environment_defaults(turn, program, values)
            target = _target(turn, task, program, values, item)
    except MaestraleError as error:
        if item is not None:
            raise HandledFailure(str(error)) from error
        raise
    if program.spec.workflow is not None:
        return children.launch(turn, task, name, values, index)
    return _launch_action(turn, task, descriptor, values, {
        "index": index, "safe_rerun": program.spec.safe_rerun, **({"target": target} if target else {})}, item)


def _launch_action(
    turn: Turn, task: Task, descriptor: ActionDescriptor, values: dict[str, Any], context: dict[str, Any],
    item: Mapping[str, Any] | None,
) -> Attempt:
    snapshot = turn.snapshot
    resolved = _resolve(turn, descriptor, values, turn.start_scope(task) if item is None else turn.item_scope(task, item))
    resolved = action_input.completed(turn, task, resolved, context["index"])
    base = adhoc.carried_out_by(descriptor, resolved)
    if base is not None:
        context["base"] = base
    if descriptor.adhoc is None:
        values = resolved.input
    else:
        values = adhoc.with_defaults(descriptor.adhoc.input, values)
        context["outputs"] = list(resolved.outputs)
    try:
        turn.limits.check("input", values, ending.json_size)
        own_timeout = snapshot.program.task(task.name).own_timeout
        if own_timeout is not None:
            context["timeout"] = own_timeout.evaluate(turn.executor_scope(task))
    except (SizeLimitExceededError, EvaluationError) as error:
        raise HandledFailure(str(error)) from error
    ident, ordinal = snapshot.new_id("attempt")
    attempt = Attempt(
        id=ident, created_at=turn.now, updated_at=turn.now, execution_id=snapshot.execution.id, task_id=task.id,
        ordinal=ordinal, index=context["index"], project_id=snapshot.execution.project_id, name=descriptor.name,
        namespace=descriptor.namespace, state=states.RUNNING, input=values, is_sync=resolved.descriptor.is_sync,
        idempotent=resolved.descriptor.idempotent, runtime_context=context)
    snapshot.add_attempt(attempt)
    _set_going(turn, attempt, resolved)
    return attempt


def _find_action(turn: Turn, name: Any) -> ActionDescriptor:
    snapshot = turn.snapshot
    namespace = snapshot.execution.params.get("namespace") or ""
    found = None
    if not isinstance(name, list | dict):
        name = str(name)
        project = snapshot.execution.project_id
        workbook = snapshot.execution.runtime.get("wb_name")
        found = turn.ports.catalogue.action(f"{workbook}.{name}", namespace, project) if workbook else None
        found = found or turn.ports.catalogue.action(name, namespace, project)
    if found is None:
        raise InvalidActionError(f"Failed to find action [action_name={name}, namespace={namespace}]")
    return found


def _environment_defaults(turn: Turn, program: TaskProgram, values: dict[str, Any]) -> dict[str, Any]:
    """``__actions`` of the execution's own environment, for a name written exactly so (L159)."""
    given = turn.snapshot.execution.params.get("env") or {}
    defaults = given.get("__actions", {}) if isinstance(given, Mapping) else {}
    mine = defaults.get(program.spec.action) if isinstance(defaults, Mapping) else None
    return merge_deep(mine, values) if isinstance(mine, Mapping) else values


def _target(
    turn: Turn, task: Task, program: TaskProgram, values: Mapping[str, Any], item: Mapping[str, Any] | None,
) -> str | None:
    if program.target is None:
        return None
    value = program.target.evaluate(turn.target_scope(task, values, item))
    return str(value) if value else None


def _resolve(turn: Turn, descriptor: ActionDescriptor, values: dict[str, Any], scope: Scope) -> adhoc.Resolved:
    try:
        resolved = adhoc.resolve(turn.ports.catalogue, descriptor, values, turn.snapshot.execution.project_id,
                                 scope.root, scope.lookup, turn.snapshot.program.options)
    except ActionError as error:
        raise HandledFailure(str(error)) from error
    base = resolved.descriptor
    text = base.construct_error(resolved.input) if base.construct_error is not None else None
    if text is not None:
        raise HandledFailure(f"Failed to instantiate an action [action_desc=Python action [name={base.name}, "
                             f"cls=<class '{base.class_name}'>]]: {text}")
    return resolved


def _set_going(turn: Turn, attempt: Attempt, resolved: adhoc.Resolved) -> None:
    """Run a pure action here and now; leave the others to whoever runs them after the commit."""
    descriptor = resolved.descriptor
    if descriptor.pure is not None:
        try:
            result = descriptor.pure(resolved.input)
        except Exception as error:  # noqa: BLE001 - whatever an action raises is its result
            result = Result(error=raised_text(descriptor, attempt.id, error), failed=True)
        if result is not None:
            turn.settled.append((attempt, result.state, result.value))
            return
    if not descriptor.inert:
        turn.emit(RunAction(attempt))


def raised_text(descriptor: ActionDescriptor, attempt_id: str, error: Exception) -> str:
    """The result of an action that raised (L280); an error may say how its action is named."""
    action = getattr(error, "action", f"<{descriptor.class_name or descriptor.name} object>")
    return f"The action raised an exception [action={action}, action_ex_id={attempt_id}, msg='{error}']"
