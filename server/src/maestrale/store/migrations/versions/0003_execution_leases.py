"""Leases of executions' owners."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from maestrale.store.migrations.creating import create

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

execution_leases = sa.Table(
    "execution_leases",
    metadata,
    sa.Column("execution_id", sa.String(64).with_variant(postgresql.VARCHAR(64, collation="C"), "postgresql"), nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("on_lost", sa.String(10).with_variant(postgresql.VARCHAR(10, collation="C"), "postgresql"), nullable=False),
    sa.Column("expires_at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), nullable=False),
    sa.PrimaryKeyConstraint("execution_id", name="pk_execution_leases"),
    sa.Index("ix_execution_leases_expires", "expires_at"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_row_format="DYNAMIC",
    mariadb_engine="InnoDB", mariadb_charset="utf8mb4", mariadb_row_format="DYNAMIC",
)


def upgrade() -> None:
    """Create the table."""
    create(execution_leases)
