"""/v2/code_sources (1.15): Python text for dynamic actions; for administrators."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import read_text
from maestrale.api.call import Call
from maestrale.api.definitions import read_namespace, read_scope
from maestrale.api.openapi import (
    NAMESPACE,
    fields_parameter,
    listing_parameters,
    many,
    one,
    operation,
    parameter,
    scope_and_namespace,
    text_body,
)
from maestrale.api.resources import CODE_SOURCES
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, created, no_content, reply, shape
from maestrale.errors import RequestError

SHOWN = tuple(name for name in CODE_SOURCES.field_names if name != "tags")
LONGEST_NAME = 255
PUBLICIZE = "code_sources:publicize"
EXAMPLE = "from mistral_lib import actions\n\n\nclass Hello(actions.Action):\n    def run(self, context):\n        return 'hello'\n"


def list_code_sources(call: Call) -> Response:
    """A page of code sources, without their text unless ``fields`` names it."""
    return reads.answer(call, CODE_SOURCES, all_projects_rule="code_sources:list")


def get_code_source(call: Call, identifier: str) -> Response:
    """One code source by id or name."""
    names = reads.single_fields(call, CODE_SOURCES)
    return reply(reads.picked(CODE_SOURCES, reads.get(call, CODE_SOURCES, identifier, read_namespace(call)), names, SHOWN))


def create_code_source(call: Call) -> Response:
    """Store a code source."""
    name = call.arguments.get("name")
    if not name:
        raise RequestError("The name of the code source must be provided.")
    if len(name) > LONGEST_NAME:
        raise RequestError(f"The name has {len(name)} characters, at most {LONGEST_NAME} are allowed.")
    row = call.parts.sources.create_source(
        call.caller, name=name, content=read_text(call.content), namespace=read_namespace(call), scope=read_scope(call, PUBLICIZE),
    )
    return reply(created(_stored(row)), 201)


def update_code_source(call: Call, identifier: str | None = None) -> Response:
    """Replace the text of the code source; its version grows."""
    identifier = identifier or call.arguments.get("identifier")
    if not identifier:
        raise RequestError("The identifier of the code source must be provided.")
    scope = read_scope(call, PUBLICIZE) if call.arguments.get("scope") else None
    return reply(_stored(call.parts.sources.update_source(
        call.caller, identifier, read_text(call.content), namespace=read_namespace(call), scope=scope,
    )))


def update_code_sources(call: Call) -> Response:
    """The same with the identifier as an argument."""
    return update_code_source(call)


def _stored(row: Row) -> dict[str, Any]:
    return shape(CODE_SOURCES, row, SHOWN)


def delete_code_source(call: Call, identifier: str) -> Response:
    """Delete a code source with its dynamic actions."""
    call.parts.sources.delete_source(call.caller, identifier, namespace=read_namespace(call))
    return no_content()


_IN_NAMESPACE = [parameter("namespace", NAMESPACE)]
_CHANGE_ERRORS = (400, 401, 403, 404, 409, 413, 423, 503)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/code_sources", handler=list_code_sources, rule="code_sources:list",
        document=operation("code_sources", "List code sources", parameters=listing_parameters(CODE_SOURCES), reply=many(CODE_SOURCES)),
    ),
    Endpoint(
        method="GET", path="/v2/code_sources/{identifier}", handler=get_code_source, rule="code_sources:get",
        document=operation("code_sources", "Show a code source", parameters=[*_IN_NAMESPACE, fields_parameter()], reply=one(CODE_SOURCES)),
    ),
    Endpoint(
        method="POST", path="/v2/code_sources", handler=create_code_source, rule="code_sources:create", takes="text",
        document=operation(
            "code_sources", "Store a code source", status=201, reply=one(CODE_SOURCES), body=text_body(EXAMPLE),
            parameters=[parameter("name", "Name of the code source.", example="mine"), *scope_and_namespace()],
            errors=(400, 401, 403, 409, 413, 423, 503),
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/code_sources", handler=update_code_sources, rule="code_sources:update", takes="text",
        document=operation(
            "code_sources", "Replace the code source named by an argument", reply=one(CODE_SOURCES), body=text_body(EXAMPLE),
            parameters=[parameter("identifier", "Id or name of the code source."), *scope_and_namespace()], errors=_CHANGE_ERRORS,
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/code_sources/{identifier}", handler=update_code_source, rule="code_sources:update", takes="text",
        document=operation(
            "code_sources", "Replace a code source", reply=one(CODE_SOURCES), body=text_body(EXAMPLE), parameters=scope_and_namespace(),
            errors=_CHANGE_ERRORS,
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/code_sources/{identifier}", handler=delete_code_source, rule="code_sources:delete",
        document=operation(
            "code_sources", "Delete a code source", status=204, parameters=_IN_NAMESPACE, errors=(400, 401, 403, 404, 423, 503),
        ),
    ),
)
