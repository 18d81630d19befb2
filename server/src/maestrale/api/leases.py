"""/v2/executions/{id}/lease: the lease of an execution's owner, who renews it for as long as it follows the execution.

Mistral has no such path. What becomes of an execution whose lease was not renewed is up to ``engine/lease_watch.py``.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import read_object
from maestrale.api.call import Call
from maestrale.api.openapi import json_body, literal, operation, text
from maestrale.api.routes import Endpoint
from maestrale.api.wire import no_content, reply, timestamp
from maestrale.core.lease import FATES, read_lease
from maestrale.store import execution_leases
from maestrale.store.execution_leases import StoredLease


def show_lease(call: Call, identifier: str) -> Response:
    """The lease of an execution."""
    scope = reads.scope_of(call.caller)
    return _answer(call.parts.database.run_read(lambda conn: execution_leases.read(conn, scope, identifier)))


def renew_lease(call: Call, identifier: str) -> Response:
    """Begin a lease, or renew it: it ends the given number of seconds from now."""
    lease, scope, now = read_lease(read_object(call.content)), reads.scope_of(call.caller), call.parts.now()
    return _answer(call.parts.database.run_write(lambda conn: execution_leases.renew(conn, scope, identifier, lease, now)))


def release_lease(call: Call, identifier: str) -> Response:
    """End the lease: from now on nobody needs to follow the execution."""
    scope = reads.scope_of(call.caller)
    call.parts.database.run_write(lambda conn: execution_leases.release(conn, scope, identifier))
    return no_content()


def _answer(found: StoredLease) -> Response:
    return reply({
        "execution_id": found.execution_id, "seconds": found.lease.seconds, "on_lost": found.lease.on_lost,
        "expires_at": timestamp(found.expires_at), "state": found.state,
    })


def _passes_maintenance(call: Call, status: str) -> bool:
    """An owner lives on while the service is paused."""
    del call, status
    return True


_PATH = "/v2/executions/{identifier}/lease"
_SECONDS: dict[str, Any] = {"type": "number", "description": "How long the owner may be silent."}
_FATE: dict[str, Any] = {
    "type": "string", "enum": list(FATES), "description": "What happens to the execution then; cancel if nothing is said.",
}
_SHOWN = literal(
    {"type": "object", "properties": {
        "execution_id": text(), "seconds": _SECONDS, "on_lost": _FATE, "expires_at": text("UTC."), "state": text("The execution's state."),
    }},
    {"execution_id": "9f7b7f5e-9f2b-4c1e-8b0a-3d5c7a1e2f40", "seconds": 60.0, "on_lost": "cancel", "expires_at": "2026-03-01 12:00:00",
     "state": "RUNNING"},
)

ENDPOINTS = (
    Endpoint(
        method="GET", path=_PATH, handler=show_lease, rule="executions:get",
        document=operation("executions", "Show the lease of an execution's owner", reply=_SHOWN),
    ),
    Endpoint(
        method="PUT", path=_PATH, handler=renew_lease, rule="executions:update", takes="json", exempt=_passes_maintenance,
        document=operation(
            "executions", "Begin or renew the lease of an execution's owner", reply=_SHOWN, errors=(400, 401, 403, 404, 413, 415, 503),
            body=json_body({"seconds": _SECONDS, "on_lost": _FATE}, {"seconds": 60, "on_lost": "cancel"}, ["seconds"]),
        ),
    ),
    Endpoint(
        method="DELETE", path=_PATH, handler=release_lease, rule="executions:update", exempt=_passes_maintenance,
        document=operation("executions", "End the lease of an execution's owner", status=204),
    ),
)
