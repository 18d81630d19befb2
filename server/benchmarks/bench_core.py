"""Figures of the core: microseconds a task of chains, joins, with-items and loops, without a database.

    python benchmarks/bench_core.py [--rounds 5]

Each line is a median over several rounds; the column to look at is the time a task, which must not grow with the size.
"""

# ruff: noqa: INP001, T201 - a script that prints

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "core"))

from world import World

Body = dict[str, Any]


def chain(n: int) -> Body:
    """Tasks one after another."""
    return {"tasks": {f"t{i}": {"action": "std.noop", **({"on-success": f"t{i + 1}"} if i < n else {})} for i in range(1, n + 1)}}


def fan(n: int) -> Body:
    """Branches into one join."""
    return {"tasks": {**{f"t{i}": {"on-success": "end"} for i in range(n - 1)}, "end": {"join": "all"}}}


def items(n: int) -> Body:
    """One task over n items."""
    return {"tasks": {"each": {"with-items": f"i in <% range({n}) %>", "action": "std.echo output=<% $.i %>"}}}


def publishing(n: int) -> Body:
    """A chain in which every task adds a variable."""
    tasks = chain(n)["tasks"]
    for i, body in enumerate(tasks.values()):
        body["publish"] = {f"v{i}": f"<% {i} %>"}
    return {"tasks": tasks}


def measure(body: Body, tasks: int, rounds: int) -> float:
    """Microseconds a task, median over the rounds."""
    world = World()
    world.define(json.dumps({"version": "2.0", "w": body}))
    world.start("w")
    spans = []
    for _ in range(rounds):
        began = time.perf_counter()
        ident = world.start("w")
        spans.append(time.perf_counter() - began)
        assert world.snapshots[ident].execution.state == "SUCCESS"
    return statistics.median(spans) * 1e6 / tasks


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    shapes: dict[str, Callable[[int], Body]] = {"chain": chain, "fan into a join": fan, "with-items": items, "publishing": publishing}
    print(f"{'shape':<18}" + "".join(f"{n:>12}" for n in (10, 100, 1000, 10_000)) + "   tasks; microseconds a task")
    for name, shape in shapes.items():
        print(f"{name:<18}" + "".join(f"{measure(shape(n), n, rounds):>12.1f}" for n in (10, 100, 1000, 10_000)), flush=True)


if __name__ == "__main__":
    main()
