"""Single values shared by all processes, such as the state of maintenance mode (1.16)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.store.dialects import insert_if_absent
from maestrale.store.tables import settings


def read(conn: Connection, name: str) -> str | None:
    """The value, None if it was never set."""
    value: str | None = conn.execute(sa.select(settings.c.value).where(settings.c.name == name)).scalar()
    return value


def write(conn: Connection, name: str, value: str) -> None:
    """Set the value, whatever it was."""
    if conn.execute(settings.update().where(settings.c.name == name).values(value=value)).rowcount == 0:
        inserted = conn.execute(insert_if_absent(conn, settings), {"name": name, "value": value}).rowcount
        if not inserted:
            conn.execute(settings.update().where(settings.c.name == name).values(value=value))


def compare_and_set(conn: Connection, name: str, expected: str | None, value: str) -> bool:
    """Set the value if it is ``expected`` (None: never set) still; whether that was so."""
    if expected is None:
        return conn.execute(insert_if_absent(conn, settings), {"name": name, "value": value}).rowcount == 1
    condition = sa.and_(settings.c.name == name, settings.c.value == expected)
    return conn.execute(settings.update().where(condition).values(value=value)).rowcount == 1
