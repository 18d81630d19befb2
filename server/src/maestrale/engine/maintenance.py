"""Maintenance mode (3.23): pause everything that runs, refuse changes, and let exactly that go on afterwards.

The state is one value in the database, so all processes see it. Unlike Mistral it takes an administrator, and
executions that their owners had paused before stay paused. Actions that wait for their completion from outside hold nothing up:
that may take days, and their results are taken while the service is paused.
"""

from __future__ import annotations

import json
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Any

import structlog

from maestrale import clock
from maestrale.caller import Caller
from maestrale.core.messages import Message, Pause, Resume
from maestrale.engine.inbox import Inbox
from maestrale.engine.items import Delivery
from maestrale.errors import ConflictError, MaestraleError, NotAllowedError, RequestError
from maestrale.store import Connection, Database, dispatch, queries, settings
from maestrale.store.filters import Where
from maestrale.store.scope import EVERYTHING

log = structlog.get_logger(__name__)

NAME = "maintenance"
RUNNING, PAUSING, PAUSED = "RUNNING", "PAUSING", "PAUSED"
MESSAGE = "Paused by maintenance mode"
MAX_AGE = 1.0
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Mode:
    """``status`` as the API shows it; ``paused`` the executions that maintenance has paused and has to resume."""

    status: str = RUNNING
    paused: tuple[str, ...] = ()

    @classmethod
    def of_text(cls, text: str | None) -> Mode:
        """From the stored value."""
        if text is None:
            return cls()
        values = json.loads(text)
        return cls(values["status"], tuple(values["paused"]))

    def as_text(self) -> str:
        """The value as it is stored."""
        return json.dumps({"status": self.status, "paused": list(self.paused)})


@dataclass(slots=True)
class Maintenance:
    """See the module."""

    database: Database
    inbox: Inbox
    _seen: Mode = field(default_factory=Mode)
    _seen_at: float | None = None

    def status(self) -> str:
        """RUNNING, PAUSING or PAUSED; at most a second old, so that every request may ask."""
        if not self.is_known:
            self._note(self.database.run_look(self._read))
        return self._seen.status

    @property
    def is_known(self) -> bool:
        """Whether ``status`` needs no look into the database."""
        return self._seen_at is not None and clock.monotonic() - self._seen_at <= MAX_AGE

    def request(self, caller: Caller, status: str) -> str:
        """Ask for PAUSED or RUNNING; the status after that. Raises NotAllowedError, RequestError, ConflictError."""
        if not caller.is_admin:
            raise NotAllowedError("Maintenance mode is for administrators.")
        if status not in {RUNNING, PAUSED}:
            raise RequestError(f"Maintenance state must be RUNNING or PAUSED, not {status}.")
        current = self.database.run_read(self._read)
        if current.status == status or (current.status == PAUSING and status == PAUSED):
            return current.status
        if status == PAUSED:
            self._change(current, Mode(PAUSING, current.paused))
            return PAUSING
        if current.status == PAUSING:
            raise ConflictError("Maintenance is still pausing executions; wait until its state is PAUSED.")
        self._change(current, Mode(RUNNING, current.paused))
        return RUNNING

    def go_on(self) -> None:
        """Pause what runs and say PAUSED once no process is at work; or resume what was paused. Called by one process from time to time."""
        current = self.database.run_read(self._read)
        self._note(current)
        if current.status == PAUSING:
            self._pause(current)
        elif current.status == RUNNING and current.paused:
            self._tell(current.paused, Resume())
            self._change(current, Mode(RUNNING))

    def _pause(self, current: Mode) -> None:
        roots = self.database.run_read(_running_roots)
        told = self._tell(roots, Pause(MESSAGE))
        paused = Mode(PAUSING, tuple(dict.fromkeys((*current.paused, *told))))
        if not roots and not self.database.run_read(dispatch.is_any_at_work):
            paused = Mode(PAUSED, paused.paused)
        if paused != current:
            self._change(current, paused)

    def _tell(self, execution_ids: list[str] | tuple[str, ...], message: Message) -> list[str]:
        """Tell executions something and wait; those that took it."""
        taken = []
        for start in range(0, len(execution_ids), AT_ONCE):
            futures: dict[str, Future[Any]] = {one: Future() for one in execution_ids[start:start + AT_ONCE]}
            for execution_id, future in futures.items():
                self.inbox.put(Delivery(message, execution_id=execution_id, future=future))
            wait_for(futures.values(), timeout=60)
            for execution_id, future in futures.items():
                error = future.exception() if future.done() else None
                if future.done() and error is None:
                    taken.append(execution_id)
                elif isinstance(error, MaestraleError):
                    log.info("maintenance did not reach an execution", execution_id=execution_id, reason=error.message)
        return taken

    def _change(self, expected: Mode, mode: Mode) -> None:
        def work(conn: Connection) -> bool:
            return settings.compare_and_set(conn, NAME, self._stored_text(conn, expected), mode.as_text())

        if not self.database.run_write(work):
            raise ConflictError("Maintenance was changed by another request meanwhile.")
        self._note(mode)

    @staticmethod
    def _stored_text(conn: Connection, expected: Mode) -> str | None:
        text = settings.read(conn, NAME)
        return text if Mode.of_text(text) == expected else expected.as_text()

    @staticmethod
    def _read(conn: Connection) -> Mode:
        return Mode.of_text(settings.read(conn, NAME))

    def _note(self, mode: Mode) -> None:
        self._seen, self._seen_at = mode, clock.monotonic()


def _running_roots(conn: Connection) -> list[str]:
    running = [Where("state", "eq", "RUNNING")]
    rows = queries.list_(conn, "executions", EVERYTHING, filters=running, nulls=["root_execution_id"], fields=(), limit=1000)
    return [row["id"] for row in rows]
