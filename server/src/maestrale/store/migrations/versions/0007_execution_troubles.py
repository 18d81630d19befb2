"""Executions that can't be decided though the database works."""

from __future__ import annotations

import sqlalchemy as sa

from maestrale.store.migrations.creating import TABLE_OPTIONS, create, string, text, time

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

execution_troubles = sa.Table(
    "execution_troubles",
    metadata,
    sa.Column("execution_id", string(64), nullable=False),
    sa.Column("owner", string(64), nullable=False),
    sa.Column("since", time(), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("reason", text(), nullable=False),
    sa.PrimaryKeyConstraint("execution_id", name="pk_execution_troubles"),
    **TABLE_OPTIONS,
)


def upgrade() -> None:
    """Create the table."""
    create(execution_troubles)
