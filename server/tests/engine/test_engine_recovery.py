"""Processes that die, databases that go away, commits whose answer is lost: nothing is lost, nothing is done twice."""

from __future__ import annotations

import pytest

from maestrale.core.model import Attempt
from maestrale.engine.sweeper import LOST
from maestrale.errors import DatabaseUnavailableError

WORK = """
safe: {tasks: {a: {action: std.sleep, safe-rerun: true, on-success: b}, b: {action: std.noop}}}
unsafe: {tasks: {a: {action: std.http url="http://x", on-success: b}, b: {action: std.noop}}}
waits: {tasks: {a: {action: std.noop, wait-before: 10}}}
outside: {tasks: {a: {action: std.async_noop}}}
"""


def test_A357_an_action_whose_process_died_is_repeated_where_the_task_says_safe_rerun(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("safe")
    assert one.runner.names() == ["std.sleep"]
    one.die()

    two.sweeper.beat()
    two.poll()

    assert two.runner.names() == ["std.sleep"]
    two.finish()
    assert two.state(execution.id) == "SUCCESS"
    assert len(two.attempts(execution.id)) == 2


def test_A356_L409_an_action_whose_process_died_ends_in_error_where_the_task_does_not_say_so(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("unsafe")
    one.die()

    two.sweeper.beat()
    two.poll()

    assert two.runner.taken == {}
    assert two.state(execution.id) == "ERROR"
    assert two.tasks(execution.id)["a"].state_info == LOST


def test_L410_an_asynchronous_action_outlives_the_process_that_started_it(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("outside")
    one.die()

    two.sweeper.beat()
    two.pass_time(7200)
    two.poll()

    (attempt,) = two.attempts(execution.id)
    assert (attempt.state, two.state(execution.id)) == ("RUNNING", "RUNNING")
    two.ask(lambda: two.engine.complete_action(two.caller, attempt.id, "SUCCESS", {"k": 1}))
    assert two.state(execution.id) == "SUCCESS"


def test_a_late_result_of_a_process_taken_for_dead_changes_nothing(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("unsafe")
    with one.service.database.write() as conn:
        conn.exec_driver_sql(f"UPDATE nodes SET process_started = 'gone' WHERE id = '{one.runtime.node_id}'")
    two.sweeper.beat()
    two.poll()

    one.finish(data="late")

    assert one.state(execution.id) == "ERROR"
    assert len(one.attempts(execution.id)) == 1


def test_A360_L413_a_timer_survives_its_process(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("waits")
    assert len(one.loop.jobs.timers) == 1
    one.die()

    two.sweeper.beat()
    two.pass_time(11)
    two.poll()

    assert two.state(execution.id) == "SUCCESS"
    assert two.jobs() == 0


def test_a_timer_fires_once_though_two_processes_have_it(url, processes):
    one, two = processes(url), processes(url)
    one.define(WORK)
    execution = one.start("waits")
    with one.service.database.write() as conn:
        conn.exec_driver_sql("UPDATE jobs SET owner = NULL")
    for each in (one, two):
        each.pass_time(11)
    two.poll()
    one.drain()

    assert one.state(execution.id) == "SUCCESS"
    assert len(one.attempts(execution.id)) == 1


def test_a_result_is_kept_while_the_database_is_away(process, monkeypatch):
    process.define(WORK)
    execution = process.start("unsafe")
    commit = process.service.executions.commit

    def broken(batch):
        raise DatabaseUnavailableError("down")

    monkeypatch.setattr(process.loop.decider, "is_database_usable", lambda: False)
    monkeypatch.setattr(process.service.executions, "commit", broken)
    process.finish(data="kept")
    assert process.state(execution.id) == "RUNNING"

    monkeypatch.setattr(process.service.executions, "commit", commit)
    process.loop._down_until = 0.0
    for later in process.loop._later:
        later.at = 0.0
    process.drain()

    assert process.state(execution.id) == "SUCCESS"


def test_requests_fail_at_once_while_the_database_is_away(process, monkeypatch):
    process.define(WORK)

    def broken(batch):
        raise DatabaseUnavailableError("down")

    monkeypatch.setattr(process.loop.decider, "is_database_usable", lambda: False)
    monkeypatch.setattr(process.service.executions, "commit", broken)
    with pytest.raises(DatabaseUnavailableError):
        process.start("unsafe", id="e1")
    monkeypatch.undo()

    with pytest.raises(DatabaseUnavailableError):
        process.start("unsafe", id="e1")

    process.loop._down_until = 0.0
    assert process.start("unsafe", id="e1").state == "RUNNING"


def test_L412_a_commit_whose_answer_was_lost_is_found_and_its_actions_run(url, processes, monkeypatch):
    process = processes(url)
    process.define(WORK)
    commit = process.service.executions.commit

    def lost(batch):
        commit(batch)
        raise DatabaseUnavailableError("the connection broke")

    monkeypatch.setattr(process.service.executions, "commit", lost)
    with pytest.raises(DatabaseUnavailableError):
        process.start("unsafe", id="e1")
    monkeypatch.undo()
    assert process.runner.taken == {}

    process.loop._down_until = 0.0
    assert process.start("unsafe", id="e1").state == "RUNNING"
    process.poll()

    assert process.runner.names() == ["std.http"]
    process.finish()
    assert process.state("e1") == "SUCCESS"


def test_actions_beyond_the_room_of_a_process_are_run_by_one_that_has_room(url, processes):
    one, two = processes(url, actions={"max_in_hand": 2}), processes(url)
    one.define("many: {tasks: {a: {with-items: i in <% range(5) %>, action: std.sleep seconds=<% $.i %>}}}")
    execution = one.start("many")
    assert len(one.runner.taken) == 2

    two.poll()
    assert len(two.runner.taken) == 3

    for each in (one, two):
        for attempt_id in list(each.runner.taken):
            each.finish(attempt_id)
    assert one.state(execution.id) == "SUCCESS"


def test_an_action_that_waited_for_room_does_not_run_after_its_execution_ended(url, processes):
    one, two = processes(url, actions={"max_in_hand": 1}), processes(url)
    one.define("many: {tasks: {a: {with-items: i in <% range(2) %>, action: std.sleep}}}")
    execution = one.start("many")
    one.ask(lambda: one.engine.stop(one.caller, execution.id, "ERROR", "enough"))

    two.poll()

    assert two.runner.taken == {}
    states = {attempt.index: attempt.state for attempt in two.attempts(execution.id)}
    assert states == {0: "RUNNING", 1: "CANCELLED"}


def test_a_process_that_was_taken_for_dead_goes_on_with_a_new_row(url, processes):
    one, two = processes(url), processes(url)
    with two.service.database.write() as conn:
        conn.exec_driver_sql(f"DELETE FROM nodes WHERE id = '{one.runtime.node_id}'")

    one.sweeper.beat()

    with one.service.database.read() as conn:
        assert conn.exec_driver_sql("SELECT COUNT(*) FROM nodes").scalar() == 2


def test_a_fault_of_ours_ends_the_execution_and_says_so(process, monkeypatch):
    process.define(WORK)
    execution = process.start("unsafe")
    from maestrale.core import decide as deciding

    def broken(turn, message):
        raise RuntimeError("bug")

    monkeypatch.setitem(deciding._HANDLERS, deciding.m.ActionCompleted, broken)
    process.finish(data=1)
    for _ in range(5):
        process.pass_time(1)
        process.drain()

    assert process.state(execution.id) == "ERROR"
    assert "Internal fault" in process.execution(execution.id).state_info


def test_a_fault_in_one_execution_does_not_hold_up_others(process, monkeypatch):
    process.define(WORK)
    bad, good = process.start("unsafe"), process.start("unsafe")
    from maestrale.core import decide as deciding

    real = deciding._HANDLERS[deciding.m.ActionCompleted]
    ids = {one.execution_id: one.id for execution in (bad, good) for one in process.attempts(execution.id)}

    def broken(turn, message):
        if turn.snapshot.execution.id == bad.id:
            raise RuntimeError("bug")
        real(turn, message)

    monkeypatch.setitem(deciding._HANDLERS, deciding.m.ActionCompleted, broken)
    for attempt_id in ids.values():
        process.runtime.dispatcher.done(attempt_id, __import__("maestrale.core.ports", fromlist=["Result"]).Result(data=1))
    process.drain()

    assert process.state(good.id) == "SUCCESS"
    assert process.state(bad.id) == "RUNNING"


def test_A358_L411_an_execution_that_nothing_would_wake_is_continued(process):
    process.define(WORK)
    execution = process.start("unsafe")
    (attempt_id,) = process.runner.taken
    attempt: Attempt = process.attempts(execution.id)[0]
    with process.service.database.write() as conn:
        conn.exec_driver_sql(
            f"UPDATE action_executions SET state = 'SUCCESS', accepted = 1, output = '{{\"result\": 1}}' WHERE id = '{attempt.id}'")
    process.pass_time(3600)

    process.sweeper.continue_idle()
    process.drain()

    assert process.state(execution.id) == "SUCCESS"
    assert attempt_id == attempt.id


def test_a_sub_workflow_without_its_target_is_ended_with_the_reason(process):
    process.define("""
calls: {tasks: {call: {workflow: target, on-error: noop}}}
target: {type: reverse, tasks: {one: {action: std.noop}}}
""")
    parent = process.start("calls")
    (child,) = (one.id for one in process.attempts(parent.id))
    process.drain()
    assert (process.state(parent.id), process.state(child)) == ("SUCCESS", "RUNNING")
    process.pass_time(3600)

    process.sweeper.continue_idle()
    process.drain()

    ended = process.execution(child)
    assert (ended.state, ended.state_info) == ("ERROR", "Invalid task name [wf_spec=target, task_name=None]")
