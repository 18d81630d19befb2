"""Delegations that are to be ended: each with the execution after whose end nothing needs it any more (2.6).

A trust of a trigger that still fires is not here but in the trigger's row. What may run in the name of a trust shows in the
``security`` of executions; only unfinished root executions are looked through, and only for trusts that are about to end.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.core import states
from maestrale.store.dialects import insert_if_absent
from maestrale.store.tables import cron_triggers, executions, trusts

UNFINISHED = (states.IDLE, states.RUNNING, states.PAUSED)


def add(conn: Connection, trust_id: str, execution_id: str, created_at: datetime, *, trigger_id: str | None = None) -> None:
    """The trust ends with that execution, which need not exist yet; ``trigger_id`` for the last one of an exhausted trigger.

    Nothing happens where that is noted already.
    """
    row = {"id": trust_id, "execution_id": execution_id, "trigger_id": trigger_id, "created_at": created_at}
    conn.execute(insert_if_absent(conn, trusts), row)


def unneeded(conn: Connection, before: datetime, limit: int) -> list[str]:
    """Trusts in whose name nothing runs nor will, oldest first; where the execution doesn't exist only those older than ``before``.

    A trust is kept as long as its trigger is there; one made for an execution also while that is in ERROR, since it may be run again.
    """
    state = executions.c.state
    ended = sa.or_(
        sa.and_(executions.c.id.is_(None), trusts.c.created_at < before),
        sa.and_(state.in_(sorted(states.FINAL)), sa.or_(trusts.c.trigger_id.is_not(None), state != states.ERROR)),
    )
    fires = sa.exists().where(cron_triggers.c.id == trusts.c.trigger_id)
    joined = trusts.outerjoin(executions, executions.c.id == trusts.c.execution_id)
    found = conn.execute(
        sa.select(trusts.c.id).select_from(joined).where(ended, ~fires)
        .order_by(trusts.c.created_at, trusts.c.id).limit(limit)
    ).scalars().all()
    return [trust_id for trust_id in found if not _is_in_use(conn, trust_id)]


def _is_in_use(conn: Connection, trust_id: str) -> bool:
    """Whether an unfinished execution runs in the name of the trust: an exhausted trigger's earlier ones may."""
    named = executions.c.security.contains(trust_id, autoescape=True)
    unfinished = sa.and_(executions.c.state.in_(UNFINISHED), executions.c.root_execution_id.is_(None), named)
    return conn.execute(sa.select(executions.c.id).where(unfinished).limit(1)).first() is not None


def remove(conn: Connection, trust_id: str) -> None:
    """The trust has been ended."""
    conn.execute(trusts.delete().where(trusts.c.id == trust_id))
