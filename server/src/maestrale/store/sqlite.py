"""SQLite in WAL mode: one writer at a time, readers beside it, every commit synced."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from maestrale.config import ConfigurationError
from maestrale.store.dialect import Dialect, Timeouts

WRITER_CACHE_KB = 16_000
READER_CACHE_KB = 2_000
LARGEST_JOURNAL = 64 * 1024 * 1024


class Sqlite(Dialect):
    """SQLite through the standard library."""

    name = "sqlite"
    driver = "sqlite3"
    placeholder = "?"
    single_writer = True

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
        """Set the connection up. ``synchronous=FULL`` syncs the journal with every commit."""
        del timeouts
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute(f"PRAGMA cache_size={-WRITER_CACHE_KB if writing else -READER_CACHE_KB}")
        cursor.execute(f"PRAGMA journal_size_limit={LARGEST_JOURNAL}")
        cursor.close()

    def begin(self, *, writing: bool) -> str | None:
        """A writer takes its lock at once, so that it never has to give up half-way."""
        return "BEGIN IMMEDIATE" if writing else "BEGIN"

    def is_transient(self, error: Exception) -> bool:
        """Never: a writer that could not have its lock has waited for as long as it may."""
        del error
        return False

    def is_unreachable(self, error: Exception) -> bool:
        """Locks that could not be had, disk full, I/O errors, files that can't be opened; not faulty SQL."""
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


def _time_text(value: datetime) -> str:
    return value.isoformat(" ", "microseconds")
