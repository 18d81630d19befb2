"""A new execution: what is checked and evaluated before anything is stored (1.5, 1.6, 1.22, 1.23)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maestrale.core import ending, routing, states
from maestrale.core.adhoc import check_input, with_defaults
from maestrale.core.lease import lease_of
from maestrale.core.lookup import EnvironmentLookup, SnapshotLookup
from maestrale.core.model import Execution
from maestrale.core.ports import WorkflowEntry
from maestrale.core.program import Program
from maestrale.core.snapshot import Snapshot
from maestrale.core.turn import Limits, Ports, Turn
from maestrale.errors import InputError, WorkflowError
from maestrale.expr import DEFAULT, ContextView, Options, Scope, compile_value
from maestrale.lang.specs import WorkflowSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExecution:
    """A start. ``params`` as given (``env`` a mapping or a stored environment's name); ``env`` only for children: the root's.

    A child has an ``env`` in its params too, the one it was given by mistake or an empty one; ``env()`` doesn't look at it (H82).
    """

    id: str
    entry: WorkflowEntry
    input: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    project_id: str
    security: Mapping[str, Any] = field(default_factory=dict)
    task_execution_id: str | None = None
    parent_execution_id: str | None = None
    root_execution_id: str | None = None
    index: int = 0
    env: Mapping[str, Any] | None = None
    openstack: Mapping[str, Any] | None = None
    program: Program | None = None


class InvalidTargetError(WorkflowError):
    """A reverse workflow was started without naming one of its tasks (L361)."""


def create(
    request: NewExecution, ports: Ports, now: datetime, limits: Limits, options: Options = DEFAULT,
) -> Snapshot:
    """A RUNNING execution with its start tasks IDLE (L228, L229).

    Raises InputError, WorkflowError, EvaluationError or SizeLimitExceededError; then there is nothing to store.
    """
    turn = _begin(request, ports, now, limits, options)
    spec, params = turn.snapshot.spec, turn.snapshot.execution.params
    target = params.get("task_name")
    if spec.type == "reverse" and not (isinstance(target, str) and target in spec.tasks):
        raise InvalidTargetError(ending.no_such_target(turn.snapshot))
    names = routing.ready_tasks(turn) if spec.type == "reverse" else spec.start_tasks
    for name in names:
        routing.run_task(turn, routing.Command(name))
    turn.snapshot.launch_effects = turn.effects
    return turn.snapshot


def create_without_tasks(
    request: NewExecution, ports: Ports, now: datetime, limits: Limits, options: Options = DEFAULT,
) -> Snapshot:
    """An execution whose target doesn't exist; it ends when it is told to continue; see ``children``."""
    turn = _begin(request, ports, now, limits, options)
    execution = turn.snapshot.execution
    execution.set(runtime={**execution.runtime, "targetless": True})
    turn.snapshot.launch_effects = turn.effects
    return turn.snapshot


def _begin(request: NewExecution, ports: Ports, now: datetime, limits: Limits, options: Options) -> Turn:
    spec = request.entry.spec
    program = request.program or Program(spec, options)
    values, params = _input_and_params(request, spec)
    limits.check("input", values, ending.json_size)
    limits.check("params", params, ending.json_size)
    if request.task_execution_id is None:
        lease_of(params)
    params["env"] = _environment(request, params, ports, now, options)
    execution = Execution(
        id=request.id, created_at=now, updated_at=now, started_at=now, project_id=request.project_id,
        workflow_id=request.entry.id, workflow_name=request.entry.name, workflow_namespace=request.entry.namespace,
        spec_digest=request.entry.spec_digest, description=request.description, tags=list(spec.tags),
        state=states.IDLE, input=values, params=params, security=dict(request.security),
        context={"__execution": {"id": request.id}, **({"openstack": dict(request.openstack)} if request.openstack else {})},
        task_execution_id=request.task_execution_id, parent_execution_id=request.parent_execution_id,
        root_execution_id=request.root_execution_id,
        runtime={"index": request.index, **({"wb_name": request.entry.workbook} if request.entry.workbook else {}),
                 **({"env": dict(request.env)} if request.env else {})})
    turn = Turn(Snapshot(execution, spec, program), ports, now, limits, budget=0)
    if spec.vars:
        _evaluate_vars(turn)
    turn.set_execution(states.RUNNING)
    return turn


def _input_and_params(request: NewExecution, spec: WorkflowSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    values, params = dict(request.input), dict(request.params)
    if request.task_execution_id is not None:
        # What a sub-workflow doesn't declare becomes params (L163); the engine's own keys can't be overwritten (H48).
        declared = {p.name for p in spec.input}
        extra = {k: v for k, v in values.items() if k not in declared}
        values = {k: v for k, v in values.items() if k in declared}
        params = {**extra, **params}
    check_input(spec.name, spec.class_name, spec.input, values, open_input=False)
    params.setdefault("namespace", request.entry.namespace)
    return with_defaults(spec.input, values), params


def _environment(
    request: NewExecution, params: Mapping[str, Any], ports: Ports, now: datetime, options: Options,
) -> dict[str, Any]:
    given = params.get("env")
    if not given:
        return {}
    if isinstance(given, str):
        stored = ports.catalogue.environment(given, request.project_id)
        if stored is None:
            raise InputError(f"Environment is not found: {given}")
        given = stored
    if not isinstance(given, Mapping):
        raise InputError(f"Unexpected value type for environment [env={given}, type={type(given)}]")
    if params.get("evaluate_env", True) is False:
        return dict(given)
    scope = Scope(ContextView([{"__env": given}]), EnvironmentLookup(given, request.id, now))
    return dict(compile_value(dict(given), options).evaluate(scope))


def _evaluate_vars(turn: Turn) -> None:
    snapshot = turn.snapshot
    execution = snapshot.execution
    view = ContextView([{"__env": snapshot.env()}, execution.context, execution.input])
    lookup = SnapshotLookup(snapshot, turn.ports.records, turn.now)
    values = snapshot.program.vars.evaluate(Scope(view, lookup))
    execution.set(context={**execution.context, **values})
