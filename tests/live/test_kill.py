# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""The demonstration's workflow on a server that is killed in the middle of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[2] / "playbooks" / "files"
VARIABLES = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
INVENTORY = {
    "all": {
        "vars": VARIABLES,
        "children": {"web": {"hosts": {"web1": {}, "web2": {}}}, "data": {"hosts": {"database": {}}}},
    }
}


def tasks(engine, ident):
    return {task["name"]: task["state"] for task in engine.call("GET", f"/executions/{ident}/tasks")["tasks"]}


@pytest.mark.parametrize("task", ["survey", "prepare", "report"])
def test_the_demonstration_ends_right_though_its_server_is_killed_while_a_playbook_runs(server, tmp_path, task):
    folder = tmp_path / "report"
    folder.mkdir()
    engine = server.start()
    engine.publish((FILES / "quickstart.yaml").read_text())
    ident = engine.start("maestrale_quickstart", input={"inventory": INVENTORY, "folder": str(folder)})["id"]
    engine.wait(f"task {task}", lambda: tasks(engine, ident).get(task) == "RUNNING")
    time.sleep(1)  # so that a playbook of it is running

    server.kill()
    engine = server.start()

    execution = engine.wait("the end", lambda: (found := engine.call("GET", f"/executions/{ident}"))["state"] != "RUNNING" and found)
    assert execution["state"] == "SUCCESS", execution["state_info"]
    output = json.loads(execution["output"])
    assert sorted(host["name"] for host in output["hosts"]) == ["database", "web1", "web2"]
    assert len(output["prepared"]) == 3
    assert (folder / "report.md").exists()
