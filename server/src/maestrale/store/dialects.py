"""Where SQLite, PostgreSQL and MariaDB/MySQL differ: connecting, bulk statements, kinds of failure.

Each ``Dialect`` is one answer to the same questions, so that nobody else in the room asks which database it
is. Knows drivers, no table and no rule of the engine.
"""

# ruff: noqa: S608 - statements are put together from names that stand in this room; values are always parameters

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import URL, Connection, Table, make_url
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError

from maestrale.config import ConfigurationError

Row = Sequence[Any]

MYSQL_ROWS_AT_ONCE = 500
MYSQL_BYTES_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: for a connection, a statement, and for another writer's lock."""

    connect: float = 5.0
    statement: float = 60.0
    lock: float = 15.0


@dataclass(frozen=True, slots=True)
class Update:
    """``UPDATE table SET columns WHERE keys``, once for each row; a row holds the columns, then the keys.

    ``condition`` is further SQL that has to hold, without parameters. ``times`` are the columns and keys that
    hold a date and time.
    """

    table: str
    columns: tuple[str, ...]
    keys: tuple[str, ...] = ("id",)
    condition: str = ""
    times: frozenset[str] = frozenset()


class Dialect:
    """The questions, answered as PostgreSQL does."""

    name: ClassVar[str] = "postgresql"
    driver: ClassVar[str] = "psycopg"
    extra: ClassVar[str] = "postgresql"
    placeholder: ClassVar[str] = "%s"
    skip_locked: ClassVar[str] = " FOR UPDATE SKIP LOCKED"
    transient: ClassVar[frozenset[str]] = frozenset({"40001", "40P01", "55P03"})
    unreachable: ClassVar[tuple[str, ...]] = ("08", "25006", "53", "57", "58")
    single_writer: ClassVar[bool] = False
    engine_arguments: ClassVar[dict[str, Any]] = {"use_native_hstore": False}

    def url(self, url: URL) -> URL:
        """The address with the driver that is used here."""
        if find_spec(self.driver) is None:
            raise ConfigurationError(f"The driver for {self.name} is not installed: pip install 'maestrale[{self.extra}]'")
        return url.set(drivername=f"{self.name}+{self.driver}")

    def create_folder(self, url: URL) -> None:
        """Create the folder of a database that is a file."""

    def connect_arguments(self, timeouts: Timeouts) -> dict[str, Any]:
        """Arguments of the driver's ``connect``."""
        return {
            "connect_timeout": max(1, round(timeouts.connect)), "application_name": "maestrale", "keepalives_idle": 30,
            "keepalives_interval": 10, "keepalives_count": 3,
        }

    def prepare(self, raw: Any, timeouts: Timeouts, *, writing: bool) -> None:
        """Set up a new connection. Readers see one snapshot in a transaction, writers what was committed."""
        raw.autocommit = True
        raw.execute(
            "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false), set_config('TimeZone', 'UTC', false)",
            (f"{round(timeouts.lock * 1000)}ms", f"{round(timeouts.statement * 1000)}ms", "120s"),
        )
        raw.autocommit = False
        levels = import_module("psycopg").IsolationLevel
        raw.isolation_level = levels.READ_COMMITTED if writing else levels.REPEATABLE_READ

    def socket_of(self, raw: Any) -> int | None:
        """The file number of an idle connection's socket, None if there is none."""
        number: int = raw.fileno()
        return number

    def begin(self, *, writing: bool) -> str | None:
        """The statement that begins a transaction, if the driver doesn't do so by itself."""
        del writing
        return None

    def pipeline(self, raw: Any) -> AbstractContextManager[Any]:
        """Within it statements are sent without waiting; counts and rows can be read after it."""
        pipeline: AbstractContextManager[Any] = raw.pipeline()
        return pipeline

    def is_transient(self, error: Exception) -> bool:
        """Whether the transaction lost against another one and may simply be done again."""
        return getattr(error, "sqlstate", None) in self.transient

    def is_unreachable(self, error: Exception) -> bool:
        """Whether it is the database's state, not the statement, that made it fail."""
        state = getattr(error, "sqlstate", None)
        return state is None or state.startswith(self.unreachable)

    def insert_new(self, table: str, columns: Sequence[str], key: str) -> str:
        """An insert that leaves rows alone that exist already; ``key`` is a column of the primary key."""
        del key
        return f"{self.insert(table, columns)} ON CONFLICT DO NOTHING"

    def insert(self, table: str, columns: Sequence[str]) -> str:
        """A plain insert of one row."""
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join([self.placeholder] * len(columns))})"

    def update(self, update: Update) -> str:
        """The statement for one row."""
        sets = ", ".join(f"{column} = {self.placeholder}" for column in update.columns)
        where = " AND ".join(f"{key} = {self.placeholder}" for key in update.keys)
        condition = f" AND {update.condition}" if update.condition else ""
        return f"UPDATE {update.table} SET {sets} WHERE {where}{condition}"

    def update_many(self, raw: Any, update: Update, rows: Sequence[Row]) -> list[Any]:
        """Run ``update`` for all rows; the cursors whose ``rowcount`` sums up to the rows found."""
        return [self.run_many(raw, self.update(update), rows)]

    def delete_many(self, raw: Any, table: str, ids: Sequence[str]) -> list[Any]:
        """Delete rows by id; the cursors whose ``rowcount`` sums up to the rows found."""
        return [self.run_many(raw, f"DELETE FROM {table} WHERE id = {self.placeholder}", [(one,) for one in ids])]

    def run_many(self, raw: Any, sql: str, rows: Sequence[Row]) -> Any:
        """Run one statement for each row; a cursor with the total ``rowcount``."""
        cursor = raw.cursor()
        if len(rows) == 1:
            cursor.execute(sql, rows[0])
        else:
            cursor.executemany(sql, rows)
        return cursor

    def time_in(self) -> Callable[[datetime], Any] | None:
        """What turns a time into what the driver takes, None if nothing is to be done."""
        return None

    def time_out(self) -> Callable[[Any], datetime] | None:
        """The inverse of ``time_in``."""
        return None

    def bool_out(self) -> Callable[[Any], bool] | None:
        """What turns the driver's value into a bool, None if it is one."""
        return None


class Postgresql(Dialect):
    """PostgreSQL 14 and later through psycopg 3."""


class Sqlite(Dialect):
    """SQLite in WAL mode: one writer at a time, every commit synced."""

    name = "sqlite"
    driver = "sqlite3"
    placeholder = "?"
    skip_locked = ""
    single_writer = True
    engine_arguments: ClassVar[dict[str, Any]] = {}

    def url(self, url: URL) -> URL:
        """The address, refusing databases that live in memory only: each connection would have its own."""
        if not url.database or ":memory:" in url.database or url.query.get("mode") == "memory":
            raise ConfigurationError("An SQLite database needs a file: sqlite:////path/to/maestrale.db")
        return url.set(drivername="sqlite+pysqlite", database=str(Path(url.database).expanduser()))

    def create_folder(self, url: URL) -> None:
        """Create the folder, not readable for others: the data may hold secrets."""
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def connect_arguments(self, timeouts: Timeouts) -> dict[str, Any]:
        """The driver begins no transactions by itself, and connections move between threads."""
        return {"timeout": timeouts.lock, "isolation_level": None, "check_same_thread": False}

    def prepare(self, raw: Any, timeouts: Timeouts, *, writing: bool) -> None:
        """Set the connection up."""
        del timeouts
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute(f"PRAGMA cache_size={-32_000 if writing else -4_000}")
        cursor.execute("PRAGMA journal_size_limit=67108864")
        cursor.close()

    def socket_of(self, raw: Any) -> int | None:
        """A file has none."""
        del raw
        return None

    def begin(self, *, writing: bool) -> str | None:
        """A writer takes its lock at once, so that it never has to give up half-way."""
        return "BEGIN IMMEDIATE" if writing else "BEGIN"

    def pipeline(self, raw: Any) -> AbstractContextManager[Any]:
        """Nothing to save: there is no network."""
        del raw
        return nullcontext()

    def is_transient(self, error: Exception) -> bool:
        """SQLITE_BUSY and SQLITE_LOCKED, with their extended codes."""
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

    def is_unreachable(self, error: Exception) -> bool:
        """Disk full, I/O errors, files that can't be opened; not faulty SQL (code 1)."""
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and (code & 0xFF) != sqlite3.SQLITE_ERROR

    def time_in(self) -> Callable[[datetime], Any] | None:
        """Text that sorts like the time, as SQLAlchemy writes it."""
        return _time_text

    def time_out(self) -> Callable[[Any], datetime] | None:
        """Text to time."""
        return datetime.fromisoformat

    def bool_out(self) -> Callable[[Any], bool] | None:
        """0 and 1 to bool."""
        return bool


class Mysql(Dialect):
    """MariaDB 10.6 and MySQL 8.0 and later through PyMySQL."""

    name = "mysql"
    driver = "pymysql"
    extra = "mysql"
    engine_arguments: ClassVar[dict[str, Any]] = {}
    transient_codes: ClassVar[frozenset[int]] = frozenset({1020, 1205, 1213, 1637, 3572})
    refused_codes: ClassVar[frozenset[int]] = frozenset({1040, 1047, 1053, 1129, 1203, 1226, 1290, 1836, 1158, 1159, 1160, 1161})

    def connect_arguments(self, timeouts: Timeouts) -> dict[str, Any]:
        """Text is utf8mb4; nothing waits for ever."""
        wait = max(1, round(timeouts.statement + timeouts.lock))
        return {
            "connect_timeout": max(1, round(timeouts.connect)), "read_timeout": wait, "write_timeout": wait, "charset": "utf8mb4",
            "max_allowed_packet": 1 << 30,
        }

    def prepare(self, raw: Any, timeouts: Timeouts, *, writing: bool) -> None:
        """Set the session up; the collation of literals has to be that of the columns."""
        collation = mysql_collation("mariadb" in raw.get_server_info().lower())
        level = "READ COMMITTED" if writing else "REPEATABLE READ"
        with raw.cursor() as cursor:
            cursor.execute(f"SET NAMES utf8mb4 COLLATE {collation}")
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
            cursor.execute(
                "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
                " time_zone = '+00:00', innodb_lock_wait_timeout = %s",
                (max(1, round(timeouts.lock)),),
            )
        raw.commit()

    def socket_of(self, raw: Any) -> int | None:
        """PyMySQL has no public way to its socket."""
        sock = getattr(raw, "_sock", None)
        return None if sock is None else sock.fileno()

    def pipeline(self, raw: Any) -> AbstractContextManager[Any]:
        """The protocol has none."""
        del raw
        return nullcontext()

    def is_transient(self, error: Exception) -> bool:
        """Deadlocks, lock timeouts, and the certification failures of Galera."""
        return _code(error) in self.transient_codes

    def is_unreachable(self, error: Exception) -> bool:
        """Lost connections (2000 and up are the client's codes) and servers that refuse work."""
        code = _code(error)
        return code == 0 or code in self.refused_codes or 2000 <= code < 3000

    def insert_new(self, table: str, columns: Sequence[str], key: str) -> str:
        """``INSERT IGNORE`` would hide real errors, so an existing row is set to what it is."""
        return f"{self.insert(table, columns)} ON DUPLICATE KEY UPDATE {key} = {key}"

    def update_many(self, raw: Any, update: Update, rows: Sequence[Row]) -> list[Any]:
        """Many rows go in one statement, joined with the new values; one alone goes as it is."""
        if len(rows) == 1:
            return [self.run_many(raw, self.update(update), rows)]
        cursors = []
        for part in _parts(rows):
            cursor = raw.cursor()
            cursor.execute(self._joined(update, len(part)), [value for row in part for value in row])
            cursors.append(cursor)
        return cursors

    def delete_many(self, raw: Any, table: str, ids: Sequence[str]) -> list[Any]:
        """One statement for many rows."""
        cursors = []
        for start in range(0, len(ids), MYSQL_ROWS_AT_ONCE):
            part = ids[start:start + MYSQL_ROWS_AT_ONCE]
            cursor = raw.cursor()
            cursor.execute(f"DELETE FROM {table} WHERE id IN ({', '.join(['%s'] * len(part))})", part)
            cursors.append(cursor)
        return cursors

    def _joined(self, update: Update, count: int) -> str:
        names = (*update.columns, *(f"k_{key}" for key in update.keys))
        first = "SELECT " + ", ".join(f"%s AS {name}" for name in names)
        more = " UNION ALL SELECT " + ", ".join(["%s"] * len(names))
        on = " AND ".join(
            f"t.{key} = " + (f"CAST(v.k_{key} AS DATETIME(6))" if key in update.times else f"v.k_{key}") for key in update.keys
        )
        sets = ", ".join(f"t.{column} = v.{column}" for column in update.columns)
        condition = f" WHERE {update.condition}" if update.condition else ""
        return f"UPDATE {update.table} t JOIN ({first}{more * (count - 1)}) v ON {on} SET {sets}{condition}"

    def bool_out(self) -> Callable[[Any], bool] | None:
        """0 and 1 to bool."""
        return bool


def insert_if_absent(conn: Connection, table: Table) -> sa.Insert:
    """An insert that does nothing if a row of that key exists; ``rowcount`` tells."""
    statement: sa.Insert
    if conn.dialect.name == "postgresql":
        statement = postgresql.insert(table).on_conflict_do_nothing()
    else:
        statement = table.insert().prefix_with("OR IGNORE" if conn.dialect.name == "sqlite" else "IGNORE")
    return statement.execution_options(preserve_rowcount=True)


def mysql_collation(mariadb: bool) -> str:
    """The collation that compares code points and doesn't ignore blanks at the end."""
    return "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"


DIALECTS: dict[str, type[Dialect]] = {
    "sqlite": Sqlite, "postgresql": Postgresql, "postgres": Postgresql, "mysql": Mysql, "mariadb": Mysql,
}


def dialect_of(text: str) -> tuple[Dialect, URL]:
    """The dialect and full address for a database URL.

    ``postgresql://``, ``mysql://`` and ``mariadb://`` are enough; a driver that is named is replaced by ours.
    Raises ConfigurationError for other databases, for text that is no URL, and when the driver is missing.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigurationError("The database URL can't be read; it looks like sqlite:////path/to/file.db") from error
    dialect = DIALECTS.get(url.get_backend_name().lower())
    if dialect is None:
        raise ConfigurationError(f"No such database: '{url.get_backend_name()}'; choose sqlite, postgresql or mysql")
    found = dialect()
    return found, found.url(url)


def _time_text(value: datetime) -> str:
    return value.isoformat(" ", "microseconds")


def _code(error: Exception) -> int:
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def _parts(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """The rows in portions that stay far below the server's packet size."""
    parts: list[Sequence[Row]] = []
    start = size = 0
    for number, row in enumerate(rows):
        size += sum(len(value) for value in row if isinstance(value, str))
        if size > MYSQL_BYTES_AT_ONCE or number - start >= MYSQL_ROWS_AT_ONCE:
            if number > start:
                parts.append(rows[start:number])
            start, size = number, sum(len(value) for value in row if isinstance(value, str))
    parts.append(rows[start:])
    return parts
