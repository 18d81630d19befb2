"""/v2/environments/{name}/secrets: what actions may be given by name and nobody is shown. Mistral has no such path."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.openapi import json_body, many, one, operation, text
from maestrale.api.resources import SECRETS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, no_content, reply, shape

ARGUMENT = "secret"
KNOWN = frozenset({"value"})


def list_secrets(call: Call, identifier: str) -> Response:
    """Names and times of an environment's secrets, for its own project."""
    rows = call.parts.secrets.names(call.caller, identifier)
    return reply({"secrets": [_shown(row) for row in rows]})


def put_secret(call: Call, identifier: str, name: str) -> Response:
    """Store a secret; the reply says whether it is another than the one that was stored."""
    value = Body(call.content, ARGUMENT, KNOWN).text("value")
    row, is_changed = call.parts.secrets.put(call.caller, identifier, name, value or "")
    return reply({**_shown(row), "changed": is_changed})


def delete_secret(call: Call, identifier: str, name: str) -> Response:
    """Forget a secret."""
    call.parts.secrets.delete(call.caller, identifier, name)
    return no_content()


def _shown(row: Row) -> dict[str, Any]:
    return shape(SECRETS, row, SECRETS.field_names)


_PATH = "/v2/environments/{identifier}/secrets"
_ERRORS = (400, 401, 403, 404, 413, 415, 423, 503)

_CHANGED = {"type": "boolean", "description": "Whether it is another value than before."}
_STORED = {"schema": {"allOf": [one(SECRETS)["schema"], {"type": "object", "properties": {"changed": _CHANGED}}]}}

ENDPOINTS = (
    Endpoint(
        method="GET", path=_PATH, handler=list_secrets, rule="environments:get",
        document=operation("environments", "List the secrets of an environment, without their values", reply=many(SECRETS, paged=False)),
    ),
    Endpoint(
        method="PUT", path=_PATH + "/{name}", handler=put_secret, rule="environments:update", takes="json",
        document=operation(
            "environments", "Store a secret in an environment", reply=_STORED, errors=_ERRORS,
            body=json_body({"value": text("What is kept sealed and never shown.")}, {"value": "s3cret"}, required=["value"]),
        ),
    ),
    Endpoint(
        method="DELETE", path=_PATH + "/{name}", handler=delete_secret, rule="environments:update",
        document=operation("environments", "Delete a secret of an environment", status=204, errors=(401, 403, 404, 423, 503)),
    ),
)
