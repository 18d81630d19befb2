"""New databases for tests on the PostgreSQL and MariaDB of this machine.

``MAESTRALE_TEST_POSTGRESQL_URL`` and ``MAESTRALE_TEST_MARIADB_URL`` name servers on which databases may be created;
``MAESTRALE_TEST_REQUIRE`` (``postgresql,mariadb``) turns an unreachable one from skipped into failed.
"""

from __future__ import annotations

import os
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

KINDS = ("sqlite", "postgresql", "mariadb")
SERVERS = {
    "postgresql": ("MAESTRALE_TEST_POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": ("MAESTRALE_TEST_MARIADB_URL", "mysql+pymysql://root@127.0.0.1:3306/"),
}


def create(kind, purpose):
    """The URL of a new, empty database; the test is skipped, or fails, where the server can't be reached."""
    name = f"maestrale_test_{purpose}_{uuid4().hex[:12]}"
    try:
        _ask(kind, f"CREATE DATABASE {name}")
    except (SQLAlchemyError, ImportError) as error:
        reason = f"{kind} can't be reached: {str(error).splitlines()[0][:120]}"
        if kind in os.environ.get("MAESTRALE_TEST_REQUIRE", "").split(","):
            pytest.fail(reason)
        pytest.skip(reason)
    return _server(kind).set(database=name).render_as_string(hide_password=False)


def drop(kind, url):
    """Drop a database that ``create`` gave, whoever is connected."""
    _ask(kind, f"DROP DATABASE {make_url(url).database}{' WITH (FORCE)' if kind == 'postgresql' else ''}")


def _server(kind):
    variable, default = SERVERS[kind]
    return make_url(os.environ.get(variable, default)).set(drivername=make_url(default).drivername)


def _ask(kind, statement):
    engine = create_engine(_server(kind), isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as conn:
            conn.execute(text(statement))
    finally:
        engine.dispose()
