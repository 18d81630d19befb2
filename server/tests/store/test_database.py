from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy
from records import save, start

from maestrale.config import ConfigurationError
from maestrale.errors import DatabaseUnavailableError, SizeLimitExceededError
from maestrale.store import Batch, Changeset, ConstraintError, Database, Executions, TransientError, VersionConflict, dialect, settings
from maestrale.store.database import FairLock
from maestrale.store.dialects import dialect_of


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sqlite:////x/y.db", "sqlite+pysqlite:////x/y.db"),
        ("postgresql://u:p@h:1/d", "postgresql+psycopg://u:***@h:1/d"),
        ("postgres://h/d?sslmode=require", "postgresql+psycopg://h/d?sslmode=require"),
        ("postgresql+psycopg2://h/d", "postgresql+psycopg://h/d"),
        ("mysql://h/d", "mysql+pymysql://h/d"),
        ("mariadb://h/d", "mysql+pymysql://h/d"),
        ("mysql+mysqldb://h/d?charset=utf8", "mysql+pymysql://h/d?charset=utf8"),
    ],
)
def test_addresses_get_our_drivers(given, expected):
    assert str(dialect_of(given)[1]) == expected


@pytest.mark.parametrize("given", ["oracle://h/d", "nonsense", "", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_addresses_that_can_not_be_used_are_refused(given):
    with pytest.raises(ConfigurationError):
        Database(given)


@pytest.mark.parametrize(("given", "extra"), [("postgresql://h/d", "postgresql"), ("mysql://h/d", "mysql")])
def test_a_missing_driver_is_named_with_its_extra(monkeypatch, given, extra):
    monkeypatch.setattr(dialect, "find_spec", lambda _name: None)

    with pytest.raises(ConfigurationError, match=rf"maestrale\[{extra}\]"):
        Database(given)


@pytest.mark.parametrize("given", ["postgresql://u@127.0.0.1:1/d", "mysql://u@127.0.0.1:1/d"])
def test_a_server_that_is_not_there_is_unavailable(given):
    database = Database(given, connect_timeout=1)

    for transaction in (database.read, database.write):
        with pytest.raises(DatabaseUnavailableError), transaction():
            pass


def value(database, name="x"):
    with database.read() as conn:
        return settings.read(conn, name)


def put(database, text, name="x"):
    with database.write() as conn:
        settings.write(conn, name, text)


def test_an_exception_undoes_the_transaction(database):
    put(database, "before")

    def fails(conn):
        settings.write(conn, "x", "after")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.run_write(fails)

    assert value(database) == "before"


def test_a_reader_sees_one_state_while_writers_go_on(database):
    put(database, "1")

    with database.read() as conn:
        assert settings.read(conn, "x") == "1"
        put(database, "2")
        assert settings.read(conn, "x") == "1"

    assert value(database) == "2"


def test_a_reader_does_not_wait_for_a_writer(database):
    put(database, "1")

    with database.write() as conn:
        settings.write(conn, "x", "2")
        assert value(database) == "1"


def test_a_writer_sees_what_others_have_committed(database, kind):
    if kind == "sqlite":
        pytest.skip("one writer at a time")
    put(database, "1")

    with database.write() as conn:
        assert settings.read(conn, "x") == "1"
        put(database, "2")
        assert settings.read(conn, "x") == "2"


def test_a_transaction_that_lost_is_done_again(database):
    tries = []

    def work(conn):
        tries.append(1)
        settings.write(conn, "x", str(len(tries)))
        if len(tries) < 3:
            raise TransientError("lost")
        return "done"

    assert database.run_write(work) == "done"
    assert value(database) == "3"


def test_trying_ends_some_time(database):
    tries = []

    def work(_conn):
        tries.append(1)
        raise TransientError("lost")

    with pytest.raises(DatabaseUnavailableError, match="lost"):
        database.run_read(work)
    assert len(tries) == 6


def test_a_deadlock_is_resolved_by_doing_one_again(database, kind):
    if kind == "sqlite":
        pytest.skip("one writer at a time")
    put(database, "0", "a")
    put(database, "0", "b")
    tries, barrier = [], threading.Barrier(2)

    def work(first, second):
        def once(conn):
            tries.append(first)
            settings.write(conn, first, f"by {first}")
            if len(tries) <= 2:
                barrier.wait()
            settings.write(conn, second, f"by {first}")

        database.run_write(once)

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(tries) == 3
    assert value(database, "a") == value(database, "b")


def cut_connections(database, kind):
    """What an administrator or a restart does to all connections but the one that asks."""
    with database.write() as conn:
        if kind == "postgresql":
            conn.exec_driver_sql(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'maestrale'"
            )
        else:
            query = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            for (number,) in conn.exec_driver_sql(query).fetchall():
                conn.exec_driver_sql(f"KILL {number}")


@pytest.fixture
def separate(url):
    database = Database(url)
    yield database
    database.close()


def test_a_connection_that_broke_is_replaced(separate, database, kind):
    if kind == "sqlite":
        pytest.skip("no connections to cut")
    put(separate, "1")
    assert value(separate) == "1"
    cut_connections(database, kind)

    assert separate.run_read(lambda conn: settings.read(conn, "x")) == "1"
    separate.run_write(lambda conn: settings.write(conn, "x", "2"))
    assert value(separate) == "2"


def test_a_commit_survives_a_broken_connection(separate, database, kind):
    if kind == "sqlite":
        pytest.skip("no connections to cut")
    store = Executions(separate)
    parent, _, _ = start(store, tasks=2)
    cut_connections(database, kind)

    save(store, Changeset(parent.set(state="PAUSED"), 1))

    with separate.read() as conn:
        assert store.load(conn, parent.id).execution == parent


def test_a_connection_that_breaks_in_the_middle_is_reported_as_such(separate, database, kind):
    if kind == "sqlite":
        pytest.skip("no connections to cut")

    def work():
        with separate.read() as conn:
            settings.read(conn, "x")
            cut_connections(database, kind)
            settings.read(conn, "x")

    with pytest.raises(TransientError):
        work()

    assert value(separate) is None


def test_a_connection_that_breaks_within_a_commit_is_reported_as_such(separate, database, kind):
    if kind == "sqlite":
        pytest.skip("no connections to cut")
    store = Executions(separate)
    parent, _, _ = start(store)
    plan = store.plan(Batch([Changeset(parent.set(state="PAUSED"), 1)]))

    def work():
        with separate.write() as conn:
            settings.read(conn, "x")
            cut_connections(database, kind)
            plan.run(conn, separate.note)

    with pytest.raises(TransientError):
        work()

    with database.read() as conn:
        assert store.load(conn, parent.id).execution.state == "RUNNING"


def test_when_all_connections_are_in_use_requests_are_refused_soon(url):
    database = Database(url, pool_size=2, max_overflow=0, pool_timeout=0.1, sqlite_busy_timeout=0.2)
    began = time.monotonic()

    for transaction in (database.read, database.write):
        with transaction(), pytest.raises(DatabaseUnavailableError), transaction():
            pass

    assert time.monotonic() - began < 5
    database.close()


def test_a_row_that_breaks_a_constraint_is_reported(database):
    put(database, "1")
    with pytest.raises(ConstraintError), database.write() as conn:
        conn.exec_driver_sql("INSERT INTO settings (name, value) VALUES ('x', '2')")


def test_a_value_that_is_too_long_is_reported(database, kind):
    if kind == "sqlite":
        pytest.skip("SQLite takes any length")
    with pytest.raises(SizeLimitExceededError):
        start(Executions(database), workflow_name="n" * 300)


def test_a_row_beyond_the_servers_packet_is_refused(database, kind):
    if kind != "mariadb":
        pytest.skip("the others take it")
    many_small_values = {f"key{number}": "v" * 1000 for number in range(12_000)}

    with pytest.raises(SizeLimitExceededError, match="max_allowed_packet"):
        start(Executions(database), input=many_small_values)


def test_the_lock_is_handed_over_in_the_order_of_asking():
    lock, order = FairLock(), []
    assert lock.acquire(0)

    def work(number):
        assert lock.acquire(10)
        order.append(number)
        lock.release()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        while len(lock._waiting) <= number:
            time.sleep(0.001)
    lock.release()
    for thread in threads:
        thread.join()

    assert order == [0, 1, 2, 3, 4]


def test_who_gives_up_waiting_leaves_the_lock_to_others():
    lock = FairLock()
    assert lock.acquire(0)
    assert not lock.acquire(0.01)
    lock.release()

    assert lock.acquire(0)


def test_concurrent_deciders_lose_no_update(database):
    """Six threads add one to a number in an execution's context, each until it has won ten times."""
    stores = [Executions(database) for _ in range(3)]
    parent, _, _ = start(stores[0], context={"n": 0})
    conflicts = []

    def work(store):
        for _ in range(10):
            while True:
                with database.read() as conn:
                    loaded = store.load(conn, parent.id)
                changed = loaded.execution.set(context={"n": loaded.execution.context["n"] + 1})
                try:
                    store.commit(Batch([Changeset(changed, changed.version)]))
                    break
                except VersionConflict:
                    conflicts.append(1)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as conn:
        loaded = stores[0].load(conn, parent.id).execution
    assert (loaded.context, loaded.version) == ({"n": 60}, 61)


def test_batches_over_the_same_executions_do_not_block_each_other_for_ever(database):
    """Two threads change overlapping sets of executions in different orders."""
    store = Executions(database)
    parents = [start(store)[0].id for _ in range(12)]
    done = []

    def work(step):
        for round_ in range(15):
            chosen = parents[round_ % 3::step]
            with database.read() as conn:
                loaded = [store.load(conn, one).execution for one in chosen]
            changes = []
            for number, one in enumerate(reversed(loaded)):
                changes.append(Changeset(one.set(state_info=f"{round_}") if number % 2 else one.set(state="PAUSED"), one.version))
            try:
                store.commit(Batch(changes))
            except VersionConflict:
                continue
            done.append(step)

    threads = [threading.Thread(target=work, args=(step,)) for step in (1, 2, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not any(thread.is_alive() for thread in threads)
    assert done


def test_a_look_asks_for_one_statement_outside_a_transaction_where_that_saves_journeys(database, kind):
    put(database, "1")
    begun = []

    def work(conn):
        text = settings.read(conn, "x")
        if kind == "postgresql":
            begun.append(conn.connection.driver_connection.info.transaction_status.name != "IDLE")
        return text

    assert database.run_look(work) == "1"
    assert not any(begun)


def test_a_look_that_asks_twice_sees_one_state_of_the_database(database, kind):
    put(database, "1")
    tries = []

    def work(conn):
        tries.append(1)
        first = settings.read(conn, "x")
        if len(tries) == (2 if kind == "postgresql" else 1):
            put(database, "2")
        return first, settings.read(conn, "x")

    assert database.run_look(work) == ("1", "1")
    assert value(database) == "2"


@pytest.mark.parametrize("fault", [ZeroDivisionError, sqlalchemy.exc.ProgrammingError])
def test_a_connection_serves_transactions_after_a_look_that_failed(url, kind, fault):
    if kind == "sqlite" and fault is not ZeroDivisionError:
        pytest.skip("its faults of syntax are operational errors")
    database = Database(url, pool_size=2)
    put(database, "1")

    def fails(conn):
        conn.exec_driver_sql("SELECT 1" if fault is ZeroDivisionError else "SELECT FROM WHERE")
        raise ZeroDivisionError

    with pytest.raises(fault):
        database.run_look(fails)

    with database.read() as conn:
        first = settings.read(conn, "x")
        put(database, "2")
        assert settings.read(conn, "x") == first
    database.close()


@pytest.mark.parametrize(("kind", "error"), [
    ("postgresql", "ReadOnlySqlTransaction"), ("postgresql", "DiskFull"), ("postgresql", "TooManyConnections"),
    ("postgresql", "IdleInTransactionSessionTimeout"), ("mysql", 3), ("mysql", 1021), ("mysql", 1030), ("mysql", 1290), ("mysql", 1927),
])
def test_a_database_that_can_not_write_is_unavailable_and_no_fault_of_a_statement(kind, error):
    driver = pytest.importorskip({"postgresql": "psycopg", "mysql": "pymysql"}[kind])
    database = Database(f"{kind}://u@127.0.0.1:1/d")
    if kind == "postgresql":
        raised = getattr(driver.errors, error)("cannot be written")
    else:
        raised = (driver.err.InternalError if error < 1000 else driver.err.OperationalError)(error, "cannot be written")

    with pytest.raises(DatabaseUnavailableError, match="cannot be written"), database._translated(None):
        raise raised
