"""/v2/executions (1.9): start, change, delete and read workflow executions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import Body, read_json
from maestrale.api.call import Call
from maestrale.api.errors import shown
from maestrale.api.listing import Filter, parse_uuid
from maestrale.api.openapi import (
    fields_parameter,
    json_body,
    listing_parameters,
    literal,
    many,
    mapping,
    one,
    operation,
    parameter,
    text,
)
from maestrale.api.report import REPORT_EXAMPLE, build_report
from maestrale.api.resources import EXECUTIONS, TASKS, Kind
from maestrale.api.routes import Asked, Endpoint
from maestrale.api.tasks import task_row
from maestrale.api.wire import (
    EXECUTION_SHOWN,
    Row,
    execution_record,
    execution_row,
    no_content,
    page,
    reply,
    shape,
)
from maestrale.core.model import Execution
from maestrale.engine import StartRequest
from maestrale.errors import RequestError
from maestrale.store import Connection, queries, reports
from maestrale.store.encoding import loads

ARGUMENT = "wf_ex"
KNOWN = frozenset(EXECUTIONS.field_names)
READ_ONLY = frozenset({"project_id"})
ALLOWED = ("RUNNING", "PAUSED", "SUCCESS", "ERROR", "CANCELLED")
LONGEST_ID = 64
INTERNAL, OPENSTACK = "__", "openstack"
"""What an execution's context holds besides variables."""

NO_WORKFLOW = "Workflow ID or workflow name must be provided. Workflow ID is recommended."
NOTHING = "The property state, description, or env is not provided for update."
DESCRIPTION_APART = "The property description must be updated separately from state."
ENV_ALONE = "The property env can only be updated when workflow execution is not running or on resume from pause."


# ---- reading


def list_executions(call: Call) -> Response:
    """A page of executions, without their output unless asked for."""
    reads.refuse_foreign_project(call)
    return reads.answer(call, EXECUTIONS, all_projects_rule="executions:list:all_projects", prepare=execution_row)


def get_execution(call: Call, identifier: str) -> Response:
    """One execution with its output and its global variables."""
    names = reads.single_fields(call, EXECUTIONS) or EXECUTION_SHOWN
    return reply(shape(EXECUTIONS, _full_row(call, identifier, names), names))


def _full_row(call: Call, identifier: str, names: tuple[str, ...]) -> Row:
    """The fields of one execution.

    Global variables are collected from the tasks, which is done only where the context holds more than internals.
    """
    stored = [name for name in names if (column := EXECUTIONS.column(name)) is not None and column.stored]
    scope = reads.scope_of(call.caller)

    def read(conn: Connection) -> dict[str, Any]:
        if "published_global" not in names:
            return queries.get_(conn, "executions", scope, identifier, fields=stored)
        row = queries.get_(conn, "executions", scope, identifier, fields=[*stored, "context"])
        has_variables = any(not name.startswith(INTERNAL) and name != OPENSTACK for name in loads(row.pop("context")))
        row["published_global"] = reports.published_global(conn, scope, identifier) if has_variables else "{}"
        return row

    return execution_row(call.parts.database.run_look(read))


def list_execution_tasks(call: Call, identifier: str) -> Response:
    """A page of the execution's own tasks."""
    parse_uuid("workflow_execution_id", identifier)
    reads.get(call, EXECUTIONS, identifier, fields=["id"])
    return reads.answer(call, TASKS, where=[Filter("workflow_execution_id", "eq", identifier)], prepare=task_row)


def list_sub_executions(call: Call, identifier: str) -> Response:
    """The execution and everything that it started, nearest first."""
    return answer_tree(call, execution_id=identifier)


def answer_tree(call: Call, *, execution_id: str | None = None, task_id: str | None = None) -> Response:
    """The list of 1.9.5, of an execution or of a task. It has no pages, so one of many is sent as it is read."""
    arguments = call.arguments
    arguments.allow_only("errors_only", "max_depth", "include_output")
    with_output = arguments.flag("include_output")
    names = [name for name in EXECUTION_SHOWN if name not in {"published_global", "output"}] + (["output"] if with_output else [])
    max_depth, errors_only = arguments.integer("max_depth", default=-1), arguments.flag("errors_only")

    scope = reads.scope_of(call.caller)

    def read(ids: Sequence[str]) -> list[Row]:
        found = call.parts.database.run_read(
            lambda conn: queries.by_ids(conn, "executions", scope, ids, fields=names, include_output=with_output))
        return [execution_row(row) for row in found]

    found = call.parts.database.run_read(lambda conn: reports.sub_executions(
        conn, scope, execution_id=execution_id, task_id=task_id, max_depth=max_depth, errors_only=errors_only))
    if len(found) <= reads.CHUNK:
        return page(EXECUTIONS, read(found), names, None)
    return reads.streamed(EXECUTIONS, (read(found[start:start + reads.CHUNK]) for start in range(0, len(found), reads.CHUNK)), names)


def get_report(call: Call, identifier: str) -> Response:
    """Counts of tasks by state and the tree of an execution, with the reason of each failure."""
    arguments = call.arguments
    arguments.allow_only("errors_only", "max_depth", "statistics_only")
    return reply(build_report(
        call, identifier, errors_only=arguments.flag("errors_only"), max_depth=arguments.integer("max_depth", default=-1),
        statistics_only=arguments.flag("statistics_only"),
    ))


# ---- changing


def create_execution(call: Call) -> Response:
    """Start a workflow. The answer comes when the execution is stored and running; its tasks run afterwards.

    With an ``id`` that exists already, that execution is shown and nothing is started.
    """
    request = _request_of(call)
    return _start_by_trust(call, request) if _lends(call) else _asked(call, request).wait()


def _ask_for_start(call: Call) -> Asked | None:
    """The same as a question, where no trust has to be made first."""
    return None if _lends(call) else _asked(call, _request_of(call))


def _asked(call: Call, request: StartRequest) -> Asked:
    return Asked(call.parts.engine.starting(call.caller, request), lambda started: reply(execution_record(started), 201))


def _request_of(call: Call) -> StartRequest:
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    request = StartRequest(
        workflow_id=body.text("workflow_id") or None,
        workflow_name=body.text("workflow_name") or None,
        namespace=body.text("workflow_namespace") or "",
        input=body.mapping("input") or {},
        params=body.mapping("params") or {},
        description=body.text("description"),
        id=_chosen_id(body),
        source_execution_id=body.text("source_execution_id") or None,
    )
    body.check_rest(EXECUTIONS)
    if not (request.workflow_id or request.workflow_name or request.source_execution_id):
        raise RequestError(NO_WORKFLOW)
    return request


def _lends(call: Call) -> bool:
    """Whether the execution gets a trust of its own."""
    return call.parts.delegations is not None and call.parts.delegations.for_executions


def _start_by_trust(call: Call, request: StartRequest) -> Response:
    """Start in the caller's name by a trust, which ends with the execution, also if the start is refused or its answer lost."""
    delegations = call.parts.delegations
    assert delegations is not None
    chosen = request.id or str(uuid4())
    caller = delegations.lend(call.caller, chosen)
    execution = call.parts.engine.start(caller, replace(request, id=chosen))
    lent = caller.trust_id if caller is not call.caller else None
    if lent is not None and (execution.security or {}).get("trust_id") != lent:
        delegations.end(lent)  # there was an execution of that id
    return reply(execution_record(execution), 201)


def _chosen_id(body: Body) -> str | None:
    identifier = body.text("id", longest=LONGEST_ID)
    if identifier and ("/" in identifier or not identifier.isprintable()):
        raise RequestError(f"Invalid input for field/attribute id. Value: {identifier!r}. It can't be part of an address.")
    return identifier or None


def update_execution(call: Call, identifier: str) -> Response:
    """Pause, resume or stop an execution, or change its description or environment."""
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    state, description, env = body.text("state"), body.text("description"), _environment(body)
    refusal = _refusal(state, description, env)
    if refusal is not None:
        reads.get(call, EXECUTIONS, identifier, fields=["id"])  # an unknown id comes first (A173)
        raise RequestError(refusal)
    return reply(execution_record(_change(call, identifier, state, body.text("state_info"), description, env)))


def _environment(body: Body) -> Mapping[str, Any] | None:
    """``params.env``, which may be the text of an object too. Raises RequestError."""
    env = (body.mapping("params") or {}).get("env")
    if isinstance(env, str):
        env = read_json(env)
    if env is not None and not isinstance(env, dict):
        raise RequestError(f"Invalid input for field/attribute params. Value: {shown(env)!r}. env must be an object.")
    return env or None


def _refusal(state: str | None, description: str | None, env: Mapping[str, Any] | None) -> str | None:
    """Why such a change is never possible, whatever the execution's state."""
    if not state and description is None and env is None:
        return NOTHING
    if state and description is not None:
        return DESCRIPTION_APART
    if env is not None and state and state != "RUNNING":
        return ENV_ALONE
    if state and state not in ALLOWED:
        return f"Cannot change state to {shown(state)}. Allowed states are: '{', '.join(ALLOWED)}"
    return None


def _change(
    call: Call, identifier: str, state: str | None, message: str | None, description: str | None, env: Mapping[str, Any] | None,
) -> Execution:
    """Ask the engine for the change."""
    engine, caller = call.parts.engine, call.caller
    if state == "PAUSED":
        return engine.pause(caller, identifier)
    if state == "RUNNING":
        return engine.resume(caller, identifier, env)
    if state:
        return engine.stop(caller, identifier, state, message)
    changed = engine.update_env(caller, identifier, env) if env is not None else None
    if description is not None:
        changed = engine.describe(caller, identifier, description)
    assert changed is not None
    return changed


def delete_execution(call: Call, identifier: str) -> Response:
    """Delete an execution with its tasks, action executions and sub-executions; an unfinished one needs ``force``."""
    call.arguments.allow_only("force")
    call.parts.engine.delete(call.caller, identifier, force=call.arguments.flag("force"))
    return no_content()


def _passes_maintenance(call: Call, status: str) -> bool:
    """An execution may be cancelled while the service is paused (A316)."""
    del status
    try:
        return Body(call.content, ARGUMENT, KNOWN, READ_ONLY).text("state") == "CANCELLED"
    except RequestError:
        return False


# ---- endpoints

_START_EXAMPLE = {"workflow_name": "demo", "input": {"who": "ann"}, "params": {"env": {"region": "north"}}, "description": "by hand"}
TREE_PARAMETERS = [
    parameter("errors_only", "Only executions in state ERROR.", Kind.FLAG),
    parameter("max_depth", "How many levels of sub-workflows; -1 is all of them.", Kind.NUMBER, example=-1),
    parameter("include_output", "Show the output of each execution.", Kind.FLAG),
]

CREATE = operation(
    "executions", "Start a workflow", status=201, reply=one(EXECUTIONS), errors=(400, 401, 403, 404, 409, 413, 415, 423, 503),
    body=json_body(
        {
            "workflow_id": text("Id of the workflow; wins over its name."), "workflow_name": text("Name of the workflow."),
            "workflow_namespace": text("Namespace in which the name is looked up."), "input": mapping("Input of the workflow."),
            "params": mapping("Start parameters: env, evaluate_env, task_name (reverse workflows), notify, lease."),
            "description": text(), "id": text("Id of the new execution; one that exists is shown and not started again."),
            "source_execution_id": text("Execution whose workflow is started again."),
        },
        _START_EXAMPLE,
    ),
)

UPDATE = operation(
    "executions", "Change an execution", reply=one(EXECUTIONS), errors=(400, 401, 403, 404, 413, 415, 423, 503),
    description="One of: a state (PAUSED, RUNNING, SUCCESS, ERROR, CANCELLED; with state_info), a description, params.env.",
    body=json_body(
        {
            "state": text("RUNNING resumes, PAUSED pauses, the others end it."), "state_info": text("Reason, for ERROR and CANCELLED."),
            "description": text(), "params": mapping("Only env is taken."),
        },
        {"state": "PAUSED"},
    ),
)

REPORT = operation(
    "executions", "Report of an execution", reply=literal({"type": "object"}, REPORT_EXAMPLE),
    parameters=[
        parameter("errors_only", "Only failed tasks and what is below them.", Kind.FLAG),
        parameter("max_depth", "How many levels of sub-workflows; -1 is all of them.", Kind.NUMBER, example=-1),
        parameter("statistics_only", "Leave out the tree.", Kind.FLAG),
    ],
)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/executions/{identifier}", handler=get_execution, rule="executions:get",
        document=operation("executions", "Show an execution", parameters=[fields_parameter()], reply=one(EXECUTIONS)),
    ),
    Endpoint(
        method="GET", path="/v2/executions", handler=list_executions, rule="executions:list",
        document=operation("executions", "List executions", parameters=listing_parameters(EXECUTIONS), reply=many(EXECUTIONS)),
    ),
    Endpoint(
        method="POST", path="/v2/executions", handler=create_execution, rule="executions:create", takes="json", prompt=_ask_for_start,
        document=CREATE,
    ),
    Endpoint(
        method="PUT", path="/v2/executions/{identifier}", handler=update_execution, rule="executions:update", takes="json",
        exempt=_passes_maintenance, document=UPDATE,
    ),
    Endpoint(
        method="DELETE", path="/v2/executions/{identifier}", handler=delete_execution, rule="executions:delete",
        document=operation(
            "executions", "Delete an execution", status=204, errors=(400, 401, 403, 404, 423, 503),
            parameters=[parameter("force", "Delete it even if it is not finished.", Kind.FLAG)],
        ),
    ),
    Endpoint(
        method="GET", path="/v2/executions/{identifier}/tasks", handler=list_execution_tasks, rule="tasks:list",
        document=operation("executions", "List the tasks of an execution", parameters=listing_parameters(TASKS), reply=many(TASKS)),
    ),
    Endpoint(
        method="GET", path="/v2/executions/{identifier}/executions", handler=list_sub_executions, rule="executions:get",
        document=operation(
            "executions", "List an execution and its sub-executions", parameters=TREE_PARAMETERS, reply=many(EXECUTIONS, paged=False),
        ),
    ),
    Endpoint(method="GET", path="/v2/executions/{identifier}/report", handler=get_report, rule="executions:get", document=REPORT),
)
