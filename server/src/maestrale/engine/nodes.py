"""Who this process is among its neighbours, and which of them are dead.

A neighbour is judged by whether its heartbeat *moved* during ``node_timeout`` on this process's own
monotonic clock, never by comparing clocks of two machines. One on the same host whose process is gone is
dead at once. After a gap in this process's own heartbeats (a database that was away, a suspended machine)
nobody is judged until the neighbours have had time to be heard of again. Reads /proc where there is one;
knows nothing of the database.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

LONGEST_GAP = 0.8
"""The part of ``node_timeout`` that may pass between two looks. Heartbeats may be half of it apart, and come late."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A process: ``host`` names the machine, its boot and its space of process ids."""

    id: str
    host: str
    pid: int
    process_started: str


def this_process(node_id: str) -> NodeIdentity:
    """The identity of the running process."""
    return NodeIdentity(id=node_id, host=host_identity(), pid=os.getpid(), process_started=process_start(os.getpid()) or "")


def host_identity() -> str:
    """Two processes with the same text here see each other's process ids."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)[:255]


def process_start(pid: int) -> str | None:
    """When a process started, in the kernel's own count; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _alive_without_proc(pid)
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else fields[19]


def _alive_without_proc(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


class Neighbour(Protocol):
    """A process that is known, as far as judging needs it."""

    @property
    def id(self) -> str:
        """Its identity."""

    @property
    def host(self) -> str:
        """See ``NodeIdentity``."""

    @property
    def pid(self) -> int:
        """Its process id on that host."""

    @property
    def process_started(self) -> str:
        """Tells it from a later process of the same pid."""

    @property
    def heartbeat_at(self) -> datetime:
        """By its own clock."""


@dataclass(slots=True)
class Watch:
    """What this process remembers of its neighbours' heartbeats. Times are monotonic seconds."""

    own: NodeIdentity
    node_timeout: float
    _seen: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    _last_look: float | None = None

    def dead(self, neighbours: Iterable[Neighbour], now: float) -> list[str]:
        """The ids of those that are dead, judged at ``now``."""
        gap = self._last_look is not None and now - self._last_look > self.node_timeout * LONGEST_GAP
        self._last_look = now
        found = []
        present = set()
        for one in neighbours:
            if one.id == self.own.id:
                continue
            present.add(one.id)
            seen = self._seen.get(one.id)
            if seen is None or seen[0] != one.heartbeat_at or gap:
                self._seen[one.id] = (one.heartbeat_at, now)
            elif now - seen[1] >= self.node_timeout:
                found.append(one.id)
                continue
            if self._gone(one):
                found.append(one.id)
        for forgotten in self._seen.keys() - present:
            del self._seen[forgotten]
        return found

    def _gone(self, one: Neighbour) -> bool:
        """Whether the neighbour lived on this host and its process is no more."""
        return one.host == self.own.host and process_start(one.pid) != one.process_started
