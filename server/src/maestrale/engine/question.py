"""Something that the engine was asked, and whose answer comes with a decision.

It is waited for either in a thread of the caller's own, or in an event loop, which then needs no thread for each
request that waits. Whether it was answered is known from the future alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from maestrale.errors import DatabaseUnavailableError

T = TypeVar("T")

TOO_LATE = "No decision was made in time. It may still be made; ask for the state before trying again."


class _Bell:
    """Wakes an event loop once for all answers that come while it is busy, since a batch of decisions gives many together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._calls: deque[Callable[[], None]] = deque()
        self._is_ringing = False

    def ring(self, call: Callable[[], None]) -> None:
        """Have the loop make a call soon. From any thread."""
        self._calls.append(call)
        # what was added before this is asked is seen by whoever clears it; ringing twice does no harm
        if not self._is_ringing and not self.loop.is_closed():
            self._is_ringing = True
            self.loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._is_ringing = False
        while self._calls:
            self._calls.popleft()()


_local = threading.local()


def _bell_of(loop: asyncio.AbstractEventLoop) -> _Bell:
    """The bell of the loop that runs in this thread."""
    bell: _Bell | None = getattr(_local, "bell", None)
    if bell is None or bell.loop is not loop:
        bell = _local.bell = _Bell(loop)
    return bell


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """See the module. ``timeout`` is in seconds; after it both ways of waiting raise DatabaseUnavailableError."""

    future: Future[Any]
    timeout: float

    def wait(self) -> T:
        """The answer, holding the calling thread until it comes."""
        try:
            answer: T = self.future.result(self.timeout)
        except FutureTimeoutError:
            raise DatabaseUnavailableError(TOO_LATE) from None
        return answer

    def __await__(self) -> Generator[Any, None, T]:
        """The answer, in an event loop."""
        return self._arrival().__await__()

    async def _arrival(self) -> T:
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        bell = _bell_of(loop)

        def arrive() -> None:
            if not arrived.done():
                arrived.set_result(None)

        self.future.add_done_callback(lambda _: bell.ring(arrive))
        try:
            async with asyncio.timeout(self.timeout):
                await arrived
        except TimeoutError:
            raise DatabaseUnavailableError(TOO_LATE) from None
        answer: T = self.future.result()
        return answer
