"""PostgreSQL: statements in a pipeline, and many rows in one parameter."""

# ruff: noqa: S608 - statements are put together from names that stand in this room; values are always parameters

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, ClassVar

import orjson

from maestrale.store.dialect import Dialect, Insert, Row, Timeouts, Update

LEAST_ROWS = 2
"""From this number on rows go together as one JSON text, for a quarter of the client's time a row."""

ROWS_AT_ONCE = 2000


class Postgresql(Dialect):
    """PostgreSQL 14 and later through psycopg 3."""

    name = "postgresql"
    driver = "psycopg"
    extra = "postgresql"
    has_autocommit = True
    engine_arguments: ClassVar[dict[str, Any]] = {"use_native_hstore": False}
    transient: ClassVar[frozenset[str]] = frozenset({"40001", "40P01"})
    unreachable: ClassVar[tuple[str, ...]] = ("08", "25006", "25P03", "53", "55P03", "57", "58")

    def connect_arguments(self, timeouts: Timeouts) -> dict[str, Any]:
        """A server that vanished without a word is noticed."""
        return {
            "connect_timeout": max(1, round(timeouts.connect)), "application_name": "maestrale", "keepalives_idle": 30,
            "keepalives_interval": 10, "keepalives_count": 3,
        }

    def prepare(self, raw: Any, timeouts: Timeouts, *, writing: bool) -> None:
        """Set the session up.

        All our queries have an index that gives their rows in order; without figures about a table that has just been
        filled the planner would rather gather rows by bitmap and sort them. Writers touch rows by key only; a
        plan that was made while a table was small, and is kept with its prepared statement, must not read the whole
        table when it has grown. Compiling statements (jit) takes longer than any of ours runs.
        """
        settings = {
            "lock_timeout": f"{round(timeouts.lock * 1000)}ms", "statement_timeout": f"{round(timeouts.statement * 1000)}ms",
            "idle_in_transaction_session_timeout": "120s", "TimeZone": "UTC", "jit": "off",
            "enable_bitmapscan": "off",
        }
        if writing:
            settings |= {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
        raw.autocommit = True
        raw.execute(
            f"SELECT {', '.join(['set_config(%s, %s, false)'] * len(settings))}", [text for pair in settings.items() for text in pair],
        )
        raw.autocommit = False
        levels = import_module("psycopg").IsolationLevel
        raw.isolation_level = levels.READ_COMMITTED if writing else levels.REPEATABLE_READ

    def socket_of(self, raw: Any) -> int | None:
        """The socket's number."""
        number: int = raw.fileno()
        return number

    @contextmanager
    def autocommit(self, raw: Any) -> Iterator[None]:
        """The driver then sends no BEGIN before a statement; saying so costs no journey."""
        raw.autocommit = True
        try:
            yield
        finally:
            if not raw.closed:
                raw.autocommit = False

    def pipeline(self, raw: Any) -> AbstractContextManager[Any]:
        """All that is sent within it takes one journey."""
        pipeline: AbstractContextManager[Any] = raw.pipeline()
        return pipeline

    def is_transient(self, error: Exception) -> bool:
        """Serialization failures and deadlocks."""
        return getattr(error, "sqlstate", None) in self.transient

    def is_unreachable(self, error: Exception) -> bool:
        """Connections, resources, locks, shutdowns, timeouts, and a server that has become read-only."""
        state = getattr(error, "sqlstate", None)
        return state is None or state.startswith(self.unreachable)

    def insert_many(self, raw: Any, insert: Insert, rows: Sequence[Row]) -> list[Any]:
        """Few rows as they are, many as a set of records."""
        if len(rows) < LEAST_ROWS:
            return super().insert_many(raw, insert, rows)
        records = _records(insert.columns, insert)
        return _run(raw, f"INSERT INTO {insert.table} ({', '.join(insert.columns)}) SELECT * FROM {records}", rows)

    def update_many(self, raw: Any, update: Update, rows: Sequence[Row]) -> list[Any]:
        """Few rows as they are, many joined with a set of records."""
        if len(rows) < LEAST_ROWS:
            return super().update_many(raw, update, rows)
        names = (*update.columns, *update.keys)
        sets = ", ".join(f"{column} = v.c{place}" for place, column in enumerate(update.columns))
        first_key = len(update.columns)
        where = " AND ".join(f"{update.table}.{key} = v.c{first_key + place}" for place, key in enumerate(update.keys))
        condition = f" AND {update.condition}" if update.condition else ""
        return _run(raw, f"UPDATE {update.table} SET {sets} FROM {_records(names, update)} WHERE {where}{condition}", rows)

    def delete_many(self, raw: Any, table: str, ids: Sequence[str]) -> list[Any]:
        """The ids go in an array."""
        cursor = raw.cursor()
        cursor.execute(f"DELETE FROM {table} WHERE id = ANY(%s::text[])", (list(ids),))
        return [cursor]


def _records(names: Sequence[str], of: Insert | Update) -> str:
    """A set of records out of a JSON text, with columns c0, c1 and so on."""
    columns = ", ".join(f"c{place} {of.types[name]}" for place, name in enumerate(names))
    return f"json_to_recordset(%s::json) AS v({columns})"


def _run(raw: Any, statement: str, rows: Sequence[Row]) -> list[Any]:
    keys = [f"c{place}" for place in range(len(rows[0]))]
    cursors = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        records = [dict(zip(keys, row, strict=True)) for row in rows[start:start + ROWS_AT_ONCE]]
        cursor = raw.cursor()
        cursor.execute(statement, (orjson.dumps(records).decode(),))
        cursors.append(cursor)
    return cursors
