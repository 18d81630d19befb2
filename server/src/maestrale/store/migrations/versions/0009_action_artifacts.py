"""What of an action's result was too large for the result."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from maestrale.store.migrations.creating import create

revision = "0009"
down_revision = "0008"
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


action_artifacts = sa.Table(
    "action_artifacts",
    metadata,
    sa.Column("attempt_id", string(64), nullable=False),
    sa.Column("name", string(80), nullable=False),
    sa.Column("part", sa.Integer, nullable=False, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created_at", time(), nullable=False),
    sa.Column("body", text(), nullable=False),
    sa.PrimaryKeyConstraint("attempt_id", "name", "part", name="pk_action_artifacts"),
    sa.Index("ix_action_artifacts_created", "created_at"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_row_format="DYNAMIC",
    mariadb_engine="InnoDB", mariadb_charset="utf8mb4", mariadb_row_format="DYNAMIC",
)


def upgrade() -> None:
    """Create the table."""
    create(action_artifacts)
