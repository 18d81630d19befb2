"""A playbook whose server dies."""

from __future__ import annotations

import json

import pytest
from storm.processes import is_running
from storm.shapes import LOST

MARK = "7351.25"


def sleeping():
    """Whether a process of the playbook lives."""
    return is_running(MARK)


def test_it_ends_with_its_server_leaves_nothing_and_its_execution_says_so(new_database, service, until, tmp_path):
    pytest.importorskip("ansible")
    work = tmp_path / "work"
    database = new_database("sqlite")
    them = service(database, MAESTRALE_PLAYBOOKS__WORK_DIR=str(work), MAESTRALE_PLAYBOOKS__GRACE="1")
    tasks = [{"ansible.builtin.debug": {"msg": "before"}}, {"ansible.builtin.command": f"sleep {MARK}"}]
    play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    them.define("w:\n  tasks:\n    a:\n      action: ansible.playbook\n      input: " + json.dumps({
        "playbook": play, "inventory": "one ansible_connection=local"}))
    execution_id = them.start("w")
    until(sleeping, 60)
    (action,) = them.client.ask("GET", "/v2/action_executions").body["action_executions"]
    output = f"/v2/action_executions/{action['id']}/output"
    until(lambda: '"msg": "before"' in str(them.client.ask("GET", output).body), 60)
    (server,) = them.servers.all

    server.kill()
    until(lambda: not sleeping())
    until(lambda: not any(work.iterdir()))
    server.start()
    server.wait_until_up()

    found = them.wait(execution_id)
    assert found["state"] == "ERROR"
    assert LOST in found["state_info"]
    reply = them.client.ask("GET", f"{output}?follow=true")
    assert '"msg": "before"' in str(reply.body)


def test_what_a_playbook_left_is_cleared_by_the_next_server(new_database, service, until, tmp_path):
    pytest.importorskip("ansible")
    remains = tmp_path / "work" / "maestrale-playbook-dead"
    remains.mkdir(parents=True)
    (remains / "lock").write_text("gone")

    service(new_database("sqlite"), MAESTRALE_PLAYBOOKS__WORK_DIR=str(tmp_path / "work"))

    until(lambda: not remains.exists())
