"""The engine without threads: a service whose loop is turned by the test, with a runner that the test answers for.

Most tests run on SQLite; those that ask for ``url`` run on PostgreSQL and MariaDB too, where they answer.
"""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import Future
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import make_url

import database_servers
from maestrale import clock
from maestrale.actions import Leftover, Load
from maestrale.bootstrap import build_service
from maestrale.caller import Caller
from maestrale.config import load_settings
from maestrale.core.ports import Result
from maestrale.engine import StartRequest
from maestrale.store import Database, queries
from maestrale.store.schema import upgrade
from maestrale.store.scope import EVERYTHING
from maestrale.store.tables import metadata


@pytest.fixture(scope="session")
def templates(tmp_path_factory):
    """One database of each kind for the whole run: a file to copy, or a server's that is emptied before each use."""
    made = {}

    def get(kind):
        if kind not in made:
            if kind == "sqlite":
                made[kind] = f"sqlite:///{tmp_path_factory.mktemp('engine')}/template.db"
            else:
                made[kind] = database_servers.create(kind, "engine")
            upgrade(made[kind])
        return made[kind]

    yield get
    for kind, url in made.items():
        if kind != "sqlite":
            database_servers.drop(kind, url)


@pytest.fixture
def new_database(templates, tmp_path):
    """A function from a kind to the URL of a database with the current schema and no rows."""
    copies = count()

    def make(kind):
        template = templates(kind)
        if kind == "sqlite":
            path = tmp_path / f"maestrale-{next(copies)}.db"
            shutil.copy(make_url(template).database, path)
            return f"sqlite:///{path}"
        database = Database(template)
        with database.write() as conn:
            for table in reversed(metadata.sorted_tables):
                conn.execute(table.delete())
        database.close()
        return template

    return make


@pytest.fixture(params=database_servers.KINDS)
def url(request, new_database):
    return new_database(request.param)


class ScriptedRunner:
    """Takes actions and does nothing; the test says what they came to."""

    def __init__(self):
        self.taken = {}
        self.cancelled = []
        self.load = Load(0, 0)

    def submit(self, request):
        if request.attempt_id in self.taken:
            return False
        self.taken[request.attempt_id] = request
        return True

    def run(self, request):
        self.taken[request.attempt_id] = request
        return Result(data=request.input.get("output"))

    def cancel(self, attempt_id):
        self.cancelled.append(attempt_id)
        return attempt_id in self.taken

    def stop(self, grace=0.0):
        return Leftover()

    def names(self):
        return [request.name for request in self.taken.values()]


class Process:
    """One service as if it were a process of its own, turned by hand.

    ``pass_time`` lets time go by; ``set_clock`` moves the wall clock alone, as an operator or NTP may do.
    """

    def __init__(self, url, **options):
        engine = {"poll_interval": 0.01, "request_timeout": 20, **options.pop("engine", {})}
        self.service = build_service(load_settings(None, {"database_url": url, "engine": engine, **options}))
        self.runtime, self.engine, self.catalog = self.service.runtime, self.service.engine, self.service.catalog
        self.loop, self.sweeper = self.runtime.loop, self.runtime.sweeper
        self.runner = ScriptedRunner()
        self.runtime.dispatcher.attach(self.runner)
        self.runtime.notifications.runner = self.runner
        self.runtime.standalone.runner = self.runner
        self.caller = Caller(project_id="p1")
        self.ahead = timedelta()
        self.elapsed = 0.0
        now = lambda: clock.now() + self.ahead  # noqa: E731
        monotonic = lambda: clock.monotonic() + self.elapsed  # noqa: E731
        timers = self.loop.jobs.timers
        self.monotonic = self.loop.monotonic = self.loop.suspects.monotonic = timers.monotonic = monotonic
        timers.now = self.loop.suspects.now = self.loop.decider._parts.now = self.sweeper.now = now
        self.runtime.notifications.now = self.runtime.standalone.now = now
        self.now = now
        self.sweeper.beat()

    def pass_time(self, seconds):
        self.ahead += timedelta(seconds=seconds)
        self.elapsed += seconds

    def set_clock(self, seconds):
        self.ahead += timedelta(seconds=seconds)

    def drain(self):
        while self.loop.turn(0.0):
            pass

    def poll(self):
        self.sweeper._orphans_due = 0.0
        self.sweeper.poll()
        self.drain()

    def ask(self, call):
        """Run a request in another thread while the loop is turned here; its result or exception."""
        future = Future()

        def work():
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - handed on to the test
                future.set_exception(error)

        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            self.loop.turn(0.005)
        self.drain()
        return future.result()

    def define(self, text):
        return self.catalog.create_workflows(self.caller, "version: '2.0'\n" + text)

    def start(self, name, caller=None, **fields):
        return self.ask(lambda: self.engine.start(caller or self.caller, StartRequest(workflow_name=name, **fields)))

    def finish(self, attempt_id=None, data=None, error=None):
        """An action of the runner came to an end; the only one where none is named."""
        if attempt_id is None:
            (attempt_id,) = self.runner.taken
        del self.runner.taken[attempt_id]
        result = Result(error=error, failed=True) if error is not None else Result(data=data)
        notifications = self.runtime.notifications
        (notifications if notifications.takes(attempt_id) else self.runtime.dispatcher).done(attempt_id, result)
        self.drain()

    def execution(self, execution_id):
        return self.service.database.run_read(lambda conn: self.service.executions.execution(conn, execution_id))

    def state(self, execution_id):
        return self.execution(execution_id).state

    def loaded(self, execution_id):
        return self.service.database.run_read(lambda conn: self.service.executions.load(conn, execution_id))

    def tasks(self, execution_id):
        return {task.name: task for task in self.loaded(execution_id).tasks}

    def attempts(self, execution_id):
        return self.loaded(execution_id).attempts

    def jobs(self):
        with self.service.database.read() as conn:
            return conn.exec_driver_sql("SELECT COUNT(*) FROM jobs").scalar()

    def rows(self, resource):
        return self.service.database.run_read(lambda conn: queries.list_(conn, resource, EVERYTHING))

    def die(self):
        """As after SIGKILL: nothing is handed over, and the others will find this process gone."""
        self.service.database.close()
        with self.service.database.write() as conn:
            conn.exec_driver_sql(f"UPDATE nodes SET process_started = 'gone' WHERE id = '{self.runtime.node_id}'")
        self.service.database.close()


@pytest.fixture
def processes():
    """A function that makes processes and closes them at the end."""
    made = []

    def make(url, **options):
        process = Process(url, **options)
        made.append(process)
        return process

    yield make
    for process in made:
        process.service.database.close()


@pytest.fixture
def process(new_database, processes):
    """One process on SQLite."""
    return processes(new_database("sqlite"))
