"""Rows as they go over the wire (1.3): times without zone, JSON fields as texts, tags as lists.

Rows come from the store with JSON columns as JSON text, so a reply is put together without reading them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from starlette.responses import Response

from maestrale.api.errors import JSON_TYPE
from maestrale.api.resources import Kind, Resource

Row = Mapping[str, Any]


def timestamp(value: datetime | None) -> str | None:
    """A time as all clients parse it: "YYYY-MM-DD HH:MM:SS" (A020)."""
    return None if value is None else value.isoformat(" ", "seconds")


def raw_json(text: str | None) -> orjson.Fragment | None:
    """JSON text as the value that it holds, for fields that are no texts on the wire."""
    return None if text is None else orjson.Fragment(text)


def json_text(value: Any) -> str | None:
    """A value as the JSON text that the wire wants; None stays null (A029)."""
    return None if value is None else orjson.dumps(value, default=str).decode()


def shape(resource: Resource, row: Row, names: Sequence[str]) -> dict[str, Any]:
    """The named fields of a row in wire form; a field that the row lacks is left out."""
    shaped: dict[str, Any] = {}
    for name in names:
        if name not in row:
            continue
        value = row[name]
        column = resource.column(name)
        assert column is not None
        if value is None:
            shaped[name] = None
        elif column.kind is Kind.TIME:
            shaped[name] = value if isinstance(value, str) else timestamp(value)
        elif column.kind is Kind.TAGS and isinstance(value, str):
            shaped[name] = orjson.Fragment(value)
        else:
            shaped[name] = value
    return shaped


def reply(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status, media_type=JSON_TYPE)


def page(resource: Resource, rows: Iterable[Row], names: Sequence[str], next_link: str | None) -> Response:
    """A list's answer (A043)."""
    body: dict[str, Any] = {resource.collection: [shape(resource, row, names) for row in rows]}
    if next_link is not None:
        body["next"] = next_link
    return reply(body)


def no_content() -> Response:
    """The answer to a deletion."""
    return Response(status_code=204)
