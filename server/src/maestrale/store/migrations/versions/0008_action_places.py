"""Actions that only so many may run of at once: who holds a place, and who waits for one."""

from __future__ import annotations

import sqlalchemy as sa

from maestrale.store.migrations.creating import TABLE_OPTIONS, create, string, time

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

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
    **TABLE_OPTIONS,
)


def upgrade() -> None:
    """Create the table."""
    create(action_places)
