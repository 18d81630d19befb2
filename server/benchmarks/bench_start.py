"""What starting a server takes: on a new SQLite file and on one that is up to date, with the OpenStack catalogue made and kept.

    python server/benchmarks/bench_start.py [--times 5] [--json results.json]

Prints, for the first start and for the median of those after it: the seconds until the server answers, the processor's share of
them, its resident memory, and the seconds until it has listed an action for the first time. With the first listing the descriptions
of the OpenStack actions are read from openstacksdk; later starts find them in a file.
"""

# ruff: noqa: INP001, T201 - a script that prints

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

import httpx
from served import keep, server


def one_start(database_url: str) -> dict[str, float]:
    """Figures of one server from its start to its first list of actions."""
    with server(database_url) as served:
        found = {"seconds": served.seconds, "processor": served.cpu_seconds(), "MB": served.megabytes()}
        began = time.perf_counter()
        httpx.get(f"{served.url}/v2/actions?limit=1", timeout=120).raise_for_status()
        return {**found, "first list": time.perf_counter() - began, "MB listed": served.megabytes()}


def measure(times: int) -> dict[str, dict[str, float]]:
    """The first start on an empty folder, and the median of the starts after it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        starts = [one_start(f"sqlite:///{folder}/start.db") for _ in range(1 + times)]
    again = {name: statistics.median(one[name] for one in starts[1:]) for name in starts[0]}
    return {kind: {name: round(value, 2) for name, value in row.items()} for kind, row in (("first", starts[0]), ("again", again))}


def main() -> None:
    """Print a line for each start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", help="file of results")
    given = parser.parse_args()
    found = measure(given.times)
    for kind, row in found.items():
        print(f"{kind:<6} " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    keep(given.json, "start", found)


if __name__ == "__main__":
    main()
