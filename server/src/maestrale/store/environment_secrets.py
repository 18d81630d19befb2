"""Secrets of environments, as they are sealed. Who may do what is decided before; what is sealed is never read here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.store.tables import environment_secrets as secrets

SHOWN = (secrets.c.name, secrets.c.created_at, secrets.c.updated_at)


def names(conn: Connection, environment_id: str) -> list[dict[str, Any]]:
    """The secrets by name, without their values: name, created_at, updated_at."""
    found = conn.execute(sa.select(*SHOWN).where(secrets.c.environment_id == environment_id).order_by(secrets.c.name))
    return [dict(row) for row in found.mappings()]


def get(conn: Connection, environment_id: str, name: str) -> dict[str, Any] | None:
    """One secret with what is sealed, or None."""
    found = conn.execute(sa.select(*SHOWN, secrets.c.sealed).where(*_one(environment_id, name))).mappings().first()
    return None if found is None else dict(found)


def put(conn: Connection, environment_id: str, name: str, sealed: str, now: datetime) -> None:
    """Store a secret, in place of the one of that name if there is one."""
    if conn.execute(secrets.update().where(*_one(environment_id, name)).values(sealed=sealed, updated_at=now)).rowcount == 0:
        conn.execute(secrets.insert(), {"environment_id": environment_id, "name": name, "sealed": sealed, "created_at": now})


def delete(conn: Connection, environment_id: str, name: str | None = None) -> int:
    """Delete one secret, or all of an environment; how many there were."""
    where = (secrets.c.environment_id == environment_id,) if name is None else _one(environment_id, name)
    deleted: int = conn.execute(secrets.delete().where(*where)).rowcount
    return deleted


def _one(environment_id: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return secrets.c.environment_id == environment_id, secrets.c.name == name
