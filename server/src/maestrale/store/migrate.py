"""Runs the revisions under ``migrations`` while holding a lock that lets one process at a time do so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection

from maestrale.errors import DatabaseUnavailableError
from maestrale.store.dialect import Dialect
from maestrale.store.schema import current_revision

LOCK_NUMBER = 0x6D616573747261
LOCK_NAME = "maestrale schema"
LOCK_SECONDS = 300
SCRIPTS = Path(__file__).parent / "migrations"


def run(dialect: Dialect, address: URL, revision: str) -> bool:
    """Bring the database to ``revision``; whether there was something to do."""
    arguments = {"timeout": float(LOCK_SECONDS), "isolation_level": None} if dialect.name == "sqlite" else {}
    engine = sa.create_engine(address, poolclass=sa.NullPool, connect_args=arguments)
    with engine.connect() as conn, _alone(conn, dialect):
        if current_revision(conn) == revision:
            return False
        command.upgrade(_config(conn), revision)
        return True


def _config(conn: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config


@contextmanager
def _alone(conn: Connection, dialect: Dialect) -> Iterator[None]:
    """One transaction under a lock; PostgreSQL and SQLite undo everything if it fails."""
    if dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA journal_mode=WAL")
        conn.exec_driver_sql("BEGIN EXCLUSIVE")
    elif dialect.name == "postgresql":
        conn.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK_NUMBER,))
    elif conn.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (_mysql_lock(conn), LOCK_SECONDS)).scalar() != 1:
        raise DatabaseUnavailableError("Another process has been changing the schema for too long.")
    yield
    conn.commit()
    if dialect.name == "mysql":
        conn.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (_mysql_lock(conn),))


def _mysql_lock(conn: Connection) -> str:
    """Such locks are the server's, so the name has the database in it; at most 64 characters."""
    return f"{LOCK_NAME} {conn.engine.url.database}"[:64]
