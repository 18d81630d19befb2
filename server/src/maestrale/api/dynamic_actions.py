"""/v2/dynamic_actions (1.15): names for classes of code sources; for administrators."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.definitions import check_scope, read_namespace
from maestrale.api.openapi import NAMESPACE, fields_parameter, json_body, listing_parameters, many, one, operation, parameter, text
from maestrale.api.resources import DYNAMIC_ACTIONS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import created, no_content, reply, shape
from maestrale.errors import RequestError

ARGUMENT = "dyn_action"
KNOWN = frozenset(DYNAMIC_ACTIONS.field_names)
READ_ONLY = frozenset({"project_id"})
LONGEST_NAME = 255
PUBLICIZE = "dynamic_actions:publicize"


def list_dynamic_actions(call: Call) -> Response:
    """A page of dynamic actions."""
    return reads.answer(call, DYNAMIC_ACTIONS, all_projects_rule="dynamic_actions:list")


def get_dynamic_action(call: Call, identifier: str) -> Response:
    """One dynamic action by id or name."""
    names = reads.single_fields(call, DYNAMIC_ACTIONS)
    row = reads.get(call, DYNAMIC_ACTIONS, identifier, read_namespace(call))
    return reply(reads.picked(DYNAMIC_ACTIONS, row, names, DYNAMIC_ACTIONS.field_names))


def create_dynamic_action(call: Call) -> Response:
    """Name a class of a code source, so that it is an action."""
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    name, class_name = body.text("name", longest=LONGEST_NAME), body.text("class_name", longest=LONGEST_NAME)
    source = _source(body)
    if not (name and class_name and source):
        raise RequestError("name, class_name and code_source_id or code_source_name must be provided.")
    row = call.parts.sources.create_action(
        call.caller, name=name, class_name=class_name, source=source, namespace=_namespace(body),
        scope=check_scope(call, body.text("scope"), PUBLICIZE),
    )
    return reply(created(shape(DYNAMIC_ACTIONS, row, DYNAMIC_ACTIONS.field_names)), 201)


def update_dynamic_action(call: Call) -> Response:
    """Change the dynamic action that the body names by id or name."""
    body = Body(call.content, ARGUMENT, KNOWN, READ_ONLY)
    identifier = body.text("id") or body.text("name", longest=LONGEST_NAME)
    if not identifier:
        raise RequestError("id or name of the dynamic action must be provided.")
    changes: dict[str, Any] = {}
    if body.text("class_name", longest=LONGEST_NAME):
        changes["class_name"] = body.text("class_name")
    if body.text("id") and body.text("name", longest=LONGEST_NAME):
        changes["name"] = body.text("name")
    if body.text("scope"):
        changes["scope"] = check_scope(call, body.text("scope"), PUBLICIZE)
    row = call.parts.sources.update_action(call.caller, identifier, changes, source=_source(body), namespace=_namespace(body))
    return reply(shape(DYNAMIC_ACTIONS, row, DYNAMIC_ACTIONS.field_names))


def _source(body: Body) -> str | None:
    return body.text("code_source_id") or body.text("code_source_name", longest=LONGEST_NAME) or None


def _namespace(body: Body) -> str:
    return body.text("namespace", longest=LONGEST_NAME) or ""


def delete_dynamic_action(call: Call, identifier: str) -> Response:
    """Delete a dynamic action; its code source stays."""
    call.parts.sources.delete_action(call.caller, identifier, namespace=read_namespace(call))
    return no_content()


_PROPERTIES = {
    "name": text("Name of the action."), "class_name": text("Class in the code source."), "code_source_id": text(),
    "code_source_name": text(), "scope": text("private or public."), "namespace": text(),
}
_EXAMPLE = {"name": "mine.hello", "class_name": "Hello", "code_source_name": "mine"}
_IN_NAMESPACE = [parameter("namespace", NAMESPACE)]

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/dynamic_actions", handler=list_dynamic_actions, rule="dynamic_actions:list",
        document=operation(
            "dynamic_actions", "List dynamic actions", parameters=listing_parameters(DYNAMIC_ACTIONS), reply=many(DYNAMIC_ACTIONS),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/dynamic_actions/{identifier}", handler=get_dynamic_action, rule="dynamic_actions:get",
        document=operation(
            "dynamic_actions", "Show a dynamic action", parameters=[*_IN_NAMESPACE, fields_parameter()], reply=one(DYNAMIC_ACTIONS),
        ),
    ),
    Endpoint(
        method="POST", path="/v2/dynamic_actions", handler=create_dynamic_action, rule="dynamic_actions:create", takes="json",
        document=operation(
            "dynamic_actions", "Store a dynamic action", status=201, reply=one(DYNAMIC_ACTIONS),
            errors=(400, 401, 403, 404, 409, 413, 415, 423, 503), body=json_body(_PROPERTIES, _EXAMPLE, required=["name", "class_name"]),
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/dynamic_actions", handler=update_dynamic_action, rule="dynamic_actions:update", takes="json",
        document=operation(
            "dynamic_actions", "Change a dynamic action", reply=one(DYNAMIC_ACTIONS), errors=(400, 401, 403, 404, 409, 413, 415, 423, 503),
            body=json_body({"id": text("Id; or name it by name."), **_PROPERTIES}, _EXAMPLE),
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/dynamic_actions/{identifier}", handler=delete_dynamic_action, rule="dynamic_actions:delete",
        document=operation(
            "dynamic_actions", "Delete a dynamic action", status=204, parameters=_IN_NAMESPACE, errors=(400, 401, 403, 404, 423, 503),
        ),
    ),
)
