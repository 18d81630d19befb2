"""make chaos: kill servers and databases while executions run, and count what is lost, stuck, wrong or done twice.

    python run.py [--database sqlite,sqlite-workers,postgresql,mariadb,own-postgresql] [--seconds 60]
                  [--executions 300] [--servers N] [--workers N] [--seed N]

Runs against each database that is reachable, one after the other. Status 1 if anything is not right.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from storm.audit import Audit, Figures, wait_for_the_end
from storm.databases import Database, Mariadb, OwnPostgresql, Postgresql, SharedSqlite, Sqlite, UnreachableError
from storm.load import Load
from storm.servers import Servers
from storm.shapes import definitions
from storm.sink import Sink
from storm.trouble import Trouble

KINDS = ("sqlite", "sqlite-workers", "postgresql", "mariadb", "own-postgresql")
SHOWN = 20
TRIGGERS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run against each database and print the figures."""
    given = parsed(arguments)
    folder = Path(given.folder or tempfile.mkdtemp(prefix="maestrale-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    say(f"seed {given.seed}, logs in {folder}")
    clean, ran = True, 0
    for kind in given.database.split(","):
        try:
            with database_of(kind, folder) as database:
                figures, made = storm(database, folder, given)
        except UnreachableError as reason:
            say(f"{kind}: left out, {reason}")
            continue
        ran += 1
        clean = clean and figures.is_clean
        _show(kind, figures, made)
    return 0 if clean and ran else 1


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="Kill servers and databases while executions run.")
    parser.add_argument("--database", default=",".join(KINDS), help="which, of %(default)s")
    parser.add_argument("--seconds", type=float, default=60, help="how long for each database, and then until all has ended")
    parser.add_argument("--executions", type=int, default=300, help="how many for each database, without sub-workflows")
    parser.add_argument("--servers", type=int, help="server processes; default 1 on SQLite, else 2 or 3")
    parser.add_argument("--workers", type=int, help="processes of each server; with more, single ones are killed too")
    parser.add_argument("--pause", type=float, help="average seconds between two troubles; default 4 with one server, else 2")
    parser.add_argument("--patience", type=float, default=90, help="seconds after which what has not ended counts as stuck")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="makes the choices repeatable")
    parser.add_argument("--folder", help="for logs and SQLite files")
    return parser.parse_args(arguments)


def database_of(kind: str, folder: Path) -> Database:
    """A database of that kind, to be entered."""
    if kind in {Sqlite.name, SharedSqlite.name}:
        return Sqlite(folder) if kind == Sqlite.name else SharedSqlite(folder)
    if kind == "own-postgresql":
        return OwnPostgresql()
    return {"postgresql": Postgresql, "mariadb": Mariadb}[kind]()


def storm(database: Database, folder: Path, given: argparse.Namespace) -> tuple[Figures, Counter[str]]:
    """One database: load and trouble together, then the audit."""
    count = given.servers or database.servers
    logs = folder / database.name
    logs.mkdir(exist_ok=True)
    with Sink() as sink, Servers(database.url, count, logs, workers=given.workers or database.workers) as servers:
        client = servers.client(given.seed)
        reply = client.ask("POST", "/v2/workflows", definitions())
        if reply.status != 201:
            raise RuntimeError(f"the workflows were refused: {reply.body}")
        load = Load(client, sink, given.seed)
        trouble = Trouble(servers, database, given.pause or (4 if count == 1 else 2), given.seed)
        begin = time.monotonic()
        load.create_triggers(TRIGGERS)
        load.begin()
        trouble.begin()
        load.start_all(given.executions, given.seconds * 0.8)
        time.sleep(max(0.0, begin + given.seconds - time.monotonic()))
        trouble.end()
        load.delete_triggers()
        wait_for_the_end(client, given.patience)
        load.end()
        figures = Audit(client, sink, load).run()
        made = trouble.made
        made["requests at the sink"] = sink.total()
        made["requests answered 503"] = client.refused
        made["of these without Retry-After"] = client.without_retry_after
        slowest = max(seconds for server in servers.all for seconds in server.up_after)
        made["slowest start of a server in ms"] = round(1000 * slowest)
        return figures, made


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _show(kind: str, figures: Figures, made: Counter[str]) -> None:
    say(f"\n{kind}")
    for name, number in made.items():
        say(f"  {name}: {number}")
    say(f"  executions: {figures.executions}, sub-workflows: {figures.children}, started by cron: {figures.fired}")
    say(f"  by state: {dict(figures.ended)}")
    say(f"  lost: {figures.lost}, stuck: {figures.stuck}, wrong: {figures.wrong}, double: {figures.double}")
    for line in figures.lines[:SHOWN]:
        say(f"    {line}")
    if len(figures.lines) > SHOWN:
        say(f"    and {len(figures.lines) - SHOWN} more")


if __name__ == "__main__":
    sys.exit(main())
