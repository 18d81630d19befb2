"""/maintenance (1.16): pause the whole service, and let it go on."""

from __future__ import annotations

from starlette.responses import Response

from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.openapi import json_body, literal, operation, text
from maestrale.api.routes import Endpoint
from maestrale.api.wire import reply
from maestrale.errors import RequestError

KNOWN = frozenset({"status"})


def get_maintenance(call: Call) -> Response:
    """RUNNING, PAUSING or PAUSED."""
    return reply({"status": call.parts.engine.maintenance.status()})


def update_maintenance(call: Call) -> Response:
    """PAUSED lets running tasks end, then pauses all executions; RUNNING resumes those that maintenance has paused."""
    status = Body(call.content, "maintenance", KNOWN).text("status")
    if not status:
        raise RequestError("Maintenance status is not provided: RUNNING or PAUSED.")
    return reply({"status": call.parts.engine.maintenance.request(call.caller, status)})


def _passes_maintenance(call: Call, status: str) -> bool:
    """Maintenance itself can always be ended."""
    del call, status
    return True


_REPLY = literal(
    {"type": "object", "properties": {"status": {"type": "string", "enum": ["RUNNING", "PAUSING", "PAUSED"]}}}, {"status": "RUNNING"},
)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/maintenance", handler=get_maintenance, rule="maintenance:get",
        document=operation("service", "State of maintenance", reply=_REPLY, errors=(401, 403, 503)),
    ),
    Endpoint(
        method="PUT", path="/maintenance", handler=update_maintenance, rule="maintenance:update", takes="json",
        exempt=_passes_maintenance,
        document=operation(
            "service", "Pause the service, or let it go on", reply=_REPLY, errors=(400, 401, 403, 409, 413, 415, 503),
            body=json_body({"status": text("PAUSED or RUNNING.")}, {"status": "PAUSED"}, required=["status"]),
        ),
    ),
)
