"""Git repositories as sources of playbooks."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from maestrale.store.migrations.creating import create

revision = "0006"
down_revision = "0005"
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


project_sources = sa.Table(
    "project_sources",
    metadata,
    sa.Column("id", string(64), nullable=False),
    sa.Column("name", string(255), nullable=False),
    sa.Column("project_id", string(80), nullable=False),
    sa.Column("scope", string(80), nullable=False),
    sa.Column("description", text(), nullable=True),
    sa.Column("url", text(), nullable=False),
    sa.Column("ref", string(255), nullable=True),
    sa.Column("revision", string(64), nullable=True),
    sa.Column("playbooks", text(), nullable=True),
    sa.Column("credential", string(255), nullable=True),
    sa.Column("created_at", time(), nullable=False),
    sa.Column("updated_at", time(), nullable=True),
    sa.PrimaryKeyConstraint("id", name="pk_project_sources"),
    sa.UniqueConstraint("name", "project_id", name="uq_project_sources_name"),
    sa.Index("ix_project_sources_project", "project_id", "created_at", "id"),
    sa.Index("ix_project_sources_scope", "scope"),
    mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_row_format="DYNAMIC",
    mariadb_engine="InnoDB", mariadb_charset="utf8mb4", mariadb_row_format="DYNAMIC",
)


def upgrade() -> None:
    """Create the table."""
    create(project_sources)
