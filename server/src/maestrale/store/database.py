"""Connections and transactions: two bounded pools, one for readers and one for writers.

A reader sees one snapshot; a writer sees what was committed. On SQLite one writer at a time is let in, first
come first served, and readers go on beside it. Failures come out as: ``TransientError`` (done again by
``run_write``/``run_read``), ``DatabaseUnavailableError``, ``ConstraintError``, ``SizeLimitExceededError``.
Nobody may hold a transaction open while waiting for something else than the database.
"""

from __future__ import annotations

import random
import select
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy import exc as sa_exc
from sqlalchemy.pool import QueuePool

from maestrale.errors import DatabaseUnavailableError, MaestraleError, SizeLimitExceededError
from maestrale.store.dialect import Dialect, Timeouts
from maestrale.store.dialects import dialect_of

T = TypeVar("T")

PING_AFTER_IDLE = 5.0
TRIES = 6
FIRST_PAUSE = 0.01

ALLOWANCE = "maestrale_allowance"

Listener = Callable[[str, int], None]


class TransientError(DatabaseUnavailableError):
    """The transaction lost against another one, or the connection broke; it may be done again."""


class ConstraintError(MaestraleError):
    """A row breaks a constraint of its table."""


class _Another(Exception):  # noqa: N818 - internal signal
    """Work that was given one statement asks for a second one."""


@dataclass(slots=True)
class _Allowance:
    """What may be asked of a connection that has no transaction: one statement."""

    is_used: bool = False

    def use(self) -> None:
        """Raises _Another the second time."""
        if self.is_used:
            raise _Another
        self.is_used = True


class FairLock:
    """A lock that is handed over in the order of asking."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._held = False
        self._waiting: deque[Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds; whether the lock is held now."""
        with self._mutex:
            if not self._held:
                self._held = True
                return True
            gate = Lock()
            gate.acquire()
            self._waiting.append(gate)
        if gate.acquire(timeout=timeout):
            return True
        with self._mutex:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return False
            return True

    def release(self) -> None:
        """Hand the lock to who has waited longest."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


class Database:
    """One database, shared by all threads of a process."""

    def __init__(
        self, url: str, *, pool_size: int = 20, max_overflow: int = 0, pool_timeout: float = 10.0, pool_recycle: float = 1800.0,
        connect_timeout: float = 5.0, statement_timeout: float = 60.0, sqlite_busy_timeout: float = 15.0,
    ) -> None:
        self.dialect, self.url = dialect_of(url)
        self.timeouts = Timeouts(connect=connect_timeout, statement=statement_timeout, lock=sqlite_busy_timeout)
        self.on_statement: Listener | None = None
        self._writer_turn = FairLock() if self.dialect.single_writer else None
        self.dialect.create_folder(self.url)
        writers = 1 if self.dialect.single_writer else max(1, pool_size // 3)
        spare = 0 if self.dialect.single_writer else max_overflow // 3
        common = {"timeout": pool_timeout, "recycle": pool_recycle}
        self._writer = self._engine(writers, spare, writing=True, **common)
        self._reader = self._engine(max(1, pool_size - writers), max_overflow - spare, writing=False, **common)

    def _engine(self, size: int, overflow: int, *, writing: bool, timeout: float, recycle: float) -> Engine:
        engine = create_engine(
            self.url, poolclass=QueuePool, pool_size=size, max_overflow=overflow, pool_timeout=timeout, pool_recycle=round(recycle),
            pool_use_lifo=True,
            pool_reset_on_return=None, connect_args=self.dialect.connect_arguments(self.timeouts), **self.dialect.engine_arguments,
        )
        _listen(engine, self.dialect, self.timeouts, writing=writing)
        event.listen(engine, "before_cursor_execute", self._count)
        return engine

    def _count(self, conn: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        allowance: _Allowance | None = conn.get_execution_options().get(ALLOWANCE)
        if allowance is not None:
            allowance.use()
        self.note(statement, len(parameters) if many else 1)

    def note(self, statement: str, rows: int) -> None:
        """Tell the listener of a statement that is about to run for ``rows`` rows."""
        if self.on_statement is not None:
            self.on_statement(statement, rows)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads; it sees one state of the database."""
        with self._transaction(self._reader) as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, rolled back by any exception."""
        turn = self._writer_turn
        if turn is None:
            with self._transaction(self._writer) as conn:
                yield conn
            return
        if not turn.acquire(self.timeouts.lock):
            raise DatabaseUnavailableError("The database is busy: the writers before this one took too long.")
        try:
            with self._transaction(self._writer) as conn:
                yield conn
        finally:
            turn.release()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with self._translated(None):
            conn = engine.connect()
        try:
            with self._translated(conn), conn.begin():
                yield conn
        finally:
            conn.close()

    @contextmanager
    def _translated(self, conn: Connection | None) -> Iterator[None]:
        """Driver errors as errors of the domain, below SQLAlchemy and from it."""
        try:
            yield
        except sa_exc.TimeoutError as error:
            raise DatabaseUnavailableError("All connections to the database are in use.") from error
        except sa_exc.DBAPIError as error:
            original = error.orig if isinstance(error.orig, Exception) else error
            raise self._meaning(original, lost=error.connection_invalidated) or error from error
        except self._reader.dialect.loaded_dbapi.Error as error:
            lost = self._reader.dialect.is_disconnect(error, None, None)
            if lost and conn is not None:
                conn.invalidate(error)
            raise self._meaning(error, lost=lost) or error from error

    def _meaning(self, error: Exception, *, lost: bool) -> Exception | None:
        dbapi = self._reader.dialect.loaded_dbapi
        if isinstance(error, dbapi.IntegrityError):
            return ConstraintError(_first_line(error))
        if lost or self.dialect.is_transient(error):
            return TransientError(f"The database gave up a transaction: {_first_line(error)}")
        if isinstance(error, dbapi.DataError | sqlite3.DataError):
            return SizeLimitExceededError(f"The database refused a value: {_first_line(error)}")
        kinds = (dbapi.OperationalError, dbapi.InterfaceError, dbapi.InternalError)
        if isinstance(error, kinds) and self.dialect.is_unreachable(error):
            return DatabaseUnavailableError(f"The database can't be used: {_first_line(error)}")
        return None

    def run_write(self, work: Callable[[Connection], T]) -> T:
        """``work`` in a write transaction, again from the start when it lost against another or its connection broke.

        ``work`` must have no effect but on the database. Raises DatabaseUnavailableError when no try succeeds.
        """
        return _again(lambda: self._once(self.write, work))

    def run_read(self, work: Callable[[Connection], T]) -> T:
        """``work`` in a read transaction, again when its connection broke."""
        return _again(lambda: self._once(self.read, work))

    def run_look(self, work: Callable[[Connection], T]) -> T:
        """As ``run_read``, for work that mostly asks for one statement only: that needs no transaction, which saves two journeys.

        If it asks for a second one it is done again from the start, in a transaction.
        """
        if not self.dialect.has_autocommit:
            return self.run_read(work)
        return _again(lambda: self._look(work))

    def _look(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._alone() as conn:
                return work(conn)
        except _Another:
            return self._once(self.read, work)

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A connection for one statement, which is a transaction of its own."""
        with self._translated(None):
            conn = self._reader.connect()
        try:
            with self._translated(conn), self.dialect.autocommit(conn.connection.driver_connection):
                yield conn.execution_options(**{ALLOWANCE: _Allowance()})
        finally:
            conn.close()

    @staticmethod
    def _once(transaction: Callable[[], Any], work: Callable[[Connection], T]) -> T:
        with transaction() as conn:
            return work(conn)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._reader.dispose()
        self._writer.dispose()


def _again(once: Callable[[], T]) -> T:
    pause = FIRST_PAUSE
    for _ in range(TRIES - 1):
        try:
            return once()
        except TransientError:
            time.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads rivals, no secret
            pause *= 2
    return once()


def _first_line(error: Exception) -> str:
    text = str(error.args[1] if len(error.args) > 1 else error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _readable(socket: int) -> bool:
    watch = select.poll()
    watch.register(socket, select.POLLIN)
    return bool(watch.poll(0))


def _listen(engine: Engine, dialect: Dialect, timeouts: Timeouts, *, writing: bool) -> None:
    """Set up new connections, begin transactions, and try connections that have been idle before using them."""
    begin = dialect.begin(writing=writing)

    def connected(raw: Any, record: Any) -> None:
        dialect.prepare(raw, timeouts, writing=writing)
        record.info["used"] = time.monotonic()

    def checked_out(raw: Any, record: Any, _proxy: Any) -> None:
        if dialect.single_writer:
            return
        try:
            socket = dialect.socket_of(raw)
            # who hangs up leaves something to read, which is seen without asking the server
            if socket is None or _readable(socket) or time.monotonic() - record.info.get("used", 0.0) > PING_AFTER_IDLE:
                engine.dialect.do_ping(raw)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa_exc.DisconnectionError from error

    def checked_in(_raw: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", checked_out)
    event.listen(engine, "checkin", checked_in)
    if begin is not None:
        statement = begin
        event.listen(engine, "begin", lambda conn: conn.exec_driver_sql(statement))
