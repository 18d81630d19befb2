"""One suite for three databases: SQLite always, PostgreSQL and MariaDB where they answer.

``MAESTRALE_TEST_POSTGRESQL_URL`` and ``MAESTRALE_TEST_MARIADB_URL`` name servers on which databases may be created;
``MAESTRALE_TEST_REQUIRE`` (``postgresql,mariadb``) turns an unreachable one from skipped into failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from maestrale.store import Database, Executions
from maestrale.store.schema import upgrade
from maestrale.store.tables import metadata

SERVERS = {
    "postgresql": ("MAESTRALE_TEST_POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": ("MAESTRALE_TEST_MARIADB_URL", "mysql+pymysql://root@127.0.0.1:3306/"),
}


def server_url(kind):
    variable, default = SERVERS[kind]
    url = make_url(os.environ.get(variable, default))
    return url.set(drivername=make_url(default).drivername)


def admin(kind, statement):
    engine = create_engine(server_url(kind), isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as conn:
            conn.execute(text(statement))
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def new_database(tmp_path_factory):
    """A function from a kind to the URL of a new, empty database; all are dropped at the end."""
    made = []

    def make(kind):
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store')}/maestrale.db"
        name = f"maestrale_test_store_{uuid4().hex[:12]}"
        try:
            admin(kind, f"CREATE DATABASE {name}")
        except (SQLAlchemyError, ImportError) as error:
            reason = f"{kind} can't be reached: {str(error).splitlines()[0][:120]}"
            if kind in os.environ.get("MAESTRALE_TEST_REQUIRE", "").split(","):
                pytest.fail(reason)
            pytest.skip(reason)
        made.append((kind, name))
        return server_url(kind).set(database=name).render_as_string(hide_password=False)

    yield make
    for kind, name in made:
        admin(kind, f"DROP DATABASE {name}{' WITH (FORCE)' if kind == 'postgresql' else ''}")


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mariadb"])
def kind(request):
    return request.param


@pytest.fixture(scope="session")
def url(kind, new_database):
    made = new_database(kind)
    upgrade(made)
    return made


@pytest.fixture(scope="session")
def shared_database(url) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def database(shared_database) -> Iterator[Database]:
    """A migrated database without rows."""
    yield shared_database
    shared_database.on_statement = None
    with shared_database.write() as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(table.delete())


@pytest.fixture
def store(database) -> Executions:
    return Executions(database)
