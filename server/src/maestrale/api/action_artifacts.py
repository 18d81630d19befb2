"""/v2/action_executions/{id}/artifacts: what was too large for an action's result. Mistral has none of these paths."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from maestrale.api import reads
from maestrale.api.call import Call
from maestrale.api.openapi import literal, operation
from maestrale.api.routes import Endpoint
from maestrale.api.wire import reply, timestamp
from maestrale.store import action_artifacts

JSON_TYPE = "application/json"


def list_artifacts(call: Call, identifier: str) -> Response:
    """Names, sizes and times of an action's artifacts."""
    call.arguments.allow_only()
    scope = reads.scope_of(call.caller)
    found = call.parts.database.run_read(lambda conn: action_artifacts.names(conn, scope, identifier))
    shown = [{"name": one.name, "size": one.size, "created_at": timestamp(one.created_at)} for one in found]
    return reply({"artifacts": shown})


def show_artifact(call: Call, identifier: str, name: str) -> Response:
    """An artifact as it was stored, sent as it is read."""
    call.arguments.allow_only()
    scope, database = reads.scope_of(call.caller), call.parts.database
    count = database.run_read(lambda conn: action_artifacts.count_parts(conn, scope, identifier, name))

    def read(number: int) -> bytes:
        return database.run_look(lambda conn: action_artifacts.part(conn, identifier, name, number)).encode()

    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}
    return StreamingResponse(map(read, range(count)), media_type=JSON_TYPE, headers=headers)


_ARTIFACT = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}, "created_at": {"type": "string"}}}

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/action_executions/{identifier}/artifacts", handler=list_artifacts, rule="action_executions:get",
        document=operation(
            "action_executions", "List what was too large for an action's result",
            description="Sizes are in bytes. Playbooks keep here whole what their results name under truncated.",
            reply=literal(
                {"type": "object", "properties": {"artifacts": {"type": "array", "items": _ARTIFACT}}},
                {"artifacts": [{"name": "registered.json", "size": 3145760, "created_at": "2026-11-23 15:29:09"}]}),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/action_executions/{identifier}/artifacts/{name}", handler=show_artifact, rule="action_executions:get",
        document=operation(
            "action_executions", "Download an artifact of an action", description="The value as JSON.",
            reply=literal({"description": "Any value."}, {"web1": {"listing": {"stdout": "..."}}})),
    ),
)
