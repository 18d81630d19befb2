"""Leases of executions' owners, see ``core/lease.py``: one row for an execution that has one.

They are renewed beside the execution, without a decision and without a new version, since nothing depends on when exactly that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.core.lease import Lease
from maestrale.errors import NotFoundError
from maestrale.store.dialects import insert_if_absent
from maestrale.store.scope import Scope, visible
from maestrale.store.tables import execution_leases, executions

leases = execution_leases.c


@dataclass(frozen=True, slots=True)
class StoredLease:
    """A lease with its execution, and that one's state when it was read."""

    execution_id: str
    lease: Lease
    expires_at: datetime
    state: str


def renew(conn: Connection, scope: Scope, execution_id: str, lease: Lease, now: datetime) -> StoredLease:
    """Give the execution this lease from now on, whether or not it had one. Raises NotFoundError."""
    state = _state(conn, scope, execution_id)
    expires_at = now + timedelta(seconds=lease.seconds)
    values = {"seconds": lease.seconds, "on_lost": lease.on_lost, "expires_at": expires_at}
    change = execution_leases.update().where(leases.execution_id == execution_id).values(**values)
    if conn.execute(change).rowcount == 0:
        inserted = conn.execute(insert_if_absent(conn, execution_leases), {"execution_id": execution_id, **values}).rowcount
        if not inserted:
            conn.execute(change)
    return StoredLease(execution_id, lease, expires_at, state)


def read(conn: Connection, scope: Scope, execution_id: str) -> StoredLease:
    """The lease of a visible execution. Raises NotFoundError if there is none."""
    state = _state(conn, scope, execution_id)
    row = conn.execute(sa.select(execution_leases).where(leases.execution_id == execution_id)).first()
    if row is None:
        raise NotFoundError(f"Workflow execution {execution_id} has no lease")
    return StoredLease(execution_id, Lease(row.seconds, row.on_lost), row.expires_at, state)


def release(conn: Connection, scope: Scope, execution_id: str) -> None:
    """Let the execution go on without an owner, whether or not it had one. Raises NotFoundError."""
    _state(conn, scope, execution_id)
    conn.execute(execution_leases.delete().where(leases.execution_id == execution_id))


def expired(conn: Connection, now: datetime, limit: int) -> Sequence[StoredLease]:
    """Leases that were not renewed in time, longest ago first."""
    statement = sa.select(execution_leases, executions.c.state).join(executions, executions.c.id == leases.execution_id)
    rows = conn.execute(statement.where(leases.expires_at <= now).order_by(leases.expires_at).limit(limit))
    return [StoredLease(row.execution_id, Lease(row.seconds, row.on_lost), row.expires_at, row.state) for row in rows]


def drop(conn: Connection, lease: StoredLease) -> bool:
    """Forget a lease unless it was renewed since it was read; whether it was there still."""
    same = sa.and_(leases.execution_id == lease.execution_id, leases.expires_at == lease.expires_at)
    return bool(conn.execute(execution_leases.delete().where(same)).rowcount)


def _state(conn: Connection, scope: Scope, execution_id: str) -> str:
    where = (executions.c.id == execution_id, visible(executions, scope))
    state: str | None = conn.execute(sa.select(executions.c.state).where(*where)).scalar()
    if state is None:
        raise NotFoundError(f"Workflow execution not found [id={execution_id}]")
    return state
