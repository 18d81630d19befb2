"""The real service on loopback, and a caller of it: engine, SQLite, uvicorn on a free port, asked over HTTP."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import uvicorn

from maestrale import server as server_processes
from maestrale.bootstrap import build, prepare_database
from maestrale.config import load_settings
from maestrale.http_protocol import OneSegmentProtocol

FINAL = ("SUCCESS", "ERROR", "CANCELLED")
WAIT = 90.0

NOOP = "version: '2.0'\n{name}:\n  tasks:\n    t: {{action: std.noop}}\n"
WAITING = "version: '2.0'\n{name}:\n  tasks:\n    a: {{action: std.async_noop}}\n"
FAILING = "version: '2.0'\n{name}:\n  tasks:\n    t: {{action: std.fail}}\n"

TOKENS = {who: f"token-of-{who}-0123456789" for who in ("owner", "reader", "stranger", "admin")}
PROJECTS = {"owner": "p-own", "reader": "p-own", "stranger": "p-other", "admin": "p-admin"}
ROLES = {"owner": ["member"], "reader": ["reader"], "stranger": ["member"], "admin": ["admin"]}


def unique(prefix: str = "w") -> str:
    """A name that no other test uses."""
    return f"{prefix}_{uuid.uuid4().hex[:10]}"


def text_of(body: Any) -> str:
    """What an error says, from JSON or from plain text."""
    try:
        parsed = body.json()
    except ValueError:
        return body.text
    return parsed["faultstring"] if isinstance(parsed, dict) and "faultstring" in parsed else body.text


@dataclass
class Api:
    """One caller of one server. Paths begin behind /v2 unless they begin with a slash."""

    url: str
    headers: Mapping[str, str]

    def __post_init__(self):
        self.http = httpx.Client(base_url=self.url, headers=dict(self.headers), timeout=60, trust_env=False)

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.http.request(method, path if path.startswith("/") else f"/v2/{path}", **more)

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.call("GET", path, params=query or None)

    def post(self, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self._send("POST", path, body, query)

    def put(self, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self._send("PUT", path, body, query)

    def delete(self, path: str, **query: Any) -> httpx.Response:
        return self.call("DELETE", path, params=query or None)

    def _send(self, method: str, path: str, body: Any, query: Mapping[str, Any]) -> httpx.Response:
        content = {"content": body} if isinstance(body, (str, bytes)) else {"json": body}
        return self.call(method, path, params=query or None, **content)

    # ---- what most tests need

    def define(self, text: str = NOOP, name: str | None = None, **query: Any) -> str:
        """Store a workflow of one document; its name."""
        name = name or unique()
        reply = self.post("workflows", text.format(name=name) if "{name}" in text else text, **query)
        assert reply.status_code == 201, reply.text
        return reply.json()["workflows"][0]["name"]

    def start(self, workflow: str, **more: Any) -> dict[str, Any]:
        """Start a workflow; the execution as created."""
        reply = self.post("executions", {"workflow_name": workflow, **more})
        assert reply.status_code == 201, reply.text
        return reply.json()

    def execution(self, execution_id: str) -> dict[str, Any]:
        return self.get(f"executions/{execution_id}").json()

    def until(self, path: str, *states: str) -> dict[str, Any]:
        """Ask until the object is in one of the states."""
        end = time.monotonic() + WAIT
        while True:
            found = self.get(path).json()
            if found["state"] in (states or FINAL):
                return found
            assert time.monotonic() < end, found
            time.sleep(0.01)

    def run(self, text: str, **more: Any) -> dict[str, Any]:
        """Define a workflow, start it, wait for its end."""
        return self.until(f"executions/{self.start(self.define(text), **more)['id']}")

    def tasks(self, execution_id: str) -> dict[str, dict[str, Any]]:
        return {task["name"]: task for task in self.get(f"executions/{execution_id}/tasks").json()["tasks"]}

    def task(self, execution_id: str, name: str, *states: str) -> dict[str, Any]:
        """A task by name, once it exists and is in one of the states."""
        end = time.monotonic() + WAIT
        while True:
            found = self.tasks(execution_id).get(name)
            if found is not None and (not states or found["state"] in states):
                return self.get(f"tasks/{found['id']}").json()
            assert time.monotonic() < end, found
            time.sleep(0.01)

    def action(self, execution_id: str, name: str) -> dict[str, Any]:
        """The first action execution of a task."""
        task = self.task(execution_id, name)
        end = time.monotonic() + WAIT
        while True:
            found = self.get(f"tasks/{task['id']}/action_executions").json()["action_executions"]
            if found:
                return found[0]
            assert time.monotonic() < end
            time.sleep(0.01)


@contextmanager
def running(folder, **options: Any):
    """A server with these options until the end of the block; its address and its application."""
    settings = load_settings(None, {"database_url": f"sqlite:///{folder}/{uuid.uuid4().hex}.db", "port": 0, **options})
    prepare_database(settings)
    application = build(settings)
    bound = server_processes.listen(settings)
    web = uvicorn.Server(uvicorn.Config(application.asgi, http=OneSegmentProtocol, log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=web.run, kwargs={"sockets": [bound]}, daemon=True)
    application.start()
    thread.start()
    try:
        yield SimpleNamespace(url=server_processes.address_of(bound), application=application)
    finally:
        web.should_exit = True
        thread.join(10)
        application.stop()
        bound.close()


def token_options() -> dict[str, Any]:
    """A server's options for the callers of ``tenants``."""
    identities = [
        {"token": TOKENS[who], "project_id": PROJECTS[who], "user_id": f"u-{who}", "user_name": who, "roles": ROLES[who]} for who in TOKENS
    ]
    return {"auth": "token", "tokens": identities, "playbooks": {"git_urls": ["https://git.example.org/"]}}
