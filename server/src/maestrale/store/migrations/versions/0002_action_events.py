"""Live output of actions."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from maestrale.store.migrations.creating import create

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

action_events = sa.Table(
    "action_events",
    metadata,
    sa.Column("attempt_id", sa.String(64).with_variant(postgresql.VARCHAR(64, collation="C"), "postgresql"), nullable=False),
    sa.Column("counter", sa.Integer, nullable=False, autoincrement=False),
    sa.Column("created_at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), nullable=False),
    sa.Column(
        "body", sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql").with_variant(mysql.LONGTEXT(), "mysql", "mariadb"),
        nullable=False),
    sa.PrimaryKeyConstraint("attempt_id", "counter", name="pk_action_events"),
    sa.Index("ix_action_events_created", "created_at"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_row_format="DYNAMIC",
    mariadb_engine="InnoDB", mariadb_charset="utf8mb4", mariadb_row_format="DYNAMIC",
)


def upgrade() -> None:
    """Create the table."""
    create(action_events)
