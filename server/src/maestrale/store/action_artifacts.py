"""Artifacts of actions: texts that are too large for a result, by name. They are kept beside the execution and go with it.

A text is stored in parts, since no database takes a statement of any size. ``size`` is that of the whole text in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.core import states
from maestrale.errors import NotFoundError
from maestrale.store.scope import Scope, visible
from maestrale.store.tables import action_artifacts, action_executions

artifacts = action_artifacts.c
PART = 256 * 1024
"""Characters of a part."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One of an action execution; ``size`` in bytes, ``created_at`` naive UTC."""

    name: str
    size: int
    created_at: datetime


def keep(conn: Connection, attempt_id: str, texts: Mapping[str, str], now: datetime) -> bool:
    """Store texts by name, in place of all that the action execution had; False if there is no such action at work.

    A run that is not kept has no row, so nothing would ever delete what it left.
    """
    actions = action_executions.c
    at_work = sa.select(actions.id).where(actions.id == attempt_id, actions.state.not_in(sorted(states.FINAL)))
    if conn.execute(at_work.with_for_update()).first() is None:
        return False
    conn.execute(action_artifacts.delete().where(artifacts.attempt_id == attempt_id))
    for name, text in texts.items():
        size = len(text.encode())
        for part, start in enumerate(range(0, max(1, len(text)), PART)):
            row = {"attempt_id": attempt_id, "name": name, "part": part, "size": size, "created_at": now, "body": text[start:start + PART]}
            conn.execute(action_artifacts.insert(), row)
    return True


def names(conn: Connection, scope: Scope, attempt_id: str) -> Sequence[Artifact]:
    """The artifacts of a visible action, by name. Raises NotFoundError."""
    _check_visible(conn, scope, attempt_id)
    found = sa.select(artifacts.name, artifacts.size, artifacts.created_at).where(artifacts.attempt_id == attempt_id, artifacts.part == 0)
    return [Artifact(*row) for row in conn.execute(found.order_by(artifacts.name))]


def count_parts(conn: Connection, scope: Scope, attempt_id: str, name: str) -> int:
    """Of how many parts an artifact of a visible action is, for ``part``. Raises NotFoundError."""
    _check_visible(conn, scope, attempt_id)
    found = sa.select(sa.func.count()).select_from(action_artifacts).where(artifacts.attempt_id == attempt_id, artifacts.name == name)
    count: int = conn.execute(found).scalar_one()
    if not count:
        raise _not_found(attempt_id, name)
    return count


def part(conn: Connection, attempt_id: str, name: str, number: int) -> str:
    """A part of an artifact's text, from 0. Raises NotFoundError if it was deleted meanwhile."""
    where = (artifacts.attempt_id == attempt_id, artifacts.name == name, artifacts.part == number)
    body: str | None = conn.execute(sa.select(artifacts.body).where(*where)).scalar()
    if body is None:
        raise _not_found(attempt_id, name)
    return body


def _not_found(attempt_id: str, name: str) -> NotFoundError:
    return NotFoundError(f"Artifact not found [action_execution_id={attempt_id}, name={name}]")


def _check_visible(conn: Connection, scope: Scope, attempt_id: str) -> None:
    actions = action_executions
    where = (actions.c.id == attempt_id, actions.c.kind == "action", visible(actions, scope))
    if conn.execute(sa.select(actions.c.id).where(*where)).first() is None:
        raise NotFoundError(f"ActionExecution not found [id={attempt_id}]")


def expire(conn: Connection, before: datetime, limit: int) -> int:
    """Delete artifacts stored before that time, oldest first; how many parts. 0 when there is nothing left to delete."""
    oldest = sa.select(artifacts.attempt_id).where(artifacts.created_at < before).order_by(artifacts.created_at).limit(limit)
    ids = sorted(set(conn.execute(oldest).scalars()))
    if not ids:
        return 0
    deleted: int = conn.execute(action_artifacts.delete().where(artifacts.attempt_id.in_(ids), artifacts.created_at < before)).rowcount
    return deleted
