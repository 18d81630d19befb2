"""Server processes: started, killed, frozen and started again, each with a port of its own that it keeps."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from storm.client import Client, NoReplyError

QUICK = {
    "MAESTRALE_HTTP_DENIED_CIDRS": "[]",
    "MAESTRALE_ENGINE__NODE_HEARTBEAT": "1",
    "MAESTRALE_ENGINE__NODE_TIMEOUT": "4",
    "MAESTRALE_ENGINE__RETRY_DELAY_MAX": "2",
    "MAESTRALE_DATABASE__CONNECT_TIMEOUT": "2",
    "MAESTRALE_DATABASE__POOL_SIZE": "6",
    "MAESTRALE_DATABASE__MAX_OVERFLOW": "4",
    "MAESTRALE_LOG_FORMAT": "json",
    "MAESTRALE_LOG_LEVEL": "info",
}
"""Options of servers that are killed all the time: a dead neighbour is noticed within seconds."""


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Server:
    """One server process. Its log goes to ``log``, over all its lives."""

    def __init__(self, database_url: str, log: Path, *, options: Mapping[str, str] | None = None, workers: int = 1) -> None:
        self.port = free_port()
        self.log = log
        self._command = [
            sys.executable, "-m", "maestrale.cli", "server", "--port", str(self.port), "--database-url", database_url,
            "--workers", str(workers),
        ]
        self._environment = {**os.environ, **QUICK, **(options or {})}
        self._client = Client(lambda: [self.port], timeout=2.0)
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.up_after: list[float] = []

    def start(self) -> None:
        """Start it; returns at once."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def is_up(self) -> bool:
        """Whether it answers and has its database."""
        try:
            return self._client.once("GET", "/v2/executions?limit=1").status == 200
        except NoReplyError:
            return False

    def wait_until_up(self, patience: float = 180.0) -> float:
        """Wait at most ``patience`` seconds; seconds from its start until it answered. Raises TimeoutError."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not self.is_running:
                raise TimeoutError(f"the server ended with status {self.process.returncode if self.process else None}: {self.log}")
            if self.is_up():
                self.up_after.append(time.monotonic() - self.started_at)
                return self.up_after[-1]
            time.sleep(0.05)
        raise TimeoutError(f"the server isn't up after {patience} seconds: {self.log}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process; what it started has to notice by itself."""
        if self.is_running and self.process is not None:
            self.process.send_signal(number)

    def workers(self) -> list[int]:
        """The process ids of its workers; none if it serves by itself."""
        if not self.is_running or self.process is None:
            return []
        lists = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(one) for path in lists for one in path.read_text(encoding="ascii").split()]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def clear(self) -> None:
        """Kill it, and whatever is left of its process group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self, patience: float = 60.0) -> int:
        """SIGTERM, and wait; its exit status. Raises TimeoutExpired."""
        assert self.process is not None
        if self.is_running:
            self.process.terminate()
        return self.process.wait(patience)

    def resident_kb(self) -> int:
        """Its resident memory."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def peak_kb(self) -> int:
        """The most that its resident memory has been."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Servers:
    """Several servers on one database. A context manager that leaves no process behind."""

    def __init__(
        self, database_url: str, count: int, folder: Path, *, options: Mapping[str, str] | None = None, workers: int = 1,
    ) -> None:
        self.all = [Server(database_url, folder / f"server-{number}.log", options=options, workers=workers) for number in range(count)]

    def __enter__(self) -> Self:
        try:
            for server in self.all:
                server.start()
                server.wait_until_up()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill all."""
        for server in self.all:
            server.clear()

    def ports(self) -> Sequence[int]:
        """Where they listen, or will when they are up again."""
        return [server.port for server in self.all if server.is_running] or [server.port for server in self.all]

    def client(self, seed: int = 0, timeout: float = 20.0) -> Client:
        """A client that asks any of them."""
        return Client(self.ports, seed, timeout)
