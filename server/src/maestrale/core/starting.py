"""Putting a task to work: from its name and input to attempts (3.3, 3.4, 3.17, 3.18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from maestrale.core import adhoc, ending, policies, states
from maestrale.core.creation import NewExecution, create
from maestrale.core.dataflow import merge_deep
from maestrale.core.messages import RunAction, StartChild
from maestrale.core.model import Attempt, Task
from maestrale.core.ports import ActionDescriptor, Result, WorkflowEntry
from maestrale.core.program import TaskProgram
from maestrale.core.turn import Turn
from maestrale.errors import (
    ActionError,
    EvaluationError,
    InputError,
    InvalidActionError,
    MaestraleError,
    SizeLimitExceededError,
    WorkflowError,
)
from maestrale.expr import Scope


class HandledFailure(Exception):  # noqa: N818 - it is an outcome, not an error of ours
    """The task fails as if its action had failed, so ``on-error`` and ``retry`` work (3.12)."""


def start(turn: Turn, task: Task) -> None:
    """First run of a task, or a rerun: before-policies, then the work (L229). Anything but IDLE is left alone."""
    if task.state != states.IDLE:
        return
    turn.set_task(task, states.RUNNING, started_at=task.started_at or turn.now)
    policies.before_start(turn, task)
    if task.state == states.RUNNING:
        run(turn, task)


def start_join(turn: Turn, task: Task) -> None:
    """A join whose branches have come together runs: before-policies, then the work."""
    turn.set_task(task, states.RUNNING, started_at=task.started_at or turn.now)
    policies.before_start(turn, task)
    if task.state == states.RUNNING:
        run(turn, task)


def start_without_policies(turn: Turn, task: Task) -> None:
    """A task that was held goes on after resume; its before-policies are not run again (L291)."""
    if task.state != states.IDLE:
        return
    turn.set_task(task, states.RUNNING, started_at=task.started_at or turn.now,
                  runtime_context={k: v for k, v in task.runtime_context.items() if k != "_held"})
    run(turn, task)


def go_on(turn: Turn, task: Task) -> None:
    """A delay is over: run with a fresh inbound context, without the policies that hold (3.4)."""
    context = {k: v for k, v in task.runtime_context.items() if k != "_ready"}
    was_retry = "retry_task_policy" in context
    turn.set_task(task, states.RUNNING, runtime_context=context, started_at=task.started_at or turn.now)
    turn.snapshot.forget_contexts(task)
    if was_retry:
        policies.arm_timeout(turn, task)
    run(turn, task)


def run(turn: Turn, task: Task) -> None:
    """Schedule the work of a RUNNING task. Raises MaestraleError for what forces a failure."""
    spec = turn.snapshot.spec.tasks[task.name]
    if spec.with_items:
        begin_items(turn, task)
        return
    try:
        _launch(turn, task, turn.start_scope(task), 0)
    except HandledFailure as failure:
        turn.ready("complete", task.id, states.ERROR, str(failure))


# ---- with-items


def begin_items(turn: Turn, task: Task) -> None:
    """Evaluate the lists and start as many items as may run (L335, L336)."""
    rows = _item_rows(turn, task)
    capacity = task.runtime_context.get("concurrency") or None
    turn.touch(task, runtime_context={
        **task.runtime_context, "with_items": {"count": len(rows), "capacity": capacity}})
    state = turn.snapshot.items_of(task)
    state.inputs = rows
    state.cursor = 0
    if not rows:
        turn.ready("complete", task.id, states.SUCCESS, None)
        return
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


def continue_items(turn: Turn, task: Task) -> None:
    """Start further items while there is capacity and budget; queue itself again where the budget ended it."""
    if task.state != states.RUNNING or "with_items" not in task.runtime_context:
        return
    state = turn.snapshot.items_of(task)
    if state.inputs is None:
        state.inputs = _item_rows(turn, task)
    capacity = task.runtime_context["with_items"].get("capacity")
    while state.cursor < len(state.inputs) and (not capacity or state.running < capacity):
        if turn.budget <= 0:
            turn.ready("items", task.id)
            return
        index = state.cursor
        state.cursor += 1
        if index in state.by_index:
            continue
        turn.budget -= 1
        try:
            attempt = _launch(turn, task, turn.item_scope(task, state.inputs[index]), index)
        except HandledFailure as failure:
            turn.ready("complete", task.id, states.ERROR, str(failure))
            return
        state.by_index[index] = attempt
        if states.is_final(attempt.state):
            state.done += 1
        else:
            state.running += 1
    if items_finished(turn, task):
        turn.ready("items-done", task.id)


def items_finished(turn: Turn, task: Task) -> bool:
    """Whether every item has ended."""
    count: int = task.runtime_context["with_items"]["count"]
    return turn.snapshot.items_of(task).done >= count


# ---- one attempt


def _launch(turn: Turn, task: Task, scope: Scope, index: int) -> Attempt:
    program = turn.snapshot.program.task(task.name)
    if program.spec.workflow is not None:
        return _launch_child(turn, task, program, scope, index)
    return _launch_action(turn, task, program, scope, index)


def _evaluate_input(task: Task, program: TaskProgram, scope: Scope) -> dict[str, Any]:
    value = program.input.evaluate(scope)
    if not isinstance(value, Mapping):
        raise InputError(f"Wrong dynamic input for task: {task.name}. Dict type is expected. "
                         f"Actual type: {type(value)}. Actual value: {value}")
    return dict(value)


def _item_failure(task: Task, program: TaskProgram, error: MaestraleError) -> Exception:
    """Inside with-items an unknown action or a failing name is a handled failure (L283)."""
    del task
    return HandledFailure(str(error)) if program.spec.with_items else error


def _launch_action(turn: Turn, task: Task, program: TaskProgram, scope: Scope, index: int) -> Attempt:
    snapshot = turn.snapshot
    values = _evaluate_input(task, program, scope)
    try:
        # Item variables are not visible in the name (L123).
        descriptor = _find_action(turn, task, program)
        values = _environment_defaults(turn, program, values)
        target = _target(turn, task, program, values)
    except MaestraleError as error:
        raise _item_failure(task, program, error) from error
    resolved = _resolve(turn, descriptor, values, scope)
    try:
        turn.limits.check("input", values, ending.json_size)
    except SizeLimitExceededError as error:
        raise HandledFailure(str(error)) from error
    context: dict[str, Any] = {"index": index, "safe_rerun": program.spec.safe_rerun}
    if target:
        context["target"] = target
    if program.own_timeout is not None:
        try:
            context["timeout"] = program.own_timeout.evaluate(turn.executor_scope(task))
        except EvaluationError as error:
            raise HandledFailure(str(error)) from error
    if descriptor.adhoc is not None:
        context["base"] = {"name": resolved.descriptor.name, "input": resolved.input}
        context["outputs"] = list(resolved.outputs)
    ident, ordinal = snapshot.new_id("attempt")
    attempt = Attempt(
        id=ident, created_at=turn.now, updated_at=turn.now, execution_id=snapshot.execution.id, task_id=task.id,
        ordinal=ordinal, index=index, project_id=snapshot.execution.project_id, name=descriptor.name,
        namespace=descriptor.namespace, state=states.RUNNING, input=values, is_sync=resolved.descriptor.is_sync,
        idempotent=resolved.descriptor.idempotent, tags=list(task.tags), runtime_context=context)
    snapshot.add_attempt(attempt)
    _set_going(turn, attempt, resolved)
    return attempt


def _find_action(turn: Turn, task: Task, program: TaskProgram) -> ActionDescriptor:
    snapshot = turn.snapshot
    name = program.name.evaluate(turn.start_scope(task)) or "std.noop"
    namespace = snapshot.execution.params.get("namespace") or ""
    if isinstance(name, list | dict):
        raise InvalidActionError(f"Failed to find action [action_name={name}, namespace={namespace}]")
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


def _target(turn: Turn, task: Task, program: TaskProgram, values: Mapping[str, Any]) -> str | None:
    if program.target is None:
        return None
    value = program.target.evaluate(turn.target_scope(task, values))
    return str(value) if value else None


def _resolve(turn: Turn, descriptor: ActionDescriptor, values: dict[str, Any], scope: Scope) -> adhoc.Resolved:
    try:
        resolved = adhoc.resolve(turn.ports.catalogue, descriptor, values, turn.snapshot.execution.project_id,
                                 scope.root, scope.lookup, turn.snapshot.program.options)
    except ActionError as error:
        raise HandledFailure(str(error)) from error
    check = resolved.descriptor.construct_error
    text = check(resolved.input) if check is not None else None
    if text is not None:
        raise HandledFailure(text)
    return resolved


def _set_going(turn: Turn, attempt: Attempt, resolved: adhoc.Resolved) -> None:
    """Run a pure action here and now; leave the others to whoever runs them after the commit."""
    descriptor = resolved.descriptor
    if descriptor.pure is not None:
        try:
            result = descriptor.pure(resolved.input)
        except Exception as error:  # noqa: BLE001 - whatever an action raises is its result
            result = Result(error=raised_text(descriptor.name, attempt.id, error), failed=True)
        if result is not None:
            turn.ready("result", attempt.id, result.state, result.value)
            return
    if descriptor.inert:
        return
    turn.emit(RunAction(attempt))


def raised_text(action: str, attempt_id: str, error: Exception) -> str:
    """The result of an action that raised (L280)."""
    return f"The action raised an exception [action={action}, action_ex_id={attempt_id}, msg='{error}']"


# ---- sub-workflows


def _launch_child(turn: Turn, task: Task, program: TaskProgram, scope: Scope, index: int) -> Attempt:
    snapshot = turn.snapshot
    values = _evaluate_input(task, program, scope)
    turn.limits.check("input", values, ending.json_size)
    try:
        name = program.name.evaluate(turn.start_scope(task))
    except EvaluationError as error:
        raise _item_failure(task, program, error) from error
    entry = _find_workflow(turn, name)
    ident, ordinal = snapshot.new_id("attempt")
    execution = snapshot.execution
    root = execution.root_execution_id or execution.id
    try:
        child = create(NewExecution(
            id=ident, entry=entry, input=values,
            params={"root_execution_id": root, "task_execution_id": task.id, "index": index,
                    **({"notify": execution.params["notify"]} if execution.params.get("notify") else {}),
                    "namespace": execution.params.get("namespace", "")},
            description="sub-workflow execution", project_id=execution.project_id, security=execution.security,
            task_execution_id=task.id, parent_execution_id=execution.id, root_execution_id=root, index=index,
            env=dict(snapshot.env())),
            turn.ports, turn.now, turn.limits, snapshot.program.options)
    except (InputError, WorkflowError, EvaluationError, SizeLimitExceededError) as error:
        raise HandledFailure(str(error)) from error
    attempt = Attempt(
        id=ident, kind="workflow", created_at=turn.now, updated_at=turn.now, execution_id=execution.id, task_id=task.id,
        ordinal=ordinal, index=index, project_id=execution.project_id, name=entry.name, namespace=entry.namespace,
        state=states.RUNNING, runtime_context={"index": index})
    snapshot.add_attempt(attempt)
    turn.emit(StartChild(child))
    return attempt


def _find_workflow(turn: Turn, name: Any) -> WorkflowEntry:
    execution = turn.snapshot.execution
    namespace = execution.params.get("namespace") or ""
    found = None
    workbook = execution.runtime.get("wb_name")
    if isinstance(name, str):
        if workbook:
            found = turn.ports.catalogue.workflow(f"{workbook}.{name}", namespace, execution.project_id)
        found = found or turn.ports.catalogue.workflow(name, namespace, execution.project_id)
    if found is None:
        raise HandledFailure(f"Failed to find workflow [name={name}] [namespace={namespace}]")
    return found
