"""MariaDB and MySQL: joined updates instead of many journeys, and a collation that compares code points."""

# ruff: noqa: S608 - statements are put together from names that stand in this room; values are always parameters

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from maestrale.errors import SizeLimitExceededError
from maestrale.store.dialect import TIMESTAMP, Dialect, Insert, Row, Timeouts, Update

ROWS_AT_ONCE = 500
CHARACTERS_AT_ONCE = 1_000_000
BYTES_A_CHARACTER = 2
"""What a character takes at most as a rule, since quotation marks are escaped."""


class Mysql(Dialect):
    """MariaDB 10.6 and MySQL 8.0 and later through PyMySQL."""

    name = "mysql"
    driver = "pymysql"
    extra = "mysql"
    transient_codes: ClassVar[frozenset[int]] = frozenset({1020, 1213, 1637})
    refused_codes: ClassVar[frozenset[int]] = frozenset({
        3, 28, 1021, 1026, 1030, 1037, 1038, 1040, 1041, 1047, 1053, 1114, 1129, 1135, 1158, 1159, 1160, 1161, 1180, 1203, 1205, 1206,
        1226, 1290, 1317, 1836, 1878, 1927, 1969, 3024,
    })

    def __init__(self) -> None:
        self._packet = 16 * 1024 * 1024

    def connect_arguments(self, timeouts: Timeouts) -> dict[str, Any]:
        """Text is utf8mb4; nothing waits for ever."""
        wait = max(1, round(timeouts.statement + timeouts.lock))
        return {
            "connect_timeout": max(1, round(timeouts.connect)), "read_timeout": wait, "write_timeout": wait, "charset": "utf8mb4",
            "max_allowed_packet": 1 << 30,
        }

    def prepare(self, raw: Any, timeouts: Timeouts, *, writing: bool) -> None:
        """Set the session up; the collation of literals has to be that of the columns."""
        mariadb = "mariadb" in raw.get_server_info().lower()
        level = "READ COMMITTED" if writing else "REPEATABLE READ"
        longest = f"max_statement_time = {timeouts.statement}" if mariadb else f"max_execution_time = {round(timeouts.statement * 1000)}"
        with raw.cursor() as cursor:
            cursor.execute(f"SET NAMES utf8mb4 COLLATE {mysql_collation(mariadb)}")
            cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
            cursor.execute(
                "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
                f" time_zone = '+00:00', innodb_lock_wait_timeout = {max(1, round(timeouts.lock))}, {longest}"
            )
            cursor.execute("SELECT @@max_allowed_packet")
            self._packet = int(cursor.fetchone()[0])
        raw.commit()

    def socket_of(self, raw: Any) -> int | None:
        """PyMySQL has no public way to its socket."""
        sock = getattr(raw, "_sock", None)
        return None if sock is None else sock.fileno()

    def is_transient(self, error: Exception) -> bool:
        """Deadlocks, and the certification failures of Galera."""
        return _code(error) in self.transient_codes

    def is_unreachable(self, error: Exception) -> bool:
        """Lost connections (2000 and up are the client's codes), servers that refuse work, are full, or took too long."""
        code = _code(error)
        return code == 0 or code in self.refused_codes or 2000 <= code < 3000

    def insert_new(self, insert: Insert) -> str:
        """``INSERT IGNORE`` would hide real errors, so an existing row is set to what it is."""
        column = insert.columns[0]
        return f"{self.insert(insert)} ON DUPLICATE KEY UPDATE {column} = {insert.table}.{column}"

    def run_many(self, raw: Any, sql: str, rows: Sequence[Row]) -> Any:
        """As elsewhere; a row that the server would hang up on is refused."""
        self._check(rows)
        return super().run_many(raw, sql, rows)

    def _check(self, rows: Sequence[Row]) -> None:
        largest = max(map(_length, rows))
        if largest * BYTES_A_CHARACTER > self._packet:
            raise SizeLimitExceededError(
                f"A row of {largest} characters is more than the server's max_allowed_packet of {self._packet} bytes takes."
            )

    def update_many(self, raw: Any, update: Update, rows: Sequence[Row]) -> list[Any]:
        """Many rows go in one statement, joined with the new values; one alone goes as it is."""
        if len(rows) == 1:
            return super().update_many(raw, update, rows)
        self._check(rows)
        cursors = []
        for part in _parts(rows):
            cursor = raw.cursor()
            cursor.execute(_joined(update, len(part)), [value for row in part for value in row])
            cursors.append(cursor)
        return cursors

    def delete_many(self, raw: Any, table: str, ids: Sequence[str]) -> list[Any]:
        """One statement for many rows."""
        cursors = []
        for start in range(0, len(ids), ROWS_AT_ONCE):
            part = ids[start:start + ROWS_AT_ONCE]
            cursor = raw.cursor()
            cursor.execute(f"DELETE FROM {table} WHERE id IN ({', '.join(['%s'] * len(part))})", part)
            cursors.append(cursor)
        return cursors

    def bool_out(self) -> Callable[[Any], bool] | None:
        """0 and 1 to bool."""
        return bool


def mysql_collation(mariadb: bool) -> str:
    """The collation that compares code points and doesn't ignore blanks at the end."""
    return "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"


def _joined(update: Update, count: int) -> str:
    """The update of ``count`` rows at once."""
    table = update.table
    names = (*update.columns, *(f"k_{key}" for key in update.keys))
    first = "SELECT " + ", ".join(f"%s AS {name}" for name in names)
    more = " UNION ALL SELECT " + ", ".join(["%s"] * len(names))
    on = " AND ".join(f"{table}.{key} = {_key(update, key)}" for key in update.keys)
    sets = ", ".join(f"{table}.{column} = v.{column}" for column in update.columns)
    condition = f" WHERE {update.condition}" if update.condition else ""
    return f"UPDATE {table} JOIN ({first}{more * (count - 1)}) v ON {on} SET {sets}{condition}"


def _key(update: Update, key: str) -> str:
    """A key's new value; a time has come as text, which would be compared as text."""
    return f"CAST(v.k_{key} AS DATETIME(6))" if update.types.get(key) == TIMESTAMP else f"v.k_{key}"


def _code(error: Exception) -> int:
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def _length(row: Row) -> int:
    return sum(len(value) for value in row if isinstance(value, str))


def _parts(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """The rows in portions that stay far below the server's packet size."""
    parts: list[Sequence[Row]] = []
    start = size = 0
    for number, row in enumerate(rows):
        length = _length(row)
        if number > start and (size + length > CHARACTERS_AT_ONCE or number - start >= ROWS_AT_ONCE):
            parts.append(rows[start:number])
            start, size = number, 0
        size += length
    parts.append(rows[start:])
    return parts
