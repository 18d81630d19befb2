"""Timers: on time, far ahead only as rows, forgotten with what they were for."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from maestrale.core.model import Job
from maestrale.engine.timers import Timers
from maestrale.store import jobs

NOW = datetime(2026, 1, 1)
HOUR = 3600


def job(name, seconds):
    return Job(id=name, kind="message", execution_id="e", due_at=NOW + timedelta(seconds=seconds), payload={}, created_at=NOW)


class Clocks:
    """A wall clock and a monotonic one. Time passes on both; the wall clock may be set besides."""

    def __init__(self):
        self.passed, self.set_by = 0.0, 0.0
        self.timers = Timers(lambda: NOW + timedelta(seconds=self.passed + self.set_by), lambda: 1000.0 + self.passed)

    def due(self):
        return [one.id for one in self.timers.due()]


def test_jobs_come_out_in_the_order_of_their_times():
    clocks = Clocks()
    timers = clocks.timers
    for name, seconds in (("b", 2), ("a", 1), ("c", 3)):
        timers.add(job(name, seconds))

    assert timers.next_in() == 1
    clocks.passed = 2
    assert clocks.due() == ["a", "b"]
    clocks.passed = 9
    assert clocks.due() == ["c"]
    assert timers.next_in() is None


@pytest.mark.parametrize("seconds", [-HOUR, HOUR])
def test_a_wall_clock_that_is_set_moves_no_timer(seconds):
    clocks = Clocks()
    clocks.timers.add(job("a", 10))

    clocks.set_by = seconds
    clocks.passed = 9
    assert clocks.due() == []
    assert clocks.timers.next_in() == 1
    clocks.passed = 10
    assert clocks.due() == ["a"]


def test_a_job_is_kept_once_and_a_forgotten_one_never_fires():
    clocks = Clocks()
    timers = clocks.timers
    timers.add(job("a", 1))
    timers.add(job("a", 1))
    timers.add(job("b", 1))
    assert timers.forget("b")
    assert not timers.forget("b")

    assert len(timers) == 1
    clocks.passed = 2
    assert clocks.due() == ["a"]


def test_L339_wait_before_delays_and_then_runs(process):
    process.define("w: {tasks: {a: {action: std.noop, wait-before: 10}}}")
    execution = process.start("w").id
    assert process.tasks(execution)["a"].state == "DELAYED"

    process.pass_time(9)
    process.drain()
    assert process.state(execution) == "RUNNING"
    process.pass_time(2)
    process.drain()

    assert process.state(execution) == "SUCCESS"
    assert process.jobs() == 0


def test_a_timer_far_ahead_is_a_row_of_nobody_until_its_time_comes(process):
    process.define("w: {tasks: {a: {action: std.noop, wait-before: 3600}}}")
    execution = process.start("w").id
    assert len(process.loop.jobs.timers) == 0
    process.poll()
    assert len(process.loop.jobs.timers) == 0

    process.pass_time(3600)
    process.poll()
    process.pass_time(1)
    process.drain()

    assert process.state(execution) == "SUCCESS"


def test_a_timer_that_fires_between_its_reading_by_the_sweep_and_its_acceptance_is_not_decided_again(process):
    process.define("w: {tasks: {a: {action: std.noop, wait-before: 10}}}")
    execution = process.start("w").id
    with process.service.database.read() as conn:
        read = jobs.of_execution(conn, execution)
    process.pass_time(11)
    process.drain()
    assert process.state(execution) == "SUCCESS"

    process.loop.accept_jobs(read)
    process.drain()

    assert not process.loop.jobs.held
    assert not process.loop.wants_reconciliation  # which a decision in vain asks for


def test_a_timeout_that_is_not_needed_any_more_leaves_no_row(process):
    process.define("w: {tasks: {a: {action: std.async_noop, timeout: 20}}}")
    execution = process.start("w").id
    assert process.jobs() == 1
    process.ask(lambda: process.engine.complete_action(process.caller, process.attempts(execution)[0].id, "SUCCESS"))

    process.poll()

    assert process.jobs() == 0
    assert len(process.loop.jobs.timers) == 0


def test_L349_a_retry_waits_for_its_delay(process):
    process.define("w: {tasks: {a: {action: std.fail, retry: {count: 2, delay: 5}}}}")
    execution = process.start("w").id
    for _ in range(2):
        assert process.state(execution) == "RUNNING"
        process.pass_time(6)
        process.drain()

    assert process.state(execution) == "ERROR"
    assert len(process.attempts(execution)) == 3
