"""Which schema the database has, and bringing it to the current one.

``upgrade`` may be called by several processes at once: one does the work, the others wait and find it done. It
is safe beside running older processes, because a revision only ever adds what those don't know (expand), and
removes what they needed only a release later (contract).
"""

from __future__ import annotations

from importlib import import_module

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from maestrale.errors import DatabaseUnavailableError
from maestrale.store.dialects import dialect_of

REVISION = "0009"
"""The newest revision; a test holds it against the scripts."""


def current_revision(conn: Connection) -> str | None:
    """The revision that the database is at, None if it has no tables of ours."""
    if not sa.inspect(conn).has_table("alembic_version"):
        return None
    revision: str | None = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


def is_current(url: str) -> bool:
    """Whether the database has the newest schema. Raises DatabaseUnavailableError."""
    engine = sa.create_engine(dialect_of(url)[1], poolclass=sa.NullPool)
    try:
        with engine.connect() as conn:
            return current_revision(conn) == REVISION
    except OperationalError as error:
        raise DatabaseUnavailableError(f"The database can't be used: {error.orig}") from error


def upgrade(url: str) -> bool:
    """Bring the database to the newest schema; whether there was something to do.

    Raises DatabaseUnavailableError, and ConfigurationError for an address that can't be used.
    """
    dialect, address = dialect_of(url)
    dialect.create_folder(address)
    if is_current(url):
        return False
    # a server that starts on an up-to-date database does without alembic: a third of the time and of the memory
    migrate = import_module("maestrale.store.migrate")
    try:
        done: bool = migrate.run(dialect, address, REVISION)
    except DBAPIError as error:
        raise DatabaseUnavailableError(f"The schema can't be brought up to date: {error.orig}") from error
    return done
