"""Brings a database to the current schema."""

from __future__ import annotations

from sqlalchemy import create_engine

from maestrale.store.dialects import dialect_of
from maestrale.store.tables import metadata


def upgrade(url: str) -> None:
    """Create what is missing. Safe to call again."""
    engine = create_engine(dialect_of(url)[1])
    metadata.create_all(engine)
    engine.dispose()
