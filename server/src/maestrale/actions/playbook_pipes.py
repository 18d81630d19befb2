"""How a running playbook gets its secrets: through named pipes that are read once, and an agent that holds an SSH key.

Standard library only: the process that runs a playbook imports this.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

FOLDER = "pipes"
_AGENT_STARTS_WITHIN = 10.0


def offer(directory: Path, texts: Mapping[str, str]) -> None:
    """Make a pipe for each text, in the folder ``pipes``; whoever opens it first gets the text, and then it is gone."""
    if not texts:
        return
    folder = directory / FOLDER
    folder.mkdir(mode=0o700)
    for name, text in texts.items():
        path = folder / name
        os.mkfifo(path, 0o600)
        threading.Thread(target=_serve, args=(path, text.encode()), name=f"pipe {name}", daemon=True).start()


def _serve(path: Path, data: bytes) -> None:
    # opening waits for a reader, for ever if nobody comes
    with contextlib.suppress(OSError), path.open("wb") as pipe:
        path.unlink()
        pipe.write(data)


class Agent:
    """An ``ssh-agent`` of the run's own that holds one key."""

    def __init__(self, socket: str, key: str) -> None:
        """Raises RuntimeError where there is no agent or it doesn't take the key."""
        self._process = subprocess.Popen(  # noqa: S603 - the arguments are ours
            [_tool("ssh-agent"), "-D", "-a", socket], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _AGENT_STARTS_WITHIN
        while not Path(socket).is_socket() and time.monotonic() < deadline:
            time.sleep(0.01)
        said = subprocess.run(  # noqa: S603 - the same
            [_tool("ssh-add"), "-"], input=key, capture_output=True, text=True, env={**os.environ, "SSH_AUTH_SOCK": socket}, check=False,
        ).stderr
        # its exit status may have been taken by whoever buries the orphans of this process
        if "Identity added" not in said:
            self.stop()
            raise RuntimeError("ssh-agent doesn't take the SSH key; is it a private key without a passphrase, or is that missing?")
        os.environ["SSH_AUTH_SOCK"] = socket

    def stop(self) -> None:
        """End the agent, and forget the key with it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        self._process.wait()


def _tool(name: str) -> str:
    """Where a tool is. Raises RuntimeError where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed, so no SSH key can be used")
    return found
