"""Requests that only wait for a decision hold no thread; whatever else they may need sends them to one."""

from __future__ import annotations

import json

import pytest

from maestrale.api import routes
from maestrale.engine import maintenance

ASYNC_ITEMS = "version: '2.0'\n{name}:\n  tasks:\n    t:\n      with-items: i in [0, 1, 2]\n      action: std.async_noop\n"


@pytest.fixture
def threaded(monkeypatch):
    """The requests that went to a thread, by method and path."""
    seen = []
    plain = routes.run_in_threadpool

    async def noted(run, call, endpoint):
        seen.append((call.method, call.scope["path"]))
        return await plain(run, call, endpoint)

    monkeypatch.setattr(routes, "run_in_threadpool", noted)
    monkeypatch.setattr(maintenance, "MAX_AGE", 3600.0)
    return seen


def actions_of(api, execution_id):
    """The actions of the one task; they are there as soon as it is."""
    task = api.task(execution_id, "t", "RUNNING")
    return [one["id"] for one in api.get(f"tasks/{task['id']}/action_executions").json()["action_executions"]]


def test_a_start_holds_no_thread(api, threaded):
    name = api.define("version: '2.0'\n{name}:\n  tasks:\n    t: {{action: std.noop}}\n")
    api.start(name)  # the first request may have to look whether the service is paused
    threaded.clear()

    started = api.post("executions", {"workflow_name": name})

    assert (started.status_code, started.json()["state"]) == (201, "RUNNING")
    assert threaded == []


def test_a_start_with_a_large_body_is_read_in_a_thread(api, threaded):
    name = api.define("version: '2.0'\n{name}:\n  input: [x]\n  tasks:\n    t: {{action: std.noop}}\n")
    threaded.clear()

    started = api.post("executions", {"workflow_name": name, "input": json.dumps({"x": "y" * routes.PROMPT_BODY})})

    assert started.status_code == 201
    assert threaded == [("POST", "/v2/executions")]


def test_further_results_of_an_execution_hold_no_thread(api, threaded):
    execution_id = api.start(api.define(ASYNC_ITEMS))["id"]
    first, *others = actions_of(api, execution_id)
    api.put(f"action_executions/{first}", {"state": "SUCCESS", "output": {"r": 1}})
    threaded.clear()

    replies = [api.put(f"action_executions/{one}", {"state": "SUCCESS", "output": {"r": 1}}).json() for one in others]

    assert threaded == []
    assert {(one["state"], one["accepted"]) for one in replies} == {("SUCCESS", True)}
    assert all(one["workflow_name"] for one in replies)
    assert api.until(f"executions/{execution_id}")["state"] == "SUCCESS"


def test_errors_of_requests_without_a_thread_are_answers_as_ever(api, threaded):
    execution_id = api.start(api.define(ASYNC_ITEMS))["id"]
    first, second, _ = actions_of(api, execution_id)
    api.put(f"action_executions/{first}", {"state": "SUCCESS", "output": {"r": 1}})
    threaded.clear()

    assert api.post("executions", {"workflow_name": "there is none"}).status_code == 404
    assert api.post("executions", {}).status_code == 400
    assert api.put(f"action_executions/{second}", {"state": "IDLE"}).status_code == 400
    assert threaded == []


def test_a_stranger_cannot_complete_an_action_that_is_in_memory(tenants, threaded):
    execution_id = tenants.owner.start(tenants.owner.define(ASYNC_ITEMS))["id"]
    first, second, _ = actions_of(tenants.owner, execution_id)
    tenants.owner.put(f"action_executions/{first}", {"state": "SUCCESS", "output": {"r": 1}})
    threaded.clear()

    refused = tenants.stranger.put(f"action_executions/{second}", {"state": "SUCCESS", "output": {"r": 1}})

    assert refused.status_code == 404
    assert threaded == []
    assert tenants.owner.get(f"action_executions/{second}").json()["state"] == "RUNNING"
