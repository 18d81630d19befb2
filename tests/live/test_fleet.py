# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""The example of twenty hosts on a server that is killed in the middle, and its rerun limited to the host that failed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "fleet"
INVENTORY = {
    "all": {
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
        "children": {group: {"hosts": {f"{group}{number}": {} for number in range(1, 11)}} for group in ("web", "data")},
    }
}


def ended(engine, ident):
    def look():
        found = engine.call("GET", f"/executions/{ident}")
        return found["state"] != "RUNNING" and found

    return engine.wait("the end", look, patience=300)


def tasks(engine, ident):
    return {task["name"]: task for task in engine.call("GET", f"/executions/{ident}/tasks")["tasks"]}


def test_a_fleet_is_updated_though_the_server_is_killed_and_only_the_failed_host_is_looked_at_again(server, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "full-data7").touch()
    (state / "silent-web4").touch()
    engine = server.start()
    engine.publish((FOLDER / "workflow.yaml").read_text())
    values = {"folder": str(FOLDER), "inventory": INVENTORY, "state": str(state)}
    ident = engine.start("example_fleet", input=values)["id"]
    engine.wait("both branches", lambda: {"web", "data"} <= set(tasks(engine, ident)))

    server.kill()
    engine = server.start()

    failed = ended(engine, ident)
    assert failed["state"] == "ERROR"
    assert "host web4" in failed["state_info"]
    (state / "silent-web4").unlink()
    verify = tasks(engine, ident)["verify"]["id"]
    engine.call("PUT", f"/tasks/{verify}", {"state": "RUNNING", "reset": False})
    found = ended(engine, ident)
    assert found["state"] == "SUCCESS", found["state_info"]
    output = json.loads(found["output"])
    assert sorted(output["web"]) == sorted(INVENTORY["all"]["children"]["web"]["hosts"])
    assert output["repaired"] == ["data7"]
    assert output["report"] == "10 web servers are updated, data7 had to be repaired"
    result = json.loads(engine.call("GET", f"/tasks/{verify}")["result"])
    assert list(result["stats"]) == ["web4"]
