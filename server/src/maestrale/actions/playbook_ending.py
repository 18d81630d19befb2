"""How a run is asked to end, and how it is made to. Standard library only: the process that runs a playbook imports this."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Protocol

from maestrale.actions import podman, process_tree


class Ending(Protocol):
    """What an overseer knows of how to end a run."""

    def ask(self) -> None:
        """Ask whatever has not been asked yet to end; called over and over during the grace."""

    def force(self) -> None:
        """End it all at once; called until the run is over."""


class OfProcesses:
    """A run on this machine: all processes below this one. ``spawned``: the one that somebody else waits for, if there is one."""

    def __init__(self, spawned: Callable[[], int | None]) -> None:
        self._spawned = spawned
        self._asked: set[int] = set()

    def ask(self) -> None:
        """SIGTERM to the children."""
        fresh = [pid for pid in process_tree.children(os.getpid()) if pid not in self._asked]
        process_tree.send(fresh, signal.SIGTERM)
        self._asked.update(fresh)

    def force(self) -> None:
        """SIGKILL to everything below."""
        process_tree.kill_descendants(spare=_known(self._spawned()))


class OfContainer:
    """A run in a container. Its own supervisor, which would kill it at once if it was asked, and what else podman starts are let be."""

    def __init__(self, name: str, spawned: Callable[[], int | None]) -> None:
        self._name = name
        self._spawned = spawned
        self._asked: set[int] = set()

    def ask(self) -> None:
        """SIGTERM to podman, which hands it on to what runs inside."""
        fresh = [pid for pid in _known(self._spawned()) if pid not in self._asked]
        process_tree.send(fresh, signal.SIGTERM)
        self._asked.update(fresh)

    def force(self) -> None:
        """Remove the container with all that runs in it, and podman."""
        podman.remove(self._name)
        process_tree.send(_known(self._spawned()), signal.SIGKILL)


def _known(pid: int | None) -> tuple[int, ...]:
    return () if pid is None else (pid,)
