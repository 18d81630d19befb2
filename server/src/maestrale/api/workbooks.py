"""/v2/workbooks (1.7): store, read, change and check workbooks."""

from __future__ import annotations

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.call import Call
from maestrale.api.definitions import SKIP_VALIDATION, read_definition, read_namespace, validate_operation, verdict
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
from maestrale.api.resources import WORKBOOKS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import created, no_content, reply, shape
from maestrale.lang import warnings_workbook

PUBLICIZE = "workbooks:publicize"
EXAMPLE = """version: '2.0'
name: book
workflows:
  greet:
    input: [who]
    tasks:
      say:
        action: std.echo output=<% $.who %>
"""


def list_workbooks(call: Call) -> Response:
    """A page of workbooks: the project's own and public ones."""
    return reads.answer(call, WORKBOOKS)


def get_workbook(call: Call, identifier: str) -> Response:
    """One workbook by its name in exactly that namespace."""
    names = reads.single_fields(call, WORKBOOKS)
    row = reads.get(call, WORKBOOKS, identifier, read_namespace(call))
    return reply(reads.picked(WORKBOOKS, row, names, WORKBOOKS.field_names))


def create_workbook(call: Call) -> Response:
    """Store a workbook with its workflows and actions."""
    given = read_definition(call, PUBLICIZE)
    row = call.parts.catalog.create_workbook(
        call.caller, given.text, namespace=given.namespace, scope=given.scope, skip_validation=given.skip_validation,
    )
    return reply(created(shape(WORKBOOKS, row, WORKBOOKS.field_names)), 201)


def update_workbook(call: Call) -> Response:
    """Replace a workbook; what it no longer contains stays behind as it was."""
    given = read_definition(call, PUBLICIZE)
    row = call.parts.catalog.update_workbook(
        call.caller, given.text, namespace=given.namespace, scope=given.scope, skip_validation=given.skip_validation,
    )
    return reply(shape(WORKBOOKS, row, WORKBOOKS.field_names))


def delete_workbook(call: Call, identifier: str) -> Response:
    """Delete a workbook; its workflows and actions stay."""
    call.parts.catalog.delete_workbook(call.caller, identifier, namespace=read_namespace(call))
    return no_content()


def validate_workbook(call: Call) -> Response:
    """Check a workbook; the answer says what is wrong, and what is accepted but surprising."""
    return verdict(call, call.parts.catalog.validate_workbook, warnings_workbook)


_ARGUMENTS = [*scope_and_namespace(), SKIP_VALIDATION]

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/workbooks", handler=list_workbooks, rule="workbooks:list",
        document=operation("workbooks", "List workbooks", parameters=listing_parameters(WORKBOOKS), reply=many(WORKBOOKS)),
    ),
    Endpoint(
        method="POST", path="/v2/workbooks/validate", handler=validate_workbook, rule=None, takes="text",
        document=validate_operation("workbooks", EXAMPLE),
    ),
    Endpoint(
        method="GET", path="/v2/workbooks/{identifier}", handler=get_workbook, rule="workbooks:get",
        document=operation(
            "workbooks", "Show a workbook", parameters=[parameter("namespace", NAMESPACE), fields_parameter()], reply=one(WORKBOOKS),
        ),
    ),
    Endpoint(
        method="POST", path="/v2/workbooks", handler=create_workbook, rule="workbooks:create", takes="text",
        document=operation(
            "workbooks", "Store a workbook", status=201, parameters=_ARGUMENTS, body=text_body(EXAMPLE), reply=one(WORKBOOKS),
            errors=(400, 401, 403, 409, 413, 423, 503),
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/workbooks", handler=update_workbook, rule="workbooks:update", takes="text",
        document=operation(
            "workbooks", "Replace a workbook", parameters=_ARGUMENTS, body=text_body(EXAMPLE), reply=one(WORKBOOKS),
            errors=(400, 401, 403, 404, 409, 413, 423, 503),
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/workbooks/{identifier}", handler=delete_workbook, rule="workbooks:delete",
        document=operation(
            "workbooks", "Delete a workbook", status=204, parameters=[parameter("namespace", NAMESPACE)],
            errors=(401, 403, 404, 423, 503),
        ),
    ),
)
