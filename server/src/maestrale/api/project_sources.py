"""/v2/project_sources: git repositories that playbooks come from, pinned to a commit. An addition to Mistral's API."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from maestrale.api import reads
from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.definitions import LONGEST_NAME, check_scope
from maestrale.api.openapi import fields_parameter, json_body, listing_parameters, many, one, operation, text
from maestrale.api.resources import PROJECT_SOURCES
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, no_content, reply, shape
from maestrale.errors import RequestError

ARGUMENT = "project_source"
TEXTS = ("url", "ref", "revision", "credential", "description")
KNOWN = frozenset({*TEXTS, "playbooks", "scope"})
PUBLICIZE = "project_sources:publicize"


def list_project_sources(call: Call) -> Response:
    """A page of project sources: the project's own and public ones."""
    return reads.answer(call, PROJECT_SOURCES, all_projects_rule="project_sources:list:all_projects")


def get_project_source(call: Call, identifier: str) -> Response:
    """One project source by id or name."""
    names = reads.single_fields(call, PROJECT_SOURCES)
    return reply(reads.picked(PROJECT_SOURCES, reads.get(call, PROJECT_SOURCES, identifier), names, PROJECT_SOURCES.field_names))


def create_project_source(call: Call) -> Response:
    """Name a repository. Its ref is resolved when it is first used."""
    body = Body(call.content, ARGUMENT, KNOWN | {"name"})
    name = body.text("name", longest=LONGEST_NAME)
    if not name:
        raise RequestError("The name of the project source must be provided.")
    return _stored(call.parts.project_sources.create(call.caller, name, _values(call, body)), 201)


def update_project_source(call: Call, identifier: str) -> Response:
    """Change what is given. Another url or ref, or a revision of null, lets the ref be resolved anew at the next use."""
    body = Body(call.content, ARGUMENT, KNOWN)
    return _stored(call.parts.project_sources.update(call.caller, identifier, _values(call, body)))


def delete_project_source(call: Call, identifier: str) -> Response:
    """Delete a project source."""
    call.parts.project_sources.delete(call.caller, identifier)
    return no_content()


def _values(call: Call, body: Body) -> dict[str, Any]:
    values: dict[str, Any] = {name: body.text(name) for name in TEXTS if name in body}
    if "playbooks" in body:
        values["playbooks"] = body.texts("playbooks")
    if "scope" in body:
        values["scope"] = check_scope(call, body.text("scope"), PUBLICIZE)
    return values


def _stored(row: Row, status: int = 200) -> Response:
    return reply(shape(PROJECT_SOURCES, row, PROJECT_SOURCES.field_names), status)


_CHANGES = {
    "url": text("Address of the git repository, without credentials."), "ref": text("Branch, tag or commit; null: the default branch."),
    "revision": text("The commit that runs use; null: to be resolved from ref."),
    "playbooks": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Patterns of what may be run; null: all."},
    "credential": text("Name of the secret that opens the repository."), "description": text(), "scope": text("private or public."),
}
_EXAMPLE = {"url": "https://git.example.org/ops/site.git", "ref": "main", "playbooks": ["playbooks/*.yml"]}

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/project_sources", handler=list_project_sources, rule="project_sources:list",
        document=operation(
            "project_sources", "List project sources", parameters=listing_parameters(PROJECT_SOURCES), reply=many(PROJECT_SOURCES)),
    ),
    Endpoint(
        method="GET", path="/v2/project_sources/{identifier}", handler=get_project_source, rule="project_sources:get",
        document=operation("project_sources", "Show a project source", parameters=[fields_parameter()], reply=one(PROJECT_SOURCES)),
    ),
    Endpoint(
        method="POST", path="/v2/project_sources", handler=create_project_source, rule="project_sources:create", takes="json",
        document=operation(
            "project_sources", "Name a git repository as a source of playbooks", status=201, reply=one(PROJECT_SOURCES),
            body=json_body({"name": text("Unique in the project."), **_CHANGES}, {"name": "site", **_EXAMPLE}, required=["name", "url"]),
            errors=(400, 401, 403, 409, 413, 415, 423, 503),
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/project_sources/{identifier}", handler=update_project_source, rule="project_sources:update", takes="json",
        document=operation(
            "project_sources", "Change a project source", reply=one(PROJECT_SOURCES), body=json_body(_CHANGES, _EXAMPLE),
            errors=(400, 401, 403, 404, 413, 415, 423, 503),
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/project_sources/{identifier}", handler=delete_project_source, rule="project_sources:delete",
        document=operation("project_sources", "Delete a project source", status=204, errors=(401, 403, 404, 423, 503)),
    ),
)
