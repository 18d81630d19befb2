"""A server of the checkout on a free port of loopback, with a database of its own, for the demonstration and for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

READY_WITHIN = 60.0
STOPPED_WITHIN = 60.0


class EngineError(Exception):
    """The server did not start; the text holds the end of its log."""


@dataclass(frozen=True)
class Engine:
    """A running server."""

    url: str
    log: Path


@contextlib.contextmanager
def running(venv: Path, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Engine]:
    """Start a server that keeps all its files in ``folder``; it is stopped at the end."""
    (folder / "playbooks").mkdir(parents=True, exist_ok=True)
    port = _free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "server.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MAESTRALE_", "OS_"))},
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "MAESTRALE_DATABASE_URL": f"sqlite:///{folder / 'maestrale.sqlite'}",
        "MAESTRALE_PLAYBOOKS__WORK_DIR": str(folder / "playbooks"),
        **(settings or {}),
    }
    command = [str(venv / "bin" / "maestrale"), "server", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_ready(process, url, log)
        yield Engine(url, log)
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EngineError(f"The server ended with {process.returncode} before it was ready:\n{_tail(log)}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310
            return
        time.sleep(0.1)
    raise EngineError(f"The server was not ready after {READY_WITHIN:.0f} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
