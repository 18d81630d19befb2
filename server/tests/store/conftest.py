"""One suite for three databases: SQLite always, PostgreSQL and MariaDB where they answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import database_servers
from maestrale.store import Database, Executions
from maestrale.store.schema import upgrade
from maestrale.store.tables import metadata


@pytest.fixture(scope="session")
def new_database(tmp_path_factory):
    """A function from a kind to the URL of a new, empty database; all are dropped at the end."""
    made = []

    def make(kind):
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store')}/maestrale.db"
        made.append((kind, database_servers.create(kind, "store")))
        return made[-1][1]

    yield make
    for kind, url in made:
        database_servers.drop(kind, url)


@pytest.fixture(scope="session", params=database_servers.KINDS)
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
