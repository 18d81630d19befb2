"""Chains of actions that are not pure, beside DBOS: every action is committed, run outside the decision, and its result committed.

    python server/benchmarks/bench_steps.py [--database-url postgresql://...] [--url http://...] [--json results.json]
                                            [--dbos postgresql+psycopg://.../a_database]

Runs 60 executions of 10 ``std.sleep seconds=0`` at once, and one of a single one thirty times; with ``--dbos``, which needs the
package ``dbos``, the same of checkpointed steps that do nothing, on that database.
"""

# ruff: noqa: INP001, T201, S603 - a script that prints, and starts itself for the other library

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from importlib import import_module
from typing import Any
from uuid import uuid4

from served import Client, keep, server
from workloads import chain

STEPS, TOGETHER, ALONE = 10, 60, 30
ACTION = "std.sleep seconds=0"


async def ours(url: str) -> dict[str, float]:
    """Milliseconds of one step, and steps a second."""
    one, many = (f"steps_{uuid4().hex[:8]}" for _ in range(2))
    async with Client(url) as client:
        await client.define(one, chain(1, ACTION))
        await client.define(many, chain(STEPS, ACTION))
        latencies = [await client.finish(one, {}) for _ in range(ALONE)]
        began = time.perf_counter()
        await asyncio.gather(*(client.start(many, {}) for _ in range(TOGETHER)))
        await client.settle(many)
        seconds = time.perf_counter() - began
        await client.check(many, TOGETHER, {})
    return {"ms": round(1000 * statistics.median(latencies), 2), "rate": round(STEPS * TOGETHER / seconds, 1)}


def theirs(database_url: str) -> dict[str, float]:
    """The same of DBOS, in this process."""
    dbos = import_module("dbos").DBOS
    dbos(config={"name": "bench", "system_database_url": database_url, "log_level": "ERROR", "run_admin_server": False})

    @dbos.step()  # type: ignore[untyped-decorator]
    def step() -> int:
        return 1

    @dbos.workflow()  # type: ignore[untyped-decorator]
    def steps(count: int) -> int:
        return sum(step() for _ in range(count))

    dbos.launch()
    latencies = []
    for _ in range(ALONE + 1):
        began = time.perf_counter()
        steps(1)
        latencies.append(time.perf_counter() - began)
    began = time.perf_counter()
    for handle in [dbos.start_workflow(steps, STEPS) for _ in range(TOGETHER)]:
        handle.get_result()
    return {
        "ms": round(1000 * statistics.median(latencies[1:]), 2), "rate": round(STEPS * TOGETHER / (time.perf_counter() - began), 1),
    }


def main() -> None:
    """Print one line for each library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url")
    parser.add_argument("--url")
    parser.add_argument("--dbos")
    parser.add_argument("--only-dbos", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", help="file of results")
    given = parser.parse_args()
    if given.only_dbos:
        print(json.dumps(theirs(given.dbos)), flush=True)
        os._exit(0)  # its threads would go on
    with contextlib.ExitStack() as stack:
        url = given.url or stack.enter_context(server(given.database_url)).url
        found: dict[str, Any] = {"maestrale": asyncio.run(ours(url))}
    if given.dbos:
        command = [sys.executable, __file__, "--only-dbos", "--dbos", given.dbos]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found["dbos"] = json.loads(shown.strip().splitlines()[-1])
    for name, figures in found.items():
        print(f"{name:<10} one step {figures['ms']:>8} ms   {figures['rate']:>8} steps/s", flush=True)
    keep(given.json, "steps", found)


if __name__ == "__main__":
    main()
