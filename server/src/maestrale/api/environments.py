"""/v2/environments (1.12): named sets of variables for executions."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.definitions import check_scope
from maestrale.api.openapi import fields_parameter, json_body, listing_parameters, many, mapping, one, operation, text
from maestrale.api.resources import ENVIRONMENTS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, created, no_content, reply, shape
from maestrale.errors import RequestError

ARGUMENT = "env"
KNOWN = frozenset({"name", "description", "variables", "scope"})
LONGEST_NAME = 200
PUBLICIZE = "environments:publicize"
NO_NAME = "Name of the environment is not provided."


def list_environments(call: Call) -> Response:
    """A page of environments: the project's own and public ones."""
    return reads.answer(call, ENVIRONMENTS)


def get_environment(call: Call, identifier: str) -> Response:
    """One environment by its name."""
    names = reads.single_fields(call, ENVIRONMENTS)
    return reply(reads.picked(ENVIRONMENTS, reads.get(call, ENVIRONMENTS, identifier), names, ENVIRONMENTS.field_names))


def create_environment(call: Call) -> Response:
    """Store an environment."""
    body = Body(call.content, ARGUMENT, KNOWN)
    row = call.parts.catalog.create_environment(
        call.caller, name=_name(body), variables=body.mapping("variables"), description=body.text("description"),
        scope=check_scope(call, body.text("scope"), PUBLICIZE),
    )
    return reply(created(_stored(row)), 201)


def update_environment(call: Call) -> Response:
    """Change what is given; the variables are replaced as a whole."""
    body = Body(call.content, ARGUMENT, KNOWN)
    changes: dict[str, Any] = {}
    if "variables" in body:
        changes["variables"] = body.mapping("variables")
    if "description" in body:
        changes["description"] = body.text("description")
    if "scope" in body:
        changes["scope"] = check_scope(call, body.text("scope"), PUBLICIZE)
    return reply(_stored(call.parts.catalog.update_environment(call.caller, _name(body), changes)))


def _name(body: Body) -> str:
    name = body.text("name", longest=LONGEST_NAME)
    if not name:
        raise RequestError(NO_NAME)
    return name


def _stored(row: Row) -> dict[str, Any]:
    return shape(ENVIRONMENTS, row, ENVIRONMENTS.field_names)


def delete_environment(call: Call, identifier: str) -> Response:
    """Delete an environment."""
    call.parts.catalog.delete_environment(call.caller, identifier)
    return no_content()


_BODY = json_body(
    {
        "name": text("Unique in the project."), "variables": mapping("The variables."), "description": text(),
        "scope": text("private or public."),
    },
    {"name": "production", "variables": {"region": "north"}, "description": "The northern site"}, required=["name"],
)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/environments", handler=list_environments, rule="environments:list",
        document=operation("environments", "List environments", parameters=listing_parameters(ENVIRONMENTS), reply=many(ENVIRONMENTS)),
    ),
    Endpoint(
        method="GET", path="/v2/environments/{identifier}", handler=get_environment, rule="environments:get",
        document=operation("environments", "Show an environment", parameters=[fields_parameter()], reply=one(ENVIRONMENTS)),
    ),
    Endpoint(
        method="POST", path="/v2/environments", handler=create_environment, rule="environments:create", takes="json",
        document=operation(
            "environments", "Store an environment", status=201, body=_BODY, reply=one(ENVIRONMENTS),
            errors=(400, 401, 403, 409, 413, 415, 423, 503),
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/environments", handler=update_environment, rule="environments:update", takes="json",
        document=operation(
            "environments", "Change an environment", body=_BODY, reply=one(ENVIRONMENTS),
            errors=(400, 401, 403, 404, 413, 415, 423, 503),
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/environments/{identifier}", handler=delete_environment, rule="environments:delete",
        document=operation("environments", "Delete an environment", status=204, errors=(401, 403, 404, 423, 503)),
    ),
)
