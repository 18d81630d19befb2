"""What migrations create tables of, and how, so that one can be repeated after having been killed half way.

Types here must stay what they are: migrations that were run have made columns of them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

TABLE_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_row_format": "DYNAMIC",
    "mariadb_engine": "InnoDB", "mariadb_charset": "utf8mb4", "mariadb_row_format": "DYNAMIC",
}


def string(length: int) -> TypeEngine[str]:
    """Text of bounded length."""
    return sa.String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def text() -> TypeEngine[str]:
    """Text of any length."""
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql").with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def time() -> sa.DateTime:
    """A point in time."""
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def create(table: sa.Table) -> None:
    """Create a table with its indexes, or those of its indexes that a migration which was killed left out.

    On MySQL and MariaDB texts are compared byte by byte, as the other databases do.
    """
    conn = op.get_bind()
    inspector = sa.inspect(conn)
    if conn.dialect.name in {"mysql", "mariadb"}:
        collation = "utf8mb4_nopad_bin" if getattr(conn.dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        table.kwargs["mysql_collate"] = table.kwargs["mariadb_collate"] = collation
    if not inspector.has_table(table.name):
        table.create(conn)
        return
    present = {index["name"] for index in inspector.get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in present:
            index.create(conn)
