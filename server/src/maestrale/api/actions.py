"""/v2/actions (1.8): built-in, ad-hoc and dynamic actions as one collection.

Built-in actions have no row: they are filtered, sorted and paged here, beside what the store gives of the ad-hoc ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from starlette.responses import Response

from maestrale.actions import Registry
from maestrale.api import reads
from maestrale.api.call import Call
from maestrale.api.definitions import read_definition, read_namespace, validate_operation, verdict
from maestrale.api.listing import Filter, Listing, read_listing
from maestrale.api.openapi import (
    NAMESPACE,
    Operation,
    fields_parameter,
    listing_parameters,
    many,
    one,
    operation,
    parameter,
    scope_and_namespace,
    text_body,
)
from maestrale.api.resources import ACTIONS, DYNAMIC_ACTIONS
from maestrale.api.routes import Endpoint
from maestrale.api.wire import Row, created, no_content, page, reply, shape
from maestrale.core.ports import ActionDescriptor
from maestrale.errors import NotFoundError
from maestrale.lang import describe_action_input, warnings_actions

PUBLICIZE = "actions:publicize"
EXAMPLE = """version: '2.0'
greet:
  input: [who]
  base: std.echo output="Hello <% $.who %>"
"""


def built_in(descriptor: ActionDescriptor) -> dict[str, Any]:
    """A built-in action in the form of a row (A122)."""
    return {
        "id": descriptor.name, "name": descriptor.name, "is_system": False,
        "input": describe_action_input(descriptor.parameters, is_open=descriptor.open_input),
        "description": descriptor.description, "tags": None, "definition": "", "scope": None, "project_id": None, "created_at": "",
        "updated_at": "", "namespace": "",
    }


# ---- reading


def list_actions(call: Call) -> Response:
    """All actions of a namespace, without limit unless one is given."""
    listing = read_listing(call.arguments, ACTIONS, call.parts.settings.api.max_limit)
    where = [one for one in listing.filters if one.column != "namespace"]
    namespaces = [one for one in listing.filters if one.column == "namespace"] or [Filter("namespace", "eq", "")]
    conditions = (*namespaces, *where)
    rows = _all_built_in(call.parts.registry) + _dynamic(call)
    found = [row for row in rows if all(_matches(row, one) for one in conditions)] + _adhoc(call, conditions)
    for name, descending in reversed(listing.sort):
        found.sort(key=_sort_key(name), reverse=descending)
    found, rest = _page(found, listing)
    link = listing.next_link(call.collection_url, found[-1]["name"]) if rest and len(found) == listing.limit else None
    return page(ACTIONS, found, _with_name(listing.columns), link)


_shown: WeakKeyDictionary[Registry, tuple[int, list[Row]]] = WeakKeyDictionary()


def _all_built_in(registry: Registry) -> list[Row]:
    """The rows of all built-in actions by name, made once: there are thousands, and pages may be small."""
    known = _shown.get(registry)
    if known is None or known[0] != registry.revision:
        descriptors = registry.describe()
        known = _shown[registry] = (registry.revision, [built_in(descriptor) for descriptor in descriptors])
    return known[1]


def _adhoc(call: Call, where: Sequence[Filter]) -> list[Row]:
    plain = Listing(sort=(("name", False), ("id", False)), limit=None, columns=ACTIONS.field_names, filters=tuple(where))
    return list(reads.rows(call, ACTIONS, plain))


def _dynamic(call: Call, where: Sequence[Filter] = ()) -> list[Row]:
    """Dynamic actions in the form of a row, where they are switched on (A284)."""
    if not call.parts.settings.dynamic_actions.enabled:
        return []
    plain = Listing(sort=(("name", False), ("id", False)), limit=None, columns=DYNAMIC_ACTIONS.field_names, filters=tuple(where))
    find = call.parts.catalog.definitions.action
    found = ((row, find(row["name"], row["namespace"], row["project_id"])) for row in reads.rows(call, DYNAMIC_ACTIONS, plain))
    shown = ("id", "namespace", "scope", "project_id", "created_at", "updated_at")
    return [{**built_in(descriptor), **{name: row[name] for name in shown}} for row, descriptor in found if descriptor is not None]


def _with_name(names: tuple[str, ...]) -> tuple[str, ...]:
    """The name is always shown: clients page by it."""
    return names if "name" in names else ("id", "name", *names[1:])


def _page(found: list[Row], listing: Listing) -> tuple[list[Row], bool]:
    """The items after the marker, which is a name, up to the limit; and whether there are more (A133)."""
    start = 0
    if listing.marker is not None:
        places = [place for place, row in enumerate(found) if listing.marker in {row["name"], row["id"]}]
        if not places:
            raise NotFoundError(f"Action not found [name={listing.marker}, namespace=]")
        start = places[-1] + 1
    end = len(found) if listing.limit is None else start + listing.limit
    return found[start:end], end < len(found)


def _sort_key(name: str) -> Callable[[Row], tuple[bool, str]]:
    """Built-in actions come first where they have no value."""

    def key(row: Row) -> tuple[bool, str]:
        value = row[name]
        return value not in {None, ""}, value.isoformat() if isinstance(value, datetime) else str(value or "")

    return key


def _matches(row: Row, one: Filter) -> bool:
    """Whether a built-in action satisfies a condition, as the store would decide it; null satisfies none."""
    value = row[one.column]
    if one.column == "tags" or value is None or (value == "" and one.column.endswith("_at")):
        return False
    if one.operator in {"in", "nin"}:
        return (value in one.value) is (one.operator == "in")
    if one.operator == "has":
        return one.value in value
    comparisons: dict[str, Callable[[], bool]] = {
        "eq": lambda: value == one.value, "neq": lambda: value != one.value, "gt": lambda: value > one.value,
        "gte": lambda: value >= one.value, "lt": lambda: value < one.value, "lte": lambda: value <= one.value,
    }
    return comparisons[one.operator]()


def get_action(call: Call, identifier: str, namespace: str | None = None) -> Response:
    """One action by name or id; an ad-hoc one in the namespace, then in the default one, then a built-in one."""
    names = reads.single_fields(call, ACTIONS)
    row = _find(call, identifier, read_namespace(call) if namespace is None else namespace)
    return reply(shape(ACTIONS, row, names or ACTIONS.field_names))


def get_action_in_namespace(call: Call, identifier: str, namespace: str) -> Response:
    """The same with the namespace in the path."""
    return get_action(call, identifier, namespace)


def _find(call: Call, identifier: str, namespace: str) -> Row:
    for place in dict.fromkeys((namespace, "")):
        try:
            row = reads.get(call, ACTIONS, identifier, place)
        except NotFoundError:
            continue
        return row
    descriptor = call.parts.registry.descriptor(identifier)
    if descriptor is None:
        for place in dict.fromkeys((namespace, "")):
            found = _dynamic(call, [Filter("name", "eq", identifier), Filter("namespace", "eq", place)])
            if found:
                return found[0]
        raise NotFoundError(f"Action not found [name={identifier}, namespace={namespace}]")
    return built_in(descriptor)


# ---- changing


def create_actions(call: Call) -> Response:
    """Store the ad-hoc actions of a document, all or none."""
    given = read_definition(call, PUBLICIZE)
    rows = call.parts.catalog.create_actions(call.caller, given.text, namespace=given.namespace, scope=given.scope)
    return reply({"actions": [created(_stored(row)) for row in rows]}, 201)


def update_actions(call: Call) -> Response:
    """Replace the ad-hoc actions of a document, all or none."""
    return _update(call, None)


def update_action(call: Call, identifier: str) -> Response:
    """Replace one ad-hoc action; the answer is a list all the same."""
    return _update(call, identifier)


def _update(call: Call, identifier: str | None) -> Response:
    given = read_definition(call, PUBLICIZE)
    rows = call.parts.catalog.update_actions(
        call.caller, given.text, identifier=identifier, namespace=given.namespace, scope=given.scope,
    )
    return reply({"actions": [_stored(row) for row in rows]})


def _stored(row: Row) -> dict[str, Any]:
    """An ad-hoc action in the reply to its change, where no inputs are null, and the empty text elsewhere."""
    return shape(ACTIONS, row, ACTIONS.field_names) | {"input": row["input"] or None}


def delete_action(call: Call, identifier: str, namespace: str | None = None) -> Response:
    """Delete an ad-hoc action."""
    place = read_namespace(call) if namespace is None else namespace
    call.parts.catalog.delete_action(call.caller, identifier, namespace=place)
    return no_content()


def delete_action_in_namespace(call: Call, identifier: str, namespace: str) -> Response:
    """The same with the namespace in the path."""
    return delete_action(call, identifier, namespace)


def validate_actions(call: Call) -> Response:
    """Check a document of ad-hoc actions; the answer says what is wrong, and what is accepted but surprising."""
    return verdict(call, call.parts.catalog.validate_actions, warnings_actions)


_CHANGE_ERRORS = (400, 401, 403, 404, 409, 413, 423, 503)
_IN_NAMESPACE = [parameter("namespace", NAMESPACE)]


def _many() -> Operation:
    return many(ACTIONS, paged=False)


ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/actions", handler=list_actions, rule="actions:list",
        document=operation(
            "actions", "List actions", parameters=listing_parameters(ACTIONS), reply=many(ACTIONS),
            description="Built-in and ad-hoc actions, all of them unless a limit is given. The marker is a name.",
        ),
    ),
    Endpoint(
        method="POST", path="/v2/actions/validate", handler=validate_actions, rule=None, takes="text",
        document=validate_operation("actions", EXAMPLE),
    ),
    Endpoint(
        method="GET", path="/v2/actions/{identifier}", handler=get_action, rule="actions:get",
        document=operation("actions", "Show an action", parameters=[*_IN_NAMESPACE, fields_parameter()], reply=one(ACTIONS)),
    ),
    Endpoint(
        method="GET", path="/v2/actions/{identifier}/{namespace}", handler=get_action_in_namespace, rule="actions:get",
        document=operation("actions", "Show an action of a namespace", parameters=[fields_parameter()], reply=one(ACTIONS)),
    ),
    Endpoint(
        method="POST", path="/v2/actions", handler=create_actions, rule="actions:create", takes="text",
        document=operation(
            "actions", "Store ad-hoc actions", status=201, parameters=scope_and_namespace(), body=text_body(EXAMPLE), reply=_many(),
            errors=(400, 401, 403, 409, 413, 423, 503),
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/actions", handler=update_actions, rule="actions:update", takes="text",
        document=operation(
            "actions", "Replace ad-hoc actions", parameters=scope_and_namespace(), body=text_body(EXAMPLE), reply=_many(),
            errors=_CHANGE_ERRORS,
        ),
    ),
    Endpoint(
        method="PUT", path="/v2/actions/{identifier}", handler=update_action, rule="actions:update", takes="text",
        document=operation(
            "actions", "Replace one ad-hoc action", parameters=scope_and_namespace(), body=text_body(EXAMPLE), reply=_many(),
            errors=_CHANGE_ERRORS,
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/actions/{identifier}", handler=delete_action, rule="actions:delete",
        document=operation(
            "actions", "Delete an ad-hoc action", status=204, parameters=_IN_NAMESPACE, errors=(400, 401, 403, 404, 423, 503),
        ),
    ),
    Endpoint(
        method="DELETE", path="/v2/actions/{identifier}/{namespace}", handler=delete_action_in_namespace, rule="actions:delete",
        document=operation("actions", "Delete an ad-hoc action of a namespace", status=204, errors=(400, 401, 403, 404, 423, 503)),
    ),
)
