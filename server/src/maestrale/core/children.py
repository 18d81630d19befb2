"""Sub-workflows as seen from their parent: how they start, and how the parent finds the ones that go on (3.17)."""

from __future__ import annotations

from typing import Any

from maestrale.core.action_input import modes_for_child
from maestrale.core.creation import InvalidTargetError, NewExecution, create, create_without_tasks
from maestrale.core.messages import StartChild
from maestrale.core.model import Attempt, Task
from maestrale.core.ports import WorkflowEntry
from maestrale.core.snapshot import Snapshot
from maestrale.core.states import RUNNING
from maestrale.core.turn import HandledFailure, Turn
from maestrale.errors import EvaluationError, InputError, SizeLimitExceededError, WorkflowError


def launch(turn: Turn, task: Task, name: Any, values: dict[str, Any], index: int) -> Attempt:
    """Start a child. Raises HandledFailure where that can't be done (L073, L282)."""
    snapshot = turn.snapshot
    entry = _find_workflow(turn, name)
    _check_timeout(turn, task)
    ident, ordinal = snapshot.new_id("attempt")
    request = _request(snapshot, task, entry, ident, values, index)
    options = snapshot.program.options
    attempt = Attempt(
        id=ident, kind="workflow", created_at=turn.now, updated_at=turn.now, execution_id=snapshot.execution.id, task_id=task.id,
        ordinal=ordinal, index=index, project_id=snapshot.execution.project_id, name=entry.name, namespace=entry.namespace,
        state=RUNNING, runtime_context={"index": index})
    try:
        child = create(request, turn.ports, turn.now, turn.limits, options)
    except InvalidTargetError as error:
        # As in Mistral there is a child then, RUNNING and without tasks, that the task knows nothing of any more; see ending.
        attempt.runtime_context["_abandoned"] = True
        snapshot.add_attempt(attempt)
        turn.emit(StartChild(create_without_tasks(request, turn.ports, turn.now, turn.limits, options)))
        raise HandledFailure(str(error)) from error
    except (InputError, WorkflowError, EvaluationError, SizeLimitExceededError) as error:
        raise HandledFailure(str(error)) from error
    snapshot.add_attempt(attempt)
    turn.emit(StartChild(child))
    return attempt


def _check_timeout(turn: Turn, task: Task) -> None:
    """A timeout that nobody could be told, as it needs the environment, fails here too (H68)."""
    own_timeout = turn.snapshot.program.task(task.name).own_timeout
    if own_timeout is not None:
        try:
            own_timeout.evaluate(turn.executor_scope(task))
        except EvaluationError as error:
            raise HandledFailure(str(error)) from error


def _request(
    snapshot: Snapshot, task: Task, entry: WorkflowEntry, ident: str, values: dict[str, Any], index: int,
) -> NewExecution:
    execution = snapshot.execution
    root = execution.root_execution_id or execution.id
    params = {"root_execution_id": root, "task_execution_id": task.id, "index": index,
              "namespace": execution.params.get("namespace", "")}
    if execution.params.get("notify"):
        params["notify"] = execution.params["notify"]
    declared = {parameter.name for parameter in entry.spec.input}
    params |= modes_for_child(execution, {name: value for name, value in values.items() if name not in declared})
    return NewExecution(
        id=ident, entry=entry, input=values, params=params, description="sub-workflow execution",
        project_id=execution.project_id, security=execution.security, openstack=execution.context.get("openstack"),
        task_execution_id=task.id, parent_execution_id=execution.id, root_execution_id=root, index=index,
        env=dict(snapshot.env()))


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
