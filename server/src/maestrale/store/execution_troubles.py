"""Executions that can't be decided though the database works, as far as the processes that try have told; for the doctor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.store.dialects import insert_if_absent
from maestrale.store.tables import execution_troubles, nodes

troubles = execution_troubles.c


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a process, ``owner``, meets with an execution: since when, how many times, and the last error's text."""

    execution_id: str
    owner: str
    since: datetime
    tries: int
    reason: str


def note(conn: Connection, found: Iterable[Trouble]) -> None:
    """Write these down, instead of what was known of the same executions."""
    for trouble in found:
        values = asdict(trouble)
        change = execution_troubles.update().where(troubles.execution_id == trouble.execution_id).values(**values)
        if conn.execute(change).rowcount == 0 and not conn.execute(insert_if_absent(conn, execution_troubles), values).rowcount:
            conn.execute(change)


def forget(conn: Connection, owner: str, execution_ids: Iterable[str]) -> None:
    """These executions trouble that process no more."""
    gone = sa.and_(troubles.owner == owner, troubles.execution_id.in_(sorted(execution_ids)))
    conn.execute(execution_troubles.delete().where(gone))


def forget_of_the_dead(conn: Connection) -> None:
    """Forget what processes have told that are no more."""
    conn.execute(execution_troubles.delete().where(troubles.owner.not_in(sa.select(nodes.c.id))))


def of_executions(conn: Connection, execution_ids: Sequence[str]) -> dict[str, Trouble]:
    """What is known of these executions."""
    rows = conn.execute(sa.select(execution_troubles).where(troubles.execution_id.in_(execution_ids)))
    return {row["execution_id"]: Trouble(**row) for row in rows.mappings()}
