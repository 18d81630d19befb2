"""How the seconds of one execution grow with its tasks: a join, a chain and with-items, from 10 to 10,000 of them.

    python server/benchmarks/bench_scaling.py [--database-url URL] [--url http://...] [--most 10000]
                                              [--svg docs/scaling.svg] [--json results.json]

Prints lines of CSV: shape, tasks, seconds, microseconds a task. Each point is the better of two executions, from the request
that starts it until it is seen as ended; the definition is stored, and one execution was run, before.
"""

# ruff: noqa: INP001, T201 - a script that prints

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from plot import plot
from served import Client, keep, server
from workloads import Body, chain, fan, items

SHAPES: dict[str, Callable[[int], Body]] = {"join": fan, "chain": chain, "with-items": items}
STEPS = (1, 3)
ROUNDS = 2


def sizes(most: int) -> list[int]:
    """10, 30, 100, 300 and so on."""
    return [size for power in range(1, len(str(most))) for step in STEPS if (size := step * 10**power) <= most]


async def measure(url: str, most: int) -> dict[str, list[tuple[int, float]]]:
    """Tasks and seconds for each shape."""
    found: dict[str, list[tuple[int, float]]] = {}
    print("shape,tasks,seconds,us_a_task")
    async with Client(url) as client:
        for shape, body in SHAPES.items():
            for size in sizes(most):
                name = f"{shape}_{size}_{uuid4().hex[:8]}"
                await client.define(name, body(size))
                await client.finish(name, {})
                seconds = min([await client.finish(name, {}) for _ in range(ROUNDS)])
                await client.check(name, ROUNDS + 1, {})
                found.setdefault(shape, []).append((size, round(seconds, 4)))
                print(f"{shape},{size},{seconds:.4f},{seconds / size * 1e6:.0f}", flush=True)
    return found


def main() -> None:
    """Print the lines, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url")
    parser.add_argument("--url")
    parser.add_argument("--most", type=int, default=10_000)
    parser.add_argument("--svg")
    parser.add_argument("--json", help="file of results")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = given.url or stack.enter_context(server(given.database_url)).url
        found: Any = asyncio.run(measure(url, given.most))
    keep(given.json, "scaling", found)
    if given.svg:
        Path(given.svg).write_text(plot("Seconds of one execution", "tasks, branches or items", "seconds", found))


if __name__ == "__main__":
    main()
