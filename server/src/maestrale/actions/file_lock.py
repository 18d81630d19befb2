"""Locks between processes, and between the coroutines of one: a file for each, which stays."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.5


@contextlib.asynccontextmanager
async def locked(path: Path, *, shared: bool = False) -> AsyncIterator[None]:
    """Hold the lock; waits for it without blocking the event loop. It ends with the process, however that ends."""
    descriptor = _opened(path)
    try:
        pause = _FIRST_PAUSE
        while not _got(descriptor, shared=shared):
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock if nobody does; whether it could be had."""
    descriptor = _opened(path)
    try:
        yield _got(descriptor, shared=False)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _got(descriptor: int, *, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
