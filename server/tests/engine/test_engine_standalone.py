"""Actions on their own (4.6)."""

from __future__ import annotations

import pytest

from maestrale.caller import Caller
from maestrale.engine import RunActionRequest
from maestrale.engine.sweeper import LOST
from maestrale.errors import ConflictError, InputError, InvalidActionError, NotAllowedError, NotFoundError, RequestError


def run(process, name, **fields):
    return process.ask(lambda: process.engine.run_action(process.caller, RunActionRequest(name=name, **fields)))


def test_L394_a_synchronous_run_that_is_not_saved_leaves_nothing(process):
    reply = run(process, "std.echo", input={"output": "hello"})

    assert (reply.id, reply.state, reply.output) == ("", "SUCCESS", {"result": "hello"})
    assert process.rows("action_executions") == []


def test_L394_a_saved_run_is_running_until_its_result_comes(process):
    reply = run(process, "std.echo", input={"output": "hello"}, save_result=True)
    assert (reply.state, reply.output) == ("RUNNING", {})

    process.finish(reply.id, data="hello")

    row = process.rows("action_executions")[0]
    assert (row["id"], row["state"], row["accepted"]) == (reply.id, "SUCCESS", True)


def test_L394_a_saved_synchronous_run_gives_the_result_and_an_id(process):
    reply = run(process, "std.echo", input={"output": 7}, save_result=True, run_sync=True)

    assert (reply.state, reply.output) == ("SUCCESS", {"result": 7})
    assert process.rows("action_executions")[0]["id"] == reply.id


def test_L394_an_asynchronous_action_waits_for_its_completion(process):
    reply = run(process, "std.async_noop")
    assert reply.state == "RUNNING"
    process.poll()

    done = process.ask(lambda: process.engine.complete_action(process.caller, reply.id, "SUCCESS", {"x": 1}))

    assert (done.state, done.output, done.accepted) == ("SUCCESS", {"result": {"x": 1}}, True)
    with pytest.raises(ConflictError, match="already completed"):
        process.ask(lambda: process.engine.complete_action(process.caller, reply.id, "ERROR"))


@pytest.mark.parametrize(("name", "fields", "error", "text"), [
    ("", {}, RequestError, "Please provide at least action name"),
    ("no.such", {}, InvalidActionError, "Failed to find action"),
    ("std.echo", {}, InputError, "missing="),
    ("std.echo", {"input": {"output": 1, "x": 2}}, InputError, "unexpected="),
    ("std.async_noop", {"run_sync": True}, InvalidActionError, "does not support synchronous execution"),
    ("std.http", {"input": {"url": "http://x", "body": "a", "json": {"b": 1}}}, InvalidActionError, "Only one of"),
])
def test_L394_what_can_not_run_is_refused(process, name, fields, error, text):
    with pytest.raises(error, match=text):
        run(process, name, **fields)
    assert process.rows("action_executions") == []


def test_an_adhoc_action_has_its_defaults_in_the_input_and_its_output_applied_when_saved(process):
    process.catalog.create_actions(process.caller, """
version: '2.0'
times: {input: [n, {m: 2}], base: std.echo output=<% $.n * $.m %>, output: {v: <% $ %>}}
""")
    reply = run(process, "times", input={"n": 4}, save_result=True)
    assert reply.input == {"n": 4, "m": 2}
    assert process.runner.taken[reply.id].input == {"output": 8}

    process.finish(reply.id, data=8)

    shown = process.ask(lambda: run_read(process, reply.id))
    assert shown.output == {"result": {"v": 8}}


def run_read(process, attempt_id):
    return process.service.database.run_read(lambda conn: process.service.executions.attempt(conn, attempt_id))


def test_a_run_whose_process_died_ends_in_error(url, processes):
    one, two = processes(url), processes(url)
    reply = run(one, "std.http", input={"url": "http://x"}, save_result=True)
    one.die()

    two.sweeper.beat()
    two.poll()

    found = run_read(two, reply.id)
    assert (found.state, found.output) == ("ERROR", {"result": LOST})


def test_L395_deleting_is_for_completed_runs_without_a_task(process):
    process.define("w: {tasks: {a: {action: std.noop}}}")
    execution = process.start("w").id
    of_task = process.attempts(execution)[0].id
    running = run(process, "std.async_noop").id
    with pytest.raises(NotAllowedError, match="Only ad-hoc"):
        process.engine.delete_action(process.caller, of_task)
    with pytest.raises(NotAllowedError, match="Only completed"):
        process.engine.delete_action(process.caller, running)
    with pytest.raises(NotFoundError):
        process.engine.delete_action(Caller(project_id="p2"), running)

    process.ask(lambda: process.engine.complete_action(process.caller, running, "CANCELLED"))
    process.engine.delete_action(process.caller, running)

    assert [row["id"] for row in process.rows("action_executions")] == [of_task]
