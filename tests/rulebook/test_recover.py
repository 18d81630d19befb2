# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""The rulebook maestrale.mistral.recover in a real ansible-rulebook, against a running engine (MAESTRALE_ENDPOINT)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

ENDPOINT = os.environ["MAESTRALE_ENDPOINT"].rstrip("/") + "/v2"
WORKFLOWS = """
version: '2.0'
rulebook_watched:
  tasks:
    broken:
      action: std.fail
rulebook_recovery:
  input: [failed_execution, reason]
  output:
    recovered: <% $.failed_execution %>
  tasks:
    note:
      action: std.echo output=<% $.reason %>
"""
PATIENCE = 120.0


def call(method, path, body=None, content_type="application/json"):
    request = urllib.request.Request(ENDPOINT + path, method=method, data=body and body.encode(), headers={"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)


def wait_for(what, look):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s")


@pytest.fixture
def rulebook(tmp_path):
    """A running ansible-rulebook and its log."""
    variables = {"endpoint": ENDPOINT, "watched_workflow": "rulebook_watched", "recovery_workflow": "rulebook_recovery"}
    (tmp_path / "vars.yml").write_text(json.dumps(variables))
    (tmp_path / "inventory").write_text("localhost ansible_connection=local\n")
    home = Path(shutil.which("java")).resolve().parents[1]
    log = tmp_path / "log"
    command = [
        "ansible-rulebook",
        "--rulebook",
        "maestrale.mistral.recover",
        "--vars",
        "vars.yml",
        "-i",
        "inventory",
        "--print-events",
        "-v",
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, "JAVA_HOME": str(home), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield log
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_failed_execution_is_recovered_once(rulebook):
    call("POST", "/workflows", WORKFLOWS, "text/plain")
    wait_for("the start of the rulebook", lambda: "load source" in rulebook.read_text() or "Waiting for actions" in rulebook.read_text())
    # The source takes no notice of what was there before its first look.
    time.sleep(5)
    failed = call("POST", "/executions", json.dumps({"workflow_name": "rulebook_watched"}))

    def recovery():
        return call("GET", "/executions?workflow_name=rulebook_recovery&state=SUCCESS")["executions"]

    try:
        (execution,) = wait_for("the recovery", recovery)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{rulebook.read_text()[-3000:]}") from error
    output = json.loads(call("GET", f"/executions/{execution['id']}")["output"])
    assert output == {"recovered": failed["id"]}
    time.sleep(5)
    assert len(recovery()) == 1
