"""Durable effects that wait: messages for executions and notifications.

A job is inserted with the decision that caused it and deleted with the one that it causes (``commits.py``). In
between it belongs to the process that holds it in memory, its ``owner``, or to nobody. A job whose owner has
no row in ``nodes`` belongs to nobody. Claiming is safe among any number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from maestrale.core.model import Job
from maestrale.store.encoding import dumps, loads
from maestrale.store.tables import jobs, nodes


def insert(conn: Connection, new: Sequence[Job]) -> None:
    """Insert jobs outside a commit of executions."""
    if new:
        names = [column.name for column in jobs.c]
        conn.execute(jobs.insert(), [{**{name: getattr(job, name) for name in names}, "payload": dumps(job.payload)} for job in new])


def claim(conn: Connection, node_id: str, until: datetime, limit: int, *, dead: Iterable[str] = ()) -> list[Job]:
    """Make jobs that are due by ``until`` the node's own: those of nobody, and those of ``dead`` nodes; soonest first."""
    found = _take(conn, sa.and_(jobs.c.owner.is_(None), jobs.c.due_at <= until), node_id, limit)
    gone = sorted(dead)
    if gone and len(found) < limit:
        found += _take(conn, sa.and_(jobs.c.owner.in_(gone), jobs.c.due_at <= until), node_id, limit - len(found))
    return found


def _take(conn: Connection, condition: ColumnElement[bool], node_id: str, limit: int) -> list[Job]:
    chosen = sa.select(jobs).where(condition).order_by(jobs.c.due_at).limit(limit).with_for_update(skip_locked=True)
    found = [_job(row) for row in conn.execute(chosen).mappings()]
    if found:
        ids = sorted(job.id for job in found)
        conn.execute(jobs.update().where(jobs.c.id.in_(ids)).values(owner=node_id))
        for job in found:
            job.owner = node_id
    return found


def release(conn: Connection, node_id: str, ids: Iterable[str]) -> int:
    """Give jobs back that the node owns; how many it owned still."""
    mine = sa.and_(jobs.c.id.in_(sorted(ids)), jobs.c.owner == node_id)
    released: int = conn.execute(jobs.update().where(mine).values(owner=None)).rowcount
    return released


def release_all(conn: Connection, node_id: str) -> int:
    """Give everything back that the node owns."""
    released: int = conn.execute(jobs.update().where(jobs.c.owner == node_id).values(owner=None)).rowcount
    return released


def release_abandoned(conn: Connection) -> int:
    """Free the jobs of processes that are no more; how many there were."""
    lost = sa.and_(jobs.c.owner.is_not(None), jobs.c.owner.not_in(sa.select(nodes.c.id)))
    released: int = conn.execute(jobs.update().where(lost).values(owner=None)).rowcount
    return released


def reschedule(conn: Connection, job_id: str, due_at: datetime, *, owner: str | None = None) -> bool:
    """Try a job again at a later time: counts the attempt and hands it to ``owner`` or nobody. False if it is gone."""
    values = {"due_at": due_at, "attempts": jobs.c.attempts + 1, "owner": owner}
    return conn.execute(jobs.update().where(jobs.c.id == job_id).values(values)).rowcount == 1


def remove(conn: Connection, ids: Iterable[str]) -> int:
    """Delete jobs that are done without a commit of executions, such as notifications; how many there were."""
    removed: int = conn.execute(jobs.delete().where(jobs.c.id.in_(sorted(ids)))).rowcount
    return removed


def existing(conn: Connection, ids: Iterable[str]) -> set[str]:
    """Those of these jobs that there are."""
    return set(conn.execute(sa.select(jobs.c.id).where(jobs.c.id.in_(sorted(ids)))).scalars())


def of_execution(conn: Connection, execution_id: str) -> list[Job]:
    """All jobs of an execution, soonest first."""
    rows = conn.execute(sa.select(jobs).where(jobs.c.execution_id == execution_id).order_by(jobs.c.due_at, jobs.c.id))
    return [_job(row) for row in rows.mappings()]


def next_due_at(conn: Connection) -> datetime | None:
    """When the next job of nobody is due, None if there is none."""
    found: datetime | None = conn.execute(sa.select(sa.func.min(jobs.c.due_at)).where(jobs.c.owner.is_(None))).scalar()
    return found


def count(conn: Connection) -> int:
    """How many jobs there are."""
    return conn.execute(sa.select(sa.func.count()).select_from(jobs)).scalar_one()


def _job(row: Any) -> Job:
    return Job(**{**row, "payload": loads(row["payload"])})
