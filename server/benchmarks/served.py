"""What whole-server benchmarks share: a server under test, a client of eight connections, and a file of results."""

# ruff: noqa: INP001, S603, ASYNC110 - a module of the scripts beside it, which starts the server under test and asks it from time to time

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import httpx

AT_ONCE = 8
PAUSE = 0.01
UNFINISHED = "in:RUNNING,IDLE,DELAYED,PAUSED"
TICKS = os.sysconf("SC_CLK_TCK")
DENIED = '["127.0.0.1/32","::1/128","169.254.0.0/16","fe80::/10"]'
"""Addresses that actions must not call: the usual ones but 127.0.0.2, where the benchmark's own HTTP server listens."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. ``seconds``: from its start until it answered; 0 for one that ran already, which has no ``pid`` either."""

    url: str
    pid: int | None = None
    seconds: float = 0.0

    def cpu_seconds(self) -> float:
        """Processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def megabytes(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


@contextlib.contextmanager
def server(database_url: str | None = None, workers: int = 1) -> Iterator[Served]:
    """A server on a free port that lives as long as the block; without an address of a database on a new SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        url = database_url or f"sqlite:///{folder}/bench.db"
        command = [sys.executable, "-m", "maestrale.cli", "server", "--port", "0", "--workers", str(workers), "--database-url", url]
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "MAESTRALE_HTTP_DENIED_CIDRS": DENIED})
        assert process.stdout is not None
        try:
            address = next((found.group(1) for line in process.stdout if (found := re.search(r"url=(http://\S+)", line))), None)
            if address is None:
                raise SystemExit("the server did not start")
            threading.Thread(target=process.stdout.read, daemon=True).start()
            while httpx.get(f"{address}/readyz", timeout=120).status_code != 200:
                time.sleep(PAUSE)
            yield Served(address, process.pid, time.perf_counter() - began)
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


class Client:
    """At most eight requests at once to one server."""

    def __init__(self, url: str, token: str | None = None) -> None:
        address = url.rstrip("/").removesuffix("/v2")
        headers = {"X-Auth-Token": token} if token else {}
        limits = httpx.Limits(max_connections=AT_ONCE)
        self._http = httpx.AsyncClient(base_url=f"{address}/v2", headers=headers, timeout=300, limits=limits)
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        """Requests can be made."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """The JSON of an answer. Raises SystemExit for a refusal."""
        async with self._gate:
            reply = await self._http.request(method, path, **more)
        if reply.status_code >= 400:
            raise SystemExit(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
        return reply.json()

    async def define(self, name: str, body: Mapping[str, Any]) -> None:
        """Store a workflow."""
        text = json.dumps({"version": "2.0", name: body})
        await self.ask("POST", "/workflows", content=text, headers={"Content-Type": "text/plain"})

    async def start(self, name: str, given: Mapping[str, Any]) -> str:
        """Start an execution; its id."""
        started = await self.ask("POST", "/executions", json={"workflow_name": name, "input": json.dumps(given)})
        return str(started["id"])

    async def complete(self, execution_id: str, count: int) -> None:
        """Answer every waiting action of an execution's one task, a request each."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            tasks = (await self.ask("GET", "/tasks", params={"workflow_execution_id": execution_id}))["tasks"]
            if tasks:
                found = (await self.ask("GET", f"/tasks/{tasks[0]['id']}/action_executions"))["action_executions"]
        result = {"state": "SUCCESS", "output": json.dumps({"result": 1})}
        await asyncio.gather(*(self.ask("PUT", f"/action_executions/{one['id']}", json=result) for one in found))

    async def settle(self, name: str) -> None:
        """Wait until no execution of the workflow is listed as unfinished."""
        query = {"workflow_name": name, "state": UNFINISHED, "limit": "1", "fields": "id"}
        while (await self.ask("GET", "/executions", params=query))["executions"]:
            await asyncio.sleep(PAUSE)

    async def finish(self, name: str, given: Mapping[str, Any]) -> float:
        """Start one execution and ask until it has ended; seconds."""
        began = time.perf_counter()
        execution_id = await self.start(name, given)
        while (await self.ask("GET", f"/executions/{execution_id}"))["state"] == "RUNNING":
            await asyncio.sleep(0.002)
        return time.perf_counter() - began

    async def check(self, name: str, count: int, expected: Mapping[str, Any]) -> None:
        """Raises SystemExit unless all executions of the workflow have succeeded with the expected output."""
        query = {"workflow_name": name, "fields": "state,output", "limit": "1000"}
        found = (await self.ask("GET", "/executions", params=query))["executions"]
        right = [one for one in found if one["state"] == "SUCCESS" and expected.items() <= _output(one).items()]
        if len(right) != count:
            raise SystemExit(f"{name}: {len(right)} of {count} executions ended as they should")


def _output(execution: Mapping[str, Any]) -> dict[str, Any]:
    value = execution.get("output") or {}
    found: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return found


def keep(path: str | None, name: str, results: Any) -> None:
    """Put results under a name into a JSON file, beside what other scripts have put there, and the machine's description."""
    if path is None:
        return
    file = Path(path)
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**known, name: results, "machine": machine()}, indent=1) + "\n")


def machine() -> str:
    """Processor, Python and version."""
    models = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return (
        f"{os.cpu_count()} processors ({models[0] if models else platform.machine()}), Python {platform.python_version()}, "
        f"maestrale {version('maestrale')}"
    )
