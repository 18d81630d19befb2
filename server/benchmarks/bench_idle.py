"""What a server costs that has nothing to do, and what rows alone cost: waiting executions and finished ones.

    python server/benchmarks/bench_idle.py [--database-url URL] [--waiting 10000] [--finished 100000] [--json results.json]

Prints the seconds until a server on an empty database answers, its resident memory and its share of a processor while idle;
the share again with many executions that wait for a result from outside; and the milliseconds of lists over the API, before and
after many finished executions were written beside them. The database has to be empty.
"""

# ruff: noqa: INP001, T201 - a script that prints

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from typing import Any

from bench_store import new_execution
from served import Client, Served, keep, server
from workloads import items

from maestrale.store import Batch, Changeset, Database, Executions
from maestrale.store.schema import upgrade

WATCHED = 20.0
AT_ONCE = 1000
LISTS = {
    "newest": {"limit": "20", "sort_keys": "created_at", "sort_dirs": "desc"},
    "by state": {"limit": "20", "state": "RUNNING"},
    "by workflow": {"limit": "20", "workflow_name": "waiting", "fields": "id,state"},
}


def share_when_idle(served: Served) -> float:
    """Percent of a processor over some seconds."""
    time.sleep(2.0)
    before, began = served.cpu_seconds(), time.perf_counter()
    time.sleep(WATCHED)
    return round(100 * (served.cpu_seconds() - before) / (time.perf_counter() - began), 2)


async def make_waiting(url: str, count: int) -> None:
    """Executions of one asynchronous action that nobody answers."""
    async with Client(url) as client:
        await client.define("waiting", items(1, "std.async_noop"))
        await asyncio.gather(*(client.start("waiting", {}) for _ in range(count)))


async def list_times(url: str) -> dict[str, float]:
    """Median milliseconds of each list."""
    found = {}
    async with Client(url) as client:
        for name, query in LISTS.items():
            latencies = []
            for _ in range(21):
                began = time.perf_counter()
                await client.ask("GET", "/executions", params=query)
                latencies.append(time.perf_counter() - began)
            found[name] = round(1000 * statistics.median(latencies), 2)
    return found


def make_finished(database_url: str, count: int) -> None:
    """Rows of finished executions of the project that nobody has to log in to."""
    database = Database(database_url)
    executions = Executions(database)
    for start in range(0, count, AT_ONCE):
        some = [new_execution(number, "SUCCESS") for number in range(start, min(count, start + AT_ONCE))]
        for one in some:
            one.project_id = "<default-project>"
        executions.commit(Batch(changesets=[Changeset(one, 0) for one in some], new_specs={"d" * 40: {"name": "w"}}))
    database.close()


def measure(database_url: str, waiting: int, finished: int) -> dict[str, Any]:
    """All figures of one server."""
    upgrade(database_url)
    with server(database_url) as served:
        found: dict[str, Any] = {
            "seconds to start": round(served.seconds, 2), "MB": round(served.megabytes(), 1), "percent": share_when_idle(served)}
        asyncio.run(make_waiting(served.url, waiting))
        found |= {"waiting": waiting, "percent waiting": share_when_idle(served), "MB waiting": round(served.megabytes(), 1)}
        found["lists"] = asyncio.run(list_times(served.url))
        make_finished(database_url, finished)
        found |= {"finished": finished, "lists finished": asyncio.run(list_times(served.url))}
    return found


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url")
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--json", help="file of results")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(given.database_url or f"sqlite:///{folder}/idle.db", given.waiting, given.finished)
    for name, value in found.items():
        print(f"{name:<18} {value}", flush=True)
    keep(given.json, "idle", found)


if __name__ == "__main__":
    main()
