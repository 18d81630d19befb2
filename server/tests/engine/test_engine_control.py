"""Requests about running executions: replies, strangers, stale memory, deletion, and actions completed from outside."""

from __future__ import annotations

import pytest

from maestrale import clock
from maestrale.caller import Caller
from maestrale.errors import ConflictError, InvalidActionError, NotAllowedError, NotFoundError, RequestError, WorkflowError
from maestrale.store import VersionConflict

WAITS = """
waits: {tasks: {a: {action: std.async_noop, publish: {v: <% task().result %>}, on-success: b}, b: {action: std.noop}}}
fails: {tasks: {a: {action: std.fail, on-success: b}, b: {action: std.noop}}}
slow: {tasks: {a: {action: std.sleep seconds=60, timeout: 5}}}
"""


@pytest.fixture
def waiting(process):
    process.define(WAITS)
    return process.start("waits").id


def test_pausing_twice_changes_nothing_and_a_finished_execution_refuses(process, waiting):
    assert process.ask(lambda: process.engine.pause(process.caller, waiting, "wait")).state == "PAUSED"
    version = process.execution(waiting).version
    assert process.ask(lambda: process.engine.pause(process.caller, waiting)).state_info == "wait"
    assert process.execution(waiting).version == version

    process.ask(lambda: process.engine.stop(process.caller, waiting, "CANCELLED"))
    with pytest.raises(WorkflowError, match="from CANCELLED to PAUSED"):
        process.ask(lambda: process.engine.pause(process.caller, waiting))


def test_the_reply_to_a_resume_shows_the_execution_resumed_though_it_ended_with_the_same_commit(process, waiting):
    process.ask(lambda: process.engine.pause(process.caller, waiting))
    attempt = process.attempts(waiting)[0]
    process.ask(lambda: process.engine.complete_action(process.caller, attempt.id, "SUCCESS", {"x": 1}))

    reply = process.ask(lambda: process.engine.resume(process.caller, waiting))

    assert reply.state == "RUNNING"
    assert process.state(waiting) == "SUCCESS"


def test_a_stranger_finds_neither_execution_nor_action_nor_task(process, waiting):
    stranger = Caller(project_id="p2")
    attempt = process.attempts(waiting)[0]
    for call in (
        lambda: process.engine.pause(stranger, waiting),
        lambda: process.engine.describe(stranger, waiting, "mine"),
        lambda: process.engine.delete(stranger, waiting, force=True),
        lambda: process.engine.complete_action(stranger, attempt.id, "SUCCESS"),
        lambda: process.engine.rerun(stranger, process.tasks(waiting)["a"].id, reset=True),
    ):
        with pytest.raises(NotFoundError):
            process.ask(call)
    assert process.state(waiting) == "RUNNING"


def test_an_administrator_of_another_project_may(process, waiting):
    admin = Caller(project_id="p2", is_admin=True)

    assert process.ask(lambda: process.engine.pause(admin, waiting)).state == "PAUSED"


def test_A359_two_processes_with_the_same_execution_in_memory_never_lose_an_update(url, processes):
    one, two = processes(url), processes(url)
    one.define("pair: {tasks: {a: {action: std.async_noop}, b: {action: std.async_noop}}}")
    execution = one.start("pair").id
    two.ask(lambda: two.engine.describe(two.caller, execution, "in both memories"))
    first, second = (attempt.id for attempt in one.attempts(execution))

    one.ask(lambda: one.engine.complete_action(one.caller, first, "SUCCESS", 1))
    two.ask(lambda: two.engine.complete_action(two.caller, second, "SUCCESS", 2))

    assert one.state(execution) == "SUCCESS"
    assert {a.id: a.output["result"] for a in one.attempts(execution)} == {first: 1, second: 2}


def test_results_that_reach_two_processes_in_turn_are_decided_in_vain_once(url, processes, monkeypatch):
    them, vain = [processes(url), processes(url)], []
    them[0].define("many: {tasks: {a: {with-items: i in <% range(20) %>, action: std.async_noop}}}")
    execution = them[0].start("many").id
    for each in them:
        decide = each.loop.decider.decide

        def counted(items, decide=decide):
            try:
                decide(items)
            except VersionConflict:
                vain.append(items)
                raise

        monkeypatch.setattr(each.loop.decider, "decide", counted)
    ids = [attempt.id for attempt in them[0].attempts(execution)]

    for number, one in enumerate(ids):
        each = them[number % 2]
        each.ask(lambda one=one, each=each: each.engine.complete_action(each.caller, one, "SUCCESS", 1))

    assert them[0].state(execution) == "SUCCESS"
    assert len(vain) <= len(them)


def test_a_decision_to_do_nothing_is_not_taken_on_outdated_memory(url, processes):
    one, two = processes(url), processes(url)
    one.define(WAITS)
    execution = one.start("waits").id
    two.ask(lambda: two.engine.pause(two.caller, execution))

    # in the first one's memory it is still running, where a resume would do nothing
    assert one.ask(lambda: one.engine.resume(one.caller, execution)).state == "RUNNING"
    assert two.state(execution) == "RUNNING"


def test_a_refusal_is_not_given_on_outdated_memory(url, processes):
    one, two = processes(url), processes(url)
    one.define("chain: {tasks: {a: {action: std.async_noop, on-success: b}, b: {action: std.async_noop}}}")
    execution = one.start("chain").id
    two.ask(lambda: two.engine.complete_action(two.caller, two.attempts(execution)[0].id, "SUCCESS"))

    later = two.attempts(execution)[1].id
    assert one.ask(lambda: one.engine.complete_action(one.caller, later, "SUCCESS")).state == "SUCCESS"
    assert one.state(execution) == "SUCCESS"


def test_L367_a_second_completion_is_refused_and_changes_nothing(process, waiting):
    attempt = process.attempts(waiting)[0]
    process.ask(lambda: process.engine.complete_action(process.caller, attempt.id, "SUCCESS", 1))

    with pytest.raises(ConflictError, match="is already completed"):
        process.ask(lambda: process.engine.complete_action(process.caller, attempt.id, "ERROR", 2))
    assert process.attempts(waiting)[0].output == {"result": 1}


def test_L366_an_error_without_output_becomes_unknown_error(process, waiting):
    attempt = process.attempts(waiting)[0]
    reply = process.ask(lambda: process.engine.complete_action(process.caller, attempt.id, "ERROR"))

    assert reply.output == {"result": "Unknown error"}


def test_a_state_that_no_action_can_be_put_in_is_refused(process, waiting):
    attempt = process.attempts(waiting)[0]
    with pytest.raises(RequestError, match="Expected one of"):
        process.ask(lambda: process.engine.complete_action(process.caller, attempt.id, "DELAYED"))


def test_L368_a_synchronous_action_cannot_be_paused(process):
    process.define(WAITS)
    execution = process.start("slow").id
    with pytest.raises(InvalidActionError, match="only supported for asynchronous"):
        process.ask(lambda: process.engine.complete_action(process.caller, process.attempts(execution)[0].id, "PAUSED"))


def test_L331_an_unfinished_execution_is_deleted_only_by_force(process, waiting):
    with pytest.raises(NotAllowedError, match="force"):
        process.ask(lambda: process.engine.delete(process.caller, waiting))

    process.ask(lambda: process.engine.delete(process.caller, waiting, force=True))

    assert process.execution(waiting) is None
    with pytest.raises(NotFoundError):
        process.ask(lambda: process.engine.pause(process.caller, waiting))


def test_a_result_for_a_deleted_execution_is_forgotten(process):
    process.define(WAITS)
    execution = process.start("slow").id
    process.ask(lambda: process.engine.delete(process.caller, execution, force=True))

    process.finish(data=1)

    assert process.runtime.dispatcher.in_hand() == []
    assert process.rows("executions") == []


def test_the_actions_of_a_deleted_execution_and_of_its_children_are_ended(process):
    process.define(WAITS + "parent: {tasks: {a: {workflow: slow}, b: {action: std.sleep}}}\n")
    execution = process.start("parent").id
    running = set(process.runner.taken)
    assert len(running) == 2

    process.ask(lambda: process.engine.delete(process.caller, execution, force=True))

    assert set(process.runner.cancelled) == running
    assert process.jobs() == 0


def test_the_process_that_runs_an_action_of_a_deleted_execution_is_told(url, processes):
    one, two = processes(url), processes(url)
    one.define(WAITS)
    execution = one.start("slow").id
    (running,) = one.runner.taken
    one.sweeper._reconciled_at = clock.monotonic()  # which would find it too, later

    two.ask(lambda: two.engine.delete(two.caller, execution, force=True))
    one.pass_time(1)
    one.poll()
    one.finish(data="too late")
    one.poll()

    assert one.runner.cancelled == [running]
    assert one.runtime.dispatcher.in_hand() == []
    assert one.jobs() == 0


def test_an_action_that_was_begun_unseen_while_its_execution_was_deleted_is_ended(process):
    process.define(WAITS)
    execution = process.start("slow").id
    (running,) = process.runner.taken
    with process.service.database.write() as conn:
        process.service.executions.delete_tree(conn, execution)

    process.sweeper.reconcile()

    assert process.runner.cancelled == [running]


def test_reconciling_leaves_alone_what_has_its_row(process):
    process.define(WAITS)
    process.start("slow")

    process.sweeper.reconcile()

    assert process.runner.cancelled == []


def test_a_rerun_gives_the_task_and_runs_it_again(process):
    process.define(WAITS)
    execution = process.start("fails").id
    task = process.tasks(execution)["a"]

    reply = process.ask(lambda: process.engine.rerun(process.caller, task.id, reset=True))

    assert reply.id == task.id
    assert len(process.attempts(execution)) == 2


def test_a_skip_gives_the_task_skipped(process):
    process.define(WAITS)
    execution = process.start("fails").id

    reply = process.ask(lambda: process.engine.skip(process.caller, process.tasks(execution)["a"].id))

    assert (reply.state, reply.state_info) == ("SKIPPED", "Task was skipped.")
    assert process.state(execution) == "SUCCESS"


def test_cancelling_reaches_the_running_action(process):
    process.define(WAITS)
    execution = process.start("slow").id

    process.ask(lambda: process.engine.stop(process.caller, execution, "CANCELLED"))

    assert process.runner.cancelled == [process.attempts(execution)[0].id]


def test_cancelling_reaches_an_action_that_another_process_runs(url, processes):
    one, two = processes(url), processes(url)
    one.define(WAITS)
    execution = one.start("slow").id

    two.ask(lambda: two.engine.stop(two.caller, execution, "CANCELLED"))
    one.pass_time(1)
    one.poll()

    assert one.runner.cancelled == [one.attempts(execution)[0].id]
    for each in (one, two):
        each.poll()
    assert one.jobs() == 0


def test_L344_a_timeout_ends_the_task_and_stops_the_action(process):
    process.define(WAITS)
    execution = process.start("slow").id
    process.pass_time(6)
    process.drain()

    assert process.tasks(execution)["a"].state_info == "Task timed out [timeout(s)=5]."
    assert process.runner.cancelled == [process.attempts(execution)[0].id]


def test_L345_a_result_after_the_timeout_does_not_change_the_task(process):
    process.define(WAITS)
    execution = process.start("slow").id
    process.pass_time(6)
    process.drain()

    process.finish(data="late")

    assert process.state(execution) == "ERROR"
    assert process.attempts(execution)[0].accepted is False
