"""/v2/action_executions (1.11): run actions on their own, read runs, complete asynchronous ones."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.errors import shown
from maestrale.api.openapi import fields_parameter, json_body, listing_parameters, many, mapping, one, operation, text
from maestrale.api.resources import ACTION_EXECUTIONS, EXECUTIONS
from maestrale.api.routes import Asked, Endpoint
from maestrale.api.wire import Row, attempt_record, no_content, reply, run_record, shape
from maestrale.core import states
from maestrale.core.model import Attempt
from maestrale.engine import RunActionRequest
from maestrale.errors import NotAllowedError, NotFoundError, RequestError

ARGUMENT = "action_ex"
KNOWN = frozenset(ACTION_EXECUTIONS.field_names)
READ_ONLY = frozenset({"project_id"})
STORED = tuple(column.name for column in ACTION_EXECUTIONS.columns if column.stored)
STATES = ("SUCCESS", "ERROR", "CANCELLED", "PAUSED", "RUNNING")
PARAMETERS = frozenset({"save_result", "run_sync", "target", "timeout"})
LONGEST_NAME = 255

NO_NAME = "Please provide at least action name to run action."
NO_DELETION = "Action execution deletion is not allowed."


# ---- reading


def list_action_executions(call: Call) -> Response:
    """A page of action executions, without their output unless asked for."""
    return reads.answer(call, ACTION_EXECUTIONS, prepare=action_execution_row)


def get_action_execution(call: Call, identifier: str) -> Response:
    """One action execution with its output."""
    names = reads.single_fields(call, ACTION_EXECUTIONS)
    row = reads.get(call, ACTION_EXECUTIONS, identifier, fields=STORED)
    return reply(shape(ACTION_EXECUTIONS, action_execution_row(row), names or STORED))


def action_execution_row(row: Row) -> dict[str, Any]:
    """A stored action execution under the API's rules: no tags and no output are null, no workflow is the default namespace."""
    prepared = dict(row)
    if prepared.get("tags") == "[]":
        prepared["tags"] = None
    if prepared.get("output") == "{}":
        prepared["output"] = None
    if "workflow_namespace" in prepared and prepared["workflow_namespace"] is None:
        prepared["workflow_namespace"] = ""
    return prepared


# ---- running and changing


def run_action(call: Call) -> Response:
    """Run an action on its own: in this request, or with ``save_result`` as a stored run that can be asked for."""
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    name = body.text("name", longest=LONGEST_NAME)
    if not name:
        raise RequestError(NO_NAME)
    params = body.mapping("params") or {}
    request = RunActionRequest(
        name=name, input=body.mapping("input") or {}, namespace=body.text("workflow_namespace") or "",
        description=body.text("description") or "", run_sync=_flag(params, "run_sync"), save_result=_flag(params, "save_result"),
        target=_target(params), timeout=_timeout(params), tags=tuple(body.texts("tags") or ()),
    )
    body.check_rest(ACTION_EXECUTIONS)
    return reply(run_record(call.parts.engine.run_action(call.caller, request)), 201)


def _flag(params: dict[str, Any], name: str) -> bool:
    value = params.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise RequestError(f"Invalid input for field/attribute params. {name} must be true or false, not {shown(repr(value))}.")


def _target(params: dict[str, Any]) -> str | None:
    value = params.get("target")
    if value is None or isinstance(value, str):
        return value or None
    raise RequestError(f"Invalid input for field/attribute params. target must be a text, not {shown(repr(value))}.")


def _timeout(params: dict[str, Any]) -> float | None:
    value = params.get("timeout")
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0):
        return value
    raise RequestError(f"Invalid input for field/attribute params. timeout must be a positive number, not {shown(repr(value))}.")


def update_action_execution(call: Call, identifier: str) -> Response:
    """Complete an asynchronous action from outside, or pause and resume it."""
    attempt = call.parts.engine.complete_action(call.caller, identifier, *_read_update(call))
    return reply(attempt_record(attempt, _workflow_of(call, attempt)))


def _ask_for_update(call: Call, identifier: str) -> Asked | None:
    """The same while it is in memory to which execution the action belongs, and that one's names."""
    engine = call.parts.engine
    home = engine.home_of(identifier)
    names = None if home is None else call.parts.workflow_names.get(home)
    if home is None or names is None:
        return None
    question = engine.completing(call.caller, home, identifier, *_read_update(call))
    return Asked(question, lambda attempt: reply(attempt_record(attempt, names)))


def _read_update(call: Call) -> tuple[str, Any]:
    """State and output of the body. Raises RequestError."""
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    state, output = body.text("state"), body.mapping("output")
    if state not in STATES:
        raise RequestError(f"Error. Expected one of {list(STATES)}, actual: {None if state is None else shown(state)}")
    return state, {} if output is None and state == "SUCCESS" else output


def _workflow_of(call: Call, attempt: Attempt) -> Row | None:
    """Name and namespace of the workflow. They never change, so they are read once for many results of one execution."""
    if attempt.execution_id is None:
        return None
    known = call.parts.workflow_names.get(attempt.execution_id)
    if known is None:
        known = reads.get(call, EXECUTIONS, attempt.execution_id, fields=["workflow_name", "workflow_namespace"])
        call.parts.workflow_names.put(attempt.execution_id, known)
    return known


def delete_action_execution(call: Call, identifier: str) -> Response:
    """Delete a finished run that belongs to no task, where the option ``api.allow_action_execution_deletion`` permits it."""
    if not call.parts.settings.api.allow_action_execution_deletion:
        raise NotAllowedError(NO_DELETION)
    call.parts.engine.delete_action(call.caller, identifier)
    return no_content()


def _passes_maintenance(call: Call, status: str) -> bool:
    """Results are taken while the service is still pausing (A317), and of actions that wait for one as long as it is paused."""
    if status == "PAUSING":
        return True
    try:
        found = reads.get(call, ACTION_EXECUTIONS, call.path_params["identifier"], fields=["state"])
    except NotFoundError:
        return False
    return not states.is_final(found["state"])


# ---- endpoints

RUN = operation(
    "action_executions", "Run an action", status=201, reply=one(ACTION_EXECUTIONS), errors=(400, 401, 403, 413, 415, 423, 503),
    description=(
        "Without save_result the action runs in the request and nothing is stored: the reply has no id, but the output. With it the"
        " reply is a RUNNING action execution, or with run_sync a finished one. A failed action is a reply with state ERROR."
    ),
    body=json_body(
        {
            "name": text("Name of the action."), "input": mapping("Input of the action."),
            "params": mapping("save_result, run_sync, target, timeout."), "description": text(),
            "workflow_namespace": text("Namespace of the action."),
        },
        {"name": "std.echo", "input": {"output": "x"}}, required=["name"],
    ),
)

UPDATE = operation(
    "action_executions", "Complete, pause or resume an action", reply=one(ACTION_EXECUTIONS),
    errors=(400, 401, 403, 404, 409, 413, 415, 423, 503),
    body=json_body(
        {"state": text(f"One of {', '.join(STATES)}."), "output": mapping("The result.")},
        {"state": "SUCCESS", "output": {"answer": 42}}, required=["state"],
    ),
)

ENDPOINTS = (
    Endpoint(
        method="PUT", path="/v2/action_executions/{identifier}", handler=update_action_execution, rule="action_executions:update",
        takes="json", prompt=_ask_for_update, exempt=_passes_maintenance, document=UPDATE,
    ),
    Endpoint(
        method="GET", path="/v2/action_executions/{identifier}", handler=get_action_execution, rule="action_executions:get",
        document=operation(
            "action_executions", "Show an action execution", parameters=[fields_parameter()], reply=one(ACTION_EXECUTIONS),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/action_executions", handler=list_action_executions, rule="action_executions:list",
        document=operation(
            "action_executions", "List action executions", parameters=listing_parameters(ACTION_EXECUTIONS),
            reply=many(ACTION_EXECUTIONS),
        ),
    ),
    Endpoint(
        method="POST", path="/v2/action_executions", handler=run_action, rule="action_executions:create", takes="json", document=RUN,
    ),
    Endpoint(
        method="DELETE", path="/v2/action_executions/{identifier}", handler=delete_action_execution, rule="action_executions:delete",
        document=operation(
            "action_executions", "Delete an action execution", status=204, errors=(401, 403, 404, 423, 503),
        ),
    ),
)
