"""SIGKILL in the middle of a workflow, and a new server: the workflow ends right."""

from __future__ import annotations

import time

import requests

WORKFLOW = """
child: {output: {v: 1}, tasks: {a: {action: std.sleep seconds=0.2, safe-rerun: true}}}
main:
  input: [base]
  output: {items: <% $.items %>, child: <% $.child %>, last: <% $.last %>}
  tasks:
    first: {action: std.http url="<% $.base %>/first", on-success: [fan, call]}
    fan:
      with-items: i in <% range(3) %>
      concurrency: 1
      action: std.http url="<% $.base %>/slow/0.4"
      safe-rerun: true
      publish: {items: <% task().result.status %>}
      on-success: end
    call: {workflow: child, publish: {child: <% task().result.v %>}, on-success: end}
    end: {join: all, wait-before: 1, action: std.echo output="end", publish: {last: <% task().result %>}}
unsafe: {input: [base], tasks: {a: {action: std.http url="<% $.base %>/slow/3"}}}
sleeper: {input: [seconds], tasks: {a: {action: std.sleep seconds=<% $.seconds %>}}}
"""


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_in_the_middle_of_a_workflow_it_ends_right_after_a_restart(url, servers, sink):
    server = servers(url)
    server.define(WORKFLOW)
    execution_id = server.start("main", input={"base": sink.base})
    until(lambda: sink.seen["/slow/0.4"] >= 1)
    server.kill()

    server = servers(url)
    found = server.wait(execution_id)

    assert found["state"] == "SUCCESS", found
    assert found["output"] == {"items": [200, 200, 200], "child": 1, "last": "end"}
    assert sink.seen["/first"] == 1
    assert sink.seen["/slow/0.4"] in {3, 4}


def test_killed_while_an_unsafe_action_runs_the_action_is_not_repeated(url, servers, sink):
    server = servers(url)
    server.define(WORKFLOW)
    execution_id = server.start("unsafe", input={"base": sink.base})
    until(lambda: sink.seen["/slow/3"] == 1)
    server.kill()

    server = servers(url)
    found = server.wait(execution_id)

    assert found["state"] == "ERROR"
    assert "safe-rerun" in found["state_info"]
    time.sleep(1)
    assert sink.seen["/slow/3"] == 1


def test_a_server_listens_and_goes_on_within_seconds_however_many_executions_wait(new_database, servers):
    url = new_database("sqlite")
    server = servers(url)
    server.define("waiting: {tasks: {a: {wait-before: 3600, action: std.noop}}}\nquick: {tasks: {a: {action: std.noop}}}")
    for _ in range(300):
        server.start("waiting")
    server.kill()

    began = time.monotonic()
    server = servers(url)
    assert time.monotonic() - began < 20  # the machine may be busy; loading them all would take far longer
    assert server.wait(server.start("quick"))["state"] == "SUCCESS"


def test_sigterm_lets_a_running_action_end_and_leaves_with_status_0(new_database, servers):
    url = new_database("sqlite")
    server = servers(url)
    server.define(WORKFLOW)
    execution_id = server.start("sleeper", input={"seconds": 1.5})
    time.sleep(0.3)

    assert server.terminate() == 0

    server = servers(url)
    assert server.execution(execution_id)["state"] == "SUCCESS"


def test_sigterm_hands_over_what_does_not_end_in_time(new_database, servers):
    url = new_database("sqlite")
    server = servers(url, MAESTRALE_ENGINE__DRAIN_TIMEOUT="1")
    server.define("safe: {tasks: {a: {action: std.sleep seconds=6, safe-rerun: true}}}")
    execution_id = server.start("safe")
    time.sleep(0.3)
    began = time.monotonic()

    assert server.terminate() == 0
    assert time.monotonic() - began < 5.5

    server = servers(url)
    assert server.wait(execution_id)["state"] == "SUCCESS"


def test_workers_share_a_socket_and_a_killed_one_is_replaced_without_clients_noticing(new_database, servers):
    url = new_database("postgresql")
    server = servers(url, "--workers", "2")
    server.define(WORKFLOW)
    running = server.start("sleeper", input={"seconds": 0.5})
    children = child_pids(server.process.pid)
    assert len(children) == 2

    import os
    import signal

    os.kill(children[0], signal.SIGKILL)
    for _ in range(20):
        assert server.wait(server.start("sleeper", input={"seconds": 0}))["state"] == "SUCCESS"
    until(lambda: len(child_pids(server.process.pid)) == 2, 60)

    assert server.wait(running)["state"] in {"SUCCESS", "ERROR"}
    assert server.terminate() == 0


def test_A367_several_workers_answer_below_a_path_prefix(new_database, servers):
    """A proxy hands ``/workflow/v2`` on as ``/v2`` and says so; no worker forgets it in a link."""
    server = servers(new_database("sqlite"), "--workers", "2", MAESTRALE_API__TRUST_PROXY_HEADERS="true")
    assert len(child_pids(server.process.pid)) == 2
    headers = {"X-Forwarded-Host": "cloud.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/workflow"}

    for _ in range(20):  # each time by a connection of its own, which either worker may take
        found = requests.get(f"{server.base}/v2/actions?limit=1", headers={**headers, "Connection": "close"}, timeout=10).json()
        assert found["next"].startswith("https://cloud.example.org/workflow/v2/actions?")


def child_pids(parent):
    from pathlib import Path

    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def test_it_refuses_to_listen_beyond_loopback_without_authentication(new_database, servers):
    server = servers(new_database("sqlite"), "--host", "0.0.0.0", wait=False)

    assert server.process.wait(20) == 1
    assert "without authentication" in server.log.read_text()


def test_an_idle_server_uses_next_to_no_processor_and_little_memory(new_database, servers):
    from pathlib import Path

    server = servers(new_database("sqlite"))
    requests.get(server.base, timeout=5)

    def ticks():
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(2)
    before = ticks()
    time.sleep(4)

    assert ticks() - before <= 20
    resident = next(line for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    assert int(resident.split()[1]) < 130_000


def test_workers_end_with_their_parent_however_it_ends(new_database, servers):
    server = servers(new_database("postgresql"), "--workers", "2")
    children = child_pids(server.process.pid)
    server.kill()

    from pathlib import Path

    until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children), 60)


def test_a_server_starts_without_its_database_and_says_that_it_is_not_ready(servers):
    server = servers("postgresql://nobody@127.0.0.1:1/nothing", wait=False)

    def answers():
        try:
            return requests.get(f"{server.base}/healthz", timeout=2).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    until(answers, 60)
    assert requests.get(f"{server.base}/readyz", timeout=5).status_code == 503
    answer = requests.post(f"{server.base}/v2/executions", json={"workflow_name": "w"}, timeout=20)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert server.terminate() == 0
