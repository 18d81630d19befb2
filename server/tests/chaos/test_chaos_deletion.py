"""What runs for an execution that is deleted by force ends with it, whichever server runs it."""

from __future__ import annotations

import json
import select
import socket

import pytest
from storm.processes import is_running

MARK = "7352.25"


def sleeping():
    """Whether a process of the playbook lives."""
    return is_running(MARK)


def begun_at_one_server(them, text, **inputs):
    """Define a workflow and start it at the first server, which then runs its action; the execution's id."""
    them.define(text)
    reply = them.client.once("POST", "/v2/executions", {"workflow_name": "w", "input": inputs}, port=them.servers.ports()[0])
    return reply.body["id"]


def deleted_at(them, execution_id, server):
    reply = them.client.once("DELETE", f"/v2/executions/{execution_id}?force=true", port=them.servers.ports()[server])
    assert reply.status == 204, reply


@pytest.mark.parametrize("server", [0, 1])
def test_a_playbook_is_ended_and_leaves_nothing(server, new_database, service, until, tmp_path):
    pytest.importorskip("ansible")
    work = tmp_path / "work"
    them = service(new_database("postgresql"), 2, MAESTRALE_PLAYBOOKS__WORK_DIR=str(work), MAESTRALE_PLAYBOOKS__GRACE="1")
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.command": f"sleep {MARK}"}]}]
    given = json.dumps({"playbook": play, "inventory": "one ansible_connection=local"})
    execution_id = begun_at_one_server(them, f"w:\n  tasks:\n    a:\n      action: ansible.playbook\n      input: {given}")
    until(sleeping, 60)

    deleted_at(them, execution_id, server)

    until(lambda: not sleeping())
    until(lambda: not any(work.iterdir()))
    assert them.client.ask("GET", "/v2/action_executions").body["action_executions"] == []


@pytest.mark.parametrize("server", [0, 1])
def test_a_request_that_waits_for_its_answer_is_dropped(server, new_database, service):
    them = service(new_database("postgresql"), 2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        execution_id = begun_at_one_server(them, "w: {input: [url], tasks: {a: {action: std.http url=<% $.url %>}}}", url=url)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            assert connection.recv(4096)
            assert not select.select([connection], [], [], 0.2)[0]

            deleted_at(them, execution_id, server)

            assert connection.recv(4096) == b""
