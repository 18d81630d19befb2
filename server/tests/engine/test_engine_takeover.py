"""What is left of processes that ended at an awkward moment, and who takes it over."""

from __future__ import annotations

import pytest

from maestrale.engine import RunActionRequest
from maestrale.engine.intake import CHILD_DELETED
from maestrale.errors import DatabaseUnavailableError, StoppingError

TEXT = """
safe: {tasks: {a: {with-items: i in <% range(12) %>, action: std.sleep, safe-rerun: true}}}
unsafe: {tasks: {a: {with-items: i in <% range(12) %>, action: std.http url="http://x"}}}
waits: {tasks: {a: {action: std.noop, wait-before: 10}}}
slow: {tasks: {a: {action: std.sleep, timeout: 5, on-error: b}, b: {action: std.noop}}}
parent: {tasks: {a: {workflow: child, on-error: b}, b: {action: std.noop}}}
child: {tasks: {a: {action: std.async_noop}}}
"""


def bury(process):
    with process.service.database.write() as conn:
        conn.exec_driver_sql("DELETE FROM nodes")
    process.sweeper.beat()


def test_a_timer_committed_by_a_process_that_was_buried_before_is_taken_over(url, processes):
    one, two = processes(url), processes(url)
    one.define(TEXT)
    bury(two)
    execution = one.start("waits")
    one.service.database.close()

    two.poll()
    two.pass_time(11)
    two.poll()

    assert two.state(execution.id) == "SUCCESS"


@pytest.mark.parametrize(("workflow", "repeated"), [("safe", 12), ("unsafe", 0)])
def test_all_actions_of_a_dead_process_are_looked_after_at_once_however_many(url, processes, workflow, repeated):
    one, two = processes(url), processes(url, engine={"claim_size": 5})
    one.define(TEXT)
    execution = one.start(workflow)
    one.die()

    two.sweeper.beat()
    two.poll()
    for _ in range(3):
        two.sweeper.claim_actions()

    assert len(two.runner.taken) == repeated
    assert two.state(execution.id) == ("RUNNING" if repeated else "ERROR")


def test_an_action_taken_for_a_cancellation_that_was_then_in_vain_is_not_run(url, processes, monkeypatch):
    one, two = processes(url, actions={"max_in_hand": 1}), processes(url)
    one.define(TEXT)
    one.start("slow")
    execution = one.start("slow")
    commit = two.service.executions.commit

    def broken(batch):
        raise DatabaseUnavailableError("down")

    monkeypatch.setattr(two.service.executions, "commit", broken)
    with pytest.raises(DatabaseUnavailableError):
        two.ask(lambda: two.engine.stop(two.caller, execution.id, "CANCELLED"))
    monkeypatch.setattr(two.service.executions, "commit", commit)
    two.pass_time(1)

    two.ask(lambda: two.engine.stop(two.caller, execution.id, "CANCELLED"))
    two.poll()

    assert two.runner.taken == {}
    assert [attempt.state for attempt in two.attempts(execution.id)] == ["CANCELLED"]


def test_a_parent_is_told_when_its_running_child_is_deleted(url, processes):
    process = processes(url)
    process.define(TEXT)
    parent = process.start("parent").id
    (child,) = [row["id"] for row in process.rows("executions") if row["id"] != parent]

    process.ask(lambda: process.engine.delete(process.caller, child, force=True))
    process.poll()

    assert process.state(parent) == "SUCCESS"
    assert CHILD_DELETED in process.tasks(parent)["a"].state_info
    assert process.jobs() == 0


def test_a_parent_is_told_of_a_child_that_was_deleted_after_its_end_and_before_the_news(url, processes):
    one, two = processes(url, engine={"round_decisions": 1}), processes(url)
    one.define(TEXT)
    parent = one.start("parent").id
    one.drain()
    (child,) = [row["id"] for row in one.rows("executions") if row["id"] != parent]
    one.runtime.inbox.put = lambda item: None
    one.ask(lambda: one.engine.stop(one.caller, child, "SUCCESS"))
    assert one.state(parent) == "RUNNING"
    one.die()

    two.ask(lambda: two.engine.delete(two.caller, child))
    two.sweeper.beat()
    two.poll()

    assert two.state(parent) == "SUCCESS"
    assert CHILD_DELETED in two.tasks(parent)["a"].state_info


def test_an_action_that_a_stopping_runner_refuses_is_handed_over_unbegun(url, processes):
    one, two = processes(url), processes(url)
    one.define(TEXT)

    def refuse(request):
        raise StoppingError

    one.runner.submit = refuse
    execution = one.start("unsafe").id
    one.runtime.stop()

    two.poll()

    assert len(two.runner.taken) == 12
    assert two.state(execution) == "RUNNING"


def test_what_was_claimed_before_the_database_went_away_is_run_when_it_is_back(url, processes, monkeypatch):
    one, two = processes(url, actions={"max_in_hand": 1}), processes(url)
    one.define(TEXT)
    one.start("safe")

    def broken(conn, execution_id):
        raise DatabaseUnavailableError("down")

    with monkeypatch.context() as away:
        away.setattr(two.service.executions, "execution", broken)
        with pytest.raises(DatabaseUnavailableError):
            two.poll()
    assert two.runner.taken == {}

    two.poll()

    assert len(two.runner.taken) == 11


def test_a_synchronous_run_whose_end_cannot_be_written_is_not_run_again_but_written_later(process, monkeypatch):
    commit, runs = process.service.executions.commit, []
    run = process.runner.run

    def then_down(request):
        runs.append(request)
        monkeypatch.setattr(process.service.executions, "commit", broken)
        return run(request)

    def broken(batch):
        raise DatabaseUnavailableError("down")

    process.runner.run = then_down
    request = RunActionRequest("std.echo", {"output": "x"}, run_sync=True, save_result=True)
    with pytest.raises(DatabaseUnavailableError):
        process.ask(lambda: process.engine.run_action(process.caller, request))
    monkeypatch.setattr(process.service.executions, "commit", commit)
    for later in process.loop._later:
        later.at = 0.0
    process.drain()
    process.loop.wants_reconciliation = True
    process.poll()

    (row,) = process.rows("action_executions")
    assert row["state"] == "SUCCESS"
    assert len(runs) == 1
    assert process.runtime.dispatcher.in_hand() == []
