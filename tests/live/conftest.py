# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""ansible-playbook and the API of the engine at MAESTRALE_ENDPOINT."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180.0


class Engine:
    """The engine, by its API."""

    def __init__(self):
        self.api = os.environ["MAESTRALE_ENDPOINT"].rstrip("/") + "/v2"

    def call(self, method, path, body=None, content_type="application/json"):
        """Send a request; returns the reply's value."""
        text = self.text(path, method, body, content_type)
        return json.loads(text) if text else None

    def text(self, path, method="GET", body=None, content_type="application/json"):
        """The same; returns the reply's text."""
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        request = urllib.request.Request(self.api + path, method=method, data=data and data.encode(), headers=headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.read().decode()

    def publish(self, text):
        """Store workflows."""
        return self.call("POST", "/workflows", text, "text/plain")["workflows"]

    def start(self, workflow, **fields):
        """Start an execution."""
        return self.call("POST", "/executions", {"workflow_name": workflow, **fields})

    def wait(self, what, look, patience=PATIENCE):
        """Look until there is something."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what} did not happen within {patience:.0f} s")


class Server:
    """A server with a database of its own, which can be killed and started again on it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = settings
        self.log = folder / "server.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "work").mkdir()

    def start(self) -> Engine:
        """Start it on its port, or a free one; returns its API once it listens."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MAESTRALE_")},
            "MAESTRALE_DATABASE_URL": f"sqlite:///{self.folder / 'maestrale.sqlite'}",
            "MAESTRALE_PLAYBOOKS__WORK_DIR": str(self.folder / "work"),
            "MAESTRALE_PLAYBOOKS__COLLECTIONS_PATH": json.dumps(os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)),
            **{f"MAESTRALE_{name}": value for name, value in self.settings.items()},
        }
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            command = ["maestrale", "server", "--port", str(self.port)]
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
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
    """A server that is started by the test, and ended after it."""
    made = Server(tmp_path)
    yield made
    with contextlib.suppress(ProcessLookupError):
        made.process.terminate()
    made.process.wait(60)


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
