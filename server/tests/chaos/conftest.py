"""Real servers on real databases, for what needs more than one process, or trouble.

SQLite always, PostgreSQL and MariaDB where they answer. ``MAESTRALE_TEST_REQUIRE`` (``postgresql,mariadb``) turns an
unreachable one from skipped into failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

import pytest
from run import database_of
from storm.databases import UnreachableError
from storm.servers import Servers
from storm.sink import Sink

FINAL = ("SUCCESS", "ERROR", "CANCELLED")


@pytest.fixture
def new_database(tmp_path):
    """A function from a kind to a new database, dropped at the end."""
    with contextlib.ExitStack() as stack:

        def make(kind):
            try:
                return stack.enter_context(database_of(kind, tmp_path))
            except UnreachableError as error:
                if kind in os.environ.get("MAESTRALE_TEST_REQUIRE", "").split(","):
                    pytest.fail(f"{kind} can't be reached: {error}")
                pytest.skip(f"{kind} can't be reached: {error}")

        yield make


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request, new_database):
    return new_database(request.param)


@pytest.fixture
def sink():
    with Sink() as sink:
        yield sink


class Service:
    """Servers on one database with a client of them."""

    def __init__(self, servers):
        self.servers = servers
        self.client = servers.client()

    def define(self, text):
        reply = self.client.ask("POST", "/v2/workflows", f"version: '2.0'\n{text}")
        assert reply.status == 201, reply

    def start(self, name, **inputs):
        reply = self.client.ask("POST", "/v2/executions", {"workflow_name": name, "input": inputs})
        assert reply.status == 201, reply
        return reply.body["id"]

    def execution(self, execution_id):
        found = self.client.ask("GET", f"/v2/executions/{execution_id}").body
        return {**found, "output": json.loads(found["output"])}

    def wait(self, execution_id, seconds=40):
        deadline = time.monotonic() + seconds
        while (found := self.execution(execution_id))["state"] not in FINAL:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found


@pytest.fixture
def service(tmp_path):
    """A function that starts servers on a database; all of them are killed at the end."""
    with contextlib.ExitStack() as stack:

        def start(database, count=1, workers=1, **options):
            folder = tmp_path / "logs"
            folder.mkdir(exist_ok=True)
            return Service(stack.enter_context(Servers(database.url, count, folder, options=options, workers=workers)))

        yield start


def until(condition, seconds=20):
    """Wait for a condition; what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture(name="until")
def _until():
    return until
