"""Playbooks that only so many may run of at once, on two servers."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

SECONDS = "2.7353"
INVENTORY = "one ansible_connection=local"


def at_work():
    """How many of the playbooks' own commands run at the moment."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes() == f"sleep\0{SECONDS}\0".encode()
        except OSError:
            continue
    return found


class Watch:
    """Looks at the process table all the time; ``most`` is what it saw at once."""

    def __init__(self):
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self):
        while not self._over.is_set():
            self.most = max(self.most, at_work())
            time.sleep(0.05)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()


@pytest.fixture
def them(database, service, tmp_path):
    """Two servers that let two playbooks run on the inventory."""
    pytest.importorskip("ansible")
    them = service(
        database, 2, MAESTRALE_PLAYBOOKS__WORK_DIR=str(tmp_path / "work"), MAESTRALE_PLAYBOOKS__GRACE="1",
        MAESTRALE_PLAYBOOKS__LIMITS=json.dumps({f"inventory:{INVENTORY}": 2}))
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.command": f"sleep {SECONDS}"}]}]
    them.define("w:\n  tasks:\n    a:\n      action: ansible.playbook\n      input: " + json.dumps({
        "playbook": play, "inventory": INVENTORY}))
    return them


def states(them, executions):
    return [them.execution(one)["state"] for one in executions]


def waiting(them):
    found = them.client.ask("GET", "/v2/action_executions?fields=state,state_info,created_at").body["action_executions"]
    return [one for one in found if one["state"] == "RUNNING" and (one.get("state_info") or "").startswith("Waits for a place of ")]


def test_no_more_than_allowed_run_at_once_the_others_say_what_they_wait_for_and_a_waiting_one_can_be_cancelled(them, until):
    with Watch() as watch:
        executions = [them.start("w") for _ in range(6)]
        until(lambda: len(waiting(them)) == 4, 60)
        assert f"'inventory:{INVENTORY}' (2 at once) since " in waiting(them)[0]["state_info"]
        them.client.ask("PUT", f"/v2/executions/{executions[-1]}", {"state": "CANCELLED"})
        them.wait(executions[-1], 10)
        for one in executions:
            them.wait(one, 90)

    assert watch.most == 2
    assert states(them, executions) == ["SUCCESS"] * 5 + ["CANCELLED"]


def test_places_of_a_killed_server_are_free_again_and_whoever_waited_there_runs_elsewhere(them, until):
    with Watch() as watch:
        executions = [them.start("w") for _ in range(6)]
        until(lambda: at_work() == 2 and len(waiting(them)) == 4, 60)
        them.servers.all[0].kill()
        for one in executions:
            them.wait(one, 90)

    ended = states(them, executions)
    assert watch.most == 2
    assert ended.count("SUCCESS") >= 4
    assert ended.count("SUCCESS") + ended.count("ERROR") == 6
