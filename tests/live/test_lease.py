# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""A play that is killed while it follows an execution: the engine does what the lease says."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest
from conftest import ROOT

WORKFLOW = "version: '2.0'\nlive_leased:\n  tasks:\n    wait:\n      action: std.async_noop\n"


@pytest.fixture(scope="module")
def workflow(engine):
    engine.publish(WORKFLOW)


@pytest.mark.parametrize(("on_lost", "expected"), [("cancel", "CANCELLED"), ("pause", "PAUSED")])
def test_a_killed_play(on_lost, expected, workflow, engine, tmp_path):
    options = {"workflow": "live_leased", "lease": 3, "on_lease_lost": on_lost, "description": f"leased {on_lost}"}
    task = {"maestrale.mistral.workflow_run": options}
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    process = subprocess.Popen(
        ["ansible-playbook", str(path)], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        while b"wait: RUNNING" not in process.stdout.readline():
            assert process.poll() is None
        (execution,) = engine.call("GET", f"/executions?workflow_name=live_leased&description=leased%20{on_lost}")["executions"]
        assert execution["state"] == "RUNNING"
        # Only the player: its worker lives on for a moment, notices, and must not renew for ever.
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    path = f"/executions/{execution['id']}"
    found = engine.wait("the verdict", lambda: (seen := engine.call("GET", path))["state"] != "RUNNING" and seen)
    assert found["state"] == expected
    assert "its owner was not heard of for 3 s" in found["state_info"]
    engine.call("PUT", path, {"state": "CANCELLED"})
