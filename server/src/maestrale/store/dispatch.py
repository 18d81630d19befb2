"""Which process runs which action: the columns ``owner`` and ``dispatched_at`` of action executions.

An action that is RUNNING without owner and was never dispatched waits for a process; one whose owner has no row in
``nodes`` has lost it. These two columns are written beside the execution's version, by conditional updates, so
that picking up work never disturbs a decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from maestrale.core.model import Attempt
from maestrale.store.executions import IDS_AT_ONCE, Executions
from maestrale.store.tables import action_executions, nodes

actions = action_executions.c


def _running() -> ColumnElement[bool]:
    return sa.and_(actions.kind == "action", actions.state == "RUNNING")


def _waiting() -> ColumnElement[bool]:
    return sa.and_(_running(), actions.owner.is_(None), actions.dispatched_at.is_(None))


def unclaimed_actions(executions: Executions, conn: Connection, limit: int, *, created_before: datetime | None = None) -> list[Attempt]:
    """Actions that nobody runs, oldest first; with ``created_before`` only those that have waited for a while."""
    conditions = [_waiting()]
    if created_before is not None:
        conditions.append(actions.created_at < created_before)
    ids = conn.execute(sa.select(actions.id).where(*conditions).order_by(actions.created_at).limit(limit)).scalars().all()
    return executions.attempts(conn, ids)


def claim_actions(conn: Connection, node_id: str, ids: Iterable[str], now: datetime) -> set[str]:
    """Make waiting actions the node's own; the ids of those that it got."""
    wanted = sorted(ids)
    mine = sa.select(actions.id).where(actions.id.in_(wanted), _waiting()).order_by(actions.id).with_for_update()
    got = conn.execute(mine).scalars().all()
    if got:
        update = action_executions.update().where(actions.id.in_(got), _waiting())
        conn.execute(update.values(owner=node_id, dispatched_at=now))
    return set(got)


def orphaned_ids(conn: Connection) -> list[str]:
    """RUNNING actions whose owner has no row in ``nodes``, oldest first. As many as its processes had room for."""
    lost = sa.and_(_running(), actions.owner.is_not(None), actions.owner.not_in(sa.select(nodes.c.id)))
    return list(conn.execute(sa.select(actions.id).where(lost).order_by(actions.created_at)).scalars())


def release_actions(conn: Connection, node_id: str, ids: Iterable[str]) -> int:
    """Hand RUNNING actions back that the node has not begun, so that another takes them; how many it owned still."""
    mine = sa.and_(actions.id.in_(sorted(ids)), actions.owner == node_id, _running())
    released: int = conn.execute(action_executions.update().where(mine).values(owner=None, dispatched_at=None)).rowcount
    return released


def let_go(conn: Connection, node_id: str, ids: Iterable[str]) -> int:
    """Note that actions were handed to the outside and wait for their result from there: nobody owns them any more."""
    mine = sa.and_(actions.id.in_(sorted(ids)), actions.owner == node_id)
    released: int = conn.execute(action_executions.update().where(mine).values(owner=None)).rowcount
    return released


def owned_actions(conn: Connection, node_id: str) -> list[str]:
    """The ids of the RUNNING actions that a node owns."""
    return list(conn.execute(sa.select(actions.id).where(_running(), actions.owner == node_id)).scalars())


def existing(conn: Connection, ids: Sequence[str]) -> set[str]:
    """Those of these action executions that there are."""
    found: set[str] = set()
    for start in range(0, len(ids), IDS_AT_ONCE):
        found.update(conn.execute(sa.select(actions.id).where(actions.id.in_(ids[start:start + IDS_AT_ONCE]))).scalars())
    return found


def is_any_at_work(conn: Connection) -> bool:
    """Whether a process has an action in hand, or will take one; asynchronous ones that wait for the outside don't count."""
    ours = sa.or_(actions.is_sync, actions.owner.is_not(None), actions.dispatched_at.is_(None))
    return conn.execute(sa.select(actions.id).where(_running(), ours).limit(1)).first() is not None
