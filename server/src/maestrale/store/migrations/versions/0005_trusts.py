"""Delegations that are to end with an execution."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from maestrale.store.migrations.creating import create

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

identifier = sa.String(64).with_variant(postgresql.VARCHAR(64, collation="C"), "postgresql")

trusts = sa.Table(
    "trusts",
    metadata,
    sa.Column("id", identifier, nullable=False),
    sa.Column("execution_id", identifier, nullable=False),
    sa.Column("trigger_id", identifier, nullable=True),
    sa.Column("created_at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), nullable=False),
    sa.PrimaryKeyConstraint("id", name="pk_trusts"),
    sa.Index("ix_trusts_created", "created_at"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_row_format="DYNAMIC",
    mariadb_engine="InnoDB", mariadb_charset="utf8mb4", mariadb_row_format="DYNAMIC",
)


def upgrade() -> None:
    """Create the table."""
    create(trusts)
