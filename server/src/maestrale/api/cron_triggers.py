"""/v2/cron_triggers (1.13): workflows that start at times."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.definitions import check_scope
from maestrale.api.openapi import fields_parameter, json_body, listing_parameters, many, mapping, one, operation, text
from maestrale.api.resources import CRON_TRIGGERS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, created, no_content, reply, shape
from maestrale.catalog import CronRequest
from maestrale.errors import RequestError

ARGUMENT = "cron_trigger"
ADDED = ("timezone", "catch_up")
"""Fields that Mistral doesn't have; shown only where they are set."""
KNOWN = frozenset((*CRON_TRIGGERS.field_names, *ADDED))
READ_ONLY = frozenset({"project_id"})
LONGEST_NAME = 255
PUBLICIZE = "cron_triggers:publicize"


def list_cron_triggers(call: Call) -> Response:
    """A page of cron triggers."""
    return reads.answer(call, CRON_TRIGGERS, all_projects_rule="cron_triggers:list:all_projects", prepare=trigger_row)


def get_cron_trigger(call: Call, identifier: str) -> Response:
    """One cron trigger by name or id."""
    names = reads.single_fields(call, CRON_TRIGGERS)
    return reply(shown_trigger(reads.get(call, CRON_TRIGGERS, identifier), names))


def trigger_row(row: Row) -> dict[str, Any]:
    """A stored trigger under the API's rules: input and params are never null (A025)."""
    empty = {name: "{}" for name in ("workflow_input", "workflow_params") if name in row and row[name] is None}
    return {**row, **empty}


def shown_trigger(row: Row, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """One trigger as it is shown."""
    shaped = shape(CRON_TRIGGERS, trigger_row(row), names or CRON_TRIGGERS.field_names)
    if names is None:
        shaped |= {name: row[name] for name in ADDED if row.get(name) is not None}
    return shaped


def create_cron_trigger(call: Call) -> Response:
    """Store a cron trigger with a pattern, a first time, or both."""
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    name = body.text("name", longest=LONGEST_NAME)
    if not name:
        raise RequestError("The name of the cron trigger must be provided.")
    request = CronRequest(
        name=name, workflow_name=body.text("workflow_name"), workflow_id=body.text("workflow_id"),
        workflow_input=body.mapping("workflow_input"), workflow_params=body.mapping("workflow_params"),
        pattern=body.text("pattern") or None, first_execution_time=body.text("first_execution_time") or None,
        remaining_executions=_count(body), timezone=body.text("timezone") or None, catch_up=body.text("catch_up") or None,
        scope=check_scope(call, body.text("scope"), PUBLICIZE),
    )
    body.check_rest(CRON_TRIGGERS)
    return reply(created(shown_trigger(call.parts.triggers.create_cron(call.caller, request))), 201)


def _count(body: Body) -> int | str | None:
    """A whole number or its digits. Raises RequestError for anything else."""
    value = body.raw("remaining_executions")
    if value is None or (isinstance(value, (int, str)) and not isinstance(value, bool)):
        return value
    raise RequestError("Invalid input for field/attribute remaining_executions. A whole number is expected.")


def delete_cron_trigger(call: Call, identifier: str) -> Response:
    """Delete a cron trigger; executions that it has started go on."""
    call.parts.triggers.delete_cron(call.caller, identifier)
    return no_content()


CREATE = operation(
    "cron_triggers", "Store a cron trigger", status=201, reply=one(CRON_TRIGGERS), errors=(400, 401, 403, 404, 409, 413, 415, 423, 503),
    body=json_body(
        {
            "name": text("Unique in the project."), "workflow_name": text("A name in the default namespace."),
            "workflow_id": text("Wins over the name."), "workflow_input": mapping("Input of each execution."),
            "workflow_params": mapping("Params of each execution."),
            "pattern": text("Cron text of five fields, a sixth one for seconds, or an alias as @daily."),
            "first_execution_time": text("YYYY-MM-DD HH:MM in UTC, at least a minute ahead."),
            "remaining_executions": {"type": ["integer", "string", "null"], "description": "How often it runs; null is for ever."},
            "timezone": text("Name of the time zone that the pattern is in; UTC by default."),
            "catch_up": text("What happens with times that were missed: skip, once or all."), "scope": text("private or public."),
        },
        {"name": "nightly", "workflow_name": "demo", "workflow_input": {"who": "ann"}, "pattern": "0 3 * * *"}, required=["name"],
    ),
)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/cron_triggers", handler=list_cron_triggers, rule="cron_triggers:list",
        document=operation(
            "cron_triggers", "List cron triggers", parameters=listing_parameters(CRON_TRIGGERS), reply=many(CRON_TRIGGERS),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/cron_triggers/{identifier}", handler=get_cron_trigger, rule="cron_triggers:get",
        document=operation("cron_triggers", "Show a cron trigger", parameters=[fields_parameter()], reply=one(CRON_TRIGGERS)),
    ),
    Endpoint(
        method="POST", path="/v2/cron_triggers", handler=create_cron_trigger, rule="cron_triggers:create", takes="json", document=CREATE,
    ),
    Endpoint(
        method="DELETE", path="/v2/cron_triggers/{identifier}", handler=delete_cron_trigger, rule="cron_triggers:delete",
        document=operation("cron_triggers", "Delete a cron trigger", status=204, errors=(401, 403, 404, 423, 503)),
    ),
)
