"""/v2/workflows/{id}/members (1.15): lend a private workflow to another project."""

from __future__ import annotations

from starlette.responses import Response

from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.errors import fault
from maestrale.api.listing import parse_uuid
from maestrale.api.openapi import json_body, many, one, operation, text
from maestrale.api.resources import MEMBERS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import no_content, reply, shape
from maestrale.errors import RequestError

ARGUMENT = "member_info"
KNOWN = frozenset(MEMBERS.field_names)
LONGEST_MEMBER = 80
NO_AUTHENTICATION = "Resource sharing feature can only be supported with authentication enabled."


def _refusal(call: Call, workflow_id: str) -> Response | None:
    """What is checked before anything else; answered in the brief form (1.4)."""
    if not call.caller.authenticated:
        return fault(400, NO_AUTHENTICATION, brief=True)
    try:
        parse_uuid("workflow_id", workflow_id)
    except RequestError as error:
        return fault(400, error.message, brief=True)
    return None


def list_members(call: Call, workflow_id: str) -> Response:
    """All members for the owner; a member sees its own entry."""
    refusal = _refusal(call, workflow_id)
    if refusal is not None:
        return refusal
    rows = call.parts.sharing.members_of(call.caller, workflow_id)
    return reply({"members": [shape(MEMBERS, row, MEMBERS.field_names) for row in rows]})


def get_member(call: Call, workflow_id: str, member_id: str) -> Response:
    """One member, for the owner and for itself."""
    refusal = _refusal(call, workflow_id)
    if refusal is not None:
        return refusal
    return reply(shape(MEMBERS, call.parts.sharing.member(call.caller, workflow_id, member_id), MEMBERS.field_names))


def create_member(call: Call, workflow_id: str) -> Response:
    """Offer the workflow to a project, which has to accept."""
    refusal = _refusal(call, workflow_id)
    if refusal is not None:
        return refusal
    member_id = Body(call.content, ARGUMENT, KNOWN).text("member_id", longest=LONGEST_MEMBER)
    if not member_id:
        raise RequestError("Member id must be provided.")
    return reply(shape(MEMBERS, call.parts.sharing.share(call.caller, workflow_id, member_id), MEMBERS.field_names), 201)


def update_member(call: Call, workflow_id: str, member_id: str) -> Response:
    """Accept or reject, by the member alone."""
    refusal = _refusal(call, workflow_id)
    if refusal is not None:
        return refusal
    status = Body(call.content, ARGUMENT, KNOWN).text("status")
    if not status:
        raise RequestError("Status must be provided.")
    return reply(shape(MEMBERS, call.parts.sharing.answer(call.caller, workflow_id, member_id, status), MEMBERS.field_names))


def delete_member(call: Call, workflow_id: str, member_id: str) -> Response:
    """Withdraw the offer, by the owner alone."""
    refusal = _refusal(call, workflow_id)
    if refusal is not None:
        return refusal
    call.parts.sharing.withdraw(call.caller, workflow_id, member_id)
    return no_content()


_PATH = "/v2/workflows/{workflow_id}/members"

ENDPOINTS = (
    Endpoint(
        method="GET", path=_PATH, handler=list_members, rule="members:list",
        document=operation("members", "List the members of a workflow", reply=many(MEMBERS, paged=False)),
    ),
    Endpoint(
        method="GET", path=_PATH + "/{member_id}", handler=get_member, rule="members:get",
        document=operation("members", "Show a member", reply=one(MEMBERS)),
    ),
    Endpoint(
        method="POST", path=_PATH, handler=create_member, rule="members:create", takes="json",
        document=operation(
            "members", "Share a workflow with a project", status=201, reply=one(MEMBERS),
            errors=(400, 401, 403, 404, 409, 413, 415, 423, 503),
            body=json_body({"member_id": text("Id of the project.")}, {"member_id": "8b7e2f6d9c5a4e1f8d3c2b1a0f9e8d7c"}, ["member_id"]),
        ),
    ),
    Endpoint(
        method="PUT", path=_PATH + "/{member_id}", handler=update_member, rule="members:update", takes="json",
        document=operation(
            "members", "Accept or reject a shared workflow", reply=one(MEMBERS), errors=(400, 401, 403, 404, 413, 415, 423, 503),
            body=json_body({"status": text("accepted, rejected or pending.")}, {"status": "accepted"}, ["status"]),
        ),
    ),
    Endpoint(
        method="DELETE", path=_PATH + "/{member_id}", handler=delete_member, rule="members:delete",
        document=operation("members", "Stop sharing a workflow with a project", status=204, errors=(400, 401, 403, 404, 423, 503)),
    ),
)
