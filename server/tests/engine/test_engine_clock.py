"""The wall clock is set back or forward by an hour: nothing is lost, nothing happens twice, and spans are what they were."""

from __future__ import annotations

import pytest

from maestrale.catalog import CronRequest, Triggers
from maestrale.engine.lease_watch import LeaseWatch
from maestrale.scheduler import CronScheduler
from maestrale.store import nodes

HOUR = 3600
WORK = """
waits: {tasks: {a: {action: std.noop, wait-before: 10, on-success: b}, b: {action: std.noop}}}
after: {tasks: {a: {action: std.noop, wait-after: 10}}}
tries: {tasks: {a: {action: std.fail, retry: {count: 2, delay: 10}}}}
times: {tasks: {a: {action: std.async_noop, timeout: 10}}}
far: {tasks: {a: {action: std.noop, wait-before: 7200}}}
outside: {tasks: {a: {action: std.async_noop}}}
"""
SET = pytest.mark.parametrize("seconds", [-HOUR, HOUR])


@pytest.fixture
def one(process):
    process.define(WORK)
    return process


def pass_time(seconds, *them):
    for process in them:
        process.pass_time(seconds)
    for process in them:
        process.poll()


@SET
@pytest.mark.parametrize(("name", "ends", "spans", "attempts"), [
    ("waits", "SUCCESS", 1, 2), ("after", "SUCCESS", 1, 1), ("tries", "ERROR", 2, 3), ("times", "ERROR", 1, 1)])
def test_delays_and_timeouts_last_as_long_as_they_would(one, name, ends, spans, attempts, seconds):
    execution = one.start(name).id
    for _ in range(spans):
        one.set_clock(seconds)
        pass_time(8, one)
        assert one.state(execution) == "RUNNING"
        pass_time(3, one)

    assert one.state(execution) == ends
    assert len(one.attempts(execution)) == attempts
    pass_time(1, one)
    assert one.jobs() == 0


@SET
def test_other_processes_leave_a_timer_to_the_one_that_has_it(url, processes, seconds):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("waits").id
    for process in (one, two):
        process.set_clock(seconds)

    pass_time(8, one, two)
    assert one.state(execution) == "RUNNING"
    pass_time(3, one, two)
    pass_time(HOUR, one, two)

    assert one.state(execution) == "SUCCESS"
    assert len(one.attempts(execution)) == 2
    assert one.jobs() == 0


@SET
def test_a_timer_far_ahead_fires_once_at_its_time_by_the_wall_clock(url, processes, seconds):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("far").id
    for process in (one, two):
        process.set_clock(seconds)
    pass_time(7200 - seconds - 60, one, two)
    assert one.state(execution) == "RUNNING"

    pass_time(61, one, two)
    pass_time(HOUR, one, two)

    assert one.state(execution) == "SUCCESS"
    assert len(one.attempts(execution)) == 1


@SET
def test_a_timer_whose_process_died_fires_once_elsewhere(url, processes, seconds):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("waits").id
    two.set_clock(seconds)
    one.die()
    two.sweeper.beat()

    pass_time(HOUR + 11, two)
    pass_time(HOUR, two)

    assert two.state(execution) == "SUCCESS"
    assert len(two.attempts(execution)) == 2


@SET
def test_no_living_process_is_taken_for_dead(url, processes, seconds):
    one, two = processes(url), processes(url)
    one.set_clock(seconds)
    for _ in range(3):
        one.sweeper.beat()
        two.sweeper.beat()

    assert len(one.service.database.run_read(nodes.all_nodes)) == 2


def test_what_one_process_does_at_a_time_goes_on_after_the_clock_was_set_back(url, processes):
    one, two = processes(url), processes(url)
    database = one.service.database

    def holds(process):
        return database.run_write(lambda conn: nodes.acquire_lease(conn, "chore", process.runtime.node_id, process.now(), 60))

    assert holds(one)
    for process in (one, two):
        process.set_clock(-HOUR)
    assert holds(one)
    assert not holds(two)
    pass_time(61, one, two)

    assert holds(two)


def leased(process):
    """An execution whose owner has to be heard of every 30 s, and a look for silent owners."""
    watch = LeaseWatch(database=process.service.database, inbox=process.runtime.inbox, now=process.now, monotonic=process.monotonic)
    watch.run()
    process.pass_time(HOUR)
    execution = process.start("outside", params={"lease": {"seconds": 30}}).id
    process.ask(watch.run)
    return execution, lambda: process.ask(watch.run)


def test_owners_are_not_given_up_because_the_clock_was_set_forward(one):
    execution, look = leased(one)

    one.set_clock(HOUR)
    look()
    one.pass_time(29)
    look()
    assert one.state(execution) == "RUNNING"

    one.pass_time(2)
    look()
    assert one.state(execution) == "CANCELLED"


@pytest.fixture
def ticking(one):
    """A trigger of every full hour, seen first half an hour before one: looks once and gives how many times it has fired."""
    one.set_clock(1800 - one.now().timestamp() % HOUR)
    triggers = Triggers(database=one.service.database, new_id=one.service.catalog.new_id, now=one.now)
    triggers.create_cron(one.caller, CronRequest(name="hourly", workflow_name="after", pattern="0 * * * *"))
    scheduler = CronScheduler(database=one.service.database, engine=one.engine, now=one.now, batch_size=10)

    def look():
        one.ask(scheduler.run)
        return len(one.rows("executions"))

    return look


def test_an_hour_that_comes_twice_fires_a_cron_trigger_once(one, ticking):
    one.pass_time(HOUR)
    assert ticking() == 1

    one.set_clock(-HOUR)
    assert ticking() == 1
    for _ in range(4):
        one.pass_time(HOUR / 4)
        assert ticking() == 1
    one.pass_time(HOUR)
    assert ticking() == 2


def test_hours_that_are_skipped_fire_a_cron_trigger_once_as_its_catch_up_policy_says(one, ticking):
    one.set_clock(3 * HOUR)

    assert ticking() == 1
    assert ticking() == 1
    one.pass_time(HOUR)
    assert ticking() == 2
