"""Cron and event triggers beyond what all definitions have: due ones, moving on, and who listens to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.store.definitions import CRON_TRIGGERS, create, decoded
from maestrale.store.encoding import dumps
from maestrale.store.tables import cron_triggers, event_triggers

IDENTITY = ("workflow_input", "workflow_name", "pattern", "workflow_params", "remaining_executions", "first_execution_time")


def create_cron(conn: Connection, row: Mapping[str, Any]) -> None:
    """Insert a cron trigger. Raises DuplicateError for its name, or when another one of the project is the same in everything."""
    create(conn, CRON_TRIGGERS, [{**row, "identity": identity(row)}])


def identity(row: Mapping[str, Any]) -> str | None:
    """What two triggers that are the same in everything have in common; None unless everything is given (1.13)."""
    values = [row.get(name) for name in IDENTITY]
    if any(value is None for value in values):
        return None
    return sha256(dumps(values).encode()).hexdigest()


def due(conn: Connection, until: datetime, limit: int) -> list[dict[str, Any]]:
    """Cron triggers of all projects whose next time is not later than ``until``, soonest first."""
    table = cron_triggers
    statement = sa.select(table).where(table.c.next_execution_time <= until).order_by(table.c.next_execution_time, table.c.id)
    return [decoded(row) for row in conn.execute(statement.limit(limit)).mappings()]


def next_time(conn: Connection) -> datetime | None:
    """When the next cron trigger is due, None if there is none."""
    found: datetime | None = conn.execute(sa.select(sa.func.min(cron_triggers.c.next_execution_time))).scalar()
    return found


def advance(conn: Connection, trigger_id: str, expected: datetime, following: datetime | None, remaining: int | None) -> bool:
    """Move a cron trigger on to its ``following`` time, or delete it if that is None; whether this call did it.

    Only the process that finds ``expected`` as the next time wins, so that each time is fired once.
    """
    table = cron_triggers
    condition = sa.and_(table.c.id == trigger_id, table.c.next_execution_time == expected)
    if following is None:
        return conn.execute(table.delete().where(condition)).rowcount == 1
    # a trigger that has fired is the same as no new one
    values = {"next_execution_time": following, "remaining_executions": remaining, "identity": None}
    return conn.execute(table.update().where(condition).values(values)).rowcount == 1


@dataclass(frozen=True, slots=True)
class Firing:
    """That a cron trigger fires for its time ``expected``: written with the execution that it starts, or not at all.

    The trigger moves on to ``following``, or is deleted if that is None.
    """

    trigger_id: str
    expected: datetime
    following: datetime | None
    remaining: int | None


def subscriptions(conn: Connection) -> list[tuple[str, str]]:
    """The (exchange, topic) pairs that event triggers listen to."""
    table = event_triggers.c
    rows = conn.execute(sa.select(table.exchange, table.topic).distinct().order_by(table.exchange, table.topic))
    return [(row[0], row[1]) for row in rows]


def for_event(conn: Connection, exchange: str, topic: str, event: str) -> list[dict[str, Any]]:
    """The event triggers of all projects for one event, oldest first."""
    table = event_triggers
    same = sa.and_(table.c.exchange == exchange, table.c.topic == topic, table.c.event == event)
    return [decoded(row) for row in conn.execute(sa.select(table).where(same).order_by(table.c.created_at, table.c.id)).mappings()]
