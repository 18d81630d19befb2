"""Rows and records as they go over the wire (1.3): times without zone, JSON fields as texts, tags as lists.

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
from maestrale.core import states
from maestrale.core.model import Attempt, Execution
from maestrale.store.encoding import dumps

Row = Mapping[str, Any]

EXECUTION_SHOWN = (
    "id", "workflow_id", "workflow_name", "workflow_namespace", "description", "tags", "params", "task_execution_id",
    "root_execution_id", "state", "state_info", "input", "output", "created_at", "updated_at", "project_id", "published_global",
)


def timestamp(value: datetime | None) -> str | None:
    """A time as all clients parse it: "YYYY-MM-DD HH:MM:SS" (A020)."""
    return None if value is None else value.isoformat(" ", "seconds")


def shape(resource: Resource, row: Row, names: Sequence[str]) -> dict[str, Any]:
    """The named fields of a row in wire form; a field that the row lacks is left out."""
    shaped: dict[str, Any] = {}
    for name in names:
        if name not in row:
            continue
        value = row[name]
        kind = resource.kind(name)
        if value is None:
            shaped[name] = None
        elif kind is Kind.TIME and not isinstance(value, str):
            shaped[name] = timestamp(value)
        elif kind is Kind.TAGS and isinstance(value, str):
            shaped[name] = orjson.Fragment(value)
        elif kind is Kind.JSON and not isinstance(value, str):
            shaped[name] = dumps(value)
        else:
            shaped[name] = value
    return shaped


def execution_row(row: Row) -> dict[str, Any]:
    """A stored execution under the API's rules: a description is never null."""
    return {**row, "description": row["description"] or ""} if "description" in row else dict(row)


def execution_record(execution: Execution) -> dict[str, Any]:
    """An execution that the engine has just changed."""
    return {
        "id": execution.id, "workflow_id": execution.workflow_id, "workflow_name": execution.workflow_name,
        "workflow_namespace": execution.workflow_namespace, "description": execution.description or "", "tags": execution.tags,
        "params": dumps(execution.params), "task_execution_id": execution.task_execution_id,
        "root_execution_id": execution.root_execution_id, "state": execution.state, "state_info": execution.state_info,
        "input": dumps(execution.input), "output": dumps(execution.output), "created_at": timestamp(execution.created_at),
        "updated_at": timestamp(execution.updated_at), "project_id": execution.project_id,
    }


def attempt_record(attempt: Attempt, workflow: Row | None) -> dict[str, Any]:
    """An action execution that the engine has just run or changed; ``workflow`` names what it belongs to, if anything."""
    saved = bool(attempt.id)
    return {
        "id": attempt.id or None, "workflow_name": workflow["workflow_name"] if workflow else None,
        "workflow_namespace": workflow["workflow_namespace"] if workflow else attempt.namespace,
        "task_execution_id": attempt.task_id, "state": attempt.state, "state_info": attempt.state_info,
        "tags": attempt.tags or None, "name": attempt.name, "description": attempt.description,
        "project_id": attempt.project_id if saved else None, "accepted": attempt.accepted if saved else None,
        "input": dumps(attempt.input), "output": dumps(attempt.output) if attempt.output else None,
        "created_at": timestamp(attempt.created_at) if saved else None, "updated_at": timestamp(attempt.updated_at) if saved else None,
    }


def run_record(attempt: Attempt) -> dict[str, Any]:
    """An action execution in the reply to its own start: not updated yet, and without description where an ended one was given none."""
    nothing = None if states.is_final(attempt.state) else ""
    return attempt_record(attempt, None) | {"updated_at": None, "description": attempt.description or nothing}


def created(shaped: Row) -> dict[str, Any]:
    """An object in the reply to its creation, which says nothing of an update."""
    return {name: value for name, value in shaped.items() if name != "updated_at"}


def reply(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status, media_type=JSON_TYPE)


def page(resource: Resource, rows: Iterable[Row], names: Sequence[str], next_link: str | None) -> Response:
    """A list's answer (A043)."""
    body: dict[str, Any] = {resource.collection: [shape(resource, row, names) for row in rows]}
    if next_link is not None:
        body["next"] = next_link
    return reply(body)


def items(resource: Resource, rows: Iterable[Row], names: Sequence[str]) -> bytes:
    """Some items of a list without the brackets around them."""
    return orjson.dumps([shape(resource, row, names) for row in rows])[1:-1]


def no_content() -> Response:
    """The answer to a deletion."""
    return Response(status_code=204)
