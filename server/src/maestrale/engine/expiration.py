"""Deleting finished executions by age and by number (5.4). Only roots are looked at; what is below goes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from maestrale.core import states
from maestrale.errors import NotFoundError
from maestrale.store import Connection, Database, Executions, action_artifacts, action_events, nodes, reports

log = structlog.get_logger(__name__)

LEASE = "expiration"
OUTPUT_BATCH = 1000
ARTIFACT_BATCH = 50
FINAL = (states.SUCCESS, states.ERROR, states.CANCELLED)


@dataclass(frozen=True, slots=True)
class Policy:
    """``older_than`` in minutes, None for any age; ``keep`` the most finished roots, 0 for any number."""

    older_than: int | None
    keep: int
    batch_size: int
    ignored_states: Sequence[str] = ()

    @property
    def states(self) -> list[str]:
        """Final states whose executions may be deleted."""
        return [state for state in FINAL if state not in self.ignored_states]


@dataclass(slots=True, kw_only=True)
class Expiration:
    """A duty of the sweeper; one process does it at a time."""

    node_id: str
    database: Database
    executions: Executions
    policy: Policy
    interval: float
    now: Callable[[], datetime]

    def run(self) -> None:
        """Delete what has expired, batch by batch."""
        now = self.now()
        if not self.database.run_write(lambda conn: nodes.acquire_lease(conn, LEASE, self.node_id, now, self.interval)):
            return
        deleted = 0
        while batch := self.database.run_read(lambda conn: self._expired(conn, now)):
            deleted += self.database.run_write(lambda conn, ids=batch: self._delete(conn, ids))  # type: ignore[misc]
        if deleted:
            log.info("deleted expired executions", executions=deleted)

    def _expired(self, conn: Connection, now: datetime) -> list[str]:
        policy = self.policy
        if policy.older_than is not None:
            before = now - timedelta(minutes=policy.older_than)
            found = reports.expired_executions(conn, before, policy.states, policy.batch_size)
            if found:
                return found
        return reports.surplus_executions(conn, policy.keep, policy.states, policy.batch_size) if policy.keep else []

    def _delete(self, conn: Connection, ids: Sequence[str]) -> int:
        deleted = 0
        for execution_id in ids:
            try:
                deleted += self.executions.delete_tree(conn, execution_id).executions
            except NotFoundError:
                continue
        return deleted


@dataclass(frozen=True, slots=True)
class Leavings:
    """What actions leave beside their results. ``expire`` deletes a batch of what is older than a time; how much, 0 at the end."""

    lease: str
    expire: Callable[[Connection, datetime], int]


LIVE_OUTPUT = Leavings("expiration of live output", lambda conn, before: action_events.expire(conn, before, OUTPUT_BATCH))
ARTIFACTS = Leavings("expiration of artifacts", lambda conn, before: action_artifacts.expire(conn, before, ARTIFACT_BATCH))


@dataclass(slots=True, kw_only=True)
class ExpirationByAge:
    """Deletes what actions have left by age, whatever becomes of their executions; ``older_than`` in minutes."""

    leavings: Leavings
    node_id: str
    database: Database
    older_than: int
    now: Callable[[], datetime]
    interval: float = 60.0

    def run(self) -> None:
        """Delete what is too old, batch by batch."""
        now, what = self.now(), self.leavings
        if not self.database.run_write(lambda conn: nodes.acquire_lease(conn, what.lease, self.node_id, now, self.interval)):
            return
        before = now - timedelta(minutes=self.older_than)
        while self.database.run_write(lambda conn: what.expire(conn, before)):
            pass
