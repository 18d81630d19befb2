"""One execution that the database, or a fault, makes undecidable: it waits by itself, the others go on, and the doctor names it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from maestrale.core import decide as deciding
from maestrale.core.ports import Result
from maestrale.engine.diagnosis import Diagnosis
from maestrale.engine.nodes import this_process
from maestrale.engine.suspects import FORGET_AFTER, LONGEST_PAUSE, Suspects
from maestrale.errors import DatabaseUnavailableError

WORK = """
work: {tasks: {a: {action: std.http url="http://x", on-success: b}, b: {action: std.noop}}}
waits: {tasks: {a: {action: std.noop, wait-before: 5}}}
"""


@pytest.fixture
def poisoned(process, monkeypatch):
    """A function that makes every commit fail that has to do with an execution; calling its result heals it."""
    commit, bad, tries = process.service.executions.commit, set(), []

    def broken(batch):
        ids = {one.execution.id for one in batch.changesets}
        if ids & bad:
            tries.append(ids)
            raise DatabaseUnavailableError("canceling statement due to statement timeout")
        commit(batch)

    monkeypatch.setattr(process.service.executions, "commit", broken)

    def poison(execution_id):
        bad.add(execution_id)
        return bad.clear

    poison.tries = tries
    return poison


def finish_all(process):
    """All actions of the runner end at once, so that they are decided together."""
    for attempt_id in list(process.runner.taken):
        del process.runner.taken[attempt_id]
        process.runtime.dispatcher.done(attempt_id, Result(data=1))
    process.drain()


def findings(process):
    them = Diagnosis(
        database=process.service.database, executions=process.service.executions, identity=this_process("doctor"), node_timeout=10,
        now=process.now, new_id=process.service.catalog.new_id)
    return {one.execution_id: one for one in them.findings()}


def test_the_others_of_its_batch_go_on_and_so_do_later_ones(process, poisoned):
    process.define(WORK)
    bad, *good = (process.start("work").id for _ in range(6))
    poisoned(bad)

    finish_all(process)

    assert {process.state(one) for one in good} == {"SUCCESS"}
    assert process.state(bad) == "RUNNING"
    later = process.start("work").id
    finish_all(process)
    assert process.state(later) == "SUCCESS"


def test_it_is_tried_by_itself_more_and_more_seldom(process, poisoned):
    process.define(WORK)
    bad, other = process.start("work").id, process.start("work").id
    poisoned(bad)
    finish_all(process)
    tries = []
    for _ in range(60):
        before = len(poisoned.tries)
        process.pass_time(1)
        process.drain()
        tries.append(len(poisoned.tries) - before)

    assert all(ids == {bad} for ids in poisoned.tries[1:])
    assert sum(tries[:10]) > sum(tries[10:20]) > 0
    assert 0 < sum(tries[30:]) <= 2
    assert process.state(other) == "SUCCESS"


def test_nothing_of_it_is_lost_when_the_database_takes_it_again(process, poisoned):
    process.define(WORK)
    bad = process.start("work").id
    heal = poisoned(bad)
    finish_all(process)
    process.pass_time(10)
    process.drain()

    heal()
    process.pass_time(LONGEST_PAUSE)
    process.drain()

    assert process.state(bad) == "SUCCESS"
    assert len(process.attempts(bad)) == 2


def test_a_timer_of_it_is_kept_with_its_row(process, poisoned):
    process.define(WORK)
    bad = process.start("waits").id
    heal = poisoned(bad)
    process.pass_time(6)
    process.drain()
    assert process.jobs() == 1

    heal()
    process.pass_time(10)
    process.drain()

    assert process.state(bad) == "SUCCESS"
    assert process.jobs() == 0


def test_a_request_for_it_is_answered_at_once_while_it_waits(process, poisoned):
    process.define(WORK)
    bad = process.start("work").id
    poisoned(bad)
    finish_all(process)
    for _ in range(4):
        process.pass_time(5)
        process.drain()
    before = len(poisoned.tries)

    with pytest.raises(DatabaseUnavailableError, match="can't be changed at the moment.*statement timeout"):
        process.ask(lambda: process.engine.pause(process.caller, bad))

    assert len(poisoned.tries) == before


def test_the_doctor_names_it_until_it_was_decided(process, poisoned):
    process.define(WORK)
    bad = process.start("work").id
    heal = poisoned(bad)
    finish_all(process)
    process.pass_time(2)
    process.drain()
    process.poll()

    found = findings(process)[bad]
    assert found.reason.startswith("a decision that has failed 2 times (canceling statement due to statement timeout")
    assert "pid" in found.holder

    heal()
    process.pass_time(10)
    process.drain()
    process.poll()
    assert findings(process) == {}


def test_what_a_dead_process_told_is_not_repeated_by_the_doctor(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("work").id
    for _ in range(2):
        one.loop.suspects.note(execution, "lock timeout")
    one.poll()
    assert "lock timeout" in findings(two)[execution].reason
    one.die()

    two.sweeper.beat()
    two.poll()

    with two.service.database.read() as conn:
        assert conn.exec_driver_sql("SELECT COUNT(*) FROM execution_troubles").scalar() == 0


def test_an_execution_that_is_deleted_leaves_no_trouble(process, poisoned):
    process.define(WORK)
    bad = process.start("work").id
    for _ in range(2):
        process.loop.suspects.note(bad, "lock timeout")
    process.poll()

    process.ask(lambda: process.engine.delete(process.caller, bad, force=True))

    with process.service.database.read() as conn:
        assert conn.exec_driver_sql("SELECT COUNT(*) FROM execution_troubles").scalar() == 0


def test_a_fault_throws_no_second_batch_away(process, monkeypatch):
    process.define(WORK)
    bad = process.start("work").id
    real, decide, batches = deciding._HANDLERS[deciding.m.ActionCompleted], process.loop.decider.decide, []

    def faulty(turn, message):
        if turn.snapshot.execution.id == bad:
            raise RuntimeError("bug")
        real(turn, message)

    monkeypatch.setitem(deciding._HANDLERS, deciding.m.ActionCompleted, faulty)
    finish_all(process)
    good = [process.start("work").id for _ in range(3)]
    monkeypatch.setattr(process.loop.decider, "decide", lambda items: (batches.append({one.key for one in items}), decide(items))[1])

    process.pass_time(1)
    finish_all(process)

    assert {process.state(one) for one in good} == {"SUCCESS"}
    assert {bad} in batches
    assert all(bad not in batch for batch in batches if len(batch) > 1)


def test_while_the_database_does_nothing_at_all_nobody_is_suspected(process, poisoned, monkeypatch):
    process.define(WORK)
    bad = process.start("work").id
    poisoned(bad)
    monkeypatch.setattr(process.loop.decider, "is_database_usable", lambda: False)

    finish_all(process)

    assert not process.loop.suspects
    assert process.loop._later


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_row_that_somebody_has_locked_holds_up_its_execution_only(kind, new_database, processes):
    process = processes(new_database(kind), database={"sqlite_busy_timeout": 1})
    process.define(WORK)
    bad, *good = (process.start("work").id for _ in range(4))

    with process.service.database.write() as conn:
        conn.execute(sa.text("SELECT id FROM executions WHERE id = :id FOR UPDATE"), {"id": bad})
        finish_all(process)
        assert {process.state(one) for one in good} == {"SUCCESS"}
        assert process.state(bad) == "RUNNING"
        assert process.loop.suspects.wait(bad) > 5  # ten times what the try took

    process.pass_time(60)
    process.drain()

    assert process.state(bad) == "SUCCESS"


def test_a_pause_is_never_longer_than_the_longest():
    suspects = Suspects(monotonic=lambda: 0.0)
    assert [suspects.note("e", "r", took=3600.0) for _ in range(40)] == [LONGEST_PAUSE] * 40


def test_one_for_which_nothing_is_tried_any_more_is_forgotten():
    now = [0.0]
    suspects = Suspects(monotonic=lambda: now[0])
    suspects.note("e", "r")
    suspects.note("e", "r")
    assert list(suspects.changes()[0]) == ["e"]

    now[0] += FORGET_AFTER + 10

    assert suspects.changes() == ({}, ["e"])
    assert suspects.wait("e") is None


def test_changes_that_could_not_be_written_are_given_again():
    suspects = Suspects()
    suspects.note("e", "r")
    suspects.note("e", "r")
    told, over = suspects.changes()
    suspects.keep_changes([*told, *over])

    assert list(suspects.changes()[0]) == ["e"]
