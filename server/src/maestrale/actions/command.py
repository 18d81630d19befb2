"""Running a program from a coroutine: with a given environment only, with a time limit, and with nothing left when it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Output:
    """What a program came to. ``text`` is its standard output, ``errors`` its standard error."""

    status: int
    text: str
    errors: str


async def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, seconds: float,
) -> Output:
    """Run a program in a folder until it ends. Raises TimeoutError after ``seconds``; its whole process group is killed then."""
    process = await asyncio.create_subprocess_exec(
        *arguments, env=dict(environment), cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True)
    try:
        async with asyncio.timeout(seconds):
            out, errors = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())
        raise
    return Output(process.returncode or 0, out.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))
