"""/v2/event_triggers (1.14): workflows that start when another service says something."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.cron_triggers import trigger_row
from maestrale.api.definitions import check_scope
from maestrale.api.listing import parse_uuid
from maestrale.api.openapi import fields_parameter, json_body, listing_parameters, many, mapping, one, operation, text
from maestrale.api.resources import EVENT_TRIGGERS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, no_content, reply, shape
from maestrale.catalog import EventRequest
from maestrale.errors import RequestError

ARGUMENT = "event_trigger"
KNOWN = frozenset(EVENT_TRIGGERS.field_names)
READ_ONLY = frozenset({"project_id"})
NEEDED = ("exchange", "topic", "event", "workflow_id")
LONGEST = {"exchange": 80, "topic": 80, "event": 80, "workflow_id": 64}
LONGEST_NAME = 255
PUBLICIZE = "event_triggers:publicize"


def list_event_triggers(call: Call) -> Response:
    """A page of event triggers."""
    return reads.answer(call, EVENT_TRIGGERS, all_projects_rule="event_triggers:list:all_projects", prepare=trigger_row)


def get_event_trigger(call: Call, identifier: str) -> Response:
    """One event trigger by id."""
    names = reads.single_fields(call, EVENT_TRIGGERS)
    return reply(_shown(reads.get(call, EVENT_TRIGGERS, parse_uuid("id", identifier)), names))


def _shown(row: Row, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    return shape(EVENT_TRIGGERS, trigger_row(row), names or EVENT_TRIGGERS.field_names)


def create_event_trigger(call: Call) -> Response:
    """Store an event trigger. No server listens to events yet, so it starts nothing."""
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    given = {name: body.text(name, longest=LONGEST[name]) or "" for name in NEEDED}
    if not all(given.values()):
        raise RequestError(f"Params {sorted(NEEDED)} must be provided for creating event trigger.")
    request = EventRequest(
        exchange=given["exchange"], topic=given["topic"], event=given["event"], workflow_id=parse_uuid("workflow_id", given["workflow_id"]),
        name=body.text("name", longest=LONGEST_NAME), workflow_input=body.mapping("workflow_input"),
        workflow_params=body.mapping("workflow_params"), scope=check_scope(call, body.text("scope"), PUBLICIZE),
    )
    body.check_rest(EVENT_TRIGGERS)
    return reply(_shown(call.parts.triggers.create_event(call.caller, request)), 201)


def update_event_trigger(call: Call, identifier: str) -> Response:
    """Change an event trigger; what it listens to stays."""
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    changes: dict[str, Any] = {name: body.text(name) for name in ("exchange", "topic", "event") if body.text(name) is not None}
    if "name" in body:
        changes["name"] = body.text("name", longest=LONGEST_NAME)
    if body.text("workflow_id") is not None:
        changes["workflow_id"] = parse_uuid("workflow_id", body.text("workflow_id") or "")
    for name in ("workflow_input", "workflow_params"):
        if name in body:
            changes[name] = body.mapping(name) or {}
    if "scope" in body:
        changes["scope"] = check_scope(call, body.text("scope"), PUBLICIZE)
    return reply(_shown(call.parts.triggers.update_event(call.caller, parse_uuid("id", identifier), changes)))


def delete_event_trigger(call: Call, identifier: str) -> Response:
    """Delete an event trigger."""
    call.parts.triggers.delete_event(call.caller, parse_uuid("id", identifier))
    return no_content()


_PROPERTIES = {
    "name": text(), "workflow_id": text("Id of the workflow."), "workflow_input": mapping("Input of each execution."),
    "workflow_params": mapping("Params of each execution."), "scope": text("private or public."),
}

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/event_triggers", handler=list_event_triggers, rule="event_triggers:list",
        document=operation(
            "event_triggers", "List event triggers", parameters=listing_parameters(EVENT_TRIGGERS), reply=many(EVENT_TRIGGERS),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/event_triggers/{identifier}", handler=get_event_trigger, rule="event_triggers:get",
        document=operation("event_triggers", "Show an event trigger", parameters=[fields_parameter()], reply=one(EVENT_TRIGGERS)),
    ),
    Endpoint(
        method="POST", path="/v2/event_triggers", handler=create_event_trigger, rule="event_triggers:create", takes="json",
        document=operation(
            "event_triggers", "Store an event trigger", status=201, reply=one(EVENT_TRIGGERS),
            errors=(400, 401, 403, 404, 409, 413, 415, 423, 503),
            body=json_body(
                {**_PROPERTIES, "exchange": text(), "topic": text(), "event": text("Type of the notification.")},
                {
                    "name": "on-boot", "workflow_id": "7eb79ffe-6b1e-4ac7-9d1b-1f8f9ad4c0de", "exchange": "nova",
                    "topic": "notifications", "event": "compute.instance.create.end",
                },
                required=NEEDED,
            ),
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/event_triggers/{identifier}", handler=update_event_trigger, rule="event_triggers:update", takes="json",
        document=operation(
            "event_triggers", "Change an event trigger", reply=one(EVENT_TRIGGERS), errors=(400, 401, 403, 404, 413, 415, 423, 503),
            body=json_body(_PROPERTIES, {"name": "on-start"}),
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/event_triggers/{identifier}", handler=delete_event_trigger, rule="event_triggers:delete",
        document=operation("event_triggers", "Delete an event trigger", status=204, errors=(400, 401, 403, 404, 423, 503)),
    ),
)
