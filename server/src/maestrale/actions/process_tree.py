"""The processes below this one, as Linux shows them in ``/proc``: finding them all, and ending them all.

A *subreaper* inherits the orphans of its descendants, so nothing that was started below it can slip away by letting its
parent die. Standard library only: the process that runs a playbook imports this.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_POLL = 0.02


def become_subreaper() -> None:
    """Inherit orphaned descendants from now on. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this process could not be made a subreaper")


def _stat(pid: int) -> tuple[int, str] | None:
    """Parent and state letter of a process, None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text.rpartition(b")")[2].split()
    return int(fields[1]), fields[0].decode()


def _pids() -> Iterable[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - names are wanted


def descendants(root: int) -> list[int]:
    """All living processes below ``root``, parents first; zombies don't count."""
    children: dict[int, list[int]] = defaultdict(list)
    zombies = set()
    for pid in _pids():
        stat = _stat(pid)
        if stat is not None:
            children[stat[0]].append(pid)
            if stat[1] in "ZX":
                zombies.add(pid)
    found = []
    pending = list(children[root])
    while pending:
        pid = pending.pop(0)
        if pid not in zombies:
            found.append(pid)
        pending.extend(children[pid])
    return found


def children(root: int) -> list[int]:
    """The living processes directly below ``root``."""
    return [pid for pid in _pids() if (stat := _stat(pid)) is not None and stat[0] == root and stat[1] not in "ZX"]


def reap(*, spare: Collection[int] = ()) -> None:
    """Bury dead children, except ``spare``, for whom somebody else waits; what died after one of those has to wait too."""
    with contextlib.suppress(ChildProcessError):
        while dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if dead.si_pid in spare:
                return
            os.waitpid(dead.si_pid, 0)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal processes, those that are gone excepted."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_descendants(*, spare: Collection[int] = (), limit: float = 10.0) -> list[int]:
    """Kill everything below this process, again and again until nothing is left; returns what outlived ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while left := descendants(os.getpid()):
        send(left, signal.SIGKILL)
        reap(spare=spare)
        if time.monotonic() > deadline:
            return left
        time.sleep(_POLL)
    reap(spare=spare)
    return []


def wait_for_descendants(seconds: float, *, spare: Collection[int] = ()) -> bool:
    """Wait until nothing lives below this process; whether that came true in time."""
    deadline = time.monotonic() + seconds
    while descendants(os.getpid()):
        if time.monotonic() > deadline:
            return False
        reap(spare=spare)
        time.sleep(_POLL)
    return True


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    stat = _stat(pid)
    return stat is not None and stat[1] not in "ZX"


def marked(variable: str, value: str) -> list[int]:
    """The processes of this user whose environment has ``variable=value``, wherever they are."""
    sought = f"{variable}={value}".encode()
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if sought in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def kill_marked(variable: str, value: str, *, limit: float = 5.0) -> None:
    """Kill the processes marked so, until none is left or ``limit`` seconds are over."""
    deadline = time.monotonic() + limit
    while (left := [pid for pid in marked(variable, value) if pid != os.getpid()]) and time.monotonic() < deadline:
        send(left, signal.SIGKILL)
        time.sleep(_POLL)


def command_lines(pids: Iterable[int]) -> dict[int, str]:
    """The command line of each process that can be read."""
    lines = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            lines[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return lines
