"""Reading through the store: single objects and pages of lists, seen with the caller's eyes.

Every resource module answers its GETs with these; what is particular about a resource goes through ``prepare``,
which makes a stored row one of the API's fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from maestrale.api.call import Call
from maestrale.api.errors import JSON_TYPE, shown
from maestrale.api.listing import UUID_TEXT, Filter, Listing, read_listing
from maestrale.api.resources import Resource
from maestrale.api.routes import check_rule
from maestrale.api.wire import Row, items, page, shape
from maestrale.caller import Caller
from maestrale.errors import NotAllowedError, NotFoundError, RequestError
from maestrale.store import Connection, queries
from maestrale.store.scope import Scope

Prepare = Callable[[Row], Row]

CHUNK = 200
"""Rows that are read, and held, at once."""


def scope_of(caller: Caller, *, all_projects: bool = False) -> Scope:
    """Whose eyes the store looks through."""
    return Scope(caller.project_id, is_admin=caller.is_admin, all_projects=all_projects)


def get(call: Call, resource: Resource, identifier: str, namespace: str = "", fields: Sequence[str] | None = None) -> dict[str, Any]:
    """One visible row. Raises NotFoundError."""

    def read(conn: Connection) -> dict[str, Any]:
        return queries.get_(conn, resource.collection, scope_of(call.caller), identifier, namespace, fields=fields)

    return call.parts.database.run_look(read)


def rows(call: Call, resource: Resource, listing: Listing, where: Sequence[Filter] = ()) -> list[dict[str, Any]]:
    """One page of visible rows. Raises NotFoundError for a marker that isn't there, RequestError for one that can't be."""
    scope = scope_of(call.caller, all_projects=listing.flags.get("all_projects", False))
    fields = stored_fields(resource, listing)

    def read(conn: Connection) -> list[dict[str, Any]]:
        return queries.list_(
            conn, resource.collection, scope, filters=[*where, *listing.filters], sort=listing.sort, limit=listing.limit,
            marker=listing.marker, fields=fields, nulls=listing.nulls,
        )

    database = call.parts.database
    try:
        # where a page begins is a question of its own
        return database.run_read(read) if listing.marker else database.run_look(read)
    except NotFoundError:
        if listing.marker and not UUID_TEXT.fullmatch(listing.marker):
            raise RequestError(
                f"Invalid input for field/attribute marker. Value: '{shown(listing.marker)}'. Value should be UUID format.",
            ) from None
        raise


def chunks(call: Call, resource: Resource, listing: Listing, where: Sequence[Filter] = ()) -> Iterator[list[dict[str, Any]]]:
    """A page in parts of at most ``CHUNK`` rows, each read when it is asked for, so that a large page is never held whole."""
    left = listing.limit or 0
    while left > 0:
        wanted = min(left, CHUNK)
        found = rows(call, resource, replace(listing, limit=wanted), where)
        yield found
        if len(found) < wanted:
            return
        left -= len(found)
        listing = replace(listing, marker=found[-1]["id"])


def stored_fields(resource: Resource, listing: Listing) -> list[str]:
    """The columns that a list needs."""
    names = [name for name in shown_fields(listing) if (column := resource.column(name)) is not None and column.stored]
    return names if "id" in names else ["id", *names]


def shown_fields(listing: Listing) -> tuple[str, ...]:
    """The fields of each item, with output if it was asked for (A078)."""
    if listing.flags.get("include_output") and "output" not in listing.columns:
        return (*listing.columns, "output")
    return listing.columns


def answer(
    call: Call, resource: Resource, *, where: Sequence[Filter] = (), all_projects_rule: str | None = None, prepare: Prepare | None = None,
) -> Response:
    """A list request from its query to its answer. A page of more than ``CHUNK`` rows is sent as it is read."""
    listing = read_listing(call.arguments, resource, call.parts.settings.api.max_limit)
    if listing.flags.get("all_projects"):
        check_rule(call, all_projects_rule)
    names = shown_fields(listing)
    parts = chunks(call, resource, listing, where)
    first = next(parts)
    if len(first) < CHUNK or listing.limit == CHUNK:
        link = _next_link(call, listing, first, len(first))
        return page(resource, [prepare(row) for row in first] if prepare is not None else first, names, link)
    shown: Iterator[Sequence[Row]] = chain([first], parts)
    if prepare is not None:
        shown = ([prepare(row) for row in part] for part in shown)
    return streamed(resource, shown, names, lambda last, count: _next_link(call, listing, last, count))


def streamed(
    resource: Resource, parts: Iterable[Sequence[Row]], names: Sequence[str],
    link: Callable[[Sequence[Row], int], str | None] = lambda _last, _count: None,
) -> StreamingResponse:
    """A list that is sent as it is read, part by part; ``link`` gives the next page's address from the last part and the number of rows."""

    def content() -> Iterator[bytes]:
        count = 0
        last: Sequence[Row] = ()
        yield b'{"' + resource.collection.encode() + b'":['
        for part in parts:
            if part:
                yield (b"," if count else b"") + items(resource, part, names)
                count, last = count + len(part), part
        address = link(last, count)
        yield b"]}" if address is None else b'],"next":' + orjson.dumps(address) + b"}"

    return StreamingResponse(content(), media_type=JSON_TYPE)


def _next_link(call: Call, listing: Listing, last: Sequence[Row], count: int) -> str | None:
    """The address of the next page, where this one is full (A047)."""
    return listing.next_link(call.collection_url, last[-1]["id"]) if count == listing.limit else None


def refuse_foreign_project(call: Call) -> None:
    """Executions of another project are asked for by administrators only (2.3). Raises NotAllowedError."""
    asked = call.arguments.get("project_id")
    if asked and not call.caller.is_admin and asked.removeprefix("eq:") != call.caller.project_id:
        raise NotAllowedError("Only administrators can list executions of another project.")


def single_fields(call: Call, resource: Resource, *, ignore_unknown: bool = False) -> tuple[str, ...] | None:
    """The ``fields`` of a request for one object, ``id`` first; None where there are none (A062). Raises RequestError."""
    text = call.arguments.get("fields")
    if not text:
        return None
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if not ignore_unknown:
        for name in names:
            if resource.column(name) is None:
                raise RequestError(f"Field '{shown(name)}' does not exist.")
    return ("id", *(name for name in names if name != "id" and resource.column(name) is not None))


def picked(resource: Resource, row: Row, names: Sequence[str] | None, default: Sequence[str]) -> Mapping[str, Any]:
    """One object with the fields asked for."""
    return shape(resource, row, names or default)
