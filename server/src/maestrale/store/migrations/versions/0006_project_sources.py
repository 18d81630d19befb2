"""Git repositories as sources of playbooks."""

from __future__ import annotations

import sqlalchemy as sa

from maestrale.store.migrations.creating import TABLE_OPTIONS, create, string, text, time

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

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
    **TABLE_OPTIONS,
)


def upgrade() -> None:
    """Create the table."""
    create(project_sources)
