"""Real playbooks over HTTP: their live output, whole and in order, kept for a while, and what ends them."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from live import Api, running, unique

from maestrale import clock
from maestrale.actions import process_tree
from maestrale.actions.playbook_directory import MARK
from maestrale.engine.expiration import LIVE_OUTPUT, ExpirationByAge

pytest.importorskip("ansible")

LINES = 50_000
LOCAL = {"all": {"hosts": {"one": {}}, "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}
HIDDEN = "trap '' TERM HUP INT; (setsid sleep 7311.5 &); sleep 7311.5"


def play(*tasks: Any) -> list[Any]:
    return [{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("playbooks")
    with running(folder, playbooks={"work_dir": f"{folder}/work", "grace": 1}) as server:
        yield server


@pytest.fixture(scope="module")
def api(server):
    with closing(Api(server.url, {})) as caller:
        yield caller


def start(api: Any, *tasks: Any, **more: Any) -> str:
    inputs = {"playbook": play(*tasks), "inventory": LOCAL, **more}
    reply = api.post("action_executions", {"name": "ansible.playbook", "input": inputs, "params": {"save_result": True}})
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def numbers(text: str) -> list[int]:
    """The numbers that the long playbook prints, one a line."""
    stripped = (line.strip().rstrip(",") for line in text.splitlines())
    return [int(line) for line in stripped if line.isdigit()]


@pytest.fixture(scope="module")
def long_run(api):
    """A playbook that prints 50,000 numbers: most in pieces, and 10,000 at once; with what a follower saw of it."""
    first = {"ansible.builtin.debug": {"msg": "{{ range(item * 1000, item * 1000 + 1000) | list }}"}, "loop": list(range(40))}
    ident = start(api, first, {"ansible.builtin.debug": {"msg": "{{ range(40000, 50000) | list }}"}})
    reply = api.get(f"action_executions/{ident}/events", follow="true")
    return ident, [json.loads(line) for line in reply.text.splitlines()]


def test_all_lines_of_a_playbook_are_followed_in_order(long_run):
    _, events = long_run
    assert [event["counter"] for event in events] == list(range(1, len(events) + 1))
    assert numbers("\n".join(event["stdout"] for event in events)) == list(range(LINES))
    assert events[-1]["event"] == "playbook_on_stats"


def test_server_sent_events_and_the_text_have_all_lines_too(api, long_run):
    ident, events = long_run
    reply = api.call("GET", f"action_executions/{ident}/events?follow=true&since=3", headers={"Accept": "text/event-stream"})
    *sent, end, _ = reply.text.split("\n\n")
    assert [json.loads(one.partition("data: ")[2]) for one in sent] == events[3:]
    assert end == 'event: end\ndata: {"state":"SUCCESS"}'
    assert numbers(api.get(f"action_executions/{ident}/output").text) == list(range(LINES))


def test_what_a_playbook_printed_goes_when_it_is_too_old_and_its_result_stays(api, server):
    ident = start(api, {"ansible.builtin.debug": {"msg": "hello"}})
    assert api.until(f"action_executions/{ident}")["state"] == "SUCCESS"
    database = server.application.service.database
    for minutes, is_kept in ((29, True), (31, False)):
        expiration = ExpirationByAge(
            leavings=LIVE_OUTPUT, node_id="n", database=database, older_than=30,
            now=lambda m=minutes: clock.now() + timedelta(minutes=m), interval=0)
        expiration.run()
        assert ("hello" in api.get(f"action_executions/{ident}/output").text) is is_kept
    assert "hello" in api.get(f"action_executions/{ident}").json()["output"]


@pytest.mark.parametrize(("where", "limits", "text"), [
    ("input", {"idle_timeout": 2}, "printed nothing for 2 seconds"),
    ("input", {"timeout": 3}, "timed out after 3 seconds"),
    ("task", {"timeout": 3}, "timed out"),
])
def test_time_limits_end_everything_that_a_workflow_s_playbook_started(api, where, limits, text):
    inputs = {"playbook": play({"ansible.builtin.shell": HIDDEN}), "inventory": LOCAL, **(limits if where == "input" else {})}
    task = {"action": "ansible.playbook", "input": inputs, **(limits if where == "task" else {})}
    execution = api.run("version: '2.0'\n{name}: {{tasks: {{t: ".format(name="w_limits_" + where + next(iter(limits)))
                        + json.dumps(task) + "}}")
    assert execution["state"] == "ERROR"
    action = api.action(execution["id"], "t")
    ended = api.until(f"action_executions/{action['id']}")
    assert text in ended["output"] or "Task timed out" in str(api.task(execution["id"], "t")["state_info"])
    assert process_tree.marked(MARK, action["id"]) == []


def task_of(play: list[Any], **more: Any) -> dict[str, Any]:
    return {"action": "ansible.playbook", "input": {"playbook": play, **more}}


def workflows(**named: Any) -> str:
    return json.dumps({"version": "2.0", **{name: {"tasks": tasks} for name, tasks in named.items()}})


def test_check_mode_goes_through_a_whole_workflow_and_changes_nothing(api, tmp_path):
    def touch(name: str) -> list[Any]:
        return play({"ansible.builtin.copy": {"content": "x\n", "dest": f"{tmp_path}/{name}"}})

    outer, inner = unique(), unique()
    api.post("workflows", workflows(**{
        outer: {"a": {**task_of(touch("a"), inventory=LOCAL), "on-success": ["s", "really"]}, "s": {"workflow": inner},
                "really": task_of(touch("really"), inventory=LOCAL, check=False)},
        inner: {"b": task_of(touch("b"), inventory=LOCAL)}}))
    execution = api.until(f"executions/{api.start(outer, params={'check': True, 'diff': True})['id']}")
    assert execution["state"] == "SUCCESS", execution
    assert [path.name for path in tmp_path.iterdir()] == ["really"]
    [child] = api.get(f"tasks/{api.task(execution['id'], 's')['id']}/workflow_executions").json()["executions"]
    found = {name: json.loads(api.task(where, name)["result"]) for where, name in ((execution["id"], "a"), (child["id"], "b"))}
    assert {name: (result["check"], result["diff"], result["changed"]) for name, result in found.items()} == {
        "a": (True, True, True), "b": (True, True, True)}
    assert "+x" in found["b"]["stdout_tail"]


def test_a_failed_playbook_is_run_again_on_the_hosts_that_failed_or_were_away_only(api, tmp_path):
    hosts = {name: {} for name in ("one", "two", "three")} | {
        "away": {"ansible_connection": "ssh", "ansible_host": "127.0.0.2", "ansible_port": 1}}
    inventory = {"all": {"hosts": hosts, "vars": LOCAL["all"]["vars"]}}
    tasks = play({"ansible.builtin.command": f"test ! -e {tmp_path}/{{{{ inventory_hostname }}}}"})
    (tmp_path / "two").touch()
    definition = {"version": "2.0", unique(): {"input": ["play"], "tasks": {"t": task_of("<% $.play %>", inventory=inventory)}}}
    execution = api.run(json.dumps(definition), input={"play": tasks})
    task = api.task(execution["id"], "t")
    (tmp_path / "two").unlink()
    reply = api.put(f"tasks/{task['id']}", {"state": "RUNNING", "reset": False})
    assert reply.status_code == 200, (reply.text, task["result"])
    api.until(f"executions/{execution['id']}", "ERROR")
    result = json.loads(api.task(execution["id"], "t", "ERROR")["result"])
    assert result["hosts"] == {"ok": ["two"], "changed": ["two"], "failed": [], "unreachable": ["away"], "skipped": []}
