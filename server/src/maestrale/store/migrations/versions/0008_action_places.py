"""Actions that only so many may run of at once: who holds a place, and who waits for one."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from maestrale.store.migrations.creating import create

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

metadata = sa.MetaData()


def string(length: int) -> TypeEngine[str]:
    """Text of bounded length."""
    return sa.String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def time() -> sa.DateTime:
    """A point in time."""
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


action_places = sa.Table(
    "action_places",
    metadata,
    sa.Column("attempt_id", string(64), nullable=False),
    sa.Column("name", string(255), nullable=False),
    sa.Column("owner", string(64), nullable=False),
    sa.Column("since", time(), nullable=False),
    sa.Column("place", sa.Integer, nullable=True),
    sa.UniqueConstraint("name", "place", name="uq_action_places_place"),
    sa.PrimaryKeyConstraint("attempt_id", "name", name="pk_action_places"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_row_format="DYNAMIC",
    mariadb_engine="InnoDB", mariadb_charset="utf8mb4", mariadb_row_format="DYNAMIC",
)


def upgrade() -> None:
    """Create the table."""
    create(action_places)
