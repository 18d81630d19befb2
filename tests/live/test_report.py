# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""A play that runs elsewhere and reports into an action that waits: it is interrupted, or its engine is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from urllib.parse import urlsplit

import pytest

WORKFLOW = "version: '2.0'\nlive_elsewhere:\n  tasks:\n    wait:\n      action: std.async_noop\n"


@pytest.fixture(scope="module")
def workflow(engine):
    engine.publish(WORKFLOW)


def waiting(engine):
    """An action that waits."""
    (task,) = engine.call("GET", f"/executions/{engine.start('live_elsewhere')['id']}/tasks")["tasks"]
    return engine.call("GET", f"/tasks/{task['id']}/action_executions")["action_executions"][0]["id"]


def begun(tmp_path, engine, action, seconds):
    """A play of three tasks, the second of which takes its time and has begun."""
    sleep = {"name": "Sleep", "ansible.builtin.command": f"sleep {seconds}"}
    tasks = [{"name": "First", "ansible.builtin.debug": {}}, sleep, {"name": "Last", "ansible.builtin.debug": {}}]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    settings = {
        "MAESTRALE_ENDPOINT": engine.api.removesuffix("/v2"),
        "MAESTRALE_ACTION_EXECUTION_ID": action,
        "ANSIBLE_CALLBACKS_ENABLED": "maestrale.mistral.report",
        "MAESTRALE_BATCH_SECONDS": "0",
    }
    command = ["ansible-playbook", str(tmp_path / "play.yml")]
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    engine.wait("the second task", lambda: "TASK [Sleep]" in engine.text(f"/action_executions/{action}/output"))
    return process


def ended(engine, action):
    return engine.wait("the end", lambda: (found := engine.call("GET", f"/action_executions/{action}"))["state"] != "RUNNING" and found)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_play_that_is_interrupted_ends_its_action(workflow, engine, tmp_path, number):
    action = waiting(engine)
    process = begun(tmp_path, engine, action, 60)
    process.send_signal(number)
    assert process.wait(30) != 0
    found = ended(engine, action)
    assert found["state"] == "ERROR"
    assert "before its recap" in json.loads(found["output"])["result"]["message"]
    assert "before its recap" in engine.text(f"/action_executions/{action}/output")


def test_an_engine_that_is_killed_meanwhile_hears_everything_once(server, tmp_path):
    engine = server.start()
    server.port = urlsplit(engine.api).port
    engine.publish(WORKFLOW)
    action = waiting(engine)
    process = begun(tmp_path, engine, action, 4)
    server.kill()
    assert process.poll() is None
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(6)
    engine = server.start()
    assert process.wait(60) == 0
    assert ended(engine, action)["state"] == "SUCCESS"
    lines = [line for line in engine.text(f"/action_executions/{action}/output").splitlines() if line.startswith(("TASK", "PLAY "))]
    assert lines == ["PLAY [localhost]", "TASK [First]", "TASK [Sleep]", "TASK [Last]", "PLAY RECAP"]
