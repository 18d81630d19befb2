"""The requests of Horizon, Heat, Zaqar and gophercloud, as 3.5 and 3.6 describe them (A331 to A334); null attributes in lists (A322)."""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from live import FAILING, NOOP, unique

GOPHERCLOUD_TIME = "%Y-%m-%d %H:%M:%S"


def test_A322_every_column_of_the_clients_is_there_even_if_null(api):
    execution = api.run(FAILING)
    columns = {
        "executions": (
            "id", "workflow_id", "workflow_name", "workflow_namespace", "description", "task_execution_id", "root_execution_id", "state",
            "state_info", "created_at", "updated_at",
        ),
        "tasks": (
            "id", "name", "workflow_name", "workflow_namespace", "workflow_execution_id", "state", "state_info", "created_at",
            "started_at", "finished_at",
        ),
        "action_executions": (
            "id", "name", "workflow_name", "workflow_namespace", "task_execution_id", "state", "state_info", "accepted", "created_at",
            "updated_at",
        ),
        "workflows": ("id", "name", "namespace", "project_id", "tags", "input", "scope", "created_at"),
        "actions": ("id", "name", "is_system", "input", "description", "tags", "created_at"),
    }
    for collection, names in columns.items():
        query = {"workflow_name": execution["workflow_name"]} if collection.endswith(("executions", "tasks")) else {}
        rows = api.get(collection, **query).json()[collection]
        assert rows
        for row in rows:
            assert set(names) <= set(row), collection


def test_A331_horizon_pages_and_reads_details(api):
    execution = api.run(NOOP)
    first = api.call("GET", "executions?limit=1000&marker=&sort_keys=created_at&sort_dirs=desc")
    task = api.get("tasks", workflow_execution_id=execution["id"], limit=1000, sort_keys="created_at").json()["tasks"][0]
    detail = api.get(f"tasks/{task['id']}").json()

    assert first.status_code == 200
    assert api.get("actions", limit=1000, sort_keys="name").status_code == 200
    for name in ("input", "output", "params"):
        assert isinstance(json.loads(api.execution(execution["id"])[name]), dict)
    assert json.loads(detail["published"]) == {}
    assert json.loads(detail["result"]) is None


def test_A332_heat_keeps_a_workflow_and_a_trigger(api):
    name = unique("stack")
    assert api.post("workflows", NOOP.format(name=name)).status_code == 201
    assert api.put("workflows", NOOP.format(name=name)).status_code == 200
    signal = {"workflow_name": name, "input": "{}", "params": '{"env": {}}', "description": "signal"}
    execution = api.post("executions", signal).json()
    trigger = {"name": name, "workflow_name": name, "pattern": "0 0 1 1 *", "workflow_input": {}, "remaining_executions": 3}

    assert api.post("cron_triggers", {**trigger, "first_execution_time": None}).status_code == 201
    assert [one["id"] for one in api.get("executions", workflow_name=name).json()["executions"]] == [execution["id"]]
    assert json.loads(api.until(f"executions/{execution['id']}")["output"]) == {}
    assert api.delete(f"cron_triggers/{name}").status_code == 204
    assert api.delete(f"workflows/{name}").status_code == 204
    assert api.delete(f"workflows/{name}").status_code == 404


def test_A333_zaqar_posts_objects(api):
    workflow = api.get(f"workflows/{api.define()}").json()["id"]
    body = {"workflow_id": workflow, "params": {"env": {"notification": {"body": [1]}}}, "input": {}}
    reply = api.call("POST", "executions", content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert reply.status_code == 201
    assert json.loads(reply.json()["params"])["env"] == {"notification": {"body": [1]}}


def test_A334_gophercloud_reads_dates_texts_and_links(api):
    name = unique("g")
    body = {"name": name, "workflow_name": api.define(), "pattern": "0 0 1 1 *", "workflow_input": "{}", "workflow_params": "{}"}
    trigger = api.post("cron_triggers", body).json()
    page = api.get("workflows", limit=1).json()

    assert datetime.strptime(trigger["next_execution_time"], GOPHERCLOUD_TIME)  # noqa: DTZ007 - as the client does it
    assert (trigger["workflow_input"], trigger["workflow_params"]) == ("{}", "{}")
    assert parse_qs(urlsplit(page["next"]).query)["limit"] == ["1"]
    no_accept = api.http.build_request("POST", "/v2/workflows", content=NOOP.format(name=unique()))
    del no_accept.headers["accept"]
    assert api.http.send(no_accept).status_code == 201
