"""What more processes bring: executions and tasks a second with 1, 2 and 4 of them, as a Markdown table.

    python server/benchmarks/bench_processes.py [--processes 1,2,4] [--databases postgresql,mariadb] [--executions N] [--rounds N]

Two kinds of work, five tasks in a row each: *waiting* asks a web server that answers after 0.1 seconds, *computing* evaluates
YAQL expressions over some thousand values. For each line of the table a database is created and dropped again, on the servers that
``MAESTRALE_TEST_POSTGRESQL_URL`` and ``MAESTRALE_TEST_MARIADB_URL`` name, and ``maestrale server --workers N`` is started on it. The
clock runs from the first start until nothing is unfinished; every execution is checked, and so is the number of requests at the web
server. The best of the rounds counts. Clients, servers, database and web server share the machine: run it on an otherwise idle one.
"""

# ruff: noqa: INP001, T201, S603 - a script that prints and starts the servers under test

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from served import Client, machine, server
from sqlalchemy import create_engine, make_url, text

TASKS = 5
DELAY = 0.1
SINK_HOST = "127.0.0.2"
EXPRESSION = "range({n}).select($ * $ mod 1009).where($ mod 3 = 0).orderBy($).distinct().sum()"
SERVERS = {
    "postgresql": ("MAESTRALE_TEST_POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": ("MAESTRALE_TEST_MARIADB_URL", "mysql+pymysql://root@127.0.0.1:3306/"),
}
ENVIRONMENT = {"MAESTRALE_ACTIONS__HTTP_CONNECTIONS": "1000"}


@dataclass(frozen=True)
class Work:
    """A kind of work: its workflow's tasks, and how many executions make one round, by default."""

    title: str
    action: str
    executions: int
    asks: bool = False

    def workflow(self) -> dict[str, Any]:
        """The definition's body."""
        tasks: dict[str, Any] = {}
        for number in range(TASKS):
            following = {"on-success": f"t{number + 1}"} if number < TASKS - 1 else {}
            tasks[f"t{number}"] = {"action": self.action, **following}
        return {"tasks": tasks}


def kinds(sink: str) -> tuple[Work, ...]:
    """What is measured."""
    return (
        Work("waiting", f"std.http url='{sink}/' method='POST'", 200, asks=True),
        Work("computing", f"std.echo output=<% {EXPRESSION.format(n=4000)} %>", 100),
    )


# ---- the web server, a process of its own


async def _serve_sink() -> None:
    count = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(lengths[0]) if lengths else 0)
                if head.startswith(b"POST"):
                    count += 1
                    await asyncio.sleep(DELAY)
                body = b'{"count": %d}' % count
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, SINK_HOST, 0, backlog=2048)
    print(listening.sockets[0].getsockname()[1], flush=True)
    async with listening:
        await listening.serve_forever()


@contextlib.contextmanager
def sink() -> Iterator[str]:
    """Its address, as long as the block."""
    process = subprocess.Popen([sys.executable, __file__, "--sink"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://{SINK_HOST}:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait(10)


# ---- databases


def _ask(url: Any, statement: str) -> Any:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            result = conn.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


def _server_of(kind: str) -> Any:
    variable, default = SERVERS[kind]
    return make_url(os.environ.get(variable, default)).set(drivername=make_url(default).drivername)


@contextlib.contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of a new database, dropped at the end."""
    url, name = _server_of(kind), f"maestrale_bench_{uuid4().hex[:10]}"
    _ask(url, f"CREATE DATABASE {name}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _ask(url, f"DROP DATABASE {name}{' WITH (FORCE)' if kind == 'postgresql' else ''}")


# ---- measuring


async def measure(client: Client, work: Work, count: int, sink_url: str) -> float:
    """Executions a second in one round."""
    name = f"{work.title}_{uuid4().hex[:8]}"
    await client.define(name, work.workflow())
    before = _requests(sink_url)
    began = time.perf_counter()
    await asyncio.gather(*(client.start(name, {}) for _ in range(count)))
    await client.settle(name)
    seconds = time.perf_counter() - began
    await client.check(name, count, {})
    if work.asks and _requests(sink_url) - before != count * TASKS:
        raise SystemExit(f"{name}: not one request for each task")
    return count / seconds


async def rounds(address: str, given: argparse.Namespace, sink_url: str) -> dict[str, float]:
    """The best of the rounds, by kind of work, after one to warm up."""
    best: dict[str, float] = {}
    async with Client(address) as client:
        for work in kinds(sink_url):
            count = given.executions or work.executions
            await measure(client, work, max(8, count // 10), sink_url)
            best[work.title] = max([await measure(client, work, count, sink_url) for _ in range(given.rounds)])
    return best


def with_processes(kind: str, processes: int, given: argparse.Namespace, sink_url: str) -> dict[str, float]:
    """Executions a second by kind of work, with that many processes."""
    with database(kind) as url, server(url, processes) as served:
        while _ask(_driver(kind, url), "SELECT COUNT(*) FROM nodes") < processes:
            time.sleep(0.1)
        return asyncio.run(rounds(served.url, given, sink_url))


def _driver(kind: str, url: str) -> Any:
    return make_url(url).set(drivername=make_url(SERVERS[kind][1]).drivername)


def _requests(sink_url: str) -> int:
    number: int = httpx.get(sink_url).json()["count"]
    return number


def conditions(databases: list[str]) -> str:
    """The machine and the versions, in one line."""
    versions = [f"{kind} {str(_ask(_server_of(kind), 'SELECT version()')).removeprefix('PostgreSQL ').split()[0]}" for kind in databases]
    busy = os.getloadavg()[0]
    return (f"{machine()}, {', '.join(versions)}; "
            f"load average before the run {busy:.1f} ({'an idle' if busy < 0.5 else 'a BUSY'} machine)")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", default="1,2,4")
    parser.add_argument("--databases", default="postgresql,mariadb")
    parser.add_argument("--executions", type=int, help="of each round; default 200 of waiting, 100 of computing")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts")
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.sink:
        asyncio.run(_serve_sink())
        return
    os.environ.update(ENVIRONMENT)
    databases, counts = given.databases.split(","), [int(one) for one in given.processes.split(",")]
    print(conditions(databases), flush=True)
    print("\n| database | processes | work | executions/s | tasks/s | to the first |\n| --- | ---: | --- | ---: | ---: | ---: |")
    with sink() as sink_url:
        for kind in databases:
            first: dict[str, float] = {}
            for processes in counts:
                for title, rate in with_processes(kind, processes, given, sink_url).items():
                    compared = rate / first.setdefault(title, rate)
                    line = (kind, processes, title, f"{rate:.1f}", f"{rate * TASKS:.0f}", f"{compared:.2f}")
                    print(f"| {' | '.join(map(str, line))} |", flush=True)


if __name__ == "__main__":
    main()
