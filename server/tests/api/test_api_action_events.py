"""Live output of actions over HTTP: complete, in order, from a position, followed to the end, and only to one's own project."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from typing import Any

import pytest
from live import Api, running, unique

from maestrale.actions import Action, ActionContext
from maestrale.core import states

LINES = 50_000


class Talk(Action):
    """Emits as many events as asked for, in portions, and waits for the word to end."""

    name = "test.talk"
    go_on = threading.Event()

    def __init__(self, lines: int, wait: bool = False, size: int = 10) -> None:
        self.lines, self.wait, self.size = lines, wait, size

    def run(self, context: ActionContext) -> int:
        for start in range(1, self.lines + 1, 100):
            numbers = range(start, min(start + 100, self.lines + 1))
            context.emit([{"event": "verbose", "stdout": f"line {number}".ljust(self.size)} for number in numbers])
        if self.wait:
            Talk.go_on.wait(30)
            context.emit([{"event": "verbose", "stdout": "the end"}])
        return self.lines


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("events")) as server:
        server.application.service.registry.add(Talk)
        yield server


@pytest.fixture(scope="module")
def api(server):
    with closing(Api(server.url, {})) as caller:
        yield caller


@pytest.fixture(scope="module")
def database(server):
    return server.application.service.database


def start(caller: Any, **inputs: Any) -> str:
    reply = caller.post("action_executions", {"name": "test.talk", "input": inputs, "params": {"save_result": True}})
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def finished(caller: Any, **inputs: Any) -> str:
    ident = start(caller, **inputs)
    caller.until(f"action_executions/{ident}")
    return ident


def events_of(reply: Any) -> list[dict[str, Any]]:
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def test_50000_lines_are_followed_completely_and_in_order_while_they_come(api):
    ident = start(api, lines=LINES)
    began = time.monotonic()
    found = events_of(api.get(f"action_executions/{ident}/events", follow="true"))
    assert [event["counter"] for event in found] == list(range(1, LINES + 1))
    assert [event["stdout"].split()[1] for event in (found[0], found[-1])] == ["1", str(LINES)]
    assert time.monotonic() - began < 60
    assert api.get(f"action_executions/{ident}").json()["state"] == "SUCCESS"
    text = api.get(f"action_executions/{ident}/output")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.count("\n") == LINES


def test_events_are_read_from_a_position_and_up_to_a_number(api):
    ident = finished(api, lines=1200)
    path = f"action_executions/{ident}/events"
    assert [event["counter"] for event in events_of(api.get(path, since=1100))] == list(range(1101, 1201))
    assert [event["counter"] for event in events_of(api.get(path, since=3, limit=2))] == [4, 5]
    assert len(events_of(api.get(path, limit=700))) == 700
    assert events_of(api.get(path, since=1200)) == []


def test_a_follower_sees_events_before_the_action_ends_and_the_last_one_after(api):
    Talk.go_on.clear()
    ident = start(api, lines=3, wait=True)
    with api.http.stream("GET", f"/v2/action_executions/{ident}/events?follow=true") as reply:
        lines = reply.iter_lines()
        assert [json.loads(next(lines))["counter"] for _ in range(3)] == [1, 2, 3]
        assert api.get(f"action_executions/{ident}").json()["state"] == states.RUNNING
        Talk.go_on.set()
        assert [json.loads(line)["stdout"] for line in lines] == ["the end"]


def test_server_sent_events_have_ids_to_go_on_from_and_an_end(api):
    ident = finished(api, lines=3)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "1"}
    reply = api.call("GET", f"action_executions/{ident}/events", headers=headers)
    assert reply.headers["content-type"].startswith("text/event-stream")
    first, second, end, rest = reply.text.split("\n\n")
    assert [first.splitlines()[0], second.splitlines()[0]] == ["id: 2", "id: 3"]
    assert json.loads(first.splitlines()[1].removeprefix("data: "))["counter"] == 2
    assert (end, rest) == ('event: end\ndata: {"state":"SUCCESS"}', "")


def test_all_events_can_be_read_when_the_end_is_seen(api):
    for _ in range(10):
        ident = finished(api, lines=150)
        assert len(events_of(api.get(f"action_executions/{ident}/events"))) == 150


def test_events_go_with_their_execution(api, database):
    workflow = api.define(f"version: '2.0'\n{unique()}:\n  tasks:\n    t: {{action: test.talk lines=5}}\n")
    execution = api.until(f"executions/{api.start(workflow)['id']}")
    ident = api.action(execution["id"], "t")["id"]
    assert len(events_of(api.get(f"action_executions/{ident}/events"))) == 5
    assert api.delete(f"executions/{execution['id']}").status_code == 204
    assert api.get(f"action_executions/{ident}/events").status_code == 404
    with database.read() as conn:
        found = conn.exec_driver_sql(f"SELECT COUNT(*) FROM action_events WHERE attempt_id = '{ident}'").scalar()
    assert found == 0


def test_a_run_that_nobody_keeps_leaves_no_events(api, database):
    def count() -> int:
        with database.read() as conn:
            return conn.exec_driver_sql("SELECT COUNT(*) FROM action_events").scalar()

    before = count()
    assert api.post("action_executions", {"name": "test.talk", "input": {"lines": 5}}).json()["state"] == "SUCCESS"
    assert count() == before


@pytest.mark.parametrize("part", ["events", "output"])
def test_output_is_shown_to_its_own_project_and_to_administrators(tenants, part):
    if tenants.application.service.registry.entry("test.talk") is None:
        tenants.application.service.registry.add(Talk)
    ident = finished(tenants.owner, lines=2)
    answers = {who: getattr(tenants, who).get(f"action_executions/{ident}/{part}") for who in ("reader", "stranger", "admin", "nobody")}
    assert {who: reply.status_code for who, reply in answers.items()} == {"reader": 200, "stranger": 404, "admin": 200, "nobody": 401}
    assert "line" not in answers["stranger"].text


@pytest.mark.parametrize(("query", "text"), [
    ({"since": "x"}, "since"), ({"since": -1}, "since"), ({"limit": 0}, "limit"), ({"from": 1}, "from")])
def test_arguments_that_make_no_sense_are_refused(api, query, text):
    ident = finished(api, lines=1)
    reply = api.get(f"action_executions/{ident}/events", **query)
    assert reply.status_code == 400
    assert text in reply.text


def test_a_long_line_comes_in_pieces_and_is_one_line_of_the_text(api):
    ident = finished(api, lines=1, size=300_000)
    first, second = events_of(api.get(f"action_executions/{ident}/events"))
    assert (len(first["stdout"]), first["open"]) == (256 * 1024, True)
    assert (second["event"], len(second["stdout"]), "open" in second) == ("continued", 300_000 - 256 * 1024, False)
    assert api.get(f"action_executions/{ident}/output").text == "line 1".ljust(300_000) + "\n"


def test_both_paths_are_described(api):
    paths = api.get("/openapi.json").json()["paths"]
    content = paths["/v2/action_executions/{identifier}/events"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"application/x-ndjson", "text/event-stream"}
    assert "text/plain" in paths["/v2/action_executions/{identifier}/output"]["get"]["responses"]["200"]["content"]


# ---- told from outside


@pytest.fixture
def waiting(api):
    """An asynchronous action that waits for whoever does its work."""
    name = api.define("version: '2.0'\n{name}: {{tasks: {{t: {{action: std.async_noop}}}}}}\n")
    return api.action(api.start(name)["id"], "t")["id"]


def told(*texts):
    return {"events": [{"event": "runner_on_ok", "stdout": text, "host": "web1"} for text in texts]}


def test_whoever_does_the_work_tells_events_which_are_read_like_others(api, waiting):
    path = f"action_executions/{waiting}/events"
    assert api.post(path, told("one", "two")).json() == {"last": 2}
    assert api.post(path, told("three")).json() == {"last": 3}

    events = [json.loads(line) for line in api.get(path, since=1).text.splitlines()]
    assert [(one["counter"], one["stdout"], one["host"]) for one in events] == [(2, "two", "web1"), (3, "three", "web1")]
    assert api.get(f"action_executions/{waiting}/output").text == "one\ntwo\nthree\n"


def test_an_event_that_is_told_may_have_an_identity_by_which_it_is_known_again(api, waiting):
    path = f"action_executions/{waiting}/events"
    assert api.post(path, {"events": [{"event": "x", "uuid": "7f"}]}).status_code == 201
    assert [event["uuid"] for event in events_of(api.get(path))] == ["7f"]


def test_nothing_is_told_of_an_action_that_has_ended(api, waiting):
    api.put(f"action_executions/{waiting}", {"state": "SUCCESS"})

    assert api.post(f"action_executions/{waiting}/events", told("late")).status_code == 409


def test_what_is_no_event_is_refused(api, waiting):
    path = f"action_executions/{waiting}/events"
    for wrong in ({}, {"events": []}, {"events": {}}, {"events": ["x"]}, {"events": [{"stdout": "x"}]}, {"events": [{"event": 1}]},
                  {"events": [{"event": "x", "counter": "9"}]}, {"events": [{"event": "x"}] * 501}, {"events": [{"event": "x"}], "x": 1}):
        assert api.post(path, wrong).status_code == 400
    assert api.get(path).text == ""


def test_several_tell_at_the_same_time(api, waiting):
    path, replies = f"action_executions/{waiting}/events", []
    threads = [threading.Thread(target=lambda: replies.append(api.post(path, told("a", "b")).status_code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counters = [json.loads(line)["counter"] for line in api.get(path).text.splitlines()]
    assert counters == list(range(1, 2 * replies.count(201) + 1))
    assert replies.count(201) > 0
