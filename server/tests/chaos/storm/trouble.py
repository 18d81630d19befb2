"""Trouble: servers are killed, frozen and ended in order, connections are cut, the database is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from storm.databases import Database, Sqlite
from storm.servers import Server, Servers


@dataclass
class Trouble:
    """A thread that makes trouble about every ``pause`` seconds until ``end``, after which all servers are up again.

    The first trouble is a kill.
    """

    servers: Servers
    database: Database
    pause: float
    seed: int
    made: Counter[str] = field(default_factory=Counter)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    failure: BaseException | None = None

    def begin(self) -> None:
        """Start."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop, with every server up. Raises what went wrong."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        for server in self.servers.all:
            if not server.is_up():
                server.wait_until_up()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        chosen = random.Random(self.seed)
        kinds: list[tuple[Callable[[random.Random], None], int]] = [(self._kill_one, 10), (self._kill_all, 2), (self._end_one, 1)]
        if any(server.workers() for server in self.servers.all):
            kinds.append((self._kill_worker, 10))
        if len(self.servers.all) > 1:
            kinds.append((self._freeze_one, 2))
        if not isinstance(self.database, Sqlite):
            kinds.append((self._cut, 5))
        if self.database.can_be_killed():
            kinds.append((self._kill_database, 6))
        try:
            make: Callable[[random.Random], None] = self._kill_one
            while not self._stopping.wait(chosen.expovariate(1 / self.pause)):
                make(chosen)
                make = chosen.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        except Exception as error:  # noqa: BLE001 - handed on by end()
            self.failure = error
        for server in self.servers.all:
            server.signal(signal.SIGCONT)

    def _kill_one(self, chosen: random.Random) -> None:
        self._restart([chosen.choice(self.servers.all)], chosen)

    def _kill_worker(self, chosen: random.Random) -> None:
        """One process of a server; its parent has to start another one."""
        workers = chosen.choice(self.servers.all).workers()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chosen.choice(workers), signal.SIGKILL)
                self.made["workers killed"] += 1

    def _kill_all(self, chosen: random.Random) -> None:
        self._restart(self.servers.all, chosen)

    def _restart(self, servers: list[Server], chosen: random.Random) -> None:
        for server in servers:
            server.kill()
            self.made["servers killed"] += 1
        time.sleep(chosen.uniform(0, 1.5))
        for server in servers:
            self._start(server)

    def _start(self, server: Server) -> None:
        """Start it and wait until it is up if it is the only one. Others may be killed while they start."""
        server.start()
        if len(self.servers.all) == 1:
            server.wait_until_up()

    def _end_one(self, chosen: random.Random) -> None:
        server = chosen.choice(self.servers.all)
        server.stop()
        self.made["servers ended by SIGTERM"] += 1
        self._start(server)

    def _freeze_one(self, chosen: random.Random) -> None:
        """Long enough to be taken for dead by the others, or not quite."""
        server = chosen.choice(self.servers.all)
        server.signal(signal.SIGSTOP)
        self.made["servers frozen"] += 1
        time.sleep(chosen.uniform(2, 8))
        server.signal(signal.SIGCONT)

    def _cut(self, chosen: random.Random) -> None:
        self.made["connections cut"] += self.database.cut(chosen.randint(1, 6))

    def _kill_database(self, chosen: random.Random) -> None:
        self.database.kill()
        self.made["databases killed"] += 1
        time.sleep(chosen.uniform(0, 4))
        self.database.start()
