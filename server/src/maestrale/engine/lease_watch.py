"""Executions whose owners have fallen silent are told what their leases say.

Every process watches; a verdict that two of them bring is the same one. A lease is forgotten after its verdict was taken, so a
process that dies in between costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from maestrale import clock
from maestrale.core import states
from maestrale.engine.inbox import Inbox
from maestrale.engine.items import Delivery
from maestrale.errors import DatabaseUnavailableError, MaestraleError
from maestrale.store import Database, execution_leases
from maestrale.store.execution_leases import StoredLease

log = structlog.get_logger(__name__)

AT_ONCE = 200
PATIENCE = 60.0
LARGEST_DRIFT = 2.0
"""Seconds by which the wall clock may gain on the monotonic one between two looks without having been set."""


@dataclass(slots=True, kw_only=True)
class LeaseWatch:
    """A duty; see the module."""

    database: Database
    inbox: Inbox
    now: Callable[[], datetime]
    monotonic: Callable[[], float] = field(default=clock.monotonic)
    _reachable_since: float | None = None
    _last_look: tuple[datetime, float] | None = None

    def run(self) -> None:
        """Look once. Raises DatabaseUnavailableError."""
        if self._was_clock_set_forward():
            log.warning("the clock was set forward; leases run anew")
            self._reachable_since = None
        try:
            found = self.database.run_read(lambda conn: execution_leases.expired(conn, self.now(), AT_ONCE))
        except DatabaseUnavailableError:
            self._reachable_since = None
            raise
        if self._reachable_since is None:
            self._reachable_since = self.monotonic()
        # Nobody could renew a lease while the engine or its database was away: owners get the whole of it once more.
        waited = self.monotonic() - self._reachable_since
        lost = [lease for lease in found if states.is_final(lease.state) or lease.lease.seconds <= waited]
        told = [(lease, self._tell(lease)) for lease in lost]
        for lease, future in told:
            if future is None or self._was_taken(lease, future):
                self.database.run_write(lambda conn, one=lease: execution_leases.drop(conn, one))  # type: ignore[misc]

    def _was_clock_set_forward(self) -> bool:
        """Since the last look, by which leases seem to be over whose owners had no chance to renew them; so after a suspend."""
        now, passed = self.now(), self.monotonic()
        last, self._last_look = self._last_look, (now, passed)
        return last is not None and (now - last[0]).total_seconds() - (passed - last[1]) > LARGEST_DRIFT

    def _tell(self, lease: StoredLease) -> Future[Any] | None:
        """Send the verdict on its way; None where there is nothing to say."""
        verdict = lease.lease.verdict()
        if verdict is None or states.is_final(lease.state):
            return None
        log.warning("the owner of an execution is silent", execution_id=lease.execution_id, on_lost=lease.lease.on_lost)
        future: Future[Any] = Future()
        self.inbox.put(Delivery(verdict, execution_id=lease.execution_id, future=future))
        return future

    @staticmethod
    def _was_taken(lease: StoredLease, future: Future[Any]) -> bool:
        """Whether the verdict came to anything, were it a refusal; otherwise it is brought again."""
        try:
            future.result(PATIENCE)
        except (FutureTimeoutError, DatabaseUnavailableError):
            return False
        except MaestraleError as error:
            log.info("a lease's verdict was refused", execution_id=lease.execution_id, reason=error.message)
        return True
