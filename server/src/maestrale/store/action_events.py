"""Live output of actions: events in order, numbered from 1 within their action execution.

An event is a mapping kept as JSON text. They are written beside the execution, never by its decisions, and go with it. Actions that
run here tell theirs through ``engine/live_output.py``; of an asynchronous action whoever does its work may tell them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.core import states
from maestrale.errors import ConflictError, NotFoundError
from maestrale.store.encoding import dumps
from maestrale.store.scope import Scope, visible
from maestrale.store.tables import action_events, action_executions

events = action_events.c
IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Events from a position on: (counter, JSON text); and the action's state when they were read."""

    state: str
    events: Sequence[tuple[int, str]]


def last_counters(conn: Connection, attempt_ids: Iterable[str]) -> dict[str, int]:
    """The number of the last event of those actions that exist, 0 without any; others are left out."""
    ids = sorted(attempt_ids)
    known: dict[str, int] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start:start + IDS_AT_ONCE]
        present = conn.execute(sa.select(action_executions.c.id).where(action_executions.c.id.in_(some))).scalars()
        known.update(dict.fromkeys(present, 0))
        last = sa.select(events.attempt_id, sa.func.max(events.counter)).where(events.attempt_id.in_(some)).group_by(events.attempt_id)
        known.update({row[0]: row[1] for row in conn.execute(last) if row[0] in known})
    return known


def append(conn: Connection, rows: Sequence[tuple[str, int, str]], now: datetime) -> None:
    """Store events: (action execution, counter, JSON text). Raises ConstraintError for a number that is taken."""
    if rows:
        names = ("attempt_id", "counter", "body")
        conn.execute(action_events.insert(), [{**dict(zip(names, row, strict=True)), "created_at": now} for row in rows])


def add(conn: Connection, scope: Scope, attempt_id: str, given: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """Store events that somebody outside tells of a visible action that hasn't ended; the number of the last one.

    Raises NotFoundError, ConflictError for an action that has ended, ConstraintError if somebody else took the numbers meanwhile.
    """
    state = _state(conn, scope, attempt_id)
    if states.is_final(state):
        raise ConflictError(f"ActionExecution {attempt_id} has ended in {state}; its output is complete.")
    last = last_counters(conn, [attempt_id])[attempt_id]
    append(conn, [(attempt_id, number, dumps({**event, "counter": number})) for number, event in enumerate(given, last + 1)], now)
    return last + len(given)


def read(conn: Connection, scope: Scope, attempt_id: str, *, after: int = 0, limit: int = 500) -> Page:
    """The next events of a visible action. Raises NotFoundError."""
    state = _state(conn, scope, attempt_id)
    return Page(state, stored(conn, attempt_id, after=after, limit=limit))


def stored(conn: Connection, attempt_id: str, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
    """The next events of an action whoever it belongs to, for the process that runs it: (counter, JSON text)."""
    statement = sa.select(events.counter, events.body).where(events.attempt_id == attempt_id, events.counter > after)
    return [(row[0], row[1]) for row in conn.execute(statement.order_by(events.counter).limit(limit))]


def _state(conn: Connection, scope: Scope, attempt_id: str) -> str:
    actions = action_executions
    where = (actions.c.id == attempt_id, actions.c.kind == "action", visible(actions, scope))
    state: str | None = conn.execute(sa.select(actions.c.state).where(*where)).scalar()
    if state is None:
        raise NotFoundError(f"ActionExecution not found [id={attempt_id}]")
    return state


def expire(conn: Connection, before: datetime, limit: int) -> int:
    """Delete events stored before that time, all of an action's at once, oldest first; how many.

    Looks at ``limit`` events; 0 when there is nothing left to delete.
    """
    oldest = sa.select(events.attempt_id).where(events.created_at < before).order_by(events.created_at).limit(limit)
    ids = sorted(set(conn.execute(oldest).scalars()))
    if not ids:
        return 0
    deleted: int = conn.execute(action_events.delete().where(events.attempt_id.in_(ids), events.created_at < before)).rowcount
    return deleted

