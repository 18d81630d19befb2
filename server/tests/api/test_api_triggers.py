"""Cron and event triggers, maintenance, code sources and dynamic actions: A234 to A258, A278 to A285, A314 to A319."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import uuid4

import pytest
from live import NOOP, WAITING, text_of, unique

from maestrale import clock

INPUT = "version: '2.0'\n{name}:\n  input: [who]\n  tasks: {{t: {{action: std.noop}}}}\n"
CODE = "from mistral_lib import actions\n\n\nclass Hello(actions.Action):\n    pass\n"


def cron(api, **more):
    return api.post("cron_triggers", {"name": unique("c"), **more})


@pytest.fixture(scope="module")
def workflow(api):
    return api.define()


# ---- cron triggers


def test_A234_L396_a_pattern_gives_the_next_time(api, workflow):
    reply = cron(api, workflow_name=workflow, pattern="0 0 1 1 *")
    row = reply.json()

    assert reply.status_code == 201
    assert row["next_execution_time"].endswith("-01-01 00:00:00")
    assert (row["workflow_name"], row["scope"], row["remaining_executions"], row["first_execution_time"]) == (
        workflow, "private", None, None)


def test_A235_L396_a_first_time_alone_is_one_run(api, workflow):
    row = cron(api, workflow_name=workflow, first_execution_time="4242-12-25 13:37").json()

    assert row["next_execution_time"] == "4242-12-25 13:37:00"
    assert (row["remaining_executions"], row["pattern"]) == (1, "0 0 30 2 0")


@pytest.mark.parametrize("pattern", ["* * * * * 30", "@daily", "@hourly", "*/5 * * * *", "0 3 * * mon-fri"])
def test_A236_patterns(api, workflow, pattern):
    row = cron(api, workflow_name=workflow, pattern=pattern).json()

    assert row["pattern"] == pattern
    assert row["next_execution_time"] > clock.now().strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    "pattern",
    ["* * * *", "88 * * * *", "* 88 * * *", "* * * 35 *", "* * * * 15", "words", "@never", "R * * * *", "x" * 300, "* * * * * * *"],
)
def test_A237_L397_bad_patterns(api, workflow, pattern):
    assert cron(api, workflow_name=workflow, pattern=pattern).status_code == 400


@pytest.mark.parametrize("count", ["q", -1, 0, 1.5, True, "1.0", 99999999999])
def test_A238_bad_counts(api, workflow, count):
    assert cron(api, workflow_name=workflow, pattern="@daily", remaining_executions=count).status_code == 400


@pytest.mark.parametrize(("given", "shown"), [(3, 3), ("42", 42)])
def test_A238_L396_counts(api, workflow, given, shown):
    assert cron(api, workflow_name=workflow, pattern="@daily", remaining_executions=given).json()["remaining_executions"] == shown


def test_A239_L397_a_count_needs_a_pattern(api, workflow):
    assert cron(api, workflow_name=workflow, remaining_executions="42").status_code == 400
    body = {"first_execution_time": "4242-12-25 13:38", "remaining_executions": "42"}
    assert cron(api, workflow_name=workflow, **body).status_code == 400
    assert cron(api, workflow_name=workflow, **{**body, "remaining_executions": 1}).status_code == 201


@pytest.mark.parametrize(
    "when", ["q", "2020-01-01 00:00", "4242-12-25", "4242-12-25 13:37:00", "4242-13-25 13:37", "4242-12-25T13:37", "soon"],
)
def test_A240_L397_bad_first_times(api, workflow, when):
    assert cron(api, workflow_name=workflow, first_execution_time=when).status_code == 400


def test_A240_L397_a_first_time_is_a_minute_ahead(api, workflow):
    soon = (clock.now() + timedelta(seconds=20)).strftime("%Y-%m-%d %H:%M")
    later = (clock.now() + timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M")

    assert cron(api, workflow_name=workflow, first_execution_time=soon).status_code == 400
    assert cron(api, workflow_name=workflow, first_execution_time=later).status_code == 201


@pytest.mark.parametrize(
    "body",
    [{"remaining_executions": "q"}, {"remaining_executions": -1}, {"first_execution_time": "q"}, {"remaining_executions": "42"}, {}],
)
def test_A241_shape_comes_before_the_workflow(api, body):
    assert cron(api, workflow_name="nonexist", **body).status_code == 400
    assert cron(api, workflow_name="nonexist", pattern="@daily").status_code == 404
    assert cron(api, workflow_id=str(uuid4()), pattern="@daily").status_code == 404


def test_A242_name_and_workflow_are_needed(api, workflow):
    assert api.post("cron_triggers", {"workflow_name": workflow, "pattern": "@daily"}).status_code == 400
    assert cron(api, pattern="@daily").status_code == 400


def test_A243_L398_input_is_checked(api):
    name = api.define(INPUT)

    assert cron(api, workflow_name=name, pattern="@daily").status_code == 400
    assert cron(api, workflow_name=name, pattern="@daily", workflow_input={"who": 1, "zzz": 2}).status_code == 400
    assert cron(api, workflow_name=name, pattern="@daily", workflow_input='{"who": 1}').json()["workflow_input"] == '{"who":1}'


def test_A244_duplicates(api, workflow):
    body = {
        "workflow_name": workflow, "pattern": "0 5 * * *", "remaining_executions": 2, "first_execution_time": "4242-12-25 13:37",
        "workflow_input": {}, "workflow_params": {"env": {"k": unique()}},
    }
    first = cron(api, **body)

    assert first.status_code == 201
    assert cron(api, **body).status_code == 409
    assert api.post("cron_triggers", {"name": first.json()["name"], "workflow_name": workflow, "pattern": "@daily"}).status_code == 409


def test_A245_by_name_and_by_id(api, workflow):
    row = cron(api, workflow_name=workflow, pattern="@daily").json()
    other = cron(api, workflow_name=workflow, pattern="@daily").json()

    assert api.get(f"cron_triggers/{row['name']}").json()["id"] == row["id"]
    assert api.get(f"cron_triggers/{row['id']}").json()["name"] == row["name"]
    assert api.delete(f"cron_triggers/{row['name']}").status_code == 204
    assert api.delete(f"cron_triggers/{other['id']}").status_code == 204
    for path in (row["name"], other["id"]):
        assert api.get(f"cron_triggers/{path}").status_code == 404
        assert api.delete(f"cron_triggers/{path}").status_code == 404


def test_A250_a_namespaced_workflow_by_id(api):
    row = api.post("workflows", NOOP.format(name=unique()), namespace="abc").json()["workflows"][0]

    assert cron(api, workflow_name=row["name"], pattern="@daily").status_code == 404
    assert cron(api, workflow_id=row["id"], pattern="@daily").json()["workflow_name"] == row["name"]


def test_a_time_zone_and_what_was_missed(api, workflow):
    row = cron(api, workflow_name=workflow, pattern="30 2 1 1 *", timezone="Asia/Tokyo", catch_up="all").json()

    assert row["next_execution_time"].endswith("-12-31 17:30:00")
    assert (row["timezone"], row["catch_up"]) == ("Asia/Tokyo", "all")
    assert cron(api, workflow_name=workflow, pattern="@daily", timezone="Mars/Olympus").status_code == 400
    assert cron(api, workflow_name=workflow, pattern="@daily", catch_up="twice").status_code == 400


# ---- event triggers


def event(api, workflow, **more):
    return api.post("event_triggers", {
        "name": unique("e"), "workflow_id": workflow, "exchange": "nova", "topic": "notifications", "event": unique("ev"), **more,
    })


@pytest.fixture(scope="module")
def workflow_id(api, workflow):
    return api.get(f"workflows/{workflow}").json()["id"]


def test_A252_A253_what_an_event_trigger_needs(api, workflow_id):
    for name in ("exchange", "topic", "event", "workflow_id"):
        reply = event(api, workflow_id, **{name: ""})
        assert reply.status_code == 400
        assert "must be provided for creating event trigger" in text_of(reply)
    assert event(api, "nonexist").status_code == 400
    assert event(api, str(uuid4())).status_code == 404
    assert event(api, workflow_id, name=None).status_code == 201


def test_A254_duplicates(api, workflow_id):
    kind = unique("ev")

    assert event(api, workflow_id, event=kind).status_code == 201
    assert event(api, workflow_id, event=kind, name="another").status_code == 409


def test_A255_A256_L406_changes(api, workflow_id):
    row = event(api, workflow_id).json()

    for name in ("exchange", "topic", "event"):
        assert api.put(f"event_triggers/{row['id']}", {name: "other"}).status_code == 400
    changed = api.put(f"event_triggers/{row['id']}", {"name": "new", "workflow_params": {"env": {}}})
    assert (changed.status_code, changed.json()["name"], changed.json()["workflow_params"]) == (200, "new", '{"env":{}}')
    assert api.put(f"event_triggers/{row['id']}", {"workflow_id": "nope"}).status_code == 400
    assert api.put(f"event_triggers/{row['id']}", {"workflow_id": str(uuid4())}).status_code == 404
    assert api.put(f"event_triggers/{row['id']}", {"workflow_input": {"zzz": 1}}).status_code == 400


def test_A257_identifiers(api, workflow_id):
    row = event(api, workflow_id).json()

    for method in ("GET", "PUT", "DELETE"):
        assert api.call(method, "event_triggers/nope", json={"name": "x"}).status_code == 400
        assert api.call(method, f"event_triggers/{uuid4()}", json={"name": "x"}).status_code == 404
    assert api.get(f"event_triggers/{row['id']}").json()["event"] == row["event"]
    assert api.delete(f"event_triggers/{row['id']}").status_code == 204


def test_A258_filters(api, workflow_id):
    row = event(api, workflow_id).json()

    for query in ({"event": row["event"]}, {"name": row["name"]}, {"name": row["name"], "exchange": "nova", "scope": "private"}):
        assert [one["id"] for one in api.get("event_triggers", **query).json()["event_triggers"]] == [row["id"]]


# ---- code sources and dynamic actions


def test_A278_they_are_for_administrators(api):
    for path in ("code_sources", "dynamic_actions"):
        for method in ("GET", "POST", "PUT"):
            assert api.call(method, path, json={}).status_code == 403
        for method in ("GET", "DELETE"):
            assert api.call(method, f"{path}/x").status_code == 403


def test_A279_A280_versions_of_a_code_source(admin):
    name = unique("src")
    made = admin.post("code_sources", CODE, name=name, scope="private", namespace="")

    assert (made.status_code, made.json()["version"], made.json()["content"]) == (201, 1, CODE)
    assert admin.put("code_sources", CODE + "# 2\n", identifier=name).json()["version"] == 2
    assert admin.put(f"code_sources/{made.json()['id']}", CODE + "# 3\n").json()["version"] == 3
    assert admin.get(f"code_sources/{name}").json()["content"].endswith("# 3\n")
    (listed,) = admin.get("code_sources", name=name).json()["code_sources"]
    assert "content" not in listed
    assert admin.post("code_sources", CODE, name=name).status_code == 409


def test_A281_refused_code_sources(admin):
    assert admin.post("code_sources", CODE).status_code == 400
    assert admin.post("code_sources", CODE, name=unique(), scope="odd").status_code == 400
    assert admin.post("code_sources", "", name=unique()).status_code == 400
    assert admin.put("code_sources", CODE).status_code == 400
    assert admin.put("code_sources", CODE, identifier=unique()).status_code == 404


def test_A282_A283_A285_dynamic_actions(admin):
    source = admin.post("code_sources", CODE, name=unique("src")).json()
    first = admin.post("dynamic_actions", {"name": unique("d"), "class_name": "Hello", "code_source_id": source["id"]})
    second = admin.post("dynamic_actions", {"name": unique("d"), "class_name": "Hello", "code_source_name": source["name"]})

    assert (first.status_code, first.json()["code_source_name"]) == (201, source["name"])
    assert second.status_code == 201
    changed = admin.put("dynamic_actions", {"name": first.json()["name"], "class_name": "Other"})
    assert (changed.status_code, changed.json()["class_name"]) == (200, "Other")
    renamed = admin.put("dynamic_actions", {"id": first.json()["id"], "name": unique("d")})
    assert (renamed.status_code, renamed.json()["class_name"]) == (200, "Other")
    assert admin.get(f"dynamic_actions/{second.json()['name']}").json()["id"] == second.json()["id"]
    assert admin.post("dynamic_actions", {"name": unique(), "class_name": "X", "code_source_name": "no"}).status_code == 404
    assert admin.post("dynamic_actions", {"name": unique()}).status_code == 400
    assert admin.put("dynamic_actions", {"class_name": "X"}).status_code == 400
    assert admin.delete(f"code_sources/{source['name']}").status_code == 204
    assert admin.get(f"dynamic_actions/{second.json()['id']}").status_code == 404
    assert admin.delete(f"dynamic_actions/{second.json()['id']}").status_code == 404


# ---- maintenance


def until_status(api, wanted):
    end = time.monotonic() + 30
    while api.get("/maintenance").json()["status"] != wanted:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_A314_A315_A316_A317_A318_maintenance(serve):
    api = serve(headers={"X-Roles": "admin"})
    workflow = api.define(WAITING)
    running, paused = api.start(workflow)["id"], api.start(workflow)["id"]
    cancelled = api.start(workflow)["id"]
    actions = [api.action(one, "a") for one in (running, paused, cancelled)]
    api.put(f"executions/{paused}", {"state": "PAUSED"})

    assert api.put("/maintenance", {"status": "PAUSED"}).json() == {"status": "PAUSING"}
    for method, path in (("POST", "executions"), ("DELETE", f"workflows/{workflow}"), ("PUT", f"executions/{running}")):
        refused = api.call(method, path, json={"workflow_name": workflow})
        assert refused.status_code == 423
        assert refused.headers["Server-Error-Message"]
        assert refused.headers["content-type"].startswith("text/plain")
    assert api.get(f"executions/{running}").status_code == 200
    assert api.put(f"executions/{cancelled}", {"state": "CANCELLED"}).json()["state"] == "CANCELLED"
    assert api.put("/maintenance", {"status": "PAUSED"}).status_code == 200
    assert api.put("/maintenance", {"status": "RUNNING"}).status_code == 409
    assert api.put(f"action_executions/{actions[0]['id']}", {"state": "SUCCESS"}).status_code == 200
    until_status(api, "PAUSED")
    for action in actions[1:]:
        assert api.put(f"action_executions/{action['id']}", {"state": "SUCCESS"}).status_code == 200
    for action in (actions[0]["id"], str(uuid4())):
        assert api.put(f"action_executions/{action}", {"state": "SUCCESS"}).status_code == 423

    assert api.put("/maintenance", {"status": "RUNNING"}).json() == {"status": "RUNNING"}
    api.until(f"executions/{running}", "RUNNING", "SUCCESS")
    time.sleep(0.5)
    assert api.execution(paused)["state"] == "PAUSED"


def test_A306_A319_who_and_what(api, admin, tenants):
    assert api.put("/maintenance", {"status": "PAUSED"}).status_code == 403
    assert tenants.owner.put("/maintenance", {"status": "PAUSED"}).status_code == 403
    assert tenants.owner.get("/maintenance").json() == {"status": "RUNNING"}
    for body in ({"status": "STOPPED"}, {}, {"status": 5}, {"status": "RUNNING", "x": 1}):
        assert admin.put("/maintenance", body).status_code == 400
    assert admin.put("/maintenance", {"status": "RUNNING"}).json() == {"status": "RUNNING"}
