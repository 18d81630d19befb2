"""The processes that are running, and leases for what only one of them does at a time.

A process writes its row before it takes any work and deletes it when it ends; work whose owner has no row
belongs to nobody. Who is dead is judged by the callers, who then delete the row with ``remove``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.store.dialects import insert_if_absent
from maestrale.store.tables import leases, nodes


@dataclass(frozen=True, slots=True)
class Node:
    """One process. ``process_started`` tells it from a later one of the same ``pid`` on the same ``host``."""

    id: str
    host: str
    pid: int
    process_started: str
    started_at: datetime
    heartbeat_at: datetime


def register(conn: Connection, node: Node) -> None:
    """Make the process known."""
    conn.execute(nodes.insert(), {name: getattr(node, name) for name in nodes.c.keys()})  # noqa: SIM118 - no mapping


def heartbeat(conn: Connection, node_id: str, now: datetime) -> bool:
    """Say that the process lives. False if others took it for dead: then nothing that it owns is its own any more."""
    return conn.execute(nodes.update().where(nodes.c.id == node_id).values(heartbeat_at=now)).rowcount == 1


def all_nodes(conn: Connection) -> list[Node]:
    """All processes that are known, oldest first."""
    rows = conn.execute(sa.select(nodes).order_by(nodes.c.started_at, nodes.c.id)).mappings()
    return [Node(**row) for row in rows]


def silent(conn: Connection, since: datetime) -> list[Node]:
    """The processes whose last heartbeat is older than ``since``."""
    return [node for node in all_nodes(conn) if node.heartbeat_at < since]


def remove(conn: Connection, node_ids: Iterable[str]) -> int:
    """Forget processes that ended or died; how many were known. What they owned is free from then on."""
    removed: int = conn.execute(nodes.delete().where(nodes.c.id.in_(sorted(node_ids)))).rowcount
    return removed


def acquire_lease(conn: Connection, name: str, node_id: str, now: datetime, seconds: float) -> bool:
    """Take or keep the lease of that name until ``seconds`` from now; whether ``node_id`` holds it."""
    until = now + timedelta(seconds=seconds)
    free = sa.or_(leases.c.owner == node_id, leases.c.expires_at <= now, leases.c.owner.not_in(sa.select(nodes.c.id)))
    taken = conn.execute(leases.update().where(leases.c.name == name, free).values(owner=node_id, expires_at=until)).rowcount
    if taken:
        return True
    return conn.execute(insert_if_absent(conn, leases), {"name": name, "owner": node_id, "expires_at": until}).rowcount == 1


def release_lease(conn: Connection, name: str, node_id: str) -> None:
    """Give a lease back."""
    conn.execute(leases.delete().where(leases.c.name == name, leases.c.owner == node_id))
