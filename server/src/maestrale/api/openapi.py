"""The OpenAPI description: operations for the endpoints, schemas from the resources' tables.

Each resource module describes its endpoints with the few builders here, so that parameters and fields in the
description are the ones that the code checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from maestrale.api.resources import ALL, Column, Kind, Resource

Operation = dict[str, Any]

_TYPES: Mapping[Kind, Mapping[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.UUID: {"type": "string"},
    Kind.PROJECT: {"type": "string"},
    Kind.TIME: {"type": "string", "description": "UTC, as YYYY-MM-DD HH:MM:SS."},
    Kind.FLAG: {"type": "boolean"},
    Kind.NUMBER: {"type": "integer"},
    Kind.JSON: {"type": "string", "description": "A text that holds JSON."},
    Kind.TAGS: {"type": "array", "items": {"type": "string"}},
}

_ERRORS: Mapping[int, str] = {
    400: "The request is not valid.",
    401: "Credentials are missing or not valid (plain text, with the header Server-Error-Message).",
    403: "The policy, the owner or the object's state forbids it.",
    404: "There is no such object, or it is not visible.",
    409: "An object of that identity exists already, or the object's state does not allow it.",
    413: "The request is larger than the server accepts.",
    415: "The media type is not one that the endpoint takes.",
    423: "The service is in maintenance (plain text).",
    503: "The database can't be reached at the moment; try again after the time in Retry-After.",
}

_FAULT = {
    "type": "object",
    "properties": {
        "faultcode": {"type": "string", "enum": ["Client", "Server"]},
        "faultstring": {"type": "string"},
        "debuginfo": {"type": "string", "nullable": True},
    },
    "required": ["faultstring"],
    "example": {
        "faultcode": "Client", "faultstring": "Workflow not found [workflow_identifier=demo, namespace=]", "debuginfo": None,
    },
}

SCOPE = "Whose the objects are: private, or public for every project."
NAMESPACE = "Namespace of the definitions; the default one is the empty text."


def parameter(name: str, description: str, kind: Kind = Kind.TEXT, *, example: object = None) -> Operation:
    """A query argument."""
    shape = {key: value for key, value in _TYPES[kind].items() if key != "description"}
    described: Operation = {"name": name, "in": "query", "required": False, "description": description, "schema": shape}
    if example is not None:
        described["example"] = example
    return described


def scope_and_namespace() -> list[Operation]:
    """The query arguments of definitions."""
    scope = parameter("scope", SCOPE, example="private")
    scope["schema"] = {"type": "string", "enum": ["private", "public"]}
    return [scope, parameter("namespace", NAMESPACE)]


def fields_parameter() -> Operation:
    """The argument that chooses fields."""
    return parameter("fields", "Comma list of the fields to show; id is always among them.", example="id,state")


def listing_parameters(resource: Resource, skip: Sequence[str] = ()) -> list[Operation]:
    """All arguments of a list request (1.5)."""
    common = [
        parameter("marker", "Id of the last item of the page before."),
        parameter("limit", "Most items of a page.", Kind.NUMBER, example=100),
        parameter("sort_keys", f"Comma list of fields to sort by, {resource.default_sort} by default.", example=resource.default_sort),
        parameter("sort_dirs", "Comma list of asc or desc, one for each sort key.", example="asc"),
        fields_parameter(),
    ]
    filters = [
        parameter(column.name, "Filter: value or operator:value (eq, neq, gt, gte, lt, lte, in, nin, has).")
        for column in resource.columns if column.filters and column.name not in skip
    ]
    flags = [parameter(flag, _FLAGS[flag], Kind.FLAG) for flag in resource.flags if flag not in skip]
    described = [*common, *filters, *flags]
    if resource.nullable:
        described.append(parameter("nulls", f"Comma list of fields that must be null, among {', '.join(resource.nullable)}."))
    return described


_FLAGS: Mapping[str, str] = {
    "include_output": "Show the output of each item.",
    "all_projects": "List the objects of all projects; needs the matching policy rule.",
}


def operation(
    resource: str, summary: str, *, status: int = 200, parameters: Sequence[Operation] = (), body: Operation | None = None,
    reply: Operation | None = None, description: str = "", errors: Sequence[int] = (400, 401, 403, 404, 503),
) -> Operation:
    """One operation of the description; ``reply`` and ``body`` are schemas with examples."""
    success: Operation = {"description": "Done."}
    if reply is not None:
        success["content"] = {"application/json": reply}
    described: Operation = {
        "tags": [resource], "summary": summary, "parameters": list(parameters),
        "responses": {str(status): success, **{str(code): _error(code) for code in errors}},
    }
    if description:
        described["description"] = description
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    return described


def _error(code: int) -> Operation:
    if code in {401, 423}:
        return {"description": _ERRORS[code], "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"description": _ERRORS[code], "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}}


def json_body(properties: Mapping[str, Operation], example: Mapping[str, Any], required: Sequence[str] = ()) -> Operation:
    """A JSON request body."""
    schema: Operation = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return {"application/json": {"schema": schema, "example": dict(example)}}


def text_body(example: str) -> Operation:
    """A definition as the request's body."""
    return {"text/plain": {"schema": {"type": "string"}, "example": example}}


def text(description: str = "") -> Operation:
    """The schema of a text attribute that may be null."""
    return {"type": ["string", "null"], "description": description}


def flag(description: str = "") -> Operation:
    """The schema of a boolean attribute that may be null."""
    return {"type": ["boolean", "null"], "description": description}


def mapping(description: str = "") -> Operation:
    """The schema of a JSON-typed attribute: an object, or its text (1.3)."""
    return {"type": ["object", "string", "null"], "description": f"{description} An object, or a text that holds one.".strip()}


def one(resource: Resource) -> Operation:
    """A reply that is one object."""
    return {"schema": {"$ref": f"#/components/schemas/{resource.name}"}}


def many(resource: Resource, *, paged: bool = True) -> Operation:
    """A reply that wraps a list."""
    properties: Operation = {
        resource.collection: {"type": "array", "items": {"$ref": f"#/components/schemas/{resource.name}"}},
    }
    if paged:
        properties["next"] = {"type": "string", "description": "Address of the next page, when this one is full."}
    return {"schema": {"type": "object", "properties": properties, "required": [resource.collection]}}


def literal(schema: Operation, example: object) -> Operation:
    """A reply with a schema of its own."""
    return {"schema": schema, "example": example}


def _property(column: Column) -> Operation:
    shape = dict(_TYPES[column.kind])
    shape["type"] = [shape["type"], "null"]
    if column.example is not None:
        shape["example"] = column.example
    return shape


def _schema(resource: Resource) -> Operation:
    return {"type": "object", "properties": {column.name: _property(column) for column in resource.columns}}


def describe(app: FastAPI, version: str) -> dict[str, Any]:
    """The whole document, made once."""
    document = get_openapi(
        title="Maestrale", version=version, routes=app.routes,
        description="The Mistral v2 workflow API. Requests bear a token as X-Auth-Token or Authorization, unless authentication is off.",
    )
    for path in document["paths"].values():
        for described in path.values():
            described["responses"].pop("422", None)
            if described["responses"].get("200", {}).get("description") == "Successful Response":
                del described["responses"]["200"]
            content = described["responses"].get("200", {}).get("content", {})
            if len(content) > 1 and not content.get("application/json", {}).get("schema", True):
                del content["application/json"]  # FastAPI's guess, which says nothing of its own
    schemas = {resource.name: _schema(resource) for resource in ALL}
    document["components"] = {
        "schemas": {**schemas, "Fault": _FAULT},
        "securitySchemes": {
            "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
            "bearer": {"type": "http", "scheme": "bearer"},
            "basic": {"type": "http", "scheme": "basic"},
        },
    }
    document["security"] = [{"token": []}, {"bearer": []}, {"basic": []}]
    return document
