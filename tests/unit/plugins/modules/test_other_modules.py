# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Info modules, and modules that act on what runs."""

from __future__ import annotations

import importlib

import pytest


def module(name):
    return importlib.import_module(f"ansible_collections.maestrale.mistral.plugins.modules.{name}")


LISTS = {
    "workflow_info": ("workflows", {"name": "n"}),
    "workbook_info": ("workbooks", {"name": "n"}),
    "action_definition_info": ("actions", {"name": "n"}),
    "environment_info": ("environments", {"name": "n"}),
    "cron_trigger_info": ("cron_triggers", {"name": "n"}),
    "event_trigger_info": ("event_triggers", {"name": "n"}),
    "code_source_info": ("code_sources", {"name": "n"}),
    "dynamic_action_info": ("dynamic_actions", {"name": "n"}),
    "project_source_info": ("project_sources", {"name": "n"}),
    "execution_info": ("executions", {"execution_id": "n"}),
    "task_info": ("tasks", {"task_id": "n"}),
    "action_execution_info": ("action_executions", {"action_execution_id": "n"}),
}


@pytest.mark.parametrize("name", LISTS)
def test_an_info_module_returns_a_list_of_all_of_one_or_of_none(name, engine, run_module):
    key, one = LISTS[name]
    assert run_module(module(name))[key] == []
    for ident in ("n", "other"):
        engine.add(key, id=ident, name=ident, state="RUNNING", workflow_name="w")
    result = run_module(module(name))
    assert result["changed"] is False
    assert [item["id"] for item in result[key]] == ["n", "other"]
    assert [item["id"] for item in run_module(module(name), **one)[key]] == ["n"]
    absent = dict.fromkeys(one, "missing")
    assert run_module(module(name), **absent)[key] == []
    assert not engine.writes


def test_pages_are_followed_up_to_the_limit(engine, run_module):
    engine.max_limit = 2
    for number in range(7):
        engine.add("environments", name=f"e{number}")
    assert len(run_module(module("environment_info"))["environments"]) == 7
    assert len(run_module(module("environment_info"), limit=5)["environments"]) == 5


def test_json_texts_come_as_values(engine, run_module):
    engine.add("executions", id="x", state="SUCCESS", input='{"a": 1}', output={"b": 2}, workflow_name="w")
    (execution,) = run_module(module("execution_info"))["executions"]
    assert execution["input"] == {"a": 1}
    assert execution["output"] == {"b": 2}


def test_executions_are_asked_for_by_tags_and_in_an_order(engine, run_module):
    run_module(module("execution_info"), tags=["a", "b"], sort=["-created_at", "id"])
    query = engine.requests[0][2]
    assert (query["tags"], query["sort_keys"], query["sort_dirs"]) == ("a,b", "created_at,id", "desc,asc")


def test_an_engine_tells_whether_it_is_ready(engine, run_module):
    assert run_module(module("engine_info"))["engine"]["ready"] is None
    engine.service["readyz"] = {"ready": True}
    engine.service["openapi.json"] = {"info": {"title": "Maestrale", "version": "1.2"}}
    found = run_module(module("engine_info"))["engine"]
    assert (found["ready"], found["version"], found["product"]) == (True, "1.2", "Maestrale 1.2")


@pytest.mark.parametrize(
    ("state", "now", "changed", "sent"),
    [
        ("paused", "RUNNING", True, {"state": "PAUSED"}),
        ("paused", "PAUSED", False, None),
        ("running", "PAUSED", True, {"state": "RUNNING"}),
        ("running", "RUNNING", False, None),
        ("cancelled", "RUNNING", True, {"state": "CANCELLED"}),
        ("cancelled", "CANCELLED", False, None),
    ],
)
def test_an_execution_is_brought_to_a_state(state, now, changed, sent, engine, run_module):
    import json

    engine.add("executions", id="x", state=now, workflow_name="w", params="{}")
    predicted = run_module(module("execution"), check=True, execution_id="x", state=state)
    assert predicted["changed"] is changed
    assert not engine.writes
    result = run_module(module("execution"), execution_id="x", state=state)
    assert result["changed"] is changed
    assert predicted["state"] == result["state"]
    bodies = [json.loads(text) for method, dummy, dummy, text in engine.requests if method == "PUT"]
    assert bodies == ([sent] if sent else [])


def test_an_ended_execution_is_not_resumed(engine, run_module):
    engine.add("executions", id="x", state="ERROR", workflow_name="w", params="{}")
    result = run_module(module("execution"), execution_id="x", state="running")
    assert result["failed"] is True
    assert "rerun its failed task" in result["msg"]


def test_description_and_state_are_sent_apart(engine, run_module):
    engine.add("executions", id="x", state="RUNNING", workflow_name="w", params="{}", description="old")
    run_module(module("execution"), execution_id="x", state="paused", description="new")
    assert [method for method, dummy in engine.writes] == ["PUT", "PUT"]
    item = engine.all("executions")[0]
    assert (item["state"], item["description"]) == ("PAUSED", "new")


def test_a_failed_task_is_rerun_and_another_left_alone(engine, run_module):
    engine.add("tasks", id="t1", name="a", state="ERROR", workflow_execution_id="x")
    engine.add("tasks", id="t2", name="b", state="SUCCESS", workflow_execution_id="x")
    assert run_module(module("task"), execution_id="x", name="a")["changed"] is True
    assert run_module(module("task"), task_id="t2")["changed"] is False
    assert engine.writes == [("PUT", "/v2/tasks/t1")]


def test_of_several_tasks_of_a_name_the_failed_one_is_meant(engine, run_module):
    for number, state in enumerate(("SUCCESS", "ERROR")):
        engine.add("tasks", id=f"t{number}", name="a", state=state, workflow_execution_id="x")
    assert run_module(module("task"), execution_id="x", name="a", state="skip")["task"]["id"] == "t1"
    engine.all("tasks")[0]["state"] = engine.all("tasks")[1]["state"] = "ERROR"
    result = run_module(module("task"), execution_id="x", name="a")
    assert result["failed"] is True
    assert "t0 (ERROR), t1 (ERROR)" in result["msg"]


def test_a_waiting_action_is_completed_by_the_name_of_its_task(engine, run_module):
    engine.add("tasks", id="t", name="approval", state="RUNNING", workflow_execution_id="x")
    engine.add("action_executions", id="a", name="std.async_noop", state="RUNNING", task_execution_id="t")
    arguments = {"execution_id": "x", "task": "approval", "output": {"approved": True}}
    assert run_module(module("action_execution"), **arguments)["changed"] is True
    assert run_module(module("action_execution"), **arguments)["changed"] is False
    again = run_module(module("action_execution"), **{**arguments, "state": "error"})
    assert again["failed"] is True
    assert again["status"] == 409


@pytest.mark.parametrize("output", ["plain", '"plain"', [1], 7, "[1]"])
def test_a_result_that_the_api_does_not_take_is_refused_before_it_is_sent(engine, run_module, output):
    engine.add("action_executions", id="a", name="std.async_noop", state="RUNNING")
    result = run_module(module("action_execution"), action_execution_id="a", output=output)
    assert result["failed"] is True
    assert "output must be a mapping or the JSON text of one" in result["msg"]
    assert engine.all("action_executions")[0]["state"] == "RUNNING"


@pytest.mark.parametrize("output", [{"by": "me"}, '{"by": "me"}'])
@pytest.mark.parametrize("check", [True, False])
def test_a_result_is_a_mapping_or_the_text_of_one(engine, run_module, output, check):
    engine.add("action_executions", id="a", name="std.async_noop", state="RUNNING")
    result = run_module(module("action_execution"), check=check, action_execution_id="a", output=output)
    assert result["changed"] is True
    assert "by" in str(result["action_execution"]["output"])


@pytest.mark.parametrize("save_result", [True, False])
def test_an_action_is_run_to_its_end(save_result, engine, run_module, clock):
    engine.add("actions", name="std.echo", namespace="")
    engine.script = {}

    def finish(method, url, *args, **kwargs):
        if method == "GET" and "action_executions/" in url:
            engine.all("action_executions")[0]["state"] = "SUCCESS"
        return original(method, url, *args, **kwargs)

    original, engine.send = engine.send, finish
    result = run_module(module("action_run"), action="std.echo", input={"output": 5}, save_result=save_result)
    assert (result["state"], result["output"], result["finished"]) == ("SUCCESS", 5, True)
    checked = run_module(module("action_run"), check=True, action="std.echo")
    assert checked["changed"] is True


def test_a_definition_is_validated(engine, run_module):
    assert run_module(module("workflow_validate"), definition="tasks: {}")["valid"] is True
    bad = run_module(module("workflow_validate"), definition="x: {}")
    assert bad["failed"] is True
    assert bad["errors"] == ["Invalid DSL: no tasks"]
    assert "failed" not in run_module(module("workflow_validate"), definition="x: {}", fail_on_invalid=False)


def test_an_engine_says_what_it_is(engine, run_module):
    result = run_module(module("engine_info"))["engine"]
    assert result["maintenance"] == "RUNNING"
    assert "executions" in result["features"]


def test_an_engine_tells_its_limits_if_it_has_them(engine, run_module):
    assert run_module(module("engine_info"))["engine"]["limits"] is None
    engine.service["limits"] = {"field_kb": 1024, "expression_items": None}
    assert run_module(module("engine_info"))["engine"]["limits"] == {"field_kb": 1024, "expression_items": None}


def test_a_refusal_is_told_with_its_parts(engine, run_module):
    engine.troubles = [400]
    result = run_module(module("environment_info"), name="e")
    assert result["failed"] is True
    assert result["status"] == 400
    assert result["msg"] == "HTTP 400: trouble"
