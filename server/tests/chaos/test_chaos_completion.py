"""What runs is ended when a request says how its action ended, whichever server is told so and whichever runs it."""

from __future__ import annotations

import json

import pytest
from storm.processes import is_running

MARK = "7353.25"
PLAY = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.command": f"sleep {MARK}"}]}]
INPUT = {"playbook": PLAY, "inventory": "one ansible_connection=local"}


def sleeping():
    """Whether a process of the playbook lives."""
    return is_running(MARK)


def of_a_task(them):
    """Start a workflow with the playbook at the first server; the action's id."""
    them.define(f"w:\n  tasks:\n    a:\n      action: ansible.playbook\n      input: {json.dumps(INPUT)}")
    started = them.client.once("POST", "/v2/executions", {"workflow_name": "w"}, port=them.servers.ports()[0])
    assert started.status == 201, started
    (found,) = them.client.ask("GET", "/v2/action_executions").body["action_executions"]
    return found["id"]


def on_its_own(them):
    """Run the playbook as an action by itself at the first server; its id."""
    body = {"name": "ansible.playbook", "input": INPUT, "params": {"save_result": True}}
    return them.client.once("POST", "/v2/action_executions", body, port=them.servers.ports()[0]).body["id"]


@pytest.mark.parametrize("server", [0, 1])
@pytest.mark.parametrize("start", [of_a_task, on_its_own])
@pytest.mark.parametrize("state", ["CANCELLED", "SUCCESS"])
def test_a_playbook_is_ended_and_leaves_nothing(start, server, state, new_database, service, until, tmp_path):
    pytest.importorskip("ansible")
    work = tmp_path / "work"
    them = service(new_database("postgresql"), 2, MAESTRALE_PLAYBOOKS__WORK_DIR=str(work), MAESTRALE_PLAYBOOKS__GRACE="1")
    action = start(them)
    until(sleeping, 60)

    told = them.client.once("PUT", f"/v2/action_executions/{action}", {"state": state}, port=them.servers.ports()[server])

    assert (told.status, told.body["state"]) == (200, state)
    until(lambda: not sleeping())
    until(lambda: not any(work.iterdir()))
    assert them.client.ask("GET", f"/v2/action_executions/{action}").body["state"] == state
