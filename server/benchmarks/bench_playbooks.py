"""What a playbook costs as an action, beside ``ansible-playbook`` by hand; and twenty at once.

    python server/benchmarks/bench_playbooks.py [--rounds 10] [--url http://...] [--json results.json]

The playbook has one task that does nothing, on one local host. Both ways take turns, so that whatever else the machine does meets both.
"""

# ruff: noqa: INP001, T201, S603 - a script that prints, and starts ansible-playbook

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from served import Client, keep, server

TOGETHER = 20
PLAY = [{"hosts": "all", "gather_facts": False, "tasks": [{"name": "nothing", "ansible.builtin.debug": {"msg": "x"}}]}]
INVENTORY = "one ansible_connection=local"
PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")


def by_hand(folder: str) -> float:
    """Seconds of one run from the command line."""
    began = time.perf_counter()
    subprocess.run([PLAYBOOK, "-i", f"{folder}/hosts", f"{folder}/play.json"], check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - began


def together_by_hand(folder: str) -> float:
    """Seconds of twenty runs, ten at a time as the server has them."""
    began = time.perf_counter()
    waiting, running = TOGETHER, list[subprocess.Popen[bytes]]()
    while waiting or running:
        while waiting and len(running) < 10:
            running.append(subprocess.Popen(
                [PLAYBOOK, "-i", f"{folder}/hosts", f"{folder}/play.json"], cwd=folder, stdout=subprocess.DEVNULL))
            waiting -= 1
        running[0].wait()
        running = [one for one in running if one.poll() is None]
    return time.perf_counter() - began


async def measure(url: str, rounds: int, folder: str) -> dict[str, float]:
    """Median milliseconds of one run both ways, and the seconds of twenty."""
    name = f"playbooks_{uuid4().hex[:8]}"
    task = {"action": "ansible.playbook", "input": {"playbook": PLAY, "inventory": INVENTORY}}
    async with Client(url) as client:
        await client.define(name, {"tasks": {"t": task}})
        await client.finish(name, {})
        pairs = [(await asyncio.to_thread(by_hand, folder), await client.finish(name, {})) for _ in range(rounds)]
        began = time.perf_counter()
        await asyncio.gather(*(client.start(name, {}) for _ in range(TOGETHER)))
        await client.settle(name)
        together = time.perf_counter() - began
        await client.check(name, rounds + 1 + TOGETHER, {})
    return {
        "by hand": round(1000 * statistics.median(one for one, _ in pairs)),
        "action": round(1000 * statistics.median(two for _, two in pairs)),
        "more": round(1000 * statistics.median(two - one for one, two in pairs)), "rounds": rounds,
        "seconds of 20": round(together, 1), "seconds of 20 by hand": round(await asyncio.to_thread(together_by_hand, folder), 1),
    }


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--url")
    parser.add_argument("--json", help="file of results")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder, "play.json").write_text(json.dumps(PLAY))
        Path(folder, "hosts").write_text(INVENTORY)
        url = given.url or stack.enter_context(server()).url
        found: dict[str, Any] = asyncio.run(measure(url, given.rounds, folder))
    for name, value in found.items():
        print(f"{name:<22} {value}", flush=True)
    keep(given.json, "playbooks", found)


if __name__ == "__main__":
    main()
