"""What of an action's result was too large for the result."""

from __future__ import annotations

import sqlalchemy as sa

from maestrale.store.migrations.creating import TABLE_OPTIONS, create, string, text, time

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

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
    **TABLE_OPTIONS,
)


def upgrade() -> None:
    """Create the table."""
    create(action_artifacts)
