"""Leases of owners, on the three databases: an execution whose owner fell silent is told what the lease says."""

from __future__ import annotations

import pytest

from maestrale.engine.lease_watch import LeaseWatch
from maestrale.errors import InputError, NotFoundError
from maestrale.store import EVERYTHING, Scope, execution_leases

WORKFLOWS = """
waits: {tasks: {a: {action: std.async_noop}}}
quick: {tasks: {a: {action: std.noop}}}
parent: {tasks: {a: {workflow: waits}}}
"""


class Watch:
    """The duty of one process, long enough after its start for every lease of these tests."""

    def __init__(self, process, reachable_for=1000.0):
        self.process = process
        self.seconds = 0.0
        self.duty = LeaseWatch(
            database=process.service.database, inbox=process.runtime.inbox, now=process.now,
            monotonic=lambda: process.monotonic() + self.seconds)
        self.duty.run()
        self.seconds = reachable_for

    def look(self):
        self.process.ask(self.duty.run)


def start(process, name="waits", **lease):
    return process.start(name, params={"lease": {"seconds": 30, **lease}}).id


def leases(process):
    with process.service.database.read() as conn:
        return conn.exec_driver_sql("SELECT COUNT(*) FROM execution_leases").scalar()


def renew(process, execution_id, scope=EVERYTHING, **values):
    lease = execution_leases.Lease(**{"seconds": 30.0, **values})
    return process.service.database.run_write(lambda conn: execution_leases.renew(conn, scope, execution_id, lease, process.now()))


@pytest.fixture
def one(url, processes):
    process = processes(url)
    process.define(WORKFLOWS)
    return process


@pytest.fixture
def local(process):
    process.define(WORKFLOWS)
    return process


def test_an_execution_whose_owner_is_silent_is_cancelled_with_all_below(one):
    execution, watch = start(one, "parent"), Watch(one)
    child = next(row["id"] for row in one.rows("executions") if row["id"] != execution)
    watch.look()
    assert one.state(execution) == "RUNNING"

    one.pass_time(31)
    watch.look()

    assert one.state(execution) == one.state(child) == "CANCELLED"
    assert "not heard of for 30 s" in one.execution(execution).state_info
    assert leases(one) == 0


def test_a_renewed_lease_is_kept(one):
    execution, watch = start(one), Watch(one)
    for _ in range(3):
        one.pass_time(20)
        renew(one, execution)
        watch.look()

    assert one.state(execution) == "RUNNING"
    assert leases(one) == 1


def test_a_lease_can_pause_and_the_next_owner_goes_on(local):
    execution, watch = start(local, on_lost="pause"), Watch(local)
    local.pass_time(31)
    watch.look()
    assert local.state(execution) == "PAUSED"
    assert leases(local) == 0

    local.ask(lambda: local.engine.resume(local.caller, execution))
    renew(local, execution, on_lost="pause")
    watch.look()
    assert local.state(execution) == "RUNNING"


def test_a_lease_can_leave_the_execution_alone(local):
    execution, watch = start(local, on_lost="leave"), Watch(local)
    local.pass_time(31)
    watch.look()

    assert local.state(execution) == "RUNNING"
    assert leases(local) == 0


def test_an_ended_execution_keeps_its_state_and_loses_its_lease(local):
    execution, watch = start(local, "quick"), Watch(local)
    local.pass_time(31)
    watch.look()

    assert local.state(execution) == "SUCCESS"
    assert leases(local) == 0


def test_a_released_lease_means_nothing_any_more(one):
    execution, watch = start(one), Watch(one)
    one.service.database.run_write(lambda conn: execution_leases.release(conn, EVERYTHING, execution))
    one.pass_time(31)
    watch.look()

    assert one.state(execution) == "RUNNING"


def test_after_an_outage_owners_get_the_whole_time_once_more(local):
    execution = start(local)
    local.pass_time(600)
    watch = Watch(local, reachable_for=5.0)
    watch.look()
    assert local.state(execution) == "RUNNING"

    watch.seconds = 31.0
    watch.look()
    assert local.state(execution) == "CANCELLED"


def test_a_lease_renewed_while_its_verdict_is_brought_is_not_forgotten(one):
    execution = start(one, on_lost="leave")
    one.pass_time(31)
    (seen,) = one.service.database.run_read(lambda conn: execution_leases.expired(conn, one.now(), 10))
    renew(one, execution)

    assert not one.service.database.run_write(lambda conn: execution_leases.drop(conn, seen))
    assert leases(one) == 1


def test_a_process_that_died_over_the_verdict_leaves_it_to_the_next(url, processes):
    first = processes(url)
    first.define(WORKFLOWS)
    execution = start(first)
    first.pass_time(31)
    watch = Watch(first)
    watch.duty._tell(first.service.database.run_read(lambda conn: execution_leases.expired(conn, first.now(), 10))[0])
    first.die()

    second = processes(url)
    second.pass_time(31)
    Watch(second).look()

    assert second.state(execution) == "CANCELLED"


def test_two_processes_bring_the_same_verdict(url, processes):
    first, second = processes(url), processes(url)
    first.define(WORKFLOWS)
    execution = start(first)
    watches = [Watch(one) for one in (first, second)]
    for process in (first, second):
        process.pass_time(31)
    lost = second.service.database.run_read(lambda conn: execution_leases.expired(conn, second.now(), 10))
    watches[0].look()
    second.ask(lambda: watches[1].duty._was_taken(lost[0], watches[1].duty._tell(lost[0])))

    assert first.state(execution) == "CANCELLED"
    assert leases(first) == 0


def test_a_deleted_execution_takes_its_lease_along(one):
    execution = start(one)
    one.ask(lambda: one.engine.delete(one.caller, execution, force=True))

    assert leases(one) == 0


def test_only_the_project_itself_renews(local):
    execution = start(local)
    with pytest.raises(NotFoundError):
        renew(local, execution, Scope("p2"))
    assert renew(local, execution, Scope("p1"), seconds=90.0).lease.seconds == 90.0


def test_a_start_with_a_wrong_lease_is_refused_and_stores_nothing(local):
    with pytest.raises(InputError):
        start(local, on_lost="explode")
    assert local.rows("executions") == []


def test_a_parameter_of_a_sub_workflow_is_no_lease(local):
    local.define("odd: {tasks: {a: {workflow: quick, input: {lease: mine}}}}")
    local.start("odd")

    assert {row["state"] for row in local.rows("executions")} == {"SUCCESS"}
    assert leases(local) == 0
