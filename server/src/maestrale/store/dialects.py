"""Which databases there are, and from an address to the one that is meant."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import URL, Connection, Table, make_url
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError

from maestrale.config import ConfigurationError
from maestrale.store.dialect import Dialect
from maestrale.store.mysql import Mysql
from maestrale.store.postgresql import Postgresql
from maestrale.store.sqlite import Sqlite

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


def insert_if_absent(conn: Connection, table: Table) -> sa.Insert:
    """An insert that does nothing if a row of that key exists; ``rowcount`` tells."""
    statement: sa.Insert
    if conn.dialect.name == "postgresql":
        statement = postgresql.insert(table).on_conflict_do_nothing()
    else:
        statement = table.insert().prefix_with("OR IGNORE" if conn.dialect.name == "sqlite" else "IGNORE")
    return statement.execution_options(preserve_rowcount=True)
