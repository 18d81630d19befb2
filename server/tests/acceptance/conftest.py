"""Real server processes, real databases, SIGKILL. SQLite always, PostgreSQL and MariaDB where they answer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

import database_servers

FINAL = ("SUCCESS", "ERROR", "CANCELLED")
SINK_ADDRESS = "127.0.0.2"
DENIED = json.dumps(["127.0.0.1/32", "::1/128"])


@pytest.fixture
def new_database(tmp_path):
    """A function from a kind to the URL of a new, empty database; dropped at the end."""
    made = []

    def make(kind):
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/maestrale.db"
        made.append((kind, database_servers.create(kind, "acceptance")))
        return made[-1][1]

    yield make
    for kind, url in made:
        database_servers.drop(kind, url)


@pytest.fixture(params=database_servers.KINDS)
def url(request, new_database):
    return new_database(request.param)


class Sink:
    """An HTTP server that counts what it is asked, by path; ``/slow/N`` answers after N seconds."""

    def __init__(self):
        sink = self
        self.seen = Counter()

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                sink.seen[self.path] += 1
                if self.path.startswith("/slow/"):
                    time.sleep(float(self.path.rpartition("/")[2]))
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer((SINK_ADDRESS, 0), Answer)
        self._server.daemon_threads = True
        self.base = f"http://{SINK_ADDRESS}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.close()


class Server:
    """``maestrale server`` as its own process, with a client."""

    def __init__(self, url, port, log, *options, **environment):
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "maestrale.cli", "server", "--port", str(port), "--database-url", url, *options]
        env = {**os.environ, "MAESTRALE_HTTP_DENIED_CIDRS": DENIED, **environment}
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, env=env, stderr=output, stdout=subprocess.DEVNULL)

    def wait_until_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{self.base}/readyz", timeout=2).status_code == 200:
                    return self
            except (requests.ConnectionError, requests.Timeout):
                pass
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, seconds=30):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def define(self, definition):
        answer = requests.post(
            f"{self.base}/v2/workflows", data="version: '2.0'\n" + definition, headers={"Content-Type": "text/plain"}, timeout=10)
        assert answer.status_code == 201, answer.text

    def start(self, name, **body):
        answer = requests.post(f"{self.base}/v2/executions", json={"workflow_name": name, **body}, timeout=30)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def execution(self, execution_id):
        answer = requests.get(f"{self.base}/v2/executions/{execution_id}", timeout=10)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return {**found, "output": json.loads(found["output"])}

    def tasks(self, execution_id):
        answer = requests.get(f"{self.base}/v2/executions/{execution_id}/tasks", timeout=10)
        return {task["name"]: task for task in answer.json()["tasks"]}

    def wait(self, execution_id, seconds=30):
        deadline = time.monotonic() + seconds
        while (found := self.execution(execution_id))["state"] not in FINAL:
            assert time.monotonic() < deadline, (found, self.log.read_text()[-3000:])
            time.sleep(0.05)
        return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def servers(tmp_path):
    """A function that starts a server process; all are killed at the end."""
    running = []
    port = free_port()

    def start(url, *options, wait=True, **environment):
        server = Server(url, port, tmp_path / f"server-{len(running)}.log", *options, **environment)
        running.append(server)
        return server.wait_until_ready() if wait else server

    yield start
    for server in running:
        if server.process.poll() is None:
            server.kill()
