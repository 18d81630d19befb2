"""How a migration creates a table, so that it can be repeated after having been killed half way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


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
