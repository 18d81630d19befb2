"""Static tokens by digest; the text of a token is never stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from maestrale.caller import Caller
from maestrale.errors import DuplicateError
from maestrale.store.encoding import dumps, loads
from maestrale.store.tables import tokens

ADMIN_ROLE = "admin"


def add(conn: Connection, row: Mapping[str, Any]) -> None:
    """Store a token: ``id``, ``digest``, ``name``, ``project_id``, ``roles`` (list), ``created_at`` and what else is known.

    Raises DuplicateError if the name or the token exists.
    """
    try:
        conn.execute(tokens.insert(), {**row, "roles": dumps(list(row["roles"]))})
    except IntegrityError as error:
        raise DuplicateError(f"A token of that name or text exists already: {row['name']}") from error


def caller_of(conn: Connection, digest: str, now: datetime) -> Caller | None:
    """Who the token with that digest stands for, None if there is none or it has expired."""
    valid = sa.or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now)
    row = conn.execute(sa.select(tokens).where(tokens.c.digest == digest, valid)).mappings().first()
    if row is None:
        return None
    roles = tuple(loads(row["roles"]))
    return Caller(
        project_id=row["project_id"], project_name=row["project_name"], user_id=row["user_id"], user_name=row["user_name"],
        roles=roles, is_admin=ADMIN_ROLE in roles, authenticated=True,
        expires_at=None if row["expires_at"] is None else row["expires_at"].isoformat(),
    )


def all_tokens(conn: Connection) -> list[dict[str, Any]]:
    """All tokens without their digests, by name."""
    rows = conn.execute(sa.select(tokens).order_by(tokens.c.name)).mappings()
    return [{**{name: value for name, value in row.items() if name != "digest"}, "roles": loads(row["roles"])} for row in rows]


def remove(conn: Connection, name: str) -> bool:
    """Revoke a token; whether it existed."""
    return conn.execute(tokens.delete().where(tokens.c.name == name)).rowcount == 1
