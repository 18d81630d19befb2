"""/v2/tasks (1.10): read tasks, rerun and skip failed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.listing import Filter
from maestrale.api.openapi import fields_parameter, flag, json_body, listing_parameters, many, mapping, one, operation, text
from maestrale.api.resources import TASKS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, reply, shape
from maestrale.errors import RequestError
from maestrale.store import Connection, queries
from maestrale.store.encoding import dumps, loads

ARGUMENT = "task"
KNOWN = frozenset(TASKS.field_names)
STORED = tuple(column.name for column in TASKS.columns if column.stored)
INTERNAL = '"_'
WITH_ITEMS = 'with_items"'
RESULT_PREFIX = '{"result":'

ONLY_RUNNING_OR_SKIPPED = "Invalid task state. Only updating task to RUNNING or SKIPPED is supported."
NOT_FAILED = "The current task execution must be in ERROR for rerun. Only updating task to rerun is supported."
NO_RESET = "Reset field is mandatory to rerun task."


# ---- reading


def list_tasks(call: Call) -> Response:
    """A page of tasks, without their results."""
    return reads.answer(call, TASKS, prepare=task_row)


def get_task(call: Call, identifier: str) -> Response:
    """One task with its result."""
    names = reads.single_fields(call, TASKS)
    return reply(_single(call, identifier, names))


def _single(call: Call, identifier: str, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    stored = [*STORED, "published_global"]
    row = reads.get(call, TASKS, identifier, fields=stored)
    if names is None or "result" in names:
        row["result"] = _result(call, row)
    shaped = shape(TASKS, task_row(row), names or TASKS.field_names)
    if names is None and shaped.get("published_global") is None:
        shaped.pop("published_global", None)
    return shaped


def task_row(row: Row) -> dict[str, Any]:
    """A stored task without what its runtime context holds for the engine alone (names that begin with ``_``)."""
    shown = dict(row)
    context = shown.get("runtime_context")
    if context and INTERNAL in context:
        shown["runtime_context"] = dumps({name: value for name, value in loads(context).items() if not name.startswith("_")})
    return shown


def _result(call: Call, row: Row) -> str:
    """What the task came to, as JSON text put together from the stored texts of its accepted attempts (A194, A195)."""
    is_list = _has_items(row)
    sort = [("index", False), ("ordinal", False)] if is_list else [("ordinal", False)]
    filters = [Filter("task_execution_id", "eq", row["id"]), Filter("accepted", "eq", value=True)]

    def read(conn: Connection) -> list[dict[str, Any]]:
        return queries.list_(conn, "attempts", reads.scope_of(call.caller), filters=filters, sort=sort, fields=["kind", "output"])

    values = [_value(attempt["kind"], attempt["output"]) for attempt in call.parts.database.run_look(read)]
    if len(values) == 1 and not is_list:
        return values[0]
    return f"[{', '.join(values)}]"


def _has_items(row: Row) -> bool:
    """Whether the task runs once for each item of a list; known since it has started its first."""
    context = row["runtime_context"]
    return bool(context) and WITH_ITEMS in context and not loads(context).keys().isdisjoint({"with_items", "_with_items"})


def _value(kind: str, output: str) -> str:
    """The text of an attempt's result: a sub-workflow's whole output, or what an action's wraps as ``result``."""
    if kind == "workflow":
        return output
    if output.startswith(RESULT_PREFIX):
        return output[len(RESULT_PREFIX):-1]
    return dumps(loads(output).get("result"))


# ---- changing


def update_task(call: Call, identifier: str) -> Response:
    """Run a failed task again, or skip it."""
    body = Body(call.content, ARGUMENT, KNOWN, frozenset({"project_id"}))
    state, reset, env = body.text("state"), body.flag("reset"), body.mapping("env")
    names = (body.text("name"), body.text("workflow_name"))
    row = reads.get(call, TASKS, identifier, fields=["id", "name", "workflow_name", "state"])
    _check_change(row, names, state, is_reset=reset)
    if state == "SKIPPED":
        call.parts.engine.skip(call.caller, identifier, env)
    else:
        call.parts.engine.rerun(call.caller, identifier, reset=bool(reset), env=env)
    return reply(_single(call, identifier))


def _check_change(row: Mapping[str, Any], names: tuple[str | None, str | None], state: str | None, *, is_reset: bool | None) -> None:
    """The refusals of 1.10, in the reference's order. Raises RequestError."""
    name, workflow_name = names
    if name and name != row["name"]:
        raise RequestError("Task name does not match.")
    if workflow_name and workflow_name != row["workflow_name"]:
        raise RequestError("Workflow name does not match.")
    if state not in {"RUNNING", "SKIPPED"}:
        raise RequestError(ONLY_RUNNING_OR_SKIPPED)
    if row["state"] != "ERROR":
        raise RequestError(NOT_FAILED)
    if state == "SKIPPED":
        return
    if is_reset is None:
        raise RequestError(NO_RESET)


# ---- endpoints

UPDATE = operation(
    "tasks", "Rerun or skip a failed task", reply=one(TASKS), errors=(400, 401, 403, 404, 413, 415, 423, 503),
    body=json_body(
        {
            "state": text("RUNNING runs the task again, SKIPPED skips it."),
            "reset": flag("Run everything again; false repeats only failed items of a with-items task, and failed hosts of playbooks."),
            "env": mapping("Merged into the environment of the execution."), "id": text(), "name": text(), "workflow_name": text(),
        },
        {"state": "RUNNING", "reset": True}, required=["state"],
    ),
)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/tasks", handler=list_tasks, rule="tasks:list",
        document=operation("tasks", "List tasks", parameters=listing_parameters(TASKS), reply=many(TASKS)),
    ),
    Endpoint(
        method="GET", path="/v2/tasks/{identifier}", handler=get_task, rule="tasks:get",
        document=operation("tasks", "Show a task", parameters=[fields_parameter()], reply=one(TASKS)),
    ),
    Endpoint(method="PUT", path="/v2/tasks/{identifier}", handler=update_task, rule="tasks:update", takes="json", document=UPDATE),
)
