"""Secrets of environments."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from maestrale.store.migrations.creating import create

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

secrets = sa.Table(
    "environment_secrets",
    metadata,
    sa.Column("environment_id", sa.String(64).with_variant(postgresql.VARCHAR(64, collation="C"), "postgresql"), nullable=False),
    sa.Column("name", sa.String(255).with_variant(postgresql.VARCHAR(255, collation="C"), "postgresql"), nullable=False),
    sa.Column(
        "sealed", sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql").with_variant(mysql.LONGTEXT(), "mysql", "mariadb"),
        nullable=False),
    sa.Column("created_at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), nullable=False),
    sa.Column("updated_at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), nullable=True),
    sa.PrimaryKeyConstraint("environment_id", "name", name="pk_environment_secrets"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_row_format="DYNAMIC",
    mariadb_engine="InnoDB", mariadb_charset="utf8mb4", mariadb_row_format="DYNAMIC",
)


def upgrade() -> None:
    """Create the table."""
    create(secrets)
