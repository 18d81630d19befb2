"""Figures of a whole server over HTTP, alone or beside another one that speaks the same API.

    python server/benchmarks/bench_server.py [--database-url URL] [--workers N]           starts a server of its own
    python server/benchmarks/bench_server.py --url http://... [--vs http://...]           measures what runs already
    ... [--only start,join100] [--scale 0.5] [--vs-scale 0.25] [--token T] [--json results.json]

Eight requests at once; the clock runs from the first start until no execution is listed as unfinished, and every
execution is checked afterwards. With ``--vs`` both servers take turns, workload by workload, and the ratio is shown beside
the one that is aimed at, and where there is a request for each task the ratio that a server would reach that answers at once without doing
anything (``canned.py``): more can't be measured with this client on this machine. std.http calls a server inside this program on
127.0.0.2, which the server under test must be allowed
to call. Run it on an otherwise idle machine.
"""

# ruff: noqa: INP001, T201 - a script that prints

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from served import Client, keep, server
from workloads import BESIDE, CHILD, SINGLE, WORKLOADS, Workload, child

CANNED = Path(__file__).with_name("canned.py")
REPLY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"ok": true}'


class Answering(asyncio.Protocol):
    """A connection of the HTTP server that actions call; requests have no body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connects."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        *requests, self.received = (self.received + data).split(b"\r\n\r\n")
        self.transport.write(REPLY * len(requests))


async def measure(client: Client, workload: Workload, scale: float, address: str) -> dict[str, float]:
    """Run a workload: executions, seconds, tasks a second; for the latency of one also milliseconds.

    ``client`` is the share of the time, in percent, in which this program computed itself.
    """
    name = f"{workload.name}_{uuid4().hex[:8]}"
    given = {**workload.input, **({"base": address} if workload.calls else {})}
    count = max(2, round(workload.executions * scale))

    async def run() -> None:
        execution_id = await client.start(name, given)
        if workload.answered:
            await client.complete(execution_id, workload.tasks)

    await client.define(name, workload.body)
    await run()
    await client.settle(name)
    began, computed = time.perf_counter(), time.process_time()
    latencies = []
    if workload is SINGLE:
        latencies = [await client.finish(name, given) for _ in range(count)]
    else:
        await asyncio.gather(*(run() for _ in range(count)))
        await client.settle(name)
    seconds, computed = time.perf_counter() - began, time.process_time() - computed
    await client.check(name, count + 1, workload.expected)
    figures = {
        "executions": count, "seconds": round(seconds, 3), "rate": round(count * workload.tasks / seconds, 1),
        "client": round(100 * computed / seconds),
    }
    return figures | ({"ms": round(1000 * statistics.median(latencies), 2)} if latencies else {})


def ratio(mine: dict[str, float], other: dict[str, float]) -> float:
    """How many times better: shorter in latency, else more a second."""
    return round(other["ms"] / mine["ms"] if "ms" in mine else mine["rate"] / other["rate"], 1)


async def compare(url: str, vs: str | None, given: argparse.Namespace) -> dict[str, Any]:
    """Measure all workloads and print a line for each."""
    chosen = given.only.split(",") if given.only else None
    results: dict[str, Any] = {}
    async with contextlib.AsyncExitStack() as stack:
        calls = await asyncio.get_running_loop().create_server(Answering, "127.0.0.2", 0)
        stack.callback(calls.close)
        address = f"http://127.0.0.2:{calls.sockets[0].getsockname()[1]}"
        clients = [await stack.enter_async_context(Client(one, given.token)) for one in (url, vs) if one]
        for client in clients:
            with contextlib.suppress(SystemExit):  # it is there from a run before
                await client.define(CHILD, child())
        print(f"{'workload':<13}{'executions':>11}{'seconds':>9}{'tasks/s':>9}{'ms':>8}{'other':>9}{'ratio':>8}{'aim':>6}{'most':>8}")
        for workload in (SINGLE, *WORKLOADS):
            if chosen is not None and workload.name not in chosen:
                continue
            mine: dict[str, Any] = await measure(clients[0], workload, given.scale, address)
            if vs:
                other = await measure(clients[1], workload, given.vs_scale, address)
                mine |= {"other": other, "ratio": ratio(mine, other), "bar": workload.bar}
                if workload.by_request:
                    mine["most"] = ratio(await _at_most(workload, given.scale), other)
            results[workload.name] = mine
            compared = mine.get("other", {}).get("ms" if "ms" in mine else "rate", "")
            print(
                f"{workload.name:<13}{mine['executions']:>11}{mine['seconds']:>9.3f}{mine['rate']:>9.0f}{mine.get('ms', ''):>8}"
                f"{compared:>9}{mine.get('ratio', ''):>8}{mine.get('bar', ''):>6}{mine.get('most', ''):>8}", flush=True)
    return results


async def _at_most(workload: Workload, scale: float) -> dict[str, float]:
    """What the client reaches against a server in another process that answers with canned bytes."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(CANNED), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with Client((await process.stdout.readline()).decode().strip()) as client:
            return await measure(client, workload, scale, "")
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--url")
    parser.add_argument("--vs")
    parser.add_argument("--token")
    parser.add_argument("--only", help=", ".join(one.name for one in (SINGLE, *WORKLOADS)))
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of executions")
    parser.add_argument("--vs-scale", type=float, default=0.25, help="the same for the other server")
    parser.add_argument("--json", help="file of results")
    parser.add_argument("--name", default="server", help="under which they stand there, e.g. postgresql")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = given.url or stack.enter_context(server(given.database_url, given.workers)).url
        keep(given.json, f"{given.name}{BESIDE if given.vs else ''}", asyncio.run(compare(url, given.vs, given)))


if __name__ == "__main__":
    main()
