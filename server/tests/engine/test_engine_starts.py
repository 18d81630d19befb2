"""Starting: what is created, what the reply shows, and what makes a start idempotent."""

from __future__ import annotations

import pytest

from maestrale.caller import Caller
from maestrale.engine import StartRequest
from maestrale.errors import DuplicateError, InputError, NotFoundError, RequestError

PURE = """
pure:
  input: [x, {y: 2}]
  output: {r: <% $.v %>}
  tasks:
    a: {action: std.echo output=<% $.x %>, publish: {v: <% task().result %>}, on-success: b}
    b: {action: std.noop}
"""


def test_reply_shows_execution_running_though_it_is_finished_with_the_same_commit(process):
    process.define(PURE)
    commits = []
    process.loop.decider._parts.faults = commits.append

    reply = process.start("pure", input={"x": 1})

    assert (reply.state, reply.output) == ("RUNNING", {})
    assert commits.count("before-commit") == 1
    assert process.execution(reply.id).output == {"r": 1}
    assert process.state(reply.id) == "SUCCESS"


def test_starts_that_wait_together_share_a_commit(process):
    process.define(PURE)
    from concurrent.futures import Future

    from maestrale.engine.items import Start

    commits = []
    process.loop.decider._parts.faults = commits.append
    futures = [Future() for _ in range(10)]
    for number, future in enumerate(futures):
        request = StartRequest(workflow_name="pure", input={"x": number})
        process.runtime.inbox.put(Start(process.caller, request, f"e{number}", future))

    process.loop.turn(0.0)

    assert [future.result(0).id for future in futures] == [f"e{n}" for n in range(10)]
    assert commits.count("before-commit") == 1


def test_one_bad_start_does_not_spoil_the_others_of_its_batch(process):
    process.define(PURE)
    from concurrent.futures import Future

    from maestrale.engine.items import Start

    good, bad = Future(), Future()
    process.runtime.inbox.put(Start(process.caller, StartRequest(workflow_name="pure", input={}), "bad", bad))
    process.runtime.inbox.put(Start(process.caller, StartRequest(workflow_name="pure", input={"x": 1}), "good", good))

    process.loop.turn(0.0)

    assert good.result(0).id == "good"
    with pytest.raises(InputError, match="missing="):
        bad.result(0)
    assert process.execution("bad") is None


def test_L161_a_start_with_an_id_that_exists_gives_the_existing_execution(process):
    process.define(PURE)
    first = process.start("pure", id="mine", input={"x": 1})
    again = process.start("pure", id="mine", input={"x": 2})

    assert again.id == first.id == "mine"
    assert again.input["x"] == 1


def test_an_id_of_another_project_is_refused_without_showing_it(process):
    process.define(PURE)
    process.start("pure", id="mine", input={"x": 1})
    stranger = Caller(project_id="p2")
    process.catalog.create_workflows(stranger, "version: '2.0'\nother: {tasks: {a: {action: std.noop}}}")

    with pytest.raises(DuplicateError):
        process.start("other", caller=stranger, id="mine")


def test_L161_the_same_id_twice_in_one_batch_starts_once(process):
    process.define(PURE)
    from concurrent.futures import Future

    from maestrale.engine.items import Start

    futures = [Future(), Future()]
    for future in futures:
        process.runtime.inbox.put(Start(process.caller, StartRequest(workflow_name="pure", input={"x": 1}, id="one"), "one", future))
    process.drain()

    assert [future.result(0).id for future in futures] == ["one", "one"]


def test_L161_two_processes_that_start_the_same_id_start_it_once(url, processes):
    one, two = processes(url), processes(url)
    one.define(PURE)
    two.start("pure", id="same", input={"x": 1})
    # as if the look for an existing execution had come before the other's commit
    two.loop.decider._parts.intake._executions = one.service.executions
    reply = one.start("pure", id="same", input={"x": 2})

    assert reply.input["x"] == 1
    assert len(one.rows("executions")) == 1


def test_L162_a_source_gives_its_workflow_and_extends_the_description_but_copies_no_input(process):
    process.define(PURE)
    source = process.start("pure", input={"x": 1, "y": 5}, params={"env": {"k": 1}}, description="first")

    copy = process.ask(lambda: process.engine.start(process.caller, StartRequest(
        source_execution_id=source.id, input={"x": 7}, description="second")))

    assert copy.id != source.id
    assert copy.input["x"] == 7
    assert copy.input.get("y") != 5
    assert copy.params["env"] == {}
    assert copy.description == f"second Based on the execution '{source.id}'"


def test_a_workflow_that_does_not_exist_is_not_found(process):
    with pytest.raises(NotFoundError, match="nothing"):
        process.start("nothing")


def test_L151_a_namespace_has_to_match_exactly(process):
    process.define(PURE)
    with pytest.raises(NotFoundError, match="elsewhere"):
        process.start("pure", namespace="elsewhere", input={"x": 1})


def test_a_start_without_any_workflow_is_refused(process):
    with pytest.raises(RequestError, match="Workflow ID or workflow name must be provided"):
        process.ask(lambda: process.engine.start(process.caller, StartRequest()))


def test_another_project_does_not_find_the_workflow(process):
    process.define(PURE)
    with pytest.raises(NotFoundError):
        process.start("pure", caller=Caller(project_id="p2"), input={"x": 1})


def test_a_definition_changed_by_another_process_is_seen_by_the_next_start(url, processes):
    one, two = processes(url), processes(url)
    one.define("w: {output: {v: 1}, tasks: {a: {action: std.noop}}}")
    assert one.execution(one.start("w").id).output == {"v": 1}

    two.catalog.update_workflows(two.caller, "version: '2.0'\nw: {output: {v: 2}, tasks: {a: {action: std.noop}}}")

    assert one.execution(one.start("w").id).output == {"v": 2}


def test_more_work_than_one_commit_takes_goes_on_in_the_next(new_database, processes):
    process = processes(new_database("sqlite"), engine={"round_steps": 5, "step_budget": 5})
    tasks = "\n".join(f"    t{n}: {{on-success: t{n + 1}}}" for n in range(1, 30))
    process.define(f"long:\n  tasks:\n{tasks}\n    t30: {{action: std.noop}}")
    commits = []
    process.loop.decider._parts.faults = commits.append

    reply = process.start("long")

    assert process.state(reply.id) == "SUCCESS"
    assert commits.count("before-commit") > 3
    assert process.jobs() == 0


def test_sub_workflows_of_one_round_share_its_commit(process):
    process.define("""
child: {input: [i], output: {i: <% $.i %>}, tasks: {a: {action: std.echo output=<% $.i %>}}}
parent:
  output: {r: <% $.r %>}
  tasks: {each: {with-items: i in <% range(5) %>, workflow: child i=<% $.i %>, publish: {r: <% task().result.i %>}}}
""")
    commits = []
    process.loop.decider._parts.faults = commits.append

    reply = process.start("parent")

    assert process.execution(reply.id).output == {"r": [0, 1, 2, 3, 4]}
    assert commits.count("before-commit") == 1
    assert process.jobs() == 0


def test_sub_workflows_beyond_the_bounds_of_a_round_are_told_by_rows(new_database, processes):
    process = processes(new_database("sqlite"), engine={"round_decisions": 3})
    process.define("""
child: {input: [i], output: {i: <% $.i %>}, tasks: {a: {action: std.echo output=<% $.i %>}}}
parent:
  output: {r: <% $.r %>}
  tasks: {each: {with-items: i in <% range(12) %>, workflow: child i=<% $.i %>, publish: {r: <% task().result.i %>}}}
""")
    reply = process.start("parent")

    assert process.execution(reply.id).output == {"r": list(range(12))}
    assert process.jobs() == 0
