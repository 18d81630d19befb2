"""A service of OpenStack that runs from an environment of its own, for as long as a test wants it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
from outside import PATIENCE, leave_out


def free_address() -> str:
    """``host:port`` that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def prepare(name: str, command: Sequence[str | Path]) -> None:
    """Run a command that a service needs before it starts; leaves the tests out if it fails."""
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE, env=_quiet())
    if made.returncode:
        leave_out(name, f"it can't be prepared: {made.stderr.strip()[-200:]}")


class InstalledService:
    """A process that answers HTTP at ``address``; its output is in ``folder``."""

    def __init__(
        self, name: str, command: Sequence[str | Path], address: str, folder: Path, environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = folder / "output.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env={**_quiet(), **(environment or {})}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait(name, address)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def _wait(self, name: str, address: str) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://{address}/", trust_env=False, timeout=PATIENCE)
                return
            time.sleep(0.05)
        self._process.kill()
        leave_out(name, f"it does not answer: {self._log.read_text(errors='replace').strip()[-200:]}")


def _quiet() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore"}
