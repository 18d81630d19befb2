"""Several servers on one database, alike: some come, some go."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from storm.servers import Server

WAITING = """
waiting:
  input: [sink, run]
  tasks:
    a: {action: std.noop, wait-before: 1, on-success: b}
    b: {action: "std.http url='<% $.sink %>/<% $.run %>' method='POST'", wait-before: 1}
"""


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_timers_fire_once_while_servers_come_and_go(kind, new_database, service, sink, tmp_path):
    database = new_database(kind)
    them = service(database, 3)
    them.define(WAITING)
    new = Server(database.url, tmp_path / "new.log")
    them.servers.all.append(new)

    started = [them.start("waiting", sink=sink.url, run=f"first{n}") for n in range(15)]
    new.start()
    them.servers.all[0].kill()
    started += [them.start("waiting", sink=sink.url, run=f"second{n}") for n in range(15)]
    leaving = threading.Thread(target=them.servers.all[1].stop)
    leaving.start()
    new.wait_until_up()
    ends = {them.wait(one)["state"] for one in started}
    leaving.join()

    assert ends == {"SUCCESS"}
    assert [len(sink.hits(f"/{name}{n}")) for name in ("first", "second") for n in range(15)] == [1] * 30


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_an_action_is_completed_once_by_many_at_different_servers(kind, new_database, service):
    them = service(new_database(kind), 2)
    them.define("w: {output: {by: <% $.by %>}, tasks: {a: {action: std.async_noop, publish: {by: <% task().result %>}}}}")
    for _ in range(5):
        execution_id = them.start("w")
        (task,) = them.client.ask("GET", f"/v2/executions/{execution_id}/tasks").body["tasks"]
        (action,) = them.client.ask("GET", f"/v2/tasks/{task['id']}/action_executions").body["action_executions"]
        replies = {}

        def complete(number, port, action_id=action["id"], replies=replies):
            body = {"state": "SUCCESS", "output": {"by": number}}
            replies[number] = them.client.once("PUT", f"/v2/action_executions/{action_id}", body, port=port).status

        ports = them.servers.ports()
        rivals = [threading.Thread(target=complete, args=(number, ports[number % 2])) for number in range(3)]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()

        assert sorted(replies.values()) == [200, 409, 409]
        (winner,) = [number for number, status in replies.items() if status == 200]
        assert them.wait(execution_id)["output"] == {"by": {"by": winner}}


def test_workers_end_with_their_parent_which_can_be_started_again_at_once(new_database, service, sink, until):
    them = service(new_database("postgresql"), workers=2)
    (server,) = them.servers.all
    them.define(WAITING)
    started = [them.start("waiting", sink=sink.url, run=f"run{n}") for n in range(8)]
    first = until(server.workers)

    os.kill(first[0], signal.SIGKILL)
    server.kill()
    server.start()
    server.wait_until_up()

    until(lambda: not any(Path(f"/proc/{one}").exists() for one in first))
    assert {them.wait(one)["state"] for one in started} == {"SUCCESS"}
    assert [len(sink.hits(f"/run{n}")) for n in range(8)] == [1] * 8


def test_a_worker_that_is_killed_is_replaced(new_database, service, until):
    them = service(new_database("sqlite"), workers=2)
    (server,) = them.servers.all
    killed = until(server.workers)[0]

    os.kill(killed, signal.SIGKILL)

    until(lambda: len(alive := server.workers()) == 2 and killed not in alive)
    assert server.is_up()
