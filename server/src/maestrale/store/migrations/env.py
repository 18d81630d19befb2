"""Runs the revisions on the connection that ``maestrale.store.migrate`` opened.

For a new revision give alembic the address of a database that is up to date:
``MAESTRALE_DATABASE_URL=... alembic -c alembic.ini revision --autogenerate -m "What changes"``.
"""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, create_engine

from maestrale.store.dialects import dialect_of
from maestrale.store.tables import metadata


def run(conn: Connection) -> None:
    """Run on a connection; its transaction is the caller's."""
    context.configure(connection=conn, target_metadata=metadata, compare_type=True, transactional_ddl=False)
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = create_engine(dialect_of(os.environ["MAESTRALE_DATABASE_URL"])[1])
    with engine.begin() as own:
        run(own)
    engine.dispose()
