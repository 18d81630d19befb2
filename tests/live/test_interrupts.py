# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, SIGTERM and a task's timeout while an execution is followed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading

import pytest
from conftest import ROOT

WORKFLOW = "version: '2.0'\nlive_interrupted:\n  tasks:\n    wait:\n      action: std.async_noop\n"


@pytest.fixture(scope="module")
def workflow(engine):
    engine.publish(WORKFLOW)


def plays(**arguments):
    task = {
        "maestrale.mistral.workflow_run": {"workflow": "live_interrupted", "wait_sleep_max": 1, **arguments.pop("options", {})},
        **arguments,
    }
    return [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]


def state(engine, identity):
    return engine.call("GET", f"/executions/{identity}")["state"]


def started(engine, key):
    """The execution that the play has started."""

    def look():
        found = engine.call("GET", "/executions?workflow_name=live_interrupted&description=" + key)["executions"]
        return found and found[0]["id"]

    return engine.wait("the start", look)


@pytest.mark.parametrize(("on_interrupt", "expected"), [("cancel", "CANCELLED"), ("leave", "RUNNING")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(number, on_interrupt, expected, workflow, engine, tmp_path):
    key = f"{on_interrupt}-{number}"
    path = tmp_path / "play.yml"
    path.write_text(json.dumps(plays(options={"on_interrupt": on_interrupt, "description": key})))
    process = subprocess.Popen(
        ["ansible-playbook", str(path)],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    is_followed = threading.Event()
    lines = []

    def read():
        for line in process.stdout:
            lines.append(line)
            if "wait: RUNNING" in line:
                is_followed.set()

    reader = threading.Thread(target=read)
    reader.start()
    identity = started(engine, key)
    assert is_followed.wait(30)
    os.killpg(process.pid, number)
    process.wait(30)
    reader.join(10)
    assert process.returncode != 0
    assert any(identity in line and "follow it with execution_wait" in line for line in lines)
    if expected == "CANCELLED":
        engine.wait("the cancel", lambda: state(engine, identity) == "CANCELLED")
    else:
        assert state(engine, identity) == "RUNNING"
        engine.call("PUT", f"/executions/{identity}", {"state": "CANCELLED"})


def test_a_timeout_of_the_task(workflow, engine, play):
    result = play(plays(timeout=3, options={"on_interrupt": "cancel", "description": "timeout"}), check=False)
    assert result.returncode == 2
    assert state(engine, started(engine, "timeout")) == "CANCELLED"
