"""A database of its own for a test, on the PostgreSQL that MAESTRALE_TEST_POSTGRESQL_URL names, by default the local one.

python tools/postgresql.py create        prints the new database's URL
python tools/postgresql.py drop URL
"""

from __future__ import annotations

import os
import sys
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

DEFAULT = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


def _run(statement: str) -> str:
    """Run one statement outside a transaction; the error's first line, empty if there was none."""
    url = make_url(os.environ.get("MAESTRALE_TEST_POSTGRESQL_URL") or DEFAULT).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    except (SQLAlchemyError, ImportError) as error:
        return str(error).splitlines()[0]
    finally:
        engine.dispose()
    return ""


def main(verb: str, given: str = "") -> int:
    """Create a database and print its URL, or drop one."""
    name = f"maestrale_test_conformance_{uuid4().hex[:12]}" if verb == "create" else make_url(given).database
    error = _run(f"CREATE DATABASE {name}" if verb == "create" else f"DROP DATABASE {name} WITH (FORCE)")
    url = make_url(os.environ.get("MAESTRALE_TEST_POSTGRESQL_URL") or DEFAULT).set(database=name, drivername="postgresql")
    print(error or url.render_as_string(hide_password=False))
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
