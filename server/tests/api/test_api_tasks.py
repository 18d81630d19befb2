"""Tasks and action executions: A191 to A227."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from live import FAILING, NOOP, WAITING, text_of, unique

ITEMS = "version: '2.0'\n{name}:\n  tasks:\n    t:\n      with-items: i in [3, 1, 2]\n      action: std.echo output=<% $.i %>\n"
ASYNC_ITEMS = "version: '2.0'\n{name}:\n  tasks:\n    t:\n      with-items: i in [0, 1, 2]\n      action: std.async_noop\n"


def put(api, task, **body):
    return api.put(f"tasks/{task['id']}", body)


# ---- tasks


def test_A191_types_of_tasks(api):
    child = api.define()
    parent = f"version: '2.0'\n{unique()}:\n  tasks:\n    a: {{action: std.noop}}\n    w: {{workflow: {child}}}\n"
    execution = api.until(f"executions/{api.start(api.define(parent))['id']}")
    tasks = api.tasks(execution["id"])

    assert (tasks["a"]["type"], tasks["w"]["type"]) == ("ACTION", "WORKFLOW")
    assert [key for key in api.task(execution["id"], "a") if "type" in key] == ["type"]


def test_A192_filters_of_tasks(api):
    execution = api.run("version: '2.0'\n{name}:\n  tasks:\n    a: {{action: std.noop}}\n    b: {{action: std.fail, on-error: noop}}\n")

    def found(**query):
        return sorted(row["name"] for row in api.get("tasks", workflow_execution_id=execution["id"], **query).json()["tasks"])

    assert found() == ["a", "b"]
    assert found(name="a") == ["a"]
    assert found(state="ERROR") == ["b"]
    assert found(workflow_name=execution["workflow_name"], workflow_id=execution["workflow_id"]) == ["a", "b"]


def test_A193_A194_results(api):
    execution = api.run(ITEMS)
    task = api.task(execution["id"], "t")

    assert json.loads(task["result"]) == [3, 1, 2]
    assert "result" not in api.tasks(execution["id"])["t"]


@pytest.mark.parametrize(
    ("action", "result"),
    [
        ("std.echo output='text'", "text"), ("std.echo output=7", 7), ("std.noop", None),
        ("std.test_dict size=1 key_prefix='k' val='v'", {"k0": "v"}),
    ],
)
def test_A193_results_of_every_kind(api, action, result):
    execution = api.run(f"version: '2.0'\n{unique()}:\n  tasks:\n    t: {{action: {action}}}\n")

    assert json.loads(api.task(execution["id"], "t")["result"]) == result


def test_A193_a_single_item_is_still_a_list(api):
    execution = api.run(ITEMS.replace("[3, 1, 2]", "[9]"))

    assert json.loads(api.task(execution["id"], "t")["result"]) == [9]


def test_A193_a_big_result(api):
    execution = api.run("version: '2.0'\n{name}:\n  input: [big]\n  tasks:\n    t: {{action: std.echo output=<% $.big %>}}\n",
                        input={"big": ["\u00e9" * 50_000, '"$payload"', {"$payload": "x"}]})

    assert json.loads(api.task(execution["id"], "t")["result"]) == ["\u00e9" * 50_000, '"$payload"', {"$payload": "x"}]
    assert json.loads(api.execution(execution["id"])["input"])["big"][0] == "\u00e9" * 50_000


def test_A195_the_result_of_a_workflow_task_is_its_output(api):
    child = api.define("version: '2.0'\n{name}:\n  output: {{o: [1]}}\n  tasks: {{t: {{action: std.noop}}}}\n")
    execution = api.run(f"version: '2.0'\n{unique()}:\n  tasks:\n    c: {{workflow: {child}}}\n")

    assert json.loads(api.task(execution["id"], "c")["result"]) == {"o": [1]}


def test_A196_times_of_a_task(api):
    task = api.task(api.run(NOOP)["id"], "t")

    assert task["created_at"] <= task["started_at"] <= task["finished_at"]


@pytest.fixture(scope="module")
def failed(api):
    """A failed task of one action."""
    return api.task(api.run(FAILING)["id"], "t")


@pytest.mark.parametrize(
    ("body", "phrase"),
    [
        ({}, "Invalid task state."), ({"reset": True}, "Invalid task state."), ({"state": "SUCCESS"}, "Invalid task state."),
        ({"state": "RUNNING"}, "Reset field is mandatory"), ({"state": "RUNNING", "reset": False}, "Only with-items task"),
        ({"state": "RUNNING", "reset": True, "name": "other"}, "Task name does not match."),
        ({"state": "RUNNING", "reset": True, "workflow_name": "other"}, "Workflow name does not match."),
    ],
)
def test_A197_A198_A200_A201_A207_L309_refused_reruns(api, failed, body, phrase):
    reply = put(api, failed, **body)

    assert reply.status_code == 400
    assert phrase in text_of(reply)


def test_A199_only_failed_tasks_are_run_again(api):
    task = api.task(api.run(NOOP)["id"], "t")

    for body in ({"state": "RUNNING", "reset": True}, {"state": "SKIPPED"}):
        reply = put(api, task, **body)
        assert reply.status_code == 400
        assert "must be in ERROR" in text_of(reply)
    assert api.put(f"tasks/{uuid4()}", {"state": "RUNNING", "reset": True}).status_code == 404


def failed_items(api):
    """A with-items task whose second of three items has failed."""
    execution = api.start(api.define(ASYNC_ITEMS))
    task = api.task(execution["id"], "t", "RUNNING")
    actions = []
    while len(actions) < 3:
        actions = api.get(f"tasks/{task['id']}/action_executions", sort_keys="created_at").json()["action_executions"]
    for number, action in enumerate(actions):
        api.put(f"action_executions/{action['id']}", {"state": "ERROR" if number == 1 else "SUCCESS", "output": {"n": number}})
    return api.task(execution["id"], "t", "ERROR")


@pytest.mark.parametrize(("reset", "repeated"), [(False, 1), (True, 3)])
def test_A202_A203_rerun_of_items(api, reset, repeated):
    task = failed_items(api)
    assert put(api, task, state="RUNNING", reset=reset).status_code == 200
    waiting = []
    while len(waiting) < repeated:
        waiting = api.get(f"tasks/{task['id']}/action_executions", state="RUNNING").json()["action_executions"]

    assert len(waiting) == repeated
    for action in waiting:
        api.put(f"action_executions/{action['id']}", {"state": "SUCCESS", "output": {"again": True}})
    done = api.until(f"tasks/{task['id']}", "SUCCESS")
    assert len(json.loads(done["result"])) == 3


def test_A204_a_rerun_merges_env(api):
    text = "version: '2.0'\n{name}:\n  tasks:\n    t:\n      action: <% switch(env().ok => 'std.noop', true => 'std.fail') %>\n"
    execution = api.run(text, params={"env": {"ok": False, "kept": 1}})

    reply = put(api, api.task(execution["id"], "t"), state="RUNNING", reset=True, env='{"ok": true}')

    assert reply.status_code == 200
    assert json.loads(api.until(f"executions/{execution['id']}", "SUCCESS")["params"])["env"] == {"ok": True, "kept": 1}


def test_A205_a_rerun_revives_the_ancestors(api):
    child = api.define(WAITING)
    root = api.start(api.define(f"version: '2.0'\n{unique()}:\n  tasks:\n    c: {{workflow: {child}}}\n"))["id"]
    api.task(root, "c", "RUNNING")
    (inner,) = api.get("executions", root_execution_id=root).json()["executions"]
    complete(api, api.action(inner["id"], "a"), state="ERROR")
    api.until(f"executions/{root}", "ERROR")

    put(api, api.task(inner["id"], "a", "ERROR"), state="RUNNING", reset=True)
    api.until(f"executions/{root}", "RUNNING")
    task = api.task(inner["id"], "a", "RUNNING")
    waiting = []
    while not waiting:
        waiting = api.get(f"tasks/{task['id']}/action_executions", state="RUNNING").json()["action_executions"]
    complete(api, waiting[0], state="SUCCESS")

    assert api.until(f"executions/{root}", "SUCCESS")


def test_A206_skip(api):
    text = "version: '2.0'\n{name}:\n  tasks:\n    t: {{action: std.fail, on-success: after}}\n    after: {{action: std.noop}}\n"
    execution = api.run(text)
    reply = put(api, api.task(execution["id"], "t"), state="SKIPPED")

    assert (reply.status_code, reply.json()["state"], reply.json()["state_info"]) == (200, "SKIPPED", "Task was skipped.")
    assert api.until(f"executions/{execution['id']}", "SUCCESS")
    assert api.task(execution["id"], "after")["state"] == "SUCCESS"


def test_a_skipped_task_of_one_item_keeps_its_list_of_results_and_shows_no_runtime_context(api):
    execution = api.run("version: '2.0'\n{name}:\n  tasks: {{t: {{with-items: 'i in [1]', action: std.fail}}}}\n")
    failed = api.task(execution["id"], "t")
    put(api, failed, state="SKIPPED")
    skipped = api.task(execution["id"], "t", "SKIPPED")

    assert (len(json.loads(failed["result"])), "with_items" in failed["runtime_context"]) == (1, True)
    assert (skipped["result"], skipped["runtime_context"]) == (failed["result"], "{}")


def test_L321_a_skip_whose_publication_fails_is_refused(api):
    text = "version: '2.0'\n{name}:\n  tasks: {{t: {{action: std.fail, publish-on-skip: {{s: <% $.nope %>}}}}}}\n"
    execution = api.run(text)
    task = api.task(execution["id"], "t")
    reply = put(api, task, state="SKIPPED")

    assert reply.status_code == 400
    assert "Can not evaluate YAQL expression [expression=$.nope" in text_of(reply)
    assert api.task(execution["id"], "t")["state"] == "ERROR"
    assert api.execution(execution["id"])["state"] == "ERROR"


def test_A208_A209_children_of_a_task(api):
    low = api.define()
    middle = api.define(f"version: '2.0'\n{unique()}:\n  tasks:\n    c2: {{workflow: {low}}}\n")
    root = api.run(f"version: '2.0'\n{unique()}:\n  tasks:\n    c1: {{workflow: {middle}}}\n    a: {{action: std.noop}}\n")
    call, plain = api.task(root["id"], "c1"), api.task(root["id"], "a")

    (child,) = api.get(f"tasks/{call['id']}/workflow_executions").json()["executions"]
    assert (child["workflow_name"], json.loads(child["input"])) == (middle, {})
    assert [row["workflow_name"] for row in api.get(f"tasks/{call['id']}/executions").json()["executions"]] == [middle, low]
    (action,) = api.get(f"tasks/{plain['id']}/action_executions").json()["action_executions"]
    assert api.get(f"tasks/{plain['id']}/action_executions/{action['id']}").json() == api.get(f"action_executions/{action['id']}").json()
    assert api.get(f"tasks/{call['id']}/action_executions/{action['id']}").status_code == 404
    for part in ("action_executions", "workflow_executions", "executions"):
        assert api.get(f"tasks/{uuid4()}/{part}").status_code == 404


# ---- action executions


def test_A210_a_run_without_params_is_not_stored(api):
    reply = api.post("action_executions", {"name": "std.echo", "input": {"output": "x"}})
    row = reply.json()

    assert reply.status_code == 201
    assert (row["id"], row["state"], json.loads(row["output"]), json.loads(row["input"])) == (
        None, "SUCCESS", {"result": "x"}, {"output": "x"})


def test_A211_A212_saved_runs(api):
    later = api.post("action_executions", {"name": "std.echo", "input": {"output": "x"}, "params": '{"save_result": true}'}).json()
    at_once = api.post(
        "action_executions", {"name": "std.echo", "input": '{"output": "y"}', "params": {"save_result": True, "run_sync": True}}).json()

    assert later["state"] == "RUNNING"
    assert json.loads(api.until(f"action_executions/{later['id']}")["output"]) == {"result": "x"}
    assert (at_once["state"], json.loads(at_once["output"])) == ("SUCCESS", {"result": "y"})
    assert api.get(f"action_executions/{at_once['id']}").json()["state"] == "SUCCESS"


@pytest.mark.parametrize(
    ("params", "given", "shown"),
    [
        ({}, {}, None), ({}, {"description": "d"}, "d"), ({"save_result": True, "run_sync": True}, {}, None),
        ({"save_result": True, "run_sync": True}, {"description": "d"}, "d"), ({"save_result": True}, {}, ""),
        ({"save_result": True}, {"description": "d"}, "d"),
    ],
)
def test_A210_A211_A212_the_description_of_a_run(api, params, given, shown):
    body = {"name": "std.noop", "params": params, **given}

    assert api.post("action_executions", body).json()["description"] == shown


def test_A211_A212_a_run_is_accepted_unless_its_request_waits_for_it(api):
    later, at_once = (
        api.post("action_executions", {"name": "std.noop", "params": {"save_result": True, "run_sync": waits}}).json()
        for waits in (False, True)
    )
    api.until(f"action_executions/{later['id']}")

    assert [made["accepted"] for made in (later, at_once)] == [False, False]
    assert [made["updated_at"] for made in (later, at_once)] == [None, None]
    assert [api.get(f"action_executions/{made['id']}").json()["accepted"] for made in (later, at_once)] == [True, False]


def test_A211_A212_the_output_of_an_adhoc_action_is_applied_unless_its_request_waits_for_it(api):
    name = unique("a")
    api.post("actions", f"version: '2.0'\n{name}:\n  base: std.echo output=2\n  output: <% $ + 1 %>\n")
    results = []
    for params in ({}, {"save_result": True, "run_sync": True}, {"save_result": True}):
        made = api.post("action_executions", {"name": name, "params": params}).json()
        ended = api.until(f"action_executions/{made['id']}") if made["id"] else made
        results.append(json.loads(ended["output"])["result"])

    assert results == [2, 2, 3]


def test_the_output_of_an_action_is_null_until_it_ends(api):
    _, action = waiting_action(api)
    alone = api.post("action_executions", {"name": "std.async_noop"}).json()

    assert [made["output"] for made in (alone, api.get(f"action_executions/{alone['id']}").json())] == [None, None]
    assert api.get(f"action_executions/{action['id']}").json()["output"] is None
    assert api.put(f"action_executions/{action['id']}", {"state": "PAUSED"}).json()["output"] is None
    assert api.get("action_executions", id=action["id"], include_output="true").json()["action_executions"][0]["output"] is None


@pytest.mark.parametrize("params", [{"target": "a-host"}, {"target": "a-host", "save_result": True}])
def test_A217_a_target_is_taken_and_any_process_runs_the_action(api, params):
    """As with Mistral 23, whose client of executors doesn't pass it on."""
    made = api.post("action_executions", {"name": "std.echo", "input": {"output": "x"}, "params": params}).json()
    ended = api.until(f"action_executions/{made['id']}") if made["id"] else made

    assert (ended["state"], json.loads(ended["output"])) == ("SUCCESS", {"result": "x"})


def test_A213_an_asynchronous_action_does_not_run_synchronously(api):
    assert api.post("action_executions", {"name": "std.async_noop", "params": {"run_sync": True}}).status_code == 400


@pytest.mark.parametrize("params", [{}, {"save_result": True, "run_sync": True}])
def test_A214_a_failing_action_is_a_reply(api, params):
    reply = api.post("action_executions", {"name": "std.fail", "params": params})

    assert (reply.status_code, reply.json()["state"]) == (201, "ERROR")
    assert "Fail action expected exception" in json.loads(reply.json()["output"])["result"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "no.such"}, {"name": "std.echo", "input": {"wrong": 1}}, {"name": "std.echo"}, {}, {"name": ""}, {"name": None},
        {"name": "std.noop", "params": {"save_result": "yes"}}, {"name": "std.noop", "params": {"timeout": "x"}},
        {"name": "std.noop", "params": {"target": 5}}, {"name": "std.echo", "input": [1]},
    ],
)
def test_A215_A216_what_cannot_run(api, body):
    assert api.post("action_executions", body).status_code == 400


def waiting_action(api, text: str = WAITING):
    execution = api.start(api.define(text))
    return execution["id"], api.action(execution["id"], "a")


def complete(api, action, **body):
    return api.put(f"action_executions/{action['id']}", body)


def test_A218_completion_goes_on_with_the_task(api):
    execution, action = waiting_action(api)
    reply = complete(api, action, state="SUCCESS", output={"k": [1, None]})

    assert (reply.status_code, json.loads(reply.json()["output"])) == (200, {"result": {"k": [1, None]}})
    assert reply.json()["workflow_name"]
    assert api.until(f"executions/{execution}", "SUCCESS")
    assert json.loads(api.task(execution, "a")["result"]) == {"k": [1, None]}


@pytest.mark.parametrize("output", ['{"text": "form"}', {"text": "form"}])
def test_A218_output_is_an_object_or_its_text(api, output):
    _, action = waiting_action(api)

    assert json.loads(complete(api, action, state="SUCCESS", output=output).json()["output"]) == {"result": {"text": "form"}}


def test_A219_an_error_without_output(api):
    execution, action = waiting_action(api)

    assert json.loads(complete(api, action, state="ERROR").json()["output"]) == {"result": "Unknown error"}
    assert api.until(f"executions/{execution}", "ERROR")


def test_A220_pause_and_resume_of_an_action(api):
    execution, action = waiting_action(api)

    assert complete(api, action, state="PAUSED").json()["state"] == "PAUSED"
    api.until(f"executions/{execution}", "PAUSED")
    assert complete(api, action, state="RUNNING").json()["state"] == "RUNNING"
    api.until(f"executions/{execution}", "RUNNING")
    complete(api, action, state="SUCCESS")
    assert api.until(f"executions/{execution}", "SUCCESS")


def test_A221_cancel_of_an_action(api):
    execution, action = waiting_action(api)
    reply = complete(api, action, state="CANCELLED", output={"why": 1}).json()

    assert (reply["state"], json.loads(reply["output"])) == ("CANCELLED", {"result": None})
    assert api.until(f"executions/{execution}")["state"] == "CANCELLED"
    assert api.task(execution, "a")["state"] == "CANCELLED"


@pytest.mark.parametrize(
    "body",
    [{"state": "IDLE"}, {"state": "FOO"}, {"output": {}}, {}, {"state": "SUCCESS", "output": [1]}, {"state": "SUCCESS", "output": "words"},
     {"state": "SUCCESS", "output": 7}, {"state": "SUCCESS", "output": '"words"'}],
)
def test_A222_L370_what_is_no_completion(api, body):
    _, action = waiting_action(api)

    assert complete(api, action, **body).status_code == 400
    assert api.get(f"action_executions/{action['id']}").json()["state"] == "RUNNING"
    assert api.put(f"action_executions/{uuid4()}", {"state": "SUCCESS"}).status_code == 404


def test_A223_a_completed_action_stays_as_it_is(api):
    _, action = waiting_action(api)
    complete(api, action, state="SUCCESS", output={"v": 1})

    for body in ({"state": "SUCCESS", "output": {"v": 2}}, {"state": "ERROR"}, {"state": "PAUSED"}):
        assert 400 <= complete(api, action, **body).status_code < 500
    assert json.loads(api.get(f"action_executions/{action['id']}").json()["output"]) == {"result": {"v": 1}}


def test_A224_deletion_is_off_by_default(api):
    made = api.post("action_executions", {"name": "std.noop", "params": {"save_result": True, "run_sync": True}}).json()

    for identifier in (made["id"], str(uuid4())):
        reply = api.delete(f"action_executions/{identifier}")
        assert (reply.status_code, text_of(reply)) == (403, "Action execution deletion is not allowed.")


def test_A225_A226_deletion_where_it_is_allowed(serve):
    api = serve(api={"allow_action_execution_deletion": True})
    _, of_task = waiting_action(api)
    open_ = api.post("action_executions", {"name": "std.async_noop", "params": {"save_result": True}}).json()
    done = api.post("action_executions", {"name": "std.noop", "params": {"save_result": True, "run_sync": True}}).json()

    assert api.delete(f"action_executions/{of_task['id']}").status_code == 403
    assert api.delete(f"action_executions/{open_['id']}").status_code == 403
    assert api.delete(f"action_executions/{done['id']}").status_code == 204
    assert api.delete(f"action_executions/{done['id']}").status_code == 404


def test_A227_action_executions_of_a_task(api):
    execution = api.run("version: '2.0'\n{name}:\n  tasks:\n    t: {{action: std.echo output='hi'}}\n")
    task = api.task(execution["id"], "t")

    (plain,) = api.get("action_executions", task_execution_id=task["id"]).json()["action_executions"]
    (full,) = api.get("action_executions", task_execution_id=task["id"], include_output="true").json()["action_executions"]
    assert "output" not in plain
    assert json.loads(full["output"]) == {"result": "hi"}
    assert plain["workflow_name"] == execution["workflow_name"]


def test_an_adhoc_action_of_a_namespace_runs_on_its_own(api):
    name = unique("a")
    api.post("actions", f"version: '2.0'\n{name}:\n  input: [x]\n  base: std.echo output=<% $.x %>\n", namespace="abc")
    body = {"name": name, "input": {"x": 5}}

    assert api.post("action_executions", body).status_code == 400
    reply = api.post("action_executions", {**body, "workflow_namespace": "abc"})
    assert (reply.status_code, reply.json()["state"]) == (201, "SUCCESS")
