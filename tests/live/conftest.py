# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""ansible-playbook and the API of the engine at MAESTRALE_ENDPOINT."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


class Engine:
    """The engine, by its API."""

    def __init__(self):
        self.api = os.environ["MAESTRALE_ENDPOINT"].rstrip("/") + "/v2"

    def call(self, method, path, body=None, content_type="application/json"):
        """Send a request; returns the reply's value."""
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        request = urllib.request.Request(self.api + path, method=method, data=data and data.encode(), headers=headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def publish(self, text):
        """Store workflows."""
        return self.call("POST", "/workflows", text, "text/plain")["workflows"]

    def start(self, workflow, **fields):
        """Start an execution."""
        return self.call("POST", "/executions", {"workflow_name": workflow, **fields})

    def wait(self, what, look):
        """Look until there is something."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s")


@pytest.fixture(scope="session")
def engine():
    return Engine()


@pytest.fixture
def play(tmp_path):
    """Run a playbook, given as a name, a path or plays; returns the process and its artifacts."""

    def run(playbook, *, check=True, environment=None, **variables):
        if isinstance(playbook, list):
            (tmp_path / "play.yml").write_text(json.dumps(playbook))
            playbook = str(tmp_path / "play.yml")
        command = ["ansible-playbook", playbook, "--extra-vars", json.dumps(variables)]
        settings = {"ANSIBLE_SHOW_CUSTOM_STATS": "1", **(environment or {})}
        result = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300, check=False)
        if check and result.returncode:
            raise AssertionError(f"{' '.join(command)}\n{result.stdout}\n{result.stderr}")
        return result

    return run


def artifacts(result):
    """What a play handed on with set_stats."""
    text = result.stdout.split("RUN: ", 1)[1]
    return json.JSONDecoder().raw_decode(text)[0]
