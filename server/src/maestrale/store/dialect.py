"""What has to be asked because SQLite, PostgreSQL and MariaDB/MySQL differ: connecting, bulk statements, failures.

``Dialect`` answers as the SQL standard and a plain driver would; ``sqlite.py``, ``postgresql.py`` and ``mysql.py``
say what is different there. Nobody else in the room asks which database it is. Knows no rule of the engine.
"""

# ruff: noqa: S608 - statements are put together from names that stand in this room; values are always parameters

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from typing import Any, ClassVar

from sqlalchemy import URL

from maestrale.config import ConfigurationError

Row = Sequence[Any]

TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: for a connection, a statement, and for another writer's lock."""

    connect: float = 5.0
    statement: float = 60.0
    lock: float = 15.0


@dataclass(frozen=True, slots=True)
class Insert:
    """``INSERT INTO table (columns)``, once for each row. ``types`` gives the SQL type of each column."""

    table: str
    columns: tuple[str, ...]
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Update:
    """``UPDATE table SET columns WHERE keys``, once for each row; a row holds the columns, then the keys.

    ``condition`` is further SQL that has to hold, without parameters, its columns qualified by the table.
    """

    table: str
    columns: tuple[str, ...]
    keys: tuple[str, ...] = ("id",)
    condition: str = ""
    types: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def closed_on_error(cursor: Any) -> Iterator[None]:
    """Close the cursor if what is within fails.

    The traceback of an error keeps cursors alive. SQLite's would give its prepared statement back when it dies,
    which may be in the middle of the next transaction, in another thread.
    """
    try:
        yield
    except BaseException:
        cursor.close()
        raise


class Dialect:
    """The questions, with the usual answers. The bulk methods return cursors whose ``rowcount`` sums up to the rows found."""

    name: ClassVar[str]
    driver: ClassVar[str]
    extra: ClassVar[str]
    placeholder: ClassVar[str] = "%s"
    single_writer: ClassVar[bool] = False
    has_autocommit: ClassVar[bool] = False
    """Whether a statement can do without a transaction, and is the faster for it."""
    engine_arguments: ClassVar[dict[str, Any]] = {}

    def url(self, url: URL) -> URL:
        """The address with the driver that is used here. Raises ConfigurationError if it isn't installed."""
        if find_spec(self.driver) is None:
            raise ConfigurationError(f"The driver for {self.name} is not installed: pip install 'maestrale[{self.extra}]'")
        return url.set(drivername=f"{self.name}+{self.driver}")

    def create_folder(self, url: URL) -> None:
        """Create the folder of a database that is a file."""

    def connect_arguments(self, timeouts: Timeouts) -> dict[str, Any]:
        """Arguments of the driver's ``connect``."""
        raise NotImplementedError

    def prepare(self, raw: Any, timeouts: Timeouts, *, writing: bool) -> None:
        """Set up a new connection. Readers see one snapshot in a transaction, writers what was committed."""
        raise NotImplementedError

    def socket_of(self, raw: Any) -> int | None:
        """The file number of an idle connection's socket, None if there is none any more."""
        raise NotImplementedError

    def begin(self, *, writing: bool) -> str | None:
        """The statement that begins a transaction, if the driver doesn't do so by itself."""
        del writing
        return None

    def autocommit(self, raw: Any) -> AbstractContextManager[Any]:
        """Within it each statement is a transaction of its own; only where ``has_autocommit``."""
        raise NotImplementedError

    def pipeline(self, raw: Any) -> AbstractContextManager[Any]:
        """Within it statements may be sent without waiting; counts and rows can be read after it."""
        del raw
        return nullcontext()

    def is_transient(self, error: Exception) -> bool:
        """Whether the transaction lost against another one and may simply be done again."""
        raise NotImplementedError

    def is_unreachable(self, error: Exception) -> bool:
        """Whether it is the database's state, not the statement, that made it fail."""
        raise NotImplementedError

    def insert(self, insert: Insert) -> str:
        """The statement for one row."""
        marks = ", ".join([self.placeholder] * len(insert.columns))
        return f"INSERT INTO {insert.table} ({', '.join(insert.columns)}) VALUES ({marks})"

    def insert_new(self, insert: Insert) -> str:
        """The statement for one row that leaves a row of the same primary key alone."""
        return f"{self.insert(insert)} ON CONFLICT DO NOTHING"

    def update(self, update: Update) -> str:
        """The statement for one row."""
        sets = ", ".join(f"{column} = {self.placeholder}" for column in update.columns)
        where = " AND ".join(f"{key} = {self.placeholder}" for key in update.keys)
        condition = f" AND {update.condition}" if update.condition else ""
        return f"UPDATE {update.table} SET {sets} WHERE {where}{condition}"

    def insert_many(self, raw: Any, insert: Insert, rows: Sequence[Row]) -> list[Any]:
        """Insert all rows."""
        return [self.run_many(raw, self.insert(insert), rows)]

    def insert_many_new(self, raw: Any, insert: Insert, rows: Sequence[Row]) -> list[Any]:
        """Insert the rows that don't exist; the counts mean nothing."""
        return [self.run_many(raw, self.insert_new(insert), rows)]

    def update_many(self, raw: Any, update: Update, rows: Sequence[Row]) -> list[Any]:
        """Run ``update`` for all rows."""
        return [self.run_many(raw, self.update(update), rows)]

    def delete_many(self, raw: Any, table: str, ids: Sequence[str]) -> list[Any]:
        """Delete rows by id."""
        return [self.run_many(raw, f"DELETE FROM {table} WHERE id = {self.placeholder}", [(one,) for one in ids])]

    def run_many(self, raw: Any, sql: str, rows: Sequence[Row]) -> Any:
        """Run one statement for each row; a cursor with the total ``rowcount``."""
        cursor = raw.cursor()
        with closed_on_error(cursor):
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
