# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""The demonstration's workflow on a server that is killed in the middle of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Engine

FILES = Path(__file__).resolve().parents[2] / "playbooks" / "files"
VARIABLES = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
INVENTORY = {
    "all": {
        "vars": VARIABLES,
        "children": {"web": {"hosts": {"web1": {}, "web2": {}}}, "data": {"hosts": {"database": {}}}},
    }
}


class Server:
    """A server with a database of its own, which can be killed and started again on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "work").mkdir()

    def start(self) -> Engine:
        """Start it on a free port; returns its API once it listens."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MAESTRALE_")},
            "MAESTRALE_DATABASE_URL": f"sqlite:///{self.folder / 'maestrale.sqlite'}",
            "MAESTRALE_PLAYBOOKS__WORK_DIR": str(self.folder / "work"),
            "MAESTRALE_PLAYBOOKS__COLLECTIONS_PATH": json.dumps(os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)),
        }
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(["maestrale", "server", "--port", "0"], env=environment, stdout=output, stderr=output)
        engine = Engine()
        engine.api = engine.wait("a listening server", lambda: self._address(begin)) + "/v2"
        return engine

    def _address(self, begin: int) -> str | None:
        found = re.search(r"listening .*url=(http://\S+)", self.log.read_bytes()[begin:].decode())
        return found.group(1) if found else None

    def kill(self) -> None:
        """End it as nothing else does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    yield made
    with contextlib.suppress(ProcessLookupError):
        made.process.terminate()
    made.process.wait(60)


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
