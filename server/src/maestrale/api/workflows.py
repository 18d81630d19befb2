"""/v2/workflows (1.6): store, read, change and check workflow definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.call import Call
from maestrale.api.definitions import SKIP_VALIDATION, read_definition, read_namespace, validate_operation, verdict
from maestrale.api.openapi import (
    NAMESPACE,
    Operation,
    fields_parameter,
    listing_parameters,
    literal,
    many,
    one,
    operation,
    parameter,
    scope_and_namespace,
    text_body,
)
from maestrale.api.resources import DEFINITION_EXAMPLE, WORKFLOWS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, created, no_content, reply, shape
from maestrale.lang import warnings_workflows

PUBLICIZE = "workflows:publicize"


def list_workflows(call: Call) -> Response:
    """A page of workflows: the project's own, public ones, and those shared with it."""
    return reads.answer(call, WORKFLOWS, all_projects_rule="workflows:list:all_projects")


def get_workflow(call: Call, identifier: str) -> Response:
    """One workflow by id, or by name in exactly that namespace."""
    names = reads.single_fields(call, WORKFLOWS, ignore_unknown=True)
    if names and "input" in names and "interface" not in names:
        names = (*names, "interface")
    row = reads.get(call, WORKFLOWS, identifier, read_namespace(call))
    return reply(reads.picked(WORKFLOWS, row, names, WORKFLOWS.field_names))


def create_workflows(call: Call) -> Response:
    """Store the workflows of a document, all or none."""
    given = read_definition(call, PUBLICIZE)
    rows = call.parts.catalog.create_workflows(
        call.caller, given.text, namespace=given.namespace, scope=given.scope, skip_validation=given.skip_validation,
    )
    return reply({"workflows": [created(stored(row)) for row in rows]}, 201)


def update_workflows(call: Call) -> Response:
    """Replace the workflows of a document, all or none; each has to exist in the namespace."""
    return reply({"workflows": [stored(row) for row in _update(call, None)]})


def update_workflow(call: Call, identifier: str) -> Response:
    """Replace one workflow, which may get another name."""
    (row,) = _update(call, identifier)
    return reply(stored(row))


def _update(call: Call, identifier: str | None) -> Sequence[Row]:
    given = read_definition(call, PUBLICIZE)
    return call.parts.catalog.update_workflows(
        call.caller, given.text, identifier=identifier, namespace=given.namespace, scope=given.scope,
        skip_validation=given.skip_validation,
    )


def stored(row: Row) -> dict[str, Any]:
    """A workflow that was just written: here ``interface`` is an object, not a text (1.3)."""
    shaped = shape(WORKFLOWS, row, WORKFLOWS.field_names)
    shaped["interface"] = row["interface"]
    return shaped


def delete_workflow(call: Call, identifier: str) -> Response:
    """Delete a workflow; its executions stay."""
    call.parts.catalog.delete_workflow(call.caller, identifier, namespace=read_namespace(call))
    return no_content()


def validate_workflows(call: Call) -> Response:
    """Check a document of workflows; the answer says what is wrong, and what is accepted but surprising."""
    return verdict(call, call.parts.catalog.validate_workflows, warnings_workflows)


def _many_stored() -> Operation:
    return literal(
        {"type": "object", "required": ["workflows"], "properties": {"workflows": {"type": "array", "items": {"type": "object"}}}},
        {"workflows": [{"id": "7eb79ffe-6b1e-4ac7-9d1b-1f8f9ad4c0de", "name": "demo", "interface": {"input": ["who"], "output": []}}]},
    )


_ARGUMENTS = [*scope_and_namespace(), SKIP_VALIDATION]
_CHANGE_ERRORS = (400, 401, 403, 404, 409, 413, 423, 503)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/workflows", handler=list_workflows, rule="workflows:list",
        document=operation("workflows", "List workflows", parameters=listing_parameters(WORKFLOWS), reply=many(WORKFLOWS)),
    ),
    Endpoint(
        method="POST", path="/v2/workflows/validate", handler=validate_workflows, rule=None, takes="text",
        document=validate_operation("workflows", DEFINITION_EXAMPLE),
    ),
    Endpoint(
        method="GET", path="/v2/workflows/{identifier}", handler=get_workflow, rule="workflows:get",
        document=operation(
            "workflows", "Show a workflow", parameters=[parameter("namespace", NAMESPACE), fields_parameter()], reply=one(WORKFLOWS),
        ),
    ),
    Endpoint(
        method="POST", path="/v2/workflows", handler=create_workflows, rule="workflows:create", takes="text",
        document=operation(
            "workflows", "Store workflows", status=201, parameters=_ARGUMENTS, body=text_body(DEFINITION_EXAMPLE), reply=_many_stored(),
            errors=(400, 401, 403, 409, 413, 423, 503),
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/workflows", handler=update_workflows, rule="workflows:update", takes="text",
        document=operation(
            "workflows", "Replace workflows", parameters=_ARGUMENTS, body=text_body(DEFINITION_EXAMPLE), reply=_many_stored(),
            errors=_CHANGE_ERRORS,
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/workflows/{identifier}", handler=update_workflow, rule="workflows:update", takes="text",
        document=operation(
            "workflows", "Replace one workflow", parameters=_ARGUMENTS, body=text_body(DEFINITION_EXAMPLE),
            reply=literal({"type": "object"}, {"id": "7eb79ffe-6b1e-4ac7-9d1b-1f8f9ad4c0de", "name": "demo"}), errors=_CHANGE_ERRORS,
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/workflows/{identifier}", handler=delete_workflow, rule="workflows:delete",
        document=operation(
            "workflows", "Delete a workflow", status=204, parameters=[parameter("namespace", NAMESPACE)],
            errors=(400, 401, 403, 404, 423, 503),
        ),
    ),
)
