"""Executions that can't be decided though the database works."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from maestrale.store.migrations.creating import create

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

metadata = sa.MetaData()


def string(length: int) -> TypeEngine[str]:
    """Text of bounded length."""
    return sa.String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def text() -> TypeEngine[str]:
    """Text of any length."""
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql").with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def time() -> sa.DateTime:
    """A point in time."""
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


execution_troubles = sa.Table(
    "execution_troubles",
    metadata,
    sa.Column("execution_id", string(64), nullable=False),
    sa.Column("owner", string(64), nullable=False),
    sa.Column("since", time(), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("reason", text(), nullable=False),
    sa.PrimaryKeyConstraint("execution_id", name="pk_execution_troubles"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_row_format="DYNAMIC",
    mariadb_engine="InnoDB", mariadb_charset="utf8mb4", mariadb_row_format="DYNAMIC",
)


def upgrade() -> None:
    """Create the table."""
    create(execution_troubles)
