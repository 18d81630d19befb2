"""Figures of a whole server: starts, chains, joins, with-items, sub-workflows, results from outside, over HTTP.

    python benchmarks/bench_server.py [--database-url URL] [--workers N] [--url http://...] [--executions N]

Starts ``maestrale server`` on a free loopback port with an empty SQLite file, or on the database named (which should be empty),
unless ``--url`` names a server that runs already. Eight requests at once; the clock runs from the first start until no
execution is unfinished, and every execution is checked afterwards. Run it on an otherwise idle machine.
"""

# ruff: noqa: INP001, T201, S603 - a script that prints and starts the server under test

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx

AT_ONCE = 8
UNFINISHED = "in:RUNNING,IDLE,DELAYED,PAUSED"


def chain(n: int) -> dict[str, Any]:
    """Tasks one after another."""
    return {"tasks": {f"t{i}": {"action": "std.noop", **({"on-success": f"t{i + 1}"} if i < n else {})} for i in range(1, n + 1)}}


def fan(n: int) -> dict[str, Any]:
    """Branches into one join."""
    return {"tasks": {**{f"t{i}": {"on-success": "end"} for i in range(n - 1)}, "end": {"join": "all"}}}


def items(n: int, action: str = "std.echo output=<% $.i %>") -> dict[str, Any]:
    """One task over n items."""
    return {"tasks": {"each": {"with-items": f"i in <% range({n}) %>", "action": action}}}


def children(n: int, child: str) -> dict[str, Any]:
    """A sub-workflow for each item."""
    return {"tasks": {"each": {"with-items": f"i in <% range({n}) %>", "workflow": child}}}


@contextlib.contextmanager
def server(url: str | None, workers: int) -> Iterator[str]:
    """Address of a server that lives as long as the block."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "maestrale.cli", "server", "--port", "0", "--workers", str(workers),
             "--database-url", url or f"sqlite:///{folder}/bench.db"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        try:
            for line in process.stdout:
                found = re.search(r"url=(http://\S+)", line)
                if found:
                    break
            else:
                raise SystemExit("the server did not start")
            ThreadPoolExecutor(1).submit(process.stdout.read)
            yield found.group(1)
        finally:
            process.terminate()
            process.wait(30)


class Client:
    """Eight connections to one server."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url.rstrip('/')}/v2", timeout=120)
        self.pool = ThreadPoolExecutor(AT_ONCE)

    def define(self, name: str, body: dict[str, Any]) -> None:
        """Store a workflow."""
        self.http.post("/workflows", content=json.dumps({"version": "2.0", name: body})).raise_for_status()

    def start(self, name: str) -> str:
        """Start an execution; its id."""
        reply = self.http.post("/executions", json={"workflow_name": name})
        reply.raise_for_status()
        ident: str = reply.json()["id"]
        return ident

    def complete(self, ident: str) -> None:
        """Answer every waiting action of an execution, one request each."""
        tasks = self.http.get("/tasks", params={"workflow_execution_id": ident}).json()["tasks"]
        actions = self.http.get(f"/tasks/{tasks[0]['id']}/action_executions").json()["action_executions"]
        for action in actions:
            self.http.put(f"/action_executions/{action['id']}", json={"state": "SUCCESS", "output": {"r": 1}}).raise_for_status()

    def settle(self, name: str) -> None:
        """Wait until no execution of the workflow is unfinished."""
        query = {"workflow_name": name, "state": UNFINISHED, "limit": 1, "fields": "id"}
        while self.http.get("/executions", params=query).json()["executions"]:
            time.sleep(0.01)

    def measure(self, name: str, count: int, *, answer: bool = False) -> float:
        """Seconds that ``count`` executions take. Raises SystemExit if one of them fails."""
        def one(_: int) -> None:
            ident = self.start(name)
            if answer:
                self.complete(ident)

        began = time.perf_counter()
        list(self.pool.map(one, range(count)))
        self.settle(name)
        span = time.perf_counter() - began
        wrong = self.http.get("/executions", params={"workflow_name": name, "state": "neq:SUCCESS"}).json()["executions"]
        if wrong:
            raise SystemExit(f"{name}: {len(wrong)} executions did not succeed")
        return span


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url")
    parser.add_argument("--url")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--executions", type=int, default=200, help="of the smallest workflow; the others get fewer")
    given = parser.parse_args()
    run = uuid4().hex[:8]
    shapes: list[tuple[str, dict[str, Any], int, int]] = [
        ("start", chain(1), 1, 1), ("chain of 10", chain(10), 10, 4), ("join of 100", fan(100), 100, 20),
        ("join of 1000", fan(1000), 1000, 100), ("100 items", items(100), 100, 20), ("1000 items", items(1000), 1000, 100),
        ("20 children", children(20, f"child_{run}"), 41, 20), ("50 results", items(50, "std.async_noop"), 50, 40),
    ]
    with contextlib.ExitStack() as stack:
        client = Client(given.url or stack.enter_context(server(given.database_url, given.workers)))
        client.define(f"child_{run}", chain(2))
        print(f"{'workflow':<14}{'executions':>11}{'seconds':>9}{'tasks/s':>9}{'us/task':>9}")
        for number, (title, body, tasks, share) in enumerate(shapes):
            name = f"bench{number}_{run}"
            client.define(name, body)
            count = max(2, given.executions // share)
            client.measure(name, 1, answer=title.endswith("results"))
            span = client.measure(name, count, answer=title.endswith("results"))
            print(f"{title:<14}{count:>11}{span:>9.3f}{count * tasks / span:>9.0f}{span / count / tasks * 1e6:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
